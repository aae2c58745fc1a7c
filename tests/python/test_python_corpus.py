"""The `python` engine does what CPython does: the corpus, function by function, here and in sandboxes.

`SPM_PYTHONS` may name more interpreters, separated as in `PATH`: the corpus must not depend on the
version of CPython.
"""

import array
import collections
import copy
import datetime as dt
import decimal
import enum
import fractions
import functools
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import spm

sys.path.insert(0, str(Path(__file__).parent))

from corpus import (
    Case,
    classes,
    closures,
    coroutines,
    decorators,
    exceptions_user,
    load,
)
from corpus.dataclass_kinds import Item, Special, Version
from corpus.enums import Access, Colour
from outcomes import outcome, outcomes_of, raised, signature

HERE = Path(__file__).parent
CASES = load()

# Of each theme, what also runs on host processes: every sixth function.
SAMPLED_EVERY = 6
BY_THEME = {
    theme: [case for case in CASES if case.theme == theme]
    for theme in sorted({case.theme for case in CASES})
}
SAMPLE = [case for cases in BY_THEME.values() for case in cases[::SAMPLED_EVERY]]


@pytest.fixture(scope="module")
def serial() -> Iterator[spm.Pool]:
    with spm.serial() as made:
        yield made


@pytest.fixture(scope="module")
def processes() -> Iterator[spm.Pool]:
    with spm.laptop(2, processes=True) as made:
        yield made


def sandboxed(pool: spm.Pool, closure: Any, args: tuple[Any, ...]) -> Any:
    """The outcome of a task. A closure that is refused fails the test with its own message."""
    future = pool.submit(closure, *copy.deepcopy(args))
    return outcome(future.result)


def agree(pool: spm.Pool, case: Case) -> None:
    """Each call of the case, in a sandbox and in plain CPython."""
    closure = spm.wasm_closure(engine="python")(case.function)
    for args in case.calls:
        # The sandbox is first: it must not see what a plain call may have left behind.
        found = sandboxed(pool, closure, args)
        (expected,) = outcomes_of(case.function, [args])
        assert found == expected, f"{case.name}{args!r}"


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_engine_agrees_with_cpython(serial: spm.Pool, case: Case) -> None:
    agree(serial, case)


@pytest.mark.parametrize("case", SAMPLE, ids=[case.name for case in SAMPLE])
def test_the_engine_agrees_with_cpython_on_host_processes(processes: spm.Pool, case: Case) -> None:
    agree(processes, case)


def can_be_mapped(case: Case) -> bool:
    """Whether its calls all return, and have the same number of arguments."""
    lengths = {len(args) for args in case.calls}
    returned = all(kind == "returned" for kind, _ in outcomes_of(case.function, case.calls))
    return returned and len(case.calls) > 1 and len(lengths) == 1


def test_a_map_gives_what_single_tasks_give(processes: spm.Pool) -> None:
    """A case of each theme that has one, in one map."""
    for cases in BY_THEME.values():
        for case in filter(can_be_mapped, cases[:8]):
            closure = spm.wasm_closure(engine="python")(case.function)
            columns = zip(*copy.deepcopy(case.calls), strict=True)
            found = [("returned", signature(value)) for value in processes.map(closure, *columns)]
            assert found == outcomes_of(case.function, case.calls), case.name
            break


CALLABLES: list[tuple[Any, tuple[Any, ...]]] = [
    (lambda x: [x, x], (1,)),
    (closures.add_five, (2,)),
    (closures.make_adder([3]), ([1],)),
    (closures.compose(str, len), (12345,)),
    (functools.partial(closures.with_defaults, 1, c="c"), (2, 3)),
    (closures.Powers().make, (4,)),
    (Version.parse, ("3.14",)),
    (classes.Point.distance, (classes.Point(0, 0), classes.Point(3, 4))),
    (Item("pen", 2.5).total, (4,)),
    (decorators.double, (21,)),
    (decorators.fib, (30,)),
    (decorators.describe, ([1, "x"],)),
    (decorators.CountCalls(decorators.counted.function), (1,)),
    (Colour.BLUE.__class__.default, ()),
    (json.dumps, ([1, None],)),
    (str.upper, ("abc",)),
    (coroutines.add, (1, 2)),
    (exceptions_user.with_any_arguments, (1, 2)),
]


@pytest.mark.parametrize(("function", "args"), CALLABLES, ids=range(len(CALLABLES)))
def test_callables_of_all_kinds_run(serial: spm.Pool, function: Any, args: Any) -> None:
    closure = spm.wasm_closure(engine="python")(function)
    found = sandboxed(serial, closure, args)
    assert [found] == outcomes_of(function, [args])


def test_session_isolation_changes_no_outcome(serial: spm.Pool) -> None:
    """Functions that leave their module as they found it do not notice who ran before them."""
    for case in SAMPLE[::4]:
        closure = spm.wasm_closure(engine="python", isolation="session")(case.function)
        for args in [*case.calls, *case.calls]:
            found = sandboxed(serial, closure, args)
            assert [found] == outcomes_of(case.function, [args]), f"{case.name}{args!r}"


def fails_with(what: Any) -> None:
    raise ValueError("bad", what())


def a_function() -> Any:
    return fails_with


def a_signal() -> Any:
    try:
        return decimal.Decimal("x")
    except decimal.InvalidOperation as error:
        return error.args[0]


@pytest.mark.parametrize("make", [a_function, a_signal])
def test_an_argument_that_cannot_cross_arrives_as_text_and_a_note_says_so(
    serial: spm.Pool, make: Any
) -> None:
    def raising() -> None:
        fails_with(make)

    with pytest.raises(ValueError, match="bad") as caught:
        serial.submit(spm.wasm_closure(engine="python")(raising)).result()
    first, second = caught.value.args
    assert first == "bad"
    assert isinstance(second, str)
    assert any("cannot cross" in note for note in caught.value.__notes__)


# The corpus itself.


def test_the_corpus_is_as_large_and_as_varied_as_it_should_be() -> None:
    raising = [
        case
        for case in CASES
        if any(kind == "raised" for kind, _ in outcomes_of(case.function, case.calls))
    ]
    assert len(CASES) >= 330
    assert len(raising) >= len(CASES) / 4
    assert len({case.name for case in CASES}) == len(CASES)
    assert len(BY_THEME) >= 25


def test_arguments_are_values_that_cross() -> None:
    for case in CASES:
        assert signature(case.calls) is not None, case.name


def test_a_second_call_does_what_the_first_did() -> None:
    for case in CASES:
        first = outcomes_of(case.function, case.calls)
        assert outcomes_of(case.function, case.calls) == first, case.name


def outcomes_by(interpreter: str) -> dict[str, list[str]]:
    """What the corpus does in an interpreter of its own, with another hash seed."""
    environment = {**os.environ, "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("PYTHONHASHSEED", None)
    done = subprocess.run(
        [interpreter, "-W", "error", "-m", "corpus"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    # Where a class of the library is defined is no part of its name.
    return json.loads(done.stdout.replace("pathlib._local.", "pathlib."))  # type: ignore[no-any-return]


OTHERS = [path for path in os.environ.get("SPM_PYTHONS", "").split(os.pathsep) if path]


@pytest.mark.parametrize("interpreter", [sys.executable, *OTHERS])
def test_outcomes_do_not_depend_on_hash_seed_or_version(interpreter: str) -> None:
    expected = outcomes_by(sys.executable)
    found = outcomes_by(interpreter)
    assert found.keys() == expected.keys() == {case.name for case in CASES}
    for name, outcomes in expected.items():
        assert found[name] == outcomes, name


# The comparison notices what differs.


class Held:
    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)


class HeldToo(Held):
    pass


class Wide(enum.IntEnum):
    ONE = 1


DIFFERENT = [
    (1, True),
    (1, 1.0),
    (0.0, -0.0),
    (1.0, math.nextafter(1.0, 2)),
    (1j, complex(-0.0, 1)),
    ("a", b"a"),
    (b"a", bytearray(b"a")),
    ([1], (1,)),
    ([1, [2, 3]], [1, [2, 3.0]]),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ({1: "x"}, {True: "x"}),
    ({1, 2}, {1, 2, 3}),
    ({1}, {1.0}),
    ({1}, frozenset({1})),
    ({"a": 1}, collections.OrderedDict(a=1)),
    (collections.Counter("a"), {"a": 1}),
    (collections.defaultdict(int), collections.defaultdict(list)),
    (collections.deque([1]), collections.deque([1], maxlen=1)),
    (decimal.Decimal("1.0"), decimal.Decimal("1.00")),
    (fractions.Fraction(1), 1),
    (dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, tzinfo=dt.UTC)),
    (dt.time(1), dt.time(1, fold=1)),
    (dt.date(2024, 1, 1), dt.datetime(2024, 1, 1)),
    (array.array("b", [1]), array.array("h", [1])),
    (Colour.RED, Colour.GREEN),
    (Access.READ, Access.READ | Access.WRITE),
    (Wide.ONE, 1),
    (Item("a"), Item("a", 2.0)),
    (Item("a", 9.0), Special("a")),
    (Held(a=1), Held(a=True)),
    (Held(a=1), HeldToo(a=1)),
    (Held(a=1), Held(a=1, b=None)),
    (range(3), range(0, 3, 2)),
    (None, 0),
]


@pytest.mark.parametrize(("one", "other"), DIFFERENT, ids=repr)
def test_values_that_differ_are_told_apart(one: Any, other: Any) -> None:
    assert signature(one) != signature(other)
    assert signature([{"k": one}]) != signature([{"k": other}])


@pytest.mark.parametrize("value", [value for pair in DIFFERENT for value in pair], ids=repr)
def test_a_copy_is_the_same(value: Any) -> None:
    assert signature(copy.deepcopy(value)) == signature(value)


def test_nans_are_all_one() -> None:
    assert signature([math.nan]) == signature([-float("nan")])
    assert signature(complex(math.nan, 1)) == signature(complex(float("nan"), 1))


@pytest.mark.parametrize("value", [len, lambda: 1, Held, object(), iter([]), math, Held(f=len)])
def test_what_cannot_cross_has_no_signature(value: Any) -> None:
    with pytest.raises(TypeError, match="no value that crosses"):
        signature(value)


def caused_by(error: BaseException) -> Exception:
    top = RuntimeError("top")
    top.__cause__ = error
    return top


def noted(error: Exception, *notes: str) -> Exception:
    for note in notes:
        error.add_note(note)
    return error


def with_state(error: Exception, **state: Any) -> Exception:
    vars(error).update(state)
    return error


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ValueError("a"), ValueError("b")),
        (ValueError("a"), ValueError("a", 1)),
        (ValueError(1), ValueError(True)),
        (ValueError("a"), UnicodeError("a")),
        (KeyError("a"), LookupError("a")),
        (noted(ValueError()), noted(ValueError(), "n")),
        (noted(ValueError(), "a", "b"), noted(ValueError(), "b", "a")),
        (with_state(ValueError(), code=1), with_state(ValueError(), code=2)),
        (OSError(9001, "x", "file"), OSError(9001, "x", "other")),
        (ExceptionGroup("g", [ValueError(1)]), ExceptionGroup("g", [ValueError(2)])),
        (ExceptionGroup("g", [ValueError(1)]), ExceptionGroup("g", [ValueError(1)] * 2)),
        (SystemExit(1), SystemExit(2)),
        (KeyboardInterrupt(), GeneratorExit()),
    ],
    ids=repr,
)
def test_exceptions_that_differ_are_told_apart(one: BaseException, other: BaseException) -> None:
    assert raised(one) != raised(other)
    assert raised(one) == raised(one)
    assert raised(caused_by(one)) != raised(caused_by(other))
    assert raised(caused_by(one)) != raised(RuntimeError("top"))


def test_a_context_is_no_cause_and_lines_count() -> None:
    by_name = {case.function.__name__: case for case in CASES}
    (context,) = outcomes_of(by_name["while_handling_another"].function, [()])
    (cause,) = outcomes_of(by_name["from_another_exception"].function, [()])
    details = dict(context[1][1:])
    assert details["cause"] is None
    assert details["context"][0] is IndexError
    assert dict(cause[1][1:])["cause"][0] is KeyError
    (line,) = details["lines"]
    assert line[0] == "exceptions_builtin.py"
    assert line[2] == "while_handling_another"


def test_what_a_pool_raises_for_python_s_own_exceptions_is_the_same_outcome() -> None:
    with spm.serial(sandbox=False) as pool:
        for error in (SystemExit(3), KeyboardInterrupt("k"), GeneratorExit()):

            def leave(error: BaseException = error) -> None:
                raise error

            if isinstance(error, KeyboardInterrupt):
                continue  # plain Python lets it through: it is the user's own
            assert outcome(lambda: pool.submit(leave).result()) == outcome(leave)
