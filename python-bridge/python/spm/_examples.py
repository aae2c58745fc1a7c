"""Closures for arguments that do not exist yet: results of tasks that are still to run.

A closure is compiled for the types of its arguments. Where an argument is another task's result,
that is the type its parameter is annotated with, or else the type that the other task's closure is
known to return. If neither is known, an interpreting engine takes whatever comes.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import types
import typing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from ._capture_classes import annotations_of
from ._closure import Closure, as_closure
from ._errors import CompileError
from ._specialise import Specialisation
from ._travelled import needs_scientific
from ._types import evaluated_annotations

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._backend import Backend

_NAMES: Final[dict[str, Any]] = {
    **{kind.__name__: kind for kind in (bool, int, float, str, bytes, list, tuple, dict, set)},
    "Never": typing.Never,
    "__builtins__": {},
}
_SCALARS: Final[dict[object, object]] = {
    bool: False,
    int: 1,
    float: 0.5,
    str: "",
    bytes: b"",
    type(None): None,
    None: None,
}


class Unknown:
    """Stands in arguments for a result of which no type is known."""

    def __repr__(self) -> str:
        return "a result"


UNKNOWN: Final = Unknown()


class Awaited:
    """Stands in arguments for a result of this type, by the compiler's name for it."""

    __slots__ = ("type_name",)

    def __init__(self, type_name: str | None) -> None:
        self.type_name = type_name


def prepare(
    backend: Backend, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Make the closure for a call whose arguments may hold `Awaited`.

    Raises CompileError, as `Backend.prepare` does, and where a type is wanted and not known.
    """
    hinted = _hinted(function, args, kwargs)
    if hinted is not None:
        args, kwargs = hinted
    missing: list[str] = []
    made_args = tuple(_filled(value, missing, f"argument {n}") for n, value in enumerate(args))
    made_kwargs = {name: _filled(value, missing, f"`{name}`") for name, value in kwargs.items()}
    if missing:
        closure = as_closure(function)
        if closure._options.engine == "native":
            raise CompileError(
                f"the type of {missing[0]} of `{getattr(function, '__qualname__', function)!s}` is "
                "not known, since it is the result of a task whose type is not known; annotate "
                "the parameter (of classes, dataclasses, named tuples and enumerations will do)"
            )
        function = interpreted(closure, made_args)
    return backend.prepare(function, made_args, made_kwargs)[0]


def interpreted(closure: Closure[..., Any], args: tuple[Any, ...]) -> Closure[..., Any]:
    """Make the same closure for an engine that takes arguments of any type."""
    options = closure._options
    if options.engine != "auto" or closure.engine == "guest":
        return closure
    engine: Any = "scientific" if needs_scientific(closure._compiled, args) else "python"
    return Closure(closure.__wrapped__, replace(options, engine=engine), closure._self)


def result_type(made: Any) -> str | None:
    """Name the type that a prepared closure returns, where it is known."""
    specialisation = getattr(made, "specialisation", made)
    if not isinstance(specialisation, Specialisation):
        return None
    return str(specialisation.component.result)


def example(type_name: str) -> Any:
    """Make a value of a type of the compiler's that names no class of the user's; UNKNOWN if there is none.

    An instance would not say which types its attributes have: only with the annotation of a parameter does the
    compiler read those of its class.
    """
    try:
        kind = eval(type_name, dict(_NAMES))  # noqa: S307 - the compiler's own text
    except (SyntaxError, NameError, TypeError):
        return UNKNOWN
    return example_of(kind)


def example_of(kind: Any) -> Any:
    """Make a value of a type, as annotations write it; UNKNOWN if there is none."""
    try:
        return _made(kind, ())
    except TypeError:
        return UNKNOWN


class _Endless(TypeError):
    """A class that holds instances of itself has no smallest instance this way."""


def _made(kind: Any, within: tuple[type, ...]) -> Any:
    if kind in _SCALARS:
        return _SCALARS[kind]
    origin, items = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _one_of(items, within)
    if origin in (typing.Annotated, typing.Final) and items:
        return _made(items[0], within)
    if origin in (list, set, dict):
        if items[0] is typing.Never:
            return origin()
        try:
            made = [_made(item, within) for item in items]
        except _Endless:
            return origin()
        return {made[0]: made[1]} if origin is dict else origin(made)
    if origin is tuple:
        if items[1:] == (Ellipsis,):
            return (_made(items[0], within),) * 3
        return tuple([_made(item, within) for item in items])
    if isinstance(kind, type):
        return _instance(kind, within)
    raise TypeError(f"no example of {kind!r}")


def _one_of(members: tuple[Any, ...], within: tuple[type, ...]) -> Any:
    """Make a value of the first of these types that has one; None is the last resort."""
    for member in members:
        if member is not type(None):
            try:
                return _made(member, within)
            except _Endless:
                continue
    if type(None) in members:
        return None
    raise _Endless(f"no example of {members!r}")


def _instance(class_: type, within: tuple[type, ...]) -> Any:
    """Make an instance of a class whose attributes are those it has annotations for. None of its code runs."""
    if class_ in within:
        raise _Endless(f"no example of {class_!r}")
    if issubclass(class_, enum.Enum):
        for member in class_:
            return member
    inner = (*within, class_)
    annotations = annotations_of(class_)
    if issubclass(class_, tuple) and hasattr(class_, "_fields"):
        fields = [_made(annotations.get(name), inner) for name in class_._fields]
        return tuple.__new__(class_, fields)
    if not dataclasses.is_dataclass(class_) or class_.__new__ is not object.__new__:
        # What attributes it has, only its code knows.
        raise TypeError(f"no example of {class_!r}")
    made = object.__new__(class_)
    for name, annotation in annotations.items():
        if typing.get_origin(annotation) is not typing.ClassVar:
            object.__setattr__(made, name, _made(annotation, inner))
    return made


def _hinted(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Put examples of annotated types where arguments are, or hold, results."""
    plain = getattr(function, "__spm_function__", function)
    if not isinstance(plain, types.FunctionType):
        return None
    hints = evaluated_annotations(plain)
    if not hints:
        return None
    parameters = list(inspect.signature(plain).parameters.values())
    positional = [
        parameter.name
        for parameter in parameters
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    skipped = len(getattr(function, "_self", ()))
    made = list(args)
    for place, value in enumerate(args):
        if _is_awaited(value) and place + skipped < len(positional):
            made[place] = _by_hint(hints.get(positional[place + skipped], ...), value)
    words = {
        name: _by_hint(hints.get(name, ...), value) if _is_awaited(value) else value
        for name, value in kwargs.items()
    }
    return tuple(made), words


def _by_hint(hint: Any, value: Any) -> Any:
    if hint is Ellipsis:
        return value
    found = example_of(hint)
    return value if found is UNKNOWN else found


def _is_awaited(value: Any) -> bool:
    kind = type(value)
    if kind is Awaited:
        return True
    if kind in (list, tuple):
        return any(map(_is_awaited, value))
    return kind is dict and any(map(_is_awaited, value.values()))


def _filled(value: Any, missing: list[str], what: str) -> Any:
    kind = type(value)
    if kind is Awaited:
        found = UNKNOWN if value.type_name is None else example(value.type_name)
        if found is UNKNOWN:
            missing.append(what)
            return None
        return found
    if kind is list:
        return [_filled(item, missing, what) for item in value]
    if kind is tuple:
        return tuple([_filled(item, missing, what) for item in value])
    if kind is dict:
        return {key: _filled(item, missing, what) for key, item in value.items()}
    return value
