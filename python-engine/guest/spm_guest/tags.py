"""The CBOR tags of values: the numbers of `protocol/src/value/tags.rs`, which explains each."""

from typing import Final

BIGNUM: Final = 2
BIGNUM_NEGATIVE: Final = 3
DECIMAL: Final = 4
FRACTION: Final = 30
UUID: Final = 37
NDARRAY: Final = 40
DATE: Final = 100
SET: Final = 258
NDARRAY_FORTRAN: Final = 1040

FAMILY: Final = 0xB100
TUPLE: Final = FAMILY
SURROGATE_TEXT: Final = FAMILY + 0x01
COMPLEX: Final = FAMILY + 0x02
BYTEARRAY: Final = FAMILY + 0x03
FROZENSET: Final = FAMILY + 0x04
RANGE: Final = FAMILY + 0x05
SLICE: Final = FAMILY + 0x06
DEQUE: Final = FAMILY + 0x07
COUNTER: Final = FAMILY + 0x08
ORDERED_DICT: Final = FAMILY + 0x09
DEFAULT_DICT: Final = FAMILY + 0x0A
TIME: Final = FAMILY + 0x10
DATETIME: Final = FAMILY + 0x11
TIMEDELTA: Final = FAMILY + 0x12
TIMEZONE: Final = FAMILY + 0x13
ZONE_INFO: Final = FAMILY + 0x14
DECIMAL_SPECIAL: Final = FAMILY + 0x18
PATH: Final = FAMILY + 0x1C
ENUM_NAME: Final = FAMILY + 0x20
ENUM_VALUE: Final = FAMILY + 0x21
DATACLASS: Final = FAMILY + 0x22
NAMEDTUPLE: Final = FAMILY + 0x23
ARRAY: Final = FAMILY + 0x28
MEMORYVIEW: Final = FAMILY + 0x29
NUMPY_SCALAR: Final = FAMILY + 0x30
NUMPY_BOOL: Final = FAMILY + 0x31
NUMPY_COMPLEX: Final = FAMILY + 0x32
NUMPY_DATETIME: Final = FAMILY + 0x33
NUMPY_TIMEDELTA: Final = FAMILY + 0x34
NUMPY_TEXT: Final = FAMILY + 0x35
NUMPY_BYTES: Final = FAMILY + 0x36

FACTORIES: Final = {
    factory.__name__: factory
    for factory in (
        bool,
        bytearray,
        bytes,
        complex,
        dict,
        float,
        frozenset,
        int,
        list,
        set,
        str,
        tuple,
    )
}
"""What a `defaultdict` may have for a factory, by name."""


def number_tag(kind: str, size: int, *, big_endian: bool) -> int | None:
    """Return the tag of RFC 8746 for numbers of `kind` (`u`, `i` or `f`) of `size` bytes."""
    if size not in {1, 2, 4, 8}:
        return None
    width = size.bit_length() - 1
    order = 0 if big_endian or size == 1 else 4
    if kind == "u":
        return 64 + order + width
    if kind == "i":
        return 72 + order + width
    if kind == "f" and width > 0:
        return 80 + order + width - 1
    return None


class Number:
    """A number format of RFC 8746."""

    __slots__ = ("is_float", "is_little_endian", "is_signed", "numpy_code", "size", "tag")

    def __init__(self, tag: int) -> None:
        """Name the format that `tag`, one of `NUMBERS`, stands for."""
        self.tag = tag
        self.is_float = bool(tag & 16)
        self.is_signed = bool(tag & 8)
        self.is_little_endian = bool(tag & 4)
        self.size = 1 << ((tag & 3) + self.is_float)
        kind = "f" if self.is_float else "i" if self.is_signed else "u"
        self.numpy_code = f"{kind}{self.size}"


NUMBERS: Final = {
    tag: Number(tag) for tag in (*range(64, 68), *range(69, 76), *range(77, 83), *range(84, 87))
}
"""Clamped bytes and floats of 16 bytes, which no Python type has everywhere, are not among them."""
