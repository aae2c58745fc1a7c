"""What an `Aggregate` decides: which items are mapped, which parts merged, which keys reduced.

The map phase makes of each item one part for each partition; parts stay on their hosts. Of 64
neighbours one batch is made, of 64 such batches a larger one, and so on: what is known here does not
grow with the input. When all is merged, partitions are reduced, each from the few batches left.

If parts are lost with their host, what made them runs again, as long as its items can be read again.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from ._aggregate_batches import FAN_IN, Batch, ListWork, MapWork, MergeWork, ReduceWork
from ._backend import Job
from ._errors import HostFault, HostLost, MeshError
from ._machine import Failure, Machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ._aggregate_batches import Order, Work
    from ._backend import Raw
    from ._errors import TaskError

MAP: Final = 0
MERGE: Final = 1
REDUCE: Final = 2
LIST: Final = 3
"""The places of the four closures."""
_OTHERS: Final = 1 << 40
"""Tasks that map no item are numbered from here."""


class AggregateMachine(Machine):
    """The phases of one run. It lets out rows of item, place, key and result."""

    def __init__(
        self,
        rows: Iterator[tuple[Any, ...]],
        *,
        partitions: int,
        row_at: Callable[[int], tuple[Any, ...]] | None,
        bind: Callable[[int, tuple[Any, ...]], tuple[Any, ...]],
        split: Callable[[int, Any], list[Any]],
        retries: int,
    ) -> None:
        """`rows` are the items, each with the other arguments of `map`.

        `row_at` reads one of them again, where that can be done. `bind` makes arguments for the
        closure at a place. `split` makes parts of an item's number and its pairs. A task of which
        arguments were lost is run again `retries` times.
        """
        super().__init__()
        self._rows: Iterator[tuple[Any, ...]] | None = rows
        self._partitions = partitions
        self._row_at = row_at
        self._bind = bind
        self._split = split
        self._retries = retries
        self._work: dict[int, Work] = {}
        """What jobs are that run or are ready."""
        self._ready: deque[int] = deque()
        self._numbered = _OTHERS
        self._groups: list[dict[int, Batch]] = []
        """By level: complete batches that wait for their neighbours."""
        self._merging = 0
        """Batches that are being merged for the first time."""
        self._mapping = 0
        self._skipped: set[int] = set()
        self._final: list[Batch] | None = None
        """What is reduced, once all is merged."""
        self._incomplete = 0
        """Of them, those that are made again."""
        self._postponed: list[ReduceWork | ListWork] = []
        self._pieces: list[dict[int, list[Any]]] = []
        self._unreduced: list[int] = []
        """By partition: tasks that are to come."""
        self._keys: dict[int, list[Any]] = {}
        """Of partitions that cannot be reduced as a whole."""
        self._released = 0
        self._remakes: dict[Order, int] = {}
        self._failed: dict[Order, TaskError] = {}

    def jobs(self, room: int) -> list[Job]:
        """Hand out merges and reductions, and read input when there are none."""
        jobs: list[Job] = []
        first = min(self._failed, default=None)
        while self._ready and len(jobs) < room:
            index = self._ready.popleft()
            if first is None or self._work[index].order < first:
                jobs.append(self._job(index))
            else:
                del self._work[index]
        while len(jobs) < room and self._rows is not None and first is None:
            row = next(self._rows, None)
            if row is None:
                self._rows = None
                self._finish_merging()
                return jobs + self.jobs(room - len(jobs))
            batch = Batch(0, self.submitted, self._partitions)
            batch.row = row
            self._work[self.submitted] = MapWork(batch)
            jobs.append(self._job(self.submitted))
            self._mapping += 1
            self.submitted += 1
        return jobs

    def is_over(self) -> bool:
        """Whether all partitions were reduced, or the failure to raise is known."""
        if self._failed:
            first = min(self._failed)
            return not any(work.order < first for work in self._work.values())
        return self._final is not None and self._released == self._partitions

    def returned(self, index: int, value: Any, children: list[tuple[float, Raw]] | None) -> None:
        """An item was mapped, a part merged, keys reduced or listed."""
        del children
        work = self._ended(index)
        if isinstance(work, MapWork):
            work.batch.parts = value
            self._complete(work.batch)
        elif isinstance(work, MergeWork):
            self._merged(work, value)
        elif isinstance(work, ReduceWork):
            self._reduced(work, value)
        else:
            self._listed(work.partition, value)
        self._raise_first()

    def failed(self, index: int, error: TaskError) -> None:
        """Raise it, unless a task that comes earlier fails, too."""
        work = self._ended(index)
        if isinstance(error, HostLost) and self._row_at is None:
            error.add_note(
                "what it made cannot be made again, since the input was read once; give a list"
            )
        self._failed[work.order] = error
        self._raise_first()

    def skipped(self, index: int) -> None:
        """Go on without an item, a merged part, or a range of keys."""
        work = self._ended(index)
        if isinstance(work, MapWork):
            self._skipped.add(work.batch.first)
            work.batch.parts = None
            self._complete(work.batch)
        elif isinstance(work, MergeWork):
            self._merged(work, [])
        else:
            self._reduced(work, [])
        self._raise_first()

    def collected(self, index: int, error: TaskError) -> None:
        """The failure of a key stands in the place of its result."""
        work = self._work[index]
        if isinstance(work, ReduceWork) and work.key is not None:
            self.substituted(index, error)
        else:
            self.skipped(index)

    def substituted(self, index: int, value: Any) -> None:
        """Take a value for an item's pairs, or for a key's result."""
        work = self._work[index]
        if isinstance(work, MapWork):
            self.returned(index, self._split(work.batch.first, value), None)
        elif isinstance(work, ReduceWork) and work.key is not None:
            self.returned(index, [(*work.key, value)], None)
        else:
            raise ValueError(
                "spm.Substitute can stand for the pairs of an item or the result of a key; "
                f"{work} it can be spm.Skip(), spm.Retry() or spm.Raise()"
            )

    def again(self, index: int) -> None:
        """Run it next."""
        del self.running[index]
        self._ready.appendleft(index)

    def absorbs(self, index: int, error: TaskError) -> bool:
        """When keys cannot be reduced together, find out which of them cannot."""
        work = self._work[index]
        if not isinstance(work, ReduceWork) or work.key is not None:
            return False
        if isinstance(error, HostFault | MeshError):
            return False
        self._ended(index)
        if work.stop < 0:
            self._start(ListWork(work.partition))
        else:
            self._halve(work.partition, work.start, work.stop)
        return True

    def lost(self, index: int) -> bool:
        """Make again what is gone, and then do this."""
        work = self._work[index]
        tries = self._remakes[work.order] = self._remakes.get(work.order, 0) + 1
        if tries > self._retries or isinstance(work, MapWork):
            return False
        partition = work.partition
        sources = work.batch.children if isinstance(work, MergeWork) else self._final or []
        lost = [batch for batch in sources if _is_lost(batch, partition)]
        if not all(self._can_remake(batch) for batch in lost):
            return False
        self._ended(index)
        for batch in lost:
            self._remake(batch, partition)
        if isinstance(work, MergeWork):
            work.batch.todo.append(partition)
            self._merge(work.batch)
        else:
            self._postponed.append(work)
            self._reduce()
        return True

    def describe(self, index: int) -> str | None:
        """Say which phase it was, and which item, partition or key."""
        return str(self._work[index])

    def pending(self) -> int:
        """What is known that was not begun."""
        return len(self._ready)

    def failures_waiting(self) -> int:
        """Those that come later than the one that is raised."""
        return max(0, len(self._failed) - 1)

    def check(self) -> None:
        """Assert what always holds."""
        assert self._work.keys() == self.running.keys() | set(self._ready)
        assert all(len(group) < FAN_IN + len(self.running) for group in self._groups)
        assert self._mapping <= len(self._work)

    # Jobs.

    def _start(self, work: Work, index: int | None = None) -> None:
        if index is None:
            index, self._numbered = self._numbered, self._numbered + 1
        self._work[index] = work
        self._ready.append(index)

    def _job(self, index: int) -> Job:
        work = self._work[index]
        if isinstance(work, MapWork):
            batch = work.batch
            assert batch.row is not None
            row = self._bind(MAP, (batch.first, *batch.row))
            job = Job(MAP, index, row, 0.0, self._partitions)
        elif isinstance(work, MergeWork):
            sources = _parts(work.batch.children, work.partition)
            job = Job(MERGE, index, self._bind(MERGE, (sources,)), 1.0, 0)
        else:
            sources = _parts(self._final or [], work.partition)
            if isinstance(work, ReduceWork):
                row = self._bind(REDUCE, (sources, work.start, work.stop))
                job = Job(REDUCE, index, row, 1.0)
            else:
                job = Job(LIST, index, self._bind(LIST, (sources,)), 1.0)
        self.running[index] = job
        return job

    def _ended(self, index: int) -> Work:
        del self.running[index]
        return self._work.pop(index)

    def _raise_first(self) -> None:
        if self._failed and self.is_over() and not self.out:
            self.out.append(Failure(self._failed[min(self._failed)]))

    # Batches.

    def _complete(self, batch: Batch) -> None:
        """All parts of a batch are there."""
        batch.is_complete = True
        batch.children = []
        owner = batch.owner
        if owner is not None:
            owner.incomplete -= 1
            self._merge(owner)
        elif self._final is not None:
            self._incomplete -= 1
            self._reduce()
        else:
            if batch.level:
                self._merging -= 1
            else:
                self._mapping -= 1
            self._group(batch)
            self._finish_merging()

    def _group(self, batch: Batch) -> None:
        """Merge neighbours as soon as all of them are there."""
        while len(self._groups) <= batch.level:
            self._groups.append({})
        group = self._groups[batch.level]
        size = FAN_IN**batch.level
        place = batch.first // size
        group[place] = batch
        begin = place - place % FAN_IN
        members = [group.get(number) for number in range(begin, begin + FAN_IN)]
        children = [member for member in members if member is not None]
        if len(children) < FAN_IN:
            return
        for number in range(begin, begin + FAN_IN):
            del group[number]
        owner = Batch(batch.level + 1, begin * size, self._partitions)
        self._adopt(owner, children, list(range(self._partitions)))
        self._merging += 1
        self._merge(owner)

    def _adopt(self, owner: Batch, children: list[Batch], todo: list[int]) -> None:
        owner.children = children
        owner.incomplete = sum(not child.is_complete for child in children)
        owner.todo = todo
        owner.unmerged = len(todo)
        for child in children:
            child.owner = owner

    def _merge(self, owner: Batch) -> None:
        """Merge what is to be merged, once all that it is made of is there."""
        if owner.incomplete == 0:
            todo, owner.todo = owner.todo, []
            for partition in todo:
                self._start(MergeWork(owner, partition))

    def _merged(self, work: MergeWork, part: Any) -> None:
        owner = work.batch
        assert owner.parts is not None
        owner.parts[work.partition] = part
        owner.unmerged -= 1
        if owner.unmerged == 0:
            self._complete(owner)

    def _can_remake(self, batch: Batch) -> bool:
        return self._row_at is not None or (batch.level == 0 and batch.row is not None)

    def _remake(self, batch: Batch, partition: int) -> None:
        """Make a batch again whose part of a partition is gone."""
        if batch.is_complete:
            batch.is_complete = False
            if batch.owner is not None:
                batch.owner.incomplete += 1
            else:
                self._incomplete += 1
            if batch.level == 0:
                self._map_again(batch)
                return
            size = FAN_IN ** (batch.level - 1)
            firsts = [batch.first + number * size for number in range(FAN_IN)]
            children = [
                Batch(batch.level - 1, first, self._partitions)
                for first in firsts
                if first < self.submitted
            ]
            self._adopt(batch, children, [partition])
            for child in children:
                self._make(child, partition)
            self._merge(batch)
        elif batch.level and partition not in batch.todo and not self._merges(batch, partition):
            # It is made again already, for the sake of another partition.
            batch.todo.append(partition)
            batch.unmerged += 1
            for child in batch.children:
                if child.level and not child.is_complete:
                    self._remake(child, partition)
            self._merge(batch)

    def _merges(self, batch: Batch, partition: int) -> bool:
        return MergeWork(batch, partition) in self._work.values()

    def _make(self, batch: Batch, partition: int) -> None:
        """Make a batch that its owner has begun to wait for."""
        batch.is_complete = True  # so that `_remake` counts it as one that is not
        assert batch.owner is not None
        batch.owner.incomplete -= 1
        self._remake(batch, partition)

    def _map_again(self, batch: Batch) -> None:
        if batch.first in self._skipped:
            batch.parts = None
            self._complete(batch)
            return
        if self._row_at is not None:
            batch.row = self._row_at(batch.first)
        self._start(MapWork(batch), batch.first)

    # Reductions.

    def _finish_merging(self) -> None:
        """Begin to reduce, if all was read, mapped and merged."""
        if self._rows is not None or self._mapping or self._merging or self._final is not None:
            return
        self._final = []
        for group in reversed(self._groups):
            self._final += [group[place] for place in sorted(group)]
        self._groups = []
        self._pieces = [{} for _ in range(self._partitions)]
        self._unreduced = [1] * self._partitions
        for partition in range(self._partitions):
            self._start(ReduceWork(partition, 0, -1))

    def _reduce(self) -> None:
        """Go on with what waited for parts that were made again."""
        if self._incomplete == 0:
            postponed, self._postponed = self._postponed, []
            for work in postponed:
                self._start(work)

    def _reduced(self, work: ReduceWork | ListWork, rows: list[Any]) -> None:
        partition = work.partition
        self._pieces[partition][0 if isinstance(work, ListWork) else work.start] = rows
        self._unreduced[partition] -= 1
        while self._released < self._partitions and not self._unreduced[self._released]:
            pieces = self._pieces[self._released]
            for start in sorted(pieces):
                self.out.extend(pieces[start])
            pieces.clear()
            self._released += 1

    def _listed(self, partition: int, keys: list[Any]) -> None:
        self._keys[partition] = keys
        self._halve(partition, 0, len(keys))

    def _halve(self, partition: int, start: int, stop: int) -> None:
        """Reduce the two halves of a range of keys apart from each other."""
        middle = (start + stop) // 2
        ranges = [(start, middle), (middle, stop)]
        ranges = [(begin, end) for begin, end in ranges if begin < end]
        self._unreduced[partition] += len(ranges) - 1
        for begin, end in ranges:
            key = tuple(self._keys[partition][begin]) if end - begin == 1 else None
            self._start(ReduceWork(partition, begin, end, key))


def _parts(batches: list[Batch], partition: int) -> list[Any]:
    return [batch.parts[partition] for batch in batches if batch.parts is not None]


def _is_lost(batch: Batch, partition: int) -> bool:
    """Whether a part is gone; values that a handler gave are no `Stored`."""
    if batch.parts is None:
        return False
    return bool(getattr(batch.parts[partition], "is_lost", False))
