"""What became of a call, in a form that can be compared and printed.

Values keep their types all the way down. Exceptions keep their class, arguments, text, attributes,
notes, members, chain, and the lines of the corpus that they passed.
"""

from __future__ import annotations

import array
import asyncio
import collections
import copy
import datetime as dt
import decimal
import enum
import fractions
import inspect
import math
import pathlib
import sys
import types
import uuid
import zoneinfo
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

CORPUS = Path(__file__).resolve().parent / "corpus"

# Comprehensions have frames of their own up to CPython 3.11 only.
INLINED = {"<listcomp>", "<setcomp>", "<dictcomp>"}

# Attributes of builtin exceptions that are not in their `args` or `__dict__`.
FIELDS = {
    OSError: ("errno", "strerror", "filename", "filename2"),
    ImportError: ("name", "path"),
    SyntaxError: ("filename", "lineno", "offset", "text"),
    UnicodeError: ("encoding", "object", "start", "end", "reason"),
    NameError: ("name",),
}

# Python itself acts on these, so a pool raises a `RemoteException` that names them.
NEVER_RAISED = {
    "StopIteration",
    "StopAsyncIteration",
    "GeneratorExit",
    "KeyboardInterrupt",
    "SystemExit",
    "CancelledError",
}

Outcome = tuple[Any, ...]


def signature(value: Any) -> Any:
    """`value` as nested tuples that are equal only if type and content are. NaNs are all one."""
    kind = type(value)
    if value is None or kind in (bool, int, str, bytes):
        return (kind, value)
    if kind is float:
        return (kind, "nan" if math.isnan(value) else value.hex())
    if kind is complex:
        return (kind, signature(value.real), signature(value.imag))
    if isinstance(value, enum.Enum):
        return (kind, value._name_, signature(value._value_))
    if isinstance(value, tuple):
        return (kind, tuple(map(signature, value)))
    library = _library_content(value)
    if library is not None:
        return (kind, *library)
    return (kind, *_attributes(value))


def _library_content(value: Any) -> tuple[Any, ...] | None:
    match type(value):
        case collections.deque:
            return (value.maxlen, *map(signature, value))
        case kind if kind is list:
            return tuple(map(signature, value))
        case kind if kind in (dict, collections.Counter, collections.OrderedDict):
            return _items(value)
        case collections.defaultdict:
            return (value.default_factory, *_items(value))
        case kind if kind in (set, frozenset):
            return tuple(sorted(map(signature, value), key=repr))
        case kind if kind in (bytearray, range, slice, uuid.UUID, dt.date, dt.timedelta):
            return (repr(value),)
        case kind if kind in (dt.datetime, dt.time):
            return (value.replace(tzinfo=None).isoformat(), value.fold, signature(value.tzinfo))
        case dt.timezone:
            return (repr(value),)
        case zoneinfo.ZoneInfo:
            return (value.key,)
        case decimal.Decimal:
            return tuple(value.as_tuple())
        case fractions.Fraction:
            return (value.numerator, value.denominator)
        case array.array:
            return (value.typecode, value.tobytes())
        case kind if kind is memoryview:
            return (value.format, value.shape, value.tobytes())
        case kind if issubclass(kind, pathlib.PurePath):
            return (str(value),)
    return None


def _items(value: Any) -> tuple[Any, ...]:
    return tuple((signature(key), signature(item)) for key, item in value.items())


def _attributes(value: Any) -> tuple[Any, ...]:
    """What an instance of a user's class holds, by name."""
    kind = type(value)
    builtin = any(base.__module__ == "builtins" for base in kind.__mro__[:-1])
    if builtin or kind.__module__.partition(".")[0] in sys.stdlib_module_names:
        raise TypeError(f"no value that crosses the sandbox: {value!r}")
    held = dict(getattr(value, "__dict__", {}))
    for base in kind.__mro__:
        for name, descriptor in vars(base).items():
            if isinstance(descriptor, types.MemberDescriptorType) and hasattr(value, name):
                held[name] = getattr(value, name)
    return tuple((name, signature(held[name])) for name in sorted(held))


def _argument(value: Any) -> Any:
    """The signature of an exception's argument; what cannot cross is replaced by its `repr`."""
    try:
        return signature(value)
    except TypeError:
        return (str, repr(value))


def original(error: BaseException) -> type[BaseException]:
    """The class that the task raised; pools raise a class made from it."""
    return getattr(type(error), "__spm_original__", type(error))


def raised(error: BaseException | None) -> Any:
    """An exception and all that hangs on it."""
    if error is None:
        return None
    kind = original(error)
    lines = tuple(user_lines(error))
    if kind.__name__ == "RemoteException":
        return ("not raised here", error.class_name, str(error), lines)  # type: ignore[attr-defined]
    if not issubclass(kind, Exception) or kind.__name__ in NEVER_RAISED:
        told = f"the task raised {kind.__qualname__}({', '.join(map(repr, error.args))})"
        return ("not raised here", kind.__qualname__, told, lines)
    if issubclass(kind, RecursionError):
        # How deep it went, and in the midst of what, is not the same for two interpreters.
        return (kind, lines[:1])
    state = {
        name: _argument(value)
        for name, value in vars(error).items()
        if name not in ("task", "__notes__", "exceptions")
    }
    fields = {
        name: _argument(getattr(error, name))
        for base, names in FIELDS.items()
        if isinstance(error, base)
        for name in names
        if hasattr(error, name)
    }
    members: tuple[BaseException, ...] = ()
    args = tuple(map(_argument, error.args))
    if isinstance(error, BaseExceptionGroup):
        members = error.exceptions
        args = args[:1]
    return (
        kind,
        ("args", args),
        ("str", str(error)),
        ("state", tuple(sorted({**fields, **state}.items()))),
        ("notes", tuple(getattr(error, "__notes__", ()))),
        ("members", tuple(map(raised, members))),
        ("cause", raised(error.__cause__)),
        ("context", raised(error.__context__)),
        ("suppressed", error.__suppress_context__),
        ("lines", lines),
    )


def user_lines(error: BaseException) -> Iterator[tuple[str, int, str]]:
    """File, line and function of each frame of the corpus that `error` passed, outermost first."""
    entry = error.__traceback__
    while entry is not None:
        code = entry.tb_frame.f_code
        path = Path(code.co_filename)
        own = path.parent == CORPUS and not path.name.startswith("__")
        if own and code.co_name not in INLINED:
            yield path.name, entry.tb_lineno, code.co_qualname
        entry = entry.tb_next


def outcome(call: Callable[[], Any]) -> Outcome:
    """What `call` returns or raises. A coroutine is run to its end."""
    try:
        value = call()
        if inspect.iscoroutine(value):
            value = asyncio.run(value)
    except BaseException as error:
        return ("raised", raised(error))
    return ("returned", signature(value))


def outcomes_of(function: Callable[..., Any], calls: Iterable[tuple[Any, ...]]) -> list[Outcome]:
    """The outcomes of plain calls; each has arguments of its own, which it may change."""
    return [outcome(lambda: function(*copy.deepcopy(args))) for args in calls]
