"""What a task knows of itself, and what the submitter knows of a task."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from . import _spm

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


_PLAIN_CALL = _Current(0, 1, _spm.seed_of(0))
_current: ContextVar[_Current] = ContextVar("spm_task", default=_PLAIN_CALL)


class Task:
    """The running task. In a plain call, outside any pool, it is the first attempt at task 0."""

    __slots__ = ()

    __spm_member__: ClassVar = "spm.task"
    """What tasks call it."""

    @property
    def index(self) -> int:
        """The task's position in its run."""
        return _current.get().index

    @property
    def attempt(self) -> int:
        """Which attempt at the task this is, from 1: a task is tried again if its host is lost."""
        return _current.get().attempt

    @property
    def seed(self) -> int:
        """A number of 63 bits that is the same whenever this task runs, for random generators."""
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
