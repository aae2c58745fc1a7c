"""The `Farm` task manager: independent tasks that may ask the hub. Fine grain, limited."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

from ._drive import Driver
from ._driven import Driven
from ._list import List
from ._machine import ListMachine
from ._results import Results, length

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Unpack

    from ._options import Options
    from ._pool import Pool
    from ._task import TaskInfo

R = TypeVar("R")


class Farm(List[R]):
    """Runs a function on every item of its input; tasks may `spm.hub.ask(x)` and wait for an answer.

    The hub answers and never calls: what `on_message(task, x)` returns is the answer. It runs in the
    thread that takes results, one question at a time. A task that is run again, because its host was
    lost, asks again: `task.attempts` says so. An exception of `on_message` ends the run on every
    host, and is raised where results are taken.
    """

    def __init__(
        self,
        pool: Pool,
        f: Callable[..., R],
        on_message: Callable[[TaskInfo, Any], Any],
        **options: Unpack[Options],
    ) -> None:
        """Take `f` to the hosts of `pool`, when `run` or `stream` is called."""
        if not callable(on_message):
            raise TypeError("on_message must be callable")
        super().__init__(pool, f, **options)
        self._on_message = on_message

    def _stream(self, iterables: tuple[Iterable[Any], ...], *, ordered: bool) -> Results[R]:
        pool, settings = self._pool, self._settings
        pool._check()
        total = length(iterables)
        rows = iter(zip(*iterables, strict=False))
        first = next(rows, None)
        if first is None:
            return Results(None, rows, settings, total=0)
        closure, _ = pool._backend.prepare(self._function, first, {})
        machine = ListMachine(closure.rows(chain((first,), rows)), ordered=ordered)
        machine.total = total
        driver = Driver(
            pool, [closure], machine, settings, kind="farm", on_message=self._on_message
        )
        return Driven(driver, settings, pool)

    def __repr__(self) -> str:
        return f"<spm.Farm of {getattr(self._function, '__qualname__', self._function)!s}>"
