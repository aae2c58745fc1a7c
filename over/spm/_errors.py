"""The exceptions users see, and the one place where an outcome becomes one of them.

SpmError
├── ClosureError
│   ├── CompileError        the function cannot become Wasm (`.diagnostics`)
│   └── ClosureRefused      no host took it into use (`.reasons`)
├── SequenceError           something was asked at the wrong moment; says what to do instead
├── TaskError               the task failed (`.task`)
│   ├── <original>          what the task raised, also a TaskError
│   ├── FuelExhausted, DeadlineExceeded, SandboxViolation, HostFault
│   ├── HostLost            also a MeshError
│   ├── Deadlock            all ranks of a team waited for each other
│   └── RemoteException     its class is unknown here, or must not be raised here
├── TaskFailures            several tasks failed
├── MeshError
│   ├── NoHosts
│   └── NotAuthorized
└── InternalError           a bug in SPM; please report it

DeoptWarning(RuntimeWarning)    tasks leave what was proved of their closure (`.file`, `.line`)
"""

from __future__ import annotations

import builtins
import types
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ._task import TaskInfo


class SpmError(Exception):
    """Everything SPM raises."""


class ClosureError(SpmError):
    """A closure cannot be taken into use."""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem in the user's Python."""

    code: str
    file: str
    line: int
    column: int
    """From 1, in characters."""
    message: str
    help: str | None = None


class CompileError(ClosureError):
    """The function cannot become Wasm."""

    diagnostics: tuple[Diagnostic, ...]

    def __init__(self, message: str, diagnostics: Iterable[Diagnostic] = ()) -> None:
        """Say `message`; carry `diagnostics` for tools."""
        super().__init__(message)
        self.diagnostics = tuple(diagnostics)


class ClosureRefused(ClosureError):
    """No host took the closure into use."""

    reasons: dict[str, str]

    def __init__(self, message: str, reasons: Mapping[str, str] | None = None) -> None:
        """Say `message`; `reasons` maps each host to why."""
        super().__init__(message)
        self.reasons = dict(reasons or {})


class SequenceError(SpmError, RuntimeError):
    """Something was asked at a moment when it cannot be done."""


class TaskError(SpmError):
    """A task failed."""

    task: TaskInfo | None = None


class FuelExhausted(TaskError):
    """The task used all the fuel it was given."""


class DeadlineExceeded(TaskError, TimeoutError):
    """The task ran past its deadline."""


class SandboxViolation(TaskError):
    """The guest did what no compiled Python does, and was stopped."""


class HostFault(TaskError):
    """The host failed, not the task."""


class MeshError(SpmError, ConnectionError):
    """Hosts cannot be reached."""


class NoHosts(MeshError, BrokenExecutor):
    """No host is left to run anything."""


class NotAuthorized(MeshError):
    """A host does not run closures of this submitter."""


class HostLost(TaskError, MeshError):
    """The host went away while it had the task, more often than retries allow."""


class Deadlock(TaskError):
    """All ranks of a `Team` that were left waited for messages; the text says who for whom."""


class RemoteException(TaskError):
    """A task raised what cannot be raised here.

    `.class_name` names the class: one that is unknown here, or one that Python itself acts on,
    such as `StopIteration` or `SystemExit`.
    """

    class_name: str | None = None


class TaskFailures(SpmError, ExceptionGroup[Exception]):
    """Several tasks failed."""

    def derive(self, excs: Sequence[Exception], /) -> TaskFailures:  # type: ignore[override]
        """Keep the class when `except*` splits the group."""
        return TaskFailures(self.message, excs)


class InternalError(SpmError):
    """A bug in SPM."""


class DeoptWarning(RuntimeWarning):
    """Tasks of a closure leave what its compiler proved, and run by its fallback, more slowly.

    It is given once for each closure, at the line where the first of them left.
    """

    closure: str = ""
    """The function's name."""
    file: str = ""
    line: int = 0


# Python itself acts on these: raised on the submitter they would end a loop, a coroutine or the
# process instead of reporting a failure.
NEVER_RAISED: frozenset[str] = frozenset(
    {
        "StopIteration",
        "StopAsyncIteration",
        "GeneratorExit",
        "KeyboardInterrupt",
        "SystemExit",
        "CancelledError",
    }
)

_task_classes: dict[type[Exception], type[TaskError]] = {}


def task_class(original: type[Exception]) -> type[TaskError]:
    """Make the class (original, TaskError), under the original's name; the same one every time."""
    if issubclass(original, TaskError):
        return original
    made = _task_classes.get(original)
    if made is None:
        namespace = {
            "__module__": original.__module__,
            "__qualname__": original.__qualname__,
            "__doc__": original.__doc__,
            "__reduce_ex__": _reduce,
            "__spm_original__": original,
        }
        bases = (TaskError,) if issubclass(TaskError, original) else (original, TaskError)
        # The user's metaclass has made `original`; it is not to make this one.
        new: Any = type.__new__(type(original), original.__name__, bases, namespace)
        made = _task_classes.setdefault(original, new)
    return made


def _reduce(self: Any, protocol: object) -> tuple[Any, ...]:
    del protocol
    members = self.exceptions if isinstance(self, BaseExceptionGroup) else None
    return restore, (self.__spm_original__, self.args, dict(self.__dict__), members)


def restore(
    original: type[Exception],
    args: tuple[Any, ...],
    state: Mapping[str, Any] | None = None,
    members: Sequence[Exception] | None = None,
) -> TaskError:
    """Make an instance of (original, TaskError) without running any `__init__` of the user's."""
    made = task_class(original)
    base = next(base for base in original.__mro__ if base.__module__ == "builtins")
    if members is not None:
        args = (args[0] if args else "", list(members))
    try:
        error = base.__new__(made, *args)
        base.__init__(error, *args)  # type: ignore[misc]  # of a builtin
    except TypeError:
        # Such as UnicodeDecodeError, whose fields must be complete: keep what there is.
        error = Exception.__new__(made)
    if members is None:
        error.args = args
    for name, value in (state or {}).items():
        if _is_field(base, name):
            # Such as `OSError.filename`, which is no part of `__dict__`.
            setattr(error, name, value)
        else:
            error.__dict__[name] = value
    assert isinstance(error, TaskError)
    return error


def _is_field(base: type, name: str) -> bool:
    descriptor = getattr(base, name, None)
    return isinstance(descriptor, types.MemberDescriptorType | types.GetSetDescriptorType)


def builtin_exception(name: str) -> type[BaseException] | None:
    """Look up a builtin exception class, or None where this Python does not have it."""
    found = getattr(builtins, name, None)
    return found if isinstance(found, type) and issubclass(found, BaseException) else None
