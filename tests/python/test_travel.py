"""What travels to the `python` engine, what does not and why, and when it is taken."""

import importlib
import importlib.util
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import spm
from spm._closure import prepare

LOCK = threading.Lock()
LIMIT = 3
SHARED: list[int] = [1]
PAIRS = [SHARED, SHARED]

python = spm.wasm_closure(engine="python")


@pytest.fixture(scope="module")
def pool() -> Iterator[spm.Pool]:
    with spm.serial() as made:
        yield made


class Shape:
    def __init__(self, size: float) -> None:
        self.size = size

    def area(self) -> float:
        return self.size**2


def test_auto_takes_native_where_it_can_and_python_where_not(pool: spm.Pool) -> None:
    @spm.wasm_closure
    def doubles(x: int) -> int:
        return 2 * x

    @spm.wasm_closure
    def digits(x: int) -> int:
        return len(re.findall("[0-9]", str(x)))

    assert doubles.engine is None
    assert pool.submit(doubles, 4).result() == 8
    assert doubles.engine == "native"
    assert pool.submit(digits, -42).result() == 2
    assert digits.engine == "python"
    told = digits.explain(1)
    assert "runs in the `python` engine" in told
    assert "`re.findall` is not supported" in told


def test_an_engine_that_is_insisted_on_is_taken(pool: spm.Pool) -> None:
    def adds(x: int) -> int:
        return x + 1

    in_python = python(adds)
    assert pool.submit(in_python, 2**70).result() == 2**70 + 1
    assert in_python.engine == "python"

    def finds(x: int) -> bool:
        return re.search("1", str(x)) is not None

    with pytest.raises(spm.CompileError, match=r"`re\.search` is not supported"):
        pool.submit(spm.wasm_closure(engine="native")(finds), 1)


def test_what_cannot_travel_is_named_with_place_and_help(pool: spm.Pool) -> None:
    stream = sys.stdout

    def blocks(x: int) -> int:
        with LOCK:
            stream.write("x")
        return x

    with pytest.raises(spm.CompileError) as caught:
        pool.submit(python(blocks), 1)
    text = str(caught.value)
    line = blocks.__code__.co_firstlineno + 1
    assert "blocks` cannot travel: 2 problems" in text
    assert "`LOCK` is a `lock`, which cannot travel" in text
    assert f"--> {__file__}:{line}:14" in text
    assert "^^^^" in text
    assert "= help: make it inside the function" in text
    assert {diagnostic.code for diagnostic in caught.value.diagnostics} == {"cannot-travel"}
    assert (caught.value.diagnostics[0].line, caught.value.diagnostics[0].column) in {
        (line, 14),
        (line + 1, 13),
    }


def test_assigning_what_is_outside_is_refused(pool: spm.Pool) -> None:
    total = 0

    def counts(x: int) -> int:
        nonlocal total
        total += x
        return total

    with pytest.raises(spm.CompileError, match=r"`total` is assigned by .*counts"):
        pool.submit(python(counts), 1)


def test_generator_functions_are_refused(pool: spm.Pool) -> None:
    def numbers(n: int) -> Iterator[int]:
        yield from range(n)

    with pytest.raises(spm.CompileError, match="return a list"):
        pool.submit(python(numbers), 1)


def test_live_values_travel_each_time(pool: spm.Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = python(lambda x: x + LIMIT)
    assert pool.submit(reads, 1).result() == 4
    monkeypatch.setattr(sys.modules[__name__], "LIMIT", 30)
    assert pool.submit(reads, 1).result() == 31


def test_things_that_are_shared_stay_shared(pool: spm.Pool) -> None:
    def changes() -> Any:
        SHARED.append(2)
        return PAIRS, PAIRS[0] is PAIRS[1], PAIRS[0] is SHARED

    assert pool.submit(python(changes)).result() == ([[1, 2], [1, 2]], True, True)
    assert SHARED == [1]
    assert pool.submit(python(changes)).result() == ([[1, 2], [1, 2]], True, True)


def test_instances_of_a_class_that_only_an_argument_brings_cross(pool: spm.Pool) -> None:
    def area(shape: Any) -> Any:
        return shape.area(), shape

    value, shape = pool.submit(python(area), Shape(3.0)).result()
    assert value == 9.0
    assert type(shape) is Shape
    assert shape.size == 3.0


def test_packages_travel_by_content(pool: spm.Pool, tmp_path: Path) -> None:
    package = tmp_path / "toolbox"
    package.mkdir()
    (package / "__init__.py").write_text("from .inner import triple\nNAME = 'box'\n")
    (package / "inner.py").write_text(
        "import json\ndef triple(x):\n    return json.loads(str(3 * x))\n"
    )
    (package / "data.txt").write_text("seven")
    sys.path.insert(0, str(tmp_path))
    importlib.invalidate_caches()
    try:

        def uses(x: int) -> Any:
            import importlib.resources

            import toolbox  # type: ignore[import-not-found]

            text = importlib.resources.files("toolbox").joinpath("data.txt").read_text()
            return toolbox.triple(x), toolbox.NAME, text

        included = spm.wasm_closure(engine="python", include=["toolbox"])(uses)
        assert pool.submit(included, 4).result() == (12, "box", "seven")
    finally:
        sys.path.remove(str(tmp_path))
        sys.modules.pop("toolbox", None)


def test_include_names_what_cannot_be_found(pool: spm.Pool) -> None:
    missing = spm.wasm_closure(engine="python", include=["no_such_package"])(len)
    with pytest.raises(spm.CompileError, match=r"no_such_package.*cannot be found"):
        pool.submit(missing, [1])


def test_compiled_packages_are_refused_with_a_way_out(pool: spm.Pool) -> None:
    import numpy as np

    def mean(xs: list[float]) -> float:
        return float(np.mean(xs))

    with pytest.raises(spm.CompileError, match="`numpy` is compiled code") as caught:
        pool.submit(python(mean), [1.0])
    assert "scientific" in str(caught.value)


def test_modules_that_make_no_sense_say_why(pool: spm.Pool) -> None:
    def draws() -> None:
        import tkinter as tk

        tk.Tk()

    with pytest.raises(ImportError, match="display"):
        pool.submit(python(draws)).result()


def test_each_task_finds_what_no_other_has_touched(pool: spm.Pool) -> None:
    def leaves_traces(x: int) -> Any:
        import json

        seen = getattr(json, "seen", 0)
        json.seen = seen + 1  # type: ignore[attr-defined]
        return seen

    assert list(pool.map(python(leaves_traces), range(5))) == [0] * 5
    kept = spm.wasm_closure(engine="python", isolation="session")(leaves_traces)
    assert list(pool.map(kept, range(5))) == [0, 1, 2, 3, 4]


def test_recursion_memory_and_exit_are_outcomes(pool: spm.Pool) -> None:
    def recurses(n: int) -> int:
        return recurses(n + 1)

    def hoards(n: int) -> int:
        kept = []
        while True:
            kept.append(bytearray(1 << 20))

    def leaves(n: int) -> None:
        sys.exit(n)

    with pytest.raises(RecursionError):
        pool.submit(python(recurses), 0).result()
    with pytest.raises(MemoryError):
        pool.submit(python(hoards), 0).result()
    with pytest.raises(spm.RemoteException, match=r"SystemExit\(3\)") as caught:
        pool.submit(python(leaves), 3).result()
    assert caught.value.class_name == "SystemExit"
    assert pool.submit(python(abs), -1).result() == 1


def test_a_command_line_has_source_too() -> None:
    program = (
        "import spm\n"
        "class E(Exception): pass\n"
        "def f(x):\n"
        "    try: raise E(x)\n"
        "    except E as e: return e.args[0] + 1\n"
        "with spm.serial() as pool: print(pool.submit(f, 1).result(), f.__name__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout == "2 f\n", done.stderr


def test_c_code_that_recurses_without_end_raises(pool: spm.Pool) -> None:
    def deep(n: int) -> str:
        nested: Any = []
        for _ in range(n):
            nested = [nested]
        return repr(nested)

    with pytest.raises(RecursionError):
        pool.submit(python(deep), 100_000).result()


def test_folders_are_refused_with_a_way_out() -> None:
    reads = spm.wasm_closure(engine="python", allow=["fs:ro:/etc"])(len)
    for made in (spm.laptop(1), spm.serial()):
        with (
            made as pool,
            pytest.raises(spm.ClosureRefused, match="pass what is in the files") as refused,
        ):
            pool.submit(reads, [1]).result()
        assert len(refused.value.reasons) == 1


class Config:
    def __init__(self) -> None:
        self.level = 1


class Registry:
    items: list[int] = []
    config = Config()


CONFIG = Config()
OPERATIONS = {"f": abs}
NESTED = (1, [2])


def increments(x: int) -> int:
    return x + 1


def with_default(seen: dict[str, int] = {}) -> int:
    return len(seen)


def counted() -> Any:
    return counted.calls  # type: ignore[attr-defined]


def reads_instance() -> Any:
    return CONFIG.level


def reads_operations() -> Any:
    return OPERATIONS["f"](-1)


def reads_default() -> Any:
    return with_default()


def reads_items() -> Any:
    return Registry.items, Registry.config.level


def reads_attribute() -> Any:
    return counted()


def reads_nested() -> Any:
    return NESTED


def change_attributes() -> None:
    Registry.config.level += 1


def change_calls() -> None:
    counted.calls += 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("function", "change"),
    [
        (reads_instance, lambda: vars(CONFIG).update(level=CONFIG.level + 1)),
        (reads_operations, lambda: OPERATIONS.update(f=increments)),
        (reads_default, lambda: with_default.__defaults__[0].update(a=1)),
        (reads_items, change_attributes),
        (reads_attribute, change_calls),
        (reads_nested, lambda: NESTED[1].append(3)),
    ],
    ids=lambda it: getattr(it, "__name__", ""),
)
def test_what_is_changed_in_place_travels_as_it_is_now(
    pool: spm.Pool, function: Any, change: Any
) -> None:
    counted.calls = 0  # type: ignore[attr-defined]
    closure = python(function)
    before = pool.submit(closure).result()
    assert before == function()
    change()
    assert function() != before
    assert pool.submit(closure).result() == function()


def test_what_did_not_change_is_the_same_closure() -> None:
    closure = python(reads_instance)
    first, _ = prepare(closure, (), {})
    assert prepare(closure, (), {})[0] is first
    CONFIG.level += 1
    assert prepare(closure, (), {})[0] is not first


def test_the_debuggers_pool_takes_what_the_others_take() -> None:
    def grows(shape: Shape) -> Shape:
        shape.size += 1
        return shape

    given = Shape(3.0)
    with spm.serial(sandbox=False) as plain:
        assert plain.submit(grows, given).result().size == 4.0
    assert given.size == 3.0


def test_the_guests_compiler_does_not_warn_of_what_yours_does_not(
    pool: spm.Pool, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "odd.py"
    path.write_text(
        "def odd(x):\n    try:\n        x += 1\n    finally:\n        return x  # 3.14 warns\n"
    )
    spec = importlib.util.spec_from_file_location("odd", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert pool.submit(python(module.odd), 1).result() == 2
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "make", [spm.serial, lambda: spm.laptop(1), lambda: spm.laptop(1, processes=True)]
)
def test_your_own_machine_grants_what_you_ask_for(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPM_TEST_VARIABLE", "seven")

    def looks() -> Any:
        import os
        import time

        return time.time(), os.environ.get("SPM_TEST_VARIABLE"), os.environ.get("PATH")

    allowed = spm.wasm_closure(engine="python", allow=["clock", "env:SPM_TEST_VARIABLE"])(looks)
    begun = time.time()
    with make() as pool:
        seconds, variable, path = pool.submit(allowed).result()
        stub = pool.submit(python(looks)).result()
    assert begun - 1 <= seconds <= time.time() + 1
    assert (variable, path) == ("seven", None)
    assert stub[0] < 1e9
    assert stub[1:] == (None, None)
