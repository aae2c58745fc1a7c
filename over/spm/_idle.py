"""Which closures nobody uses any more: decided here, without a clock of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

IDLE_S: Final = 30.0
"""Seconds without a task after which a closure's session is concluded.

Hosts hold a compiled closure and its pre-instantiated module for each. To bring one into force again
takes a few milliseconds, since they keep what they compiled in a cache.
"""

K = TypeVar("K", bound="Hashable")


class Idle(Generic[K]):
    """Remembers what it saw when it last looked."""

    def __init__(self) -> None:
        """Nothing has been seen yet."""
        self._seen: dict[K, tuple[int, float]] = {}

    def look(self, now: float, submitted: Mapping[K, int | None]) -> list[K]:
        """Say which keys are idle: as many tasks as `IDLE_S` before `now`, and none under way.

        `submitted` counts each key's tasks so far, or has None where some are under way.
        """
        seen: dict[K, tuple[int, float]] = {}
        idle = []
        for key, count in submitted.items():
            if count is None:
                continue
            before = self._seen.get(key, (-1, now))
            seen[key] = before if before[0] == count else (count, now)
            if now - seen[key][1] >= IDLE_S:
                idle.append(key)
        self._seen = seen
        return idle
