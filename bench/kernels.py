"""Loops that compute: one task on one core against Numba's machine code and CPython, after JIT.

Ours runs with overflow checks, epoch interruption and canonical NaNs; Numba's integers wrap.
"""

from __future__ import annotations

import importlib.util
import inspect
import math
import shutil
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import spm
from report import Row, Table, keep, note


def mandelbrot(size: int, limit: int) -> int:
    total = 0
    for row in range(size):
        ci = 2.0 * row / size - 1.0
        for column in range(size):
            cr = 3.0 * column / size - 2.0
            zr = 0.0
            zi = 0.0
            count = 0
            while count < limit and zr * zr + zi * zi <= 4.0:
                zr, zi = zr * zr - zi * zi + cr, 2.0 * zr * zi + ci
                count += 1
            total += count
    return total


def fib(n: int) -> int:
    if n < 2:
        return n
    return fib(n - 1) + fib(n - 2)


def collatz(limit: int) -> int:
    best = 0
    for start in range(1, limit):
        n = start
        steps = 0
        while n != 1:
            if n % 2 == 0:
                n = n // 2
            else:
                n = 3 * n + 1
            steps += 1
        best = max(best, steps)
    return best


def sieve(limit: int) -> int:
    composite = [False] * (limit + 1)
    count = 0
    for number in range(2, limit + 1):
        if not composite[number]:
            count += 1
            for multiple in range(number * number, limit + 1, number):
                composite[multiple] = True
    return count


def matmul(size: int) -> float:
    a = [0.0] * (size * size)
    b = [0.0] * (size * size)
    c = [0.0] * (size * size)
    for i in range(size):
        for j in range(size):
            a[i * size + j] = float(i + j) / size
            b[i * size + j] = float(i - j) / size
    for i in range(size):
        for k in range(size):
            left = a[i * size + k]
            for j in range(size):
                c[i * size + j] += left * b[k * size + j]
    trace = 0.0
    for i in range(size):
        trace += c[i * size + i]
    return trace


REPEATS = 10
KERNELS: list[tuple[Callable[..., Any], tuple[int, ...]]] = [
    (mandelbrot, (500, 100)),
    (fib, (32,)),
    (collatz, (300_000,)),
    (sieve, (10_000_000,)),
    (matmul, (300,)),
]


def jit(numba: Any, kernel: Callable[..., Any]) -> Any:
    """Numba's version. A recursive kernel is in a file of its own, where its name means itself."""
    if kernel is not fib:
        return numba.njit(kernel)
    folder = tempfile.mkdtemp()
    path = Path(folder) / "recursive_kernel.py"
    source = textwrap.dedent(inspect.getsource(kernel))
    path.write_text(f"import numba\n\n\n@numba.njit('int64(int64)')\n{source}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Numba finds the name again through the module.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    shutil.rmtree(folder)
    return module.fib


def best_of(run: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Milliseconds of the fastest run, and its result."""
    best, result = float("inf"), None
    for _ in range(repeats):
        begin = time.perf_counter()
        result = run()
        best = min(best, time.perf_counter() - begin)
    return best * 1e3, result


def in_pool(
    pool: spm.Pool, closure: Callable[..., Any], arguments: tuple[int, ...]
) -> tuple[float, Any]:
    """Milliseconds of the fastest run after a first one, and its result."""
    pool.submit(closure, *arguments).result()
    return best_of(lambda: pool.submit(closure, *arguments).result(), REPEATS)


def main() -> None:
    numba = None
    if importlib.util.find_spec("numba") is None:
        note("numba is not installed: left out (`make bench` installs it)")
    else:
        import numba
    # Numba goes first, in a process where nothing else runs yet.
    theirs: dict[str, tuple[float, Any, float]] = {}
    for kernel, arguments in KERNELS if numba is not None else ():
        jitted = jit(numba, kernel)
        begin = time.perf_counter()
        jitted(*arguments)
        compiling = time.perf_counter() - begin
        took, value = best_of(lambda: jitted(*arguments), REPEATS)  # noqa: B023
        theirs[kernel.__name__] = (took, value, compiling * 1e3)
    tables, ratios = [], []
    # Code for hosts in this process checks every access to memory by itself: signals are Python's.
    with spm.laptop(1, processes=True) as pool, spm.laptop(1) as inside:
        for kernel, arguments in KERNELS:
            note(f"kernels: {kernel.__name__}")
            closure = spm.wasm_closure(kernel)
            ours, value = in_pool(pool, closure, arguments)
            ours_inside, value_inside = in_pool(inside, closure, arguments)
            if value_inside != value:
                raise AssertionError(f"{kernel.__name__}: {value_inside} in process, not {value}")
            rows = [
                Row("spm, host process", ours, "ms", "round trip included"),
                Row("spm, host in process", ours_inside, "ms"),
            ]
            must = aim = None
            if kernel.__name__ in theirs:
                took, expected, compiling = theirs[kernel.__name__]
                if not math.isclose(value, expected):
                    raise AssertionError(f"{kernel.__name__}: {value} is not {expected}")
                rows.append(Row("Numba", took, "ms", f"JIT {compiling:.0f} ms before"))
                ratios.append(ours / took)
                must, aim = took * 2, took
            plain, expected = best_of(lambda: kernel(*arguments), 1)  # noqa: B023
            if value != expected:
                raise AssertionError(f"{kernel.__name__}: {value} is not CPython's {expected}")
            rows.append(Row("CPython", plain, "ms"))
            tables.append(Table(f"{kernel.__name__}{arguments}", rows, False, must, aim))
    keep("kernels", tables)
    if ratios:
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
        print(f"geometric mean of our time over Numba's: {mean:.2f}")


if __name__ == "__main__":
    main()
