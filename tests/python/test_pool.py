"""What pools promise beyond PEP 3148: lazy input, results, options, List, output, asyncio."""

import asyncio
import io
import itertools
import os
import sys
import threading
import time
from typing import Any

import pytest

import spm


@spm.wasm_closure
def double(x: int) -> int:
    return 2 * x


@spm.wasm_closure
def inverse(x: int) -> float:
    return 1 / x


@spm.wasm_closure
def endless(n: int) -> int:
    while n >= 0:
        n = (n + 1) % 1000
    return n


@spm.wasm_closure
def count_down(n: int) -> int:
    while n != 0:
        n = n - 1 if n > 0 else -1
    return n


@spm.wasm_closure
def talk(n: int) -> int:
    print("task", n)
    print("é", end="\n")
    return n


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_result_is_not_waited_for_after_it_is_there() -> None:
    # Whoever waits for a result and the pool's own thread must not take it from one another.
    with spm.laptop(1) as pool:
        for n in range(3000):
            begin = time.monotonic()
            assert pool.submit(double, n).result(timeout=60) == 2 * n
            assert time.monotonic() - begin < 30


class TestMap:
    def test_input_is_read_lazily_in_the_consumers_thread(self, pool: spm.Pool) -> None:
        readers = set()

        def numbers() -> Any:
            for n in itertools.count():
                readers.add(threading.get_ident())
                yield n

        results = pool.map(double, numbers())
        assert [next(results) for _ in range(1000)] == [2 * n for n in range(1000)]
        results.close()
        assert readers == {threading.get_ident()}
        with pytest.raises(StopIteration):
            next(results)

    def test_the_first_window_is_submitted_before_map_returns(self, pool: spm.Pool) -> None:
        read: list[int] = []

        def numbers() -> Any:
            for n in range(3):
                read.append(n)
                yield n

        results = pool.map(double, numbers())
        assert read
        assert list(results) == [0, 2, 4]

    def test_an_exception_of_the_input_is_the_callers(self, pool: spm.Pool) -> None:
        def numbers() -> Any:
            yield 1
            raise LookupError("input")

        with pytest.raises(LookupError, match="input"):
            list(pool.map(double, numbers()))

    def test_unordered_gives_every_result(self, pool: spm.Pool) -> None:
        assert sorted(pool.map(double, range(500), ordered=False)) == [2 * n for n in range(500)]

    def test_stats(self, pool: spm.Pool) -> None:
        results = pool.map(double, range(50))
        assert sum(results) == 2450
        assert results.stats.submitted == 50
        assert results.stats.done == 50
        assert results.stats.failed == 0
        assert results.stats.elapsed_s > 0

    def test_results_are_a_context_manager(self, parallel: spm.Pool) -> None:
        with parallel.map(endless, [-1, 0, 0]) as results:
            assert next(results) == -1
        assert parallel.submit(double, 1).result(timeout=60) == 2

    def test_many_tasks(self, parallel: spm.Pool) -> None:
        assert sum(parallel.map(double, range(20_000))) == 20_000 * 19_999

    def test_a_type_that_was_not_compiled_for_is_a_compile_error(self, pool: spm.Pool) -> None:
        @spm.wasm_closure(engine="native")
        def same(x):  # type: ignore[no-untyped-def]
            return x

        with pytest.raises(spm.CompileError, match="str"):
            list(pool.map(same, [1, 2, "three"]))
        assert pool.submit(same, "three").result() == "three"
        assert pool.submit(same, 4).result() == 4

    def test_large_values_travel(self, pool: spm.Pool) -> None:
        @spm.wasm_closure
        def total(items: list[int]) -> list[int]:
            return [sum(items)] + items  # noqa: RUF005

        items = list(range(50_000))
        assert pool.submit(total, items).result() == [sum(items), *items]
        assert [result[0] for result in pool.map(total, [items] * 4)] == [sum(items)] * 4


class TestSlots:
    def test_a_task_that_never_ends_holds_up_no_other_closure(self, parallel: spm.Pool) -> None:
        forever = parallel.submit(endless, 0)
        try:
            for n in range(1, 21):
                waiting = [parallel.submit(double, n), parallel.submit(inverse, n)]
                assert [future.result(timeout=30) for future in waiting] == [2 * n, 1 / n]
            assert list(parallel.map(double, range(200))) == [2 * n for n in range(200)]
            assert not forever.done()
        finally:
            assert forever.cancel()
        assert parallel.submit(double, 4).result(timeout=30) == 8

    def test_tasks_sent_ahead_do_not_wait_behind_one_that_never_ends(
        self, parallel: spm.Pool
    ) -> None:
        # Quick ones first, so that hosts are sent many at once.
        assert list(parallel.map(count_down, [1] * 500)) == [0] * 500
        futures = [parallel.submit(count_down, -1 if n == 50 else 1) for n in range(300)]
        try:
            done = [future.result(timeout=30) for future in futures if future is not futures[50]]
            assert done == [0] * 299
            assert not futures[50].done()
        finally:
            assert futures[50].cancel()


class TestOutput:
    def test_print_reappears_in_order(
        self, pool: spm.Pool, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert list(pool.map(talk, range(5))) == [0, 1, 2, 3, 4]
        lines = capsys.readouterr().out.splitlines()
        assert sorted(lines) == sorted([f"task {n}" for n in range(5)] + ["é"] * 5)
        assert [line for line in lines if line != "é"] == sorted(
            line for line in lines if line != "é"
        )

    def test_print_of_a_future(self, pool: spm.Pool, capsys: pytest.CaptureFixture[str]) -> None:
        assert pool.submit(talk, 9).result() == 9
        assert capsys.readouterr().out == "task 9\né\n"

    def test_print_goes_to_the_stdout_of_now(
        self, pool: spm.Pool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import io

        stream = io.StringIO()
        monkeypatch.setattr(sys, "stdout", stream)
        pool.submit(talk, 1).result()
        assert stream.getvalue() == "task 1\né\n"


class TestAsync:
    def test_futures_can_be_awaited(self, pool: spm.Pool) -> None:
        async def main() -> list[int]:
            return await asyncio.gather(*(pool.submit(double, n) for n in range(50)))

        assert asyncio.run(main()) == [2 * n for n in range(50)]

    def test_an_awaited_future_raises(self, pool: spm.Pool) -> None:
        async def main() -> float:
            return await pool.submit(inverse, 0)

        with pytest.raises(ZeroDivisionError):
            asyncio.run(main())

    def test_results_can_be_iterated(self, pool: spm.Pool) -> None:
        async def main() -> list[int]:
            return [value async for value in pool.map(double, range(300))]

        assert asyncio.run(main()) == [2 * n for n in range(300)]

    def test_cancelling_the_awaiting_task_stops_it(self, parallel: spm.Pool) -> None:
        async def main() -> bool:
            future = parallel.submit(endless, 0)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.wrap_future(future), 0.05)
            return future.cancelled()

        assert asyncio.run(main())
        assert parallel.submit(double, 1).result(timeout=60) == 2

    def test_run_in_executor(self, pool: spm.Pool) -> None:
        async def main() -> int:
            return await asyncio.get_running_loop().run_in_executor(pool, double, 21)

        assert asyncio.run(main()) == 42


class TestList:
    def test_run_returns_everything_in_order(self, pool: spm.Pool) -> None:
        gathered = spm.List(pool, double).run(range(100))
        assert gathered == [2 * n for n in range(100)]
        assert isinstance(gathered, spm.Gathered)
        assert gathered.stats.done == 100
        assert list(gathered.failures) == []
        gathered.raise_all()

    def test_the_first_failure_in_task_order_is_raised_bare(self, pool: spm.Pool) -> None:
        with pytest.raises(ZeroDivisionError) as caught:
            spm.List(pool, inverse).run([1, 2, 0, 4, 0])
        assert isinstance(caught.value, spm.TaskError)
        assert caught.value.task is not None
        assert caught.value.task.index == 2

    def test_collect_never_raises(self, pool: spm.Pool) -> None:
        gathered = spm.List(pool, inverse, on_error="collect").run([1, 0, 2, 0])
        assert gathered[0] == 1.0
        assert gathered[2] == 0.5
        assert isinstance(gathered[1], ZeroDivisionError)
        assert isinstance(gathered[3], ZeroDivisionError)
        assert len(gathered.failures) == 2
        with pytest.raises(spm.TaskFailures) as caught:
            gathered.raise_all()
        assert len(caught.value.exceptions) == 2
        with pytest.raises(ExceptionGroup):
            gathered.raise_all()

    def test_retry_gives_up_after_as_many(self, pool: spm.Pool) -> None:
        seen: list[spm.Status] = []
        runs = spm.List(pool, inverse, on_error="retry", retries=2, on_status=seen.append)
        with pytest.raises(ZeroDivisionError):
            runs.run([1, 0])
        assert sum(status.error is not None for status in seen) == 3

    def test_a_handler_decides(self, pool: spm.Pool) -> None:
        answers = {1: spm.Substitute(-1.0), 3: spm.Skip()}

        def decide(error: spm.TaskError) -> Any:
            assert error.task is not None
            return answers[error.task.index]

        gathered = spm.List(pool, inverse, on_error=decide).run([1, 0, 2, 0, 4])
        assert gathered == [1.0, -1.0, 0.5, 0.25]
        assert len(gathered.failures) == 2

    def test_a_handler_may_raise_or_answer_nonsense(self, pool: spm.Pool) -> None:
        with pytest.raises(ZeroDivisionError):
            spm.List(pool, inverse, on_error=lambda _: spm.Raise()).run([1, 0])
        with pytest.raises(TypeError, match="on_error answered"):
            spm.List(pool, inverse, on_error=lambda _: None).run([0])  # type: ignore[arg-type,return-value]

    def test_an_exception_in_a_callback_stops_the_run(self, pool: spm.Pool) -> None:
        def fail(_: spm.Status) -> None:
            raise LookupError("callback")

        with pytest.raises(LookupError, match="callback"):
            spm.List(pool, double, on_status=fail).run(range(100))
        assert spm.List(pool, double).run([1]) == [2]

    def test_status_names_every_task(self, pool: spm.Pool) -> None:
        seen: list[spm.Status] = []
        spm.List(pool, double, on_status=seen.append).run(range(30))
        assert sorted(status.task.index for status in seen) == list(range(30))
        assert {status.task.outcome for status in seen} == {"returned"}

    def test_progress_ends_with_everything_done(self, pool: spm.Pool) -> None:
        seen: list[spm.Progress] = []
        spm.List(pool, double, progress=seen.append).run(range(200))
        assert (seen[-1].done, seen[-1].total, seen[-1].running) == (200, 200, 0)

    def test_progress_on_stderr(self, pool: spm.Pool, capsys: pytest.CaptureFixture[str]) -> None:
        spm.List(pool, double, progress=True).run(range(20))
        assert "20 of 20 tasks done" in capsys.readouterr().err

    @pytest.mark.parametrize("is_installed", [True, False], ids=["tqdm", "line"])
    def test_progress_on_a_terminal(
        self, pool: spm.Pool, monkeypatch: pytest.MonkeyPatch, is_installed: bool
    ) -> None:
        terminal = Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        if not is_installed:
            monkeypatch.setitem(sys.modules, "tqdm.auto", None)
        results = spm.List(pool, inverse, on_error="collect", progress=True).run(range(20))
        assert len(results) == 20
        last = terminal.getvalue().rstrip("\n").rsplit("\r", 1)[-1]
        assert ("20/20" if is_installed else "20 of 20 tasks done") in last
        assert "1 failed" in last
        assert terminal.getvalue().endswith("\n")

    def test_stream(self, pool: spm.Pool) -> None:
        with spm.List(pool, double).stream(itertools.count()) as results:
            assert [next(results) for _ in range(100)] == [2 * n for n in range(100)]
        assert sorted(spm.List(pool, double).stream(range(50), ordered=False)) == [
            2 * n for n in range(50)
        ]

    def test_managers_exclude_one_another(self, pool: spm.Pool) -> None:
        with spm.List(pool, double).stream(itertools.count()) as results:
            assert next(results) == 0
            with pytest.raises(spm.SequenceError):
                spm.List(pool, double).run([1])
            with pool.select() as other:
                assert spm.List(other, double).run([3]) == [6]
            assert list(pool.map(double, [5])) == [10]
            assert pool.submit(double, 6).result() == 12
        assert spm.List(pool, double).run([4]) == [8]

    def test_options_are_checked(self, pool: spm.Pool) -> None:
        with pytest.raises(TypeError, match="unknown option `retry`"):
            spm.List(pool, double, retry=1)  # type: ignore[call-arg]
        with pytest.raises(ValueError, match="on_error"):
            spm.List(pool, double, on_error="ignore")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="retries"):
            pool.map(double, [1], retries=-1)
        with pytest.raises(ValueError, match="task_deadline_s"):
            pool.options(task_deadline_s=0)

    def test_run_deadline(self, parallel: spm.Pool) -> None:
        with pytest.raises(spm.DeadlineExceeded):
            spm.List(parallel, endless, run_deadline_s=0.3).run([0, 0, 0])

    def test_task_deadline(self, pool: spm.Pool) -> None:
        gathered = spm.List(pool, endless, task_deadline_s=0.2, on_error="collect").run([-1, 0])
        assert gathered[0] == -1
        assert isinstance(gathered[1], spm.DeadlineExceeded)


class TestKinds:
    def test_hosts(self, parallel: spm.Pool) -> None:
        assert len(parallel.hosts) == 2
        for host in parallel.hosts:
            assert host.slots == 1
            assert "native" in host.engines
            assert host.memory_bytes > 0
        assert len({host.peer_id for host in parallel.hosts}) == 2

    def test_select(self, parallel: spm.Pool) -> None:
        one = parallel.hosts[0].peer_id
        with parallel.select(hosts=[one]) as chosen:
            assert [host.peer_id for host in chosen.hosts] == [one]
            future = chosen.submit(double, 1)
            assert future.result() == 2
            assert future.task.host == one
        with parallel.select(hosts=1) as chosen:
            assert len(chosen.hosts) == 1
        with pytest.raises(ValueError, match="3 hosts are wanted"):
            parallel.select(hosts=3)
        with pytest.raises(ValueError, match="no host"):
            parallel.select(labels={"gpu": "yes"})
        assert parallel.submit(double, 4).result() == 8

    def test_options_give_a_pool(self, pool: spm.Pool) -> None:
        hasty = pool.options(task_deadline_s=0.2)
        with pytest.raises(spm.DeadlineExceeded):
            hasty.submit(endless, 0).result()
        assert pool.submit(double, 1).result() == 2

    def test_a_future_knows_its_task(self, pool: spm.Pool) -> None:
        pool.submit(double, 1).result()
        future = pool.submit(double, 2)
        assert future.result() == 4
        assert future.task.index == 1
        assert future.task.outcome == "returned"
        assert future.task.attempts == 1

    def test_plain_python(self) -> None:
        with spm.serial(sandbox=False) as pool:
            assert list(pool.map(double, [1, 2])) == [2, 4]
            error = pool.submit(inverse, 0).exception()
            assert isinstance(error, ZeroDivisionError)
            assert isinstance(error, spm.TaskError)

            def process() -> int:
                return os.getpid()

            assert pool.submit(process).result() == os.getpid()

    def test_check_compares(self) -> None:
        with spm.serial(check=True) as pool:
            assert list(pool.map(double, [1, 2])) == [2, 4]
            with pytest.raises(ZeroDivisionError):
                pool.submit(inverse, 0).result()
            with pytest.raises(spm.InternalError, match="OverflowError"):
                pool.submit(spm.wasm_closure(engine="native")(double.__wrapped__), 2**62).result()
        with pytest.raises(ValueError, match="check=True"):
            spm.serial(sandbox=False, check=True)

    @pytest.mark.parametrize(("named", "hosts"), [("serial", 1), ("laptop:1", 1), ("laptop:3", 3)])
    def test_spm_pool_names_the_pool(
        self, named: str, hosts: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SPM_POOL", named)
        with spm.pool() as pool:
            assert len(pool.hosts) == hosts
            assert pool.submit(double, 1).result() == 2

    @pytest.mark.parametrize("named", ["laptop:x", "laptop:0", "elsewhere"])
    def test_spm_pool_that_names_none(self, named: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SPM_POOL", named)
        with pytest.raises(ValueError, match="SPM_POOL"):
            spm.pool()

    def test_cpu_count_heeds_affinity_and_control_group(self, tmp_path: Any) -> None:
        from spm import _runtime

        assert 1 <= _runtime.cpu_count() <= len(os.sched_getaffinity(0))
        folder = tmp_path / "cgroup" / "a" / "b"
        folder.mkdir(parents=True)
        (folder.parent / "cpu.max").write_text("150000 100000\n")
        (folder / "cpu.max").write_text("max 100000\n")
        own = tmp_path / "own"
        own.write_text("0::/a/b\n")
        assert _runtime._cgroup_quota(str(tmp_path / "cgroup"), str(own)) == 2
        own.write_text("0::/\n")
        assert _runtime._cgroup_quota(str(tmp_path / "cgroup"), str(own)) is None
