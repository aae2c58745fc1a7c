"""The keywords of every manager, what a handler of failures may answer, and what users are told."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypedDict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ._errors import TaskError
    from ._task import TaskInfo

RETRIES_DEFAULT: Final = 3
"""How often a task is tried again after a host was lost under it."""


@dataclass(frozen=True, slots=True)
class Raise:
    """Answer of an `on_error` handler: raise the failure, and stop the run."""


@dataclass(frozen=True, slots=True)
class Skip:
    """Answer of an `on_error` handler: go on without this task's result."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Answer of an `on_error` handler: run the task again."""


@dataclass(frozen=True, slots=True)
class Substitute:
    """Answer of an `on_error` handler: `value` is this task's result."""

    value: Any


Answer: TypeAlias = Raise | Skip | Retry | Substitute
OnError: TypeAlias = "Literal['raise', 'collect', 'retry'] | Callable[[TaskError], Answer]"


@dataclass(frozen=True, slots=True)
class Host:
    """A host of a pool."""

    peer_id: str
    name: str
    labels: Mapping[str, str]
    slots: int
    engines: tuple[str, ...]
    memory_bytes: int
    incarnation: int
    pid: int | None
    """Its process, if that runs on this machine."""


@dataclass(frozen=True, slots=True)
class Status:
    """What became of one task, as `on_status` is told."""

    task: TaskInfo
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is, as `progress` is told."""

    done: int
    """Tasks that ended, well or not."""
    failed: int
    running: int
    """Tasks that were handed to the pool and have not ended."""
    total: int | None
    """All tasks, once that is known."""
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class PoolStats:
    """What a pool amounts to: tasks that ended, its own and those of pools made from it."""

    tasks: int
    retries: int
    """Attempts that were lost with a host, or failed because of it."""
    deopts: int
    """Tasks that another engine ended than the one that their closure was compiled by."""
    misfits: int
    """Those of them whose arguments were not of the types that the closure was compiled for."""
    engines: Mapping[str, int]
    """How many tasks each engine ended."""


class Options(TypedDict, total=False):
    """Keywords of every manager."""

    on_error: OnError
    on_status: Callable[[Status], None]
    progress: bool | Callable[[Progress], None]
    retries: int
    task_deadline_s: float
    run_deadline_s: float


@dataclass(frozen=True, slots=True)
class Settings:
    """Options that were checked."""

    on_error: OnError = "raise"
    on_status: Callable[[Status], None] | None = None
    progress: bool | Callable[[Progress], None] = False
    retries: int = RETRIES_DEFAULT
    task_deadline_s: float | None = None
    run_deadline_s: float | None = None

    @classmethod
    def of(cls, options: Mapping[str, Any], base: Settings | None = None) -> Settings:
        """Check `options`; those not given are as in `base`."""
        known = {entry.name for entry in fields(cls)}
        unknown = sorted(set(options) - known)
        if unknown:
            raise TypeError(f"unknown option `{unknown[0]}`; there are {', '.join(sorted(known))}")
        given = {} if base is None else {name: getattr(base, name) for name in known}
        made = cls(**{**given, **options})
        made._check()
        return made

    def _check(self) -> None:
        if not callable(self.on_error) and self.on_error not in ("raise", "collect", "retry"):
            raise ValueError(
                f"on_error is 'raise', 'collect', 'retry' or a callable, not {self.on_error!r}"
            )
        if self.on_status is not None and not callable(self.on_status):
            raise TypeError("on_status must be callable")
        if not isinstance(self.retries, int) or self.retries < 0:
            raise ValueError(f"retries must be an int of at least 0, not {self.retries!r}")
        for name in ("task_deadline_s", "run_deadline_s"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be positive, not {value!r}")

    @property
    def keeps_arguments(self) -> bool:
        """Whether a failed task may have to be run again."""
        return self.on_error == "retry" or callable(self.on_error)

    @property
    def watches_tasks(self) -> bool:
        """Whether somebody wants to hear of every single task."""
        return self.on_status is not None or bool(self.progress)

    def answer(self, error: TaskError, tries: int) -> Answer | None:
        """Decide on a failure of a task that was run again `tries` times; None leaves it as it is.

        An exception of the handler is the caller's to deal with.
        """
        if callable(self.on_error):
            answer: object = self.on_error(error)
            if not isinstance(answer, Raise | Skip | Retry | Substitute):
                raise TypeError(
                    f"on_error answered {answer!r}; it has to be spm.Raise(), spm.Skip(), "
                    "spm.Retry() or spm.Substitute(value)"
                )
            return answer
        if self.on_error == "retry" and tries < self.retries:
            return Retry()
        return None
