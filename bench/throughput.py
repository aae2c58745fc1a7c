"""Tasks per second of `x + 1`: a fresh sandbox for each of ours, a function call for each of theirs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import peers
import spm
from report import Row, Table, keep, note

OURS = 400_000
SECONDS = 4.0


@spm.wasm_closure
def increment(x: int) -> int:
    return x + 1


def rate(run: Callable[[Iterable[int]], list[Any]], first: int = 200) -> tuple[float, int]:
    """Tasks per second, growing the number of tasks until one run takes long enough to trust."""
    count = first
    while True:
        begin = time.perf_counter()
        results = run(range(count))
        seconds = time.perf_counter() - begin
        if results[:3] != [1, 2, 3] or len(results) != count:
            raise AssertionError(f"wrong results: {results[:3]}… of {len(results)}")
        if seconds > SECONDS / 4 or count >= OURS:
            return count / seconds, count
        count = min(OURS, int(count * max(2.0, min(10.0, SECONDS / 2 / max(seconds, 1e-6)))))


def ours(name: str, pool: spm.Pool) -> Row:
    with pool:
        list(pool.map(increment, range(1000)))
        best, count = max(rate(lambda xs: list(pool.map(increment, xs)), 50_000) for _ in range(3))
    return Row(name, best, "tasks/s", f"{count:,} tasks, best of 3")


def main() -> None:
    inside = ours("spm, hosts in process", spm.laptop(2))
    processes = ours("spm, hosts as processes", spm.laptop(2, processes=True))
    others = []
    for peer in peers.available():
        with peer() as running:
            note(f"throughput: {running.name}")
            running.map(peers.increment, range(200))
            best, count = rate(lambda xs: running.map(peers.increment, xs))
            others.append(Row(running.name, best, "tasks/s", f"{count:,} tasks"))
    keep(
        "throughput",
        [
            Table("tasks per second, hosts in process", [inside, *others], True, 100e3, 300e3),
            Table("tasks per second, hosts as processes", [processes, *others], True, 60e3, 150e3),
        ],
    )


if __name__ == "__main__":
    main()
