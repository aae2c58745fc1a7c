"""What a task knows of itself, and what the submitter knows of a task."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from . import _spm
from ._channel import Carrier, Channel
from ._ranks import Endpoint

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


class Current:
    """The running task, and its end of the manager that runs it."""

    __slots__ = ("_endpoint", "attempt", "channel", "index", "seed")

    def __init__(self, index: int, attempt: int, seed: int, channel: Channel | None = None) -> None:
        self.index = index
        self.attempt = attempt
        self.seed = seed
        self.channel = Channel() if channel is None else channel
        self._endpoint: Endpoint | None = None

    def endpoint(self) -> Endpoint:
        """The messages of this rank."""
        if self._endpoint is None:
            self._endpoint = Endpoint(Carrier(self.channel))
        return self._endpoint


_PLAIN_CALL = Current(0, 1, _spm.seed_of(0))
_current: ContextVar[Current] = ContextVar("spm_task", default=_PLAIN_CALL)


def current() -> Current:
    """Find the running task."""
    return _current.get()


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

    @property
    def bound(self) -> float:
        """The least value that a task of this `Template` has given to `improve`; infinity at first."""
        return _current.get().channel.bound()

    def improve(self, value: float) -> None:
        """Tell all tasks of this `Template` of a value, which is their bound if it is less."""
        _current.get().channel.improve(value)

    def spawn(self, *args: Any, priority: float = 0.0) -> None:
        """Make a task of this `Template`: a call of its function. It counts once this one returns.

        Tasks of a higher priority run first. Raises RuntimeError outside a `Template`.
        """
        _current.get().channel.spawn(args, priority)

    def __repr__(self) -> str:
        """Show what a debugger wants to see."""
        return f"<spm.task index={self.index} attempt={self.attempt} seed={self.seed}>"


task = Task()


@contextmanager
def running(index: int, attempt: int, seed: int, channel: Channel | None = None) -> Iterator[None]:
    """Make `spm.task` this task while plain Python runs it."""
    token = _current.set(Current(index, attempt, seed, channel))
    try:
        yield
    finally:
        _current.reset(token)
