"""Run Python functions as sandboxed WebAssembly: here, on this machine, or on a mesh."""

from __future__ import annotations

from ._closure import Closure, wasm_closure
from ._errors import (
    ClosureError,
    ClosureRefused,
    CompileError,
    DeadlineExceeded,
    Diagnostic,
    FuelExhausted,
    HostFault,
    HostLost,
    InternalError,
    MeshError,
    NoHosts,
    NotAuthorized,
    RemoteException,
    SandboxViolation,
    SequenceError,
    SpmError,
    TaskError,
    TaskFailures,
)
from ._spm import __version__
from ._task import Frame, TaskInfo, task

__all__ = [
    "Closure",
    "ClosureError",
    "ClosureRefused",
    "CompileError",
    "DeadlineExceeded",
    "Diagnostic",
    "Frame",
    "FuelExhausted",
    "HostFault",
    "HostLost",
    "InternalError",
    "MeshError",
    "NoHosts",
    "NotAuthorized",
    "RemoteException",
    "SandboxViolation",
    "SequenceError",
    "SpmError",
    "TaskError",
    "TaskFailures",
    "TaskInfo",
    "__version__",
    "task",
    "wasm_closure",
]
