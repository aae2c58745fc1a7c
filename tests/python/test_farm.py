"""`Farm`: tasks ask the hub, which answers where results are taken."""

import threading
from typing import Any

import pytest

import spm


def asks(x: int) -> int:
    return spm.hub.ask(x) + spm.hub.ask(2 * x)


def asks_once(x: Any) -> Any:
    return spm.hub.ask(x)


def keeps_asking(x: int) -> int:
    try:
        return spm.hub.ask(x)
    except Exception:
        return -1


def test_answers_come_back(managed: spm.Pool) -> None:
    seen = []

    def on_message(task: spm.TaskInfo, x: int) -> int:
        seen.append((task.index, x))
        return 10 * x

    farm = spm.Farm(managed, asks, on_message)
    assert farm.run([1, 2, 3]) == [30, 60, 90]
    assert sorted(seen) == [(0, 1), (0, 2), (1, 2), (1, 4), (2, 3), (2, 6)]


def test_the_program_of_the_documentation(managed: spm.Pool) -> None:
    incumbent: set[int] = set()
    spm.Farm(managed, asks_once, on_message=lambda task, x: incumbent.update([x])).run([1, 2])
    assert incumbent == {1, 2}


def test_on_message_runs_where_results_are_taken(managed: spm.Pool) -> None:
    threads = set()

    def on_message(task: spm.TaskInfo, x: int) -> int:
        threads.add(threading.get_ident())
        return x

    with spm.Farm(managed, asks_once, on_message).stream(range(5), ordered=False) as results:
        assert sorted(results) == list(range(5))
    assert threads == {threading.get_ident()}


def test_values_are_copies_on_both_ways(managed: spm.Pool) -> None:
    kept: list[Any] = []

    def on_message(task: spm.TaskInfo, x: Any) -> Any:
        kept.append(x)
        return x

    question = {"a": [1, 2.5, None], "b": (True, "x")}
    assert spm.Farm(managed, asks_once, on_message).run([question]) == [question]
    assert kept == [question]
    assert kept[0] is not question


def test_an_exception_of_on_message_ends_the_run(managed: spm.Pool) -> None:
    def on_message(task: spm.TaskInfo, x: int) -> int:
        raise KeyError(x)

    farm = spm.Farm(managed, keeps_asking, on_message)
    with pytest.raises(KeyError, match="0") as caught:
        farm.run([0])
    assert not isinstance(caught.value, spm.TaskError)
    assert spm.Farm(managed, asks_once, lambda task, x: x).run([5]) == [5]


def test_what_cannot_travel_is_refused(managed: spm.Pool) -> None:
    with pytest.raises(TypeError):
        spm.Farm(managed, asks_once, lambda task, x: threading.Lock()).run([1])


def test_only_farms_answer(managed: spm.Pool) -> None:
    with pytest.raises(RuntimeError, match=r"only tasks of an spm\.Farm"):
        spm.List(managed, asks_once).run([1])
    with pytest.raises(RuntimeError, match=r"only tasks of an spm\.Farm"):
        spm.hub.ask(1)


def test_failures_are_those_of_a_list(managed: spm.Pool) -> None:
    def inverse(x: int) -> float:
        return 1 / spm.hub.ask(x)

    def farm(**options: Any) -> spm.Farm[float]:
        return spm.Farm(managed, inverse, lambda task, x: x, **options)

    with pytest.raises(ZeroDivisionError) as caught:
        farm().run([1, 0, 2])
    assert isinstance(caught.value, spm.TaskError)
    assert caught.value.task.index == 1
    collected = farm(on_error="collect").run([1, 0, 2])
    assert collected[::2] == [1.0, 0.5]
    assert isinstance(collected[1], ZeroDivisionError)
    assert farm(on_error=lambda error: spm.Skip()).run([1, 0, 2]) == [1.0, 0.5]
    assert farm(on_error=lambda error: spm.Substitute(7.0)).run([0]) == [7.0]


def test_input_is_read_lazily(managed: spm.Pool) -> None:
    read = []

    def numbers() -> Any:
        for n in range(10**9):
            read.append(n)
            yield n

    results = spm.Farm(managed, asks_once, lambda task, x: x).stream(numbers())
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    results.close()
    assert len(read) < 10**6


def test_progress_and_status_are_told(managed: spm.Pool) -> None:
    told: list[spm.Status] = []
    seen: list[spm.Progress] = []
    farm = spm.Farm(
        managed, asks_once, lambda task, x: x, on_status=told.append, progress=seen.append
    )
    assert farm.run(range(4)) == list(range(4))
    assert sorted(status.task.index for status in told) == [0, 1, 2, 3]
    assert seen[-1].done == 4
