"""What a pool needs of whatever runs its tasks: `_spm` for hosts, `_serial` for this thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._future import Future
    from ._options import Settings

Done: TypeAlias = "tuple[int, Any, Failed | None, str | None, int, int, str, bool]"
"""Index, value, failure, host, attempts, microseconds in the sandbox, the engine that ended it, and
whether one of the attempts left what was proved."""

Notice: TypeAlias = "tuple[Any, bytes | None, tuple[Any, ...] | None]"
"""A closure, and the record that says where a task left it, or arguments that it was not for."""

News: TypeAlias = "tuple[int, Sequence[Notice]]"
"""How many tasks the fallback has ended, and what is to be warned of."""


class Shippable(Protocol):
    """What `_spm` reads of a closure, whatever made it. `Specialisation` is one."""

    name: str
    engine: str
    """"native", "python", "scientific" or "guest"."""
    component: Any
    """Either a `_spm.Runtime`, whose bytes all closures share, or what resolves frames."""
    component_bytes: bytes
    """The component, where `component` is no `_spm.Runtime`."""
    payload: bytes | None
    """What `define` of each instance is given, if it is to be called."""
    fallback: Shippable | None
    """Runs the tasks that this one cannot. It has none itself."""
    arguments: Any
    """A `_spm.ArgumentTypes`; None for a closure that takes all that can cross."""
    names: list[str]
    """Names of the parameters for messages, where `arguments` is None."""
    classes: tuple[type, ...]
    memory_bytes: int
    fuel: int | None
    deadline_ms: int | None
    capabilities: tuple[str, ...]
    isolation: str
    source: str
    compiler: str

    def misfit(self, row: tuple[Any, ...]) -> Any:
        """Raise the exception for arguments that do not fit; where `arguments` is not None."""


class Failed(Protocol):
    """A task that did not return."""

    def error(self) -> Any:
        """Make the exception that the submitter sees."""

    @property
    def is_cancelled(self) -> bool:
        """Whether it was cancelled."""


class Run(Protocol):
    """One closure in force, taking tasks and giving results until it is closed."""

    def room(self) -> int:
        """How many more tasks fit before some results have to be taken."""

    def refill(self) -> int:
        """How much room there should be before it is worth reading more input."""

    def push(self, rows: list[tuple[Any, ...]]) -> None:
        """Submit tasks. Their indices go on from those of the last push."""

    def end_input(self) -> None:
        """Say that no more tasks follow."""

    def take(self, wait_s: float | None) -> tuple[list[Any], Failed | None, bool] | None:
        """Take results, up to a failure, and whether that was all. None if the time passed.

        What tasks print is written to `sys.stdout` on the way.
        """

    def take_each(self, wait_s: float | None) -> tuple[Sequence[Done], bool] | None:
        """Take whatever ended, in any order. Each counts against `room` until it is released."""

    def news(self) -> News | None:
        """What there is to say beside results, or None if nothing is new."""

    def release(self, index: int) -> None:
        """Make room for another task: this one's result was let out, and it is not run again."""

    def retry(self, index: int) -> None:
        """Run a task again that was taken as failed."""

    def is_ready(self) -> bool:
        """Whether `take` would return at once."""

    def wait_ready(self, wait_s: float | None) -> None:
        """Wait until it would."""

    def failures_waiting(self) -> int:
        """How many failures there are that were not taken."""

    def cancel(self) -> None:
        """Cancel what is left. From any thread; whoever waits for results is told."""

    def close(self) -> None:
        """Cancel what is left. Afterwards no host works on it."""


class Submitter(Protocol):
    """What `submit` does."""

    def submit(self, closure: Any, row: tuple[Any, ...], settings: Settings) -> Future[Any]:
        """Submit one task."""

    def has_ended(self) -> bool:
        """Whether no task is under way, and none follows."""

    def close(
        self,
        *,
        wait: bool,
        cancel_pending: bool,
        cancel_all: bool,
        on_end: Callable[[], None],
    ) -> None:
        """Take no more tasks; `on_end` is called when the last has ended."""


class Backend(Protocol):
    """Hosts, or something like them."""

    def hosts(self) -> list[tuple[Any, ...]]:
        """What is known of each host, in the order of the fields of `spm.Host`."""

    def prepare(
        self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any, tuple[Any, ...]]:
        """What `run` and `submit` take for these arguments, and the arguments as that takes them."""

    def submitter(self) -> Submitter:
        """What `submit` of a new pool on these hosts does."""

    def run(self, closure: Any, *, manager: bool, **options: Any) -> Run:
        """Bring a closure into force and start a run. `manager` makes runs exclude one another."""

    def stats(self) -> tuple[int, int, int, int, dict[str, int]]:
        """Count all tasks so far, in the order of the fields of `spm.PoolStats`."""

    def select(self, peers: Sequence[str]) -> Backend:
        """Those hosts only."""

    def close(self) -> None:
        """End every run."""
