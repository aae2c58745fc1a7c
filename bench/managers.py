"""Task managers: a wide graph, messages between ranks, a reduction, a word count, and two processors."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import spm
from report import Row, Table, keep, note

NODES = 100_000
LAYER = 1_000
DASK_NODES = 5_000
RANKS = 4
ROUNDS = 2_000
ARRAY = 1_000_000
REDUCTIONS = 10
TEXT_BYTES = 200_000_000
CHUNK_BYTES = 1_000_000
MPI = Path(__file__).with_name("mpi_ranks.py")


@spm.wasm_closure
def combine(one: int, other: int) -> int:
    return (one + other) % 1_000_003


def layered(add: Callable[..., Any], nodes: int) -> list[Any]:
    """Build a graph of layers, each node of which needs two of the layer before."""
    layer: list[Any] = [add(index, 1) for index in range(min(LAYER, nodes))]
    for _ in range(nodes // LAYER - 1):
        layer = [add(one, layer[(at + 1) % LAYER]) for at, one in enumerate(layer)]
    return layer


def dag_seconds(pool: spm.Pool) -> float:
    warm = spm.Dag(pool)
    warm.add(combine, 1, 2)
    warm.run()
    begin = time.perf_counter()
    dag = spm.Dag(pool)
    last = layered(lambda one, other: dag.add(combine, one, other), NODES)
    values = dag.run()
    took = time.perf_counter() - begin
    if len(values) != len(last):
        raise AssertionError("a node has no result")
    return took


def dask_dag_seconds() -> float:
    import dask
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        task = dask.delayed(combine.__wrapped__, pure=False)
        begin = time.perf_counter()
        last = layered(lambda one, other: task(one, other), DASK_NODES)
        client.gather(client.compute(last))
        return (time.perf_counter() - begin) * NODES / DASK_NODES


@spm.wasm_closure
def bounce(rounds: int) -> int:
    value = 0
    for _ in range(rounds):
        if spm.team.rank == 0:
            spm.team.send(value + 1, 1)
            value: int = spm.team.recv(1)
        elif spm.team.rank == 1:
            got: int = spm.team.recv(0)
            spm.team.send(got, 0)
    return value


def round_trip_us(pool: spm.Pool) -> float:
    """Microseconds of one round trip: a long run less a short one."""
    team = spm.Team(pool, bounce, size=RANKS)
    team.run(10)
    times = {}
    for rounds in (10, ROUNDS + 10):
        begin = time.perf_counter()
        values = team.run(rounds)
        times[rounds] = time.perf_counter() - begin
        if values[0] != rounds:
            raise AssertionError(f"wrong result: {values}")
    return (times[ROUNDS + 10] - times[10]) / ROUNDS * 1e6


@spm.wasm_closure(engine="scientific", memory_mib=512, allow=("clock",))
def reduce_arrays(length: int, times: int) -> float:
    import time

    import numpy as np

    array = np.arange(length, dtype=np.float64) + spm.team.rank
    total = spm.team.allreduce(array)
    took = 0.0
    for _ in range(times):
        # New content each time: hosts keep for a while what they were sent.
        array += 1.0
        spm.team.barrier()
        begin = time.perf_counter()
        total = spm.team.allreduce(array)
        spm.team.barrier()
        took += time.perf_counter() - begin
    expected = array * spm.team.size + sum(range(spm.team.size)) - spm.team.size * spm.team.rank
    if not np.array_equal(total, expected):
        raise AssertionError("wrong sum")
    return took / times


def mpi(what: str) -> float:
    """Seconds of one operation with mpi4py."""
    mpiexec = Path(sys.executable).with_name("mpiexec")
    command = [str(mpiexec), "-n", str(RANKS), sys.executable, str(MPI), what]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    seconds: float = json.loads(done.stdout)
    return seconds


def chunks() -> list[str]:
    """Text of ten thousand words, the frequent ones ten times as frequent as their rank says."""
    choose = random.Random(7)
    words = [f"{'abcdefghij'[rank % 10]}word{rank}" for rank in range(10_000)]
    weights = [1 / (rank + 1) for rank in range(len(words))]
    one = []
    size = 0
    while size < CHUNK_BYTES:
        line = " ".join(choose.choices(words, weights, k=12))
        one.append(line)
        size += len(line) + 1
    text = "\n".join(one)
    return [text] * (TEXT_BYTES // CHUNK_BYTES)


@spm.wasm_closure
def words(text: str) -> list[tuple[str, int]]:
    counts: dict[str, int] = {}
    for word in text.split():
        counts[word] = counts.get(word, 0) + 1
    return list(counts.items())


@spm.wasm_closure
def total(word: str, counts: list[int]) -> int:
    return sum(counts)


def word_count_seconds(pool: spm.Pool, texts: list[str]) -> tuple[float, dict[str, int]]:
    count = spm.Aggregate(pool, map=words, reduce=total, combine=total)
    count.run(texts[:1])
    begin = time.perf_counter()
    found = count.run(texts)
    return time.perf_counter() - begin, found


def dask_word_count_seconds(texts: list[str]) -> tuple[float, dict[str, int]]:
    import dask.bag
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster),
    ):
        dask.bag.from_sequence(texts[:2]).map(str.split).flatten().frequencies().compute()
        begin = time.perf_counter()
        bag = dask.bag.from_sequence(texts, npartitions=len(texts))
        found = dict(bag.map(str.split).flatten().frequencies().compute())
        return time.perf_counter() - begin, found


@spm.wasm_closure
def steps(start: int, count: int) -> int:
    longest = 0
    for first in range(start, start + count):
        value, length = first, 0
        while value > 1:
            value = value // 2 if value % 2 == 0 else 3 * value + 1
            length += 1
        longest = max(longest, length)
    return longest


def list_seconds(hosts: int) -> float:
    starts = range(1, 3_000_001, 20_000)
    with spm.laptop(hosts, processes=True) as pool:
        manager = spm.List(pool, steps)
        manager.run([1, 2], [10, 10])
        begin = time.perf_counter()
        manager.run(starts, [20_000] * len(starts))
        return time.perf_counter() - begin


def main() -> None:
    tables = []
    note("managers: Dag")
    with spm.laptop(4) as pool:
        rows = [Row("spm", min(dag_seconds(pool) for _ in range(3)), "s", "4 hosts in process")]
    rows.append(Row("Dask distributed", dask_dag_seconds(), "s", f"{DASK_NODES:,} nodes, scaled"))
    tables.append(Table(f"Dag of {NODES:,} trivial nodes in layers", rows, False, 3, 1))
    note("managers: round trips")
    # Its ranks look for messages without a pause, which hurts where there are fewer processors.
    peer = Row("mpi4py", min(mpi("bounce") for _ in range(5)) * 1e6, "us", "shared memory")
    for name, processes, must, aim in (
        ("in process", False, 60, 15),
        ("processes", True, 300, 150),
    ):
        with spm.laptop(4, processes=processes) as pool:
            row = Row("spm", min(round_trip_us(pool) for _ in range(3)), "us", "native")
        title = f"Team of {RANKS}: round trip of a small message, {name}"
        tables.append(Table(title, [row, peer], False, must, aim))
    note("managers: allreduce")
    peers = [
        Row(
            "mpi4py, Allreduce",
            min(mpi("buffers") for _ in range(5)) * 1e3,
            "ms",
            "buffers in shared memory",
        ),
        Row("mpi4py, allreduce", min(mpi("pickles") for _ in range(3)) * 1e3, "ms", "pickled"),
    ]
    with spm.laptop(4, processes=True) as pool:
        team = spm.Team(pool, reduce_arrays, size=RANKS)
        seconds = min(max(team.run(ARRAY, REDUCTIONS)) for _ in range(3))
    must, aim = 6 * peers[0].value, 3 * peers[0].value
    title = f"Team of {RANKS}: allreduce of 8 MB of float64, processes"
    tables.append(Table(title, [Row("spm", seconds * 1e3, "ms"), *peers], False, must, aim))
    note("managers: word count")
    texts = chunks()
    theirs, expected = dask_word_count_seconds(texts)
    with spm.laptop(processes=True) as pool:
        ours, found = word_count_seconds(pool, texts)
    if found != expected:
        raise AssertionError("the word counts differ")
    rows = [Row("spm", ours, "s"), Row("Dask bag", theirs, "s")]
    tables.append(Table("Aggregate: word count of 200 MB", rows, False, theirs, theirs / 5))
    note("managers: speed-up")
    one, two = (min(list_seconds(hosts) for _ in range(3)) for hosts in (1, 2))
    rows = [Row("spm", one / two, "x", f"{one:.2f} s with one host, {two:.2f} s with two")]
    tables.append(Table("speed-up of a List on two processors", rows, True, 1.85, 1.95))
    keep("managers", tables)


if __name__ == "__main__":
    main()
