"""`Dag`: results flow along edges, failures too, and what was made is not made again."""

from dataclasses import dataclass
from typing import Any

import pytest

import spm


def one_more(x: int) -> int:
    return x + 1


def add(x: int, y: int) -> int:
    return x + y


def total(xs: list[int]) -> int:
    return sum(xs)


def inverse(x: int) -> float:
    return 1 / x


def untyped(x, y):  # type: ignore[no-untyped-def]
    return [x, y]


def compile_c(text: str) -> bytes:
    return b"object of " + text.encode()


def link(objects: list[bytes]) -> bytes:
    return b";".join(objects)


def check(program: bytes) -> int:
    return program.count(b";")


def test_the_program_of_the_documentation(managed: spm.Pool) -> None:
    dag = spm.Dag(managed)
    objs = [dag.add(compile_c, text) for text in ("a", "b", "c")]
    exe = dag.add(link, objs)
    dag.add(check, exe).after(*objs)
    assert dag.run() == [2]
    assert exe.result() == b"object of a;object of b;object of c"


def test_nodes_anywhere_in_arguments_become_results(managed: spm.Pool) -> None:
    dag = spm.Dag(managed)
    a, b = dag.add(one_more, 1), dag.add(one_more, 2)
    node = dag.add(untyped, {"a": a, "more": [b, (a, 7)]}, y=[])
    assert dag.run() == [[{"a": 2, "more": [3, (2, 7)]}, []]]
    assert node.result() == [{"a": 2, "more": [3, (2, 7)]}, []]


def test_lists_are_as_they_were_when_the_node_was_added(plain: spm.Pool) -> None:
    dag = spm.Dag(plain)
    nodes = [dag.add(one_more, 1)]
    dag.add(total, nodes)
    nodes.append(dag.add(one_more, 100))
    assert dag.run() == [2, 101]


def test_only_what_outputs_need_is_run(managed: spm.Pool) -> None:
    dag = spm.Dag(managed)
    a, b = dag.add(one_more, 1), dag.add(inverse, 0)
    c = dag.add(add, a, a)
    assert dag.run(c) == [4]
    with pytest.raises(RuntimeError, match="has not run"):
        spm.Dag(managed).add(one_more, 1).result()
    with pytest.raises(spm.TaskFailures):
        b.result()


def test_a_second_run_makes_nothing_twice(plain: spm.Pool) -> None:
    made = []

    def noted(x: int) -> int:
        made.append(x)
        return x

    # Plain Python shares this list; nothing else could.
    dag = spm.Dag(plain)
    a = dag.add(noted, 1)
    b = dag.add(add, a, 1)
    assert dag.run() == [2]
    c = dag.add(noted, b)
    assert dag.run() == [2]
    assert dag.run(a, b, c) == [1, 2, 2]
    assert made == [1, 2]


def test_a_failure_fails_those_that_depend_on_it_and_the_rest_runs(managed: spm.Pool) -> None:
    dag = spm.Dag(managed)
    bad = dag.add(inverse, 0)
    middle = dag.add(add, bad, 1)
    last = dag.add(add, middle, 1)
    good = dag.add(one_more, 1)
    with pytest.raises(spm.TaskFailures, match="1 of 4 nodes failed, and 2 that depend") as caught:
        dag.run()
    first, second, third = caught.value.exceptions
    assert isinstance(first, ZeroDivisionError)
    assert first.task.index == bad.index
    assert "in <spm.Node 0: inverse>" in first.__notes__
    assert isinstance(second, spm.TaskError)
    assert second.__cause__ is first
    assert third.__cause__ is second
    assert third.task.index == last.index
    assert "not run: it depends on <spm.Node 1: add>" in third.__notes__
    assert good.result() == 2
    with pytest.raises(spm.TaskError, match="was not run"):
        last.result()


def test_answers_to_failures(managed: spm.Pool) -> None:
    def answering(answer: Any) -> spm.Dag:
        dag = spm.Dag(managed, on_error=answer)
        bad = dag.add(inverse, 0)
        dag.add(one_more, bad)
        dag.add(one_more, 10)
        return dag

    assert answering(lambda error: spm.Substitute(4)).run() == [5, 11]
    skipped = answering(lambda error: spm.Skip()).run()
    assert skipped == [11]
    assert len(skipped.failures) == 2
    with pytest.raises(spm.TaskFailures):
        answering(lambda error: spm.Raise()).run()
    collected = answering("collect").run()
    assert isinstance(collected[0], spm.TaskError)
    assert collected[1] == 11
    with pytest.raises(ZeroDivisionError):
        raise collected.failures[0]
    tries = []

    def again(error: spm.TaskError) -> Any:
        tries.append(error)
        return spm.Retry() if len(tries) < 3 else spm.Raise()

    with pytest.raises(spm.TaskFailures):
        answering(again).run()
    assert len(tries) == 3


def test_priority_decides_among_those_that_can_run(plain: spm.Pool) -> None:
    order: list[int] = []
    dag = spm.Dag(plain)
    nodes = [dag.add(order.append, n) for n in range(5)]
    nodes[3].priority = 5
    nodes[1].priority = -1
    dag.run()
    assert order == [3, 0, 2, 4, 1] or not order


def test_cycles_are_refused() -> None:
    with spm.serial(sandbox=False) as pool:
        dag = spm.Dag(pool)
        a = dag.add(one_more, 1)
        b = dag.add(one_more, a)
        c = dag.add(one_more, 1).after(b)
        with pytest.raises(ValueError, match=r"Node 2: one_more> depends on <spm\.Node 0"):
            a.after(c)
        with pytest.raises(ValueError, match="depends on"):
            a.after(a)
        with pytest.raises(ValueError, match="another Dag"):
            a.after(spm.Dag(pool).add(one_more, 1))
        with pytest.raises(ValueError, match="another Dag"):
            spm.Dag(pool).add(one_more, a)


def test_a_second_manager_has_to_wait(plain: spm.Pool) -> None:
    results = spm.Farm(plain, one_more, lambda task, x: x).stream([1, 2, 3])
    dag = spm.Dag(plain)
    dag.add(one_more, 1)
    with pytest.raises(spm.SequenceError):
        dag.run()
    results.close()
    assert dag.run() == [2]


def test_a_picture(plain: spm.Pool) -> None:
    dag = spm.Dag(plain)
    layer = [dag.add(one_more, n) for n in range(40)]
    for _ in range(40):
        layer = [dag.add(add, x, y) for x, y in zip(layer, layer[1:] + layer[:1], strict=True)]
    dag.add(inverse, 0)
    with pytest.raises(spm.TaskFailures):
        dag.run()
    drawn = dag._repr_html_()
    assert drawn.startswith("<svg")
    assert drawn.endswith("</svg>")
    assert "and 29 more" in drawn
    assert "more layers" in drawn
    assert len(drawn) < 200_000
    assert spm.Dag(plain).svg().startswith("<svg")


def test_stats_and_a_gantt(managed: spm.Pool) -> None:
    dag = spm.Dag(managed)
    for n in range(10):
        dag.add(one_more, n)
    stats = dag.run().stats
    assert (stats.submitted, stats.done, stats.failed) == (10, 10, 0)
    assert sum(row.tasks for row in stats.hosts.values()) == 10
    assert stats.gantt().svg().count("<rect") == 10


def test_a_hundred_thousand_nodes(managed: spm.Pool) -> None:
    dag = spm.Dag(managed)
    count = 2_000 if "serial" in repr(managed) or len(managed.hosts) == 1 else 100_000
    layer = [dag.add(one_more, n) for n in range(count // 10)]
    for _ in range(9):
        layer = [dag.add(one_more, node) for node in layer]
    assert dag.run() == [n + 10 for n in range(count // 10)]


def test_unannotated_parameters_take_any_result(managed: spm.Pool) -> None:
    dag = spm.Dag(managed)
    first = dag.add(untyped, 1, "a")
    second = dag.add(untyped, first, first)
    assert dag.run() == [[[1, "a"], [1, "a"]]]
    assert second.result() == [[1, "a"], [1, "a"]]


@dataclass
class Point:
    x: int


@dataclass
class Box:
    corner: Point


def test_instances_pass_closures_that_do_not_refer_to_their_classes(managed: spm.Pool) -> None:
    dag = spm.Dag(managed)
    point = dag.add(lambda x: Point(x), 3)
    box = dag.add(lambda point: Box(point), point)
    number = dag.add(lambda box, point: box.corner.x + point.x, box, point)
    both = dag.add(lambda box: [box, box.corner], box)
    assert dag.run(number, both) == [6, [Box(Point(3)), Point(3)]]


def test_a_native_closure_says_which_parameter_it_knows_no_type_of() -> None:
    python = spm.wasm_closure(engine="python")(lambda x: {x: [x]})
    native = spm.wasm_closure(engine="native")(lambda x: x)
    with spm.serial() as pool:
        dag = spm.Dag(pool)
        dag.add(native, dag.add(python, 1))
        with pytest.raises(spm.CompileError, match="argument 0"):
            dag.run()


def counted(n: int) -> list[int]:
    return list(range(n))


def summed(items: list[int]) -> int:
    return sum(items)


def test_closures_beside_the_first_are_no_fallbacks(managed: spm.Pool) -> None:
    dag = spm.Dag(managed)
    last = dag.add(summed, dag.add(counted, 5))
    results = dag.run()
    assert last.result() == 10
    assert results.stats.deopts == 0
    assert results.stats.done == 2
