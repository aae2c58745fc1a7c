"""Run Python functions as sandboxed WebAssembly: here, on this machine, or on a mesh."""

from ._aggregate import Aggregate
from ._closure import Closure, wasm_closure
from ._comm import hub, team
from ._dag import Dag, Node
from ._errors import (
    ClosureError,
    ClosureRefused,
    CompileError,
    DeadlineExceeded,
    Deadlock,
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
from ._farm import Farm
from ._future import Future
from ._gantt import Gantt
from ._guest import load
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
    Status,
    Substitute,
)
from ._pool import Pool
from ._program import Completed, program, run
from ._ranks import ANY_SOURCE, ANY_TAG
from ._results import Gathered, Results
from ._serial import serial
from ._spm import __version__
from ._stats import HostStats, Stats
from ._task import Frame, TaskInfo, task
from ._team import Team
from ._template import Template

__all__ = [
    "ANY_SOURCE",
    "ANY_TAG",
    "Aggregate",
    "Closure",
    "ClosureError",
    "ClosureRefused",
    "CompileError",
    "Completed",
    "Dag",
    "DeadlineExceeded",
    "Deadlock",
    "DeoptWarning",
    "Diagnostic",
    "Farm",
    "Frame",
    "FuelExhausted",
    "Future",
    "Gantt",
    "Gathered",
    "Host",
    "HostFault",
    "HostLost",
    "HostStats",
    "InternalError",
    "List",
    "MeshError",
    "NoHosts",
    "Node",
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
    "Team",
    "Template",
    "__version__",
    "connect",
    "hub",
    "identity",
    "laptop",
    "load",
    "pool",
    "program",
    "run",
    "serial",
    "task",
    "team",
    "wasm_closure",
]
