"""A picture of a run: a row for each host, a bar for each task."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

Bar: TypeAlias = tuple[str, float, float, str, int]
"""Host, begin and end on one clock in seconds, outcome, index of the task."""

COLOURS: Final = {"returned": "#4c9f70", "deopt": "#d9a441", "failed": "#c8553d"}

_WIDTH: Final = 900
_LABEL: Final = 130
_ROW: Final = 22
_NAME_MAX: Final = 18


class Gantt:
    """When which host ran which task. A notebook shows it; `svg` gives the picture itself."""

    def __init__(self, bars: Sequence[Bar], tasks: int) -> None:
        """Of the `tasks` tasks of a run, show those in `bars`."""
        self._bars = sorted(bars, key=lambda bar: (bar[1], bar[4]))
        self._tasks = tasks

    def svg(self) -> str:
        """Draw it."""
        lanes = self._lanes()
        begin_s = min((bar[1] for bar in self._bars), default=0.0)
        end_s = max((bar[2] for bar in self._bars), default=0.0)
        span_s = max(end_s - begin_s, 1e-9)
        height = _ROW * (sum(map(len, lanes.values())) + 2)
        opening = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
            f'width="{_WIDTH}" height="{height}" font-family="sans-serif" font-size="11" '
            # The colour of the text around it, which is light on a dark page.
            'fill="currentColor">'
        )
        parts = [opening]
        scale = (_WIDTH - _LABEL - 10) / span_s
        top = 4
        for host, rows in lanes.items():
            parts.append(f'<text x="2" y="{top + 14}">{escape(host[-_NAME_MAX:])}</text>')
            for row in rows:
                for _, start_s, stop_s, outcome, index in row:
                    left = _LABEL + (start_s - begin_s) * scale
                    width = max((stop_s - start_s) * scale, 0.7)
                    parts.append(
                        f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" '
                        f'height="{_ROW - 4}" fill="{COLOURS[outcome]}"><title>task {index}: '
                        f"{outcome}, {stop_s - start_s:.6f} s</title></rect>"
                    )
                top += _ROW
        shown = "" if len(self._bars) == self._tasks else f"; {len(self._bars)} are shown"
        parts.append(
            f'<text x="{_LABEL}" y="{top + 16}">{span_s:.3g} s, {self._tasks} tasks{shown}</text>'
            "</svg>"
        )
        return "".join(parts)

    def _lanes(self) -> dict[str, list[list[Bar]]]:
        """Put the bars of a host into rows, none over another."""
        lanes: dict[str, list[list[Bar]]] = {}
        for bar in self._bars:
            rows = lanes.setdefault(bar[0], [])
            for row in rows:
                if row[-1][2] <= bar[1]:
                    row.append(bar)
                    break
            else:
                rows.append([bar])
        return dict(sorted(lanes.items()))

    def _repr_html_(self) -> str:
        return self.svg()

    def __repr__(self) -> str:
        return f"<spm.Gantt of {self._tasks} tasks; .svg() draws it>"
