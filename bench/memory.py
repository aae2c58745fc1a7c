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
        "inside": lambda: growth_of_spm(False),
        "processes": lambda: growth_of_spm(True),
    }
    if len(sys.argv) > 1:
        print(measurements[sys.argv[1]]())
    else:
        main()
