"""How far a run is: told to a callable, shown by tqdm's bar, or in one line that is written over and over."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from ._options import Progress

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tqdm.std import tqdm

    from ._stats import Stats

_EVERY_S: Final = 0.1


class ProgressLine:
    """The progress of one run."""

    def __init__(self, progress: bool | Callable[[Progress], None]) -> None:
        """`progress` is the option of that name."""
        self._progress = progress
        self._began = self._shown = time.monotonic()
        self._bar: tqdm[Any] | None = None

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
            return
        if self._bar is None:
            self._bar = _bar(state)
        if self._bar is None:
            _print(state, last=last)
        else:
            _draw(self._bar, state, last=last)


def _is_live() -> bool:
    """Whether what is written to standard error can be written over."""
    stream = sys.stderr
    if stream is None:
        return False
    with suppress(OSError, ValueError):
        return stream.isatty() or type(stream).__module__.startswith("ipykernel")
    return False


def _bar(state: Progress) -> tqdm[Any] | None:
    """Make a bar for a terminal or a notebook, if tqdm is there to draw it."""
    if not _is_live():
        return None
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return None
    bar: tqdm[Any] = tqdm(total=state.total, unit=" tasks", mininterval=0, dynamic_ncols=True)
    # The run began before there was anything to show.
    bar.start_t -= state.elapsed_s
    return bar


def _draw(bar: tqdm[Any], state: Progress, *, last: bool) -> None:
    with suppress(OSError, ValueError):
        bar.total = state.total
        bar.n = state.done
        bar.set_postfix_str(f"{state.failed} failed" if state.failed else "", refresh=False)
        bar.refresh()
        if last:
            bar.close()


def _print(state: Progress, *, last: bool) -> None:
    stream = sys.stderr
    if stream is None:
        return
    total = "" if state.total is None else f" of {state.total}"
    failed = f", {state.failed} failed" if state.failed else ""
    rate = state.done / state.elapsed_s if state.elapsed_s > 0 else 0.0
    text = f"{state.done}{total} tasks done{failed}, {rate:,.0f} per second"
    with suppress(OSError, ValueError):
        if _is_live():
            erase = "\x1b[K" if stream.isatty() else ""
            stream.write(f"\r{erase}{text}" + ("\n" if last else ""))
            stream.flush()
        elif last:
            stream.write(text + "\n")
