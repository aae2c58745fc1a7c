"""The `Dag` task manager: tasks that depend on each other. Coarse grain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast

from ._dag_closures import SCALARS, Closures
from ._dag_machine import DONE, FAILED, GONE, HERE, DagMachine, Vertex
from ._dag_picture import picture
from ._drive import Driver
from ._errors import HostLost, TaskError, TaskFailures
from ._options import Settings
from ._results import Gathered
from ._spm import hidden

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Unpack

    from ._options import Options
    from ._pool import Pool

R = TypeVar("R")


class Node(Vertex, Generic[R]):
    """One task of a `Dag`, and its result. Made by `Dag.add`.

    Within the arguments of another node, also in lists, tuples and values of dicts, it stands for
    its result. Of nodes that could run, those with a higher `priority` run first.
    """

    __slots__ = ("_args", "_dag", "_function", "_kwargs")

    priority: int

    def __init__(
        self,
        dag: Dag,
        index: int,
        function: Callable[..., R],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        """Nodes are made by `Dag.add`."""
        super().__init__(index)
        self._dag = dag
        self._function = function
        self._args = args
        self._kwargs = kwargs

    def after(self, *nodes: Node[Any]) -> Self:
        """Run it only when these are done, though it does not need their results.

        ValueError if one of them depends on this node, or is of another `Dag`.
        """
        for node in nodes:
            if node._dag is not self._dag:
                raise ValueError(f"{node!r} belongs to another Dag")
            if node is self or (self.used_by and self._leads_to(node)):
                raise ValueError(f"{node!r} depends on {self!r}, which cannot come after it")
        known = {id(node) for node in (*self.inputs, *self.after_nodes)}
        new = [node for node in dict.fromkeys(nodes) if id(node) not in known]
        self.after_nodes = (*self.after_nodes, *new)
        for node in new:
            node.used_by.append(self)
        return self

    def result(self) -> R:
        """Its result, after a run that needed it; raises what became of it if it failed.

        Results of outputs are at hand; small ones of others, too. To have another one here, the node
        is run again.
        """
        if self.place != HERE:
            if self.state == FAILED and self.error is not None:
                raise self.error
            if not self._dag._has_run:
                raise RuntimeError(f"{self!r} has not run; call `run` of its Dag first")
            self._dag.run(self)
        return cast("R", self.value)

    def _leads_to(self, node: Node[Any]) -> bool:
        """Whether another node depends on this one."""
        seen = {node.index}
        pending = [node]
        while pending:
            for other in pending.pop()._needs():
                if other is self:
                    return True
                if other.index not in seen:
                    seen.add(other.index)
                    pending.append(other)
        return False

    def _needs(self) -> tuple[Node[Any], ...]:
        return (*self.inputs, *self.after_nodes)

    @property
    def name(self) -> str:
        """Its function's name."""
        function = self._function
        return str(getattr(function, "__qualname__", function))

    def __repr__(self) -> str:
        return f"<spm.Node {self.index}: {self.name}>"


class Dag:
    """Tasks that depend on each other: each runs when those it needs are done.

    Results stay on the hosts that made them, and go from host to host; those of a run's outputs come
    to the submitter. What is lost with a host is made again. A node that fails fails those that
    depend on it, and the rest runs on; then `run` raises `TaskFailures`.

    `on_error` may be a callable: `Raise()` stops the run at once, `Skip()` does without the node and
    all that depend on it, `Retry()` and `Substitute(value)` are what they are elsewhere. With
    "collect", `run` raises nothing, and failures stand among the outputs.
    """

    def __init__(self, pool: Pool, **options: Unpack[Options]) -> None:
        """Nodes are added next; nothing runs before `run`."""
        self._pool = pool
        self._settings = Settings.of(options, pool._settings)
        self._nodes: list[Node[Any]] = []
        self._has_run = False

    def add(self, f: Callable[..., R], /, *args: Any, **kwargs: Any) -> Node[R]:
        """Add a task, a call of `f`. Nodes among the arguments become their results."""
        node: Node[R] = Node(self, len(self._nodes), f, args, kwargs)
        found: dict[int, Node[Any]] = {}
        if not SCALARS.issuperset(map(type, args)):
            node._args = cast("tuple[Any, ...]", self._taken(args, found))
        if kwargs:
            node._kwargs = cast("dict[str, Any]", self._taken(kwargs, found))
        if found:
            node.inputs = tuple(found.values())
            for other in node.inputs:
                other.used_by.append(node)
        self._nodes.append(node)
        return node

    @hidden
    def run(self, *outputs: Node[Any]) -> Gathered[Any]:
        """Run what `outputs` need, by default the nodes that no other needs; return their results.

        What an earlier run brought here is not run again; what failed is.
        """
        pool, settings = self._pool, self._settings
        pool._check()
        for node in outputs:
            if node._dag is not self:
                raise ValueError(f"{node!r} belongs to another Dag")
        wanted = list(outputs) or [node for node in self._nodes if not node.used_by]
        needed = _needed(wanted)
        for node in needed:
            node.is_output = False
        for node in wanted:
            node.is_output = True
        missing = [node for node in needed if node.place != HERE]
        if not missing:
            return Gathered([node.value for node in wanted])
        closures = Closures(pool._backend)
        for node in missing:
            node.closure = closures.of(node)
        machine = DagMachine(needed, closures.row_of, repr, retries=settings.retries)
        try:
            driver = _DagDriver(pool, closures.made, machine, settings, kind="dag")
            with pool._state:
                pool._results.add(driver)
            driver.run_to_end()
        finally:
            machine.conclude()
            self._has_run = True
        return self._gathered(driver, machine, wanted, needed)

    def _gathered(
        self,
        driver: Driver,
        machine: DagMachine,
        wanted: Sequence[Node[Any]],
        needed: Sequence[Node[Any]],
    ) -> Gathered[Any]:
        collects = self._settings.on_error == "collect"
        failed = [node for node in needed if node.state == FAILED]
        errors = [node.error for node in failed if node.error is not None]
        loud = [
            node.error
            for node in failed
            if node.error is not None and node.index not in machine.quiet
        ]
        if loud and not collects:
            raise _failures(loud, driver, len(needed))
        values = [
            node.value if node.state == DONE else node.error
            for node in wanted
            if node.state == DONE or collects
        ]
        return Gathered(values, driver.stats, tuple(errors or driver.failures))

    def _taken(self, value: Any, found: dict[int, Node[Any]]) -> Any:
        """Find nodes in an argument. Lists and dicts that hold some are copied, as they are now."""
        kind = type(value)
        if kind in SCALARS:
            return value
        if kind is Node:
            if value._dag is not self:
                raise ValueError(f"{value!r} belongs to another Dag")
            found[value.index] = value
            return value
        if kind in (list, tuple):
            if SCALARS.issuperset(map(type, value)):
                return value
            return kind([self._taken(item, found) for item in value])
        if kind is dict:
            return {key: self._taken(item, found) for key, item in value.items()}
        return value

    def svg(self) -> str:
        """Draw the nodes in layers, what a node needs above it; of a large graph a part."""
        return picture(self._nodes)

    def _repr_html_(self) -> str:
        return self.svg()

    def __len__(self) -> int:
        return len(self._nodes)

    def __repr__(self) -> str:
        done = sum(node.state == DONE for node in self._nodes)
        return f"<spm.Dag of {len(self._nodes)} nodes, {done} done>"


class _DagDriver(Driver):
    """A driver that brings small results here before their hosts drop them."""

    machine: DagMachine

    def _end(self) -> None:
        for node in self.machine.kept.values():
            try:
                node.value = node.value.fetch()
                node.place = HERE
            except HostLost:
                node.place = GONE
        super()._end()


def _needed(wanted: Iterable[Node[Any]]) -> list[Node[Any]]:
    """Find the nodes that are to be done for these to be, in the order they were added."""
    seen: dict[int, Node[Any]] = {}
    pending = list(wanted)
    while pending:
        node = pending.pop()
        if node.index in seen:
            continue
        seen[node.index] = node
        if node.place != HERE:
            pending += node.inputs
            pending += node.after_nodes
    return [seen[index] for index in sorted(seen)]


def _failures(errors: Sequence[TaskError], driver: Driver, count: int) -> TaskFailures:
    """Put all failures into one exception, those that are others' consequence counted apart."""
    not_run = sum(error.task is not None and error.task.outcome == "not run" for error in errors)
    failed = len(errors) - not_run
    text = f"{failed} of {count} nodes failed"
    if not_run:
        text += f", and {not_run} that depend on {'it' if failed == 1 else 'them'} were not run"
    group = TaskFailures(text, list(errors))
    driver.note_cancelled(group)
    return group
