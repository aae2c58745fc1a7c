"""What a run amounted to: counts, shares of hosts, and a picture of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ._gantt import Bar, Gantt

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._backend import HostRow

_BARS_MAX: Final = 4096
"""Tasks that are kept for the picture; of more, every second, every fourth and so on is."""


@dataclass(slots=True)
class HostStats:
    """A host's share in a run."""

    tasks: int = 0
    """Tasks that ended there, well or not."""
    failed: int = 0
    retries: int = 0
    """Attempts that were made before the one that ended there."""
    deopts: int = 0
    run_s: float = 0.0
    """Time in sandboxes."""
    queue_s: float = 0.0
    """Time that tasks waited at the hub; 0 where it is not known."""
    ship_s: float = 0.0
    """Time that tasks and results travelled; 0 where it is not known."""
    sent_bytes: int = 0
    received_bytes: int = 0


@dataclass(slots=True)
class Stats:
    """What a run amounted to; it is kept up to date while the run goes on.

    `run_s`, `hosts` and `gantt` are known of runs that are watched: those of all managers but
    `List`, and of that with `on_status`, `progress` or a handler of failures.
    """

    submitted: int = 0
    done: int = 0
    failed: int = 0
    retried: int = 0
    """Attempts that were made because a host was lost, or a handler asked for them."""
    run_s: float = 0.0
    """Time in sandboxes, all tasks together."""
    elapsed_s: float = 0.0
    deopts: int = 0
    """Tasks that another engine ended, as they left what was proved of their closure, or their
    arguments were not of the types it was compiled for."""
    remade: int = 0
    """Tasks that were run again because a result of theirs was gone with its host."""
    unexplored: int = 0
    """Tasks of a `Template` that were spawned and not run: too deep, too many, or the run ended."""
    relaunched: int = 0
    """Launches of a `Team` after the first."""
    hosts: dict[str, HostStats] = field(default_factory=dict)
    """By the host, where tasks ended."""
    _bars: list[Bar] = field(default_factory=list, repr=False, compare=False)
    _every: int = field(default=1, repr=False, compare=False)
    _noted: int = field(default=0, repr=False, compare=False)

    def gantt(self) -> Gantt:
        """Make a picture: when which host ran what, and how it ended."""
        return Gantt(self._bars, self._noted)

    def _note(
        self,
        index: int,
        host: str | None,
        attempts: int,
        run_us: int,
        *,
        is_deopt: bool,
        has_failed: bool,
        ended_s: float | None = None,
    ) -> None:
        """Count a task that ended."""
        name = host or "none"
        row = self.hosts.get(name)
        if row is None:
            row = self.hosts[name] = HostStats()
        run_s = run_us / 1e6
        retries = attempts - 1 - is_deopt
        row.tasks += 1
        row.run_s += run_s
        self.run_s += run_s
        if retries > 0:
            row.retries += retries
            self.retried += retries
        if is_deopt:
            row.deopts += 1
        if has_failed:
            row.failed += 1
        self._noted += 1
        if self._noted % self._every == 0:
            end_s = time.monotonic() if ended_s is None else ended_s
            outcome = "failed" if has_failed else "deopt" if is_deopt else "returned"
            self._bars.append((name, end_s - run_s, end_s, outcome, index))
            if len(self._bars) >= _BARS_MAX:
                del self._bars[::2]
                self._every *= 2

    def _add_hosts(self, rows: Iterable[HostRow]) -> None:
        """Take in what the pool knows of the hosts."""
        for name, queue_s, ship_s, sent_bytes, received_bytes in rows:
            row = self.hosts.setdefault(name, HostStats())
            row.queue_s, row.ship_s = queue_s, ship_s
            row.sent_bytes, row.received_bytes = sent_bytes, received_bytes
