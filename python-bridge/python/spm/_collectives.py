"""What the ranks of a team do together, over messages from one to another.

This module and `_ranks` are also part of the guest that runs in the sandbox (`python-engine/guest/spm_guest` links to them),
and so use nothing of either. The native engine's runtime has the same algorithms, tags and orders.

Teams have few ranks, which share processors: what counts is how many messages there are, not how many follow one another. So
most goes through one rank; only large arrays are cut up. Values are combined in the order of ranks, always, so
that results do not depend on which message came first.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

COLLECTIVE_TAGS: Final = 1 << 30
"""Tags from here on are those of collectives; users' are below."""
BCAST: Final = COLLECTIVE_TAGS
SCATTER: Final = COLLECTIVE_TAGS + 1
GATHER: Final = COLLECTIVE_TAGS + 2
REDUCE: Final = COLLECTIVE_TAGS + 3
REDUCE_ARRAY: Final = COLLECTIVE_TAGS + 4
ALLTOALL: Final = COLLECTIVE_TAGS + 5
SCAN: Final = COLLECTIVE_TAGS + 6
BARRIER: Final = COLLECTIVE_TAGS + 7

ARRAY_BYTES_MIN: Final = 64 << 10
"""Arrays of so many bytes are reduced in parts: each rank combines one part of all."""


class Wire(Protocol):
    """What collectives are made of."""

    @property
    def rank(self) -> int:
        """Which rank it is, from 0."""

    @property
    def size(self) -> int:
        """How many there are."""

    def send(self, destination: int, tag: int, value: Any) -> None:
        """Send to one rank."""

    def send_each(self, destinations: Iterable[int], tag: int, value: Any) -> None:
        """Send the same to several ranks; it is encoded once."""

    def take(self, source: int, tag: int) -> Any:
        """Wait for what one rank sent with this tag."""


def _numpy_of(*values: Any) -> Any:
    """Find numpy, if one of the values is an array of it."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and any(isinstance(value, numpy.ndarray) for value in values):
        return numpy
    return None


class Op:
    """A way to combine two values into one."""

    __slots__ = ("_function", "_ufunc", "name")

    def __init__(self, name: str, function: Callable[[Any, Any], Any], ufunc: str) -> None:
        """Take a function for plain values, and the name of numpy's for arrays."""
        self.name = name
        self._function = function
        self._ufunc = ufunc

    def __call__(self, left: Any, right: Any) -> Any:
        """Combine the value of a rank with one of the next."""
        numpy = _numpy_of(left, right)
        if numpy is not None:
            return getattr(numpy, self._ufunc)(left, right)
        return self._function(left, right)

    def into(self, total: Any, right: Any) -> None:
        """Combine arrays of one type, in place of the first."""
        getattr(sys.modules["numpy"], self._ufunc)(total, right, out=total)

    def __repr__(self) -> str:
        """Show what a user writes."""
        return f"spm.team.{self.name}"


SUM: Final = Op("SUM", lambda left, right: left + right, "add")
PROD: Final = Op("PROD", lambda left, right: left * right, "multiply")
MAX: Final = Op("MAX", max, "maximum")
MIN: Final = Op("MIN", min, "minimum")
LAND: Final = Op("LAND", lambda left, right: bool(left) and bool(right), "logical_and")
LOR: Final = Op("LOR", lambda left, right: bool(left) or bool(right), "logical_or")
BAND: Final = Op("BAND", lambda left, right: left & right, "bitwise_and")
BOR: Final = Op("BOR", lambda left, right: left | right, "bitwise_or")
_IN_PARTS: Final = frozenset((SUM, PROD, MAX, MIN))
"""What leaves the type of an array as it is."""


def bcast(wire: Wire, value: Any, root: int, tag: int = BCAST) -> Any:
    """Give every rank the root's value: along a binomial tree, in which a rank's parent lacks its lowest bit."""
    place = (wire.rank - root) % wire.size
    bit = 1
    while bit < wire.size and not place & bit:
        bit <<= 1
    if place:
        value = wire.take((place - bit + root) % wire.size, tag)
    children = []
    while bit > 1:
        bit >>= 1
        if place + bit < wire.size:
            children.append((place + bit + root) % wire.size)
    if children:
        wire.send_each(children, tag, value)
    return value


def scatter(wire: Wire, values: Sequence[Any] | None, root: int) -> Any:
    """Give each rank its item of the root's sequence."""
    if wire.rank != root:
        return wire.take(root, SCATTER)
    items = each_of("scatter", values, wire.size)
    for rank, item in enumerate(items):
        if rank != root:
            wire.send(rank, SCATTER, item)
    return items[root]


def each_of(what: str, values: Sequence[Any] | None, size: int) -> list[Any]:
    """Take one item for each rank, or refuse."""
    items = None if values is None else list(values)
    if items is None or len(items) != size:
        found = "None" if items is None else f"{len(items)}"
        raise ValueError(
            f"`{what}` takes a sequence of one item for each of {size} ranks, not {found}"
        )
    return items


def gather(wire: Wire, value: Any, root: int) -> list[Any] | None:
    """Give the root a list of all ranks' values."""
    if wire.rank != root:
        wire.send(root, GATHER, value)
        return None
    return [value if rank == root else wire.take(rank, GATHER) for rank in range(wire.size)]


def allgather(wire: Wire, value: Any) -> list[Any]:
    """Give every rank the list of all ranks' values."""
    everything: list[Any] = bcast(wire, gather(wire, value, 0), 0, GATHER)
    return everything


def alltoall(wire: Wire, values: Sequence[Any]) -> list[Any]:
    """Send each rank its item, and return what each has sent."""
    items = each_of("alltoall", values, wire.size)
    for rank in _others(wire):
        wire.send(rank, ALLTOALL, items[rank])
    return [
        items[rank] if rank == wire.rank else wire.take(rank, ALLTOALL) for rank in range(wire.size)
    ]


def _others(wire: Wire) -> list[int]:
    """Name the other ranks, the next one first: else all would begin with the same one."""
    return [(wire.rank + step) % wire.size for step in range(1, wire.size)]


def reduce(wire: Wire, value: Any, op: Callable[[Any, Any], Any], root: int) -> Any:
    """Give the root all ranks' values, combined in the order of ranks."""
    if wire.rank != root:
        wire.send(root, REDUCE, value)
        return None
    total = value if root == 0 else wire.take(0, REDUCE)
    for rank in range(1, wire.size):
        total = op(total, value if rank == root else wire.take(rank, REDUCE))
    return total


def allreduce(wire: Wire, value: Any, op: Callable[[Any, Any], Any]) -> Any:
    """Give every rank all ranks' values, combined in the order of ranks."""
    if isinstance(op, Op) and op in _IN_PARTS and wire.size > 1:
        numpy = _numpy_of(value)
        if (
            numpy is not None
            and type(value) is numpy.ndarray
            and value.dtype.kind in "iufc"
            and value.nbytes >= ARRAY_BYTES_MIN
        ):
            return _allreduce_array(wire, value, op, numpy)
    return bcast(wire, reduce(wire, value, op, 0), 0, REDUCE)


def _allreduce_array(wire: Wire, array: Any, op: Op, numpy: Any) -> Any:
    """Have each rank combine one part of all arrays, and send it to the others."""
    shape = list(array.shape)
    flat = array.reshape(-1)
    cuts = [flat.size * rank // wire.size for rank in range(wire.size + 1)]
    parts = [flat[begin:end] for begin, end in pairwise(cuts)]
    for rank in _others(wire):
        wire.send(rank, REDUCE_ARRAY, [shape, parts[rank]])
    own = parts[wire.rank]
    total = None
    for rank in range(wire.size):
        part = own
        if rank != wire.rank:
            their_shape, part = wire.take(rank, REDUCE_ARRAY)
            if their_shape != shape or part.dtype != own.dtype:
                raise ValueError(
                    f"`allreduce` takes arrays of one shape and type: rank {wire.rank} has {tuple(shape)} of "
                    f"{own.dtype}, rank {rank} has {tuple(their_shape)} of {part.dtype}"
                )
        if total is None:
            # What this rank's user still has is not to change, what came by message may.
            total = own.copy() if rank == wire.rank else part
        else:
            op.into(total, part)
    wire.send_each(_others(wire), REDUCE_ARRAY, total)
    result = numpy.empty_like(flat)
    for rank in range(wire.size):
        begin, end = cuts[rank], cuts[rank + 1]
        result[begin:end] = total if rank == wire.rank else wire.take(rank, REDUCE_ARRAY)
    return result.reshape(array.shape)


def scan(wire: Wire, value: Any, op: Callable[[Any, Any], Any], *, is_inclusive: bool) -> Any:
    """Combine the values of the ranks up to this one. Without its own, rank 0 has None."""
    before = None
    if wire.rank > 0:
        before = wire.take(wire.rank - 1, SCAN)
    total = value if wire.rank == 0 else op(before, value)
    if wire.rank + 1 < wire.size:
        wire.send(wire.rank + 1, SCAN, total)
    return total if is_inclusive else before


def barrier(wire: Wire) -> None:
    """Wait until every rank is here."""
    if wire.rank == 0:
        for rank in range(1, wire.size):
            wire.take(rank, BARRIER)
    else:
        wire.send(0, BARRIER, None)
    bcast(wire, None, 0, BARRIER)
