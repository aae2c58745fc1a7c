"""Closures in Rust, on pools of every kind."""

import array
import collections
import dataclasses
import enum
import inspect
import io
import pickle
import struct
import sys
import traceback
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import spm
from spm import _spm

sys.path.insert(0, str(Path(__file__).parent))

from rust_guests import example, guest


@dataclasses.dataclass
class Point:
    x: float
    y: float


@dataclasses.dataclass
class Moved:
    points: list[Point]
    colour: object


class Colour(enum.Enum):
    Red = 1


class Custom(Exception):
    pass


@pytest.fixture(scope="module")
def stats() -> spm.Closure[..., Any]:
    return spm.load(example())


@pytest.fixture(scope="module")
def failing() -> spm.Closure[..., Any]:
    return spm.load(guest("failing"), classes=[Custom], memory_mib=16)


@pytest.fixture(scope="module")
def tasks() -> spm.Closure[..., Any]:
    return spm.load(guest("tasks"))


def raised(function: Any, *args: Any) -> Any:
    with pytest.raises(Exception) as caught:
        function(*args)
    return caught.value


def test_a_guest_looks_like_a_function(stats: spm.Closure[..., Any]) -> None:
    assert isinstance(stats, spm.Closure)
    assert stats.__name__ == "stats"
    assert inspect.getdoc(stats) == (
        "Describe a sample of numbers.\n\n"
        "Without numbers there is nothing to describe, which is a ValueError."
    )
    assert str(inspect.signature(stats)) == "(label: str, xs: list[float]) -> 'Stats'"
    assert stats.engine == "guest"
    assert stats.cid == _spm.content_id(stats.component())
    assert stats.source == "fn stats(label: String, xs: Vec<f64>) -> Result<Stats>"
    assert "128 KiB of memory" in stats.explain()
    assert len(stats.component()) < 80_000
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(stats)


def test_a_guest_runs_on_every_pool(stats: spm.Closure[..., Any], pool: spm.Pool) -> None:
    found = list(pool.map(stats, ["a", "b"], [[1.0, 2, 4.5], [7.0]]))
    assert [row["mean"] for row in found] == [2.5, 7.0]
    assert found[0] == stats("a", xs=[1, 2, 4.5])
    assert pool.submit(stats, xs=[1.0], label="k").result()["deviation"] is None
    gathered = spm.List(pool, stats, on_error="collect").run(["a", "b"], [[1.0], []])
    assert isinstance(gathered[1], ValueError)


def test_a_guest_in_plain_python_has_its_sandbox(
    stats: spm.Closure[..., Any], plain: spm.Pool
) -> None:
    assert list(plain.map(stats, ["a"], [[1.0]])) == [stats("a", [1.0])]


def test_a_component_can_be_loaded(stats: spm.Closure[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "component.wasm"
    path.write_bytes(stats.component())
    again = spm.load(str(path))
    assert again.cid == stats.cid
    assert again("a", [1.0]) == stats("a", [1.0])


def test_what_is_no_guest_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.wasm"
    for content, why in [
        (b"", "cannot be a closure"),
        (b"\0asm\1\0\0\0", "not a module of the world"),
        (b"\0asm\x0d\0\1\0", "does not export the function `define`"),
    ]:
        path.write_bytes(content)
        with pytest.raises(spm.CompileError, match=why):
            spm.load(path)
    with pytest.raises(FileNotFoundError):
        spm.load(tmp_path / "none.wasm")
    with pytest.raises(TypeError, match="dataclasses and exception classes"):
        spm.load(example(), classes=[int])


def test_values_there_and_back(pool: spm.Pool) -> None:
    values = spm.load(guest("values"))
    assert str(inspect.signature(values)) == (
        "(anything: 'Any', pair: tuple[int, str], bytes: bytes, option: int | None, "
        "table: dict[int, list[float]]) -> 'tuple[Any, tuple[int, str], bytes, int | None, "
        "dict[int, list[float]]]'"
    )
    rows = [
        (None, (3, "ü"), b"\0\xff", None, {}),
        ({"a": [1, 2.5, True, None, "x", {}], "b": b"\xff"}, (255, "z"), b"", -5, {-7: [0.5]}),
        (2**63 - 1, (0, "a"), b"x" * 100_000, -(2**100), {1: [], 2: [1.0]}),
        (-(2**63), (0, "a"), b"", 1, {}),
        (float("inf"), (0, "a"), b"", 2**127 - 1, {}),
    ]
    assert list(pool.map(values, *zip(*rows, strict=True))) == rows
    (nan, *_), *_ = pool.map(values, [float("nan")], [(0, "a")], [b""], [None], [{}])
    assert struct.pack("d", nan) == struct.pack("d", float("nan"))


@pytest.mark.parametrize(
    "xs",
    [
        (1, 2.5),
        collections.deque([1.0, 2.5]),
        array.array("d", [1.0, 2.5]),
        array.array("f", [1.0, 2.5]),
        np.array([1.0, 2.5]),
        np.array([1.0, 2.5], dtype=">f4"),
        [np.float64(1), np.float32(2.5)],
        {1.0, 2.5},
    ],
    ids=lambda xs: type(xs).__name__,
)
def test_sequences_of_every_kind(stats: spm.Closure[..., Any], xs: Any) -> None:
    assert stats("a", xs) == stats("a", [1.0, 2.5])


def test_arguments_that_do_not_fit(stats: spm.Closure[..., Any], pool: spm.Pool) -> None:
    with pytest.raises(TypeError, match=r"stats\(\): missing a required argument: 'xs'"):
        pool.submit(stats, "a").result()
    with pytest.raises(
        TypeError, match=r"^stats\(\) argument `xs`: expected f64, not a str"
    ) as caught:
        pool.submit(stats, "a", [1.0, "x"]).result()
    assert isinstance(caught.value, spm.TaskError)
    with pytest.raises(TypeError, match="a function cannot cross the sandbox"):
        pool.submit(stats, "a", [len]).result()


def test_classes(pool: spm.Pool) -> None:
    points = [Point(1, 2.5), {"x": 0, "y": 1}]
    plain = spm.load(guest("shapes"))
    found = pool.submit(plain, points, Point(1, 1), Colour.Red).result()
    assert found == {"points": [{"x": 2, "y": 3.5}, {"x": 1, "y": 2}], "colour": "Red"}
    typed = spm.load(guest("shapes"), classes=[Moved, Point])
    assert inspect.signature(typed).parameters["points"].annotation == list[Point]
    assert inspect.signature(typed).return_annotation is Moved
    found = pool.submit(typed, points, Point(1, 1), Colour.Red).result()
    assert found == Moved([Point(2, 3.5), Point(1, 2)], "Red")
    found = pool.submit(typed, [], {"x": 0, "y": 0}, None).result()
    assert found == Moved([], {"Mixed": {"red": 1, "blue": 2}})


RAISED = {
    "error": (ValueError, ("a value",)),
    "own": (LookupError, ("thing", 404)),
    "parsed": (ValueError, ("invalid digit found in string",)),
    "library": (RuntimeError, ("the library failed",)),
    "class": (Custom, ("of the user's",)),
    "panic": (RuntimeError, ("it panicked",)),
    "unwrap": (RuntimeError, ("called `Option::unwrap()` on a `None` value",)),
    "index": (IndexError, ("index out of bounds: the len is 3 but the index is 100",)),
    "overflow": (OverflowError, ("attempt to add with overflow",)),
    "assert": (RuntimeError, ("n is 100",)),
    "loud": (RuntimeError, ("after",)),
    "other": (NotImplementedError, ("other",)),
}


def test_errors_and_panics_are_exceptions(failing: spm.Closure[..., Any], pool: spm.Pool) -> None:
    lines = (Path(__file__).parent / "guests/examples/failing.rs").read_text().splitlines()
    with redirect_stdout(io.StringIO()) as output:
        for how, (kind, args) in RAISED.items():
            error = raised(pool.submit(failing, how, 100).result)
            assert isinstance(error, kind), how
            assert isinstance(error, spm.TaskError)
            assert error.args == args
            assert error.task.engine == "guest"
            frame = traceback.extract_tb(error.__traceback__)[-1]
            assert frame.filename == "examples/failing.rs"
            assert frame.name == "failing"
            place = lines[(frame.lineno or 0) - 1]
            assert f'"{how}"' in place or how in ("assert", "loud", "other"), (how, place)
    assert output.getvalue() == "before 100\n"
    assert isinstance(raised(failing, "divide", 0), ZeroDivisionError)
    cause = raised(failing, "library", 0).__cause__
    assert isinstance(cause, RuntimeError)
    assert cause.args == ("invalid digit found in string",)


def test_traps(failing: spm.Closure[..., Any], parallel: spm.Pool) -> None:
    submit = parallel.submit
    assert isinstance(raised(submit(failing, "abort", 0).result), spm.SandboxViolation)
    assert isinstance(raised(submit(failing, "memory", 2**30).result), MemoryError)
    assert isinstance(
        raised(submit(failing, "deep", 10**6).result), (RecursionError, spm.SandboxViolation)
    )
    limited = parallel.options(task_deadline_s=0.2)
    assert isinstance(raised(limited.submit(failing, "spin", 0).result), spm.DeadlineExceeded)
    assert submit(failing, "not", 5).result() == 5


def test_an_instance_for_all_tasks_of_a_session(pool: spm.Pool) -> None:
    failing = spm.load(guest("failing"), classes=[Custom], isolation="session")
    hows = ["not", "error", "not", "class", "panic", "not"] * 20
    found = spm.List(pool, failing, on_error="collect").run(hows, range(len(hows)))
    assert found[0::6] == list(range(0, 120, 6))
    assert all(isinstance(error, Custom) for error in found[3::6])
    assert all(isinstance(error, RuntimeError) for error in found[4::6])
    assert found[5::6] == list(range(5, 120, 6))


def test_what_tasks_know(tasks: spm.Closure[..., Any], pool: spm.Pool) -> None:
    with redirect_stdout(io.StringIO()) as output:
        found = list(pool.map(tasks, ["know"] * 3, [5, 6, 7]))
    assert found == [[0, 1, 5], [1, 1, 6], [2, 1, 7]]
    assert sorted(output.getvalue().splitlines()) == [
        *["half a line"] * 3,
        "task 0",
        "task 1",
        "task 2",
    ]


def test_the_managers_of_others_are_not_there(tasks: spm.Closure[..., Any]) -> None:
    for what, why in [
        ("ask", "hub::ask is for tasks of a Farm"),
        ("spawn", "task::bound is for tasks of a Template"),
    ]:
        with pytest.raises(RuntimeError, match=why):
            tasks(what, 1)
    assert tasks("team", 3) == [0, 0]


def test_a_farm(tasks: spm.Closure[..., Any], pool: spm.Pool) -> None:
    farm = spm.Farm(pool, tasks, lambda task, x: x[1] * 10 if isinstance(x, tuple) else x + 1)
    assert farm.run(["ask"] * 3, [1, 2, 3]) == [[10, 2], [20, 3], [30, 4]]


def test_a_template(tasks: spm.Closure[..., Any], pool: spm.Pool) -> None:
    found = spm.Template(pool, tasks).run(["spawn"], [4])
    assert sorted(found) == [[0], [1], [2], [3], [4]]


def test_a_team(tasks: spm.Closure[..., Any], pool: spm.Pool) -> None:
    assert spm.Team(pool, tasks, size=3).run("team", 5) == [[0, 5, 10, 3]] * 3


def test_a_dag(stats: spm.Closure[..., Any], tasks: spm.Closure[..., Any], pool: spm.Pool) -> None:
    dag = spm.Dag(pool)
    first = dag.add(tasks, "team", 2)
    last = dag.add(stats, "sum", first)
    assert dag.run(last)[0]["count"] == 2
