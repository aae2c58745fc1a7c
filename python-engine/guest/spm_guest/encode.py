"""From Python objects to CBOR: the builtin types, which almost all values are made of.

The bytes are those that `python-bridge/src/codec` writes; a property test holds the two together.
A task's time is spent here in good part, so the frequent types come first and runs of numbers are
written as a whole.
"""

from array import array
from struct import Struct
from typing import TYPE_CHECKING, Any, Final

from . import tags
from .classes import EMPTY, ClassTable
from .limits import DEPTH_MAX, INT_BYTES_MAX, VALUE_BYTES_MAX
from .refusal import Refused, short_repr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_BYTE: Final = Struct(">BB").pack
_SHORT: Final = Struct(">BH").pack
_WORD: Final = Struct(">BI").pack
_LONG: Final = Struct(">BQ").pack
_FLOAT: Final = Struct(">Bd").pack
_ONE_BYTE: Final = tuple(bytes((byte,)) for byte in range(256))
_FLOATS: Final = {float}
_INTS: Final = {int}
_SIXTY_FOUR_BITS: Final = 1 << 64
# From so many floats on, an array and nine slices are quicker than a loop.
_FLOATS_IN_BULK: Final = 8


def head(major: int, argument: int) -> bytes:
    """Write the beginning of an item of `major` type (already shifted), in the shortest form."""
    if argument < 24:
        return _ONE_BYTE[major | argument]
    if argument < 0x100:
        return _BYTE(major | 24, argument)
    if argument < 0x10000:
        return _SHORT(major | 25, argument)
    if argument < 0x100000000:
        return _WORD(major | 26, argument)
    return _LONG(major | 27, argument)


def int_item(value: int) -> bytes:
    """Write an int of any size."""
    if value >= 0:
        if value < _SIXTY_FOUR_BITS:
            return head(0, value)
        return head(0xC0, tags.BIGNUM) + _big(value)
    value = ~value
    if value < _SIXTY_FOUR_BITS:
        return head(0x20, value)
    return head(0xC0, tags.BIGNUM_NEGATIVE) + _big(value)


def _big(magnitude: int) -> bytes:
    length = (magnitude.bit_length() + 7) // 8
    return head(0x40, length) + magnitude.to_bytes(length, "big")


def text_item(text: str) -> bytes:
    """Write a str."""
    try:
        data = text.encode()
    except UnicodeEncodeError:
        data = text.encode("utf-8", "surrogatepass")
        return head(0xC0, tags.SURROGATE_TEXT) + head(0x40, len(data)) + data
    return head(0x60, len(data)) + data


TUPLE_TAG: Final = head(0xC0, tags.TUPLE)


class Encoder:
    """Appends Python objects to `out`."""

    __slots__ = ("ancestors", "out", "table")

    def __init__(self, table: ClassTable) -> None:
        """Begin; instances may be of the classes in `table`."""
        self.out = bytearray()
        self.table = table
        # Identities of the containers that are open: to tell a cycle from a value that is deep.
        self.ancestors: list[int] = []

    def value(self, value: Any) -> None:
        """Append one value."""
        write = WRITERS.get(type(value))
        if write is None:
            write = other_writer(type(value))
        write(self, value)

    def begin(self, container: Any, levels: int = 1) -> None:
        """Open `levels` arrays or maps for `container`."""
        ancestors = self.ancestors
        if len(ancestors) + levels > DEPTH_MAX:
            if id(container) in ancestors:
                raise Refused("a value that contains itself cannot cross the sandbox")
            raise Refused(f"a value nested deeper than {DEPTH_MAX} cannot cross the sandbox")
        ancestors.extend((id(container),) * levels)

    def end(self, levels: int = 1) -> None:
        """Close what `begin` opened. (Not after a refusal: that ends the encoder.)"""
        del self.ancestors[-levels:]
        if len(self.out) > VALUE_BYTES_MAX:
            raise too_long()

    def leaf(self, value: Any, tag: int, length: int) -> None:
        """Open a tagged array of `length` items for `value`."""
        self.begin(value)
        self.out += head(0xC0, tag)
        self.out += head(0x80, length)

    def items(self, items: "Iterable[Any]") -> None:
        """Append the items of a sequence."""
        value = self.value
        index = 0
        try:
            for item in items:
                value(item)
                index += 1
        except Refused as refusal:
            raise refusal.within(f"[{index}]") from None

    def pairs(self, length: int, pairs: "Iterable[tuple[Any, Any]]") -> None:
        """Append a map of `length` entries."""
        self.out += head(0xA0, length)
        seen = 0
        for key, item in pairs:
            seen += 1
            try:
                self.value(key)
            except Refused as refusal:
                raise refusal.within(f", key {short_repr(key)}") from None
            try:
                self.value(item)
            except Refused as refusal:
                raise refusal.within(f"[{short_repr(key)}]") from None
        if seen != length:
            raise changed()

    def attribute(self, name: str, value: Any) -> None:
        """Append what a refusal calls the attribute `name`."""
        try:
            self.value(value)
        except Refused as refusal:
            raise refusal.within(f".{name}") from None

    def tagged_bytes(self, tag: int, data: bytes | memoryview) -> None:
        """Append a tagged byte string."""
        self.out += head(0xC0, tag)
        self.out += head(0x40, len(data))
        self.out += data


def changed() -> Refused:
    """Make the refusal of what changes under our hands."""
    return Refused("the value changed while it was encoded")


def too_long() -> Refused:
    """Make the refusal of what is too long."""
    return Refused(f"a value of more than {VALUE_BYTES_MAX} bytes cannot cross the sandbox")


def _none(encoder: Encoder, value: None) -> None:
    del value
    encoder.out.append(0xF6)


def _bool(encoder: Encoder, value: bool) -> None:
    encoder.out.append(0xF5 if value else 0xF4)


def _int(encoder: Encoder, value: int) -> None:
    if 0 <= value < 24:
        encoder.out.append(value)
    else:
        if value.bit_length() // 8 >= INT_BYTES_MAX:
            raise Refused("an int of so many digits cannot cross the sandbox")
        encoder.out += int_item(value)


def _float(encoder: Encoder, value: float) -> None:
    encoder.out += _FLOAT(0xFB, value)


def _str(encoder: Encoder, value: str) -> None:
    encoder.out += text_item(value)
    if len(encoder.out) > VALUE_BYTES_MAX:
        raise too_long()


def _bytes(encoder: Encoder, value: bytes) -> None:
    encoder.out += head(0x40, len(value))
    encoder.out += value
    if len(encoder.out) > VALUE_BYTES_MAX:
        raise too_long()


def _list(encoder: Encoder, value: list[Any]) -> None:
    encoder.begin(value)
    length = len(value)
    encoder.out += head(0x80, length)
    if length:
        kinds = set(map(type, value))
        if kinds == _FLOATS:
            _run_of_floats(encoder.out, value)
        elif kinds == _INTS:
            _run_of_ints(encoder, value)
        else:
            encoder.items(value)
        if len(value) != length:
            raise changed()
    encoder.end()


def _tuple(encoder: Encoder, value: tuple[Any, ...]) -> None:
    encoder.begin(value)
    encoder.out += TUPLE_TAG
    encoder.out += head(0x80, len(value))
    encoder.items(value)
    encoder.end()


def _run_of_floats(out: bytearray, value: list[float]) -> None:
    if len(value) < _FLOATS_IN_BULK:
        for item in value:
            out += _FLOAT(0xFB, item)
        return
    numbers = array("d", value)
    if BYTES_ARE_REVERSED:
        numbers.byteswap()
    data = numbers.tobytes()
    start = len(out)
    out += b"\xfb" * (9 * len(value))
    for at in range(8):
        out[start + 1 + at :: 9] = data[at::8]


def _run_of_ints(encoder: Encoder, value: list[int]) -> None:
    if min(value) >= 0 and max(value) < 24:
        encoder.out += bytes(value)
        return
    if max(map(int.bit_length, value)) <= 64:
        encoder.out += b"".join(map(int_item, value))
    else:
        encoder.items(value)


def _dict(encoder: Encoder, value: dict[Any, Any]) -> None:
    encoder.begin(value)
    # A copy: to encode an item may run code that changes the dict.
    encoder.pairs(len(value), list(value.items()))
    encoder.end()


BYTES_ARE_REVERSED: Final = array("H", [1]).tobytes() == b"\x01\x00"

WRITERS: "dict[type, Callable[[Encoder, Any], None]]" = {
    int: _int,
    float: _float,
    str: _str,
    bool: _bool,
    type(None): _none,
    list: _list,
    tuple: _tuple,
    dict: _dict,
    bytes: _bytes,
}
"""By exact type. `encode_library` adds those of the standard library."""


def other_writer(kind: type) -> "Callable[[Encoder, Any], None]":
    """Find the writer of values whose exact type is not in the table."""
    from .encode_classes import writer_of  # it needs this module

    return writer_of(kind)


def encode(value: Any, table: ClassTable = EMPTY, root: str = "the value") -> bytes:
    """Encode one value. `root` is what messages call it."""
    if type(value) is int and 0 <= value < 24:
        return _ONE_BYTE[value]
    encoder = Encoder(table)
    try:
        encoder.value(value)
    except Refused as refusal:
        raise refusal.error(root) from None
    return bytes(encoder.out)
