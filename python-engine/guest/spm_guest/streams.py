"""Standard streams: what tasks print goes to the submitter, and there is nothing to read."""

import io
import sys
from typing import TYPE_CHECKING

from .host import HOST

if TYPE_CHECKING:
    from collections.abc import Buffer  # type: ignore[attr-defined]  # from 3.12 on


class _Log(io.RawIOBase):
    """Bytes for the submitter."""

    def __init__(self, name: str) -> None:
        self.name = name

    def writable(self) -> bool:
        return True

    def write(self, data: "Buffer", /) -> int:
        text = bytes(data)
        HOST.print(text)
        return len(text)


def _stream(name: str, errors: str) -> io.TextIOWrapper:
    buffer = io.BufferedWriter(_Log(name), 8192)
    return io.TextIOWrapper(buffer, "utf-8", errors, newline="\n", line_buffering=True)


def install() -> None:
    """Replace the process's streams."""
    sys.stdin = io.TextIOWrapper(io.BytesIO(), "utf-8")
    sys.stdout = _stream("<stdout>", "strict")
    sys.stderr = _stream("<stderr>", "backslashreplace")
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc]


def flush() -> None:
    """Send what is not a whole line yet."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # noqa: BLE001, S112  # the task may have closed or replaced it
            continue
