"""What users read when a function cannot become Wasm: every problem, with place and help."""

import time
from pathlib import Path
from typing import Any

import pytest

import spm
from spm._closure import prepare

counter = 0
HERE = __file__


class Thing:
    size = 3


thing = Thing()


class Odd:
    size = 3

    def __getattr__(self, name: str) -> int:
        return len(name)


def several(x: int) -> int:
    global counter
    counter = x

    class Inner:
        pass

    return x


def clocks(x: int) -> float:
    return time.perf_counter() + x


def mixes(x: int) -> int:
    return len(mixed(x))


def mixed(z: int) -> Any:
    return [1, "a", z]


def reads(x: int) -> int:
    return thing.size + x


def makes(x: int) -> int:
    return Odd().size


def misspells(x: int) -> int:
    return x + missing  # type: ignore[name-defined]  # noqa: F821


def spreads(xs: list[int]) -> int:
    return clocks(*xs)  # type: ignore[return-value]


def adds_text(x: int) -> Any:
    return x + "a"  # type: ignore[operator]


async def forgets(x: int) -> Any:
    return forgets(x)


def calls_badly(x: int) -> int:
    return mixes(x, x)  # type: ignore[call-arg]


native = spm.wasm_closure(engine="native")


def failure(function: Any, *args: Any) -> spm.CompileError:
    with pytest.raises(spm.CompileError) as caught:
        prepare(native(function), args, {})
    return caught.value


def test_all_problems_are_listed_with_line_caret_and_help() -> None:
    first = several.__code__.co_firstlineno
    gutter = " " * len(str(first))
    assert str(failure(several, 1)) == (
        f"`several` cannot be compiled: 2 problems\n"
        f"\n"
        f"error[unsupported-statement]: `global counter` is not supported where `counter` is assigned\n"
        f"{gutter}--> {HERE}:{first + 1}:5\n"
        f"{gutter} |\n"
        f"{first + 1} |     global counter\n"
        f"{gutter} |     ^^^^^^^^^^^^^^\n"
        f"{gutter} = help: return the value: tasks share no variables\n"
        f"\n"
        f"error[unsupported-statement]: classes are not supported inside a closure\n"
        f"{gutter}--> {HERE}:{first + 4}:11\n"
        f"{gutter} |\n"
        f"{first + 4} |     class Inner:\n"
        f"{gutter} |           ^^^^^\n"
        f"{gutter} = help: use tuples, lists or dicts"
    )


def test_diagnostics_are_data_too() -> None:
    error = failure(several, 1)
    assert [diagnostic.code for diagnostic in error.diagnostics] == ["unsupported-statement"] * 2
    first = error.diagnostics[0]
    line = several.__code__.co_firstlineno + 1
    assert (first.file, first.line, first.column) == (HERE, line, 5)
    assert first.help == "return the value: tasks share no variables"


PROBLEMS = [
    (clocks, (1,), "unsupported-function", "time.perf_counter", "time.perf_counter()"),
    (mixes, (1,), "mixed-elements", "`str`", '[1, "a", z]'),
    (reads, (1,), "unsupported-global", "a `Thing`", "thing.size"),
    (makes, (1,), "unsupported-global", "a class that has a `__getattr__`", "Odd().size"),
    (misspells, (1,), "undefined-name", "missing", "x + missing"),
    (spreads, ([1],), "wrong-arguments", "`list[int]`", "clocks(*xs)"),
    (adds_text, (1,), "unsupported-operand", "'str'", 'x + "a"'),
    (forgets, (1,), "unsupported-expression", "never awaited", "return forgets(x)"),
    (calls_badly, (1,), "wrong-arguments", "mixes", "mixes(x, x)"),
]


@pytest.mark.parametrize(
    ("function", "args", "code", "named", "line"),
    PROBLEMS,
    ids=[row[0].__name__ for row in PROBLEMS],
)
def test_a_problem_is_named_where_it_is(
    function: Any, args: Any, code: str, named: str, line: str
) -> None:
    error = failure(function, *args)
    found = [diagnostic for diagnostic in error.diagnostics if diagnostic.code == code]
    assert found, str(error)
    assert named in found[0].message
    assert found[0].file == HERE
    assert line in Path(HERE).read_text(encoding="utf-8").splitlines()[found[0].line - 1]
    assert line in str(error)


def test_the_text_fits_a_terminal() -> None:
    for function, args, *_ in PROBLEMS:
        for line in str(failure(function, *args)).splitlines():
            assert len(line) <= 100 or line.lstrip().startswith("-->")


def test_assigning_a_captured_name_is_refused() -> None:
    total = 0

    def adds(x: int) -> int:
        nonlocal total
        total += x
        return total

    assert "nonlocal total" in str(failure(adds, 1))


def test_a_function_without_source_that_is_called_says_so() -> None:
    namespace: dict[str, Any] = {}
    exec("def hidden(x): return x", namespace)
    hidden = namespace["hidden"]

    def calls(x: int) -> int:
        return hidden(x)  # type: ignore[no-any-return]

    error = failure(calls, 1)
    assert error.diagnostics[0].code == "unsupported-global"
    assert "a function without source" in str(error)


def test_explain_tells_the_problems_instead_of_raising() -> None:
    assert "`time.perf_counter` is not supported" in native(clocks).explain(1)


def test_the_traceback_shows_no_frames_of_spm() -> None:
    import traceback

    with pytest.raises(spm.CompileError) as caught:
        native(clocks).component(1)
    files = [entry.filename for entry in traceback.extract_tb(caught.value.__traceback__)]
    assert files == [HERE]
