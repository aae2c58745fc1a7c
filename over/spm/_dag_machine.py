"""What a `Dag` decides: which node runs next, and which is made again when its result is lost.

Results stay on their hosts, and nodes that need them are given `Stored` in their place. A node is
done when its result is somewhere. If that place is lost, the node runs again, and so do those it
needs whose results are gone as well.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, Final

from ._backend import Job
from ._errors import TaskError
from ._machine import Machine
from ._task import TaskInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ._backend import Raw, Stored

IDLE: Final = 0
"""Not in a run so far, or not needed there."""
WAITING: Final = 1
"""A node that it depends on is not done."""
READY: Final = 2
RUNNING: Final = 3
DONE: Final = 4
FAILED: Final = 5
"""It failed, or a node that it depends on did."""

HERE: Final = 0
"""The result is `value` itself."""
STORED: Final = 1
"""The result stays on a host, and `value` holds it there."""
GONE: Final = 2
"""There is no result; there may have been one."""

_KEPT_NODES_MAX: Final = 1000
"""Results beside the outputs that are brought to the hub at the end of a run."""
_KEPT_BYTES_MAX: Final = 16 << 20


class Vertex:
    """What the machine knows of a node."""

    __slots__ = (
        "after_nodes",
        "closure",
        "error",
        "index",
        "inputs",
        "is_output",
        "place",
        "priority",
        "remakes",
        "state",
        "used_by",
        "users",
        "value",
        "waits",
    )

    def __init__(self, index: int) -> None:
        self.index = index
        self.priority = 0
        self.inputs: Sequence[Any] = ()
        """Nodes whose results it needs, each once."""
        self.after_nodes: Sequence[Any] = ()
        """Nodes that have to be done before, each once; none of its inputs."""
        self.used_by: list[Any] = []
        """Nodes that have this one among their inputs, or come after it."""
        self.closure = 0
        self.state = IDLE
        self.place = GONE
        self.value: Any = None
        self.error: TaskError | None = None
        self.is_output = False
        self.waits = 0
        """While WAITING: of `inputs` and `after`, how many are not done."""
        self.users = 0
        """Nodes of the run that need the result and have not ended."""
        self.remakes = 0
        """How often it was to run and a result that it needs was gone."""


class DagMachine(Machine):
    """A run of the nodes that some outputs need."""

    def __init__(
        self,
        needed: Iterable[Vertex],
        row_of: Callable[[Any], tuple[Any, ...]],
        name_of: Callable[[Any], str],
        *,
        retries: int,
    ) -> None:
        """Of `needed`, those that have a result here are done.

        `row_of` makes a node's arguments of what is known at the time; a node whose results were
        lost `retries` times is not run again.
        """
        super().__init__()
        self._row_of = row_of
        self._name_of = name_of
        self._retries = retries
        self._ready: list[tuple[int, int, Vertex]] = []
        self._nodes: dict[int, Vertex] = {}
        self._open = 0
        """Nodes that are neither done nor failed."""
        self._stopped = False
        self._kept_bytes = 0
        self.kept: dict[int, Vertex] = {}
        """Nodes whose results stay for the submitter to ask for."""
        self.quiet: set[int] = set()
        """Nodes that failed or were not run since a handler did without one."""
        for node in needed:
            self._nodes[node.index] = node
            node.remakes = node.users = 0
            if node.place != HERE:
                # Nodes of a run that is over may be in any state.
                node.state = WAITING
                node.place = GONE
                node.value = node.error = None
                self._open += 1
        self.total = self._open
        for node in self._nodes.values():
            if node.state == WAITING:
                node.waits = self._count_waits(node)
                for other in node.inputs:
                    other.users += 1
                if node.waits == 0:
                    self._make_ready(node)

    def jobs(self, room: int) -> list[Job]:
        """Hand out what is ready: of the highest priority first, then as it was added."""
        jobs: list[Job] = []
        ready, running = self._ready, self.running
        while ready and len(jobs) < room:
            node = heappop(ready)[2]
            if node.state != READY or (node.inputs and not self._are_here(node)):
                continue
            node.state = RUNNING
            keep = -1 if node.is_output else 0
            job = Job(node.closure, node.index, self._row_of(node), float(node.priority), keep)
            running[node.index] = job
            jobs.append(job)
        self.submitted += len(jobs)
        return jobs

    def is_over(self) -> bool:
        """Whether all nodes are done or failed, or a failure has stopped the run."""
        return self._stopped or self._open == 0

    def returned(self, index: int, value: Any, children: list[tuple[float, Raw]] | None) -> None:
        """A node has its result: for an output the value, and else where it is."""
        del children
        self._done(index, value, HERE if self._nodes[index].is_output else STORED)

    def substituted(self, index: int, value: Any) -> None:
        """A node is given its result."""
        self._done(index, value, HERE)

    def failed(self, index: int, error: TaskError) -> None:
        """A node failed, and all that depend on it."""
        del self.running[index]
        self._fail(self._nodes[index], error, is_quiet=False)

    def raised(self, index: int, error: TaskError) -> None:
        """A node failed, and nothing else is to run."""
        self.failed(index, error)
        self._stopped = True

    def collected(self, index: int, error: TaskError) -> None:
        """A failed node's dependants fail, also where nobody raises it."""
        self.failed(index, error)

    def skipped(self, index: int) -> None:
        """A node's dependants cannot run without its result."""
        node = self._nodes[index]
        error = TaskError(f"{self._name_of(node)} was skipped")
        error.task = TaskInfo(index, None, 0, None, (), "skipped")
        del self.running[index]
        self._fail(node, error, is_quiet=True)

    def again(self, index: int) -> None:
        """Run a node once more."""
        del self.running[index]
        self._wait(self._nodes[index])

    def lost(self, index: int) -> bool:
        """A node did not run, as a result that it needs is gone: make that again first."""
        node = self._nodes[index]
        node.remakes += 1
        if node.remakes > self._retries:
            return False
        del self.running[index]
        stored = [other for other in node.inputs if other.place == STORED]
        lost = [other for other in stored if other.value.is_lost]
        # If nothing is known to be lost, what is needed is made anew all the same.
        self._unmake(lost or stored, node)
        return True

    def describe(self, index: int) -> str | None:
        """Name a node."""
        return f"in {self._name_of(self._nodes[index])}"

    def pending(self) -> int:
        """Nodes that were not begun."""
        return self._open - len(self.running)

    def conclude(self) -> None:
        """Forget what was under way, and where results were that are gone with the run."""
        for node in self._nodes.values():
            if node.place == STORED:
                node.place = GONE
                node.value = None
            if node.place == GONE and node.state != FAILED:
                node.state = IDLE

    def check(self) -> None:
        """Assert what always holds."""
        open_count = 0
        for node in self._nodes.values():
            open_count += node.state in (WAITING, READY, RUNNING)
            assert (node.state == RUNNING) == (node.index in self.running)
            assert node.place == GONE or node.state == DONE, node.index
            if node.state == WAITING:
                assert node.waits == self._count_waits(node) > 0, node.index
            if node.state in (READY, RUNNING):
                assert all(other.state == DONE for other in (*node.inputs, *node.after_nodes))
            if node.state in (WAITING, READY, RUNNING):
                assert all(other.users > 0 for other in node.inputs)
        assert open_count == self._open

    # Results.

    def _done(self, index: int, value: Any, place: int) -> None:
        del self.running[index]
        node = self._nodes[index]
        node.state = DONE
        node.value = value
        node.place = place
        self._open -= 1
        if node.inputs:
            self._release_inputs(node)
        for other in node.used_by:
            if other.state == WAITING:
                other.waits -= 1
                if other.waits == 0:
                    self._make_ready(other)
        if node.users == 0 and place == STORED:
            self._release(node)

    def _release_inputs(self, node: Vertex) -> None:
        """A node has ended: results that nobody else needs may go."""
        for other in node.inputs:
            other.users -= 1
            if other.users == 0 and other.place == STORED:
                self._release(other)

    def _release(self, node: Vertex) -> None:
        """Keep a result that nobody needs for the submitter, if it is small, or let it go."""
        stored: Stored = node.value
        if node.index in self.kept:
            return
        size = stored.bytes
        if len(self.kept) < _KEPT_NODES_MAX and self._kept_bytes + size <= _KEPT_BYTES_MAX:
            self._kept_bytes += size
            self.kept[node.index] = node
        else:
            node.place = GONE
            node.value = None

    # Nodes that wait.

    def _count_waits(self, node: Vertex) -> int:
        count = 0
        for other in node.inputs:
            count += other.state != DONE or other.place == GONE
        for other in node.after_nodes:
            count += other.state != DONE
        return count

    def _make_ready(self, node: Vertex) -> None:
        node.state = READY
        heappush(self._ready, (-node.priority, node.index, node))

    def _wait(self, node: Vertex) -> None:
        """Let a node wait for what is not done; fail it if some of that has failed."""
        for other in (*node.inputs, *node.after_nodes):
            if other.state == FAILED:
                assert other.error is not None
                self._fail(node, self._not_run(node, other, other.error), is_quiet=False)
                return
        node.state = WAITING
        node.waits = self._count_waits(node)
        if node.waits == 0:
            self._make_ready(node)

    def _are_here(self, node: Vertex) -> bool:
        """Whether a ready node's inputs are all there; those that are lost are made again."""
        lost = [
            other
            for other in node.inputs
            if other.place == GONE or (other.place == STORED and other.value.is_lost)
        ]
        if lost:
            self._unmake(lost, node)
        return not lost

    def _unmake(self, lost: Iterable[Vertex], needed_by: Vertex) -> None:
        """Have nodes whose results are gone run again, with all that they need for that."""
        touched = {needed_by.index: needed_by}
        needed_by.state = WAITING
        pending = list(lost)
        while pending:
            node = pending.pop()
            if node.state != DONE or node.index not in self._nodes:
                continue
            touched[node.index] = node
            node.state = WAITING
            node.place = GONE
            node.value = None
            self.kept.pop(node.index, None)
            self._open += 1
            for other in node.used_by:
                if other.state in (WAITING, READY) and other.index in self._nodes:
                    touched[other.index] = other
            for other in node.inputs:
                other.users += 1
                if other.place == GONE or (other.place == STORED and other.value.is_lost):
                    pending.append(other)
        for _, node in sorted(touched.items()):
            if node.state in (WAITING, READY):
                self._wait(node)

    def _fail(self, node: Vertex, error: TaskError, *, is_quiet: bool) -> None:
        pending = [(node, error)]
        while pending:
            node, error = pending.pop()
            node.state = FAILED
            node.error = error
            if is_quiet:
                self.quiet.add(node.index)
            self._open -= 1
            self._release_inputs(node)
            for other in node.used_by:
                if other.state in (WAITING, READY) and other.index in self._nodes:
                    other.state = IDLE  # found once, whatever the number of ways
                    pending.append((other, self._not_run(other, node, error)))

    def _not_run(self, node: Vertex, failed: Vertex, cause: TaskError) -> TaskError:
        text = f"not run: it depends on {self._name_of(failed)}"
        error = TaskError(f"{self._name_of(node)} was {text}")
        error.task = TaskInfo(node.index, None, 0, None, (), "not run")
        error.__cause__ = cause
        error.add_note(text)
        return error
