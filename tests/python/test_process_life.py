"""The process around pools: it ends, forks, is interrupted and crashes, and nothing hangs."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

Script = Callable[..., subprocess.CompletedProcess[str]]
CHILD_TIMEOUT_S = 120

PRELUDE = """
    import os, signal, sys, threading
    import spm

    def double(x: int) -> int:
        return 2 * x

    def endless(n: int) -> int:
        while n >= 0:
            n = (n + 1) % 1000
        return n

    def element(items: list[int], index: int) -> int:
        return items[index]
"""
POOLS = ["spm.serial()", "spm.laptop(2)", "spm.laptop(2, processes=True)"]


def full(source: str) -> str:
    return textwrap.dedent(PRELUDE) + textwrap.dedent(source)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def wait_until_gone(pids: list[int]) -> None:
    """The parent's death reaches a child through a closed pipe; wait on that, not on a clock."""
    for pid in pids:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        import select

        readable, _, _ = select.select([descriptor], [], [], CHILD_TIMEOUT_S)
        os.close(descriptor)
        assert readable, f"process {pid} still runs"


def test_import_starts_no_thread(script: Script) -> None:
    script(
        """
        import os, threading
        before = len(os.listdir("/proc/self/task"))
        import spm
        assert threading.active_count() == 1
        assert len(os.listdir("/proc/self/task")) == before
        """
    )


@pytest.mark.parametrize("pool", POOLS)
def test_exit_without_with(script: Script, pool: str) -> None:
    done = script(
        full(
            f"""
            pool = {pool}
            future = pool.submit(double, 4)
            results = pool.map(double, range(100))
            next(results)
            print(future.result(), [host.pid for host in pool.hosts])
            """
        )
    )
    assert done.stdout.startswith("8 ")
    assert done.stderr == ""


@pytest.mark.parametrize("pool", POOLS)
def test_exit_lets_submitted_tasks_end(script: Script, pool: str) -> None:
    done = script(
        full(
            f"""
            pool = {pool}
            pool.submit(double, 4).add_done_callback(lambda future: print("done", future.result()))
            """
        )
    )
    assert done.stdout == "done 8\n"


def test_host_processes_do_not_outlive_python(tmp_path: Path) -> None:
    path = tmp_path / "script.py"
    path.write_text(
        full(
            """
            pool = spm.laptop(2, processes=True)
            print(*[host.pid for host in pool.hosts], flush=True)
            pool.submit(endless, 0).result()
            """
        )
    )
    child = subprocess.Popen([sys.executable, str(path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    pids = [int(pid) for pid in child.stdout.readline().split()]
    assert len(pids) == 2
    assert all(is_alive(pid) for pid in pids)
    child.kill()
    child.wait(CHILD_TIMEOUT_S)
    child.stdout.close()
    wait_until_gone(pids)


@pytest.mark.parametrize("wait", ["future.result()", "list(pool.map(endless, [0, 0, 0]))"])
@pytest.mark.parametrize("pool", ["spm.laptop(2)", "spm.laptop(2, processes=True)"])
@pytest.mark.parametrize("block", ["with pool:", "if True:"])
def test_ctrl_c_stops_everything(tmp_path: Path, pool: str, wait: str, block: str) -> None:
    path = tmp_path / "script.py"
    path.write_text(
        full(
            f"""
            pool = {pool}
            {block}
                future = pool.submit(endless, 0)
                print(*[host.pid for host in pool.hosts], flush=True)
                {wait}
            """
        )
    )
    child = subprocess.Popen(
        [sys.executable, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    pids = [int(pid) for pid in child.stdout.readline().split()]
    child.send_signal(signal.SIGINT)
    _, stderr = child.communicate(timeout=CHILD_TIMEOUT_S)
    assert "KeyboardInterrupt" in stderr
    assert child.returncode != 0
    wait_until_gone([pid for pid in pids if pid != child.pid])


def test_ctrl_c_reaches_a_serial_pool(tmp_path: Path) -> None:
    path = tmp_path / "script.py"
    path.write_text(
        full(
            """
            pool = spm.serial()
            pool.submit(double, 1)
            print("begin", flush=True)
            pool.submit(endless, 0)
            """
        )
    )
    child = subprocess.Popen(
        [sys.executable, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "begin\n"
    child.send_signal(signal.SIGINT)
    _, stderr = child.communicate(timeout=CHILD_TIMEOUT_S)
    assert "KeyboardInterrupt" in stderr


def test_a_caught_ctrl_c_leaves_the_pool_usable(script: Script) -> None:
    script(
        full(
            """
            with spm.laptop(2, processes=True) as pool:
                future = pool.submit(endless, 0)
                threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
                try:
                    future.result()
                except KeyboardInterrupt:
                    future.cancel()
                assert pool.submit(double, 2).result() == 4
            """
        )
    )


@pytest.mark.parametrize("pool", POOLS)
def test_a_forked_childs_pool_says_so(script: Script, pool: str) -> None:
    done = script(
        full(
            f"""
            import warnings
            warnings.simplefilter("ignore", DeprecationWarning)
            pool = {pool}
            assert pool.submit(double, 1).result() == 2
            child = os.fork()
            if child == 0:
                submit, map_ = (lambda: pool.submit(double, 1)), (lambda: pool.map(double, [1]))
                for attempt in (submit, map_, spm.laptop):
                    try:
                        attempt()
                    except RuntimeError as error:
                        assert "fork" in str(error), error
                    else:
                        os._exit(3)
                pool.shutdown()
                del pool
                sys.exit(0)
            _, status = os.waitpid(child, 0)
            assert os.waitstatus_to_exitcode(status) == 0, status
            assert pool.submit(double, 2).result() == 4
            pool.shutdown()
            print("fine")
            """
        )
    )
    assert done.stdout == "fine\n"


def test_fork_after_import_leaves_the_child_free(script: Script) -> None:
    script(
        full(
            """
            child = os.fork()
            if child == 0:
                with spm.laptop(1) as pool:
                    assert pool.submit(double, 1).result() == 2
                sys.exit(0)
            _, status = os.waitpid(child, 0)
            assert os.waitstatus_to_exitcode(status) == 0, status
            with spm.laptop(1) as pool:
                assert pool.submit(double, 2).result() == 4
            """
        )
    )


@pytest.mark.parametrize("when", ["before", "after", "after a pool"])
def test_faulthandler(script: Script, when: str) -> None:
    lines = ["import spm", "pool = spm.laptop(1)"]
    at = {"before": 0, "after": 1, "after a pool": 2}[when]
    lines.insert(at, "import faulthandler; faulthandler.enable()")
    done = script(
        "\n".join(
            [
                *lines,
                textwrap.dedent(PRELUDE),
                "serial = spm.serial()",
                "for each in (pool, serial):",
                "    try:",
                "        each.submit(element, [1], 5).result()",
                "    except IndexError:",
                "        print('caught')",
                "    assert each.submit(double, 4).result() == 8",
            ]
        )
    )
    assert done.stdout == "caught\ncaught\n"
    assert "Fatal" not in done.stderr


def test_many_pools_at_once(script: Script) -> None:
    script(
        full(
            """
            pools = [spm.laptop(1) for _ in range(8)] + [spm.serial() for _ in range(4)]
            futures = [pool.submit(double, n) for n, pool in enumerate(pools)]
            assert [future.result() for future in futures] == [2 * n for n in range(12)]
            for pool in pools:
                pool.shutdown()
            # Threads of pools that are shut end with them.
            assert threading.active_count() == 1, threading.enumerate()
            """
        )
    )


def test_pools_that_are_dropped_end(script: Script) -> None:
    script(
        full(
            """
            import gc
            pids = []
            for _ in range(2):
                pool = spm.laptop(1, processes=True)
                pids += [host.pid for host in pool.hosts]
                assert pool.submit(double, 1).result() == 2
                del pool
                gc.collect()
            import select
            for pid in pids:
                try:
                    descriptor = os.pidfd_open(pid)
                except ProcessLookupError:
                    continue
                assert select.select([descriptor], [], [], 60)[0], f"{pid} lives"
            """
        )
    )


def test_a_pool_that_was_asked_nothing(script: Script) -> None:
    script(full("spm.laptop(2); spm.laptop(1, processes=True); spm.serial()"))


def test_multiprocessing_spawn(script: Script) -> None:
    script(
        full(
            """
            import multiprocessing

            def child(queue):
                with spm.laptop(1) as pool:
                    queue.put(pool.submit(double, 21).result())

            if __name__ == "__main__":
                context = multiprocessing.get_context("spawn")
                with spm.laptop(1) as pool:
                    assert pool.submit(double, 1).result() == 2
                    queue = context.Queue()
                    process = context.Process(target=child, args=(queue,))
                    process.start()
                    assert queue.get(timeout=100) == 42
                    process.join()
            """
        )
    )


FAILING_CELL = """
try:
    pool.submit(lambda x: 1 // x, 0).result()
except ZeroDivisionError as error:
    print(error.task.frames[-1].line)
"""


def test_a_notebook(tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    cells = [
        "import spm\npool = spm.laptop(2)",
        "@spm.wasm_closure\ndef double(x: int) -> int:\n    print('cell', x)\n    return helper(x)",
        "def helper(x: int) -> int:\n    return 2 * x",
        "print(list(pool.map(double, [1, 2])))",
        "print(await pool.submit(double, 21))",
        FAILING_CELL,
        "pool.shutdown()",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = nbclient.NotebookClient(notebook, timeout=CHILD_TIMEOUT_S, kernel_name="python3")
    client.execute()
    output = ["".join(out.get("text", "") for out in cell["outputs"]) for cell in notebook.cells]
    assert "[2, 4]" in output[3]
    assert "cell 1" in output[3]
    assert "42" in output[4]
    assert output[5] == "2\n"
