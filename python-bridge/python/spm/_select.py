"""Which hosts a pool is made of: a choice, and a pool's backend that follows it."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from ._options import Host

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ._backend import Backend, ManagerRun, Run, Submitter

Where: TypeAlias = Literal["all servers", "one per server", "this server", "one here"]


@dataclass(frozen=True, slots=True)
class Choice:
    """What `Pool.select` was told."""

    hosts: int | tuple[str, ...] | None
    labels: Mapping[str, str]
    where: Where
    incarnations: tuple[str, ...] | None

    def __post_init__(self) -> None:
        if self.where not in get_args(Where):
            known = ", ".join(f'"{name}"' for name in get_args(Where))
            raise ValueError(f"where is one of {known}, not {self.where!r}")

    @property
    def is_pinned(self) -> bool:
        """Whether certain hosts are meant, now and later."""
        return self.hosts is not None or self.incarnations is not None

    @property
    def slots(self) -> int | None:
        """How many slots of each host are meant; None for all."""
        return 1 if self.where in ("one per server", "one here") else None

    def peers(self, hosts: Sequence[Host]) -> list[str]:
        """Choose of these hosts. ValueError if there are too few."""
        chosen = [host for host in hosts if self.labels.items() <= host.labels.items()]
        if self.incarnations is not None:
            chosen = [host for host in chosen if str(host.incarnation) in self.incarnations]
        if self.where in ("this server", "one here"):
            here = platform.node()
            chosen = [host for host in chosen if host.pid is not None or host.name == here]
        if self.where == "one per server":
            chosen = list({host.name: host for host in reversed(chosen)}.values())[::-1]
        elif self.where == "one here":
            chosen = chosen[:1]
        if isinstance(self.hosts, int):
            if self.hosts > len(chosen):
                raise ValueError(f"{self.hosts} hosts are wanted, {len(chosen)} can be chosen")
            chosen = chosen[: self.hosts]
        elif self.hosts is not None:
            chosen = [host for host in chosen if host.peer_id in self.hosts]
        if not chosen:
            raise ValueError("no host is left to choose")
        return [host.peer_id for host in chosen]


class Following:
    """Hosts of another backend that fit a choice, chosen when a run begins.

    A run that is open keeps the hosts that it has.
    """

    def __init__(self, base: Backend, choice: Choice, peers: list[str]) -> None:
        self._base = base
        self._choice = choice
        self._peers = peers
        self._selected = base.select(peers, choice.slots)
        self._before: list[Backend] = []

    def hosts(self) -> list[tuple[Any, ...]]:
        """Those that fit now."""
        rows = self._base.hosts()
        try:
            peers = set(self._choice.peers([Host(*row) for row in rows]))
        except ValueError:
            return []
        fitting = [row for row in rows if row[0] in peers]
        if self._choice.slots is None:
            return fitting
        return [(*row[:3], min(row[3], self._choice.slots), *row[4:]) for row in fitting]

    def prepare(
        self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any, tuple[Any, ...]]:
        """As all hosts do."""
        return self._selected.prepare(fn, args, kwargs)

    def bind(self, closure: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """As all hosts do."""
        return self._selected.bind(closure, args, kwargs)

    def submitter(self) -> Submitter:
        """Futures over the hosts that fit now."""
        return self._current().submitter()

    def run(self, closure: Any, *, manager: bool, **options: Any) -> Run:
        """Begin a run on the hosts that fit now."""
        return self._current().run(closure, manager=manager, **options)

    def run_manager(self, closures: Sequence[Any], **options: Any) -> ManagerRun:
        """Begin a manager's run on the hosts that fit now."""
        return self._current().run_manager(closures, **options)

    def stats(self) -> tuple[int, int, int, int, dict[str, int]]:
        """Of all pools on these hosts."""
        return self._selected.stats()

    def select(self, peers: Sequence[str], slots: int | None = None) -> Backend:
        """Those hosts only, and of each so many slots at most."""
        return self._current().select(peers, slots)

    def close(self) -> None:
        """End every session."""
        for backend in (*self._before, self._selected):
            backend.close()

    def _current(self) -> Backend:
        peers = [row[0] for row in self.hosts()]
        if peers and peers != self._peers:
            self._before.append(self._selected)
            self._peers = peers
            self._selected = self._base.select(peers, self._choice.slots)
        return self._selected
