"""Says, once for each closure and cause, that tasks left it and its fallback runs them.

A run tells of the first task that leaves a closure, and of the first whose arguments are not of the
types it was compiled for. Whoever takes results warns, in a thread of Python's.
"""

from __future__ import annotations

import linecache
import sys
import types
import warnings
import weakref
from typing import TYPE_CHECKING, Any, Final

from . import _spm
from ._capture import GLUE_FILE
from ._errors import DeoptWarning
from ._task import Frame
from ._traceback import OWN, show_missing_source

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._backend import Notice
    from ._closure import Specialisation

_TEXTS: Final = {number: text for number, text, _ in _spm.TRAPS}

_DECORATOR_LINES_MAX: Final = 32

# Closures that were warned about: because tasks left them, and because of arguments.
_left: weakref.WeakSet[Specialisation] = weakref.WeakSet()
_unfit: weakref.WeakSet[Specialisation] = weakref.WeakSet()


def warn(notices: Iterable[Notice]) -> None:
    """Warn of what was not warned of before."""
    for closure, record, row in notices:
        if record is not None and closure not in _left:
            _left.add(closure)
            _warn_left(closure, record)
        elif row is not None and closure not in _unfit:
            _unfit.add(closure)
            _warn_misfit(closure, row)


def _warn_left(closure: Specialisation, record: bytes) -> None:
    frame, why = _place(closure, record)
    if frame is None:
        file, line = _definition(closure)
        message = f"`{closure.name}` left its {closure.engine} code: {why}"
    else:
        show_missing_source(frame)
        file, line = frame.file, frame.line
        message = (
            f"`{closure.name}` left its {closure.engine} code in line {line}, "
            f"`{frame.source.strip()}`:\n{why}"
        )
    _warn(closure, message, file, line)


def _warn_misfit(closure: Specialisation, row: tuple[Any, ...]) -> None:
    file, line = _definition(closure)
    why = closure.describe_misfit(row)
    _warn(
        closure,
        f"a call of `{closure.name}` does not fit its {closure.engine} code:\n{why}",
        file,
        line,
    )


def _warn(closure: Specialisation, message: str, file: str, line: int) -> None:
    fallback = closure.fallback
    engine = "python" if fallback is None else fallback.engine
    warning = DeoptWarning(
        f"{message}; such tasks are run by\nthe engine `{engine}` from now on, which is slower"
    )
    warning.closure, warning.file, warning.line = closure.name, file, line
    module = getattr(closure.function, "__module__", None) or "<unknown>"
    warnings.warn_explicit(warning, DeoptWarning, file, max(line, 1), module)


def _place(closure: Specialisation, record: bytes) -> tuple[Frame | None, str]:
    """Say where a task left its closure, innermost, and why."""
    try:
        raised = _spm.read_raised(record)
    except ValueError:
        return None, "its record cannot be read"
    why = _TEXTS.get(raised["trap"], "no reason is known")
    for entry in raised["frames"]:
        fields = closure.component.frame(entry) if isinstance(entry, int) else entry
        if fields is not None and fields[0] != GLUE_FILE:
            return Frame(*fields), why
    return None, why


def _def_line(code: types.CodeType) -> int:
    """Find the `def` below decorators, which a code object counts from."""
    for line in range(code.co_firstlineno, code.co_firstlineno + _DECORATOR_LINES_MAX):
        text = linecache.getline(code.co_filename, line).split(maxsplit=1)
        if text and text[0] in ("def", "async"):
            return line
    return code.co_firstlineno


def _definition(closure: Specialisation) -> tuple[str, int]:
    """Say where the function is defined; of a builtin, who uses it."""
    function = closure.function
    if isinstance(function, types.FunctionType):
        return function.__code__.co_filename, _def_line(function.__code__)
    frame = sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(OWN):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno
