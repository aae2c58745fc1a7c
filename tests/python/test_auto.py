"""`engine="auto"`: compiled code where that is right, and CPython's answer where compiled code cannot be."""

import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import spm
from spm import _specialise, _spm
from spm._errors import CompileError

sys.path.insert(0, str(Path(__file__).parent))

from fallbacks import fall_back

BIG = 10**18
Kind = Callable[[], spm.Pool]

pytestmark = pytest.mark.filterwarnings("ignore::spm.DeoptWarning")


@pytest.fixture(
    scope="module",
    params=[spm.serial, lambda: spm.laptop(2), lambda: spm.laptop(2, processes=True)],
    ids=["serial", "laptop", "processes"],
)
def anywhere(request: pytest.FixtureRequest) -> Iterator[spm.Pool]:
    with request.param() as pool:
        yield pool


FACTOR = 3


def product(n: int) -> int:
    total = FACTOR
    for i in range(1, n + 1):
        total *= i
    return total


def fibonacci(n: int) -> list[int]:
    numbers = [0, 1]
    while len(numbers) < n:
        numbers.append(numbers[-1] + numbers[-2])
    return numbers


def untyped(a, b):  # type: ignore[no-untyped-def]
    return a * b + a


def helped(x: int, power: int) -> int:
    return twice(x) ** power


def twice(x: int) -> int:
    return x + x


def raising(x: int) -> int:
    square = x * x
    if square > BIG:
        raise ValueError("too large", square)
    return square


class TestIntsOfAnySize:
    def test_map(self, anywhere: spm.Pool) -> None:
        calls = [3, 25, 4, 60, 20]
        results = anywhere.map(spm.wasm_closure(product), calls)
        assert list(results) == [product(n) for n in calls]
        assert results.stats.deopts == 2

    def test_submit(self, anywhere: spm.Pool) -> None:
        before = anywhere.stats
        closure = spm.wasm_closure(fibonacci)
        for n, engine in ((20, "native"), (200, "python"), (30, "native")):
            future = anywhere.submit(closure, n)
            assert future.result(timeout=60) == fibonacci(n)
            assert future.task.engine == engine
            assert closure.engine == "native", "what was compiled stays in force"
        after = anywhere.stats
        assert (after.deopts - before.deopts, after.misfits - before.misfits) == (1, 0)

    def test_list(self, anywhere: spm.Pool) -> None:
        calls = [(2, 3), (10, 30), (-7, 41)]
        gathered = spm.List(anywhere, spm.wasm_closure(helped)).run(*zip(*calls, strict=True))
        assert gathered == [helped(*call) for call in calls]
        assert gathered.stats.deopts == 2

    def test_plain_functions(self, anywhere: spm.Pool) -> None:
        assert anywhere.submit(lambda x: x * x, BIG).result(timeout=60) == BIG * BIG

    def test_exceptions(self, anywhere: spm.Pool) -> None:
        with pytest.raises(ValueError, match="too large") as caught:
            anywhere.submit(spm.wasm_closure(raising), 10**12).result(timeout=60)
        error = caught.value
        assert isinstance(error, spm.TaskError)
        assert error.args == ("too large", 10**24)
        assert error.task is not None
        assert (error.task.engine, error.task.frames[-1].function) == ("python", "raising")

    def test_arguments(self, anywhere: spm.Pool) -> None:
        closure = spm.wasm_closure(twice)
        assert anywhere.submit(closure, 1 << 70).result(timeout=60) == 1 << 71
        future = anywhere.submit(closure, 21)
        assert (future.result(timeout=60), future.task.engine) == (42, "native")

    def test_a_call_that_does_not_compile_leaves_the_compiled_code_in_force(
        self, anywhere: spm.Pool
    ) -> None:
        closure = spm.wasm_closure(untyped)
        for call, engine in (
            ((2, 3), "native"),
            (("ab", 2), None),
            (([1], 1 << 70), "python"),
            ((2, 3), "native"),
        ):
            future = anywhere.submit(closure, *call)
            try:
                value = future.result(timeout=60)
            except (MemoryError, OverflowError):
                value = None
            else:
                assert value == untyped(*call)
            assert engine is None or future.task is None or future.task.engine == engine


@pytest.mark.parametrize("function", [untyped, helped])
def test_it_agrees_with_cpython(function: Callable[..., Any]) -> None:
    numbers = st.integers(-(2**66), 2**66)
    powers = st.integers(0, 8) if function is helped else numbers
    closure = spm.wasm_closure(function)

    with spm.serial() as pool:

        @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(numbers, powers)
        def compare(a: int, b: int) -> None:
            assert pool.submit(closure, a, b).result() == function(a, b)

        compare()


def printing(x: int) -> int:
    print("squaring", x)
    return x * x


def test_what_is_printed_is_shown_once(
    anywhere: spm.Pool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert list(anywhere.map(spm.wasm_closure(printing), [2, BIG])) == [4, BIG * BIG]
    assert sorted(capsys.readouterr().out.splitlines()) == [f"squaring {BIG}", "squaring 2"]


def test_it_is_warned_about_once_with_its_line() -> None:
    closure = spm.wasm_closure(product)
    with warnings.catch_warnings(record=True) as caught, spm.serial() as pool:
        warnings.simplefilter("always")
        list(pool.map(closure, [30, 31]))
        list(pool.map(closure, [32]))
    (warning,) = caught
    line = product.__code__.co_firstlineno + 3
    assert (warning.filename, warning.lineno) == (__file__, line)
    assert "`total *= i`" in str(warning.message)
    assert "the engine `python`" in str(warning.message)


def test_captured_values_are_those_of_the_submission(anywhere: spm.Pool) -> None:
    table = [1, 2, 3]

    def scaled(x: int) -> int:
        return x * table[1]

    closure = spm.wasm_closure(scaled)
    before = anywhere.submit(closure, BIG * 8)
    assert before.result(timeout=60) == BIG * 16
    table[1] = 5
    assert anywhere.submit(closure, BIG * 8).result(timeout=60) == BIG * 40


def test_native_insists(anywhere: spm.Pool) -> None:
    closure = spm.wasm_closure(engine="native")(product)
    with pytest.raises(OverflowError, match="64-bit range") as caught:
        list(anywhere.map(closure, [30]))
    assert not hasattr(caught.value, "__notes__")
    with pytest.raises(spm.CompileError, match="argument `n`"):
        list(anywhere.map(closure, [3, "three"]))
    assert closure.explain(1).endswith("fail, as `engine=` says\n")


def test_explain_names_the_fallback() -> None:
    assert spm.wasm_closure(product).explain(1).endswith("are run by the engine `python`\n")


def test_what_cannot_travel_has_no_fallback_and_says_why(
    anywhere: spm.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise CompileError("`thing` cannot travel")

    monkeypatch.setattr(_specialise, "travelled", refuse)
    closure = spm.wasm_closure(product)
    with pytest.raises(OverflowError, match="64-bit range") as caught:
        list(anywhere.map(closure, [30]))
    (note,) = caught.value.__notes__
    assert note == "the engine `python` was not there to run it: `thing` cannot travel"
    assert "`thing` cannot travel" in closure.explain(1)


def test_an_engine_that_no_host_can_prepare_is_named(anywhere: spm.Pool, tmp_path: Path) -> None:
    path = tmp_path / "damaged.wasm"
    path.write_bytes(b"no component")
    damaged = {"component": _spm.Runtime(path), "payload": _spm.encode(None)}
    closure = spm.wasm_closure(product)
    fall_back(closure, (1,), product, **damaged)
    with pytest.raises(OverflowError, match="64-bit range") as caught:
        list(anywhere.map(closure, [3, 30]))
    (note,) = caught.value.__notes__
    assert note.startswith("the engine `guest`, which was to run it then, cannot: ")
    error = caught.value
    assert isinstance(error, spm.TaskError)
    assert error.task is not None
    assert (error.task.engine, error.task.attempts) == ("native", 1)
    with pytest.raises(spm.HostFault, match="no host can prepare the engine"):
        list(anywhere.map(closure, [3, "three"]))
    assert list(anywhere.map(closure, [3])) == [product(3)], "others are not touched"


def test_a_deadline_does_not_count_what_is_prepared() -> None:
    with spm.laptop(1) as pool:
        results = pool.map(spm.wasm_closure(product), [30], task_deadline_s=0.2)
        assert list(results) == [product(30)]


def test_tasks_that_leave_at_the_same_time_wait_for_one_preparation() -> None:
    with spm.laptop(2) as pool:
        closure = spm.wasm_closure(product)
        futures = [pool.submit(closure, n) for n in range(20, 120)]
        assert [it.result(timeout=120) for it in futures] == [product(n) for n in range(20, 120)]


def test_a_task_that_waits_for_its_fallback_can_be_cancelled() -> None:
    with spm.laptop(1) as pool:
        closure = spm.wasm_closure(product)
        futures = [pool.submit(closure, 30 + n) for n in range(20)]
        cancelled = [it for it in futures[1::2] if it.cancel()]
        left = [it for it in futures if it not in cancelled]
        assert [it.result(timeout=60) for it in left] == [
            product(30 + n) for n, it in enumerate(futures) if it in left
        ]


def test_threads_may_leave_together(anywhere: spm.Pool) -> None:
    closure = spm.wasm_closure(product)
    found: dict[int, int] = {}

    def work(n: int) -> None:
        found[n] = anywhere.submit(closure, n).result(timeout=60)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(25, 33)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n: product(n) for n in range(25, 33)}
