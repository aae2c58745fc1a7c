"""`serial(check=True)` runs tasks of managers both ways, and says where the two differ.

Where they have to differ, the sandbox is one of the test's: it runs the function here and talks to its channel
in bytes, as guests do.
"""

from collections.abc import Iterator
from typing import Any

import pytest

import spm
from spm import _execute, _spm
from spm._channel import Channel
from spm._execute import Raised, _as_task_error
from spm._task import running

IN_SANDBOX = [False]


class Bytes(Channel):
    """A guest's end: values become bytes."""

    def __init__(self, wire: Any) -> None:
        super().__init__()
        self._wire = wire
        self.rank, self.size, self.manager = wire.rank, wire.size, wire.manager

    def ask(self, question: Any) -> Any:
        return _spm.decode(self._wire.ask(_spm.encode(question)))

    def spawn(self, row: tuple[Any, ...], priority: float) -> None:
        self._wire.spawn(_spm.encode(list(row)), float(priority))

    def bound(self) -> float:
        return float(self._wire.bound())

    def improve(self, value: float) -> None:
        self._wire.improve(float(value))

    def send(self, destination: int, tag: int, value: Any) -> None:
        self._wire.send(destination, tag, _spm.encode(value))

    def receive(self, source: int, tag: int) -> Any:
        source, tag, message = self._wire.receive(source, tag)
        return source, tag, _spm.decode(message)

    def poll(self, source: int, tag: int) -> Any:
        message = self._wire.poll(source, tag)
        return message and (message[0], message[1], _spm.decode(message[2]))


class Sandbox:
    def run(
        self,
        closure: Any,
        row: tuple[Any, ...],
        index: int,
        attempt: int,
        deadline_s: float | None = None,
        wire: Any = None,
    ) -> tuple[Any, ...]:
        channel = None if wire is None else Bytes(wire)
        value = failed = None
        IN_SANDBOX[0] = True
        try:
            with running(index, attempt, _spm.seed_of(index), channel):
                value = closure.function(*row)
        except Exception as error:
            failed = Raised(_as_task_error(error, index, attempt))
        finally:
            IN_SANDBOX[0] = False
        return value, failed, 1, attempt, "fake", False, None


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> Iterator[spm.Pool]:
    monkeypatch.setattr(_execute, "Sandbox", Sandbox)
    monkeypatch.setattr(_execute, "Defined", lambda closure: closure)
    with spm.serial(check=True) as pool:
        yield pool


python = spm.wasm_closure(engine="python")


@pytest.fixture
def pool() -> Iterator[spm.Pool]:
    with spm.serial(check=True) as made:
        yield made


@pytest.fixture(params=["native", "python"])
def declared(request: pytest.FixtureRequest) -> Any:
    return spm.wasm_closure(engine=request.param)


def test_a_template(pool: spm.Pool, declared: Any) -> None:
    @declared
    def explore(n: int) -> int:
        if n < 4:
            spm.task.spawn(2 * n, priority=1.0)
            spm.task.spawn(2 * n + 1)
        spm.task.improve(-n)
        return int(spm.task.bound)

    assert sorted(spm.Template(pool, explore).run([1]))[-1] == -1


def test_a_farm_is_asked_once(pool: spm.Pool, declared: Any) -> None:
    asked = []

    def on_message(task: spm.TaskInfo, x: int) -> int:
        asked.append(x)
        return x + len(asked)

    @declared
    def ask(x: int) -> int:
        answer: int = spm.hub.ask(x)
        return answer

    assert spm.Farm(pool, ask, on_message).run([10, 20]) == [11, 22]
    assert asked == [10, 20]


def test_a_team(pool: spm.Pool, declared: Any) -> None:
    @declared
    def total(n: int) -> list[int]:
        return spm.team.allreduce([spm.team.rank * n])

    assert spm.Team(pool, total, size=3).run(5) == [[0, 5, 10]] * 3


def test_a_dag(pool: spm.Pool, declared: Any) -> None:
    dag = spm.Dag(pool)
    node = dag.add(declared(lambda x: x + 1), 1)
    dag.add(declared(lambda x, y: [x, y]), node, 5)
    assert dag.run() == [[2, 5]]


def test_an_aggregate(pool: spm.Pool, declared: Any) -> None:
    aggregate = spm.Aggregate(
        pool,
        map=declared(lambda n: [(n % 3, n)]),
        reduce=declared(lambda key, values: sum(values)),
    )
    assert aggregate.run(range(9)) == {0: 9, 1: 12, 2: 15}


def differs() -> bool:
    return IN_SANDBOX[0]


def same(task: spm.TaskInfo, x: Any) -> Any:
    return x


@pytest.mark.parametrize(
    "make",
    [
        lambda pool, f: spm.Template(pool, python(lambda x: f())).run([1]),
        lambda pool, f: spm.Template(pool, python(lambda x: f() and spm.task.spawn(0))).run([1]),
        lambda pool, f: spm.Farm(pool, python(lambda x: spm.hub.ask(f())), same).run([1]),
        lambda pool, f: spm.Team(pool, python(lambda: f()), size=2).run(),
        lambda pool, f: spm.Dag(pool).add(python(lambda: f()))._dag.run(),
    ],
    ids=["template", "spawned", "farm", "team", "dag"],
)
def test_differences_are_found(checked: spm.Pool, make: Any) -> None:
    with pytest.raises(spm.InternalError, match="plain Python"):
        make(checked, differs)
