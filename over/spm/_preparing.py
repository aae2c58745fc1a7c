"""One line on `sys.stderr` that says for whom a pool waits; none where nobody looks."""

from __future__ import annotations

import shutil
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

Awaited: TypeAlias = "tuple[str, str, str | None, int | None]"
"""A host's name, the engine it prepares, what it does, and how many thousandths of that are done."""


class Line:
    """The line of one wait."""

    def __init__(self) -> None:
        """Nothing is shown yet."""
        self._stream = _where_people_look()
        self._began = time.monotonic()
        self._shown = 0

    def show(self, hosts: Sequence[Awaited]) -> None:
        """Say that these hosts are waited for."""
        if hosts:
            waited_s = time.monotonic() - self._began
            self._write(describe(hosts, waited_s))

    def say(self, text: str) -> None:
        """Say something else."""
        self._write(text)

    def clear(self) -> None:
        """Leave nothing of it."""
        if self._shown:
            self._write("")

    def _write(self, text: str) -> None:
        stream = self._stream
        if stream is None:
            return
        # One that is wrapped could not be taken back.
        text = text[: shutil.get_terminal_size().columns - 1]
        blank = " " * (self._shown - len(text))
        self._shown = len(text)
        with suppress(OSError, ValueError):
            stream.write(f"\r{text}{blank}" + ("" if text else "\r"))
            stream.flush()


def describe(hosts: Sequence[Awaited], waited_s: float) -> str:
    """Say in a line what hosts do; the slowest of them speaks for all."""
    name, engine, step, permille = min(hosts, key=_progress)
    where = name if len(hosts) == 1 else f"{len(hosts)} hosts"
    doing = "" if step is None else f" {step}"
    done = "" if permille is None else f", {permille / 10:.0f} %"
    return f"preparing engine {engine} on {where} ...{doing}{done}, {waited_s:.0f} s"


def _progress(host: Awaited) -> int:
    return -1 if host[3] is None else host[3]


def _where_people_look() -> TextIO | None:
    """Find a terminal or a notebook; what is written to a pipe or a file would stay there."""
    stream = sys.stderr
    if stream is None:
        return None
    in_notebook = type(stream).__module__.startswith("ipykernel")
    with suppress(ValueError):
        if in_notebook or stream.isatty():
            return stream
    return None
