"""A world for task managers without hosts: what they submit is run here, in an order that a seed picks.

Hosts die and take what they keep with them, tasks end late, ends are reported twice, and some are
reported of tasks that ended long ago. What the real runs promise holds, and is checked.
"""

import random
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from types import SimpleNamespace
from typing import Any

import spm
from spm._drive import Driver
from spm._errors import restore
from spm._machine import Machine
from spm._options import Settings


class Kept:
    """A value on a host."""

    def __init__(self, value: Any, host: "Host") -> None:
        self.value = value
        self.on = host
        self.bytes = 1 << 22

    @property
    def host(self) -> str:
        return self.on.name

    @property
    def is_lost(self) -> bool:
        return self.on.is_dead

    def fetch(self) -> Any:
        if self.is_lost:
            raise spm.HostLost("gone")
        return self.value


class Host:
    def __init__(self, name: str) -> None:
        self.name = name
        self.is_dead = False


class Failed:
    def __init__(
        self,
        error: BaseException,
        *,
        is_lost_argument: bool = False,
        is_cancelled: bool = False,
        left_proof: bool = False,
    ) -> None:
        self._error = error
        self.is_lost_argument = is_lost_argument
        self.is_cancelled = is_cancelled
        self.left_proof = left_proof

    def error(self) -> BaseException:
        return self._error


class LostArgument(Exception):
    """A value that a task needs is gone."""


class World:
    """A run. `task(closure, index, args)` computes what a task returns, or raises."""

    def __init__(
        self,
        task: Callable[[int, int, tuple[Any, ...]], Any],
        *,
        seed: int = 0,
        trouble: float = 0.0,
        deaths: int = 8,
        window: int = 16,
        children: Callable[[int, tuple[Any, ...]], list[tuple[float, Any]]] | None = None,
    ) -> None:
        self.task = task
        self.random = random.Random(seed)
        self.trouble = trouble
        self.window = window
        self.children = children
        self.born = 0
        # With more, results are lost faster than they are made, and nothing ever ends.
        self.deaths = deaths
        self.hosts = [self.new_host() for _ in range(3)]
        self.flying: dict[int, tuple[Any, Host]] = {}
        self.order: list[int] = []
        self.past: list[tuple[Any, ...]] = []
        self.runs = 0
        self.launches: list[bool] = []
        self.answers: list[Any] = []
        self.is_closed = False

    def new_host(self) -> Host:
        self.born += 1
        return Host(f"host {self.born}")

    # What managers call.

    def room(self) -> int:
        return self.window - len(self.flying)

    def submit(self, jobs: list[Any]) -> None:
        assert len(jobs) <= self.room()
        for job in jobs:
            assert job.index not in self.flying, f"task {job.index} runs already"
            self.flying[job.index] = job, self.random.choice(self.hosts)
            self.order.append(job.index)

    def take(self, wait_s: float | None) -> tuple[list[Any], list[Any]] | None:
        assert self.flying, "nothing runs that could end"
        ended = []
        if self.deaths and self.random.random() < self.trouble:
            self.deaths -= 1
            self.kill()
        # Runs drop what is late for a task that was submitted anew, and nothing else.
        late = [done for done in self.past if done[0] not in self.flying]
        if late and self.random.random() < self.trouble:
            ended.append(self.random.choice(late))
        count = self.random.randint(1, 3) if self.trouble else len(self.flying)
        for _ in range(min(count, len(self.flying))):
            place = self.random.randrange(len(self.order)) if self.trouble else 0
            index = self.order.pop(place)
            job, host = self.flying.pop(index)
            done = self.run(job, host)
            ended.append(done)
            if self.trouble and self.random.random() < self.trouble:
                ended.append(done)
            if self.trouble:
                self.past = [*self.past[-20:], done]
        return ended, []

    def kill(self) -> None:
        victim = self.random.randrange(len(self.hosts))
        self.hosts[victim].is_dead = True
        dead = self.hosts[victim]
        self.hosts[victim] = self.new_host()
        for index, (job, host) in list(self.flying.items()):
            if host is dead:
                self.flying[index] = job, self.random.choice(self.hosts)

    def run(self, job: Any, host: Host) -> tuple[Any, ...]:
        self.runs += 1
        value = failed = children = None
        try:
            row = brought(job.row)
            value = self.task(job.closure, job.index, row)
            if job.keep == 0:
                value = Kept(value, host)
            elif job.keep > 0:
                assert len(value) == job.keep
                value = [Kept(item, host) for item in value]
            if self.children is not None:
                children = self.children(job.index, row)
        except LostArgument:
            failed = Failed(spm.HostLost("an argument is gone"), is_lost_argument=True)
        except Exception as error:
            failed = Failed(restore(type(error), error.args))
        return (
            job.index,
            value,
            failed,
            host.name,
            1,
            5,
            "fake",
            False,
            children,
            time.monotonic(),
        )

    def start_team(
        self, closure: int, row: tuple[Any, ...], size: int, *, fallback: bool = False
    ) -> None:
        assert not self.flying, "ranks of the last launch run still"
        self.launches.append(fallback)
        for rank in range(size):
            job = SimpleNamespace(closure=closure, index=rank, row=row, keep=-1)
            self.flying[rank] = job, self.random.choice(self.hosts)
            self.order.append(rank)

    def fail_team(self, failed: Any) -> list[Any]:
        """End all ranks that run: one for a reason, the others because of it."""
        ended: list[Any] = []
        for rank in self.order:
            why = failed if not ended else Failed(CancelledError("stopped"), is_cancelled=True)
            ended.append((rank, None, why, "host", 1, 5, "fake", False, None, 0.0))
        self.flying.clear()
        self.order.clear()
        return ended

    def answer(self, ask: Any, value: Any) -> None:
        self.answers.append((ask.index, value))

    def news(self) -> None:
        return None

    def host_rows(self) -> list[Any]:
        return []

    def cancel(self) -> None:
        self.flying.clear()

    def close(self) -> None:
        self.is_closed = True


def brought(value: Any) -> Any:
    if isinstance(value, Kept):
        if value.is_lost:
            raise LostArgument
        return value.value
    if isinstance(value, list):
        return [brought(item) for item in value]
    if type(value) is tuple:
        return tuple(brought(item) for item in value)
    if isinstance(value, dict):
        return {key: brought(item) for key, item in value.items()}
    return value


def driver(world: World, machine: Machine, *, on_message: Any = None, **options: Any) -> Driver:
    pool: Any = SimpleNamespace(
        _backend=SimpleNamespace(run_manager=lambda closures, **_: world), _free=lambda: None
    )
    return Driver(pool, [], machine, Settings.of(options), kind="dag", on_message=on_message)


def run(world: World, machine: Machine, *, check: bool = True, **options: Any) -> list[Any]:
    """Drive a machine to its end; return all that it let out."""
    made = driver(world, machine, **options)
    out: list[Any] = []
    while not made.is_closed:
        made.step(None)
        if check:
            machine.check()
            assert machine.running.keys() == world.flying.keys()
        out += machine.out
        machine.out.clear()
    assert world.is_closed
    return out
