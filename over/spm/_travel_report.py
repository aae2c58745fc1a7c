"""How problems of a closure that cannot travel are told: as the compiler's, with line and caret."""

from __future__ import annotations

import linecache
from typing import TYPE_CHECKING

from ._errors import Diagnostic

if TYPE_CHECKING:
    from ._travel import _Problem

_CODE = "cannot-travel"


def report(problem: _Problem) -> tuple[Diagnostic, str]:
    """Make the record of a problem, and its text."""
    where = problem.where
    message = problem.message
    if where is None:
        return Diagnostic(_CODE, "<unknown>", 1, 1, message, problem.help or None), (
            f"error[{_CODE}]: {message}"
        )
    line, column, end_line, end_column = where.position or (0, 0, 0, 0)
    text = linecache.getline(where.file, line).rstrip("\n") if line else ""
    shown_from = len(text.encode()[:column].decode(errors="replace"))
    shown_to = len(text.encode()[:end_column].decode(errors="replace"))
    if end_line != line or shown_to <= shown_from:
        shown_to = len(text)
    told = [f"error[{_CODE}]: {message}"]
    if line:
        number = str(line)
        margin = " " * len(number)
        told += [
            f"{margin}--> {where.file}:{line}:{shown_from + 1}",
            f"{margin} |",
            f"{number} | {text}",
            f"{margin} | {' ' * shown_from}{'^' * max(shown_to - shown_from, 1)}",
        ]
    else:
        margin = ""
        told.append(f"--> read by `{where.reader}`, {where.file}")
    if problem.help:
        told.append(f"{margin} = help: {problem.help}")
    diagnostic = Diagnostic(
        _CODE, where.file, line or 1, shown_from + 1, message, problem.help or None
    )
    return diagnostic, "\n".join(told)
