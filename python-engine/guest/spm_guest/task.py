"""What the host tells the running task, and does for it. Under plain CPython: one task, no host."""

from collections.abc import Callable
from typing import Final


class Host:
    """The host's functions; `component` sets those of the world."""

    __slots__ = ("attempt", "index", "print", "seed", "sleep")

    index: Callable[[], int]
    attempt: Callable[[], int]
    seed: Callable[[], int]
    sleep: Callable[[int], None]
    print: Callable[[bytes], None]


HOST: Final = Host()


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

    def __repr__(self) -> str:
        """Show what a debugger wants to see."""
        return f"<spm.task index={self.index} attempt={self.attempt} seed={self.seed}>"


TASK: Final = Task()
