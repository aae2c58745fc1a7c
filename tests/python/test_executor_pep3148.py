"""A pool is an executor to the letter of PEP 3148: CPython's own tests, with what compiles.

The cases follow CPython 3.11's `test_concurrent_futures`. Where they sleep to keep a task running,
a loop is used that only `cancel` or a deadline ends.
"""

import gc
import itertools
import threading
import time
from concurrent import futures
from typing import Any

import pytest

import spm


def spin(n: int) -> int:
    while n >= 0:
        n = (n + 1) % 1000
    return n


def capture(x: int, y: int = 0) -> int:
    return 10 * x + y


def capture_all(*args: Any, **kwargs: Any) -> Any:
    return args, kwargs


def raises(x: int) -> int:
    raise ValueError(f"no {x}")


def test_submit(pool: spm.Pool) -> None:
    assert pool.submit(pow, 2, 8).result() == 256


def test_submit_keyword(pool: spm.Pool) -> None:
    assert pool.submit(capture, 1, y=2).result() == 12
    assert pool.submit(capture, y=3, x=1).result() == 13
    assert pool.submit(capture, 1).result() == 10
    assert pool.submit(capture_all, 1, self=2, fn=3).result() == ((1,), {"self": 2, "fn": 3})
    assert pool.submit(pow, base=2, exp=5).result() == 32
    with pytest.raises(TypeError):
        pool.submit(fn=capture_all, arg=1)
    with pytest.raises(TypeError):
        pool.submit(arg=1)


def test_wrong_arguments_are_refused_at_once(pool: spm.Pool) -> None:
    with pytest.raises(TypeError, match="capture"):
        pool.submit(capture, 1, 2, 3)


def test_map(pool: spm.Pool) -> None:
    assert list(pool.map(pow, range(10), range(10))) == list(map(pow, range(10), range(10)))
    assert list(pool.map(pow, range(10), range(10), chunksize=3)) == list(
        map(pow, range(10), range(10))
    )
    assert list(pool.map(capture, [])) == []
    assert list(pool.map(capture, [1, 2, 3], [4, 5])) == [14, 25]


def test_map_exception(pool: spm.Pool) -> None:
    results = pool.map(divmod, [1, 1, 1, 1], [2, 3, 0, 5])
    assert next(results) == (0, 1)
    assert next(results) == (0, 1)
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_map_timeout(parallel: spm.Pool) -> None:
    results = parallel.map(spin, [-1, -1, 0], timeout=1)
    assert next(results) == -1
    assert next(results) == -1
    with pytest.raises(TimeoutError):
        next(results)


def test_map_timeout_of_builtins(parallel: spm.Pool) -> None:
    results = parallel.map(time.sleep, [0, 0, 3600], timeout=2)
    assert [next(results), next(results)] == [None, None]
    with pytest.raises(TimeoutError):
        next(results)


def test_map_checks_its_arguments(pool: spm.Pool) -> None:
    with pytest.raises(ValueError, match="chunksize must be >= 1"):
        pool.map(capture, [1], chunksize=0)
    with pytest.raises(ValueError, match="buffersize must be None or > 0"):
        pool.map(capture, [1], buffersize=0)
    with pytest.raises(TypeError, match="buffersize must be an integer or None"):
        pool.map(capture, [1], buffersize="2")  # type: ignore[arg-type]


def test_buffersize_bounds_what_is_read(pool: spm.Pool) -> None:
    numbers = itertools.count()
    results = pool.map(capture, numbers, buffersize=4)
    assert next(numbers) <= 4
    assert [next(results) for _ in range(3)] == [0, 10, 20]
    assert next(numbers) <= 4 + 3 + 1
    results.close()


def test_shutdown_race_free(parallel: spm.Pool) -> None:
    future = parallel.submit(capture, 1)
    parallel.shutdown()
    assert future.done()
    assert future.result() == 10


def test_run_after_shutdown(pool: spm.Pool) -> None:
    pool.shutdown()
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        pool.submit(pow, 2, 5)
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        pool.map(pow, [2], [5])
    pool.shutdown()


def test_results_of_a_map_survive_shutdown(pool: spm.Pool) -> None:
    results = pool.map(capture, range(5))
    pool.shutdown(wait=True)
    assert list(results) == [0, 10, 20, 30, 40]


def test_shutdown_no_wait(parallel: spm.Pool) -> None:
    future = parallel.submit(capture, 2)
    results = parallel.map(capture, range(5))
    parallel.shutdown(wait=False)
    assert future.result() == 20
    assert list(results) == [0, 10, 20, 30, 40]


def test_shutdown_cancels_what_has_not_begun(parallel: spm.Pool) -> None:
    running = [parallel.submit(spin, 0) for _ in range(2)]
    waiting = [parallel.submit(capture, n) for n in range(20)]
    stopper = threading.Thread(target=parallel.shutdown, kwargs={"cancel_futures": True})
    stopper.start()
    futures.wait(waiting)
    assert all(future.cancelled() for future in waiting)
    assert not any(future.done() for future in running)
    assert all(future.cancel() for future in running)
    stopper.join()


def test_shutdown_waits_for_what_was_submitted(parallel: spm.Pool) -> None:
    submitted = [parallel.submit(time.sleep, 0.01) for _ in range(50)]
    parallel.shutdown()
    assert [future.result() for future in submitted] == [None] * 50


def test_shutdown_with_cancel_futures_ends_what_runs_and_no_more(parallel: spm.Pool) -> None:
    submitted = [parallel.submit(time.sleep, 0.1) for _ in range(50)]
    parallel.shutdown(cancel_futures=True)
    assert all(future.done() for future in submitted)
    cancelled = [future for future in submitted if future.cancelled()]
    assert len(cancelled) >= 50 - 2 * 2
    assert all(future.exception() is None for future in submitted if not future.cancelled())


@pytest.mark.parametrize("kind", ["spm.laptop(2)", "spm.laptop(2, processes=True)"])
def test_python_ends_after_what_was_submitted(script: Any, kind: str) -> None:
    done = script(
        f"""
        import time, spm

        def sleep_and_print(t, msg):
            time.sleep(t)
            print(msg)

        pool = {kind}
        pool.submit(sleep_and_print, 0.3, "apple")
        """
    )
    assert (done.stdout.strip(), done.stderr) == ("apple", "")


@pytest.mark.parametrize("kind", ["spm.laptop(2)", "spm.laptop(2, processes=True)"])
def test_python_ends_without_what_was_cancelled(script: Any, kind: str) -> None:
    done = script(
        f"""
        import time, spm

        def sleep_and_print(t, msg):
            time.sleep(t)
            print(msg)

        pool = {kind}
        pool.submit(sleep_and_print, 0.1, "apple")
        late = [pool.submit(sleep_and_print, 3600.0, "late") for _ in range(8)]
        pool.shutdown(wait=False)
        for future in late:
            assert future.cancel()
        """
    )
    assert (done.stdout.strip(), done.stderr) == ("apple", "")


def test_submit_while_python_ends_is_refused(script: Any) -> None:
    done = script(
        """
        import atexit, spm

        pool = spm.laptop(1)

        @atexit.register
        def run_last():
            try:
                pool.submit(id, None)
            except RuntimeError as error:
                print("runtime-error", error)
        """
    )
    assert "runtime-error cannot schedule new futures after" in done.stdout


def test_context_manager_shutdown(pool: spm.Pool) -> None:
    with pool as same:
        assert same is pool
        assert list(pool.map(abs, range(-5, 5))) == [5, 4, 3, 2, 1, 0, 1, 2, 3, 4]
    with pytest.raises(RuntimeError):
        pool.submit(abs, 1)


def test_an_exception_leaving_the_block_cancels(parallel: spm.Pool) -> None:
    with pytest.raises(KeyError), parallel:
        endless = parallel.submit(spin, 0)
        raise KeyError
    assert endless.cancelled()


def test_wait_first_completed(parallel: spm.Pool) -> None:
    quick, endless = parallel.submit(capture, 4), parallel.submit(spin, 0)
    done, pending = futures.wait([quick, endless], return_when=futures.FIRST_COMPLETED)
    assert (done, pending) == ({quick}, {endless})
    endless.cancel()


def test_wait_first_completed_of_some_that_are(parallel: spm.Pool) -> None:
    cancelled, finished = parallel.submit(time.sleep, 3600.0), parallel.submit(capture, 1)
    assert cancelled.cancel()
    assert finished.result() == 10
    endless = parallel.submit(time.sleep, 3600.0)
    done, pending = futures.wait(
        [cancelled, finished, endless], return_when=futures.FIRST_COMPLETED
    )
    assert (done, pending) == ({cancelled, finished}, {endless})
    assert endless.cancel()


def test_wait_first_exception_of_one_that_failed_after_a_while(parallel: spm.Pool) -> None:
    def sleep_and_raise(t: float) -> None:
        time.sleep(t)
        raise OSError("this is an exception")

    quick, failing = parallel.submit(capture, 21), parallel.submit(sleep_and_raise, 0.1)
    done, pending = futures.wait([quick, failing], return_when=futures.FIRST_EXCEPTION)
    assert (done, pending) == ({quick, failing}, set())
    with pytest.raises(OSError, match="this is an exception"):
        failing.result()


def test_wait_first_exception(parallel: spm.Pool) -> None:
    failing, endless = parallel.submit(raises, 1), parallel.submit(spin, 0)
    done, pending = futures.wait([failing, endless], return_when=futures.FIRST_EXCEPTION)
    assert (done, pending) == ({failing}, {endless})
    assert endless.cancel()


def test_wait_all_completed(pool: spm.Pool) -> None:
    submitted = [pool.submit(capture, n) for n in range(10)]
    done, pending = futures.wait(submitted)
    assert (done, pending) == (set(submitted), set())


def test_wait_times_out(parallel: spm.Pool) -> None:
    endless = parallel.submit(spin, 0)
    done, pending = futures.wait([endless], timeout=0.05)
    assert (done, pending) == (set(), {endless})
    with pytest.raises(TimeoutError):
        endless.result(timeout=0.05)
    with pytest.raises(TimeoutError):
        endless.exception(timeout=0)
    assert endless.cancel()


def test_as_completed(pool: spm.Pool) -> None:
    submitted = {pool.submit(capture, n): n for n in range(20)}
    seen = {submitted[future]: future.result() for future in futures.as_completed(submitted)}
    assert seen == {n: 10 * n for n in range(20)}


def test_as_completed_times_out(parallel: spm.Pool) -> None:
    endless = parallel.submit(spin, 0)
    with pytest.raises(TimeoutError):
        list(futures.as_completed([endless], timeout=0))
    assert endless.cancel()
    assert list(futures.as_completed([endless])) == [endless]


def test_duplicate_futures(pool: spm.Pool) -> None:
    future = pool.submit(capture, 3)
    assert list(futures.as_completed([future, future])) == [future]


def test_a_cancelled_future(parallel: spm.Pool) -> None:
    endless = parallel.submit(spin, 0)
    called = threading.Event()
    endless.add_done_callback(lambda _: called.set())
    assert endless.cancel()
    assert endless.cancelled()
    assert endless.done()
    assert not endless.running()
    assert endless.cancel()
    assert called.wait(60)
    with pytest.raises(futures.CancelledError):
        endless.result()
    with pytest.raises(futures.CancelledError):
        endless.exception()
    assert parallel.submit(capture, 1).result() == 10


def test_cancelling_what_ended_does_nothing(pool: spm.Pool) -> None:
    future = pool.submit(capture, 1)
    assert future.result() == 10
    assert not future.cancel()
    assert not future.cancelled()


def test_a_running_future_says_so(parallel: spm.Pool) -> None:
    endless = parallel.submit(spin, 0)
    assert endless.running()
    assert not endless.done()
    endless.cancel()


def test_callbacks(pool: spm.Pool) -> None:
    results: list[object] = []
    ended = threading.Event()

    def callback(future: futures.Future[int]) -> None:
        results.append(future.result())
        ended.set()

    pool.submit(capture, 7).add_done_callback(callback)
    assert ended.wait(60)
    assert results == [70]


def test_a_callback_may_wait_for_another_future(parallel: spm.Pool) -> None:
    other = parallel.submit(capture, 2)
    found: list[int] = []
    ended = threading.Event()

    def callback(_: object) -> None:
        found.append(other.result())
        found.append(parallel.submit(capture, 3).result())
        ended.set()

    parallel.submit(capture, 1).add_done_callback(callback)
    assert ended.wait(60)
    assert found == [20, 30]


def test_exceptions_have_their_traceback(pool: spm.Pool) -> None:
    error = pool.submit(raises, 5).exception()
    assert isinstance(error, ValueError)
    assert isinstance(error, spm.TaskError)
    assert error.args == ("no 5",)
    assert error.__traceback__ is not None
    last = error.__traceback__
    while last.tb_next is not None:
        last = last.tb_next
    assert last.tb_frame.f_code.co_name == "raises"
    assert last.tb_frame.f_code.co_filename == __file__


def test_interleaved_maps_from_several_threads(pool: spm.Pool) -> None:
    found: dict[int, list[int]] = {}

    def work(number: int) -> None:
        found[number] = list(pool.map(capture, range(number, number + 200)))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: [10 * n for n in range(number, number + 200)] for number in range(4)}


def test_submits_from_several_threads(pool: spm.Pool) -> None:
    found: list[bool] = []

    def work() -> None:
        submitted = [pool.submit(capture, n) for n in range(100)]
        found.append([future.result() for future in submitted] == [10 * n for n in range(100)])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 4


def test_one_future_is_awaited_by_several_threads(parallel: spm.Pool) -> None:
    future = parallel.submit(capture, 6)
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(future.result())) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [60] * 5


def test_dropping_the_iterator_cancels_the_rest(parallel: spm.Pool) -> None:
    results = parallel.map(spin, [-1, 0, 0, 0])
    assert next(results) == -1
    del results
    gc.collect()
    assert parallel.submit(capture, 1).result(timeout=60) == 10


def test_free_reference(pool: spm.Pool) -> None:
    values = pool.map(capture, [1, 2])
    assert next(values) == 10
    assert next(values) == 20
    with pytest.raises(StopIteration):
        next(values)
    with pytest.raises(StopIteration):
        next(values)
