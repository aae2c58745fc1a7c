"""The `Team` task manager: ranks that talk to each other. Fine grain, general."""

from __future__ import annotations

from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

from ._drive import Driver
from ._errors import TaskError, TaskFailures
from ._machine import Machine
from ._options import Retry, Settings, Skip, Substitute
from ._spm import hidden

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Unpack

    from ._backend import Ended, Job, Raw
    from ._options import Options
    from ._pool import Pool
    from ._stats import Stats

P = ParamSpec("P")
R = TypeVar("R")


class Team(Generic[P, R]):
    """Runs a function as `size` ranks at once, which talk by `spm.team`, with mpi4py's names.

    A team is one unit. If a rank fails, the others are stopped, and `run` raises `TaskFailures` with
    what became of every rank that failed. Ranks that all wait for each other fail with
    `spm.Deadlock`. A rank that leaves what was proved of its closure has the whole team run again by
    the fallback: what ranks have sent cannot be taken back.
    """

    def __init__(
        self,
        pool: Pool,
        f: Callable[P, R],
        *,
        size: int | None = None,
        relaunch: int = 0,
        **options: Unpack[Options],
    ) -> None:
        """Take `f` to the hosts of `pool`, when `run` is called.

        `size` is as many as the pool has slots, by default. `relaunch` is how often a team that
        failed is run again as a whole. A host that was lost is such a failure; `retries` is of no
        use here, and `on_error` may answer `Raise` or `Retry`: there is no team without a rank.
        """
        if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
            raise ValueError(f"size must be an int of at least 1, not {size!r}")
        if isinstance(relaunch, bool) or not isinstance(relaunch, int) or relaunch < 0:
            raise ValueError(f"relaunch must be an int of at least 0, not {relaunch!r}")
        self._pool = pool
        self._function = f
        self._size = size
        self._relaunch = relaunch
        self._settings = Settings.of(options, pool._settings)
        self._stats: Stats | None = None

    @hidden
    def run(self, *args: P.args, **kwargs: P.kwargs) -> list[R]:
        """Run every rank on these arguments; return their results, by rank.

        With `on_error="collect"` the list has the exceptions of those that failed or were stopped.
        """
        pool = self._pool
        pool._check()
        size = self._size or sum(host.slots for host in pool.hosts) or 1
        closure, row = pool._backend.prepare(self._function, args, kwargs)
        machine = TeamMachine(size)
        driver = _TeamDriver(pool, closure, row, machine, self._settings, self._relaunch)
        self._stats = driver.stats
        with pool._state:
            pool._results.add(driver)
        driver.run_to_end()
        return machine.results

    @property
    def stats(self) -> Stats | None:
        """What the last `run` amounted to."""
        return self._stats

    def __repr__(self) -> str:
        return f"<spm.Team of {getattr(self._function, '__qualname__', self._function)!s}>"


class TeamMachine(Machine):
    """One launch of a team after the other."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.total = self.submitted = size
        self.results: list[Any] = []
        self.errors: dict[int, TaskError] = {}
        self.cancelled: list[int] = []
        self.launch()

    def launch(self) -> None:
        """All ranks run."""
        size = self.submitted
        self.results = [None] * size
        self.errors = {}
        self.cancelled = []
        nothing: Any = None
        self.running = dict.fromkeys(range(size), nothing)

    def jobs(self, room: int) -> list[Job]:
        """A team is started as a whole."""
        del room
        return []

    def is_over(self) -> bool:
        """Whether all ranks have ended."""
        return not self.running

    def returned(self, index: int, value: Any, children: list[tuple[float, Raw]] | None) -> None:
        """A rank returned."""
        del children
        del self.running[index]
        self.results[index] = value

    def failed(self, index: int, error: TaskError) -> None:
        """A rank failed."""
        del self.running[index]
        self.errors[index] = self.results[index] = error

    def stopped(self, index: int) -> None:
        """A rank was stopped, since another one failed."""
        del self.running[index]
        self.cancelled.append(index)
        self.results[index] = CancelledError(f"rank {index} was stopped, as another one failed")

    def failures(self) -> TaskFailures:
        """All that failed, by rank, and what was stopped because of it."""
        errors = [error for _, error in sorted(self.errors.items())]
        failed = _ranks(sorted(self.errors))
        size = self.submitted
        group = TaskFailures(f"{failed} of a team of {size} failed", errors)
        if self.cancelled:
            group.add_note(f"because of it, {_ranks(sorted(self.cancelled))} had to stop")
        return group


class _TeamDriver(Driver):
    """Launches a team until it succeeds, or should not be launched again."""

    machine: TeamMachine

    def __init__(
        self,
        pool: Pool,
        closure: Any,
        row: tuple[Any, ...],
        machine: TeamMachine,
        settings: Settings,
        relaunch: int,
    ) -> None:
        super().__init__(pool, [closure], machine, settings, kind="team")
        self._row = row
        self._relaunch = settings.retries if settings.on_error == "retry" else relaunch
        self._by_fallback = False
        self._left_proof = False
        self.stats.submitted = machine.submitted
        self._start()

    def _start(self) -> None:
        try:
            self._run.start_team(
                0, self._row, self.machine.submitted, fallback=self._by_fallback
            )
        except BaseException:
            self.close()
            raise

    def _fail(self, done: Ended) -> None:
        index, _, failed, host, attempts, run_us, engine, is_deopt, _, ended_s = done
        assert failed is not None
        machine = self.machine
        self.stats.done += 1
        self.stats._note(
            index, host, attempts, run_us, is_deopt=is_deopt, has_failed=True, ended_s=ended_s
        )
        if failed.left_proof and not self._by_fallback:
            self._left_proof = True
        if failed.is_cancelled:
            machine.stopped(index)
            return
        error = failed.error()
        if not isinstance(error, TaskError):
            raise error
        self._complete(error, index, host, attempts, engine)
        if not failed.left_proof:
            self.stats.failed += 1
            self._tell(error)
        machine.failed(index, error)

    def _end(self) -> None:
        """All ranks have ended: decide on the team."""
        machine = self.machine
        if self._left_proof:
            self._left_proof = False
            self._by_fallback = True
            self.stats.deopts += machine.submitted
            self._again()
        elif machine.errors and self._is_to_run_again():
            self._relaunch -= 1
            self.stats.relaunched += 1
            self._again()
        else:
            super()._end()
            self.failures += [error for _, error in sorted(machine.errors.items())]
            if machine.errors and self._settings.on_error != "collect":
                raise machine.failures()

    def _is_to_run_again(self) -> bool:
        """Whether an answer, or the count, has the team launched again."""
        on_error = self._settings.on_error
        if not callable(on_error):
            return self._relaunch > 0
        first = self.machine.errors[min(self.machine.errors)]
        answer = self._settings.answer(first, self.stats.relaunched)
        if isinstance(answer, Skip | Substitute):
            raise TypeError(
                f"on_error answered {answer!r} to a rank's failure; a Team fails as one unit, and "
                "it can be spm.Raise() or spm.Retry()"
            )
        return isinstance(answer, Retry) or self._relaunch > 0

    def _again(self) -> None:
        self.stats.done = 0
        self.machine.launch()
        self._start()


def _ranks(numbers: list[int]) -> str:
    listed = ", ".join(map(str, numbers))
    return f"{'rank' if len(numbers) == 1 else 'ranks'} {listed}"
