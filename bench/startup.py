"""From nothing to four hosts, and from a decorated function to its first result."""

from __future__ import annotations

import time
from typing import Any

import peers
import spm
from report import Row, Table, keep, note


def hosts_ready(processes: bool) -> float:
    """Milliseconds until a pool of four hosts has every one of them; best of 5, as for all."""
    best = float("inf")
    for _ in range(5):
        begin = time.perf_counter()
        with spm.laptop(4, processes=processes) as pool:
            if len(pool.hosts) != 4:
                raise AssertionError(f"{len(pool.hosts)} hosts")
            best = min(best, time.perf_counter() - begin)
    return best * 1e3


def fresh_closure(number: int) -> Any:
    """A function nobody has compiled before: its constant differs each time."""
    namespace: dict[str, Any] = {"spm": spm}
    name = f"<first-result-{number}>"
    source = f"@spm.wasm_closure\ndef work(x: int) -> int:\n    return x + {number}\n"
    import linecache

    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    exec(compile(source, name, "exec"), namespace)
    return namespace["work"]


def first_result(pool: spm.Pool) -> float:
    """Milliseconds to compile, ship, verify and run a new function; median of 20."""
    base = time.time_ns() % 10**9 * 1000
    times = []
    for number in range(base, base + 20):
        work = fresh_closure(number)
        begin = time.perf_counter()
        result = pool.submit(work, 1).result()
        times.append(time.perf_counter() - begin)
        if result != number + 1:
            raise AssertionError(f"wrong result: {result}")
    return sorted(times)[10] * 1e3


def main() -> None:
    ready_inside, ready_processes = hosts_ready(False), hosts_ready(True)
    with spm.laptop(2) as pool:
        first_inside = first_result(pool)
    with spm.laptop(2, processes=True) as pool:
        first_processes = first_result(pool)
    ready, first = [], []
    for peer in peers.available():
        begin = time.perf_counter()
        with peer() as running:
            note(f"startup: {running.name}")
            booted = time.perf_counter()
            running.call(peers.increment, 1)
            done = time.perf_counter()
        ready.append(Row(running.name, (booted - begin) * 1e3, "ms", "2 workers"))
        first.append(Row(running.name, (done - booted) * 1e3, "ms", "first task"))
    keep(
        "startup",
        [
            Table(
                "4 hosts ready, in process",
                [Row("spm", ready_inside, "ms"), *ready],
                False,
                50,
                10,
            ),
            Table(
                "4 hosts ready, as processes",
                [Row("spm", ready_processes, "ms"), *ready],
                False,
                500,
                200,
            ),
            Table(
                "decorated function to first result, hosts as processes",
                [
                    Row("spm", first_processes, "ms", "compile, ship, verify, run"),
                    Row("spm, in process", first_inside, "ms"),
                    *first,
                ],
                False,
                20,
                8,
            ),
        ],
    )


if __name__ == "__main__":
    main()
