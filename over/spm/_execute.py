"""The ways in which `serial` runs a task: in a sandbox, in plain Python, or both."""

from __future__ import annotations

import contextvars
import inspect
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from . import _spm
from ._channels import Copying, Halt, Recording, Wire
from ._closure import Specialisation, as_closure, prepare
from ._errors import NEVER_RAISED, InternalError, RemoteException, TaskError, restore
from ._spm import Defined, Sandbox
from ._task import TaskInfo, running
from ._traceback import hide
from ._travelled import classes_in

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator

    from ._backend import Failed, Notice
    from ._channel import Channel

Row = tuple[Any, ...]

_DEFINED_MAX: Final = 64
"""Closures whose definitions are kept."""


class Ran(NamedTuple):
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


class Executor:
    """One way to run a task."""

    def __init__(self) -> None:
        self._deopts = 0
        self._misfits = 0
        self._engines: dict[str, int] = {}

    def run(
        self,
        closure: Any,
        row: Row,
        index: int,
        attempt: int,
        settings: Limits,
        channel: Channel | None = None,
    ) -> tuple[Ran, Notice | None]:
        """Run a task, and count it."""
        ran, notice = self.execute(closure, row, index, attempt, settings, channel)
        self._engines[ran.engine] = self._engines.get(ran.engine, 0) + 1
        self._deopts += ran.is_deopt
        self._misfits += ran.is_deopt and ran.left is None
        return ran, notice

    def stats(self) -> tuple[int, int, int, int, dict[str, int]]:
        engines = dict(self._engines)
        return sum(engines.values()), 0, self._deopts, self._misfits, engines

    def prepare(self, fn: Callable[..., Any], args: Row, kwargs: dict[str, Any]) -> tuple[Any, Row]:
        raise NotImplementedError

    def bind(self, closure: Any, args: Row, kwargs: dict[str, Any]) -> Row:
        """Arguments of a further call of a closure that `prepare` made."""
        raise NotImplementedError

    def row_of(self, closure: Any, raw: Any) -> Row:
        """The arguments of a task that another one spawned."""
        raise NotImplementedError

    def ways(self, closure: Any, row: Row) -> list[tuple[Executor, Any, Row]]:
        """The ways in which a team is run, one after the other."""
        return [(self, closure, row)]

    def compare(self, closure: Any, row: Row, index: int, ran: Ran, expected: Ran) -> None:
        """Raise InternalError if a task ended differently in one way and in another."""

    def execute(
        self,
        closure: Any,
        row: Row,
        index: int,
        attempt: int,
        settings: Limits,
        channel: Channel | None = None,
    ) -> tuple[Ran, Notice | None]:
        raise NotImplementedError


class Limits:
    """What a run says of every task."""

    __slots__ = ("retries", "task_deadline_s")

    def __init__(self, task_deadline_s: float | None, retries: int) -> None:
        self.task_deadline_s = task_deadline_s
        self.retries = retries


class Sandboxed(Executor):
    """Every task in a sandbox of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._sandbox = Sandbox()
        self._defined: OrderedDict[Specialisation, Defined] = OrderedDict()

    def prepare(self, fn: Callable[..., Any], args: Row, kwargs: dict[str, Any]) -> tuple[Any, Row]:
        return prepare(fn, args, kwargs)

    def bind(self, closure: Specialisation, args: Row, kwargs: dict[str, Any]) -> Row:
        return closure.bind(args, kwargs)

    def row_of(self, closure: Specialisation, raw: Row) -> Row:
        return closure.bind(raw, {})

    def execute(
        self,
        closure: Specialisation,
        row: Row,
        index: int,
        attempt: int,
        settings: Limits,
        channel: Channel | None = None,
    ) -> tuple[Ran, Notice | None]:
        defined = self._define(closure)
        deadline_s = settings.task_deadline_s
        if channel is None:
            ran = Ran(*self._sandbox.run(defined, row, index, attempt, deadline_s))
        else:
            # Ranks of a team are in sandboxes at the same time, each on a thread of its own.
            sandbox = self._sandbox if channel.size == 1 else Sandbox()
            wire = Wire(channel, closure)
            ran = Ran(*sandbox.run(defined, row, index, attempt, deadline_s, wire))
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


def _classes(closure: _PlainCall, value: object) -> tuple[type, ...]:
    """A class table for a value: that of the closure, and the classes that the value brings."""
    return tuple(dict.fromkeys([*closure.classes, *classes_in(value)]))


class Plain(Executor):
    """Plain Python; values travel as they would."""

    def prepare(self, fn: Callable[..., Any], args: Row, kwargs: dict[str, Any]) -> tuple[Any, Row]:
        return _PlainCall(as_closure(fn).__wrapped__, tuple(kwargs)), (*args, *kwargs.values())

    def bind(self, closure: _PlainCall, args: Row, kwargs: dict[str, Any]) -> Row:
        return (*args, *(kwargs[word] for word in closure.words))

    def row_of(self, closure: _PlainCall, raw: Row) -> Row:
        return raw

    def execute(
        self,
        closure: _PlainCall,
        row: Row,
        index: int,
        attempt: int,
        settings: Limits,
        channel: Channel | None = None,
    ) -> tuple[Ran, Notice | None]:
        del settings  # no sandbox, no limits
        began = time.perf_counter()
        value, failed = self._call(closure, row, index, attempt, channel)
        run_us = round((time.perf_counter() - began) * 1e6)
        return Ran(value, failed, run_us, attempt, "cpython", is_deopt=False), None

    def _call(
        self, closure: _PlainCall, row: Row, index: int, attempt: int, channel: Channel | None
    ) -> tuple[Any, Failed | None]:
        classes = _classes(closure, row)
        row = _spm.decode(_spm.encode(row, classes), classes)
        copying = None if channel is None else Copying(channel, closure.classes)
        try:
            with running(index, attempt, _spm.seed_of(index), copying):
                value = closure(row)
                if inspect.iscoroutine(value):
                    value = _finished(value)
            classes = _classes(closure, value)
            data = _spm.encode(value, classes, f"the result of `{closure.name}`")
            return _spm.decode(data, classes), None
        except (KeyboardInterrupt, Halt):
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a task raises is its outcome
            return None, Raised(_as_task_error(error, index, attempt))


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


class Checked(Executor):
    """Both ways, compared."""

    def __init__(self) -> None:
        super().__init__()
        self._sandboxed = Sandboxed()
        self._plain = Plain()

    def prepare(self, fn: Callable[..., Any], args: Row, kwargs: dict[str, Any]) -> tuple[Any, Row]:
        closure, row = self._sandboxed.prepare(fn, args, kwargs)
        plain, plain_row = self._plain.prepare(fn, args, kwargs)
        plain.classes = (closure.fallback or closure).classes
        return _CheckedCall(closure, plain), (row, plain_row)

    def bind(self, closure: _CheckedCall, args: Row, kwargs: dict[str, Any]) -> Row:
        return (
            self._sandboxed.bind(closure.specialisation, args, kwargs),
            self._plain.bind(closure.plain, args, kwargs),
        )

    def row_of(self, closure: _CheckedCall, raw: Row) -> Row:
        return self.bind(closure, raw, {})

    def execute(
        self,
        closure: _CheckedCall,
        row: Row,
        index: int,
        attempt: int,
        settings: Limits,
        channel: Channel | None = None,
    ) -> tuple[Ran, Notice | None]:
        bound, given = row
        recording = None if channel is None else Recording(channel)
        ran, notice = self._sandboxed.execute(
            closure.specialisation, bound, index, attempt, settings, recording
        )
        replay = None if recording is None else recording.replay()
        try:
            expected, _ = self._plain.execute(
                closure.plain, given, index, attempt, settings, replay
            )
        finally:
            if replay is not None:
                replay.finish()
        self.compare(closure, row, index, ran, expected)
        return ran, notice

    def ways(self, closure: _CheckedCall, row: Row) -> list[tuple[Executor, Any, Row]]:
        bound, given = row
        return [
            (self._sandboxed, closure.specialisation, bound),
            (self._plain, closure.plain, given),
        ]

    def compare(
        self, closure: _CheckedCall, row: Row, index: int, ran: Ran, expected: Ran
    ) -> None:
        given = row[1]
        found_text = _told(ran)
        expected_text = _told(expected)
        if found_text != expected_text or not _same(ran.value, expected.value, closure.plain):
            raise InternalError(
                f"task {index}, `{closure.specialisation.name}` of {given!r}: the sandbox "
                f"{found_text}, plain Python {expected_text}"
            )


class _CheckedCall:
    """A closure, and the function that it was made from."""

    __slots__ = ("__weakref__", "plain", "specialisation")

    @property
    def fallback(self) -> _CheckedCall:
        """What runs a team that left its closure: compared as well."""
        return _CheckedCall(self.specialisation.fallback or self.specialisation, self.plain)

    def __init__(self, specialisation: Specialisation, plain: _PlainCall) -> None:
        self.specialisation = specialisation
        self.plain = plain

    def rows(self, calls: Iterable[Row]) -> Iterator[Row]:
        """Each row as it was given, with the arguments that the closure takes."""
        for call in calls:
            (row,) = self.specialisation.rows((call,))
            yield row, call


def _told(ran: Ran) -> str:
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


class Raised:
    """What a task raised in plain Python."""

    __slots__ = ("_error",)

    is_lost_argument = False
    left_proof = False

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
