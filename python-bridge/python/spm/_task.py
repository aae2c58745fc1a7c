"""What a task knows of itself, and what the submitter knows of a task."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator


class Frame(NamedTuple):
    """One frame of a task's traceback. Columns count UTF-8 bytes from 0, as `co_positions` does."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    function: str
    source: str


@dataclass(frozen=True, slots=True)
class TaskInfo:
    """Which task it was, where it ran, and what became of it."""

    index: int
    host: str | None = None
    attempts: int = 1
    engine: str | None = None
    frames: tuple[Frame, ...] = ()
    """Outermost first, as Python prints them."""
    outcome: str | None = None
    """`returned`, `raised`, `trapped`, `out of fuel`, `out of memory`, `host fault`, `refused`,
    `deadline`, `cancelled` or `host lost`; None while the task runs."""


@dataclass(frozen=True, slots=True)
class _Current:
    index: int
    attempt: int
    seed: int


_PLAIN_CALL = _Current(0, 0, 0)
_current: ContextVar[_Current] = ContextVar("spm_task", default=_PLAIN_CALL)


class Task:
    """The running task. In a plain call, outside any pool, it is task 0."""

    __slots__ = ()

    @property
    def index(self) -> int:
        """The task's position in its run."""
        return _current.get().index

    @property
    def attempt(self) -> int:
        """How often the task was tried before, on hosts that were lost."""
        return _current.get().attempt

    @property
    def seed(self) -> int:
        """A number that is the same whenever this task runs, for random generators."""
        return _current.get().seed

    def __repr__(self) -> str:
        """Show what a debugger wants to see."""
        return f"<spm.task index={self.index} attempt={self.attempt} seed={self.seed}>"


task = Task()


@contextmanager
def running(index: int, attempt: int, seed: int) -> Iterator[None]:
    """Make `spm.task` this task while plain Python runs it."""
    token = _current.set(_Current(index, attempt, seed))
    try:
        yield
    finally:
        _current.reset(token)
