"""The compiled language agrees with CPython: same value, bit by bit, or same exception.

Every function of the tables is run by the sandbox and by CPython on the same generated arguments.
They are in modules of their own, whose asserts pytest does not rewrite.
"""

import heapq
import math
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import spm

sys.path.insert(0, str(Path(__file__).parent))

import native_classes  # noqa: F401
import native_collections  # noqa: F401
import native_containers  # noqa: F401
import native_exceptions  # noqa: F401
import native_generators  # noqa: F401
import native_kinds  # noqa: F401
import native_library  # noqa: F401
import native_objects  # noqa: F401
import native_patterns  # noqa: F401
import native_sets  # noqa: F401
from native_scalars import fibonacci, int_add, int_power
from native_table import CASES, copied, outcome, signature_of


def agree(sandboxed: Any, expected: Any) -> bool:
    if sandboxed[:3] == expected[:3]:
        return True
    # An int that leaves 64 bits is reported, never wrapped. What goes on from there is another
    # engine, and is tested in `test_auto.py`.
    return bool(
        sandboxed[:2] == ("raised", "OverflowError") and "64-bit" in sandboxed[3]
    ) and beyond_64_bits(expected)


def beyond_64_bits(expected: Any) -> bool:
    """Whether CPython's own result holds an int that the native engine cannot."""
    if isinstance(expected, int):
        return not -(2**63) <= expected < 2**63
    if isinstance(expected, list | tuple):
        return any(map(beyond_64_bits, expected))
    return False


@pytest.fixture(scope="module")
def pool() -> Iterator[spm.Pool]:
    with spm.serial() as pool:
        yield pool


@pytest.mark.parametrize(
    ("function", "arguments"), CASES, ids=[function.__name__ for function, _ in CASES]
)
def test_wasm_agrees_with_cpython(
    pool: spm.Pool, function: Callable[..., Any], arguments: st.SearchStrategy[tuple[Any, ...]]
) -> None:
    closure = spm.wasm_closure(engine="native")(function)

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(arguments)
    def compare(args: tuple[Any, ...]) -> None:
        expected = outcome(lambda: function(*copied(list(args))))
        sandboxed = outcome(lambda: pool.submit(closure, *args).result())
        assert agree(sandboxed, expected), (sandboxed, expected)

    compare()


def math_sin(x: float) -> float:
    return math.sin(x)


def math_cos(x: float) -> float:
    return math.cos(x)


def math_tan(x: float) -> float:
    return math.tan(x)


def math_exp(x: float) -> float:
    return math.exp(x)


def math_log(x: float) -> float:
    return math.log(x)


def math_atan(x: float) -> float:
    return math.atan(x)


def math_tanh(x: float) -> float:
    return math.tanh(x)


@pytest.mark.parametrize(
    "function",
    [math_sin, math_cos, math_tan, math_exp, math_log, math_atan, math_tanh],
    ids=lambda function: function.__name__,
)
def test_math_is_within_one_ulp_of_the_submitters(pool: spm.Pool, function: Any) -> None:
    @settings(max_examples=200, deadline=None)
    @given(st.floats(-700, 700))
    def compare(x: float) -> None:
        expected = outcome(lambda: function(x))
        if expected[0] == "raised":
            assert outcome(lambda: pool.submit(function, x).result())[:2] == expected[:2]
            return
        wanted = function(x)
        found = pool.submit(function, x).result()
        assert abs(found - wanted) <= math.ulp(wanted), (found, wanted)

    compare()


def prints(n: int) -> None:
    print("n is", n, sep="=", end="!\n")
    print(1.5, True, None, "x")


def test_print_reappears_on_the_submitter(
    pool: spm.Pool, capsys: pytest.CaptureFixture[str]
) -> None:
    prints(3)
    expected = capsys.readouterr().out
    pool.submit(prints, 3).result()
    assert capsys.readouterr().out == expected


def test_an_int_that_leaves_64_bits_never_wraps(pool: spm.Pool) -> None:
    add, power = (spm.wasm_closure(engine="native")(it) for it in (int_add, int_power))
    with pytest.raises(OverflowError, match="64-bit"):
        pool.submit(add, 2**63 - 1, 1).result()
    with pytest.raises(OverflowError, match="64-bit"):
        pool.submit(power, 3, 50).result()
    assert pool.submit(add, 2**62, 2**62 - 1).result() == 2**63 - 1


def test_deep_recursion_is_a_recursion_error(pool: spm.Pool) -> None:
    def down(n: int) -> int:
        return 0 if n == 0 else 1 + down(n - 1)

    assert pool.submit(down, 500).result() == 500
    with pytest.raises(RecursionError) as caught:
        pool.submit(down, 10**6).result()
    assert isinstance(caught.value, spm.TaskError)
    assert caught.value.task is not None
    assert {frame.function.rpartition(".")[2] for frame in caught.value.task.frames} == {"down"}


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (pow, (2, 5)),
        (divmod, (-7, 2)),
        (abs, (-3.5,)),
        (len, ("abc",)),
        (math.sqrt, (2.0,)),
        (max, (3, 4)),
        (sum, ([1, 2],)),
        (str, (5,)),
        (int, (2.9,)),
        (float, (3,)),
        (lambda x: x * 2, (4,)),
    ],
    ids=lambda it: getattr(it, "__name__", ""),
)
def test_builtins_lambdas_and_members_of_modules_run(
    pool: spm.Pool, function: Any, args: Any
) -> None:
    assert signature_of(pool.submit(function, *args).result()) == signature_of(function(*args))


def test_the_same_source_gives_the_same_bytes() -> None:
    first = spm.wasm_closure(fibonacci).component(5)
    second = spm.wasm_closure(fibonacci).component(6)
    assert first == second


class Refusal(ValueError):
    """Adds nothing to what it derives from."""


class Stricter(Refusal):
    pass


class Named(Exception):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def test_exceptions_of_the_users_classes_arrive_as_such(pool: spm.Pool) -> None:
    @spm.wasm_closure(engine="native")
    def refuse(x: int) -> int:
        try:
            if x == 1:
                raise Stricter("one", x)
            raise Refusal
        except Stricter as error:
            raise Refusal("from one") from error

    with pytest.raises(Refusal) as caught:
        pool.submit(refuse, 1).result()
    assert caught.value.args == ("from one",)
    assert isinstance(caught.value.__cause__, Stricter)
    assert caught.value.__cause__.args == ("one", 1)
    with pytest.raises(Refusal) as bare:
        pool.submit(refuse, 2).result()
    assert bare.value.args == ()
    assert not isinstance(bare.value, Stricter)


def test_classes_of_exceptions_that_add_something_are_refused(pool: spm.Pool) -> None:
    @spm.wasm_closure(engine="native")
    def named(x: int) -> int:
        raise Named(str(x))

    with pytest.raises(spm.CompileError, match="exception"):
        pool.submit(named, 1).result()


def first_numbers(n: int) -> tuple[int, float, int, list[int]]:
    xs = list(range(n))
    random.shuffle(xs)
    return spm.task.seed, random.random(), random.randint(1, 100), xs


def test_random_numbers_begin_with_the_tasks_seed(pool: spm.Pool) -> None:
    closure = spm.wasm_closure(engine="native")(first_numbers)
    results = [pool.submit(closure, 9).result() for _ in range(3)]
    for seed, number, dice, shuffled in results:
        expected = random.Random(seed)
        xs = list(range(9))
        expected.shuffle(xs)
        assert (number, dice, shuffled) == (expected.random(), expected.randint(1, 100), xs)
    assert len({seed for seed, *_ in results}) == 3


def pops_too_often(xs: list[int]) -> int:
    heapq.heapify(xs)
    random.sample(xs, 2)
    return heapq.heappop(xs)


def test_frames_of_the_library_are_not_shown(pool: spm.Pool) -> None:
    closure = spm.wasm_closure(engine="native")(pops_too_often)
    for xs in ([], [1]):
        with pytest.raises(ValueError, match="Sample larger than population") as caught:
            pool.submit(closure, xs).result()
        assert isinstance(caught.value, spm.TaskError)
        assert caught.value.task is not None
        frames = caught.value.task.frames
        assert [frame.function for frame in frames] == ["pops_too_often"]
        assert [frame.file for frame in frames] == [__file__]
