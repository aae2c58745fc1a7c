"""The component of a stand-alone program."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _spm
from ._errors import CompileError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class Module:
    """A program's component. What it resolves to frames is nothing: its lines are not known."""

    __slots__ = ("cid", "content", "functions", "name", "wit")

    def __init__(self, path: Path) -> None:
        self.name = path.name
        try:
            self.content, self.cid, self.functions = _spm.adapt_program(path.read_bytes())
        except ValueError as error:
            raise CompileError(f"`{path}` cannot be run: {error}") from None
        self.wit = None

    def frame(self, site: int) -> None:
        """None: it has no line table."""
        del site

    def frame_at(self, function: int, offset: int) -> None:
        """None: it has no line table."""
        del function, offset

    def calls(self, points: Iterable[tuple[int, int]]) -> list[str]:
        """Names of the program's functions at these places, innermost first."""
        names = (self.functions.get(function) for function, _ in points)
        return [name for name in names if name is not None]
