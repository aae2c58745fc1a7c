"""Loops that compute: one task on one core against Numba's machine code and CPython, after JIT.

Ours runs with overflow checks, epoch interruption and canonical NaNs; Numba's integers wrap.
"""

from __future__ import annotations

import importlib.util
import inspect
import math
import textwrap
import time
import types
from collections.abc import Callable
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


KERNELS: list[tuple[Callable[..., Any], tuple[int, ...]]] = [
    (mandelbrot, (500, 100)),
    (fib, (32,)),
    (collatz, (300_000,)),
    (sieve, (10_000_000,)),
    (matmul, (300,)),
]


def jit(numba: Any, kernel: Callable[..., Any]) -> Any:
    """Numba's version, under its own global name, so that a recursive kernel calls itself."""
    module = types.ModuleType("jitted")
    source = textwrap.dedent(inspect.getsource(kernel))
    exec(compile(source, __file__, "exec"), module.__dict__)
    jitted = numba.njit(module.__dict__[kernel.__name__])
    module.__dict__[kernel.__name__] = jitted
    return jitted


def best_of(run: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Milliseconds of the fastest run, and its result."""
    best, result = float("inf"), None
    for _ in range(repeats):
        begin = time.perf_counter()
        result = run()
        best = min(best, time.perf_counter() - begin)
    return best * 1e3, result


def main() -> None:
    numba = None
    if importlib.util.find_spec("numba") is None:
        note("numba is not installed: left out (`make bench` installs it)")
    else:
        import numba
    tables, ratios = [], []
    with spm.laptop(1) as pool:
        for kernel, arguments in KERNELS:
            note(f"kernels: {kernel.__name__}")
            # Recursive kernels call themselves by their global name, so every engine is given
            # the plain function.
            closure = spm.wasm_closure(kernel)
            pool.submit(closure, *arguments).result()
            ours, value = best_of(lambda: pool.submit(closure, *arguments).result(), 5)  # noqa: B023
            rows = [Row("spm", ours, "ms", "round trip included")]
            if numba is not None:
                jitted = jit(numba, kernel)
                begin = time.perf_counter()
                jitted(*arguments)
                compiling = time.perf_counter() - begin
                theirs, expected = best_of(lambda: jitted(*arguments), 5)  # noqa: B023
                if not math.isclose(value, expected):
                    raise AssertionError(f"{kernel.__name__}: {value} is not {expected}")
                rows.append(Row("Numba", theirs, "ms", f"JIT {compiling * 1e3:.0f} ms before"))
                ratios.append(ours / theirs)
            plain, expected = best_of(lambda: kernel(*arguments), 1)  # noqa: B023
            if value != expected:
                raise AssertionError(f"{kernel.__name__}: {value} is not CPython's {expected}")
            rows.append(Row("CPython", plain, "ms"))
            must = rows[1].value * 2 if numba is not None else None
            aim = rows[1].value if numba is not None else None
            tables.append(Table(f"{kernel.__name__}{arguments}", rows, False, must, aim))
    keep("kernels", tables)
    if ratios:
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
        print(f"geometric mean of our time over Numba's: {mean:.2f}")


if __name__ == "__main__":
    main()
