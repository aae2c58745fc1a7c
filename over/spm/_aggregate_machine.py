"""What an `Aggregate` decides: which items are mapped, which parts merged, which keys reduced.

The map phase makes of each item one part for each partition, which stay on the host. 64 neighbours
make a batch, and of 64 batches a larger one is made: so what is known here does not grow with the
input. When all is mapped and merged, the partitions are reduced, each from the few batches left.

A batch whose parts are lost with their host is made again from its items, if these can be read again.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from ._aggregate_reduce import Reduction
from ._backend import Job
from ._machine import Failure, Machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ._backend import Raw
    from ._errors import TaskError

FAN_IN: Final = 64
"""Batches that are merged into one."""
MAP: Final = 0
MERGE: Final = 1
REDUCE: Final = 2
LIST: Final = 3
"""The places of the four closures."""
_OTHERS: Final = 1 << 40
"""Tasks that map no item are numbered from here."""


class Batch:
    """Parts of neighbouring items, one for each partition."""

    __slots__ = ("children", "first", "level", "missing", "parts", "row", "waiting")

    def __init__(self, level: int, first: int, parts: int) -> None:
        self.level = level
        self.first = first
        """The first of its items; it has `FAN_IN ** level` of them, but for the last."""
        self.parts: list[Any] | None = [None] * parts
        """None for an item that was skipped."""
        self.missing = 0
        """Merges that have not ended."""
        self.children: list[Batch] = []
        self.row: tuple[Any, ...] | None = None
        """The arguments that made a batch of one item, until it is merged."""
        self.waiting: list[Batch | Reduction] = []
        """What is to go on when it has been made again."""


class AggregateMachine(Machine):
    """The three phases of one run."""

    def __init__(
        self,
        rows: Iterator[tuple[Any, ...]],
        *,
        parts: int,
        row_at: Callable[[int], tuple[Any, ...]] | None,
        bind: Callable[[int, tuple[Any, ...]], tuple[Any, ...]],
        split: Callable[..., list[Any]],
        retries: int,
    ) -> None:
        """`rows` are the arguments of the tasks that map.

        `row_at` makes one of them again, where that can be done. `bind` makes arguments for one of
        the closures. `split` makes parts of an item's number and pairs.
        """
        super().__init__()
        self._rows: Iterator[tuple[Any, ...]] | None = rows
        self._count = parts
        self._row_at = row_at
        self._bind = bind
        self._split = split
        self._retries = retries
        self._numbered = _OTHERS
        self._work: dict[int, tuple[tuple[int, int, int], Any]] = {}
        """What running and ready jobs are: their order, and the batch, merge or reduction."""
        self._ready: deque[Job] = deque()
        self._groups: list[dict[int, Batch | None]] = [{}]
        """By level: batches that are complete, and not merged."""
        self._merging = 0
        self._remakes: dict[int, int] = {}
        self._remaking = 0
        self._reductions: list[Reduction] | None = None
        self._released = 0
        self._failed: dict[tuple[int, int, int], TaskError] = {}
        self._is_failing = False

    def jobs(self, room: int) -> list[Job]:
        """Hand out merges and reductions, and then read input."""
        jobs: list[Job] = []
        while self._ready and len(jobs) < room:
            job = self._ready.popleft()
            if self._is_wanted(job.index):
                jobs.append(job)
            else:
                del self._work[job.index]
        while len(jobs) < room and self._rows is not None and not self._failed:
            row = next(self._rows, None)
            if row is None:
                self._rows = None
                self._go_on()
                jobs += self.jobs(room - len(jobs))
                break
            batch = Batch(0, self.submitted, self._count)
            batch.row = row
            jobs.append(self._map(batch))
            self.submitted += 1
        for job in jobs:
            self.running[job.index] = job
        return jobs

    def is_over(self) -> bool:
        """Whether all partitions were reduced, or the failure to raise is known."""
        if self._failed:
            return self._is_failing
        return self._reductions is not None and self._released == len(self._reductions)

    def returned(self, index: int, value: Any, children: list[tuple[float, Raw]] | None) -> None:
        """An item was mapped, parts were merged, or keys reduced."""
        del children
        _, work = self._ended(index)
        if isinstance(work, Batch):
            work.parts = value
            self._complete(work)
        elif isinstance(work, tuple):
            batch, part = work
            batch.parts[part] = value
            self._merged(batch)
        else:
            work.reduction.returned(work, value)
            self._go_on()
        self._raise_first()

    def failed(self, index: int, error: TaskError) -> None:
        """Raise the failure, unless a task that comes before it fails, too."""
        order, _ = self._ended(index)
        self._failed[order] = error
        self._raise_first()

    def skipped(self, index: int) -> None:
        """Go on without an item, a merged part, or the keys of a reduction."""
        _, work = self._ended(index)
        if isinstance(work, Batch):
            work.parts = None
            self._complete(work)
        elif isinstance(work, tuple):
            batch, part = work
            batch.parts[part] = []
            self._merged(batch)
        else:
            work.reduction.skipped(work)
            self._go_on()
        self._raise_first()

    def collected(self, index: int, error: TaskError) -> None:
        """The failure of a key stands in the place of its result."""
        _, work = self._work[index]
        if isinstance(work, Batch | tuple) or not work.is_one_key():
            self.skipped(index)
        else:
            self.substituted(index, error)

    def substituted(self, index: int, value: Any) -> None:
        """Take `value` for an item's pairs, or for a key's result."""
        _, work = self._work[index]
        if isinstance(work, Batch):
            self.returned(index, self._split(work.first, value), None)
        elif isinstance(work, tuple) or not work.is_one_key():
            raise ValueError(
                "spm.Substitute can stand for the pairs of an item, or the result of a key; "
                "answer spm.Skip() or spm.Raise() here"
            )
        else:
            self.returned(index, work.substitute(value), None)

    def again(self, index: int) -> None:
        """Run it next."""
        self._ready.appendleft(self.running.pop(index))

    def absorbs(self, index: int, error: TaskError) -> bool:
        """Look for the key whose reduction failed."""
        _, work = self._work[index]
        if isinstance(work, Batch | tuple) or not work.reduction.looks_for(work, error):
            return False
        self._ended(index)
        self._go_on()
        return True

    def lost(self, index: int) -> bool:
        """Make the batches again whose parts are gone, and then do this."""
        _, work = self._work[index]
        self._remakes[index] = self._remakes.get(index, 0) + 1
        if self._remakes[index] > self._retries:
            return False
        sources = self._reductions_of() if not isinstance(work, tuple) else work[0].children
        lost = [batch for batch in sources if _is_lost(batch)]
        if not all(self._can_remake(batch) for batch in lost):
            return False
        job = self.running.pop(index)
        if not lost:
            self._ready.append(job)
            return True
        del self._work[index]
        waits: Batch | Reduction = work[0] if isinstance(work, tuple) else work.reduction
        for batch in lost:
            self._remake(batch, waits)
        if isinstance(work, tuple):
            # All its parts are merged again, as soon as what they need is there.
            batch = work[0]
            batch.missing = 0
            self._forget(batch)
        else:
            work.reduction.postpone(work)
        return True

    def describe(self, index: int) -> str | None:
        """Say which phase it was, and which item, part or key."""
        _, work = self._work[index]
        if isinstance(work, Batch):
            return f"in the map phase, item {work.first}"
        if isinstance(work, tuple):
            return f"in the combine phase, partition {work[1]}"
        return f"in the reduce phase, {work.describe()}"

    def pending(self) -> int:
        """What is known that was not begun."""
        return len(self._ready)

    def check(self) -> None:
        """Assert what always holds."""
        assert self._work.keys() == self.running.keys() | {job.index for job in self._ready}
        assert all(len(group) < 2 * FAN_IN + len(self.running) for group in self._groups[1:])
"""placeholder"""
