"""The `Template` task manager: tasks that create tasks. Coarse grain."""

from __future__ import annotations

import sys
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

from ._drive import Driver
from ._driven import Driven
from ._list import List
from ._results import Results
from ._template_machine import TemplateMachine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Unpack

    from ._options import Options
    from ._pool import Pool

R = TypeVar("R")


class Template(List[R]):
    """Runs a function on roots, and on whatever its tasks `spm.task.spawn`: searches and crawls.

    A task's children count once it has returned; those of a task that failed do not. Results come in
    the order of a walk through the trees: a task's before those of its children, and these in the
    order they were spawned. It is the same on every pool if the trees are. With `ordered=False`,
    `stream` gives results as tasks end.

    Tasks run depth first, of siblings the one with the highest priority first; with
    `best_first=True`, of all that wait the one with the highest priority, where roots have 0.

    `spm.task.bound` is the least value that any task gave to `spm.task.improve`, as far as it is
    known where the task runs: it saves work, and results should not depend on when it is learnt.
    """

    def __init__(
        self,
        pool: Pool,
        f: Callable[..., R],
        *,
        best_first: bool = False,
        max_depth: int = sys.maxsize,
        max_tasks: int = sys.maxsize,
        **options: Unpack[Options],
    ) -> None:
        """Take `f` to the hosts of `pool`, when `run` or `stream` is called.

        Roots have depth 0. What is spawned deeper than `max_depth`, or when `max_tasks` tasks have
        been made, roots among them, is not run: that is no failure, and `stats.unexplored` of the
        results counts it. No more roots than `max_tasks` are read.
        """
        super().__init__(pool, f, **options)
        if isinstance(max_depth, bool) or not isinstance(max_depth, int) or max_depth < 0:
            raise ValueError(f"max_depth must be an int of at least 0, not {max_depth!r}")
        if isinstance(max_tasks, bool) or not isinstance(max_tasks, int) or max_tasks < 1:
            raise ValueError(f"max_tasks must be an int of at least 1, not {max_tasks!r}")
        self._best_first = best_first
        self._depth_max = max_depth
        self._tasks_max = max_tasks

    def _stream(self, iterables: tuple[Iterable[Any], ...], *, ordered: bool) -> Results[R]:
        pool, settings = self._pool, self._settings
        pool._check()
        rows = iter(zip(*iterables, strict=False))
        first = next(rows, None)
        if first is None:
            return Results(None, rows, settings, total=0)
        closure, _ = pool._backend.prepare(self._function, first, {})
        machine = TemplateMachine(
            closure.rows(chain((first,), rows)),
            ordered=ordered,
            best_first=self._best_first,
            depth_max=self._depth_max,
            tasks_max=self._tasks_max,
        )
        # What waits on hosts was the best when it was sent: little should.
        window = 2 * sum(host.slots for host in pool.hosts) if self._best_first else None
        driver = _TemplateDriver(
            pool, [closure], machine, settings, kind="template", window=window
        )
        return Driven(driver, settings, pool)

    def __repr__(self) -> str:
        return f"<spm.Template of {getattr(self._function, '__qualname__', self._function)!s}>"


class _TemplateDriver(Driver):
    """A driver that counts what the limits leave out."""

    machine: TemplateMachine

    def step(self, wait_s: float | None) -> bool:
        counted = self.machine.unexplored
        in_time = super().step(wait_s)
        self.stats.unexplored += self.machine.unexplored - counted
        return in_time
