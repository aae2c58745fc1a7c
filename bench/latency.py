"""Submit to result of `x + 1`, one task at a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import peers
import spm
from report import Row, Table, keep, note


@spm.wasm_closure
def increment(x: int) -> int:
    return x + 1


def quantiles(call: Callable[[int], Any], count: int) -> tuple[float, float]:
    """Median and 99th percentile in microseconds, after a tenth as many calls to warm up."""
    for x in range(count // 10):
        call(x)
    times = []
    for x in range(count):
        begin = time.perf_counter_ns()
        result = call(x)
        times.append(time.perf_counter_ns() - begin)
        if result != x + 1:
            raise AssertionError(f"wrong result: {result}")
    times.sort()
    return times[count // 2] / 1e3, times[count * 99 // 100] / 1e3


def ours(name: str, pool: spm.Pool) -> Row:
    with pool:
        p50, p99 = quantiles(lambda x: pool.submit(increment, x).result(), 5000)
    return Row(name, p50, "us", f"p99 {p99:.0f} us")


def main() -> None:
    inside = ours("spm, hosts in process", spm.laptop(2))
    processes = ours("spm, hosts as processes", spm.laptop(2, processes=True))
    others = []
    for peer in peers.available():
        with peer() as running:
            note(f"latency: {running.name}")
            p50, p99 = quantiles(lambda x: running.call(peers.increment, x), 300)
            others.append(Row(running.name, p50, "us", f"p99 {p99:.0f} us"))
    keep(
        "latency",
        [
            Table("submit to result, p50, hosts in process", [inside, *others], False, 60, 25),
            Table(
                "submit to result, p50, hosts as processes", [processes, *others], False, 250, 150
            ),
        ],
    )


if __name__ == "__main__":
    main()
