"""What closures may do beyond computing: wait, know their task, await, and take any arguments."""

import asyncio
import functools
import math
import time
import zlib
from asyncio import sleep as pause
from concurrent import futures
from time import sleep
from typing import Any

import pytest

import spm
from spm import task

native = spm.wasm_closure(engine="native")


def waits(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def waits_by_name(seconds: float) -> None:
    sleep(seconds)


def waits_by_local_import(seconds: float) -> str:
    import time as clock
    from time import sleep as wait

    clock.sleep(seconds)
    wait(seconds)
    return "done"


def outcome(call: Any) -> Any:
    try:
        return ("returned", call())
    except Exception as error:
        return (getattr(type(error), "__spm_original__", type(error)).__name__, str(error))


@pytest.mark.parametrize(
    "seconds", [0, 0.0, -0.0, 0.01, True, False, 1e-12, -1, -0.5, -1e-12, math.nan], ids=repr
)
def test_sleep_is_that_of_cpython(seconds: float) -> None:
    with spm.serial() as pool:
        for function in (waits, waits_by_name, time.sleep):
            found = outcome(lambda: pool.submit(function, seconds).result())
            assert found == outcome(lambda: function(seconds))


@pytest.mark.parametrize("seconds", [1e300, -1e300, math.inf, 10**18, -(10**18)], ids=repr)
def test_sleep_for_longer_than_time_can_be_counted(seconds: float) -> None:
    with spm.serial() as pool, pytest.raises(OverflowError, match="timestamp"):
        pool.submit(waits, seconds).result()


def test_sleep_takes_the_time_it_says(pool: spm.Pool) -> None:
    begun = time.monotonic()
    assert pool.submit(waits, 0.05).result() == 0.05
    assert pool.submit(waits_by_local_import, 0.025).result() == "done"
    assert pool.submit(time.sleep, 0.05).result() is None
    assert list(pool.map(time.sleep, [0.01, 0.01])) == [None, None]
    assert time.monotonic() - begun >= 0.15


def test_sleep_refuses_what_is_no_number() -> None:
    with spm.serial() as pool:
        with pytest.raises(spm.CompileError, match="'str' object cannot be interpreted"):
            pool.submit(native(time.sleep), "1")
        with pytest.raises(spm.CompileError, match="exactly one argument"):
            pool.submit(native(time.sleep), 1, 2)


def test_a_sleeping_task_is_cancelled_at_once(parallel: spm.Pool) -> None:
    # More than there are slots, so that those which follow show that the slots are free again.
    sleeping = [parallel.submit(waits, 3600.0) for _ in range(4)]
    assert all(future.cancel() for future in sleeping)
    assert parallel.submit(waits, 0).result(timeout=60) == 0


def test_a_sleeping_task_has_its_deadline(pool: spm.Pool) -> None:
    begun = time.monotonic()
    with pytest.raises(spm.DeadlineExceeded):
        pool.options(task_deadline_s=0.2).submit(waits, 3600.0).result(timeout=60)
    assert time.monotonic() - begun < 30


# The task itself


def whole_task() -> tuple[int, int, int]:
    return spm.task.index, spm.task.attempt, spm.task.seed


def index_and(x: int) -> tuple[int, int]:
    return task.index, x


def index_by_import() -> int:
    from spm import task as me

    return me.index


def test_a_task_knows_its_index_attempt_and_seed(pool: spm.Pool) -> None:
    assert list(pool.map(index_and, [7, 8, 9])) == [(0, 7), (1, 8), (2, 9)]
    found = [pool.submit(whole_task).result() for _ in range(3)]
    assert [index for index, _, _ in found] == [0, 1, 2]
    assert {attempt for _, attempt, _ in found} == {1}
    seeds = [seed for _, _, seed in found]
    assert len(set(seeds)) == 3
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_a_task_is_the_same_on_every_pool_and_in_plain_python() -> None:
    with spm.serial() as sandboxed, spm.serial(sandbox=False) as plain, spm.laptop(1) as laptop:
        found = [pool.submit(whole_task).result() for pool in (sandboxed, plain, laptop)]
        again = sandboxed.submit(index_by_import).result()
    # A plain call is the first attempt at task 0.
    assert found == [whole_task()] * 3
    assert whole_task()[:2] == (0, 1)
    assert again == 1


@pytest.mark.parametrize("engine", ["native", "python"])
def test_a_task_of_no_manager_has_nobody_to_talk_to(engine: Any) -> None:
    def spawns(x: int) -> None:
        spm.task.spawn(x)  # type: ignore[attr-defined]

    def asks(x: int) -> None:
        spm.hub.ask(x)  # type: ignore[attr-defined]

    def alone(x: int) -> tuple[float, int, int, int]:
        spm.task.improve(x)  # type: ignore[attr-defined]
        return spm.task.bound, spm.team.rank, spm.team.size, spm.team.allreduce(x)  # type: ignore[attr-defined]

    closure = spm.wasm_closure(engine=engine)
    with spm.serial() as pool:
        with pytest.raises(RuntimeError, match=r"only tasks of an spm\.Template may spawn tasks"):
            pool.submit(closure(spawns), 1).result()
        with pytest.raises(RuntimeError, match=r"only tasks of an spm\.Farm may ask the hub"):
            pool.submit(closure(asks), 1).result()
        assert pool.submit(closure(alone), 7).result() == (math.inf, 0, 1, 7)


def test_what_a_task_does_not_know_is_said() -> None:
    def parent() -> Any:
        return spm.task.parent  # type: ignore[attr-defined]

    def waits_for_none() -> Any:
        return spm.team.irecv()  # type: ignore[attr-defined]

    with spm.serial() as pool:
        with pytest.raises(spm.CompileError, match=r"`spm\.task\.parent` is not supported"):
            pool.submit(native(parent))
        with pytest.raises(spm.CompileError, match=r"`spm\.team\.irecv` is not supported"):
            pool.submit(native(waits_for_none))


# async def


async def increment(x: int) -> int:
    return x + 1


async def chain(x: int) -> list[int]:
    await asyncio.sleep(0)
    await pause(0.001)
    total = await increment(await increment(x))
    print("so far", total)
    return [await increment(i) for i in range(total)] + [await asyncio.sleep(0.001, total)]


async def fails(x: int) -> int:
    if await increment(x) == 1:
        raise ValueError("none")
    return 100 // x


async def unawaited(x: int) -> Any:
    return increment(x)


async def awaits_a_value(x: int) -> Any:
    return await x  # type: ignore[misc]


async def gathers(x: int) -> Any:
    return await asyncio.gather(increment(x), increment(x))


async def counts(n: int) -> Any:
    for i in range(n):
        yield i


def test_async_functions_run_to_their_end(
    pool: spm.Pool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pool.submit(increment, 1).result() == 2
    assert list(pool.map(increment, range(4))) == [1, 2, 3, 4]
    assert pool.submit(chain, 1).result() == asyncio.run(chain(1)) == [1, 2, 3, 3]
    assert capsys.readouterr().out == "so far 3\n" * 2
    with pytest.raises(ValueError, match="none"):
        pool.submit(fails, 0).result()


def test_async_functions_run_in_plain_python_too() -> None:
    with spm.serial(sandbox=False) as plain, spm.serial(check=True) as checked:
        for pool in (plain, checked):
            assert pool.submit(chain, 2).result() == [1, 2, 3, 4, 4]

        async def main() -> list[int]:
            return await plain.submit(chain, 0)

        assert asyncio.run(main()) == [1, 2, 2]


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (unawaited, r"the coroutine `increment\(\.\.\.\)` is never awaited"),
        (awaits_a_value, "only calls of `async def` functions"),
        (gathers, "one after the other"),
        (counts, "return a list"),
    ],
    ids=lambda it: getattr(it, "__name__", ""),
)
def test_what_async_functions_cannot_do_is_said(function: Any, says: str) -> None:
    with spm.serial() as pool, pytest.raises(spm.CompileError, match=says):
        pool.submit(native(function), 1)


# Parameters of every kind


def capture(*args: Any, **kwargs: Any) -> Any:
    return args, kwargs


def every_kind(
    a: int, /, b: int, c: int = 3, *rest: float, d: int, e: str = "e", **more: Any
) -> Any:
    return a, b, c, rest, d, e, more


def total(*numbers: int) -> int:
    found = 0
    for number in numbers:
        found += number
    return found + len(numbers) + sum(numbers[1:]) + (numbers[0] if numbers else 0)


def options(**words: int) -> tuple[int, list[str]]:
    return sum(words.values()) + words.get("x", 100), sorted(words)


def passes_on(*args: Any) -> Any:
    return capture(0, *args, args, last=args), max(*args, 1), every_kind(*args, 4, 5.5, d=1, z=2)


def only_keywords(*, x: int, y: int = 2) -> int:
    return 10 * x + y


CALLS: list[tuple[Any, tuple[Any, ...], dict[str, Any]]] = [
    (capture, (), {}),
    (capture, (1, 2.5, "x", None, [1], (2, 3)), {}),
    (capture, (), {"a": 1, "b": "x", "c": None}),
    (capture, (1,), {"self": 2, "fn": 3}),
    (every_kind, (1, 2), {"d": 4}),
    (every_kind, (1,), {"b": 2, "d": 4, "e": "f", "z": 9}),
    (every_kind, (1, 2, 3, 4.5, 5.5), {"d": 4}),
    (total, (), {}),
    (total, (4,), {}),
    (total, (4, 5, 6), {}),
    (options, (), {}),
    (options, (), {"x": 1, "y": 2}),
    (passes_on, (1, 2), {}),
    (only_keywords, (), {"x": 4}),
    (only_keywords, (), {"y": 1, "x": 4}),
]


@pytest.mark.parametrize(
    ("function", "args", "kwargs"),
    CALLS,
    ids=[f"{function.__name__}{args}{kwargs}" for function, args, kwargs in CALLS],
)
def test_parameters_of_every_kind(
    function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    with spm.serial(check=True) as pool:
        found = pool.submit(function, *args, **kwargs).result()
    assert repr(found) == repr(function(*args, **kwargs))


def test_a_map_of_any_number_of_iterables(pool: spm.Pool) -> None:
    assert list(pool.map(total, [1, 2], [3, 4], [5, 6])) == [total(1, 3, 5), total(2, 4, 6)]
    assert list(pool.map(capture, [1, 2], ["a", "b"])) == [((1, "a"), {}), ((2, "b"), {})]


def test_arguments_that_do_not_fit_are_refused_at_once(pool: spm.Pool) -> None:
    with pytest.raises(TypeError, match="only_keywords"):
        pool.submit(only_keywords, 1)
    with pytest.raises(TypeError, match="'d'"):
        pool.submit(every_kind, 1, 2)


# What can be submitted


class Scale:
    """Its methods take `self`, which is a value: so it has to be one that can travel."""

    factor = 3

    @staticmethod
    def double(x: int) -> int:
        return 2 * x


def power(base: int, exponent: int, *, plus: int = 0) -> int:
    return int(base**exponent) + plus


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (lambda x, y=2: x * y, (4,)),
        (functools.partial(power, 2), (5,)),
        (functools.partial(power, exponent=3, plus=1), (2,)),
        (functools.partial(functools.partial(power, 2), 3), ()),
        (functools.partial(pow, 2), (5,)),
        (functools.partial(lambda x, y: x - y, 10), (4,)),
        (Scale.double, (4,)),
        (Scale().double, (4,)),
        (pow, (2, 5, 7)),
        (divmod, (7, -2)),
        (sorted, ([3, 1, 2],)),
        (str, (1.5,)),
        (print, ("x",)),
        (math.hypot, (3.0, 4.0)),
        (math.gcd, (12, 18)),
        ("abc".upper, ()),
        (str.lower, ("ABC",)),
        ("-".join, (["a", "b"],)),
        ({"a": 1}.get, ("a",)),
        (dict.get, ({"a": 1}, "b", 2)),
        ([3, 1].index, (1,)),
    ],
    ids=str,
)
def test_callables_of_every_kind_can_be_submitted(function: Any, args: tuple[Any, ...]) -> None:
    with spm.serial() as pool:
        assert pool.submit(function, *args).result() == function(*args)


@pytest.mark.parametrize("words", [{"base": 2, "exp": 5}, {"base": 2, "exp": 5, "mod": 7}])
def test_builtins_take_keywords(pool: spm.Pool, words: dict[str, int]) -> None:
    assert pool.submit(pow, **words).result() == pow(**words)
    assert pool.submit(pow, 3, exp=2).result() == 9


@pytest.mark.parametrize(
    ("function", "args"),
    [(zlib.crc32, (b"x",)), (Scale, ()), (open, ("x",)), (object().__repr__, ())],
    ids=str,
)
def test_what_cannot_be_compiled_is_refused_by_name(function: Any, args: tuple[Any, ...]) -> None:
    name = getattr(function, "__name__", type(function).__name__)
    with spm.serial() as pool, pytest.raises(spm.CompileError, match=name):
        pool.submit(native(function), *args)


def test_waiting_tasks_overlap(parallel: spm.Pool) -> None:
    submitted = [parallel.submit(time.sleep, 0.2) for _ in range(2)]
    done, pending = futures.wait(submitted, timeout=60)
    assert (done, pending) == (set(submitted), set())
