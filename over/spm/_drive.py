"""The driver of a task manager: it does what the machine decides, and what all options ask for."""

from __future__ import annotations

import time
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any, Final

from . import _deopt
from ._errors import InternalError, TaskError
from ._options import Raise, Retry, Skip, Status, Substitute
from ._progress import ProgressLine
from ._stats import Stats
from ._task import TaskInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._backend import Ask, Ended, Kind
    from ._machine import Machine
    from ._options import Settings
    from ._pool import Pool

_CHUNK_MAX: Final = 1024
"""Jobs taken from the machine in one go, however fast its input is."""
_CHUNK_S: Final = 0.0005
"""Input slower than this is handed on in smaller pieces, so that hosts need not wait for it."""
_AT_ONCE_S: Final = 1e-6


class Driver:
    """One run of a machine on a pool. It is what `Results` takes as a run, too."""

    def __init__(
        self,
        pool: Pool,
        closures: Sequence[Any],
        machine: Machine,
        settings: Settings,
        *,
        kind: Kind,
        window: int | None = None,
        on_message: Callable[[TaskInfo, Any], Any] | None = None,
    ) -> None:
        self.machine = machine
        self.stats = Stats()
        self.failures: list[TaskError] = []
        """Those that were collected, skipped or given a substitute."""
        self._settings = settings
        self._on_message = on_message
        self._on_end = pool._free
        self._tries: dict[int, int] = {}
        self._progress = ProgressLine(settings.progress)
        self._began = time.monotonic()
        self._chunk = 1
        self._ready: tuple[list[Ended], list[Ask]] | None = None
        self._is_cancelled = False
        self._is_closed = False
        self._run = pool._backend.run_manager(
            closures,
            kind=kind,
            window=window,
            retries=settings.retries,
            task_deadline_s=settings.task_deadline_s,
            run_deadline_s=settings.run_deadline_s,
            on_ask=self._answered,
        )

    def run_to_end(self) -> None:
        """Step until the machine is over; on any exception conclude, and raise it."""
        try:
            while not self._is_closed:
                self.step(None)
        finally:
            self.close()
        if self._is_cancelled:
            raise CancelledError("the run was cancelled")

    def fill(self) -> None:
        """Submit what there is room for."""
        run, machine = self._run, self.machine
        room = run.room()
        while room > 0:
            chunk = min(self._chunk, room)
            began = time.perf_counter()
            jobs = machine.jobs(chunk)
            took_s = time.perf_counter() - began
            if jobs:
                run.submit(jobs)
                self.stats.submitted = machine.submitted
            if len(jobs) < chunk:
                return
            if took_s < _CHUNK_S:
                self._chunk = min(self._chunk * 2, _CHUNK_MAX)
            else:
                self._chunk = max(1, self._chunk // 2)
            room = run.room()

    def step(self, wait_s: float | None) -> bool:
        """Submit, and take what has ended. False if the time passed."""
        if self._is_cancelled:
            self.close()
            return True
        self.fill()
        if self.machine.is_over():
            self._end()
            return True
        if not self.machine.running:
            raise InternalError(f"nothing runs, and {self.machine.pending()} tasks wait")
        taken, self._ready = self._ready, None
        if taken is None:
            taken = self._run.take(wait_s)
        if taken is None:
            return False
        ended, asks = taken
        for ask in asks:
            if ask.index in self.machine.running:
                self._run.answer(ask, self._answered(ask))
        self._take(ended)
        news = self._run.news()
        if news is not None:
            self.stats.deopts, notices = news
            _deopt.warn(notices)
        if self.machine.is_over():
            self._end()
        else:
            self._progress.show(self.stats, self.machine.total, last=False)
        return True

    def _take(self, ended: list[Ended]) -> None:
        machine, stats, on_status = self.machine, self.stats, self._settings.on_status
        running, returned, note = machine.running, machine.returned, stats._note
        for done in ended:
            index, value, failed, host, attempts, run_us, engine, is_deopt, children, ended_s = done
            if index not in running:
                continue  # it has ended before
            if failed is not None:
                self._fail(done)
                continue
            stats.done += 1
            note(
                index,
                host,
                attempts,
                run_us,
                is_deopt=is_deopt,
                has_failed=False,
                ended_s=ended_s,
            )
            if on_status is not None:
                on_status(Status(TaskInfo(index, host, attempts, engine, outcome="returned")))
            returned(index, value, children)
        stats.elapsed_s = time.monotonic() - self._began

    def _fail(self, done: Ended) -> None:
        index, _, failed, host, attempts, run_us, engine, is_deopt, children, ended_s = done
        assert failed is not None
        machine, stats = self.machine, self.stats
        if failed.is_lost_argument and machine.lost(index):
            stats.remade += 1
            return
        stats.done += 1
        stats._note(
            index, host, attempts, run_us, is_deopt=is_deopt, has_failed=True, ended_s=ended_s
        )
        error = failed.error()
        if not isinstance(error, TaskError):
            raise error  # such as NoHosts: there is no run any more
        self._complete(error, index, host, attempts, engine)
        if machine.absorbs(index, error):
            return
        described = machine.describe(index)
        if described is not None:
            error.add_note(described)
        if children:
            count = len(children)
            stats.unexplored += count
            error.add_note(f"{count} task{_s(count)} that it had spawned do not count")
        stats.failed += 1
        self._tell(error)
        self._settle(index, error)

    def _complete(
        self, error: TaskError, index: int, host: str | None, attempts: int, engine: str
    ) -> None:
        """Have an error say which task it was."""
        if error.task is None:
            error.task = TaskInfo(index, host, attempts, engine or None)

    def _tell(self, error: TaskError) -> None:
        if self._settings.on_status is not None and error.task is not None:
            self._settings.on_status(Status(error.task, error))

    def _settle(self, index: int, error: TaskError) -> None:
        """Do what the options say of a failure."""
        machine, stats = self.machine, self.stats
        answer = self._settings.answer(error, self._tries.get(index, 0))
        if isinstance(answer, Retry):
            stats.done -= 1
            stats.failed -= 1
            stats.retried += 1
            self._tries[index] = self._tries.get(index, 0) + 1
            machine.again(index)
            return
        self._tries.pop(index, None)
        if isinstance(answer, Raise):
            machine.raised(index, error)
        elif isinstance(answer, Skip):
            self.failures.append(error)
            machine.skipped(index)
        elif isinstance(answer, Substitute):
            self.failures.append(error)
            machine.substituted(index, answer.value)
        elif self._settings.on_error == "collect":
            self.failures.append(error)
            machine.collected(index, error)
        else:
            machine.failed(index, error)

    def note_cancelled(self, error: BaseException) -> None:
        """Say on an error that ends the run what else it ends."""
        running, pending = len(self.machine.running), self.machine.pending()
        self.stats.unexplored += pending
        told = []
        if running:
            told.append(f"{running} task{_s(running)} under way {_was(running)} cancelled")
        if pending:
            told.append(f"{pending} that waited {_was(pending)} not begun")
        if told:
            error.add_note(f"because of it, {' and '.join(told)}")

    def _answered(self, ask: Ask) -> Any:
        assert self._on_message is not None
        return self._on_message(TaskInfo(ask.index, ask.host, ask.attempt), ask.value)

    def _end(self) -> None:
        self.close()
        self._progress.show(self.stats, self.machine.submitted, last=True)

    # What `Results` and pools take a run to have.

    def is_ready(self) -> bool:
        """Whether a step has something to take."""
        if self._ready is None:
            self._ready = self._run.take(_AT_ONCE_S)
        return self._ready is not None

    def wait_ready(self, wait_s: float | None) -> None:
        """Wait until it has."""
        if self._ready is None:
            self._ready = self._run.take(wait_s)

    def failures_waiting(self) -> int:
        """How many failures wait for their turn."""
        return self.machine.failures_waiting()

    def cancel(self) -> None:
        """Cancel the run, from any thread."""
        self._is_cancelled = True
        self._run.cancel()

    def close(self) -> None:
        """Conclude the run."""
        if self._is_closed:
            return
        self._is_closed = True
        self.stats._add_hosts(self._run.host_rows())
        try:
            self._run.close()
        finally:
            self.stats.elapsed_s = time.monotonic() - self._began
            self._on_end()

    @property
    def is_closed(self) -> bool:
        """Whether the run was concluded."""
        return self._is_closed

    def _is_open(self) -> bool:
        return not self._is_closed

    def _finish(self, *, cancel: bool) -> None:
        """Another thread shuts the pool down while this one waits for the run."""
        if cancel:
            self.cancel()


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def _was(count: int) -> str:
    return "was" if count == 1 else "were"
