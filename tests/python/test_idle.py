"""A closure that nobody uses any more is concluded, and the next task brings it into force again."""

import itertools

import pytest

import spm
from spm import _submit
from spm._idle import IDLE_S, Idle


def test_only_what_rests_is_idle() -> None:
    idle: Idle[str] = Idle()
    assert idle.look(0, {"resting": 3, "working": None, "used": 1}) == []
    assert idle.look(IDLE_S - 1, {"resting": 3, "working": None, "used": 1}) == []
    assert idle.look(IDLE_S, {"resting": 3, "working": None, "used": 2}) == ["resting"]
    assert idle.look(2 * IDLE_S - 1, {"working": 5, "used": 2}) == []
    assert idle.look(2 * IDLE_S, {"working": 5, "used": 2}) == ["used"]


def test_a_long_task_is_no_rest() -> None:
    idle: Idle[str] = Idle()
    for now in range(0, 10 * int(IDLE_S), 10):
        assert idle.look(now, {"long": None}) == []
    over = 10 * IDLE_S
    assert idle.look(over, {"long": 1}) == [], "it ended just now, as far as is known"
    assert idle.look(over + IDLE_S, {"long": 1}) == ["long"]


def test_what_is_gone_is_forgotten() -> None:
    idle: Idle[str] = Idle()
    idle.look(0, {"f": 1})
    idle.look(1, {})
    assert idle.look(IDLE_S, {"f": 1}) == [], "another of the same name has only begun"


@spm.wasm_closure
def double(x: int) -> int:
    return 2 * x


@spm.wasm_closure
def negate(x: int) -> int:
    return -x


def test_idle_closures_are_concluded_and_come_back(
    parallel: spm.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_submit, "_clock", lambda: 1e9)
    assert parallel.submit(double, 4).result() == 8
    assert parallel.submit(negate, 4).result() == -4
    submitter = parallel._submitter
    assert len(submitter._tags) == 2
    submitter.look(1e9)
    assert parallel.submit(negate, 5).result() == -5
    submitter.look(1e9 + IDLE_S)
    assert [kind[0].name for kind in submitter._tags] == ["negate"]
    assert parallel.submit(double, 21).result() == 42
    submitter.look(1e9 + 3 * IDLE_S)
    submitter.look(1e9 + 4 * IDLE_S)
    assert not submitter._tags
    assert [parallel.submit(f, 3).result() for f in (double, negate)] == [6, -3]


def test_futures_that_are_under_way_keep_their_closure(parallel: spm.Pool) -> None:
    @spm.wasm_closure
    def endless(n: int) -> int:
        while n >= 0:
            n = (n + 1) % 1000
        return n

    future = parallel.submit(endless, 0)
    submitter = parallel._submitter
    for now in (0.0, 1e6, 2e6):
        submitter.look(now)
    assert len(submitter._tags) == 1
    assert not future.done()
    assert future.cancel()


def test_the_dispatcher_looks_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its clock is the only one there is; here it runs a year ahead at each look."""
    years = itertools.count(1)
    monkeypatch.setattr(_submit, "_clock", lambda: next(years) * 31e6)
    with spm.laptop(1) as pool:
        pool.submit(double, 1).result()
        submitter = pool._submitter
        while submitter._tags:  # pytest's own limit ends a wait that is in vain
            submitter._desk.wake()
        assert pool.submit(double, 2).result() == 4
