"""Runs of task managers on this thread: one task after the other, in a defined order."""

from __future__ import annotations

import time
from concurrent.futures import CancelledError
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

from . import _spm
from ._channel import Channel
from ._channels import Halt
from ._errors import DeadlineExceeded, TaskError
from ._execute import Limits, Raised, Ran
from ._serial_team import SerialTeam, deadlock
from ._task import TaskInfo
from ._travelled import classes_in

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._backend import Ask, Ended, HostRow, Job, Kind, News, Notice
    from ._execute import Executor, Row

_FARM = 1
_TEMPLATE = 2
_HOST = "local"
_INFINITY = float("inf")


class KeptHere:
    """A result that stays "on its host", which is here."""

    __slots__ = ("_bytes", "value")

    host = _HOST
    is_lost = False

    def __init__(self, value: Any) -> None:
        self.value = value
        self._bytes: int | None = None

    @property
    def bytes(self) -> int:
        if self._bytes is None:
            self._bytes = len(_spm.encode(self.value, tuple(classes_in(self.value))))
        return self._bytes

    def fetch(self) -> Any:
        return self.value


class Spawned:
    """Arguments of a spawned task."""

    __slots__ = ("row",)

    def __init__(self, row: Row) -> None:
        self.row = row


class Question:
    """What a task asks."""

    __slots__ = ("attempt", "host", "index", "value")

    def __init__(self, index: int, attempt: int, value: Any) -> None:
        self.index = index
        self.attempt = attempt
        self.host: str | None = _HOST
        self.value = value


class Cancelled:
    """What became of a rank that was stopped."""

    is_cancelled = True
    is_lost_argument = False
    left_proof = False

    def error(self) -> Any:
        return CancelledError("the task was cancelled")


class SerialManagerRun:
    """A manager's run whose tasks are run by `take`."""

    def __init__(
        self,
        executor: Executor,
        closures: Sequence[Any],
        *,
        kind: Kind,
        window: int | None,
        retries: int,
        task_deadline_s: float | None,
        run_deadline_s: float | None,
        on_ask: Callable[[Ask], Any],
    ) -> None:
        del window  # one task at a time, which is the next in the manager's order
        self._executor = executor
        self._closures = list(closures)
        self._kind = kind
        self._limits = Limits(task_deadline_s, retries)
        self._until = None if run_deadline_s is None else time.monotonic() + run_deadline_s
        self._on_ask = on_ask
        self._waiting: list[tuple[float, int, Job]] = []
        self._submitted = 0
        self._attempts: dict[int, int] = {}
        self._bound = _INFINITY
        self._broken: BaseException | None = None
        self._team: SerialTeam | None = None
        self._launch: tuple[Any, Row, int] | None = None
        self._deopts = 0
        self._notice: Notice | None = None
        self.is_closed = False

    def room(self) -> int:
        """One task at a time."""
        return 1 - len(self._waiting)

    def submit(self, jobs: list[Job]) -> None:
        """Keep tasks until somebody waits for what ends."""
        for job in jobs:
            heappush(self._waiting, (-job.priority, self._submitted, job))
            self._submitted += 1

    def start_team(
        self, closure: int, row: Row, size: int, *, fallback: bool = False
    ) -> None:
        """Keep a team until somebody waits for it."""
        made = self._closures[closure]
        self._launch = (made.fallback if fallback else made), row, size

    def take(self, wait_s: float | None) -> tuple[list[Ended], list[Ask]] | None:
        """Run one task, or a whole team."""
        if self._launch is not None:
            launch, self._launch = self._launch, None
            return self._run_team(*launch), []
        if self.is_closed or not self._waiting:
            return [], []
        if wait_s is not None and wait_s <= 0:
            return None
        _, _, job = heappop(self._waiting)
        return [self._run(job)], []

    def answer(self, ask: Ask, value: Any) -> None:
        """Nobody asks by `take`."""

    def bound(self) -> float:
        """The least value that a task told of."""
        return self._bound

    def improve(self, value: float) -> None:
        """Lower the bound."""
        if value < self._bound:
            self._bound = value

    def ask(self, question: Question) -> Any:
        """Have the manager answer, while the task waits for it."""
        try:
            return self._on_ask(question)
        except BaseException as error:
            # It ends the run, and is not the task's to catch.
            self._broken = error
            raise Halt from None

    def news(self) -> News | None:
        """What the last task has brought."""
        notice, self._notice = self._notice, None
        return None if notice is None else (self._deopts, [notice])

    def host_rows(self) -> list[HostRow]:
        """Nothing waits or travels here."""
        return []

    def cancel(self) -> None:
        """Run nothing more."""
        self.is_closed = True
        self._waiting.clear()
        self._launch = None
        if self._team is not None:
            self._team.stop()

    def close(self) -> None:
        """Run nothing more."""
        self.cancel()

    # Tasks.

    def _run(self, job: Job) -> Ended:
        attempt = self._attempts.get(job.index, 0) + 1
        if self._until is not None and self._until <= time.monotonic():
            error: TaskError = DeadlineExceeded("the run's deadline passed before the task ended")
            error.task = TaskInfo(job.index, None, 0, None, (), "run deadline")
            return self._ended(
                job.index, Ran(None, Raised(error), 0, attempt, "", is_deopt=False), None
            )
        closure = self._closures[job.closure]
        if isinstance(job.row, Spawned):
            row = self._executor.row_of(closure, job.row.row)
        else:
            row = brought(job.row)
        channel = self._channel(job.index, attempt)
        try:
            ran, notice = self._executor.run(
                closure, row, job.index, attempt, self._limits, channel
            )
        except Halt:
            ran, notice = None, None
        if self._broken is not None:
            raise self._broken
        assert ran is not None
        if ran.failed is None:
            self._attempts.pop(job.index, None)
            ran = ran._replace(value=_kept(ran.value, job.keep))
        else:
            self._attempts[job.index] = attempt
        self._hear(ran, notice)
        children = channel.children if isinstance(channel, _Parent) else None
        return self._ended(job.index, ran, children)

    def _channel(self, index: int, attempt: int) -> Channel | None:
        if self._kind == "farm":
            return _Asking(self, index, attempt)
        return _Parent(self) if self._kind == "template" else None

    def _hear(self, ran: Ran, notice: Notice | None) -> None:
        self._deopts += ran.is_deopt
        self._notice = self._notice or notice

    def _ended(
        self, index: int, ran: Ran, children: list[tuple[float, Spawned]] | None
    ) -> Ended:
        value, failed, run_us, attempts, engine, _, left = ran
        return (
            index,
            value,
            failed,  # type: ignore[return-value]
            _HOST,
            attempts,
            run_us,
            engine,
            left is not None,
            children,
            time.monotonic(),
        )

    # Teams.

    def _run_team(self, closure: Any, row: Row, size: int) -> list[Ended]:
        ways = self._executor.ways(closure, row)
        launches = [self._launched(*way, size) for way in ways]
        rans = launches[0]
        for number, ran in enumerate(rans):
            for other in launches[1:]:
                self._executor.compare(closure, row, number, ran, other[number])
        return [self._ended(number, ran, None) for number, ran in enumerate(rans)]

    def _launched(self, executor: Executor, closure: Any, row: Row, size: int) -> list[Ran]:
        team = self._team = SerialTeam(size)

        def rank(number: int, channel: Channel) -> Ran:
            ran, notice = executor.run(closure, row, number, 1, self._limits, channel)
            self._hear(ran, notice)
            return ran

        rans = []
        for number, ran in enumerate(team.run(rank)):
            if ran is not None:
                rans.append(ran)
                continue
            failed: Any = Cancelled()
            if team.deadlock is not None:
                error = deadlock(team.deadlock)
                error.task = TaskInfo(number, _HOST, 1, None, (), "deadlock")
                failed = Raised(error)
            rans.append(Ran(None, failed, 0, 1, "", is_deopt=False))
        self._team = None
        return rans


class _Asking(Channel):
    """The end of a task of a `Farm`."""

    manager = _FARM

    def __init__(self, run: SerialManagerRun, index: int, attempt: int) -> None:
        super().__init__()
        self._run = run
        self._index = index
        self._attempt = attempt

    def ask(self, question: Any) -> Any:
        """Ask the manager."""
        return self._run.ask(Question(self._index, self._attempt, question))


class _Parent(Channel):
    """The end of a task of a `Template`."""

    manager = _TEMPLATE

    def __init__(self, run: SerialManagerRun) -> None:
        super().__init__()
        self._run = run
        self.children: list[tuple[float, Spawned]] = []

    def spawn(self, row: Row, priority: float) -> None:
        """Keep a task's arguments until its parent has returned."""
        self.children.append((priority, Spawned(row)))

    def bound(self) -> float:
        """Say the bound."""
        return self._run.bound()

    def improve(self, value: float) -> None:
        """Lower the bound."""
        self._run.improve(value)


def _kept(value: Any, keep: int) -> Any:
    if keep < 0:
        return value
    return KeptHere(value) if keep == 0 else [KeptHere(item) for item in value]


def brought(value: Any) -> Any:
    """Put values in the places of what was kept."""
    kind = type(value)
    if kind is KeptHere:
        return value.value
    if kind is list:
        return [brought(item) for item in value]
    if kind is tuple:
        return tuple([brought(item) for item in value])
    if kind is dict:
        return {key: brought(item) for key, item in value.items()}
    return value
