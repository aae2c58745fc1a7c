"""Frames of a traceback, as the record of an exception carries them."""

from itertools import islice
from typing import TYPE_CHECKING, Final

from .limits import RAISED_FRAMES_MAX
from .sources import line_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, TracebackType

OWN: Final = __file__.rpartition("/")[0] + "/"
"""The folder of the guest's own code, whose frames are nobody's business."""

_LOOPS: Final = ("/asyncio/runners.py", "/asyncio/base_events.py", "/asyncio/events.py")
_SOURCE_CHARS_MAX: Final = 2000


def frames_of(traceback: "TracebackType | None") -> tuple[list[list[int | str]], int]:
    """List frames, innermost first, and how many were left out of a long recursion's middle."""
    places = _places(traceback)
    left_out = len(places) - RAISED_FRAMES_MAX
    if left_out > 0:
        half = RAISED_FRAMES_MAX // 2
        places = places[:half] + places[-half:]
    places.reverse()
    seen: dict[tuple[int, int], list[int | str]] = {}
    found = []
    for code, at, line in places:
        key = (id(code), at)
        if key not in seen:
            seen[key] = _frame(code, at, line)
        found.append(seen[key])
    return found, max(left_out, 0)


def _places(traceback: "TracebackType | None") -> "list[tuple[CodeType, int, int]]":
    places = []
    leading = True
    while traceback is not None:
        code = traceback.tb_frame.f_code
        file = code.co_filename
        if not file.startswith(OWN) and not (leading and file.endswith(_LOOPS)):
            leading = False
            places.append((code, traceback.tb_lasti, traceback.tb_lineno))
        traceback = traceback.tb_next
    return places


def _frame(code: "CodeType", at: int, line: int) -> list[int | str]:
    position = next(_position(code, at), (None, None, None, None))
    first = position[0] or line or 0
    last = position[1] or first
    column, end_column = position[2] or 0, position[3] or 0
    source = line_of(code.co_filename, first) if first else ""
    return [
        code.co_filename,
        first,
        column,
        last,
        end_column,
        code.co_qualname,
        source[:_SOURCE_CHARS_MAX],
    ]


def _position(
    code: "CodeType", at: int
) -> "Iterator[tuple[int | None, int | None, int | None, int | None]]":
    return islice(code.co_positions(), at // 2, None) if at >= 0 else iter(())
