"""What `Pool.submit` does: tasks go to a run of their closure, and futures are settled.

Each closure has a run of its own, in a child session, opened at its first use and kept for the
next, until it was idle for a while. A thread that waits for a result settles futures itself; a dispatcher thread does it for
callbacks, `wait` and `as_completed`, and shows what tasks print.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections import deque
from concurrent.futures import InvalidStateError
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from . import _deopt
from ._errors import DeoptWarning
from ._future import _UNFINISHED, Future
from ._idle import Idle

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from . import _spm
    from ._backend import Done
    from ._closure import Specialisation
    from ._options import Settings

_RUNS_MAX: Final = 64
"""Closures that are kept in force for `submit`; past it, those idle for longest are concluded."""

_clock: Final = time.monotonic


class Submitter:
    """The futures of one pool."""

    def __init__(self, hosts: _spm.Hosts) -> None:
        self._hosts = hosts
        self._desk = hosts.desk()
        self._lock = threading.Lock()
        self._futures: dict[int, Future[Any]] = {}
        self._idle: Idle[tuple[Specialisation, int, float | None]] = Idle()
        self._tags: dict[tuple[Specialisation, int, float | None], int] = {}
        self._leader = 0
        self._unraised: deque[DeoptWarning] = deque()
        # Taken from the desk and not settled: a callback that waits finds its result here, too.
        self._arrived: deque[tuple[int, Done]] = deque()
        self._ended = False
        self._on_end: Callable[[], None] | None = None
        self._opening = threading.Lock()
        self._thread: threading.Thread | None = None
        weakref.finalize(self, self._desk.stop).atexit = False

    def submit(
        self, closure: Specialisation, row: tuple[Any, ...], settings: Settings
    ) -> Future[Any]:
        """Submit one task."""
        kind = (closure, settings.retries, settings.task_deadline_s)
        future: Future[Any] = Future(self)
        while True:
            tag = self._tags.get(kind)
            if tag is None:
                tag = self._open(kind)
            with self._lock:
                if self._tags.get(kind) != tag:
                    continue  # concluded at this very moment
                key, index = self._desk.submit(tag, row)
                future._key = key
                future._task = (index,)
                self._futures[key] = future
                return future

    def _open(self, kind: tuple[Specialisation, int, float | None]) -> int:
        with self._opening:
            tag = self._tags.get(kind)
            if tag is not None:
                return tag
            self._start()
            if len(self._tags) >= _RUNS_MAX:
                self._conclude_one()
            closure, retries, task_deadline_s = kind
            tag = self._hosts.submit_run(
                self._desk, closure, retries=retries, task_deadline_s=task_deadline_s
            )
            self._tags[kind] = tag
            return tag

    def _conclude_one(self) -> None:
        with self._lock:
            for kind, tag in self._tags.items():
                if self._desk.is_idle(tag):
                    del self._tags[kind]
                    self._desk.close(tag)
                    return

    def look(self, now: float) -> None:
        """Conclude what nobody uses any more."""
        with self._lock:
            submitted = {kind: self._desk.submitted(tag) for kind, tag in self._tags.items()}
            for kind in self._idle.look(now, submitted):
                self._desk.close(self._tags.pop(kind))

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(
                target=_dispatch,
                args=(self._desk, weakref.ref(self)),
                name="spm-dispatcher",
                daemon=True,
            )
            self._thread.start()

    # What futures use.

    def watch(self) -> None:
        """Somebody wants to hear of results at once, without asking for one of them."""
        self._desk.watch()

    def wait(self, future: Future[Any], timeout: float | None) -> None:
        """Wait until `future` is done, for `timeout` at most."""
        until = None if timeout is None else time.monotonic() + timeout
        desk = self._desk
        me = threading.get_ident()
        thread = self._thread
        if self._leader == me or (thread is not None and thread.ident == me):
            # A callback waits for another future: nobody else would settle that one.
            self._lead(future, until)
            return
        if desk.lead():
            self._leader = me
            try:
                self._lead(future, until)
            finally:
                self._leader = 0
                desk.follow()
            return
        desk.watch()
        with future._condition:
            while future._state in _UNFINISHED:
                left = None if until is None else until - time.monotonic()
                if left is not None and left <= 0:
                    return
                future._condition.wait(left)

    def _lead(self, future: Future[Any], until: float | None) -> None:
        while future._state in _UNFINISHED:
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                return
            each = () if self._arrived else self._desk.collect(left)
            warning = self.settle(each)
            if warning is not None:
                raise warning

    def cancel(self, future: Future[Any]) -> None:
        """Stop the task of `future`, which is marked as cancelled already."""
        with self._lock:
            self._futures.pop(future._key, None)
        self._desk.cancel(future._key)

    def is_running(self, future: Future[Any]) -> bool:
        """Whether the task of `future` is among the oldest ones, one for each slot."""
        with self._lock:
            return future._key in islice(self._futures, self._hosts.slots())

    def raise_owed(self, *, awaited: bool = False) -> None:
        """Raise a warning that is an error, and that came when nobody waited."""
        import asyncio

        if asyncio._get_running_loop() is not None and not awaited:
            return  # the loop asks in callbacks of its own, where what is raised is lost
        try:
            warning = self._unraised.popleft()
        except IndexError:
            return  # somebody else raised it
        raise warning

    @property
    def owes(self) -> bool:
        """Whether there is a warning to raise."""
        return bool(self._unraised)

    def _warn(self) -> DeoptWarning | None:
        notices = self._desk.notices()
        if notices:
            try:
                _deopt.warn(notices)
            except DeoptWarning as warning:
                return warning
        return None

    def settle_unasked(self, each: Sequence[tuple[int, Done]]) -> None:
        """Settle futures that nobody may be waiting for; whoever asks next hears the warnings."""
        warning = self._warn()
        if warning is not None:
            # Before any future is done: who waits for one finds it.
            self._unraised.append(warning)
        self._settle(each)

    def report_owed(self) -> None:
        """Report what nobody asked for."""
        while self._unraised:
            _report(self._unraised.popleft())

    def settle(self, each: Sequence[tuple[int, Done]]) -> DeoptWarning | None:
        """Settle futures, warn of what there is to be warned of, and return what that raised."""
        warning = self._warn()
        self._settle(each)
        return warning

    def _settle(self, each: Sequence[tuple[int, Done]]) -> None:
        """Give futures what became of their tasks."""
        arrived = self._arrived
        arrived.extend(each)
        while arrived:
            try:
                key, (index, value, failed, host, attempts, _, engine, _) = arrived.popleft()
            except IndexError:
                return  # a callback's wait, or another thread, took the last
            with self._lock:
                future = self._futures.pop(key, None)
            if future is None:
                continue
            try:
                if failed is None:
                    future._task = (index, host, attempts, engine, (), "returned")
                    future.set_result(value)
                elif failed.is_cancelled:
                    future.cancel()
                else:
                    error = failed.error()
                    future.task = getattr(error, "task", None) or future.task
                    future.set_exception(error)
            except InvalidStateError:
                continue  # cancelled at this very moment

    # What the pool uses.

    def has_ended(self) -> bool:
        """Whether no task is under way, and none follows."""
        return self._thread is None or not self._thread.is_alive() or self._ended

    def close(
        self,
        *,
        wait: bool,
        cancel_pending: bool,
        cancel_all: bool,
        on_end: Callable[[], None],
    ) -> None:
        """End what is to end now, and wait for the rest if asked to."""
        self._on_end = on_end
        with self._lock:
            futures = list(self._futures.values())
        if cancel_all:
            for future in futures:
                future.cancel()
        elif cancel_pending:
            for future in futures[self._hosts.slots() :]:
                future.cancel()
        self._desk.stop()
        if wait and self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()


def _report(error: BaseException) -> None:
    thread = threading.current_thread()
    threading.excepthook(
        threading.ExceptHookArgs((type(error), error, error.__traceback__, thread))
    )


def _dispatch(desk: _spm.Desk, submitter: weakref.ref[Submitter]) -> None:
    """Settle futures until the desk is stopped and everything has ended."""
    while (each := desk.next()) is not None:
        settling = submitter()
        if settling is None:
            return
        if each:
            settling.settle_unasked(each)
        else:
            settling.look(_clock())
        del settling
    ending = submitter()
    if ending is not None:
        ending._ended = True
        ending.report_owed()
        if ending._on_end is not None:
            ending._on_end()
