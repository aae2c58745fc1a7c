"""What `managers.py` measures, with mpi4py: `mpiexec -n 4 python mpi_ranks.py bounce|buffers|pickles`."""

from __future__ import annotations

import json
import sys
import time

import numpy as np
from mpi4py import MPI

ROUNDS = 2_000
REDUCTIONS = 10
ARRAY = 1_000_000


def bounce(ranks: MPI.Intracomm) -> float:
    """Seconds of a round trip of a small object between ranks 0 and 1."""
    ranks.barrier()
    begin = time.perf_counter()
    value = 0
    for _ in range(ROUNDS):
        if ranks.rank == 0:
            ranks.send(value + 1, 1)
            value = ranks.recv(source=1)
        elif ranks.rank == 1:
            ranks.send(ranks.recv(source=0), 0)
    took = time.perf_counter() - begin
    ranks.barrier()
    return took / ROUNDS


def reductions(ranks: MPI.Intracomm, *, pickled: bool) -> float:
    """Seconds of one reduction of 8 MB of float64."""
    array = np.arange(ARRAY, dtype=np.float64) + ranks.rank
    total = np.empty_like(array)
    ranks.Allreduce(array, total)
    took = 0.0
    for _ in range(REDUCTIONS):
        array += 1.0
        ranks.barrier()
        begin = time.perf_counter()
        if pickled:
            total = ranks.allreduce(array)
        else:
            ranks.Allreduce(array, total)
        ranks.barrier()
        took += time.perf_counter() - begin
    expected = array * ranks.size + sum(range(ranks.size)) - ranks.size * ranks.rank
    if not np.array_equal(total, expected):
        raise AssertionError("wrong sum")
    return took / REDUCTIONS


def main() -> None:
    ranks = MPI.COMM_WORLD
    what = sys.argv[1]
    seconds = bounce(ranks) if what == "bounce" else reductions(ranks, pickled=what == "pickles")
    if ranks.rank == 0:
        print(json.dumps(seconds))


if __name__ == "__main__":
    main()
