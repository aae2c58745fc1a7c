"""Futures: those of `concurrent.futures`, which can also be awaited, and stopped while they run."""

from __future__ import annotations

import concurrent.futures
from typing import TYPE_CHECKING, Any, TypeVar

from . import _traceback
from ._task import TaskInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from ._submit import Submitter

R = TypeVar("R")

_PENDING = "PENDING"
_RUNNING = "RUNNING"
_CANCELLED = "CANCELLED"
_FINISHED = "FINISHED"
_UNFINISHED = frozenset((_PENDING, _RUNNING))
_NO_TASK = (0,)


class _Waiters(list[Any]):
    """Who waits for a future in `concurrent.futures.wait` or `as_completed`."""

    __slots__ = ("_submitter",)

    def __init__(self, submitter: Submitter) -> None:
        super().__init__()
        self._submitter = submitter

    def append(self, waiter: Any, /) -> None:
        super().append(waiter)
        self._submitter.watch()


class Future(concurrent.futures.Future[R]):
    """The result of `submit`, now or later."""

    def __init__(self, submitter: Submitter | None = None) -> None:
        """Futures are made by `Pool.submit`."""
        super().__init__()
        self._task: TaskInfo | tuple[Any, ...] = _NO_TASK
        self._key = 0
        self._submitter = submitter
        if submitter is not None:
            self._waiters: list[Any] = _Waiters(submitter)

    @property
    def task(self) -> TaskInfo:
        """Which task it is, and what became of it."""
        task = self._task
        if isinstance(task, tuple):
            # Few ask, so it is made for those.
            task = self._task = TaskInfo(*task)
        return task

    @task.setter
    def task(self, task: TaskInfo) -> None:
        self._task = task

    def result(self, timeout: float | None = None) -> R:
        """Wait for the task and return its result, or raise what it raised."""
        try:
            if self._state in _UNFINISHED:
                self._settle(timeout)
            if self._submitter is not None and self._submitter.owes:
                self._submitter.raise_owed()
            if self._state == _FINISHED and self._exception is None:
                return self._result
            return super().result(self._left(timeout))
        except BaseException as error:
            _traceback.hide(error)
            raise

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait for the task and return what it raised, or None."""
        self._settle(timeout)
        return super().exception(self._left(timeout))

    def add_done_callback(self, fn: Callable[[concurrent.futures.Future[R]], object]) -> None:
        """Call `fn` with this future once it is done."""
        super().add_done_callback(fn)
        if self._submitter is not None and not super().done():
            self._submitter.watch()

    def cancel(self) -> bool:
        """Stop the task, also if it runs already. False if it has ended."""
        submitter = self._submitter
        if submitter is None:
            return super().cancel()
        with self._condition:
            if self._state not in _UNFINISHED:
                return self._state != _FINISHED
            self._state = _CANCELLED
        submitter.cancel(self)
        self.set_running_or_notify_cancel()
        with self._condition:
            self._condition.notify_all()
        self._invoke_callbacks()
        return True

    def running(self) -> bool:
        """Whether a host has begun the task, as far as is known here."""
        if self._submitter is None:
            return super().running()
        return self._state in _UNFINISHED and self._submitter.is_running(self)

    def __await__(self) -> Generator[Any, None, R]:
        import asyncio

        value = yield from asyncio.wrap_future(self).__await__()
        if self._submitter is not None and self._submitter.owes:
            self._submitter.raise_owed(awaited=True)
        return value

    def _settle(self, timeout: float | None) -> None:
        if self._submitter is not None and self._state in _UNFINISHED:
            self._submitter.wait(self, timeout)

    def _left(self, timeout: float | None) -> float | None:
        """No time is left if somebody waited it out already."""
        return 0.0 if timeout is not None and self._submitter is not None else timeout

    _condition: Any
    _state: str
    _exception: BaseException | None
    _result: R

    def _invoke_callbacks(self) -> None:
        super()._invoke_callbacks()  # type: ignore[misc]
