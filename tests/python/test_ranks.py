"""The messages of a team: what each rank gets, over a transport of threads. The sandbox and plain Python run this source."""

import threading
from array import array
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest

from spm_guest import codec
from spm_guest._collectives import ARRAY_BYTES_MIN, COLLECTIVE_TAGS
from spm_guest._ranks import Alone, Endpoint, Request, Status, Team

SIZES = [1, 2, 3, 4, 5, 8]
TIMEOUT_S = 30


class Post:
    """Mailboxes of all ranks."""

    def __init__(self, size: int) -> None:
        self.boxes: list[list[tuple[int, int, bytes]]] = [[] for _ in range(size)]
        self.changed = threading.Condition()
        self.sent = 0


class Mailbox:
    def __init__(self, post: Post, rank: int) -> None:
        self.post = post
        self.rank = rank
        self.size = len(post.boxes)

    def send(self, destination: int, tag: int, value: Any) -> None:
        with self.post.changed:
            self.post.sent += 1
            self.post.boxes[destination].append((self.rank, tag, codec.encode(value)))
            self.post.changed.notify_all()

    def send_each(self, destinations: Iterable[int], tag: int, value: Any) -> None:
        for destination in destinations:
            self.send(destination, tag, value)

    def poll(self, source: int | None, tag: int | None) -> tuple[int, int, Any] | None:
        with self.post.changed:
            box = self.post.boxes[self.rank]
            for place, (their, each, content) in enumerate(box):
                if source in {None, their} and tag in {None, each}:
                    del box[place]
                    return their, each, codec.decode(content)
        return None

    def receive(self, source: int | None, tag: int | None) -> tuple[int, int, Any]:
        with self.post.changed:
            while (found := self.poll(source, tag)) is None:
                if not self.post.changed.wait(TIMEOUT_S):
                    raise TimeoutError(f"rank {self.rank} waits for {source}, {tag}")
            return found


def run(size: int, function: Callable[[Team], Any]) -> list[Any]:
    """What each rank returns, or raises. Nothing is left in any mailbox."""
    post = Post(size)
    results: list[Any] = [None] * size

    def rank(number: int) -> None:
        endpoint = Endpoint(Mailbox(post, number))
        try:
            results[number] = function(Team(lambda: endpoint))
        except Exception as error:
            results[number] = error

    threads = [threading.Thread(target=rank, args=(number,)) for number in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert post.boxes == [[]] * size or any(isinstance(it, Exception) for it in results)
    return results


@pytest.mark.parametrize("size", SIZES)
def test_collectives_give_what_mpi4py_documents(size: int) -> None:
    ranks = list(range(size))
    for root in ranks:
        assert run(size, lambda t: t.bcast({"of": t.rank}, root)) == [{"of": root}] * size
        squares = [(rank + 1) ** 2 for rank in ranks]
        assert run(size, lambda t: t.scatter(squares if t.rank == root else None, root)) == squares
        gathered = run(size, lambda t: t.gather((t.rank + 1) ** 2, root))
        assert gathered == [squares if rank == root else None for rank in ranks]
        reduced = run(size, lambda t: t.reduce(t.rank, root=root))
        assert reduced == [sum(ranks) if rank == root else None for rank in ranks]
    assert run(size, lambda t: t.allgather(str(t.rank))) == [[str(rank) for rank in ranks]] * size
    sent = run(size, lambda t: t.alltoall([(t.rank, other) for other in ranks]))
    assert sent == [[(other, rank) for other in ranks] for rank in ranks]
    assert run(size, lambda t: t.scan(t.rank)) == [sum(ranks[: rank + 1]) for rank in ranks]
    assert run(size, lambda t: t.exscan(t.rank)) == [
        sum(ranks[:rank]) if rank else None for rank in ranks
    ]
    assert run(size, lambda t: t.barrier()) == [None] * size


@pytest.mark.parametrize("size", SIZES)
def test_values_are_combined_in_the_order_of_ranks(size: int) -> None:
    text = "".join(map(str, range(size)))
    assert run(size, lambda t: t.allreduce(str(t.rank))) == [text] * size
    terms = [1e16, 1.0, -1e16, 1.0, 1e-3, 3.0, -7.0, 0.1][:size]
    total = terms[0]
    for term in terms[1:]:
        total += term
    assert run(size, lambda t: t.allreduce(terms[t.rank])) == [total] * size
    pairs = run(size, lambda t: t.allreduce([t.rank], op=lambda left, right: [left, right]))
    assert all(pair == pairs[0] for pair in pairs)


def test_operations_are_those_of_mpi4py() -> None:
    values = [6, 3, 5]

    def all_of(team: Team) -> list[Any]:
        mine = values[team.rank]
        operations = [team.SUM, team.PROD, team.MAX, team.MIN, team.BAND, team.BOR]
        found = [team.allreduce(mine, op) for op in operations]
        found += [team.allreduce(mine > 3, op) for op in (team.LAND, team.LOR)]
        return found

    assert run(3, all_of) == [[14, 90, 6, 3, 0, 7, False, True]] * 3
    assert repr(Team.SUM) == "spm.team.SUM"
    # Sequences are joined, as `+` does; only numpy's arrays are vectors.
    assert run(2, lambda t: t.allreduce(array("d", [t.rank]))) == [array("d", [0, 1])] * 2


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("op", ["SUM", "PROD", "MAX", "MIN"])
def test_large_arrays_are_reduced_as_small_ones(size: int, op: str) -> None:
    rows = ARRAY_BYTES_MIN // 8 // 7 + 3
    draw = np.random.default_rng(5)
    arrays = [draw.normal(size=(rows, 7)) for _ in range(size)]
    kept = [each.copy() for each in arrays]
    total = arrays[0]
    for each in arrays[1:]:
        total = getattr(Team, op)(total, each)
    for found in run(size, lambda t: t.allreduce(arrays[t.rank], getattr(t, op))):
        assert found.dtype == total.dtype
        assert found.shape == total.shape
        assert found.tobytes() == total.tobytes()
    for each, before in zip(arrays, kept, strict=True):
        assert np.array_equal(each, before)


def test_large_arrays_must_fit() -> None:
    shapes = [(ARRAY_BYTES_MIN, 2), (2, ARRAY_BYTES_MIN)]
    found = run(2, lambda t: t.allreduce(np.ones(shapes[t.rank])))
    assert [type(each) for each in found] == [ValueError, ValueError]
    assert "rank 0 has (65536, 2) of float64, rank 1 has (2, 65536) of float64" in str(found[0])


def test_messages_of_a_source_and_tag_keep_their_order() -> None:
    def talk(team: Team) -> Any:
        if team.rank == 0:
            for number in range(20):
                team.send(number, 1, tag=number % 2)
            return None
        odd = [team.recv(source=0, tag=1) for _ in range(10)]
        return odd, [team.recv() for _ in range(10)]

    assert run(2, talk)[1] == (list(range(1, 20, 2)), list(range(0, 20, 2)))


def test_any_source_says_who_it_was() -> None:
    def talk(team: Team) -> Any:
        if team.rank > 0:
            team.send("hello", 0, tag=team.rank * 10)
            return None
        seen = set()
        for _ in range(team.size - 1):
            status = Status()
            assert team.recv(team.ANY_SOURCE, team.ANY_TAG, status) == "hello"
            seen.add((status.Get_source(), status.Get_tag()))
        return seen

    assert run(4, talk)[0] == {(1, 10), (2, 20), (3, 30)}


def test_any_tag_does_not_take_what_a_collective_sent() -> None:
    def talk(team: Team) -> Any:
        if team.rank == 1:
            team.barrier()
            team.send("late", 0)
        else:
            early = team.irecv()
            # The other rank is in the barrier; its message is there, and none of the user's.
            while not team._current()._kept:
                assert early.test() == (False, None)
            team.barrier()
            return early.wait()
        return None

    assert run(2, talk)[0] == "late"


def test_who_waited_first_is_served_first() -> None:
    def talk(team: Team) -> Any:
        if team.rank == 1:
            for number in range(4):
                team.send(number, 0, tag=7)
            return None
        first, second = team.irecv(source=1), team.irecv(tag=7)
        third = team.recv(source=1, tag=7)
        done = [request.test() for request in (second, first)]
        return done, third, team.irecv().wait()

    assert run(2, talk)[0] == ([(True, 1), (True, 0)], 2, 3)


def test_all_may_send_before_any_receives() -> None:
    def ring(team: Team) -> Any:
        right, left = (team.rank + 1) % team.size, (team.rank - 1) % team.size
        requests = [team.isend(team.rank, right), team.irecv(left)]
        around = team.sendrecv(team.rank * 100, right, source=left, sendtag=3, recvtag=3)
        return Request.waitall(requests), around

    assert run(3, ring) == [([None, 2], 200), ([None, 0], 0), ([None, 1], 100)]


def test_a_message_is_a_copy() -> None:
    def talk(team: Team) -> Any:
        value = [team.rank]
        if team.rank == 0:
            team.send(value, 0)
            value.append(9)
            return team.recv(0)
        return None

    assert run(2, talk)[0] == [0]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda t: t.send(1, 3), "`dest` is 3, and this team has ranks from 0 to 2"),
        (lambda t: t.send(1, 0, tag=-1), f"`tag` is -1, and tags are from 0 to {2**30 - 1}"),
        (lambda t: t.recv(tag=COLLECTIVE_TAGS), f"`tag` is {2**30}"),
        (lambda t: t.recv(source=-2), "`source` is -2"),
        (lambda t: t.bcast(1, root=-1), "`root` is -1"),
        (lambda t: t.scatter([1], root=t.rank), "one item for each of 3 ranks, not 1"),
        (lambda t: t.scatter(None, root=t.rank), "one item for each of 3 ranks, not None"),
        (lambda t: t.alltoall([]), "one item for each of 3 ranks, not 0"),
    ],
)
def test_ranks_and_tags_out_of_range_are_refused(call: Callable[[Team], Any], text: str) -> None:
    for found in run(3, call):
        assert isinstance(found, ValueError)
        assert text in str(found)


def test_alone_is_a_team_of_one() -> None:
    endpoint = Endpoint(Alone(lambda value: codec.decode(codec.encode(value))))
    team = Team(lambda: endpoint)
    assert (team.Get_rank(), team.Get_size(), repr(team)) == (0, 1, "<spm.team rank=0 size=1>")
    assert (team.allreduce(3), team.gather(3), team.scatter([3]), team.exscan(3)) == (
        3,
        [3],
        3,
        None,
    )
    with pytest.raises(RuntimeError, match="nothing can be received"):
        team.recv()
    with pytest.raises(TypeError, match="a function cannot cross"):
        team.send(print, 0)
    team.send([1], 0, tag=4)
    assert team.irecv(tag=3).test() == (False, None)
    assert team.recv(tag=4) == [1]
