"""From Python objects to CBOR: instances of the user's classes, numpy's, and the refusals."""

import sys
from enum import Enum
from typing import TYPE_CHECKING, Any

from . import tags
from .classes import attributes, has_builtin_content, is_dataclass, is_plain
from .encode import WRITERS, Encoder, head, int_item
from .refusal import Refused, refused

if TYPE_CHECKING:
    from collections.abc import Callable


def writer_of(kind: type) -> "Callable[[Encoder, Any], None]":
    """Choose by class what can be; what numpy owns is remembered."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and kind.__module__ == "numpy":
        from . import numpy_values  # only where numpy is

        if kind is getattr(numpy, "ndarray", None):
            WRITERS[kind] = numpy_values.encode_array
            return numpy_values.encode_array
        if issubclass(kind, getattr(numpy, "generic", ())):
            WRITERS[kind] = numpy_values.encode_scalar
            return numpy_values.encode_scalar
    if issubclass(kind, Enum):
        return _member
    if is_dataclass(kind):
        return _refuse if has_builtin_content(kind) else _instance
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return _namedtuple
    if is_plain(kind) and kind.__qualname__ != "Closure":
        return _instance
    return _refuse


def _refuse(encoder: Encoder, value: Any) -> None:
    del encoder
    raise refused(value, type(value))


def _class_index(encoder: Encoder, kind: type) -> int:
    index = encoder.table.index.get(kind)
    if index is None:
        raise Refused(
            f"the class `{kind.__qualname__}` cannot cross the sandbox: "
            "the closure does not refer to it"
        )
    return index


def _member(encoder: Encoder, value: Enum) -> None:
    kind = type(value)
    index = _class_index(encoder, kind)
    name = value._name_
    named = name is not None and kind._member_map_.get(name) is value
    encoder.leaf(value, tags.ENUM_NAME if named else tags.ENUM_VALUE, 2)
    encoder.out += int_item(index)
    if named:
        encoder.value(name)
    else:
        encoder.attribute("value", value._value_)
    encoder.end()


def _instance(encoder: Encoder, value: Any) -> None:
    kind = type(value)
    index = _class_index(encoder, kind)
    held = attributes(value, kind)
    encoder.begin(value, 2)
    encoder.out += head(0xC0, tags.DATACLASS) + head(0x80, 2) + int_item(index)
    encoder.out += head(0xA0, len(held))
    for name, attribute in held.items():
        encoder.value(name)
        encoder.attribute(name, attribute)
    encoder.end(2)


def _namedtuple(encoder: Encoder, value: Any) -> None:
    kind = type(value)
    if getattr(value, "__dict__", None):
        raise refused(value, kind)
    index = _class_index(encoder, kind)
    encoder.begin(value, 2)
    encoder.out += head(0xC0, tags.NAMEDTUPLE) + head(0x80, 2) + int_item(index)
    encoder.out += head(0x80, len(value))
    for at, item in enumerate(value):
        try:
            encoder.value(item)
        except Refused as refusal:
            fields = kind._fields
            step = f".{fields[at]}" if at < len(fields) else f"[{at}]"
            raise refusal.within(step) from None
    encoder.end(2)
