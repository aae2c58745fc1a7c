"""`spm.task` as tasks see it."""

import math
from typing import Any, Final

from . import codec, manager
from .host import HOST


class Task:
    """The running task."""

    __slots__ = ()

    @property
    def index(self) -> int:
        """The task's position in its run."""
        return HOST.index()

    @property
    def attempt(self) -> int:
        """Which attempt at the task this is, from 1: a task is tried again if its host is lost."""
        return HOST.attempt()

    @property
    def seed(self) -> int:
        """A number of 63 bits that is the same whenever this task runs, for random generators."""
        return HOST.seed()

    @property
    def bound(self) -> float:
        """The least value that any task of the `spm.Template` has found; infinity at first."""
        return HOST.bound() if manager.is_of(manager.TEMPLATE) else math.inf

    def improve(self, value: float) -> None:
        """Tell all tasks of a value. It has no effect unless it is less than `bound`."""
        value = float(value)
        if manager.is_of(manager.TEMPLATE):
            HOST.improve(value)

    def spawn(self, *arguments: Any, priority: float = 0.0) -> None:
        """Make a task of these arguments, which counts once this one has returned."""
        priority = float(priority)
        if not manager.is_of(manager.TEMPLATE):
            raise RuntimeError("only tasks of an spm.Template may spawn tasks")
        row = codec.encode(list(arguments), manager.RUNNING.table, "the arguments to spawn")
        HOST.spawn(row, priority)

    def __repr__(self) -> str:
        """Show what a debugger wants to see."""
        return f"<spm.task index={self.index} attempt={self.attempt} seed={self.seed}>"


TASK: Final = Task()
