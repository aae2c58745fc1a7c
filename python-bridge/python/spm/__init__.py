"""Run Python functions as sandboxed WebAssembly: here, on this machine, or on a mesh."""

from ._closure import Closure, wasm_closure
from ._errors import (
    ClosureError,
    ClosureRefused,
    CompileError,
    DeadlineExceeded,
    DeoptWarning,
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
from ._future import Future
from ._laptop import connect, identity, laptop, pool
from ._list import List
from ._options import (
    Host,
    Options,
    PoolStats,
    Progress,
    Raise,
    Retry,
    Skip,
    Stats,
    Status,
    Substitute,
)
from ._pool import Pool
from ._results import Gathered, Results
from ._serial import serial
from ._spm import __version__
from ._task import Frame, TaskInfo, task

__all__ = [
    "Closure",
    "ClosureError",
    "ClosureRefused",
    "CompileError",
    "DeadlineExceeded",
    "DeoptWarning",
    "Diagnostic",
    "Frame",
    "FuelExhausted",
    "Future",
    "Gathered",
    "Host",
    "HostFault",
    "HostLost",
    "InternalError",
    "List",
    "MeshError",
    "NoHosts",
    "NotAuthorized",
    "Options",
    "Pool",
    "PoolStats",
    "Progress",
    "Raise",
    "RemoteException",
    "Results",
    "Retry",
    "SandboxViolation",
    "SequenceError",
    "Skip",
    "SpmError",
    "Stats",
    "Status",
    "Substitute",
    "TaskError",
    "TaskFailures",
    "TaskInfo",
    "__version__",
    "connect",
    "identity",
    "laptop",
    "pool",
    "serial",
    "task",
    "wasm_closure",
]
