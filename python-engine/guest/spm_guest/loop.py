"""An event loop for a place without sockets, threads and signals, and `time.sleep`.

Time that the host waited counts even if the clocks of a task stand still, as they do unless a
closure is granted `clock`: otherwise a loop would wait for the same moment again and again.
"""

import asyncio
import math
import time
from asyncio import base_events, events
from typing import TYPE_CHECKING, Any, Final, NoReturn

from . import streams
from .host import HOST

if TYPE_CHECKING:
    from collections.abc import Callable

_monotonic: Final = time.monotonic


def sleep(seconds: Any, /) -> None:
    """Delay execution for a given number of seconds, which may be a fraction."""
    if not isinstance(seconds, int | float):
        index = getattr(seconds, "__index__", None)
        if index is None:
            kind = type(seconds).__name__
            raise TypeError(f"'{kind}' object cannot be interpreted as an integer")
        seconds = index()
    if math.isnan(seconds):
        raise ValueError("Invalid value NaN (not a number)")
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    if seconds > 9_223_372_036:
        raise OverflowError("timestamp too large to convert to C PyTime_t")
    streams.flush()
    HOST.sleep(round(seconds * 1e9))


class _Selector:
    """Waits for time alone."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def select(self, timeout: float | None = None) -> "list[Any]":
        if timeout is None:
            raise RuntimeError(
                "the task waits for what cannot happen: no coroutine is ready, and none sleeps"
            )
        if timeout > 0:
            before = _monotonic()
            sleep(timeout)
            self.ahead += max(timeout - (_monotonic() - before), 0.0)
        return []

    def close(self) -> None:
        pass


class TaskLoop(base_events.BaseEventLoop):
    """Runs coroutines that wait for one another, or for time."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = _Selector()
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return _monotonic() + self._selector.ahead

    def _process_events(self, event_list: "list[Any]") -> None:
        pass

    def _write_to_self(self) -> None:
        # There is no other thread that could have to wake this one.
        pass

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: "Callable[..., Any]", *args: Any
    ) -> "asyncio.Future[Any]":
        """Call `func` at once: there are no threads it could go to."""
        if executor is not None:
            return super().run_in_executor(executor, func, *args)
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001
            future.set_exception(error)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Do nothing: there is none."""

    def close(self) -> None:
        """End the loop."""
        super().close()
        self._selector.close()

    def add_signal_handler(  # type: ignore[override]
        self, sig: int, callback: Any, *args: Any
    ) -> NoReturn:
        """Refuse: nobody sends signals."""
        del sig, callback, args
        raise NotImplementedError("there are no signals inside a task")


# From 3.14 on policies are on their way out, and their base has another name.
_PolicyBase: Any = getattr(events, "_AbstractEventLoopPolicy", None)
if _PolicyBase is None:
    _PolicyBase = events.AbstractEventLoopPolicy


class _Policy(_PolicyBase):  # type: ignore[misc]
    """One loop, made when asked for."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None

    def get_event_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise RuntimeError("There is no current event loop in thread 'MainThread'.")
        return self._loop

    def set_event_loop(self, loop: asyncio.AbstractEventLoop | None) -> None:
        self._loop = loop

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        return TaskLoop()


POLICY: Final = _Policy()


def install() -> None:
    """Make these the process's own."""
    time.sleep = sleep
    asyncio.EventLoop = TaskLoop  # type: ignore[attr-defined]
    events._event_loop_policy = POLICY  # type: ignore[attr-defined]


def run(coroutine: Any) -> Any:
    """Run a coroutine to its end."""
    return asyncio.run(coroutine)
