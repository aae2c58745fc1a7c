"""Tracebacks: the task's frames as Python's own, and SPM's frames out of sight.

A traceback entry needs a frame, and a frame needs code. So each frame of a task becomes a tiny code
object that bears the user's file, function name and positions; running it yields the frame.
"""

from __future__ import annotations

import concurrent.futures
import linecache
import os
import sys
import types
from collections.abc import Sequence
from concurrent.futures import CancelledError
from functools import lru_cache
from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._task import Frame

_FULL = "SPM_TRACEBACK"
OWN = os.path.dirname(os.path.abspath(__file__)) + os.sep
_FUTURES = os.path.dirname(os.path.abspath(concurrent.futures.__file__)) + os.sep

_TEMPLATE: types.CodeType = compile("here()", "<spm>", "eval")
# What a frame of CPython's can say, and what is worth to keep of a file that is not here: a record
# may name any line of any file.
_LINE_MAX = 2**31 - 1
_LINES_SHOWN_MAX = 100_000
_UNITS_PER_ENTRY = 8
_LONG_FORM = 14


def task_traceback(frames: Iterable[Frame]) -> types.TracebackType | None:
    """Build the traceback of `frames`, which are given outermost first."""
    made: types.TracebackType | None = None
    for frame in reversed(tuple(frames)):
        show_missing_source(frame)
        line = min(frame.line, _LINE_MAX)
        python_frame = _python_frame(
            frame.file, line, frame.column, frame.end_line, frame.end_column, frame.function
        )
        made = types.TracebackType(made, python_frame, 0, line)
    return made


@lru_cache(maxsize=512)
def _python_frame(
    file: str, line: int, column: int, end_line: int, end_column: int, function: str
) -> types.FrameType:
    table = _position_table(len(_TEMPLATE.co_code) // 2, column, end_line - line, end_column)
    code = _TEMPLATE.replace(
        co_filename=file,
        co_name=function.rpartition(".")[2],
        co_qualname=function,
        co_firstlineno=line,
        co_linetable=table,
    )
    namespace = {"__name__": "spm.task", "__builtins__": {}, "here": sys._getframe}
    frame = eval(code, namespace)  # noqa: S307 - our own template
    namespace.clear()
    assert isinstance(frame, types.FrameType)
    return frame


def _position_table(units: int, column: int, lines: int, end_column: int) -> bytes:
    """Say that every instruction is at the same place (CPython's Objects/locations.md)."""
    place = _varint(0) + _varint(max(lines, 0)) + _varint(column + 1) + _varint(end_column + 1)
    table = bytearray()
    while units > 0:
        covered = min(units, _UNITS_PER_ENTRY)
        table.append(0x80 | _LONG_FORM << 3 | covered - 1)
        table += place
        units -= covered
    return bytes(table)


def _varint(value: int) -> bytes:
    groups = bytearray()
    while value >= 0x40:
        groups.append(0x40 | value & 0x3F)
        value >>= 6
    groups.append(value)
    return bytes(groups)


def show_missing_source(frame: Frame) -> None:
    """Let `linecache` know a line of a file that this machine does not have."""
    if not frame.source or frame.line > _LINES_SHOWN_MAX or os.path.exists(frame.file):
        return
    known = linecache.cache.get(frame.file)
    if known is not None and not getattr(known, "spm", False):
        return  # a notebook cell, or whoever registered the file knows it better
    lines = known[2] if isinstance(known, tuple) and len(known) == 4 else _Lines()
    assert isinstance(lines, _Lines)
    lines.shown[frame.line] = frame.source + "\n"
    linecache.cache[frame.file] = _Entry((len(lines), None, lines, frame.file))  # type: ignore[assignment]


class _Lines(Sequence[str]):
    """Lines of a file, as far as tasks have shown them; there are no others but in number."""

    def __init__(self) -> None:
        """Without any."""
        self.shown: dict[int, str] = {}

    def __len__(self) -> int:
        """As many as there are up to the last that is known."""
        return max(self.shown, default=0)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        """Find lines by their number, from 0."""
        numbers = range(1, len(self) + 1)[index]
        if isinstance(numbers, int):
            return self.shown.get(numbers, "\n")
        return [self.shown.get(number, "\n") for number in numbers]


class _Entry(tuple[int, None, _Lines, str]):
    """An entry of `linecache` that SPM made, and may extend."""

    __slots__ = ()
    spm = True


def hide(error: BaseException) -> None:
    """Take SPM's own frames out of the traceback of `error`.

    They stay if the innermost one is SPM's and the exception is none that SPM means to raise: then
    it is a bug, and the frames say where. `SPM_TRACEBACK=full` keeps them always.
    """
    entries = []
    entry = error.__traceback__
    while entry is not None:
        entries.append(entry)
        entry = entry.tb_next
    if not entries or os.environ.get(_FULL) == "full":
        return
    from ._errors import DeoptWarning, InternalError, SpmError

    if _is_own(entries[-1]) and (
        not isinstance(
            error, (SpmError, DeoptWarning, CancelledError, TimeoutError, KeyboardInterrupt)
        )
        or isinstance(error, InternalError)
    ):
        return
    kept: types.TracebackType | None = None
    for entry in reversed(entries):
        if not _is_own(entry):
            if entry.tb_next is not kept:
                entry.tb_next = kept
            kept = entry
    error.__traceback__ = kept


def _is_own(entry: types.TracebackType) -> bool:
    return entry.tb_frame.f_code.co_filename.startswith((OWN, _FUTURES))
