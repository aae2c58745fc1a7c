"""Every way in which a task ends badly has its exception, the same on every pool."""

import copy
import math
import os
import pickle
import signal
import subprocess
import traceback
from concurrent import futures
from pathlib import Path

import pytest

import spm


@spm.wasm_closure
def divide(a: int, b: int) -> int:
    return a // b


@spm.wasm_closure
def power(n: int) -> int:
    result = 1
    for _ in range(n):
        result *= 1000
    return result


@spm.wasm_closure
def element(items: list[int], index: int) -> int:
    return items[index]


@spm.wasm_closure(memory_mib=2)
def hoard(n: int) -> int:
    items = [0]
    for i in range(n):
        items.append(i)
    return len(items)


@spm.wasm_closure
def descend(n: int) -> int:
    return 1 + descend(n + 1)


@spm.wasm_closure
def positive(n: int) -> int:
    assert n > 0, "not positive"
    return n


@spm.wasm_closure
def refuse(n: int) -> int:
    raise ValueError(f"refused {n}")


@spm.wasm_closure(fuel=5_000)
def hungry(n: int) -> int:
    total = 0
    for i in range(n):
        total += i
    return total


@spm.wasm_closure(deadline_s=0.2)
def late(n: int) -> int:
    while n >= 0:
        n = (n + 1) % 1000
    return n


@spm.wasm_closure(fuel=200_000)
def branching(n: int) -> int:
    if n < 2:
        return n
    return branching(n - 1) + branching(n - 2)


@spm.wasm_closure(deadline_s=0.2)
def branching_late(n: int) -> int:
    if n < 2:
        return n
    return branching_late(n - 1) + branching_late(n - 2)


@spm.wasm_closure
def endless(n: int) -> int:
    while n >= 0:
        n = (n + 1) % 1000
    return n


@spm.wasm_closure
def stop(n: int) -> int:
    raise StopIteration(n)


@spm.wasm_closure
def root(x: float) -> float:
    return math.sqrt(x)


def failure(pool: spm.Pool, f: object, *args: object) -> spm.TaskError:
    error = pool.submit(f, *args).exception()  # type: ignore[arg-type]
    assert isinstance(error, spm.TaskError), error
    assert error.task is not None
    return error


def last_line(error: spm.TaskError) -> str:
    assert error.task is not None
    return error.task.frames[-1].source.strip()


def test_division_by_zero(pool: spm.Pool) -> None:
    error = failure(pool, divide, 1, 0)
    assert isinstance(error, ZeroDivisionError)
    assert last_line(error) == "return a // b"
    with pytest.raises(ZeroDivisionError):
        pool.submit(divide, 1, 0).result()


def test_an_int_that_leaves_64_bits(pool: spm.Pool) -> None:
    compiled = spm.wasm_closure(engine="native")(power.__wrapped__)
    assert pool.submit(compiled, 6).result() == 10**18
    error = failure(pool, compiled, 7)
    assert isinstance(error, OverflowError)
    assert last_line(error) == "result *= 1000"


def test_index_out_of_range(pool: spm.Pool) -> None:
    error = failure(pool, element, [1, 2, 3], 3)
    assert isinstance(error, IndexError)
    assert str(error) == "list index out of range"
    assert pool.submit(element, [1, 2, 3], -1).result() == 3


def test_memory_limit(pool: spm.Pool) -> None:
    assert pool.submit(hoard, 10).result() == 11
    error = failure(pool, hoard, 10_000_000)
    assert isinstance(error, MemoryError)


def test_recursion(pool: spm.Pool) -> None:
    error = failure(pool, descend, 0)
    assert isinstance(error, RecursionError)
    assert "maximum recursion depth exceeded" in str(error)


def test_assertions(pool: spm.Pool) -> None:
    error = failure(pool, positive, 0)
    assert isinstance(error, AssertionError)
    assert error.args == ("not positive",)


def test_raise(pool: spm.Pool) -> None:
    error = failure(pool, refuse, 3)
    assert isinstance(error, ValueError)
    assert type(error).__name__ == "ValueError"
    assert error.args == ("refused 3",)
    for same in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert isinstance(same, ValueError)
        assert isinstance(same, spm.TaskError)
        assert same.args == error.args


def test_math_domain(pool: spm.Pool) -> None:
    assert isinstance(failure(pool, root, -1.0), ValueError)


def test_what_python_acts_on_is_not_raised(pool: spm.Pool) -> None:
    error = failure(pool, stop, 1)
    assert isinstance(error, spm.RemoteException)
    assert error.class_name == "StopIteration"


def test_fuel(pool: spm.Pool) -> None:
    assert pool.submit(hungry, 5).result() == 10
    error = failure(pool, hungry, 10_000_000)
    assert isinstance(error, spm.FuelExhausted)
    assert "5000" in str(error)


def test_deadline(pool: spm.Pool) -> None:
    error = failure(pool, late, 0)
    assert isinstance(error, spm.DeadlineExceeded)
    assert isinstance(error, TimeoutError)
    assert str(error) == "the task ran past its deadline"
    line = late.__wrapped__.__code__.co_firstlineno
    (frame,) = error.task.frames
    assert frame.function == "late"
    assert frame.line == line + 2, "the head of the loop that ran on"


@pytest.mark.parametrize(
    ("function", "ended"),
    [(branching, spm.FuelExhausted), (branching_late, spm.DeadlineExceeded)],
    ids=["fuel", "deadline"],
)
def test_a_recursion_that_was_stopped_shows_where(
    pool: spm.Pool, function: spm.Closure[[int], int], ended: type[spm.TaskError]
) -> None:
    error = failure(pool, function, 80)
    assert isinstance(error, ended)
    assert error.task is not None
    first, last = error.task.frames[0], error.task.frames[-1]
    line = function.__wrapped__.__code__.co_firstlineno + 1
    assert first.source.strip().startswith("return branching")
    # Stopped on its way into the function: its name, and no call, is the innermost place.
    assert last.line == line
    assert last.source.strip().startswith("def branching")


def test_a_failure_harms_no_neighbour(pool: spm.Pool) -> None:
    gathered = spm.List(pool, divide, on_error="collect").run([6] * 60, [1, 2, 0] * 20)
    assert [value for value in gathered if isinstance(value, int)] == [6, 3] * 20
    assert sum(isinstance(value, ZeroDivisionError) for value in gathered) == 20


def test_cancelled(parallel: spm.Pool) -> None:
    future = parallel.submit(endless, 0)
    assert future.cancel()
    with pytest.raises(futures.CancelledError):
        future.result()
    assert parallel.submit(divide, 8, 2).result(timeout=60) == 4


def test_the_traceback_shows_the_users_lines_and_no_others(pool: spm.Pool) -> None:
    try:
        pool.submit(divide, 1, 0).result()
    except ZeroDivisionError as error:
        entries = traceback.extract_tb(error.__traceback__)
    assert [entry.filename for entry in entries] == [__file__, __file__]
    assert [entry.line for entry in entries] == [
        "pool.submit(divide, 1, 0).result()",
        "return a // b",
    ]


def test_a_killed_host_costs_nothing_but_time() -> None:
    with spm.laptop(2, processes=True) as pool:
        results = pool.map(divide, range(40_000), [1] * 40_000, buffersize=2_000)
        first = [next(results) for _ in range(10)]
        pid = pool.hosts[0].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        assert first + list(results) == list(range(40_000))


def test_a_task_whose_host_is_killed_is_tried_elsewhere() -> None:
    with spm.laptop(2, processes=True) as pool:
        running = pool.submit(endless, 0)
        quick = pool.submit(endless, -1)
        assert quick.result() == -1
        busy = next(host for host in pool.hosts if host.peer_id != quick.task.host)
        assert busy.pid is not None
        os.kill(busy.pid, signal.SIGKILL)
        # The pool hears of it, and goes on with the host that is left.
        while len(pool.hosts) > 1:
            assert not running.done()
        assert not running.done()
        assert running.cancel()
        assert pool.submit(divide, 9, 3).result(timeout=60) == 3


def test_a_task_whose_hosts_are_all_killed_fails() -> None:
    with spm.laptop(1, processes=True) as pool:
        future = pool.submit(endless, 0)
        pid = pool.hosts[0].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        error = future.exception(timeout=60)
        assert isinstance(error, spm.MeshError)


def test_an_unknown_submitter_is_refused(tmp_path: Path) -> None:
    from spm._runtime import host_program

    stranger = "12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5"
    command = [
        host_program(), "run", "--listen", "/ip4/127.0.0.1/tcp/0", "--allow", stranger,
        "--slots", "1", "--state-dir", str(tmp_path / "host"), "--exit-with-stdin",
    ]  # fmt: skip
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as host:
        assert host.stdout is not None
        address = host.stdout.readline().removeprefix("ready ").strip()
        with pytest.raises((spm.MeshError, spm.ClosureRefused)) as caught:
            with spm.connect(address, key=str(tmp_path / "key")) as pool:
                pool.submit(divide, 1, 1).result(timeout=60)
        assert "allow" in str(caught.value) or "submitter" in str(caught.value)
        assert host.stdin is not None
        host.stdin.close()


def test_too_much_memory_is_refused_at_the_sequence_point(tmp_path: Path) -> None:
    with spm.laptop(1) as pool:
        offered = pool.hosts[0].memory_bytes >> 20
        if offered >= 4096:
            pytest.skip("this machine has more memory than a closure can ask for")

        @spm.wasm_closure(memory_mib=4096)
        def huge(n: int) -> int:
            return n

        with pytest.raises(spm.ClosureRefused) as caught:
            pool.submit(huge, 1)
        assert caught.value.reasons
