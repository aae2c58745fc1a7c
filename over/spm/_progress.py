"""How far a run is: told to a callable, or in one line that is written over and over."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from ._options import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._stats import Stats

_EVERY_S: Final = 0.1


class ProgressLine:
    """The progress of one run."""

    def __init__(self, progress: bool | Callable[[Progress], None]) -> None:
        """`progress` is the option of that name."""
        self._progress = progress
        self._began = self._shown = time.monotonic()

    def show(self, stats: Stats, total: int | None, *, last: bool) -> None:
        """Tell of it, if it is time to, or the `last` time."""
        progress = self._progress
        if not progress:
            return
        now = time.monotonic()
        if not last and now - self._shown < _EVERY_S:
            return
        self._shown = now
        state = Progress(
            done=stats.done,
            failed=stats.failed,
            running=stats.submitted - stats.done,
            total=total,
            elapsed_s=now - self._began,
        )
        if callable(progress):
            progress(state)
        else:
            _print(state, last=last)


def _print(state: Progress, *, last: bool) -> None:
    stream = sys.stderr
    if stream is None:
        return
    total = "" if state.total is None else f" of {state.total}"
    failed = f", {state.failed} failed" if state.failed else ""
    rate = state.done / state.elapsed_s if state.elapsed_s > 0 else 0.0
    text = f"{state.done}{total} tasks done{failed}, {rate:,.0f} per second"
    with suppress(OSError, ValueError):
        if stream.isatty():
            stream.write(f"\r\x1b[K{text}" + ("\n" if last else ""))
            stream.flush()
        elif type(stream).__module__.startswith("ipykernel"):
            stream.write(f"\r{text}" + ("\n" if last else ""))
            stream.flush()
        elif last:
            stream.write(text + "\n")
