"""What all task managers have in common: how they end, what they tell, and which hosts they use."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any

import pytest

import spm
from spm._channel import Channel
from spm._channels import Copying, Halt, Recording, Wire
from spm._select import Choice, Following
from spm._stats import Stats


def one(x: int) -> int:
    return x


def interrupt(x: int) -> int:
    raise KeyboardInterrupt


def dag(pool: spm.Pool, f: Any, **options: Any) -> Any:
    made = spm.Dag(pool, **options)
    for n in range(4):
        made.add(f, n)
    return made.run()


def aggregate(pool: spm.Pool, f: Any, **options: Any) -> Any:
    def mapped(x: int) -> list[int]:
        return [f(x)]

    def reduced(key: int, values: list[int]) -> int:
        return key

    made = spm.Aggregate(pool, map=mapped, key=abs, reduce=reduced, **options)
    return made.run(range(4))


MANAGERS: dict[str, Callable[..., Any]] = {
    "list": lambda pool, f, **options: spm.List(pool, f, **options).run(range(4)),
    "farm": lambda pool, f, **options: spm.Farm(pool, f, lambda task, x: x, **options).run(
        range(4)
    ),
    "template": lambda pool, f, **options: spm.Template(pool, f, **options).run(range(4)),
    "dag": dag,
    "aggregate": aggregate,
    "team": lambda pool, f, **options: spm.Team(pool, f, size=4, **options).run(0),
}
managers = pytest.mark.parametrize("manager", MANAGERS.values(), ids=MANAGERS)


@managers
def test_an_interrupt_concludes_the_run(plain: spm.Pool, manager: Callable[..., Any]) -> None:
    with pytest.raises(KeyboardInterrupt):
        manager(plain, interrupt)
    assert spm.List(plain, one).run([1]) == [1]


@managers
def test_an_exception_in_a_callback_concludes_the_run(
    managed: spm.Pool, manager: Callable[..., Any]
) -> None:
    def on_status(status: spm.Status) -> None:
        raise LookupError("from the callback")

    with pytest.raises(LookupError, match="from the callback") as caught:
        manager(managed, one, on_status=on_status)
    assert not isinstance(caught.value, spm.TaskError)
    assert spm.List(managed, one).run([1]) == [1]


@managers
def test_every_task_is_told_of(managed: spm.Pool, manager: Callable[..., Any]) -> None:
    told: list[spm.Status] = []
    seen: list[spm.Progress] = []
    manager(managed, one, on_status=told.append, progress=seen.append)
    indices = [status.task.index for status in told]
    assert len(indices) == len(set(indices)) >= 4
    assert all(status.task.outcome == "returned" for status in told)
    assert seen[-1].done == len(told)
    assert seen[-1].running == 0 or manager is MANAGERS["aggregate"]


@managers
def test_unknown_options_are_named(plain: spm.Pool, manager: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match="unknown option `speed`"):
        manager(plain, one, speed=3)


def test_a_runs_deadline_fails_what_has_not_ended(plain: spm.Pool) -> None:
    def slow(x: int) -> int:
        import time

        time.sleep(0.02)
        return x

    made = spm.Template(plain, slow, run_deadline_s=0.05, on_error="collect").run(range(20))
    assert made[0] == 0
    assert isinstance(made[-1], spm.DeadlineExceeded)
    assert isinstance(made[-1], TimeoutError)


def test_a_failure_says_what_was_not_run_because_of_it(plain: spm.Pool) -> None:
    def fails(n: int) -> int:
        if n == 0:
            for child in (1, 2, 3):
                spm.task.spawn(child)
        if n == 1:
            raise ValueError(n)
        return n

    with pytest.raises(ValueError, match="1") as caught:
        spm.Template(plain, fails).run([0])
    assert "because of it, 2 that waited were not begun" in caught.value.__notes__


def test_results_are_awaited(managed: spm.Pool) -> None:
    async def gathered() -> list[int]:
        farm = spm.Farm(managed, one, lambda task, x: x)
        return [value async for value in farm.stream(range(5))]

    assert asyncio.run(gathered()) == list(range(5))


def test_a_run_is_cancelled_when_its_pool_is_shut_down(plain: spm.Pool) -> None:
    begun = threading.Event()
    go_on = threading.Event()

    def waits(x: int) -> int:
        begun.set()
        go_on.wait(20)
        return x

    def ends() -> None:
        begun.wait(20)
        threading.Timer(0.05, go_on.set).start()
        plain._end(cancel=True)

    thread = threading.Thread(target=ends)
    thread.start()
    with pytest.raises(CancelledError):
        dag(plain, waits)
    thread.join()


# Stats


def test_hosts_have_their_shares() -> None:
    stats = Stats()
    for n in range(10_000):
        stats._note(
            n,
            f"host {n % 2}",
            2,
            1000,
            is_deopt=n % 5 == 0,
            has_failed=n % 7 == 0,
            ended_s=n / 1000,
        )
    stats._add_hosts([("host 1", 0.5, 0.25, 100, 200)])
    first, second = stats.hosts["host 0"], stats.hosts["host 1"]
    assert (first.tasks, first.deopts, first.retries) == (5000, 1000, 4000)
    assert second.run_s == pytest.approx(5.0)
    assert (second.queue_s, second.ship_s, second.sent_bytes, second.received_bytes) == (
        0.5,
        0.25,
        100,
        200,
    )
    drawn = stats.gantt().svg()
    assert 1000 < drawn.count("<rect") <= 4096
    assert "10000 tasks; " in drawn
    assert "host 0" in stats.gantt()._repr_html_()
    assert Stats().gantt().svg().startswith("<svg")
    # On a dark page its text is as light as the text around it.
    assert 'fill="currentColor"' in drawn


# Hosts


def host(peer: str, name: str, **labels: str) -> spm.Host:
    return spm.Host(peer, name, labels, 2, (), 0, len(peer), None)


HOSTS = [host("a", "one"), host("bb", "one", gpu="yes"), host("ccc", "two"), host("dddd", "two")]


def chosen(**choice: Any) -> list[str]:
    given = {"hosts": None, "labels": {}, "where": "all servers", "incarnations": None}
    return Choice(**{**given, **choice}).peers(HOSTS)


def test_hosts_are_chosen_by_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.node", lambda: "two")
    assert chosen() == ["a", "bb", "ccc", "dddd"]
    assert chosen(where="one per server") == ["a", "ccc"]
    assert chosen(where="this server") == ["ccc", "dddd"]
    assert chosen(where="one here") == ["ccc"]
    assert chosen(hosts=1) == ["a"]
    assert chosen(hosts=("bb", "dddd")) == ["bb", "dddd"]
    assert chosen(labels={"gpu": "yes"}) == ["bb"]
    assert chosen(incarnations=("3", "4")) == ["ccc", "dddd"]
    with pytest.raises(ValueError, match="5 hosts are wanted, 4 can be chosen"):
        chosen(hosts=5)
    with pytest.raises(ValueError, match="no host is left"):
        chosen(labels={"gpu": "no"})
    with pytest.raises(ValueError, match="where is one of"):
        chosen(where="nowhere")


class Selected:
    """A backend that notes what is selected of it."""

    def __init__(self, rows: list[Any], peers: list[str] | None = None) -> None:
        self.rows = rows
        self.peers = peers
        self.is_closed = False

    def hosts(self) -> list[Any]:
        return self.rows

    def select(self, peers: Any, slots: int | None = None) -> "Selected":
        return Selected(self.rows, list(peers))

    def run(self, closure: Any, **options: Any) -> Any:
        return self.peers

    def close(self) -> None:
        self.is_closed = True


def test_a_pool_follows_hosts_that_join_and_leave() -> None:
    def row(one: spm.Host) -> tuple[Any, ...]:
        return tuple(getattr(one, name) for name in one.__dataclass_fields__)

    rows = [row(one) for one in HOSTS]
    base: Any = Selected(rows)
    choice = Choice(hosts=None, labels={}, where="one per server", incarnations=None)
    following = Following(base, choice, choice.peers(HOSTS))
    assert following.run(None, manager=False) == ["a", "ccc"]
    rows.append(row(host("eeeee", "three")))
    del rows[0]
    assert [found[0] for found in following.hosts()] == ["bb", "ccc", "eeeee"]
    assert following.run(None, manager=False) == ["bb", "ccc", "eeeee"]
    rows.clear()
    assert following.hosts() == []
    assert following.run(None, manager=False) == ["bb", "ccc", "eeeee"]


# Channels


class Answers(Channel):
    """What a manager's end of a task would be."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[Any] = []

    def ask(self, question: Any) -> Any:
        return [question, question]

    def spawn(self, row: Any, priority: float) -> None:
        self.made.append((row, priority))


def test_a_sandbox_hears_bytes() -> None:
    from spm._closure import prepare

    closure, _ = prepare(one, (1,), {})
    answers = Answers()
    wire = Wire(answers, closure)
    from spm._spm import decode, encode

    assert decode(wire.ask(encode("x"))) == ["x", "x"]
    wire.spawn(encode([1, 2.5]), 3.0)
    assert answers.made == [((1, 2.5), 3.0)]
    wire.send(0, 4, b"message")
    assert wire.poll(0, 5) is None
    assert wire.receive(-1, 4) == (0, 4, b"message")
    assert (wire.rank, wire.size, wire.manager, wire.bound()) == (0, 1, 0, float("inf"))


def test_plain_python_gets_copies() -> None:
    answers = Answers()
    copying = Copying(answers, ())
    question = [1]
    assert copying.ask(question) == [[1], [1]]
    copying.spawn((question,), 0)
    question.append(2)
    assert answers.made == [(([1],), 0.0)]


def test_a_replay_answers_the_same_and_finds_differences() -> None:
    recording = Recording(Answers())
    recording.ask("x")
    recording.spawn((1,), 0.0)
    recording.improve(2.0)
    replay = recording.replay()
    assert replay.ask("x") == ["x", "x"]
    replay.spawn((1,), 0.0)
    with pytest.raises(spm.InternalError, match=r"the sandbox improved 2\.0"):
        replay.finish()
    other = recording.replay()
    with pytest.raises(Halt):
        other.ask("y")
    with pytest.raises(spm.InternalError, match="sandbox asked 'x', plain Python asked 'y'"):
        other.finish()
