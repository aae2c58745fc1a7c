"""How much the submitter grows while a million tasks pass through it from a generator."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

from report import Row, Table, keep, note

TASKS = 1_000_000
PEER_TASKS = 100_000


def resident_bytes() -> int:
    """This process's resident memory."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def numbers(count: int) -> Iterator[int]:
    yield from range(count)


def growth_of_spm(processes: bool) -> float:
    """Growth in MB, beyond what a warm-up of 20 000 tasks took."""
    import spm

    @spm.wasm_closure
    def increment(x: int) -> int:
        return x + 1

    with spm.laptop(2, processes=processes) as pool:
        for _ in pool.map(increment, numbers(20_000)):
            pass
        before = peak = resident_bytes()
        for index, result in enumerate(pool.map(increment, numbers(TASKS))):
            if index % 10_000 == 0:
                if result != index + 1:
                    raise AssertionError(f"wrong result: {result}")
                peak = max(peak, resident_bytes())
    return (max(peak, resident_bytes()) - before) / 1e6


def growth_of_template() -> float:
    """The same of tasks that make tasks: a binary tree of a million."""
    import spm

    @spm.wasm_closure
    def branch(height: int) -> int:
        if height > 1:
            spm.task.spawn(height - 1)
            spm.task.spawn(height - 1)
        return 1

    with spm.laptop(2, processes=True) as pool:
        for _ in spm.Template(pool, branch).stream([14]):
            pass
        before = peak = resident_bytes()
        for index, _ in enumerate(spm.Template(pool, branch).stream([20])):
            if index % 10_000 == 0:
                peak = max(peak, resident_bytes())
    return (max(peak, resident_bytes()) - before) / 1e6


def growth_of_aggregate() -> float:
    """The same of a map-reduce with a million items."""
    import spm

    @spm.wasm_closure
    def pairs(x: int) -> list[tuple[int, int]]:
        return [(x % 100, 1)]

    @spm.wasm_closure
    def total(key: int, counts: list[int]) -> int:
        return sum(counts)

    peak = 0

    def watched(count: int) -> Iterator[int]:
        nonlocal peak
        for x in range(count):
            if x % 10_000 == 0:
                peak = max(peak, resident_bytes())
            yield x

    with spm.laptop(2, processes=True) as pool:
        count = spm.Aggregate(pool, map=pairs, combine=total, reduce=total)
        count.run(watched(20_000))
        before = peak = resident_bytes()
        found = count.run(watched(TASKS))
    if set(found.values()) != {TASKS // 100}:
        raise AssertionError("wrong counts")
    return (max(peak, resident_bytes()) - before) / 1e6


def growth_of_executor() -> float:
    """The same of ProcessPoolExecutor, whose map reads all its input at once."""
    from concurrent.futures import ProcessPoolExecutor

    from peers import CORES, increment

    with ProcessPoolExecutor(CORES) as pool:
        list(pool.map(increment, range(1000)))
        before = resident_bytes()
        for _ in pool.map(increment, numbers(PEER_TASKS)):
            pass
        return (resident_bytes() - before) / 1e6


def in_new_process(what: str) -> float:
    """Runs one measurement where nothing else has grown the heap."""
    note(f"memory: {what}")
    out = subprocess.run(
        [sys.executable, __file__, what], check=True, capture_output=True, text=True
    ).stdout
    return float(out)


def main() -> None:
    peer = Row(
        "ProcessPoolExecutor", in_new_process("executor"), "MB", f"for {PEER_TASKS:,} tasks only"
    )
    keep(
        "memory",
        [
            Table(
                f"growth of the submitter over {TASKS:,} tasks",
                [
                    Row("spm, hosts as processes", max(in_new_process("processes"), 0.01), "MB"),
                    Row(
                        "spm, hosts in process",
                        max(in_new_process("inside"), 0.01),
                        "MB",
                        "hosts included",
                    ),
                    Row("spm, Template", max(in_new_process("template"), 0.01), "MB"),
                    Row("spm, Aggregate", max(in_new_process("aggregate"), 0.01), "MB"),
                    peer,
                ],
                False,
                20,
                5,
            )
        ],
    )


if __name__ == "__main__":
    measurements = {
        "executor": growth_of_executor,
        "template": growth_of_template,
        "aggregate": growth_of_aggregate,
        "inside": lambda: growth_of_spm(False),
        "processes": lambda: growth_of_spm(True),
    }
    if len(sys.argv) > 1:
        print(measurements[sys.argv[1]]())
    else:
        main()
