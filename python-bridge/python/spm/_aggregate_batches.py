"""What the tasks of an `Aggregate` work on: batches of items, and ranges of keys."""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeAlias

FAN_IN: Final = 64
"""Batches that are merged into one."""

Order: TypeAlias = tuple[int, int, int]
"""What comes first when several tasks fail: the phase, and the place in it."""


class Batch:
    """Parts of neighbouring items, one for each partition."""

    __slots__ = (
        "children",
        "first",
        "incomplete",
        "is_complete",
        "level",
        "owner",
        "parts",
        "row",
        "todo",
        "unmerged",
    )

    def __init__(self, level: int, first: int, partitions: int) -> None:
        self.level = level
        self.first = first
        """The first of its items; it has `FAN_IN ** level` of them, but for the last batch."""
        self.parts: list[Any] | None = [None] * partitions
        """None if it is one item, and that was skipped."""
        self.row: tuple[Any, ...] | None = None
        """What is mapped, if it is one item; kept until that is merged."""
        self.owner: Batch | None = None
        """The batch that this one is merged into."""
        self.children: list[Batch] = []
        """What is merged into this one, until that is done."""
        self.incomplete = 0
        """Children that are still to be made."""
        self.todo: list[int] = []
        """Partitions to merge when all children are there."""
        self.unmerged = 0
        """Partitions of which the merge has not ended."""
        self.is_complete = False


class MapWork(NamedTuple):
    """Map an item."""

    batch: Batch

    @property
    def order(self) -> Order:
        return 0, self.batch.first, 0

    def __str__(self) -> str:
        return f"in the map phase, item {self.batch.first}"


class MergeWork(NamedTuple):
    """Merge one partition of a batch."""

    batch: Batch
    partition: int

    @property
    def order(self) -> Order:
        return 1, self.batch.first, self.partition

    def __str__(self) -> str:
        return f"in the combine phase, partition {self.partition}"


class ReduceWork(NamedTuple):
    """Reduce some keys of a partition."""

    partition: int
    start: int
    stop: int
    """-1 for all that there are."""
    key: tuple[int, int, Any] | None = None
    """The key's item, place and itself, if it is one."""

    @property
    def order(self) -> Order:
        return 2, self.partition, self.start

    def __str__(self) -> str:
        what = f"partition {self.partition}" if self.key is None else f"key {self.key[2]!r}"
        return f"in the reduce phase, {what}"


class ListWork(NamedTuple):
    """Say which keys a partition has, as one of them cannot be reduced."""

    partition: int

    @property
    def order(self) -> Order:
        return 2, self.partition, 0

    def __str__(self) -> str:
        return f"in the reduce phase, partition {self.partition}"


Work: TypeAlias = MapWork | MergeWork | ReduceWork | ListWork
