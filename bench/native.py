"""The native engine against Numba and CPython: run time, objects, compile time, size, and arrays.

Contenders take turns, and what counts is the processor time of the fastest: others use the machine, too.
Ours runs with overflow checks, epoch interruption and canonical NaNs; Numba's integers wrap.
"""

from __future__ import annotations

import array
import gc
import importlib.util
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import native_kernels
import spm
from report import Row, Table, keep, note

TURNS = 5
FLOATS = 100_000_000 // 8


def host_time() -> float:
    """Seconds of processor that this process's host processes have taken."""
    total = 0
    for child in Path("/proc/self/task").glob("*/children"):
        for pid in child.read_text().split():
            for stat in Path(f"/proc/{pid}/task").glob("*/schedstat"):
                total += int(stat.read_text().split()[0])
    return total / 1e9


def fastest(contenders: dict[str, tuple[Callable[[], Any], Callable[[], float], int]]) -> Any:
    """Milliseconds of each contender's fastest turn, and what it returned."""
    best: dict[str, float] = {}
    values = {}
    for turn in range(max(turns for _, _, turns in contenders.values())):
        for name, (run, clock, turns) in contenders.items():
            if turn >= turns:
                continue
            gc.collect()
            begin = clock()
            values[name] = run()
            took = (clock() - begin) * 1e3
            best[name] = min(took, best.get(name, math.inf))
    return best, values


def race(pool: spm.Pool, kernel: Callable[..., Any], arguments: tuple[int, ...], numba: Any) -> Any:
    note(f"native: {kernel.__name__}")
    closure = spm.wasm_closure(engine="native")(kernel)
    pool.submit(closure, *arguments).result()
    contenders = {
        "spm": (lambda: pool.submit(closure, *arguments).result(), host_time, TURNS),
        "CPython": (lambda: kernel(*arguments), time.process_time, 2),
    }
    if numba is not None:
        jitted = numba.njit(kernel)
        jitted(*arguments)
        contenders["Numba"] = (lambda: jitted(*arguments), time.process_time, TURNS)
    best, values = fastest(contenders)
    exact = kernel.__name__ != "black_scholes"
    for name, value in values.items():
        if not math.isclose(value, values["CPython"], rel_tol=1e-9 if exact else 0.05):
            raise AssertionError(
                f"{kernel.__name__}: {name} gives {value}, CPython {values['CPython']}"
            )
    rows = [Row(name, best[name], "ms") for name in ("spm", "Numba", "CPython") if name in best]
    return Table(f"{kernel.__name__}{arguments}", rows, False), best


def mean(ratios: list[float]) -> float:
    return math.exp(sum(map(math.log, ratios)) / len(ratios))


def verdict(title: str, value: float, unit: str, must: float, aim: float, more: bool) -> Table:
    return Table(title, [Row("spm", value, unit)], more, must, aim)


def typical(xs: list[float], limit: int) -> tuple[float, float, int]:
    """A function of 30 lines, as people write them."""
    total = 0.0
    squares = 0.0
    count = 0
    low = xs[0]
    high = xs[0]
    for x in xs:
        if x < low:
            low = x
        elif x > high:
            high = x
        total += x
        squares += x * x
        count += 1
    if count < 2:
        raise ValueError("at least two values are needed")
    average = total / count
    deviation = math.sqrt((squares - count * average * average) / (count - 1))
    outliers = 0
    for x in xs:
        if abs(x - average) > limit * deviation:
            outliers += 1
    width = (high - low) / 10 if high > low else 1.0
    bins = [0] * 10
    for x in xs:
        index = int((x - low) / width)
        bins[min(index, 9)] += 1
    best = 0
    for i in range(10):
        if bins[i] > bins[best]:
            best = i
    return average, deviation, outliers * 10 + best


def compiling() -> tuple[float, int]:
    """Milliseconds of processor to compile the typical function, and the component's bytes."""
    best = math.inf
    size = 0
    for _ in range(30):
        closure = spm.wasm_closure(engine="native")(typical)
        begin = time.thread_time()
        size = len(closure.component([1.0, 2.0], 3))
        best = min(best, time.thread_time() - begin)
    return best * 1e3, size


def total_of(xs: bytes) -> bytes:
    return xs


def carried(pool: spm.Pool) -> tuple[float, float]:
    """Seconds for 100 MB to go in and come out, and to copy them once."""
    data = array.array("d", bytes(8 * FLOATS)).tobytes()
    pool.submit(total_of, b"").result()
    best = copy = math.inf
    for _ in range(TURNS):
        begin = time.perf_counter()
        result = pool.submit(total_of, data).result()
        best = min(best, time.perf_counter() - begin)
        if len(result) != len(data):
            raise AssertionError("bytes were lost")
        del result
        begin = time.perf_counter()
        copied = bytearray(data)
        copy = min(copy, time.perf_counter() - begin)
        del copied
    return best, copy


def main() -> None:
    numba = None
    if importlib.util.find_spec("numba") is None:
        note("numba is not installed: left out (`make bench` installs it)")
    else:
        os.environ["NUMBA_NUM_THREADS"] = "1"
        import numba
    only = os.environ.get("SPM_BENCH_KERNELS", "").split()
    tables, over_numba, over_python, objects = [], [], [], []
    with spm.laptop(1, processes=True) as pool:
        for kernel, arguments in native_kernels.NUMBERS:
            if only and kernel.__name__ not in only:
                continue
            table, best = race(pool, kernel, arguments, numba)
            tables.append(table)
            over_python.append(best["CPython"] / best["spm"])
            if "Numba" in best:
                over_numba.append(best["spm"] / best["Numba"])
        for kernel, arguments in native_kernels.OBJECTS:
            if only and kernel.__name__ not in only:
                continue
            table, best = race(pool, kernel, arguments, None)
            tables.append(table)
            objects.append(best["CPython"] / best["spm"])
    if only:
        for table in tables:
            print(table.render(), end="\n\n")
        return
    if over_numba:
        title = "numeric kernels: our time over Numba's, geometric mean"
        tables.append(verdict(title, mean(over_numba), "x", 1.3, 0.9, False))
    title = "numeric kernels: CPython's time over ours, geometric mean"
    tables.append(verdict(title, mean(over_python), "x", 40, 80, True))
    title = "object kernels: CPython's time over ours, geometric mean"
    tables.append(verdict(title, mean(objects), "x", 5, 15, True))
    took, size = compiling()
    tables.append(verdict("compile a function of 30 lines", took, "ms", 5, 1.5, False))
    tables.append(verdict("its component", size, "bytes", 12_000, 4_000, False))
    with spm.laptop(1) as inside:
        through, copy = carried(inside)
    rows = [
        Row("spm", through * 1e3, "ms", "as bytes, in and out"),
        Row("memcpy", copy * 1e3, "ms"),
    ]
    tables.append(Table("100 MB, in and out", rows, False, copy * 4e3, copy * 2e3))
    keep("native", tables)


if __name__ == "__main__":
    main()
