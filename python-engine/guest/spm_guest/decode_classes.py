"""From CBOR to Python objects: instances of the user's classes. Importing this adds them."""

from enum import Enum, Flag
from typing import TYPE_CHECKING, Any

from . import tags
from .classes import has_builtin_content, instance, is_dataclass, is_plain
from .decode import TAGGED, Decoder

if TYPE_CHECKING:
    from collections.abc import Callable


def _class(decoder: Decoder, fits: "Callable[[type], bool]") -> Any:
    """Enter an array of two, and read the class that it begins with."""
    decoder.array_of(2)
    index = decoder.small(0, 0xFFFFFFFF)
    if index >= len(decoder.table.classes):
        decoder.fail("an index beyond the class table")
    kind = decoder.table.classes[index]
    if kind is None:
        decoder.fail("a class that is not to be had in the sandbox")
    if not fits(kind):
        decoder.fail("a class of another kind than its instance")
    return kind


def _member(decoder: Decoder) -> Any:
    kind = _class(decoder, lambda kind: issubclass(kind, Enum))
    name = decoder.text()
    decoder.close()
    return decoder.made(kind._member_map_.__getitem__, name)


def _combination(decoder: Decoder) -> Any:
    kind = _class(decoder, lambda kind: issubclass(kind, Flag))
    value = decoder.value()
    decoder.close()
    return decoder.made(kind, value)


def is_bag(kind: type) -> bool:
    """Whether instances are made of their attributes."""
    if is_dataclass(kind):
        return not has_builtin_content(kind)
    return is_plain(kind)


def _instance(decoder: Decoder) -> Any:
    kind = _class(decoder, is_bag)
    length = decoder.mapping()
    held = {}
    for _ in range(length):
        name = decoder.text()
        held[name] = decoder.value()
    if len(held) != length:
        decoder.fail("an entry comes twice")
    decoder.close()
    decoder.close()
    try:
        return decoder.made(instance, kind, held)
    except ValueError as error:
        if isinstance(error.__cause__, KeyError):
            decoder.fail("an attribute that the class has no slot for")
        raise


def _is_namedtuple(kind: type) -> bool:
    return issubclass(kind, tuple) and hasattr(kind, "_fields")


def _namedtuple(decoder: Decoder) -> Any:
    kind = _class(decoder, _is_namedtuple)
    found = decoder.values()
    decoder.close()
    if len(kind._fields) != len(found):
        decoder.fail("a namedtuple has the wrong number of items")
    return tuple.__new__(kind, found)


def _ndarray(decoder: Decoder) -> Any:
    from . import numpy_values  # only where numpy is

    return numpy_values.decode_array(decoder, fortran=False)


def _ndarray_fortran(decoder: Decoder) -> Any:
    from . import numpy_values  # only where numpy is

    return numpy_values.decode_array(decoder, fortran=True)


def _numpy_scalar(decoder: Decoder) -> Any:
    from . import numpy_values  # only where numpy is

    return numpy_values.decode_scalar(decoder)


TAGGED.update(
    {
        tags.ENUM_NAME: _member,
        tags.ENUM_VALUE: _combination,
        tags.DATACLASS: _instance,
        tags.NAMEDTUPLE: _namedtuple,
        tags.NDARRAY: _ndarray,
        tags.NDARRAY_FORTRAN: _ndarray_fortran,
        tags.NUMPY_SCALAR: _numpy_scalar,
    }
)
