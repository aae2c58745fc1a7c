"""What decides in a task manager: state machines, without clock, chance, or anything to wait for.

`_drive.py` carries out what a machine decides. A machine hands out jobs, and hears once of each how
it ended: by `returned`, `failed`, `skipped`, `again` or `lost`.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from ._backend import Job

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ._backend import Raw
    from ._errors import TaskError

_HELD_MAX: Final = 1 << 16
"""Results that wait for an earlier one; with more of them no further task is begun."""

_NOTHING: Final = object()


class Failure:
    """A failure in the place of a result, to be raised when its turn comes."""

    __slots__ = ("error",)

    def __init__(self, error: TaskError) -> None:
        self.error = error


class Machine:
    """What all machines have."""

    total: int | None = None
    """How many tasks there will be, once that is known."""

    def __init__(self) -> None:
        self.running: dict[int, Job] = {}
        """Jobs that were handed out and have not ended, by their indices."""
        self.submitted = 0
        """How many tasks were handed out; one that is run again counts once."""
        self.out: deque[Any] = deque()
        """Results that were let out, and failures among them."""

    def jobs(self, room: int) -> list[Job]:
        """Hand out at most `room` jobs."""
        raise NotImplementedError

    def is_over(self) -> bool:
        """Whether nothing runs, and nothing will."""
        raise NotImplementedError

    def returned(self, index: int, value: Any, children: list[tuple[float, Raw]] | None) -> None:
        """A task returned, and has spawned `children`."""
        raise NotImplementedError

    def failed(self, index: int, error: TaskError) -> None:
        """A task failed, and nobody said what to do."""
        raise NotImplementedError

    def raised(self, index: int, error: TaskError) -> None:
        """A task failed, and a handler wants its error raised."""
        self.failed(index, error)

    def skipped(self, index: int) -> None:
        """A task failed, and a handler does without its result."""
        raise NotImplementedError

    def collected(self, index: int, error: TaskError) -> None:
        """A task failed, and errors are collected."""
        self.returned(index, error, None)

    def substituted(self, index: int, value: Any) -> None:
        """A task failed, and a handler gave its result."""
        self.returned(index, value, None)

    def again(self, index: int) -> None:
        """A task is to be run again."""
        raise NotImplementedError

    def lost(self, index: int) -> bool:
        """A task did not run, as an argument was gone. False if it is not made again."""
        del index
        return False

    def absorbs(self, index: int, error: TaskError) -> bool:
        """Whether the machine itself deals with a failure, which nobody has to hear of."""
        del index, error
        return False

    def describe(self, index: int) -> str | None:
        """Say what a task is to the user, where its index does not."""
        del index
        return None

    def pending(self) -> int:
        """How many tasks are known that were not begun."""
        return 0

    def failures_waiting(self) -> int:
        """How many failures wait for their turn to be raised."""
        return 0

    def check(self) -> None:
        """Assert what always holds."""


class ListMachine(Machine):
    """Independent tasks, read from an input that may be long, and slow."""

    def __init__(self, rows: Iterator[tuple[Any, ...]], *, ordered: bool) -> None:
        super().__init__()
        self._rows: Iterator[tuple[Any, ...]] | None = rows
        self._ordered = ordered
        self._again: list[Job] = []
        self._held: dict[int, Any] = {}
        self._next = 0

    def jobs(self, room: int) -> list[Job]:
        """Read input; tasks that run again go first."""
        jobs = self._again[:room]
        del self._again[:room]
        room = min(room - len(jobs), _HELD_MAX - len(self._held))
        while room > 0 and self._rows is not None:
            row = next(self._rows, None)
            if row is None:
                self._rows = None
                self.total = self.submitted
                break
            jobs.append(Job(0, self.submitted, row))
            self.submitted += 1
            room -= 1
        for job in jobs:
            self.running[job.index] = job
        return jobs

    def is_over(self) -> bool:
        """Whether all input was read, and all of it has ended."""
        return self._rows is None and not self.running and not self._again

    def returned(self, index: int, value: Any, children: list[tuple[float, Raw]] | None) -> None:
        """Let the result out when its turn comes."""
        del children
        del self.running[index]
        self._place(index, value)

    def failed(self, index: int, error: TaskError) -> None:
        """Let the failure out when its turn comes."""
        del self.running[index]
        self._place(index, Failure(error))

    def skipped(self, index: int) -> None:
        """Go on with the next."""
        del self.running[index]
        self._place(index, _NOTHING)

    def again(self, index: int) -> None:
        """Run it next."""
        self._again.append(self.running.pop(index))

    def pending(self) -> int:
        """Those that are to run again."""
        return len(self._again)

    def failures_waiting(self) -> int:
        """Those behind the next result."""
        waiting = [*self._held.values(), *self.out]
        return sum(type(value) is Failure for value in waiting)

    def check(self) -> None:
        """Assert what always holds."""
        assert len(self._held) <= _HELD_MAX + len(self.running)
        assert not self._held.keys() & self.running.keys()
        assert self._next not in self._held

    def _place(self, index: int, value: Any) -> None:
        if not self._ordered:
            self._let_out(value)
            return
        self._held[index] = value
        while self._next in self._held:
            self._let_out(self._held.pop(self._next))
            self._next += 1

    def _let_out(self, value: Any) -> None:
        if value is not _NOTHING:
            self.out.append(value)
