"""What a pool needs of whatever runs its tasks: `_spm` for hosts, `_serial` for this thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeAlias

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

Kind: TypeAlias = Literal["farm", "template", "dag", "aggregate", "team"]

Raw: TypeAlias = Any
"""Arguments of a task that another task spawned, as the run that gave them takes them back."""

Children: TypeAlias = "list[tuple[float, Raw]]"
"""What a task spawned: priorities and arguments, in order."""

Ended: TypeAlias = (
    "tuple[int, Any, ManagerFailed | None, str | None, int, int, str, bool, Children | None, float]"
)
"""What a manager hears of a task: the fields of `Done`, what the task spawned, each with its
priority, in order, and when it ended on the clock of `time.monotonic()`."""

HostRow: TypeAlias = "tuple[str, float, float, int, int]"
"""A host, seconds that its tasks waited at the hub, seconds that they and their results travelled,
and bytes sent to it and received from it."""


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


class Job(NamedTuple):
    """A task that a manager submits."""

    closure: int
    """Its place in the list that was given to `run_manager`."""
    index: int  # type: ignore[assignment]  # hides what tuples have, as nobody looks for it there
    """What `spm.task.index` is; unique within the run."""
    row: tuple[Any, ...] | Raw
    """Its arguments, which may hold `Stored` anywhere within lists, tuples and dicts; or what a
    task spawned."""
    priority: float = 0.0
    """Higher first, among what waits at the hub."""
    keep: int = -1
    """-1: the value comes to the submitter. 0: it stays on its host, and a `Stored` comes. More: it
    is a list of so many items, which stay there one by one, and a list of `Stored` comes."""


class Ask(Protocol):
    """What a task of a `Farm` asks."""

    @property
    def index(self) -> int:
        """Which task."""

    @property
    def attempt(self) -> int:
        """Which attempt at it, from 1."""

    @property
    def host(self) -> str | None:
        """Where it runs."""

    @property
    def value(self) -> Any:
        """The question."""


class Stored(Protocol):
    """A value that stays on a host until this is dropped, or the run is closed."""

    @property
    def bytes(self) -> int:
        """How large it is, encoded."""

    @property
    def host(self) -> str | None:
        """Where it is."""

    @property
    def is_lost(self) -> bool:
        """Whether it is gone with its host."""

    def fetch(self) -> Any:
        """Bring the value here. Raises `spm.HostLost` if it is gone."""


class ManagerFailed(Failed, Protocol):
    """A task of a manager that did not return."""

    @property
    def is_lost_argument(self) -> bool:
        """Whether it did not run, as a `Stored` in its arguments is gone with its host."""

    @property
    def left_proof(self) -> bool:
        """Whether it is a rank of a `Team` that left what was proved of its closure."""


class ManagerRun(Protocol):
    """Closures in force for a manager, which says what runs, until it is closed."""

    def room(self) -> int:
        """About how many more tasks should be submitted now."""

    def submit(self, jobs: list[Job]) -> None:
        """Submit tasks."""

    def take(self, wait_s: float | None) -> tuple[list[Ended], list[Ask]] | None:
        """Take what ended and what was asked, in order, at least one. None if the time passed.

        What tasks print is written to `sys.stdout` on the way.
        """

    def answer(self, ask: Ask, value: Any) -> None:
        """Answer a task. Dropped if the task is gone."""

    def bound(self) -> float:
        """Say the least value that any task has told of; infinity at first."""

    def news(self) -> News | None:
        """What there is to say beside results, or None if nothing is new."""

    def start_team(
        self, closure: int, row: tuple[Any, ...], size: int, *, fallback: bool = False
    ) -> None:
        """Start `size` tasks at once, whose indices are their ranks; by the fallback if asked."""

    def host_rows(self) -> list[HostRow]:
        """What is known of the hosts' part in this run."""

    def cancel(self) -> None:
        """Cancel everything; whatever ends after that is dropped. From any thread."""

    def close(self) -> None:
        """Conclude: afterwards nothing of the run is left on any host."""


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

    def bind(self, closure: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """Arguments of a further call, as a closure that `prepare` made takes them."""

    def run_manager(
        self,
        closures: Sequence[Any],
        *,
        kind: Kind,
        window: int | None,
        retries: int,
        task_deadline_s: float | None,
        run_deadline_s: float | None,
        on_ask: Callable[[Ask], Any],
    ) -> ManagerRun:
        """Bring closures into force for a manager.

        A run whose tasks are in this thread answers them by `on_ask`; others give their questions
        to `take`.
        """

    def stats(self) -> tuple[int, int, int, int, dict[str, int]]:
        """Count all tasks so far, in the order of the fields of `spm.PoolStats`."""

    def select(self, peers: Sequence[str], slots: int | None = None) -> Backend:
        """Those hosts only, and of each so many slots at most."""

    def close(self) -> None:
        """End every run."""
