"""`Template`: tasks make tasks; their results come in one order, whatever ran first."""

import math
from typing import Any

import pytest

import spm


def count_down(n: int) -> int:
    if n > 0:
        spm.task.spawn(n - 1)
        if n > 1:
            spm.task.spawn(n - 2)
    return n


def walk(n: int) -> list[int]:
    found = [n]
    if n > 0:
        found += walk(n - 1)
    if n > 1:
        found += walk(n - 2)
    return found


def test_results_are_in_the_order_of_a_walk(managed: spm.Pool) -> None:
    expected = walk(5) + walk(3)
    for best_first in (False, True):
        found = spm.Template(managed, count_down, best_first=best_first).run([5, 3])
        assert found == expected
    with spm.Template(managed, count_down).stream([5, 3], ordered=False) as results:
        assert sorted(results) == sorted(expected)


@spm.wasm_closure(engine="native")
def too_many(count: int) -> int:
    for _ in range(count):
        spm.task.spawn(0)
    return count


def test_a_task_spawns_a_million_at_most() -> None:
    with (
        spm.laptop(1) as pool,
        pytest.raises(spm.SandboxViolation, match="spawned more than its limit") as raised,
    ):
        spm.Template(pool, too_many).run([1_000_001])
    assert raised.value.task is not None
    assert raised.value.task.outcome == "trapped"


def test_branch_and_bound(managed: spm.Pool) -> None:
    """The shortest tour of five towns, as the documentation has it."""

    def explore(tour: list[int], cost: float) -> list[Any] | None:
        far = [[0, 3, 4, 2, 7], [3, 0, 4, 6, 3], [4, 4, 0, 5, 8], [2, 6, 5, 0, 6], [7, 3, 8, 6, 0]]
        if cost >= spm.task.bound:
            return None
        if len(tour) == 5:
            whole = cost + far[tour[-1]][0]
            if whole >= spm.task.bound:
                return None
            spm.task.improve(whole)
            return [whole, tour]
        for town in range(1, 5):
            if town not in tour:
                longer = cost + far[tour[-1]][town]
                spm.task.spawn([*tour, town], longer, priority=-longer)
        return None

    found = spm.Template(managed, explore, best_first=True).run([[0]], [0.0])
    tours = [tour for tour in found if tour is not None]
    assert min(tours)[0] == 19


def test_limits(managed: spm.Pool) -> None:
    def forks(depth: int) -> int:
        spm.task.spawn(depth + 1)
        spm.task.spawn(depth + 1)
        return depth

    found = spm.Template(managed, forks, max_depth=3).run([0])
    assert sorted(found) == sorted([0, 1, 1, *[2] * 4, *[3] * 8])
    assert found.stats.unexplored == 16
    found = spm.Template(managed, forks, max_tasks=10).run([0, 0])
    assert len(found) == 10
    assert found.stats.unexplored > 0
    assert spm.Template(managed, forks, max_depth=0).run([7] * 3) == [7, 7, 7]
    for wrong in ({"max_depth": -1}, {"max_tasks": 0}, {"max_tasks": 1.5}):
        with pytest.raises(ValueError, match="must be an int of at least"):
            spm.Template(managed, forks, **wrong)  # type: ignore[arg-type]


def test_children_of_a_task_that_fails_do_not_count(managed: spm.Pool) -> None:
    def fails(n: int) -> int:
        if n < 3:
            spm.task.spawn(n + 1)
        if n == 2:
            raise ValueError(n)
        return n

    template = spm.Template(managed, fails, on_error="collect")
    found = template.run([0])
    assert found[:2] == [0, 1]
    assert len(found) == 3
    assert isinstance(found[2], ValueError)
    with pytest.raises(ValueError, match="2") as caught:
        spm.Template(managed, fails).run([0, 0])
    assert isinstance(caught.value, spm.TaskError)
    assert spm.Template(managed, fails, on_error=lambda error: spm.Skip()).run([0]) == [0, 1]
    assert spm.Template(managed, fails, on_error=lambda error: spm.Substitute(9)).run([0]) == [
        0,
        1,
        9,
    ]


def test_the_first_failure_in_order_is_raised(managed: spm.Pool) -> None:
    def fails(n: int) -> int:
        if n < 8:
            spm.task.spawn(2 * n, priority=0.0)
            spm.task.spawn(2 * n + 1, priority=1.0)
        if n in (5, 9):
            raise ValueError(n)
        return n

    for _ in range(3):
        with pytest.raises(ValueError, match="9"):
            spm.Template(managed, fails).run([1])


def test_depth_first_goes_by_priority_among_siblings(plain: spm.Pool) -> None:
    order: list[int] = []

    def explore(n: int) -> None:
        order.append(n)
        if n < 3:
            spm.task.spawn(n * 10 + 1)
            spm.task.spawn(n * 10 + 2, priority=1.0)

    spm.Template(plain, explore).run([1, 2])
    assert order == [1, 12, 11, 2, 22, 21]


def test_outside_a_template() -> None:
    with pytest.raises(RuntimeError, match=r"only tasks of an spm\.Template"):
        spm.task.spawn(1)
    assert spm.task.bound == math.inf
    spm.task.improve(1.0)
    assert spm.task.bound == math.inf


def test_spawned_arguments_are_as_they_were(managed: spm.Pool) -> None:
    def changes(xs: list[int]) -> list[int]:
        if len(xs) < 2:
            spm.task.spawn([*xs, 1])
            xs.append(99)
        return xs

    assert spm.Template(managed, changes).run([[0]]) == [[0, 99], [0, 1]]


def test_defaults_are_those_of_the_function(managed: spm.Pool) -> None:
    def explore(n: int, left: int = 2) -> int:
        if left:
            spm.task.spawn(n + 1, left - 1)
        else:
            return -n
        return n

    assert spm.Template(managed, explore).run([5]) == [5, 6, -7]


def test_a_dropped_stream_cancels_the_rest(managed: spm.Pool) -> None:
    def endless(n: int) -> int:
        spm.task.spawn(n + 1)
        return n

    results = spm.Template(managed, endless).stream([0])
    assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
    results.close()
    assert spm.Template(managed, count_down).run([0]) == [0]
