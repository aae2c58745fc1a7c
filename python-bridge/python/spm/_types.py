"""Types of the native engine: from annotations, and from arguments."""

from __future__ import annotations

import inspect
import types
import typing
from typing import Any, Final

from ._capture_classes import annotations_of
from ._spm import ValueType

if typing.TYPE_CHECKING:
    from collections.abc import Callable

    from ._capture import Gathered

_SCALARS: Final[dict[object, str]] = {
    None: "None",
    type(None): "None",
    bool: "bool",
    int: "int",
    float: "float",
    str: "str",
    bytes: "bytes",
}


def annotated_types(
    function: Callable[..., Any], gathered: Gathered | None = None
) -> dict[str, ValueType]:
    """Find the types that the annotations of the parameters name, where the engine has them.

    Annotations are hints: one that cannot be evaluated, or names something else, says nothing.
    """
    found = {}
    for name, annotation in evaluated_annotations(function).items():
        value_type = value_type_of(annotation, gathered)
        if value_type is not None:
            found[name] = _gathered(function, name, value_type)
    return found


def evaluated_annotations(function: Callable[..., Any]) -> dict[str, Any]:
    """Find the annotations of the parameters. One that is text and cannot be evaluated is Ellipsis."""
    annotations = getattr(function, "__annotations__", {})
    return {
        name: _evaluated(function, annotation) if isinstance(annotation, str) else annotation
        for name, annotation in annotations.items()
        if name != "return"
    }


def _gathered(function: Callable[..., Any], name: str, value_type: ValueType) -> ValueType:
    """Make of the annotation of `*args` and `**kwargs`, which is that of each item, the whole."""
    code = getattr(function, "__code__", None)
    if not isinstance(code, types.CodeType):
        return value_type
    index = code.co_argcount + code.co_kwonlyargcount
    if code.co_flags & inspect.CO_VARARGS:
        if code.co_varnames[index] == name:
            return ValueType("tuple...", value_type)
        index += 1
    if code.co_flags & inspect.CO_VARKEYWORDS and code.co_varnames[index] == name:
        return ValueType("dict", ValueType("str"), value_type)
    return value_type


def _evaluated(function: Callable[..., Any], text: str) -> Any:
    """Evaluate an annotation that is text, in the user's own module, as `typing` does."""
    try:
        return eval(text, dict(getattr(function, "__globals__", {})), _cells(function))  # noqa: S307
    except Exception:  # noqa: BLE001 - whatever it raises, it is no hint
        return Ellipsis


def _cells(function: Callable[..., Any]) -> dict[str, Any]:
    """What an annotation written as text may see of the functions around."""
    try:
        return dict(inspect.getclosurevars(function).nonlocals)
    except (TypeError, ValueError):
        return {}


def value_type_of(annotation: Any, gathered: Gathered | None = None) -> ValueType | None:
    """Translate one annotation, or None if the engine has no such type."""
    try:
        scalar = _SCALARS.get(annotation)
    except TypeError:
        return None
    if scalar is not None:
        return ValueType(scalar)
    if isinstance(annotation, type) and gathered is not None:
        return _instance(annotation, gathered)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return value_type_of(arguments[0], gathered)
    if origin is typing.Final and arguments:
        return value_type_of(arguments[0], gathered)
    if origin in (typing.Union, types.UnionType):
        return _made("union", arguments, gathered)
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return _made("tuple...", arguments[:1], gathered)
        return _made("tuple", arguments, gathered)
    if origin in (list, set, dict) and arguments:
        return _made(origin.__name__, arguments, gathered)
    return None


def _instance(class_: type, gathered: Gathered) -> ValueType | None:
    """The type of instances of a class of the user's, if the engine can have them."""
    known = gathered.class_types.index(class_)
    try:
        gathered.admit(class_)
    except TypeError:
        return None
    index = gathered.class_types.index(class_)
    if index is None:
        return None
    if known is None or index not in gathered.hinted:
        gathered.hinted.add(index)
        for name, annotation in annotations_of(class_).items():
            hint = value_type_of(annotation, gathered)
            if hint is not None:
                gathered.class_types.hint(index, name, hint)
    return gathered.class_types.instance(index)


def _made(
    kind: str, arguments: tuple[Any, ...], gathered: Gathered | None = None
) -> ValueType | None:
    items = [value_type_of(argument, gathered) for argument in arguments]
    known = [item for item in items if item is not None]
    return ValueType(kind, *known) if len(known) == len(items) else None
