"""Results as they come: the iterator that `map` and `List.stream` return, and the list of `run`."""

from __future__ import annotations

import operator
import sys
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, cast

from . import _deopt, _traceback
from ._errors import TaskError, TaskFailures
from ._options import Retry, Settings, Skip, Status, Substitute
from ._progress import ProgressLine
from ._stats import Stats
from ._task import TaskInfo

if TYPE_CHECKING:
    from types import TracebackType

    from ._backend import Done, Failed, News, Run

R = TypeVar("R")

_CHUNK_MAX: Final = 1024
"""Tasks taken from the input in one go, however fast it is."""
_CHUNK_S: Final = 0.0005
"""Input slower than this is handed on in smaller pieces, so that hosts need not wait for it."""
_AT_ONCE_S: Final = 1e-6
"""A wait for what is there; a run on this thread takes none at all for a reason to do nothing."""
_END: Final = object()


class Results(Iterator[R], AsyncIterator[R]):
    """Results of a run, one by one, as they are asked for.

    Input is read here too, in the thread that asks. Closing it, dropping it, or an exception from
    it cancels what is left of the run.
    """

    stats: Stats

    def __init__(
        self,
        run: Run | None,
        rows: Iterator[tuple[Any, ...]],
        settings: Settings,
        *,
        ordered: bool = True,
        total: int | None = None,
        timeout: float | None = None,
        exact: bool = False,
        on_end: Callable[[], None] | None = None,
    ) -> None:
        self.stats = Stats()
        self._run = run
        self._on_end = on_end
        self._rows: Iterator[tuple[Any, ...]] | None = rows
        self._settings = settings
        self._ordered = ordered
        self._total = total
        self._began = time.monotonic()
        self._until = None if timeout is None else self._began + timeout
        self._refill = 1 if exact else 0
        self._chunk = 1
        self._ready: deque[R] = deque()
        self._failures: list[TaskError] = []
        self._failed: Failed | None = None
        self._fast = not (settings.watches_tasks or settings.keeps_arguments)
        self._held: dict[int, object] = {}
        self._next = 0
        self._placed = 0
        self._tries: dict[int, int] = {}
        self._progress = ProgressLine(settings.progress)
        self._late: Exception | None = None
        self._lock = threading.RLock()
        self._fill()

    # What callers use.

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> R:
        if self._ready:
            return self._ready.popleft()
        try:
            return self._advance()
        except BaseException as error:
            _traceback.hide(error)
            raise

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> R:
        try:
            while not self._ready:
                with self._lock:
                    self._fill()
                    run = self._run
                    if run is None or self._failed is not None:
                        return self._advance(stop=StopAsyncIteration)
                    if run.is_ready():
                        # It may be no result, but what a task printed.
                        self._step(at_once=True)
                        continue
                await _in_thread(run.wait_ready, self._wait_s())
                if self._wait_s() == 0.0:
                    return self._advance(stop=StopAsyncIteration)
            return self._ready.popleft()
        except BaseException as error:
            _traceback.hide(error)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Cancel what has not been consumed, and wait until no host works on it."""
        with self._lock:
            self._ready.clear()
            self._stop()

    def __repr__(self) -> str:
        state = "open" if self._run is not None else "finished"
        return f"<spm.Results {state}, {self.stats.done} of {self.stats.submitted} tasks done>"

    # What pools use.

    def _is_open(self) -> bool:
        return self._run is not None

    def _finish(self, *, cancel: bool) -> None:
        """Bring in, at the pool's shutdown, what can still be had."""
        run = self._run
        if cancel and run is not None:
            run.cancel()  # so that a thread that waits for results, and has the lock, is woken
        with self._lock:
            if self._run is None:
                return
            if cancel:
                self._stop()
                return
            if self._total is None and self._rows is not None:
                self._rows = None
                self._late = RuntimeError("cannot schedule new futures after shutdown")
            try:
                while self._goes_on():
                    self._step()
            except Exception as error:  # noqa: BLE001 - whoever asks for results gets it
                self._late = error
            finally:
                self._stop()

    def _goes_on(self) -> bool:
        """Whether there are results to come, after those that failed were collected."""
        if self._failed is not None and self._settings.on_error == "collect":
            self._give_failure()
        return self._run is not None and self._failed is None

    # How it works.

    def _advance(self, stop: type[Exception] = StopIteration) -> R:
        with self._lock:
            while not self._ready:
                if self._failed is not None:
                    self._give_failure()
                elif self._late is not None:
                    late, self._late = self._late, None
                    raise late
                elif self._run is None:
                    raise stop
                else:
                    self._step()
            return self._ready.popleft()

    def _wait_s(self) -> float | None:
        return None if self._until is None else max(0.0, self._until - time.monotonic())

    def _step(self, *, at_once: bool = False) -> None:
        """Hand tasks to the run, and take what it has, or with `at_once` has already."""
        run = self._run
        assert run is not None
        try:
            self._fill()
            wait_s = _AT_ONCE_S if at_once else self._wait_s()
            taken = run.take(wait_s) if self._fast else run.take_each(wait_s)
        except BaseException:
            self._stop()
            raise
        if taken is None:
            if at_once:
                return
            self._stop()
            raise TimeoutError
        if self._fast:
            values, failed, finished = cast("tuple[list[R], Failed | None, bool]", taken)
            self._count(len(values) + (failed is not None))
            self._ready.extend(values)
            self._failed = failed
        else:
            each, finished = cast("tuple[Sequence[Done], bool]", taken)
            try:
                for done in each:
                    self._receive(done)
                if self._rows is None and self._placed == self.stats.submitted:
                    finished = True
                self._progress.show(self.stats, self._total, last=finished)
            except BaseException:
                self._stop()
                raise
        news = run.news()
        if news is not None:
            self._hear(news)
        if finished and self._failed is None:
            self._stop()

    def _hear(self, news: News) -> None:
        self.stats.deopts, notices = news
        try:
            _deopt.warn(notices)
        except BaseException:
            self._stop()
            raise

    def _fill(self) -> None:
        """Read input until the run takes no more of it."""
        run, rows = self._run, self._rows
        if run is None or rows is None:
            return
        try:
            self._read(run, rows)
        except BaseException:
            self._stop()
            raise

    def _read(self, run: Run, rows: Iterator[tuple[Any, ...]]) -> None:
        room = run.room()
        if room < (self._refill or run.refill()):
            return
        while room > 0:
            chunk = min(self._chunk, room)
            began = time.perf_counter()
            batch = list(islice(rows, chunk))
            took = time.perf_counter() - began
            if batch:
                run.push(batch)
                self.stats.submitted += len(batch)
            if len(batch) < chunk:
                self._rows = None
                self._total = self.stats.submitted
                run.end_input()
                return
            if took < _CHUNK_S:
                self._chunk = min(self._chunk * 2, _CHUNK_MAX)
            else:
                self._chunk = max(1, self._chunk // 2)
            room = run.room()

    def _count(self, count: int) -> None:
        self.stats.done += count
        self.stats.elapsed_s = time.monotonic() - self._began

    def _give_failure(self) -> None:
        """Raise the failure that is next, or put it in its place."""
        failed, self._failed = self._failed, None
        assert failed is not None
        error = failed.error()
        self.stats.failed += 1
        if self._settings.on_error == "collect":
            self._failures.append(error)
            self._ready.append(cast("R", error))
            return
        self._raise(error)

    def _raise(self, error: TaskError) -> None:
        run = self._run
        others = 0 if run is None else run.failures_waiting()
        others += sum(isinstance(held, _Failure) for held in self._held.values())
        if others:
            error.add_note(
                f"{others} other task{'s' if others > 1 else ''} of this run failed, too"
            )
        self._stop()
        raise error

    def _receive(self, done: Done) -> None:
        """Decide what becomes of a task that ended, in a run that somebody watches."""
        index, value, failed, host, attempts, run_us, engine, is_deopt = done
        self._count(1)
        self.stats._note(
            index, host, attempts, run_us, is_deopt=is_deopt, has_failed=failed is not None
        )
        error = None if failed is None else failed.error()
        if self._settings.on_status is not None:
            info = (
                TaskInfo(index, host, attempts, engine, outcome="returned")
                if error is None
                else getattr(error, "task", None) or TaskInfo(index, host, attempts)
            )
            self._settings.on_status(Status(task=info, error=error))
        if error is None:
            self._place(index, value)
            return
        self.stats.failed += 1
        answer = self._settings.answer(error, self._tries.get(index, 0))
        if isinstance(answer, Retry):
            run = self._run
            assert run is not None
            self.stats.done -= 1
            self.stats.failed -= 1
            self.stats.retried += 1
            self._tries[index] = self._tries.get(index, 0) + 1
            run.retry(index)
        elif isinstance(answer, Skip):
            self._failures.append(error)
            self._place(index, _END)
        elif isinstance(answer, Substitute):
            self._failures.append(error)
            self._place(index, answer.value)
        elif self._settings.on_error == "collect":
            self._failures.append(error)
            self._place(index, error)
        else:
            self._place(index, _Failure(error))

    def _place(self, index: int, value: object) -> None:
        """Let a result out, at once or when its turn comes."""
        self._tries.pop(index, None)
        self._placed += 1
        if not self._ordered:
            self._let_out(index, value)
            return
        self._held[index] = value
        while self._next in self._held:
            self._let_out(self._next, self._held.pop(self._next))
            self._next += 1

    def _let_out(self, index: int, value: object) -> None:
        if self._run is not None:
            self._run.release(index)
        if isinstance(value, _Failure):
            if self._failed is None:
                self._failed = value
        elif self._failed is None and value is not _END:
            self._ready.append(cast("R", value))

    def _stop(self) -> None:
        """End the run, if it has not ended."""
        run, self._run = self._run, None
        rows, self._rows = self._rows, None
        self._held.clear()
        del rows
        if run is not None:
            try:
                run.close()
            finally:
                self.stats.elapsed_s = time.monotonic() - self._began
                if self._on_end is not None:
                    self._on_end()


class _Failure:
    """An exception that waits for its turn to be raised."""

    __slots__ = ("_error",)

    def __init__(self, error: TaskError) -> None:
        self._error = error

    @property
    def is_cancelled(self) -> bool:
        return False

    def error(self) -> TaskError:
        return self._error


class Gathered(list[R]):
    """All results of a run, in the order of its tasks."""

    stats: Stats
    failures: Sequence[TaskError]

    def __init__(
        self,
        results: Iterable[R] = (),
        stats: Stats | None = None,
        failures: Sequence[TaskError] = (),
    ) -> None:
        super().__init__(results)
        self.stats = stats if stats is not None else Stats()
        self.failures = failures

    def raise_all(self) -> None:
        """Raise every failure, as one `TaskFailures`; do nothing if there was none."""
        if self.failures:
            count = len(self.failures)
            raise TaskFailures(
                f"{count} task{'s' if count > 1 else ''} failed", list(self.failures)
            )


def gather(results: Results[R]) -> Gathered[R]:
    """Consume `results` to their end."""
    with results:
        values = list(results)
        return Gathered(values, results.stats, tuple(results._failures))


def length(iterables: Sequence[Iterable[Any]]) -> int | None:
    """How many tasks there will be, if that is known without reading the input."""
    lengths = []
    for iterable in iterables:
        try:
            lengths.append(len(iterable))  # type: ignore[arg-type]
        except TypeError:
            hint = operator.length_hint(iterable, -1)
            if hint < 0:
                return None
            lengths.append(hint)
    return min(lengths, default=0)


async def _in_thread(function: Any, *arguments: Any) -> None:
    import asyncio

    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, function, *arguments)
