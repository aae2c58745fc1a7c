"""Operations that all ranks of a team carry out together, over sends and receives.

Each is called by all ranks in the same order. Reductions combine values in the order of ranks, from
the left, so that they are the same however messages travel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ._messages import TAGS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._messages import Mail

    Operation = Callable[[Any, Any], Any]

_BCAST: Final = TAGS
_SCATTER: Final = TAGS + 1
_GATHER: Final = TAGS + 2
_ALLTOALL: Final = TAGS + 3
_SCAN: Final = TAGS + 4


def bcast(mail: Mail, value: Any, root: int) -> Any:
    """Give the root's value to all, along a binomial tree."""
    rank, size = mail.transport.rank, mail.transport.size
    place = (rank - root) % size
    step = 1
    while step < size:
        if place & step:
            value = mail.receive((rank - step) % size, _BCAST)[2]
            break
        step *= 2
    step //= 2
    while step:
        if place + step < size:
            mail.transport.send((rank + step) % size, _BCAST, value)
        step //= 2
    return value


def scatter(mail: Mail, values: Sequence[Any] | None, root: int) -> Any:
    """Give each rank the item of the root's list that is at its place."""
    rank, size = mail.transport.rank, mail.transport.size
    if rank != root:
        return mail.receive(root, _SCATTER)[2]
    items = _items("scatter", values, size)
    for other in range(size):
        if other != root:
            mail.transport.send(other, _SCATTER, items[other])
    return items[root]


def gather(mail: Mail, value: Any, root: int) -> list[Any] | None:
    """Make a list of all ranks' values at the root; others get None."""
    rank, size = mail.transport.rank, mail.transport.size
    if rank != root:
        mail.transport.send(root, _GATHER, value)
        return None
    return [
        value if other == root else mail.receive(other, _GATHER)[2] for other in range(size)
    ]


def allgather(mail: Mail, value: Any) -> list[Any]:
    """Make a list of all ranks' values everywhere."""
    values: list[Any] = bcast(mail, gather(mail, value, 0), 0)
    return values


def alltoall(mail: Mail, values: Sequence[Any]) -> list[Any]:
    """Give each rank one item of each rank's list."""
    rank, size = mail.transport.rank, mail.transport.size
    items = _items("alltoall", values, size)
    for other in range(size):
        if other != rank:
            mail.transport.send(other, _ALLTOALL, items[other])
    return [
        items[rank] if other == rank else mail.receive(other, _ALLTOALL)[2]
        for other in range(size)
    ]


def reduce(mail: Mail, value: Any, operation: Operation, root: int) -> Any:
    """Combine all ranks' values at the root; others get None."""
    values = gather(mail, value, root)
    return None if values is None else _folded(values, operation)


def allreduce(mail: Mail, value: Any, operation: Operation) -> Any:
    """Combine all ranks' values; all get the same."""
    return bcast(mail, reduce(mail, value, operation, 0), 0)


def scan(mail: Mail, value: Any, operation: Operation) -> Any:
    """Combine the values of the ranks up to this one."""
    before = _before(mail)
    total = value if before is None else operation(before[0], value)
    _pass_on(mail, total)
    return total


def exscan(mail: Mail, value: Any, operation: Operation) -> Any:
    """Combine the values of the ranks below this one; rank 0 gets None."""
    before = _before(mail)
    _pass_on(mail, value if before is None else operation(before[0], value))
    return None if before is None else before[0]


def barrier(mail: Mail) -> None:
    """Wait until all ranks are here."""
    allgather(mail, None)


def _before(mail: Mail) -> tuple[Any] | None:
    rank = mail.transport.rank
    return None if rank == 0 else (mail.receive(rank - 1, _SCAN)[2],)


def _pass_on(mail: Mail, value: Any) -> None:
    if mail.transport.rank + 1 < mail.transport.size:
        mail.transport.send(mail.transport.rank + 1, _SCAN, value)


def _folded(values: Sequence[Any], operation: Operation) -> Any:
    total = values[0]
    for value in values[1:]:
        total = operation(total, value)
    return total


def _items(name: str, values: Sequence[Any] | None, size: int) -> list[Any]:
    if values is None:
        raise ValueError(f"{name} takes a list of {size} items, one for each rank; this is None")
    items = list(values)
    if len(items) != size:
        raise ValueError(
            f"{name} takes a list of {size} items, one for each rank; this one has {len(items)}"
        )
    return items
