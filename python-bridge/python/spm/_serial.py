"""`serial`: one task after the other, where the pool is used."""

from __future__ import annotations

import platform
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from . import _deopt
from ._errors import DeadlineExceeded, SequenceError, TaskError
from ._execute import Checked, Executor, Limits, Plain, Raised, Ran, Sandboxed
from ._future import Future
from ._pool import Pool
from ._serial_manager import SerialManagerRun
from ._spm import hidden
from ._task import TaskInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._backend import Done, Failed, News, Notice
    from ._execute import Row
    from ._options import Settings


@hidden
def serial(*, sandbox: bool = True, check: bool = False) -> Pool:
    """Run tasks here, in order, each when its result is asked for.

    Each has a sandbox of its own. `sandbox=False` is plain Python, for the debugger: only values
    still travel as they would. `check=True` runs each task both ways, and raises at the first
    difference.
    """
    if check and not sandbox:
        raise ValueError(
            "check=True compares the sandbox with plain Python, and needs sandbox=True"
        )
    return Pool(SerialBackend(Checked() if check else Sandboxed() if sandbox else Plain()))


class SerialBackend:
    """A pool's backend that runs tasks where results are asked for."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._manager: SerialRun | SerialManagerRun | None = None

    def hosts(self) -> list[tuple[Any, ...]]:
        """One host: this thread."""
        return [("local", platform.node(), {}, 1, (), 0, 0, None)]

    def prepare(self, fn: Callable[..., Any], args: Row, kwargs: dict[str, Any]) -> tuple[Any, Row]:
        """Make what `run` and `submit` take."""
        return self._executor.prepare(fn, args, kwargs)

    def submitter(self) -> SerialSubmitter:
        """Futures that are done when they are returned."""
        return SerialSubmitter(self._executor)

    def run(self, closure: Any, *, manager: bool, **options: Any) -> SerialRun:
        """Begin a run."""
        if manager:
            self._check_sequence()
        run = SerialRun(self._executor, closure, **options)
        if manager:
            self._manager = run
        return run

    def bind(self, closure: Any, args: Row, kwargs: dict[str, Any]) -> Row:
        """Bind the arguments of one call."""
        return self._executor.bind(closure, args, kwargs)

    def run_manager(self, closures: Sequence[Any], **options: Any) -> SerialManagerRun:
        """Begin a manager's run."""
        self._check_sequence()
        run = self._manager = SerialManagerRun(self._executor, closures, **options)
        return run

    def _check_sequence(self) -> None:
        if self._manager is not None and not self._manager.is_closed:
            raise SequenceError(
                "a task manager is already online here; conclude it, or use a pool of its own from "
                "`select()`"
            )

    def stats(self) -> tuple[int, int, int, int, dict[str, int]]:
        """Of this thread's tasks."""
        return self._executor.stats()

    def select(self, peers: Sequence[str], slots: int | None = None) -> SerialBackend:
        """The same thread, with a session of its own."""
        del peers, slots
        return SerialBackend(self._executor)

    def close(self) -> None:
        """Nothing is left running."""


class SerialSubmitter:
    """`submit` runs the task at once."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._count = 0

    def submit(self, closure: Any, row: Row, settings: Settings) -> Future[Any]:
        """Run the task; the future is done."""
        index, self._count = self._count, self._count + 1
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        limits = Limits(settings.task_deadline_s, settings.retries)
        ran, notice = self._executor.run(closure, row, index, 1, limits)
        if ran.failed is None:
            future.task = TaskInfo(index, None, ran.attempts, ran.engine, (), "returned")
            future.set_result(ran.value)
        else:
            error = ran.failed.error()
            future.task = getattr(error, "task", None) or future.task
            future.set_exception(error)
        if notice is not None:
            _deopt.warn([notice])
        return future

    def has_ended(self) -> bool:
        """Nothing is ever under way."""
        return True

    def close(self, **_: Any) -> None:
        """Nothing is under way."""


class SerialRun:
    """A run whose tasks are run by `take`."""

    def __init__(
        self,
        executor: Executor,
        closure: Any,
        *,
        window: int | None,
        retries: int,
        task_deadline_s: float | None,
        run_deadline_s: float | None,
        keeps_arguments: bool,
        **_: Any,
    ) -> None:
        self._executor = executor
        self._closure = closure
        self._limits = Limits(task_deadline_s, retries)
        self._until = None if run_deadline_s is None else time.monotonic() + run_deadline_s
        self._window = window or 1
        self._keeps = keeps_arguments
        self._waiting: deque[tuple[int, int, Row]] = deque()
        self._kept: dict[int, tuple[int, Row]] = {}
        self._pushed = 0
        self._deopts = 0
        self._notice: Notice | None = None
        self._ended = False
        self.is_closed = False

    def room(self) -> int:
        """Tasks are read one by one."""
        return self._window - len(self._waiting)

    def refill(self) -> int:
        """Whenever there is room."""
        return 1

    def push(self, rows: list[Row]) -> None:
        """Keep tasks until their results are asked for."""
        for row in rows:
            self._waiting.append((self._pushed, 1, row))
            self._pushed += 1

    def end_input(self) -> None:
        """No task follows."""
        self._ended = True

    def _run(self) -> tuple[int, Ran]:
        index, attempt, row = self._waiting.popleft()
        if self._keeps:
            self._kept[index] = (attempt, row)
        if self._until is not None and self._until <= time.monotonic():
            return index, Ran(None, Raised(_run_deadline(index)), 0, attempt, "", is_deopt=False)
        ran, notice = self._executor.run(self._closure, row, index, attempt, self._limits)
        if self._keeps:
            self._kept[index] = (ran.attempts, row)
        self._deopts += ran.is_deopt
        self._notice = self._notice or notice
        return index, ran

    def take(self, wait_s: float | None) -> tuple[list[Any], Failed | None, bool] | None:
        """Run one task."""
        if self.is_closed or not self._waiting:
            return [], None, True
        if wait_s is not None and wait_s <= 0:
            return None
        _, ran = self._run()
        finished = self._ended and not self._waiting
        return ([], ran.failed, finished) if ran.failed else ([ran.value], None, finished)

    def take_each(self, wait_s: float | None) -> tuple[list[Done], bool] | None:
        """Run one task, and say everything of it."""
        if self.is_closed or not self._waiting:
            return [], True
        if wait_s is not None and wait_s <= 0:
            return None
        index, ran = self._run()
        value, failed, run_us, attempts, engine, _, left = ran
        done = (index, value, failed, None, attempts, run_us, engine, left is not None)
        return [done], self._ended and not self._waiting

    def news(self) -> News | None:
        """What the last task has brought."""
        notice, self._notice = self._notice, None
        return None if notice is None else (self._deopts, [notice])

    def release(self, index: int) -> None:
        """The task is not run again."""
        self._kept.pop(index, None)

    def retry(self, index: int) -> None:
        """Run it again, next."""
        attempt, row = self._kept[index]
        self._waiting.appendleft((index, attempt + 1, row))

    def is_ready(self) -> bool:
        """A task can be run at once."""
        return True

    def wait_ready(self, wait_s: float | None) -> None:
        """Nothing is waited for."""

    def failures_waiting(self) -> int:
        """No task runs ahead."""
        return 0

    def cancel(self) -> None:
        """Run nothing more."""
        self.is_closed = True
        self._waiting.clear()

    def close(self) -> None:
        """Run nothing more."""
        self.cancel()


def _run_deadline(index: int) -> TaskError:
    error = DeadlineExceeded("the run's deadline passed before the task ended")
    error.task = TaskInfo(index, None, 0, None, (), "run deadline")
    return error
