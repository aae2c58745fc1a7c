"""The `python` engine: fresh and kept sandboxes, programs against native CPython, memory of a host."""

from __future__ import annotations

import contextlib
import copy
import importlib.util
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import spm
from report import Row, Table, keep, note

FRESH_TASKS = 1_000
WARM_TASKS = 50_000
SANDBOXES = 8
ASLEEP_S = 1.5
REPEATS = 5
MEMORY_EACH = 20_000

# Those that last long enough at the sizes given, and spread over what programs do.
MEASURED = (
    "chaos",
    "comprehensions",
    "coroutines",
    "deepcopy",
    "deltablue",
    "fannkuch",
    "float",
    "generators",
    "hexiom",
    "json_dumps",
    "json_loads",
    "logging",
    "nbody",
    "nqueens",
    "pickle_pure_python",
    "pidigits",
    "pyflate",
    "raytrace",
    "regex_compile",
    "regex_v8",
    "richards",
    "scimark_fft",
    "scimark_lu",
    "spectral_norm",
    "unpack_sequence",
)


def increment(x: int) -> int:
    """The smallest task there is; the native engine would take it, so the engine is insisted on."""
    return x + 1


def best_of(run: Callable[[], Any], repeats: int = REPEATS) -> tuple[float, Any]:
    """Milliseconds of the fastest run, and its result."""
    best, result = float("inf"), None
    for _ in range(repeats):
        begin = time.perf_counter()
        result = run()
        best = min(best, time.perf_counter() - begin)
    return best * 1e3, result


def check(results: list[Any], count: int) -> None:
    if results != list(range(1, count + 1)):
        raise AssertionError(f"wrong results: {results[:3]}… of {len(results)}")


def per_task(pool: spm.Pool, closure: Any, count: int) -> float:
    """Milliseconds for each of many tasks on one slot, sandbox included; best of some runs."""
    check(list(pool.map(closure, range(10))), 10)
    took, results = best_of(lambda: list(pool.map(closure, range(count))))
    check(results, count)
    return took / count


def one_by_one(pool: spm.Pool, closure: Any, count: int) -> float:
    """Milliseconds of a task that is waited for before the next is submitted; median."""
    times = []
    for index in range(count):
        begin = time.perf_counter()
        result = pool.submit(closure, index).result()
        times.append(time.perf_counter() - begin)
        if result != index + 1:
            raise AssertionError(f"wrong result: {result}")
    return sorted(times)[count // 2] * 1e3


def monty() -> tuple[float, float] | None:
    """Milliseconds of a fresh and of a kept session of pydantic-monty for the same task."""
    if importlib.util.find_spec("pydantic_monty") is None:
        note("pydantic-monty is not installed: left out (`make bench` installs it)")
        return None
    from pydantic_monty import Monty

    def fresh() -> list[Any]:
        results = []
        for x in range(FRESH_TASKS):
            with pool.checkout() as session:
                results.append(session.feed_run("x + 1", inputs={"x": x}))
        return results

    def kept() -> list[Any]:
        with pool.checkout() as session:
            return [session.feed_run("x + 1", inputs={"x": x}) for x in range(FRESH_TASKS)]

    with Monty() as pool:
        took_fresh, results = best_of(fresh)
        check(results, FRESH_TASKS)
        took_kept, results = best_of(kept)
        check(results, FRESH_TASKS)
    return took_fresh / FRESH_TASKS, took_kept / FRESH_TASKS


def small_tasks() -> list[Table]:
    """A fresh sandbox for each task, and one that is kept."""
    peer = monty()
    fresh = spm.wasm_closure(engine="python")(increment)
    warm = spm.wasm_closure(engine="python", isolation="session")(increment)
    note("python_engine: fresh sandboxes")
    with spm.laptop(1, processes=True) as pool:
        process = per_task(pool, fresh, FRESH_TASKS)
        round_trip = one_by_one(pool, fresh, FRESH_TASKS // 4)
        note("python_engine: kept sandboxes")
        warm_process = per_task(pool, warm, WARM_TASKS)
    with spm.laptop(1) as pool:
        inside = per_task(pool, fresh, FRESH_TASKS)
        warm_inside = per_task(pool, warm, WARM_TASKS)
    with spm.serial() as pool:
        serial = per_task(pool, fresh, FRESH_TASKS)
    fresh_rows = [
        Row("spm, host process", process, "ms", f"{FRESH_TASKS:,} tasks, a sandbox each"),
        Row("spm, host in process", inside, "ms"),
        Row("spm, this thread", serial, "ms"),
        Row("spm, host process, one by one", round_trip, "ms", "submit to result, median"),
    ]
    warm_rows = [
        Row("spm, host process", 1e3 / warm_process, "tasks/s", f"{WARM_TASKS:,} tasks"),
        Row("spm, host in process", 1e3 / warm_inside, "tasks/s"),
    ]
    if peer is not None:
        fresh_rows.append(Row("pydantic-monty", peer[0], "ms", "part of the language"))
        warm_rows.append(Row("pydantic-monty", 1e3 / peer[1], "tasks/s", "one session"))
    return [
        Table("fresh sandbox + trivial task, one core", fresh_rows, False, 2.5, 0.25),
        Table("tasks per second in a kept sandbox, one core", warm_rows, True, 10e3, 30e3),
    ]


def programs() -> list[Table]:
    """Programs of pyperformance against this CPython, each on one host process."""
    from pyperformance_programs import PROGRAMS, closure_of, plain, same

    tables, ratios = [], {}
    with spm.laptop(1, processes=True) as pool:
        for program in PROGRAMS:
            if program.name not in MEASURED:
                continue
            note(f"python_engine: {program.name}")
            closure = closure_of(program)
            arguments = program.full
            # The sandbox is first: some programs leave their module changed.
            value = pool.submit(closure, *copy.deepcopy(arguments)).result()
            expected = plain(program, copy.deepcopy(arguments))
            if not same(value, expected):
                raise AssertionError(f"{program.name}: {value!r:.200} is not {expected!r:.200}")
            ours, _ = best_of(lambda: pool.submit(closure, *arguments).result())  # noqa: B023
            native, _ = best_of(lambda: plain(program, arguments))  # noqa: B023
            ratios[program.name] = ours / native
            rows = [
                Row("spm, host process", ours, "ms", "round trip included"),
                Row("CPython", native, "ms"),
            ]
            tables.append(Table(program.name, rows, False))
    mean = math.exp(sum(map(math.log, ratios.values())) / len(ratios))
    version = ".".join(map(str, sys.version_info[:2]))
    overall = [
        Row("spm, host process", mean, "x", f"geometric mean of {len(ratios)} programs"),
        Row(f"CPython {version}", 1.0, "x"),
    ]
    return [*tables, Table("run time against native CPython", overall, False, 2.0, 1.3)]


def busy(index: int, size: int, seconds: float) -> int:
    """A task that holds some objects for a while."""
    held = [{"number": n, "text": str(n)} for n in range(size)]
    length = len(json.dumps(held))
    time.sleep(seconds)
    return index if length else -1


def resident_mb(pid: int) -> float:
    """Memory of a process: resident, from /proc."""
    return _megabytes(Path(f"/proc/{pid}/status"), "VmRSS:")


def proportional_mb(pid: int) -> float:
    """Memory of a process whose pages others share: its part of each."""
    return _megabytes(Path(f"/proc/{pid}/smaps_rollup"), "Pss:")


def _megabytes(path: Path, field: str) -> float:
    for line in path.read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError(f"no {field} in {path}")


@contextlib.contextmanager
def host_of(slots: int) -> Iterator[tuple[int, spm.Pool]]:
    """A host process with many slots, and a pool of it."""
    from spm import _runtime

    with tempfile.TemporaryDirectory() as folder:
        key = str(Path(folder) / "key")
        command = [
            _runtime.host_program(),
            "run",
            "--listen=/ip4/127.0.0.1/tcp/0",
            f"--state-dir={folder}/state",
            f"--allow={spm.identity(key)}",
            f"--slots={slots}",
            "--memory-mib=4096",
            "--exit-with-stdin",
            "--log-level=error",
        ]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as host:
            assert host.stdout is not None
            assert host.stdin is not None
            ready = host.stdout.readline().split()
            if ready[:1] != ["ready"]:
                raise RuntimeError(f"the host says {ready}")
            try:
                with spm.connect(ready[1], key=key) as pool:
                    yield host.pid, pool
            finally:
                host.stdin.close()
                host.wait(timeout=30)


def peak_while(futures: list[Any], pids: list[int], memory_of: Callable[[int], float]) -> float:
    """The most memory that the processes have together until all futures are done, in MB."""
    peak = 0.0
    while not all(future.done() for future in futures):
        peak = max(peak, sum(map(memory_of, pids)))
        time.sleep(0.02)
    for future in futures:
        future.result()
    return peak


def memory() -> Table:
    """A host with sandboxes running, against as many processes of CPython."""
    note("python_engine: memory")
    closure = spm.wasm_closure(engine="python")(busy)
    with host_of(SANDBOXES) as (pid, pool):
        list(pool.map(closure, range(SANDBOXES), [10] * SANDBOXES, [0.0] * SANDBOXES))
        idle = resident_mb(pid)
        begin = time.perf_counter()
        futures = [pool.submit(closure, index, MEMORY_EACH, ASLEEP_S) for index in range(SANDBOXES)]
        peak = peak_while(futures, [pid], resident_mb)
        took = time.perf_counter() - begin
        if took > ASLEEP_S * SANDBOXES / 2:
            raise AssertionError(f"the tasks did not run at the same time: {took:.1f} s")
    with ProcessPoolExecutor(SANDBOXES) as executor:
        for future in [executor.submit(busy, 0, 10, 0.1) for _ in range(SANDBOXES)]:
            future.result()
        futures = [
            executor.submit(busy, index, MEMORY_EACH, ASLEEP_S) for index in range(SANDBOXES)
        ]
        native = peak_while(futures, list(executor._processes), proportional_mb)
    rows = [
        Row("spm-host", peak, "MB", f"{SANDBOXES} sandboxes; {idle:.0f} MB when they are gone"),
        Row("ProcessPoolExecutor", native, "MB", f"{SANDBOXES} forked workers, shared pages once"),
    ]
    return Table(f"memory of a host with {SANDBOXES} sandboxes running", rows, False, 600, 200)


def main() -> None:
    keep("python_engine", [*small_tasks(), *programs(), memory()])


if __name__ == "__main__":
    main()
