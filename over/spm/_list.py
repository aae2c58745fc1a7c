"""The `List` task manager: independent tasks, coarse grain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ._options import Options, Settings
from ._results import Gathered, Results, gather
from ._spm import hidden

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Unpack

    from ._pool import Pool

R = TypeVar("R")


class List(Generic[R]):
    """Runs a function on every item of its input.

    One manager at a time is online in a pool; `pool.select()` makes a pool with a session of its
    own. When a run ends, nothing of it is left on any host.
    """

    def __init__(self, pool: Pool, f: Callable[..., R], **options: Unpack[Options]) -> None:
        """Take `f` to the hosts of `pool`, when `run` or `stream` is called."""
        self._pool = pool
        self._function = f
        self._settings = Settings.of(options, pool._settings)

    @hidden
    def run(self, *iterables: Iterable[Any]) -> Gathered[R]:
        """Run all tasks; return their results in order."""
        return gather(self._stream(iterables, ordered=True))

    @hidden
    def stream(self, *iterables: Iterable[Any], ordered: bool = True) -> Results[R]:
        """Give results one by one, in order or as they come; read the input as far as needed."""
        return self._stream(iterables, ordered=ordered)

    def _stream(self, iterables: tuple[Iterable[Any], ...], *, ordered: bool) -> Results[R]:
        return self._pool._open(
            self._function,
            iterables,
            self._settings,
            timeout=None,
            buffersize=None,
            ordered=ordered,
            manager=True,
        )

    def __repr__(self) -> str:
        return f"<spm.List of {getattr(self._function, '__qualname__', self._function)!s}>"
