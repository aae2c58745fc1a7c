"""Tasks that leave what was proved of their closure are run again by its fallback, and that shows."""

import asyncio
import io
import sys
import time
import warnings
from collections.abc import Callable
from concurrent.futures import wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import spm
from spm import _spm
from spm._closure import prepare

sys.path.insert(0, str(Path(__file__).parent))

from fallbacks import Fallback, fall_back, payload_runtime

BIG = 10**18
Script = Callable[..., Any]


def square(x: int) -> int:
    return x * x


def words(x: int | str) -> str:
    return f"{x}, squared"


def first(x: int) -> int:
    return x * x // x


def same(x: int) -> int:
    return x


@spm.wasm_closure
def squared(x: int) -> int:
    print(f"squaring {x}")
    return x * x


@spm.wasm_closure
def worded(x: int) -> str:
    print(f"squaring {x}")
    return f"{x}, squared"


def fresh(function: Callable[..., Any]) -> spm.Closure[..., Any]:
    """A closure of its own, so that what is warned about once is warned about in each test."""
    return spm.wasm_closure(function)


def alone(function: Callable[..., Any]) -> spm.Closure[..., Any]:
    """One without a fallback."""
    return spm.wasm_closure(engine="native")(function)


def test_tasks_that_leave_their_closure_end_by_the_fallback(pool: spm.Pool) -> None:
    closure = fresh(square)
    fall_back(closure, (1,), words, names=["x"])
    results = pool.map(closure, [2, BIG, 3, BIG + 1])
    with pytest.warns(spm.DeoptWarning) as caught:
        values = list(results)
    assert values == [4, f"{BIG}, squared", 9, f"{BIG + 1}, squared"]
    assert len(caught) == 1, "warned about once"
    assert (results.stats.done, results.stats.deopts, results.stats.retried) == (4, 2, 0)
    stats = pool.stats
    assert (stats.tasks, stats.retries, stats.deopts, stats.misfits) == (4, 0, 2, 0)
    assert stats.engines == {"native": 2, "guest": 2}


def test_the_warning_says_where_and_why_and_what_next(pool: spm.Pool) -> None:
    closure = fresh(square)
    fall_back(closure, (1,), words)
    with pytest.warns(spm.DeoptWarning) as caught:
        assert pool.submit(closure, BIG).result(timeout=60) == f"{BIG}, squared"
    (warning,) = caught
    line = square.__code__.co_firstlineno + 1
    assert (warning.filename, warning.lineno) == (__file__, line)
    message = warning.message
    assert isinstance(message, spm.DeoptWarning)
    assert (message.closure, message.file, message.line) == ("square", __file__, line)
    assert str(message) == (
        f"`square` left its native code in line {line}, `return x * x`:\n"
        "an int left the 64-bit range of the native engine; such tasks are run by\n"
        "the engine `guest` from now on, which is slower"
    )


def ended(pool: spm.Pool, closure: spm.Closure[..., Any], *args: Any) -> spm.Future[Any]:
    future = pool.submit(closure, *args)
    future.result(timeout=60)
    return future


def test_a_future_says_which_engine_ended_it(pool: spm.Pool) -> None:
    closure = fresh(square)
    fall_back(closure, (1,), words)
    with pytest.warns(spm.DeoptWarning):
        future = ended(pool, closure, BIG)
    assert (future.task.engine, future.task.attempts) == ("guest", 2)
    future = ended(pool, closure, 5)
    assert (future.task.engine, future.task.attempts) == ("native", 1)
    assert pool.stats.engines == {"native": 1, "guest": 1}


def test_status_says_which_engine_ended_a_task(pool: spm.Pool) -> None:
    closure = fresh(square)
    fall_back(closure, (1,), words)
    seen: list[spm.Status] = []
    manager = spm.List(pool, closure, on_status=seen.append)
    with pytest.warns(spm.DeoptWarning):
        gathered = manager.run([BIG, 2])
    assert gathered == [f"{BIG}, squared", 4]
    assert (gathered.stats.deopts, gathered.stats.retried) == (1, 0)
    assert {(it.task.index, it.task.engine) for it in seen} == {(0, "guest"), (1, "native")}


def test_arguments_of_other_types_go_to_the_fallback_at_once(pool: spm.Pool) -> None:
    closure = fresh(square)
    specialisation, _ = prepare(closure, (1,), {})
    union = prepare(words, (1,), {})[0]
    specialisation.fallback = Fallback(union)  # type: ignore[assignment]
    results = pool.map(closure, [2, "two", 3])
    with pytest.warns(spm.DeoptWarning) as caught:
        assert list(results) == [4, "two, squared", 9]
    (warning,) = caught
    assert (warning.filename, warning.lineno) == (__file__, square.__code__.co_firstlineno)
    assert str(warning.message) == (
        "a call of `square` does not fit its native code:\n"
        "argument `x` is a `str`, and it was compiled for `int`; such tasks are run by\n"
        "the engine `guest` from now on, which is slower"
    )
    assert (results.stats.deopts, pool.stats.deopts, pool.stats.misfits) == (1, 1, 1)


def test_a_misfit_is_told_at_the_def_below_decorators() -> None:
    @spm.wasm_closure(
        memory_mib=64,
    )
    def power(x: int) -> int:
        return x * x

    fall_back(power, (1,), words)
    with spm.serial() as pool, pytest.warns(spm.DeoptWarning) as caught:
        assert list(pool.map(power, [1, "two"])) == [1, "two, squared"]
    assert caught[0].lineno == power.__wrapped__.__code__.co_firstlineno + 3
    assert str(caught[0].message).startswith("a call of `test_a_misfit")


def test_what_cannot_cross_is_refused_by_the_fallback_too(pool: spm.Pool) -> None:
    closure = fresh(square)
    fall_back(closure, (1,), words)
    with pytest.raises(TypeError, match="argument `x`: a generator cannot cross the sandbox"):
        list(pool.map(closure, [2, (it for it in ())]))


def test_a_wrong_number_of_arguments_is_no_reason_for_the_fallback(pool: spm.Pool) -> None:
    closure = fresh(square)
    fall_back(closure, (1,), words)
    with pytest.raises(TypeError, match=r"square\(\)"):
        list(pool.map(closure, [2, 3], [4, 5]))


def test_without_a_fallback_nothing_is_different(pool: spm.Pool) -> None:
    with pytest.raises(OverflowError, match="64-bit range"):
        list(pool.map(alone(square), [2, BIG]))
    with pytest.raises(spm.CompileError, match="argument `x`"):
        list(pool.map(alone(square), [2, "two"]))
    assert pool.stats.deopts == 0


def inverse(x: int) -> int:
    raise ValueError("no such", x)


def test_exceptions_of_the_fallback_have_its_frames(pool: spm.Pool) -> None:
    closure = fresh(square)
    fall_back(closure, (1,), inverse)
    with pytest.warns(spm.DeoptWarning), pytest.raises(ValueError, match="no such") as caught:
        pool.submit(closure, BIG).result(timeout=60)
    error = caught.value
    assert isinstance(error, spm.TaskError)
    assert error.args == ("no such", BIG)
    assert error.task is not None
    assert (error.task.engine, error.task.attempts) == ("guest", 2)
    assert [frame.function for frame in error.task.frames] == ["inverse"]


class Shop:
    """A class that only the fallback knows."""


@dataclass
class Coin:
    value: int


def test_each_closure_has_its_own_class_table(pool: spm.Pool, tmp_path: Path) -> None:
    closure = fresh(square)
    value = Coin(5)
    fall_back(
        closure,
        (1,),
        words,
        classes=(Shop, Coin),
        component=payload_runtime(tmp_path),
        payload=_spm.encode(value, (Shop, Coin)),
    )
    with pytest.warns(spm.DeoptWarning):
        assert list(pool.map(closure, [3, BIG])) == [9, value]


def test_class_tables_have_to_begin_alike(pool: spm.Pool) -> None:
    closure = fresh(square)
    specialisation = fall_back(closure, (1,), words, classes=(Coin, Shop))
    specialisation.classes = (Shop,)
    with pytest.raises(ValueError, match="does not begin with the closure's"):
        pool.submit(closure, 1)
    specialisation.classes = (Coin,)
    assert pool.submit(closure, 3).result(timeout=60) == 9


def test_output_that_was_shown_is_not_shown_again(
    pool: spm.Pool, capsys: pytest.CaptureFixture[str]
) -> None:
    fall_back(squared, (1,), worded)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", spm.DeoptWarning)
        list(pool.map(squared, [2, BIG]))
        pool.submit(squared, BIG).result(timeout=60)
    printed = sorted(capsys.readouterr().out.splitlines())
    assert printed == [f"squaring {BIG}", f"squaring {BIG}", "squaring 2"]


def test_a_task_that_is_asked_for_again_leaves_its_closure_again(pool: spm.Pool) -> None:
    closure = fresh(square)
    fall_back(closure, (1,), inverse)
    manager = spm.List(pool, closure, on_error="retry", retries=1)
    with pytest.warns(spm.DeoptWarning) as caught, pytest.raises(ValueError, match="no such"):
        manager.run([BIG])
    assert len(caught) == 1
    assert pool.stats.deopts == 2


def test_serial_checks_what_the_fallback_returns() -> None:
    closure = fresh(first)
    fall_back(closure, (1,), same)
    with spm.serial(check=True) as pool, pytest.warns(spm.DeoptWarning):
        assert list(pool.map(closure, [2, BIG])) == [2, BIG]
    closure = fresh(square)
    fall_back(closure, (1,), words)
    with spm.serial(check=True) as pool:
        with pytest.raises(spm.InternalError, match="plain Python returned 10000"):
            list(pool.map(closure, [BIG]))
        # What was to be warned about was found wrong first.
    with spm.serial(sandbox=False) as pool:
        assert list(pool.map(closure, [BIG])) == [BIG * BIG]
        assert pool.stats.engines == {"cpython": 1}


class TestWarningsAsErrors:
    """`-W error` makes an exception of the warning; no result is lost by that, and nothing hangs."""

    def test_a_map_raises_it(self, pool: spm.Pool) -> None:
        closure = fresh(square)
        fall_back(closure, (1,), words)
        with pytest.raises(spm.DeoptWarning) as caught:
            list(pool.map(closure, [2, BIG]))
        assert [entry.path for entry in caught.traceback] == [Path(__file__)], "no frames of SPM's"
        assert list(pool.map(closure, [2, BIG])) == [4, f"{BIG}, squared"], "warned about once"

    def test_whoever_leads_raises_it(self, pool: spm.Pool) -> None:
        closure = fresh(square)
        fall_back(closure, (1,), words)
        with pytest.raises(spm.DeoptWarning):
            pool.submit(closure, BIG).result(timeout=60)
        assert pool.submit(closure, BIG).result(timeout=60) == f"{BIG}, squared"

    def test_who_asks_next_raises_it(self, parallel: spm.Pool) -> None:
        closure = fresh(square)
        fall_back(closure, (1,), words)
        futures = [parallel.submit(closure, BIG), parallel.submit(closure, 2)]
        wait(futures, timeout=60)
        with pytest.raises(spm.DeoptWarning):
            futures[1].result(timeout=0)
        assert [it.result(timeout=0) for it in futures] == [f"{BIG}, squared", 4]

    def test_who_awaits_raises_it(self, parallel: spm.Pool) -> None:
        closure = fresh(square)
        fall_back(closure, (1,), words)
        with pytest.raises(spm.DeoptWarning):
            asyncio.run(awaited(parallel, closure))
        asyncio.run(awaited(parallel, closure))

    def test_what_nobody_asked_for_is_reported(self) -> None:
        closure = fresh(square)
        reported: list[Any] = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("threading.excepthook", reported.append)
            with spm.laptop(1) as pool:
                fall_back(closure, (1,), words)
                wait([pool.submit(closure, BIG)], timeout=60)
        assert [it.exc_type for it in reported] == [spm.DeoptWarning]


async def awaited(pool: spm.Pool, closure: spm.Closure[..., Any]) -> None:
    assert await asyncio.wait_for(pool.submit(closure, BIG), 60) == f"{BIG}, squared"


def slow(x: int) -> str:
    time.sleep(0.4)
    return f"{x}, squared"


def chatty(x: int) -> int:
    print("begun")
    time.sleep(0.4)
    return x


@pytest.mark.parametrize(("argument", "value"), [(BIG, f"{BIG}, squared"), (1, 1)])
def test_other_coroutines_run_while_the_fallback_does(
    argument: int, value: object, parallel: spm.Pool
) -> None:
    closure = fresh(square if argument == BIG else chatty)
    fall_back(closure, (1,), slow)

    async def run() -> int:
        beats = 0

        async def beat() -> None:
            nonlocal beats
            while True:
                await asyncio.sleep(0.005)
                beats += 1

        heart = asyncio.create_task(beat())
        assert [it async for it in parallel.map(closure, [argument])] == [value]
        heart.cancel()
        return beats

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", spm.DeoptWarning)
        assert asyncio.run(run()) > 10


PRINTED = """
    import sys
    sys.path.insert(0, {tests!r})
    import spm
    from fallbacks import fall_back

    def total(n: int) -> int:
        product = 1
        for i in range(1, n + 1):
            product *= i
        return product

    def text(n: int) -> str:
        return "many"

    fall_back(total, (1,), text)
    with spm.{kind} as pool:
        print(list(pool.map(total, [3, 40, 41])))
"""


@pytest.mark.parametrize("kind", ["serial()", "laptop(1)", "serial(check=False)"])
def test_the_warning_as_python_prints_it(script: Script, kind: str) -> None:
    done = script(PRINTED.format(tests=str(Path(__file__).parent), kind=kind))
    assert done.stdout == "[6, 'many', 'many']\n"
    lines = done.stderr.splitlines()
    assert lines[0].endswith(
        "script.py:10: DeoptWarning: `total` left its native code in line 10, `product *= i`:"
    )
    assert lines[1:] == [
        "an int left the 64-bit range of the native engine; such tasks are run by",
        "the engine `guest` from now on, which is slower",
        "  product *= i",
    ]
    assert max(map(len, lines[1:])) < 80


class TestRuntime:
    """Components that many closures share."""

    def test_it_is_read_once(self, tmp_path: Path) -> None:
        path = tmp_path / "runtime.wasm"
        path.write_bytes(b"one")
        one = _spm.Runtime(path)
        assert (one.bytes(), one.cid) == (b"one", _spm.Runtime(path).cid)
        assert "world closure" in one.wit
        assert (one.frame(0), one.frame_at(0, 0)) == (None, None)
        path.write_bytes(b"another")
        assert _spm.Runtime(path).bytes() == b"another"
        assert one.bytes() == b"one"

    def test_a_file_that_is_not_there_is_an_os_error(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            _spm.Runtime(tmp_path / "nothing.wasm")

    def test_closures_differ_by_their_payload(self, pool: spm.Pool, tmp_path: Path) -> None:
        runtime = payload_runtime(tmp_path)
        for value in ("one", ["two"]):
            closure = fresh(square)
            fall_back(closure, (1,), words, component=runtime, payload=_spm.encode(value))
            with pytest.warns(spm.DeoptWarning):
                assert pool.submit(closure, BIG).result(timeout=60) == value

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what is resident")
    def test_its_bytes_are_not_copied_for_each_closure(
        self, laptop: spm.Pool, tmp_path: Path
    ) -> None:
        # A custom section that nobody reads makes it as large as an interpreter.
        path = tmp_path / "large.wasm"
        small = payload_runtime(tmp_path).bytes()
        padding = 32 << 20
        section = bytes([0]) + leb(padding + 2) + b"\x01x" + bytes(padding)
        path.write_bytes(small + section)
        runtime = _spm.Runtime(path)
        kept = []
        for count in range(5):
            closure = fresh(square)
            payload = _spm.encode(count)
            fall_back(closure, (1,), words, component=runtime, payload=payload)
            with pytest.warns(spm.DeoptWarning):
                assert laptop.submit(closure, BIG).result(timeout=60) == count
            kept.append(closure)
            if count == 0:
                # From here on the most that is resident at any time is counted anew.
                Path("/proc/self/clear_refs").write_text("5")
                before = status_kib("VmHWM")
        assert (status_kib("VmHWM") - before) << 10 < padding


def leb(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def status_kib(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def test_a_place_without_a_file_shows_its_line(tmp_path: Path) -> None:
    """As in a notebook whose cell is gone, or a closure that came by another way."""
    namespace: dict[str, Any] = {}
    path = tmp_path / "gone.py"
    path.write_text("def lost(x: int) -> int:\n    return x * x\n")
    exec(compile(path.read_text(), str(path), "exec"), namespace)
    closure = spm.wasm_closure(namespace["lost"])
    fall_back(closure, (1,), words)
    path.unlink()
    stderr = io.StringIO()
    with spm.serial() as pool, warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("default")
        patch.setattr(sys, "stderr", stderr)
        patch.setattr(warnings, "showwarning", shown)
        pool.submit(closure, BIG).result()
    assert stderr.getvalue().endswith("  return x * x\n")


def shown(message: Any, category: Any, filename: str, lineno: int, *_: Any) -> None:
    sys.stderr.write(warnings.formatwarning(message, category, filename, lineno))


class TestPythonEngine:
    """The same with the one that `engine="auto"` takes."""

    def test_an_int_of_any_size_is_what_cpython_has(self, pool: spm.Pool) -> None:
        results = pool.map(fresh(square), [2, BIG, -BIG])
        with pytest.warns(spm.DeoptWarning, match="the engine `python`"):
            assert list(results) == [4, BIG * BIG, BIG * BIG]
        assert results.stats.deopts == 2
        assert pool.stats.engines == {"native": 1, "python": 2}

    def test_arguments_of_any_type_are_taken(self, pool: spm.Pool) -> None:
        results = pool.map(fresh(square), [2, 1 << 70, 0.5])
        with pytest.warns(spm.DeoptWarning, match="argument `x`"):
            assert list(results) == [4, 1 << 140, 0.25]
        assert (results.stats.deopts, pool.stats.misfits) == (2, 2)

    def test_what_it_raises_has_its_lines(self, pool: spm.Pool) -> None:
        with pytest.warns(spm.DeoptWarning), pytest.raises(TypeError) as caught:
            list(pool.map(fresh(square), [2, "two"]))
        error = caught.value
        assert isinstance(error, spm.TaskError)
        assert error.task is not None
        assert (error.task.engine, error.task.frames[-1].function) == ("python", "square")
        assert error.task.frames[-1].line == square.__code__.co_firstlineno + 1

    def test_serial_checks_it(self) -> None:
        with spm.serial(check=True) as pool, pytest.warns(spm.DeoptWarning):
            assert list(pool.map(fresh(square), [2, BIG])) == [4, BIG * BIG]
