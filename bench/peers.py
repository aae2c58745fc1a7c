"""The pools people use today, behind one small face, so that each is measured the same way."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import multiprocessing
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

from report import note

CORES = 2


def increment(x: int) -> int:
    """The smallest task there is."""
    return x + 1


@dataclass
class Peer:
    """A running pool: `map` to the last result, and `call` for one round trip."""

    name: str
    map: Callable[[Callable[..., Any], Iterable[Any]], list[Any]]
    call: Callable[[Callable[..., Any], Any], Any]


@contextlib.contextmanager
def process_pool_executor() -> Iterator[Peer]:
    """concurrent.futures.ProcessPoolExecutor, one task a message."""
    with ProcessPoolExecutor(CORES) as pool:
        yield Peer(
            "ProcessPoolExecutor",
            lambda f, xs: list(pool.map(f, xs)),
            lambda f, x: pool.submit(f, x).result(),
        )


@contextlib.contextmanager
def multiprocessing_pool() -> Iterator[Peer]:
    """multiprocessing.Pool, one task a message."""
    with multiprocessing.Pool(CORES) as pool:
        yield Peer(
            "multiprocessing.Pool",
            lambda f, xs: pool.map(f, xs, chunksize=1),
            lambda f, x: pool.apply(f, (x,)),
        )


@contextlib.contextmanager
def multiprocessing_pool_chunked() -> Iterator[Peer]:
    """multiprocessing.Pool with its own choice of chunks: many tasks share a message and fate."""
    with multiprocessing.Pool(CORES) as pool:
        yield Peer(
            "multiprocessing.Pool, chunked",
            lambda f, xs: pool.map(f, xs),
            lambda f, x: pool.apply(f, (x,)),
        )


@contextlib.contextmanager
def loky() -> Iterator[Peer]:
    """loky, joblib's executor."""
    from loky import get_reusable_executor

    pool = get_reusable_executor(max_workers=CORES)
    try:
        yield Peer(
            "loky",
            lambda f, xs: list(pool.map(f, xs)),
            lambda f, x: pool.submit(f, x).result(),
        )
    finally:
        pool.shutdown(wait=True, kill_workers=True)


@contextlib.contextmanager
def dask() -> Iterator[Peer]:
    """Dask distributed on this machine, one thread a worker."""
    from distributed import Client, LocalCluster

    logging.getLogger("distributed").setLevel(logging.ERROR)
    with (
        LocalCluster(
            n_workers=CORES, threads_per_worker=1, dashboard_address=None, silence_logs=40
        ) as cluster,
        Client(cluster) as client,
    ):
        yield Peer(
            "Dask distributed",
            lambda f, xs: client.gather(client.map(f, list(xs), pure=False)),
            lambda f, x: client.submit(f, x, pure=False).result(),
        )


@contextlib.contextmanager
def ray() -> Iterator[Peer]:
    """Ray on this machine."""
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray as module

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module.init(
            num_cpus=CORES,
            include_dashboard=False,
            logging_level=logging.ERROR,
            log_to_driver=False,
        )
    remotes: dict[Any, Any] = {}

    def remote(f: Callable[..., Any]) -> Any:
        if f not in remotes:
            remotes[f] = module.remote(f)
        return remotes[f]

    try:
        yield Peer(
            "Ray",
            lambda f, xs: module.get([remote(f).remote(x) for x in xs]),
            lambda f, x: module.get(remote(f).remote(x)),
        )
    finally:
        module.shutdown()


ALL = (
    (process_pool_executor, None),
    (multiprocessing_pool, None),
    (multiprocessing_pool_chunked, None),
    (loky, "loky"),
    (dask, "distributed"),
    (ray, "ray"),
)


def available() -> Iterator[Callable[[], contextlib.AbstractContextManager[Peer]]]:
    """Every peer that is installed; says which are not."""
    for peer, module in ALL:
        if module is not None and importlib.util.find_spec(module) is None:
            note(f"{module} is not installed: left out (`make bench` installs it)")
            continue
        yield peer
