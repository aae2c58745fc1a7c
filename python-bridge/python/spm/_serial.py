"""`serial`: one task after the other, where the pool is used."""

from __future__ import annotations

import contextvars
import inspect
import platform
import time
from collections import OrderedDict, deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from . import _deopt, _spm
from ._closure import Specialisation, as_closure, prepare
from ._errors import (
    NEVER_RAISED,
    DeadlineExceeded,
    InternalError,
    RemoteException,
    SequenceError,
    TaskError,
    restore,
)
from ._future import Future
from ._pool import Pool
from ._spm import Defined, Sandbox, hidden
from ._task import TaskInfo, running
from ._traceback import hide

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence

    from ._backend import Done, Failed, News, Notice
    from ._options import Settings

Row = tuple[Any, ...]

_DEFINED_MAX: Final = 64
"""Closures whose definitions are kept."""


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
    return Pool(SerialBackend(_Checked() if check else _Sandboxed() if sandbox else _Plain()))


class _Ran(NamedTuple):
    """What became of a task."""

    value: Any
    failed: Failed | None
    run_us: int
    attempts: int
    engine: str
    is_deopt: bool
    """Whether the fallback ended it."""
    left: bytes | None = None
    """The record of the attempt that left its closure, if one did."""

    def notice(self, closure: Specialisation, row: Row) -> Notice | None:
        """What the user is to be warned of."""
        if not self.is_deopt:
            return None
        return closure, self.left, row if self.left is None else None


class _Executor:
    """One way to run a task."""

    def __init__(self) -> None:
        self._deopts = 0
        self._misfits = 0
        self._engines: dict[str, int] = {}

    def run(
        self, closure: Any, row: Row, index: int, attempt: int, settings: _Limits
    ) -> tuple[_Ran, Notice | None]:
        """Run a task, and count it."""
        ran, notice = self.execute(closure, row, index, attempt, settings)
        self._engines[ran.engine] = self._engines.get(ran.engine, 0) + 1
        self._deopts += ran.is_deopt
        self._misfits += ran.is_deopt and ran.left is None
        return ran, notice

    def stats(self) -> tuple[int, int, int, int, dict[str, int]]:
        engines = dict(self._engines)
        return sum(engines.values()), 0, self._deopts, self._misfits, engines

    def prepare(self, fn: Callable[..., Any], args: Row, kwargs: dict[str, Any]) -> tuple[Any, Row]:
        raise NotImplementedError

    def execute(
        self, closure: Any, row: Row, index: int, attempt: int, settings: _Limits
    ) -> tuple[_Ran, Notice | None]:
        raise NotImplementedError


class _Limits:
    """What a run says of every task."""

    __slots__ = ("retries", "task_deadline_s")

    def __init__(self, task_deadline_s: float | None, retries: int) -> None:
        self.task_deadline_s = task_deadline_s
        self.retries = retries


class _Sandboxed(_Executor):
    """Every task in a sandbox of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._sandbox = Sandbox()
        self._defined: OrderedDict[Specialisation, Defined] = OrderedDict()

    def prepare(self, fn: Callable[..., Any], args: Row, kwargs: dict[str, Any]) -> tuple[Any, Row]:
        return prepare(fn, args, kwargs)

    def execute(
        self, closure: Specialisation, row: Row, index: int, attempt: int, settings: _Limits
    ) -> tuple[_Ran, Notice | None]:
        defined = self._define(closure)
        deadline_s = settings.task_deadline_s
        ran = _Ran(*self._sandbox.run(defined, row, index, attempt, deadline_s))
        return ran, ran.notice(closure, row)

    def _define(self, closure: Specialisation) -> Defined:
        defined = self._defined.get(closure)
        if defined is None:
            defined = self._defined[closure] = Defined(closure)
            if len(self._defined) > _DEFINED_MAX:
                self._defined.popitem(last=False)
        return defined


class _PlainCall:
    """A function to call here, and how."""

    __slots__ = ("__weakref__", "classes", "function", "name", "words")

    def __init__(self, function: Callable[..., Any], words: tuple[str, ...]) -> None:
        self.classes: tuple[type, ...] = ()
        self.function = function
        self.name = getattr(function, "__qualname__", repr(function))
        self.words = words

    def rows(self, calls: Iterable[Row]) -> Iterator[Row]:
        return iter(calls)

    def __call__(self, row: Row) -> Any:
        count = len(row) - len(self.words)
        return self.function(*row[:count], **dict(zip(self.words, row[count:], strict=True)))


class _Plain(_Executor):
    """Plain Python; values travel as they would."""

    def prepare(self, fn: Callable[..., Any], args: Row, kwargs: dict[str, Any]) -> tuple[Any, Row]:
        return _PlainCall(as_closure(fn).__wrapped__, tuple(kwargs)), (*args, *kwargs.values())

    def execute(
        self, closure: _PlainCall, row: Row, index: int, attempt: int, settings: _Limits
    ) -> tuple[_Ran, Notice | None]:
        del settings  # no sandbox, no limits
        value, failed = self._call(closure, row, index, attempt)
        return _Ran(value, failed, 0, attempt, "cpython", is_deopt=False), None

    def _call(
        self, closure: _PlainCall, row: Row, index: int, attempt: int
    ) -> tuple[Any, Failed | None]:
        classes = closure.classes
        row = _spm.decode(_spm.encode(row, classes), classes)
        try:
            with running(index, attempt, _spm.seed_of(index)):
                value = closure(row)
                if inspect.iscoroutine(value):
                    value = _finished(value)
            data = _spm.encode(value, classes, f"the result of `{closure.name}`")
            return _spm.decode(data, classes), None
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a task raises is its outcome
            return None, _Raised(_as_task_error(error, index, attempt))


def _finished(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run what an `async def` function returned to its end, also where a loop is running."""
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    context = contextvars.copy_context()
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(context.run, asyncio.run, coroutine).result()


class _Checked(_Executor):
    """Both ways, compared."""

    def __init__(self) -> None:
        super().__init__()
        self._sandboxed = _Sandboxed()
        self._plain = _Plain()

    def prepare(self, fn: Callable[..., Any], args: Row, kwargs: dict[str, Any]) -> tuple[Any, Row]:
        closure, row = self._sandboxed.prepare(fn, args, kwargs)
        plain, plain_row = self._plain.prepare(fn, args, kwargs)
        plain.classes = (closure.fallback or closure).classes
        return _CheckedCall(closure, plain), (row, plain_row)

    def execute(
        self, closure: _CheckedCall, row: Row, index: int, attempt: int, settings: _Limits
    ) -> tuple[_Ran, Notice | None]:
        bound, given = row
        ran, notice = self._sandboxed.execute(
            closure.specialisation, bound, index, attempt, settings
        )
        expected, _ = self._plain.execute(closure.plain, given, index, attempt, settings)
        found_text = _told(ran)
        expected_text = _told(expected)
        if found_text != expected_text or not _same(ran.value, expected.value, closure.plain):
            raise InternalError(
                f"task {index}, `{closure.specialisation.name}` of {given!r}: the sandbox "
                f"{found_text}, plain Python {expected_text}"
            )
        return ran, notice


class _CheckedCall:
    """A closure, and the function that it was made from."""

    __slots__ = ("__weakref__", "plain", "specialisation")

    def __init__(self, specialisation: Specialisation, plain: _PlainCall) -> None:
        self.specialisation = specialisation
        self.plain = plain

    def rows(self, calls: Iterable[Row]) -> Iterator[Row]:
        """Each row as it was given, with the arguments that the closure takes."""
        for call in calls:
            (row,) = self.specialisation.rows((call,))
            yield row, call


def _told(ran: _Ran) -> str:
    if ran.failed is None:
        return f"returned {ran.value!r}"
    error = ran.failed.error()
    return f"raised {type(error).__name__}({', '.join(map(repr, error.args))})"


def _same(one: object, other: object, call: _PlainCall) -> bool:
    """Whether two values are the same to the codec, NaNs aside."""
    classes = call.classes
    if _spm.encode(one, classes) == _spm.encode(other, classes):
        return True
    return repr(one) == repr(other) == "nan"


class _Raised:
    """What a task raised in plain Python."""

    __slots__ = ("_error",)

    def __init__(self, error: TaskError) -> None:
        self._error = error

    @property
    def is_cancelled(self) -> bool:
        return False

    def error(self) -> TaskError:
        return self._error


def _as_task_error(error: BaseException, index: int, attempt: int) -> TaskError:
    """The exception that pools raise for what a task raised."""
    hide(error)
    made: TaskError
    if isinstance(error, Exception) and type(error).__name__ not in NEVER_RAISED:
        members = list(error.exceptions) if isinstance(error, ExceptionGroup) else None
        made = restore(type(error), error.args, dict(error.__dict__), members)
    else:
        name = type(error).__name__
        made = RemoteException(f"the task raised {name}({', '.join(map(repr, error.args))})")
        made.class_name = name
    made.__cause__ = error.__cause__
    made.__context__ = error.__context__
    made.__suppress_context__ = error.__suppress_context__
    made.task = TaskInfo(index, None, attempt, "cpython", (), "raised")
    return made.with_traceback(error.__traceback__)


class SerialBackend:
    """A pool's backend that runs tasks where results are asked for."""

    def __init__(self, executor: _Executor) -> None:
        self._executor = executor
        self._manager: SerialRun | None = None

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
        if manager and self._manager is not None and not self._manager.is_closed:
            raise SequenceError(
                "a task manager is already online here; conclude it, or use a pool of its own from "
                "`select()`"
            )
        run = SerialRun(self._executor, closure, **options)
        if manager:
            self._manager = run
        return run

    def stats(self) -> tuple[int, int, int, int, dict[str, int]]:
        """Of this thread's tasks."""
        return self._executor.stats()

    def select(self, peers: Sequence[str]) -> SerialBackend:
        """The same thread, with a session of its own."""
        del peers
        return SerialBackend(self._executor)

    def close(self) -> None:
        """Nothing is left running."""


class SerialSubmitter:
    """`submit` runs the task at once."""

    def __init__(self, executor: _Executor) -> None:
        self._executor = executor
        self._count = 0

    def submit(self, closure: Any, row: Row, settings: Settings) -> Future[Any]:
        """Run the task; the future is done."""
        index, self._count = self._count, self._count + 1
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        limits = _Limits(settings.task_deadline_s, settings.retries)
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
        executor: _Executor,
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
        self._limits = _Limits(task_deadline_s, retries)
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

    def _run(self) -> tuple[int, _Ran]:
        index, attempt, row = self._waiting.popleft()
        if self._keeps:
            self._kept[index] = (attempt, row)
        if self._until is not None and self._until <= time.monotonic():
            return index, _Ran(None, _Raised(_run_deadline(index)), 0, attempt, "", is_deopt=False)
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
