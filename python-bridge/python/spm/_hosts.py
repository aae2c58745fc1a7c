"""Pools' hosts, as `_backend.Backend` has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._closure import prepare
from ._submit import Submitter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._backend import Ask, ManagerRun, Run
    from ._closure import Specialisation
    from ._spm import Hosts
    from ._travelled import Travelled


class HostBackend:
    """Hosts behind `_spm.Hosts`."""

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts

    def hosts(self) -> list[tuple[Any, ...]]:
        """Those that can be reached."""
        return self._hosts.snapshot()

    def prepare(
        self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Specialisation | Travelled, tuple[Any, ...]]:
        """Compile, if need be."""
        return prepare(fn, args, kwargs)

    def submitter(self) -> Submitter:
        """Futures over these hosts."""
        return Submitter(self._hosts)

    def run(self, closure: Specialisation, *, manager: bool, **options: Any) -> Run:
        """Define `closure`, and begin a run."""
        return self._hosts.run(closure, manager=manager, **options)

    def bind(self, closure: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """Bind the arguments of one call."""
        row: tuple[Any, ...] = closure.bind(args, kwargs)
        return row

    def run_manager(
        self, closures: Sequence[Any], *, on_ask: Callable[[Ask], Any], **options: Any
    ) -> ManagerRun:
        """Define the closures, and begin a manager's run; its questions come to `take`."""
        del on_ask
        return self._hosts.run_manager(list(closures), **options)

    def stats(self) -> tuple[int, int, int, int, dict[str, int]]:
        """Of all pools on these hosts."""
        return self._hosts.stats()

    def select(self, peers: Sequence[str], slots: int | None = None) -> HostBackend:
        """Those hosts only, and of each so many slots at most."""
        return HostBackend(self._hosts.select(list(peers), slots))

    def close(self) -> None:
        """End every session; end the hosts, if they are ours."""
        self._hosts.close()
