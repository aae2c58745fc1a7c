"""What a `Template` decides: which task comes next, and in which order results are let out.

Tasks form trees. Results are let out as a walk through the trees meets them: a task before its
children, children in the order they were spawned. Tasks that have not been met form a linked list in
that order; those whose results were let out are forgotten, so that memory holds what is under way.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ._backend import Job
from ._machine import Failure, Machine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ._backend import Raw
    from ._errors import TaskError

_HELD_MAX: Final = 1 << 15
"""Results that wait for earlier ones; with more of them, those earliest in the order are begun."""

_EARLIEST_MIN: Final = 512
"""Tasks that are looked for at once then, unless nothing runs."""

_PENDING: Final = object()
_NOTHING: Final = object()


class _Place:
    """A task's place in the order of results."""

    __slots__ = ("depth", "entry", "next", "value")

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.entry: _Entry | None = None
        """The task, until it is begun."""
        self.value: Any = _PENDING
        self.next: _Place | None = None


_Entry: TypeAlias = "tuple[float, int, _Place, Any]"
"""Priority, index, place and arguments of a task."""


class TemplateMachine(Machine):
    """Tasks that make tasks."""

    def __init__(
        self,
        rows: Iterator[tuple[Any, ...]],
        *,
        ordered: bool,
        best_first: bool,
        depth_max: int,
        tasks_max: int,
    ) -> None:
        super().__init__()
        self._rows: Iterator[tuple[Any, ...]] | None = rows
        self._ordered = ordered
        self._best_first = best_first
        self._depth_max = depth_max
        self._tasks_max = tasks_max
        self.unexplored = 0
        """Tasks that were spawned too deep, or beyond the count."""
        self._made = 0
        self._heap: list[_Entry] = []
        self._stack: list[_Entry] = []
        self._again: list[Job] = []
        self._places: dict[int, _Place] = {}
        self._first: _Place | None = None
        self._last: _Place | None = None
        self._held = 0
        self._waiting = 0
        """Tasks that were spawned and not begun; stack or heap may also hold some that were."""

    def jobs(self, room: int) -> list[Job]:
        """Hand out the best tasks, or the deepest; roots when no task is better."""
        jobs = self._again[:room]
        del self._again[:room]
        room -= len(jobs)
        if self._ordered and self._held > _HELD_MAX:
            # They are looked for from the first on, which takes as long for one as for many.
            is_worth_it = room >= _EARLIEST_MIN or not self.running
            entries = self._earliest(room) if is_worth_it else []
        else:
            entries = list(islice(iter(self._next, None), room))
        for priority, index, place, row in entries:
            self._places[index] = place
            self.submitted += 1
            jobs.append(Job(0, index, row, priority))
        for job in jobs:
            self.running[job.index] = job
        return jobs

    def is_over(self) -> bool:
        """Whether all trees were walked."""
        return not (self.running or self._waiting or self._again or self._has_roots())

    def returned(self, index: int, value: Any, children: list[tuple[float, Raw]] | None) -> None:
        """Let the result out when its turn comes; the task's children count now."""
        place = self._ended(index)
        place.value = value
        if children:
            self._adopt(place, children)
        self._let_out(place)

    def failed(self, index: int, error: TaskError) -> None:
        """Let the failure out when its turn comes."""
        place = self._ended(index)
        place.value = Failure(error)
        self._let_out(place)

    def skipped(self, index: int) -> None:
        """Go on as if there were no such task."""
        place = self._ended(index)
        place.value = _NOTHING
        self._let_out(place)

    def again(self, index: int) -> None:
        """Run it next."""
        self._again.append(self.running.pop(index))

    def pending(self) -> int:
        """Tasks that were spawned and not begun."""
        return self._waiting + len(self._again)

    def failures_waiting(self) -> int:
        """Those that come later in the order."""
        count = sum(type(value) is Failure for value in self.out)
        place = self._first
        while place is not None:
            count += type(place.value) is Failure
            place = place.next
        return count

    def check(self) -> None:
        """Assert what always holds."""
        assert self._places.keys() == self.running.keys() | {job.index for job in self._again}
        if not self._ordered:
            assert self._first is None
            return
        pending = held = 0
        place = self._first
        while place is not None:
            pending += place.value is _PENDING
            held += place.value is not _PENDING
            place = place.next
        assert pending == self.pending() + len(self.running), (pending, self.pending())
        assert held == self._held
        assert self._first is None or self._first.value is _PENDING

    # Which task is next.

    def _next(self) -> _Entry | None:
        while self._stack:
            entry = self._stack.pop()
            if entry[2].entry is not None:
                return self._begin(entry)
        while True:
            # Roots have priority 0, as tasks that say nothing of theirs.
            if not self._heap or self._heap[0][0] > 0.0:
                root = self._root()
                if root is not None or not self._heap:
                    return root
            negative, index, place, row = heappop(self._heap)
            if place.entry is not None:
                return self._begin((-negative, index, place, row))

    def _begin(self, entry: _Entry) -> _Entry:
        entry[2].entry = None
        self._waiting -= 1
        return entry

    def _earliest(self, count: int) -> list[_Entry]:
        """Take the first tasks in the order of results that were not begun."""
        found: list[_Entry] = []
        place = self._first
        while place is not None and len(found) < count:
            if place.entry is not None:
                found.append(place.entry)
                place.entry = None
                self._waiting -= 1
            place = place.next
        if len(self._stack) + len(self._heap) > 2 * self._waiting + _EARLIEST_MIN:
            self._stack = [entry for entry in self._stack if entry[2].entry is not None]
            self._heap = [entry for entry in self._heap if entry[2].entry is not None]
            heapify(self._heap)
        return found

    def _has_roots(self) -> bool:
        return self._rows is not None and self._made < self._tasks_max

    def _root(self) -> _Entry | None:
        if self._rows is None or self._made >= self._tasks_max:
            return None
        row = next(self._rows, None)
        if row is None:
            self._rows = None
            return None
        place = _Place(0)
        if self._ordered:
            if self._last is None:
                self._first = place
            else:
                self._last.next = place
            self._last = place
        return 0.0, self._number(), place, row

    def _number(self) -> int:
        index, self._made = self._made, self._made + 1
        return index

    def _adopt(self, parent: _Place, children: list[tuple[float, Raw]]) -> None:
        """Give children numbers, and places behind their parent's."""
        room = self._tasks_max - self._made
        if parent.depth >= self._depth_max:
            room = 0
        if len(children) > room:
            self.unexplored += len(children) - room
            children = children[:room]
        entries = []
        last = parent
        for priority, row in children:
            place = _Place(parent.depth + 1)
            place.entry = entry = (priority, self._number(), place, row)
            entries.append(entry)
            if self._ordered:
                place.next, last.next = last.next, place
                if self._last is last:
                    self._last = place
                last = place
        self._waiting += len(entries)
        if self._best_first:
            for priority, index, place, row in entries:
                heappush(self._heap, (-priority, index, place, row))
        else:
            # The last of a stack is the first to be taken.
            entries.sort(key=lambda entry: (entry[0], -entry[1]))
            self._stack += entries

    # In which order results are let out.

    def _ended(self, index: int) -> _Place:
        del self.running[index]
        return self._places.pop(index)

    def _let_out(self, place: _Place) -> None:
        if not self._ordered:
            if place.value is not _NOTHING:
                self.out.append(place.value)
            return
        self._held += 1
        first = self._first
        while first is not None and first.value is not _PENDING:
            if first.value is not _NOTHING:
                self.out.append(first.value)
            self._held -= 1
            first = first.next
        self._first = first
        if first is None:
            self._last = None
