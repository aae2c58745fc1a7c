"""`Team`: ranks that talk, with mpi4py's names and meaning; a team fails and is launched as one."""

import functools
import operator
import time
from typing import Any

import pytest

import spm


def run(pool: spm.Pool, f: Any, *args: Any, size: int = 4, **options: Any) -> list[Any]:
    return spm.Team(pool, f, size=size, **options).run(*args)


def test_the_program_of_the_documentation(managed: spm.Pool) -> None:
    def norm(n: int) -> float:
        squares = [x * x for x in range(spm.team.rank, n, spm.team.size)]
        return spm.team.allreduce(sum(squares)) ** 0.5

    expected = sum(x * x for x in range(10**4)) ** 0.5
    assert run(managed, norm, 10**4) == [expected] * 4


def test_every_rank_gets_the_same_arguments(managed: spm.Pool) -> None:
    def told(a: int, b: str = "b") -> tuple[int, int, int, str]:
        return spm.team.rank, spm.team.size, a, b

    assert run(managed, told, 5, size=3) == [(rank, 3, 5, "b") for rank in range(3)]
    team = spm.Team(managed, told, size=2)
    assert team.run(1, b="c") == [(0, 2, 1, "c"), (1, 2, 1, "c")]
    size = sum(host.slots for host in managed.hosts)
    assert len(spm.Team(managed, told).run(1)) == size


def test_a_ring(managed: spm.Pool) -> None:
    def ring(rounds: int) -> int:
        rank, size = spm.team.rank, spm.team.size
        token = 0
        for _ in range(rounds):
            if rank == 0:
                spm.team.send(token + 1, 1)
                token = spm.team.recv(source=size - 1)
            else:
                token = spm.team.recv(source=rank - 1) + 1
                spm.team.send(token, (rank + 1) % size)
        return token

    assert run(managed, ring, 5) == [20, 18, 19, 20]


def test_messages_of_one_source_and_tag_stay_in_order(managed: spm.Pool) -> None:
    def talks() -> list[Any]:
        if spm.team.rank == 0:
            for n in range(5):
                spm.team.send(n, 1, tag=7)
                spm.team.send(-n, 1, tag=8)
            return []
        later = [spm.team.recv(source=0, tag=8) for _ in range(5)]
        return later + [spm.team.recv(source=0, tag=7) for _ in range(5)]

    assert run(managed, talks, size=2)[1] == [0, -1, -2, -3, -4, 0, 1, 2, 3, 4]


def test_requests(managed: spm.Pool) -> None:
    def talks() -> Any:
        team = spm.team
        if team.rank == 0:
            first, second = team.irecv(source=1), team.irecv(source=1)
            team.isend("go", 1).wait()
            later = team.recv(source=1)
            return [first.wait(), second.wait(), later, first.test()]
        assert team.irecv(source=0).wait() == "go"
        for text in ("a", "b", "c"):
            assert team.isend(text, 0).test() == (True, None)
        return None

    assert run(managed, talks, size=2)[0] == ["a", "b", "c", (True, "a")]


def test_polling_lets_others_run(managed: spm.Pool) -> None:
    def talks() -> int:
        if spm.team.rank == 1:
            spm.team.send(41, 0)
            return 0
        request = spm.team.irecv()
        while True:
            flag, value = request.test()
            if flag:
                return value + 1

    assert run(managed, talks, size=2) == [42, 0]


def collectives() -> list[Any]:
    team = spm.team
    rank, size = team.rank, team.size
    return [
        team.bcast(["from", rank], root=1),
        team.scatter([n * n for n in range(size)] if rank == 2 else None, root=2),
        team.gather(rank * 10, root=1),
        team.allgather(str(rank)),
        team.reduce(rank + 1, op=team.PROD),
        team.reduce([rank], root=3),
        team.allreduce(rank),
        team.allreduce(rank, op=team.MAX),
        team.allreduce(rank, op=team.MIN),
        team.allreduce(rank > 0, op=team.LAND),
        team.allreduce(rank > 0, op=team.LOR),
        team.allreduce(1 << rank, op=team.BOR),
        team.allreduce(7 - rank, op=team.BAND),
        team.alltoall([(rank, other) for other in range(size)]),
        team.scan(rank + 1),
        team.exscan(rank + 1),
        team.barrier(),
        team.sendrecv(rank, (rank + 1) % size, source=(rank - 1) % size),
        team.Get_rank() == rank and team.Get_size() == size,
        team.allreduce(str(rank), op=lambda one, other: f"({one}{other})"),
    ]


def expected_of(rank: int, size: int) -> list[Any]:
    ranks = range(size)
    return [
        ["from", 1],
        rank * rank,
        [n * 10 for n in ranks] if rank == 1 else None,
        [str(n) for n in ranks],
        functools.reduce(operator.mul, [n + 1 for n in ranks]) if rank == 0 else None,
        list(ranks) if rank == 3 else None,
        sum(ranks),
        size - 1,
        0,
        False,
        True,
        (1 << size) - 1,
        functools.reduce(operator.and_, [7 - n for n in ranks]),
        [(n, rank) for n in ranks],
        sum(range(1, rank + 2)),
        sum(range(1, rank + 1)) if rank else None,
        None,
        (rank - 1) % size,
        True,
        functools.reduce(lambda one, other: f"({one}{other})", map(str, ranks)),
    ]


@pytest.mark.parametrize("size", [4, 5, 8])
def test_collectives_are_those_of_mpi4py(managed: spm.Pool, size: int) -> None:
    assert run(managed, collectives, size=size) == [expected_of(rank, size) for rank in range(size)]


def test_a_message_for_everybody_is_none_of_a_collective_operation(managed: spm.Pool) -> None:
    def talks() -> Any:
        if spm.team.rank == 1:
            request = spm.team.irecv()
            total = spm.team.allreduce(1)
            return [total, request.wait()]
        total = spm.team.allreduce(1)
        spm.team.send("hello", 1)
        return total

    assert run(managed, talks, size=2) == [2, [2, "hello"]]


def test_wrong_ranks_and_tags_are_named(managed: spm.Pool) -> None:
    for call, text in (
        (lambda: spm.team.send(1, 2), "`dest` is 2, and this team has ranks from 0 to 1"),
        (lambda: spm.team.send(1, 0, tag=-5), "`tag` is -5, and tags are from 0 to 1073741823"),
        (lambda: spm.team.recv(source=9), "`source` is 9, and this team has ranks from 0 to 1"),
        (lambda: spm.team.bcast(1, root=2), "`root` is 2, and this team has ranks from 0 to 1"),
        (lambda: spm.team.alltoall([1]), "takes a sequence of one item for each of 2 ranks"),
    ):
        with pytest.raises(spm.TaskFailures) as caught:
            run(managed, call, size=2)
        assert text in str(caught.value.exceptions[0])
        assert isinstance(caught.value.exceptions[0], ValueError)


def test_one_failure_ends_the_team(managed: spm.Pool) -> None:
    def fails(bad: int) -> int:
        if spm.team.rank == bad:
            raise LookupError(bad)
        return spm.team.recv(source=bad)

    with pytest.raises(spm.TaskFailures, match="rank 1 of a team of 3 failed") as caught:
        run(managed, fails, 1, size=3)
    (error,) = caught.value.exceptions
    assert isinstance(error, LookupError)
    assert error.task.index == 1
    assert "because of it, ranks 0, 2 had to stop" in caught.value.__notes__
    collected = run(managed, fails, 1, size=3, on_error="collect")
    assert isinstance(collected[1], LookupError)
    assert run(managed, collectives, size=4)[0] == expected_of(0, 4)


def test_a_deadlock_says_who_waits_for_whom(managed: spm.Pool) -> None:
    def waits() -> Any:
        if spm.team.rank == 2:
            return None
        return spm.team.recv(source=1 - spm.team.rank, tag=5)

    began = time.monotonic()
    with pytest.raises(spm.TaskFailures) as caught:
        run(managed, waits, size=3)
    assert time.monotonic() - began < 30
    assert len(caught.value.exceptions) == 2
    for error in caught.value.exceptions:
        assert isinstance(error, spm.Deadlock)
        assert "rank 0 waits for rank 1" in str(error)
        assert "rank 1 waits for rank 0" in str(error)


def test_a_team_is_launched_again_as_a_whole(plain: spm.Pool) -> None:
    launches: list[int] = []

    def fails_at_first() -> int:
        if spm.team.rank == 0:
            launches.append(1)
        if spm.team.bcast(len(launches)) < 3:
            raise OSError("not yet")
        return spm.team.rank

    assert run(plain, fails_at_first, size=2, relaunch=2) == [0, 1]
    launches.clear()
    assert run(plain, fails_at_first, size=2, on_error=lambda error: spm.Retry()) == [0, 1]
    launches.clear()
    with pytest.raises(spm.TaskFailures):
        run(plain, fails_at_first, size=2, relaunch=1)
    assert len(launches) == 2
    launches.clear()
    with pytest.raises(TypeError, match="fails as one unit"):
        run(plain, fails_at_first, size=2, on_error=lambda error: spm.Skip())


def test_a_team_of_one_outside() -> None:
    team = spm.team
    assert (team.rank, team.size) == (0, 1)
    assert team.allreduce(5) == 5
    assert team.allgather("x") == ["x"]
    assert team.exscan(1) is None
    team.send([1], 0, tag=3)
    assert team.recv(source=0, tag=3) == [1]
    with pytest.raises(RuntimeError, match="did not send"):
        team.recv()
    assert (spm.ANY_SOURCE, spm.ANY_TAG, team.ANY_TAG) == (-1, -1, -1)


def test_a_pool_of_one_slot_for_each_server_takes_one_rank_on_each() -> None:
    def ranks(n: int) -> int:
        return spm.team.allreduce(n)

    with spm.laptop(hosts=2) as pool:
        selected = pool.select(where="one per server")
        assert run(selected, ranks, 3, size=2) == [6, 6]
        with pytest.raises(
            ValueError,
            match="a team of 3 ranks is too large for 2 slots, which take 2 ranks at most; make `size` smaller",
        ):
            run(selected, ranks, 3, size=3)
