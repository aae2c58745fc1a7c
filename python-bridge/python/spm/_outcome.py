"""The one place where what became of a task turns into the exception that users see."""

from __future__ import annotations

from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from . import _spm
from ._capture import GLUE_FILE
from ._errors import (
    NEVER_RAISED,
    DeadlineExceeded,
    Deadlock,
    FuelExhausted,
    HostFault,
    HostLost,
    InternalError,
    NoHosts,
    RemoteException,
    SandboxViolation,
    TaskError,
    builtin_exception,
    restore,
)
from ._program_module import Module
from ._task import Frame, TaskInfo
from ._traceback import task_traceback

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._closure import Specialisation

Outcome: TypeAlias = tuple[Any, ...]
"""An outcome's name, and what belongs to it; `pool/failed.rs` makes them."""

_TRAPS: Final = {number: (text, name) for number, text, name in _spm.TRAPS}

# Frames that a guest left out of a deep recursion are shown again up to here, as CPython would
# fold them; beyond, a note says how many.
_FRAMES_REPEATED_MAX: Final = 20_000

_WITH_POINTS: Final = ("trapped", "out of fuel", "out of memory", "deadline")
"""Outcomes that say where the guest was."""

_CALLS_MAX: Final = 12
"""Functions of a program that a note names."""


def exception(
    closure: Specialisation,
    index: int,
    host: str | None,
    attempts: int,
    outcome: Outcome,
    unbacked: str | None = None,
) -> BaseException:
    """Make the exception for a task of `closure` that did not return.

    `unbacked` says why its fallback could not run it, if a task left its closure.
    """
    made, frames = _made(closure, outcome)
    if unbacked is not None:
        engine = closure.fallback.engine if closure.fallback is not None else "python"
        made.add_note(f"the engine `{engine}`, which was to run it then, cannot: {unbacked}")
    component: object = closure.component
    if isinstance(component, Module):
        _name_program(made, component, outcome)
    info = TaskInfo(index, host, attempts, closure.engine, frames, outcome[0])
    if isinstance(made, TaskError):
        made.task = info
    return made.with_traceback(task_traceback(frames))


def _name_program(made: BaseException, module: Module, outcome: Outcome) -> None:
    """Say which program it was: there is no frame that does."""
    made.args = (f"`{module.name}`: {made.args[0]}", *made.args[1:])
    points = outcome[-1] if outcome[0] in _WITH_POINTS else ()
    calls = module.calls(points)
    if calls:
        made.add_note(
            "it was in " + ", called by ".join(f"`{name}`" for name in calls[:_CALLS_MAX])
        )


def malformed(
    closure: Specialisation, index: int, host: str | None, attempts: int, error: Exception
) -> BaseException:
    """Make the exception for a task whose result is not a value."""
    made = SandboxViolation(f"the guest returned what is no value: {error}")
    made.task = TaskInfo(index, host, attempts, closure.engine, (), "returned")
    return made


def _made(closure: Specialisation, outcome: Outcome) -> tuple[BaseException, tuple[Frame, ...]]:
    match outcome:
        case ("raised", bytes(record)):
            return _raised(closure, record)
        case ("trapped", int(code), points):
            return _trapped(code), _frames_at(closure, points)
        case ("out of fuel", points):
            return FuelExhausted(
                f"the task used all of its {closure.fuel} units of fuel"
            ), _frames_at(closure, points)
        case ("out of memory", points):
            limit = f"{closure.memory_bytes >> 20} MiB"
            return restore(
                MemoryError, (f"the task reached its memory limit of {limit}",)
            ), _frames_at(closure, points)
        case ("deadline", points):
            return DeadlineExceeded("the task ran past its deadline"), _frames_at(closure, points)
        case ("run deadline",):
            return DeadlineExceeded("the run's deadline passed before the task ended"), ()
        case ("host fault", str(why)):
            return HostFault(f"the host failed, not the task: {why}"), ()
        case ("refused", str(why)):
            return HostFault(f"the host would not run the task: {why}"), ()
        case ("unprepared", str(why)):
            return HostFault(f"no host can prepare the engine that was to run the task: {why}"), ()
        case ("host lost", str(why)):
            return HostLost(f"the host was lost while it had the task: {why}"), ()
        case ("no hosts", reasons):
            return NoHosts(_no_hosts(reasons)), ()
        case ("argument lost", str(why)):
            return HostLost(why), ()
        case ("deadlock", str(why)):
            return Deadlock(why), ()
        case ("cancelled",):
            return CancelledError("the task was cancelled"), ()
        case _:
            return InternalError(f"an outcome that has no exception: {outcome!r}"), ()


def _no_hosts(reasons: Iterable[tuple[str, str]]) -> str:
    listed = [f"{host}: {why}" for host, why in reasons]
    if not listed:
        return "no host is left to run the task"
    return "\n  ".join(["no host is left to run the task", *listed])


def _trapped(code: int) -> TaskError:
    text, name = _TRAPS.get(code, (f"the guest trapped ({code})", "spm.SandboxViolation"))
    if name == "RecursionError":
        text = f"maximum recursion depth exceeded: {text}"
    original = builtin_exception(name)
    if original is None or not issubclass(original, Exception):
        return SandboxViolation(text)
    return restore(original, (text,))


def _frames_at(closure: Specialisation, points: Iterable[tuple[int, int]]) -> tuple[Frame, ...]:
    """Resolve places in the code, innermost first, to frames, outermost first."""
    found = [closure.component.frame_at(function, offset) for function, offset in points]
    frames = [Frame(*fields) for fields in found if fields is not None]
    return _shown(reversed(frames))


def _shown(frames: Iterable[Frame]) -> tuple[Frame, ...]:
    return tuple(frame for frame in frames if frame.file != GLUE_FILE)


def _raised(closure: Specialisation, record: bytes) -> tuple[BaseException, tuple[Frame, ...]]:
    try:
        raised = _spm.read_raised(record)
        error, frames = _rebuilt(closure, raised)
    except Exception as bad:  # noqa: BLE001
        # Whatever a guest wrote, the submitter gets an exception of its own.
        return SandboxViolation(f"the guest raised what is no exception record: {bad}"), ()
    why = getattr(closure, "unbacked", None)
    if why is not None and raised["trap"] in _spm.LEAVES_PROOF:
        error.add_note(f"the engine `python` was not there to run it: {why}")
    return error, frames


def _rebuilt(
    closure: Specialisation, raised: dict[str, Any]
) -> tuple[TaskError, tuple[Frame, ...]]:
    frames, note = _raised_frames(closure, raised)
    error = _trapped(raised["trap"]) if raised["trap"] is not None else _instance(closure, raised)
    for text in [*raised["notes"], *note]:
        error.add_note(text)
    error.__cause__ = _chained(closure, raised["cause"])
    same = raised["context_is_cause"]
    error.__context__ = error.__cause__ if same else _chained(closure, raised["context"])
    error.__suppress_context__ = raised["suppress_context"]
    return error, frames


def _chained(closure: Specialisation, raised: dict[str, Any] | None) -> BaseException | None:
    if raised is None:
        return None
    error, frames = _rebuilt(closure, raised)
    return error.with_traceback(task_traceback(frames))


def _instance(closure: Specialisation, raised: dict[str, Any]) -> TaskError:
    args = tuple(_decoded(closure, raised["args"], []))
    state = dict(_decoded(closure, raised["state"], {}))
    if raised["builtin"] is not None:
        name = raised["builtin"]
        original: Any = builtin_exception(name)
    else:
        index = raised["class"]
        known = index is not None and index < len(closure.classes)
        original = closure.classes[index] if known else None
        name = getattr(original, "__qualname__", "an exception of an unknown class")
    rebuildable = isinstance(original, type) and issubclass(original, BaseException)
    if not rebuildable or name in NEVER_RAISED or not issubclass(original, Exception):
        told = ", ".join(map(repr, args))
        remote = RemoteException(f"the task raised {name}({told})")
        remote.class_name = name
        return remote
    members = None
    if issubclass(original, ExceptionGroup):
        members = [
            member for member in (_chained(closure, it) for it in raised["members"]) if member
        ]
    return restore(original, args, state, members)  # type: ignore[arg-type]


def _decoded(closure: Specialisation, data: bytes, empty: Any) -> Any:
    return closure.decode(data) if data else empty


def _raised_frames(
    closure: Specialisation, raised: dict[str, Any]
) -> tuple[tuple[Frame, ...], list[str]]:
    """Resolve a record's frames; put back those left out of a recursion where that is certain."""
    frames: list[Frame] = []
    for entry in raised["frames"]:
        fields = closure.component.frame(entry) if isinstance(entry, int) else entry
        if fields is not None:
            frames.append(Frame(*fields))
    frames.reverse()
    left_out = raised["frames_left_out"]
    if not left_out:
        return _shown(frames), []
    middle = len(frames) // 2
    if left_out <= _FRAMES_REPEATED_MAX and frames and frames[middle - 1] == frames[middle]:
        frames[middle:middle] = [frames[middle]] * left_out
        return _shown(frames), []
    return _shown(frames), [f"{left_out} further frames of the recursion are not shown"]
