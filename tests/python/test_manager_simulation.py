"""Task managers' machines in a world where hosts die and reports come late, twice or not at all.

Whatever happens there, results are those of an undisturbed run, no task is lost or counted twice,
and what machines remember stays small.
"""

import random
import sys
import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import manager_world
import spm
from manager_world import Failed, World
from spm import _aggregate_glue as glue
from spm._aggregate_machine import AggregateMachine
from spm._dag_machine import DONE, FAILED, HERE, DagMachine, Vertex
from spm._machine import Failure, ListMachine
from spm._options import Settings
from spm._team import TeamMachine, _TeamDriver
from spm._template_machine import TemplateMachine

SEEDS = range(40)
LOSSES_MAX = 10**6


def identity(closure: int, index: int, row: tuple[Any, ...]) -> Any:
    return row[0]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("ordered", [True, False])
def test_every_task_of_a_list_ends_once(seed: int, ordered: bool) -> None:
    world = World(identity, seed=seed, trouble=0.2)
    machine = ListMachine(((n,) for n in range(300)), ordered=ordered)
    out = manager_world.run(world, machine)
    assert (out if ordered else sorted(out)) == list(range(300))


@pytest.mark.parametrize("seed", SEEDS)
def test_failed_tasks_are_run_again_and_no_other(seed: int) -> None:
    tries: dict[int, int] = {}

    def flaky(closure: int, index: int, row: tuple[Any, ...]) -> Any:
        tries[index] = tries.get(index, 0) + 1
        if index % 7 == 0 and tries[index] < 3:
            raise ValueError(index)
        return row[0]

    world = World(flaky, seed=seed, trouble=0.2)
    machine = ListMachine(((n,) for n in range(200)), ordered=True)
    assert manager_world.run(world, machine, on_error="retry") == list(range(200))
    assert {index for index, count in tries.items() if count > 1} == set(range(0, 200, 7))


# Template


def binary(index: int, row: tuple[Any, ...]) -> list[tuple[float, Any]]:
    number, depth = row
    random_ = random.Random(number)
    if depth == 0:
        return []
    return [
        (random_.random() - 0.5, (number * 3 + child, depth - 1))
        for child in range(random_.randint(0, 3))
    ]


def walk(row: tuple[int, int]) -> list[int]:
    found = [row[0]]
    for _, child in binary(0, row):
        found += walk(child)
    return found


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("best_first", [True, False])
@pytest.mark.parametrize("ordered", [True, False])
def test_trees_are_walked_whole(seed: int, best_first: bool, ordered: bool) -> None:
    roots = [(n, 6) for n in range(1, 12)]
    expected = [number for root in roots for number in walk(root)]
    machine = TemplateMachine(
        iter(roots), ordered=ordered, best_first=best_first, depth_max=99, tasks_max=10**9
    )
    out = manager_world.run(World(identity, seed=seed, trouble=0.2, children=binary), machine)
    assert (out if ordered else sorted(out)) == (expected if ordered else sorted(expected))


@pytest.mark.parametrize("seed", SEEDS)
def test_limits_of_trees_are_kept(seed: int) -> None:
    machine = TemplateMachine(
        iter([(n, 9) for n in range(1, 30)]),
        ordered=True,
        best_first=False,
        depth_max=3,
        tasks_max=120,
    )
    out = manager_world.run(World(identity, seed=seed, trouble=0.2, children=binary), machine)
    assert len(out) == machine.submitted <= 120


# Dag


def random_graph(seed: int, count: int = 120) -> list[Vertex]:
    chance = random.Random(seed)
    nodes: list[Vertex] = []
    for index in range(count):
        node = Vertex(index)
        node.priority = chance.randint(-1, 1)
        before = nodes[-25:]
        inputs = chance.sample(before, min(len(before), chance.randint(0, 3)))
        after = chance.sample(before, min(len(before), chance.randint(0, 1)))
        node.inputs = tuple(inputs)
        node.after_nodes = tuple(other for other in after if other not in inputs)
        for other in (*node.inputs, *node.after_nodes):
            other.used_by.append(node)
        nodes.append(node)
    return nodes


def dag_machine(nodes: list[Vertex], retries: int = LOSSES_MAX) -> DagMachine:
    for node in nodes:
        node.is_output = not node.used_by
    return DagMachine(
        nodes,
        lambda node: tuple(other.value for other in node.inputs),
        lambda node: f"node {node.index}",
        retries=retries,
    )


def combined(closure: int, index: int, row: tuple[Any, ...]) -> int:
    return hash((index, *row))


def expected_values(nodes: list[Vertex]) -> dict[int, int]:
    values: dict[int, int] = {}
    for node in nodes:
        values[node.index] = combined(
            0, node.index, tuple(values[other.index] for other in node.inputs)
        )
    return values


@pytest.mark.parametrize("seed", range(120))
def test_a_graph_survives_the_loss_of_results(seed: int) -> None:
    nodes = random_graph(seed)
    world = World(combined, seed=seed, trouble=0.15)
    machine = dag_machine(nodes)
    manager_world.run(world, machine)
    expected = expected_values(nodes)
    assert all(node.state == DONE for node in nodes)
    for node in nodes:
        if node.is_output:
            assert node.place == HERE
            assert node.value == expected[node.index]
    assert world.runs >= len(nodes)


@pytest.mark.parametrize("seed", SEEDS)
def test_an_undisturbed_graph_runs_each_node_once_and_in_order(seed: int) -> None:
    nodes = random_graph(seed)
    ran: list[int] = []

    def noted(closure: int, index: int, row: tuple[Any, ...]) -> int:
        ran.append(index)
        return combined(closure, index, row)

    manager_world.run(World(noted, seed=seed), dag_machine(nodes))
    assert sorted(ran) == list(range(len(nodes)))
    places = {index: place for place, index in enumerate(ran)}
    for node in nodes:
        for other in (*node.inputs, *node.after_nodes):
            assert places[other.index] < places[node.index]


@pytest.mark.parametrize("seed", range(120))
def test_failures_reach_those_that_depend_on_them_and_no_others(seed: int) -> None:
    nodes = random_graph(seed)
    bad = set(random.Random(seed).sample(range(len(nodes)), 5))

    def failing(closure: int, index: int, row: tuple[Any, ...]) -> int:
        if index in bad:
            raise ValueError(index)
        return combined(closure, index, row)

    world = World(failing, seed=seed, trouble=0.15)
    manager_world.run(world, dag_machine(nodes))
    doomed = set()
    for node in nodes:
        needs = {other.index for other in (*node.inputs, *node.after_nodes)}
        if node.index in bad or needs & doomed:
            doomed.add(node.index)
    assert {node.index for node in nodes if node.state == FAILED} == doomed
    for node in nodes:
        assert (node.error is not None) == (node.index in doomed)
        if node.error is not None and not isinstance(node.error, ValueError):
            assert isinstance(node.error.__cause__, spm.TaskError)


def test_a_result_that_is_lost_over_and_over_fails_its_node() -> None:
    nodes = random_graph(3, 30)
    world = World(combined, seed=1, trouble=0.9, deaths=1000)
    made = manager_world.driver(world, dag_machine(nodes, retries=0))
    while not made.is_closed:
        made.step(None)
    assert any(isinstance(node.error, spm.HostLost) for node in nodes)


# Farm and Team


@pytest.mark.parametrize("seed", SEEDS)
def test_questions_of_tasks_that_are_gone_are_dropped(seed: int) -> None:
    class Asking(World):
        """Tasks ask before they end; some that ended long ago ask, too."""

        def take(self, wait_s: float | None) -> Any:
            asks = [
                SimpleNamespace(index=index, attempt=1, host="host", value=index)
                for index in (*list(self.flying)[:2], 10**6, *self.gone[-1:])
            ]
            ended, _ = super().take(wait_s)  # type: ignore[misc]
            self.gone = [done[0] for done in ended if done[0] not in self.flying]
            return ended, asks

        gone: list[int] = []

    world = Asking(identity, seed=seed, trouble=0.2)
    machine = ListMachine(((n,) for n in range(100)), ordered=True)
    heard: list[int] = []

    def on_message(task: spm.TaskInfo, value: int) -> int:
        assert task.index in machine.running
        heard.append(value)
        return value + 1

    out = manager_world.run(world, machine, on_message=on_message)
    assert out == list(range(100))
    assert world.answers == [(index, index + 1) for index in heard]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_team_is_launched_as_a_whole_until_it_succeeds(seed: int) -> None:
    class Teams(World):
        """Hosts die under the ranks of three launches; one launch leaves what was proved."""

        def take(self, wait_s: float | None) -> Any:
            launch = len(self.launches)
            if launch <= 3 and self.random.random() < 0.5:
                lost = Failed(spm.HostLost("gone"))
                left = Failed(spm.TaskError("left"), left_proof=True)
                return self.fail_team(left if launch == 2 else lost), []
            return super().take(wait_s)

    world = Teams(lambda closure, index, row: index * row[0], seed=seed, trouble=0.2)
    machine = TeamMachine(5)
    pool: Any = SimpleNamespace(
        _backend=SimpleNamespace(run_manager=lambda closures, **_: world), _free=lambda: None
    )
    made = _TeamDriver(pool, None, (3,), machine, Settings(), 5)
    made.run_to_end()
    assert machine.results == [0, 3, 6, 9, 12]
    assert world.is_closed
    assert 1 <= len(world.launches) <= 4
    # Once it has left what was proved, it is the fallback that runs it.
    assert world.launches == sorted(world.launches)
    assert made.stats.relaunched + made.stats.deopts // 5 == len(world.launches) - 1


# Aggregate


PARTS = 3


def aggregate_machine(
    items: list[Any], *, reads_again: bool = True, retries: int = LOSSES_MAX
) -> AggregateMachine:
    return AggregateMachine(
        ((item,) for item in items),
        partitions=PARTS,
        row_at=(lambda index: (items[index],)) if reads_again else None,
        bind=lambda place, args: args,
        split=glue.splitting(lambda pairs: pairs, glue.combining(None), glue.placing(), PARTS),
        retries=retries,
    )


def phases(reduce: Any) -> Any:
    combine = glue.combining(lambda key, values: sum(values))
    joined = glue.joining()
    tasks = [
        glue.splitting(lambda n: [(n % 10, n), (n % 3, 1)], combine, glue.placing(), PARTS),
        glue.merging(joined, combine),
        glue.reducing(joined, reduce),
        glue.listing(joined),
    ]
    return lambda closure, index, row: tasks[closure](*row)


def sums(items: list[int]) -> dict[int, int]:
    found: dict[int, int] = {}
    for n in items:
        for key, value in ((n % 10, n), (n % 3, 1)):
            found[key] = found.get(key, 0) + value
    return found


@pytest.mark.parametrize("count", [1, 63, 64, 65, 700, 64 * 64 + 5])
@pytest.mark.parametrize("seed", range(4))
def test_an_aggregate_survives_the_loss_of_parts(count: int, seed: int) -> None:
    items = list(range(count))
    trouble = 0.1 if count < 1000 else 0.004
    world = World(phases(lambda key, values: sum(values)), seed=seed, trouble=trouble)
    out = manager_world.run(world, aggregate_machine(items))
    rows = sorted(out)
    assert {row[2]: row[3] for row in rows} == sums(items)
    assert [row[2] for row in rows] == list(sums(items))
    assert len(rows) == len(sums(items))


def test_parts_of_an_input_that_was_read_once_cannot_be_made_again() -> None:
    items = list(range(64 * 20))
    world = World(phases(lambda key, values: sum(values)), seed=5, trouble=0.02, deaths=10**6)
    out = manager_world.run(world, aggregate_machine(items, reads_again=False))
    assert isinstance(out[-1], Failure)
    assert isinstance(out[-1].error, spm.HostLost)
    assert "read once" in "".join(out[-1].error.__notes__)


@pytest.mark.parametrize("seed", SEEDS)
def test_keys_that_cannot_be_reduced_are_found(seed: int) -> None:
    def reduce(key: int, values: list[int]) -> int:
        if key in (4, 7):
            raise ZeroDivisionError(key)
        return sum(values)

    items = list(range(300))
    world = World(phases(reduce), seed=seed, trouble=0.1)
    out = manager_world.run(world, aggregate_machine(items), on_error=lambda error: spm.Skip())
    expected = {key: value for key, value in sums(items).items() if key not in (4, 7)}
    assert {row[2]: row[3] for row in out} == expected


# Memory


def peak_bytes(machine: Any, world: World) -> int:
    made = manager_world.driver(world, machine)
    tracemalloc.start()
    try:
        while not made.is_closed:
            made.step(None)
            machine.out.clear()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def doubled(closure: int, index: int, row: tuple[Any, ...]) -> Any:
    return [[], [], []] if closure == 0 else [] if closure != 1 else row[0][0]


@pytest.mark.parametrize(
    "make",
    [
        lambda count: ListMachine(((n,) for n in range(count)), ordered=True),
        lambda count: TemplateMachine(
            ((n, 0) for n in range(count)),
            ordered=True,
            best_first=False,
            depth_max=9,
            tasks_max=10**9,
        ),
        lambda count: aggregate_machine(range(count)),  # type: ignore[arg-type]
    ],
    ids=["list", "template", "aggregate"],
)
def test_memory_does_not_grow_with_the_number_of_tasks(make: Any) -> None:
    peaks = [peak_bytes(make(count), World(doubled, window=64)) for count in (5_000, 40_000)]
    assert peaks[1] < peaks[0] + 300_000, peaks
