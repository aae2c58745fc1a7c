"""Pools: executors whose tasks run in sandboxes, wherever the hosts are."""

from __future__ import annotations

import concurrent.futures
import threading
import weakref
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar

from . import _runtime
from ._options import Host, Options, PoolStats, Settings
from ._results import Results, length
from ._select import Choice, Following, Where
from ._spm import hidden

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import TracebackType
    from typing import Unpack

    from ._backend import Backend
    from ._drive import Driver
    from ._future import Future

P = ParamSpec("P")
R = TypeVar("R")

_NO_LABELS: Mapping[str, str] = MappingProxyType({})


class Pool(concurrent.futures.Executor):
    """Hosts to run on: an executor of `concurrent.futures`, and what task managers take.

    Made by `serial`, `laptop`, `connect` or `pool`. As a context manager it is shut down at the
    end; an exception cancels what is left instead of waiting for it.
    """

    def __init__(self, backend: Backend, settings: Settings | None = None) -> None:
        """Pools are made by `serial`, `laptop`, `connect` and `pool`."""
        self._backend = backend
        self._settings = Settings() if settings is None else settings
        self._submitter = backend.submitter()
        self._state = threading.RLock()
        self._is_shut = False
        self._is_freed = False
        self._results: weakref.WeakSet[Results[Any] | Driver] = weakref.WeakSet()
        self._views: weakref.WeakSet[Pool] = weakref.WeakSet()
        self._parent: Pool | None = None
        _runtime.register(self)

    @property
    def hosts(self) -> Sequence[Host]:
        """The hosts that can be reached now."""
        _runtime.check_process()
        return [Host(*fields) for fields in self._backend.hosts()]

    @property
    def stats(self) -> PoolStats:
        """Counts of the tasks that ended: of this pool, and of those that share its hosts."""
        _runtime.check_process()
        return PoolStats(*self._backend.stats())

    @hidden
    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Run `fn(*args, **kwargs)` on a host; returns at once."""
        self._check()
        closure, row = self._backend.prepare(fn, args, kwargs)
        with self._state:
            self._check()
            return self._submitter.submit(closure, row, self._settings)

    @hidden
    def map(
        self,
        fn: Callable[..., R],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
        ordered: bool = True,
        **options: Unpack[Options],
    ) -> Results[R]:
        """Run `fn` on items of the iterables, which are read as results are asked for.

        `buffersize` bounds the tasks whose results have not been taken; without it the pool finds
        out how many keep its hosts busy. Tasks travel in batches whatever `chunksize` says.
        """
        if not isinstance(chunksize, int) or chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        if buffersize is not None:
            if not isinstance(buffersize, int):
                raise TypeError("buffersize must be an integer or None")
            if buffersize < 1:
                raise ValueError("buffersize must be None or > 0")
        self._check()
        settings = Settings.of(options, self._settings)
        return self._open(
            fn,
            iterables,
            settings,
            timeout=timeout,
            buffersize=buffersize,
            ordered=ordered,
            manager=False,
        )

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more tasks, and free the hosts when those under way have ended.

        With `wait`, that is when this returns. `cancel_futures` cancels what no host has begun.
        """
        if _runtime.is_forked():
            return
        self._shut(wait=wait, cancel_pending=cancel_futures, cancel_all=False)

    def select(
        self,
        *,
        hosts: int | Sequence[str] | None = None,
        labels: Mapping[str, str] = _NO_LABELS,
        one_per_server: bool = False,
        incarnations: Iterable[str] | None = None,
        where: Where = "all servers",
    ) -> Pool:
        """Some of the hosts, as a pool with a session of its own.

        `hosts` is how many, or which peer ids; `labels` are those they must have; `where` is "all
        servers", "one per server", which takes one slot of one host of each, "this server", or "one
        here", and `one_per_server` is short for the second; `incarnations` are the lives that are meant.

        Hosts that join or leave later are heeded at the next run, unless `hosts` or `incarnations`
        say which ones are meant.
        """
        self._check()
        choice = Choice(
            hosts=hosts if hosts is None or isinstance(hosts, int) else tuple(hosts),
            labels=dict(labels),
            where="one per server" if one_per_server and where == "all servers" else where,
            incarnations=None if incarnations is None else tuple(map(str, incarnations)),
        )
        backend = self._backend
        peers = choice.peers(self.hosts)
        if choice.is_pinned:
            return self._view(backend.select(peers, choice.slots), self._settings)
        return self._view(Following(backend, choice, peers), self._settings)

    def options(self, **options: Unpack[Options]) -> Pool:
        """The same pool, with these options for `submit` and `map`.

        `submit` heeds `retries` and `task_deadline_s`.
        """
        self._check()
        return self._view(self._backend, Settings.of(options, self._settings))

    @hidden
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        self._end(cancel=error is not None)
        return None

    def __enter__(self) -> Self:
        self._check()
        return self

    def __repr__(self) -> str:
        if self._is_shut or _runtime.is_forked():
            return "<spm.Pool, shut down>"
        return f"<spm.Pool of {len(self.hosts)} hosts>"

    # What managers and the process use.

    def _open(
        self,
        fn: Callable[..., R],
        iterables: Sequence[Iterable[Any]],
        settings: Settings,
        *,
        timeout: float | None,
        buffersize: int | None,
        ordered: bool,
        manager: bool,
    ) -> Results[R]:
        self._check()
        total = length(iterables)
        rows = iter(zip(*iterables, strict=False))
        first = next(rows, None)
        if first is None:
            return Results(None, rows, settings, total=0)
        closure, _ = self._backend.prepare(fn, first, {})
        each = settings.watches_tasks or settings.keeps_arguments
        run = self._backend.run(
            closure,
            manager=manager,
            ordered=ordered and not each,
            keeps_arguments=settings.keeps_arguments,
            window=buffersize,
            retries=settings.retries,
            task_deadline_s=settings.task_deadline_s,
            run_deadline_s=settings.run_deadline_s,
        )
        results: Results[R] = Results(
            run,
            closure.rows(chain((first,), rows)),
            settings,
            ordered=ordered,
            total=total,
            timeout=timeout,
            exact=buffersize is not None,
            on_end=self._free,
        )
        with self._state:
            self._results.add(results)
        return results

    def _check(self) -> None:
        _runtime.check_process()
        if self._is_shut or (self._parent is not None and self._parent._is_shut):
            raise RuntimeError("cannot schedule new futures after shutdown")

    def _view(self, backend: Backend, settings: Settings) -> Pool:
        view = Pool(backend, settings)
        view._parent = self
        self._views.add(view)
        return view

    def _end(self, *, cancel: bool) -> None:
        """Wait for what is under way, or cancel it."""
        if not _runtime.is_forked():
            self._shut(wait=True, cancel_pending=cancel, cancel_all=cancel)

    def _shut(self, *, wait: bool, cancel_pending: bool, cancel_all: bool) -> None:
        for view in list(self._views):
            view._shut(wait=wait, cancel_pending=cancel_pending, cancel_all=cancel_all)
        with self._state:
            self._is_shut = True
            open_results = list(self._results)
        for results in open_results:
            if wait or cancel_all:
                results._finish(cancel=cancel_all)
        self._submitter.close(
            wait=wait, cancel_pending=cancel_pending, cancel_all=cancel_all, on_end=self._free
        )
        self._free()

    def _free(self) -> None:
        """Let the hosts go, once nothing of a pool that is shut uses them."""
        with self._state:
            if not self._is_shut or self._is_freed or not self._submitter.has_ended():
                return
            if any(results._is_open() for results in self._results):
                return
            if any(not view._is_freed for view in self._views):
                return
            self._is_freed = True
        if self._parent is None:
            self._backend.close()
        else:
            self._parent._free()
