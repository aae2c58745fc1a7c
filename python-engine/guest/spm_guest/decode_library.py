"""From CBOR to Python objects: the standard library's types. Importing this adds them."""

import os
import pathlib
from array import array
from collections import Counter, OrderedDict, defaultdict, deque
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from . import tags
from .decode import TAGGED, Decoder, surrogate_text
from .encode import BYTES_ARE_REVERSED
from .encode_library import EPOCH_ORDINAL
from .limits import DECIMAL_BYTES_MAX, DIMENSIONS_MAX

_DAY: Final = timedelta(days=1)
_EXPONENT_MAX: Final = 999_999_999_999_999_999
_EXPONENT_MIN: Final = -1_999_999_999_999_999_997
_ZONE_KEY_BYTES_MAX: Final = 255
_ZONE_CHARACTERS: Final = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_+-"
)


def _complex(decoder: Decoder) -> complex:
    decoder.array_of(2)
    made = complex(decoder.real(), decoder.real())
    decoder.close()
    return made


def _bytearray(decoder: Decoder) -> bytearray:
    return bytearray(decoder.byte_string())


def _elements(decoder: Decoder) -> list[Any]:
    length = decoder.array()
    previous = b""
    found = []
    for _ in range(length):
        start = decoder.at
        found.append(decoder.value())
        encoded = decoder.data[start : decoder.at]
        if encoded < previous:
            decoder.fail("the elements of a set are out of order")
        previous = encoded
    decoder.close()
    return found


def _set(decoder: Decoder) -> "set[Any]":
    found = _elements(decoder)
    made: set[Any] = decoder.made(set, found)
    if len(made) != len(found):
        decoder.fail("an entry comes twice")
    return made


def _frozenset(decoder: Decoder) -> "frozenset[Any]":
    found = _elements(decoder)
    made: frozenset[Any] = decoder.made(frozenset, found)
    if len(made) != len(found):
        decoder.fail("an entry comes twice")
    return made


def _range(decoder: Decoder) -> range:
    decoder.array_of(3)
    start, stop, step = decoder.big(), decoder.big(), decoder.big()
    if step == 0:
        decoder.fail("a range has step 0")
    decoder.close()
    return range(start, stop, step)


def _slice(decoder: Decoder) -> "slice[Any, Any, Any]":
    decoder.array_of(3)
    made = slice(decoder.value(), decoder.value(), decoder.value())
    decoder.close()
    return made


def _deque(decoder: Decoder) -> "deque[Any]":
    decoder.array_of(2)
    length_max = None if decoder.none() else decoder.int_64()
    if length_max is not None and length_max < 0:
        decoder.expected("a length")
    found = decoder.values()
    if length_max is not None and length_max < len(found):
        decoder.fail("a deque is longer than its limit")
    decoder.close()
    made: deque[Any] = decoder.made(deque, found, length_max)
    return made


def _counter(decoder: Decoder) -> "Counter[Any]":
    made: Counter[Any] = Counter()
    # `Counter(map)` would add; an empty one filled as a dict is the same.
    dict.update(made, decoder.entries())
    return made


def _ordered_dict(decoder: Decoder) -> "OrderedDict[Any, Any]":
    return OrderedDict(decoder.entries())


def _default_dict(decoder: Decoder) -> "defaultdict[Any, Any]":
    decoder.array_of(2)
    factory = None
    if not decoder.none():
        factory = tags.FACTORIES.get(decoder.text())
        if factory is None:
            decoder.expected("the name of a builtin factory")
    made: defaultdict[Any, Any] = defaultdict(factory, decoder.entries())
    decoder.close()
    return made


def _date(decoder: Decoder) -> date:
    days = decoder.small(-(1 << 31), (1 << 31) - 1) + EPOCH_ORDINAL
    if not 1 <= days <= date.max.toordinal():
        decoder.fail("a date is out of range")
    return date.fromordinal(days)


def _of_day(decoder: Decoder) -> tuple[list[int], int, Any]:
    parts = [decoder.small(0, most) for most in (0xFF, 0xFF, 0xFF, 0xFFFFFFFF)]
    fold = decoder.int_64()
    if fold not in {0, 1}:
        decoder.fail("a fold is neither 0 nor 1")
    if any(part > most for part, most in zip(parts, (23, 59, 59, 999_999), strict=True)):
        decoder.fail("a time of day is out of range")
    zone = None
    if not decoder.none():
        read = {tags.TIMEZONE: _timezone, tags.ZONE_INFO: _zone_info}.get(_next_tag(decoder) or 0)
        if read is None:
            decoder.expected("a time zone")
        zone = read(decoder)
    return parts, fold, zone


def _next_tag(decoder: Decoder) -> int | None:
    if decoder.at < len(decoder.data) and decoder.data[decoder.at] >> 5 == 6:
        return decoder.tag()
    decoder.value()
    return None


def _time(decoder: Decoder) -> time:
    decoder.array_of(6)
    parts, fold, zone = _of_day(decoder)
    decoder.close()
    hour, minute, second, microsecond = parts
    return time(hour, minute, second, microsecond, zone, fold=fold)


def _datetime(decoder: Decoder) -> datetime:
    decoder.array_of(9)
    day = [decoder.small(0, most) for most in (0xFFFF, 0xFF, 0xFF)]
    parts, fold, zone = _of_day(decoder)
    decoder.close()
    try:
        date(*day)
    except ValueError:
        decoder.fail("a date is out of range")
    made: datetime = decoder.made(datetime, *day, *parts, fold=fold, tzinfo=zone)
    return made


def _timedelta(decoder: Decoder) -> timedelta:
    decoder.array_of(3)
    days = decoder.small(-(1 << 31), (1 << 31) - 1)
    seconds, microseconds = decoder.small(0, 0xFFFFFFFF), decoder.small(0, 0xFFFFFFFF)
    decoder.close()
    if abs(days) > 999_999_999 or seconds >= 86_400 or microseconds >= 1_000_000:
        decoder.fail("a timedelta is out of range")
    return timedelta(days, seconds, microseconds)


def _timezone(decoder: Decoder) -> timezone:
    decoder.array_of(2)
    microseconds = decoder.int_64()
    name = None if decoder.none() else decoder.any_text()
    decoder.close()
    if abs(microseconds) >= 86_400_000_000:
        decoder.fail("a time zone is a day or more away")
    offset = timedelta(microseconds=microseconds)
    # One object, as in Python, if it is UTC.
    return timezone(offset) if name is None else timezone(offset, name)


def _zone_info(decoder: Decoder) -> ZoneInfo:
    key = decoder.text()
    plain = key and len(key) <= _ZONE_KEY_BYTES_MAX and key[0] != "/"
    if not plain or not _ZONE_CHARACTERS.issuperset(key):
        decoder.fail("a time zone has a key that is no zone's")
    made: ZoneInfo = decoder.made(ZoneInfo, key)
    return made


def _coefficient(decoder: Decoder) -> int:
    found = decoder.big()
    magnitude = found if found >= 0 else ~found
    length = (magnitude.bit_length() + 7) // 8
    if length > DECIMAL_BYTES_MAX:
        decoder.fail(f"an int has {length} bytes, which is too many")
    return found


def _decimal(decoder: Decoder) -> Decimal:
    decoder.array_of(2)
    exponent, coefficient = decoder.int_64(), _coefficient(decoder)
    decoder.close()
    return _made_decimal(decoder, coefficient < 0, abs(coefficient), exponent)


def _decimal_special(decoder: Decoder) -> Decimal:
    decoder.array_of(3)
    negative = decoder.truth()
    exponent = decoder.value()
    if type(exponent) is not int and exponent not in {"F", "n", "N"}:
        decoder.expected("an exponent")
    coefficient = _coefficient(decoder)
    decoder.close()
    if coefficient < 0:
        decoder.fail("a coefficient is negative")
    if exponent == "F" and coefficient:
        decoder.fail("an infinity has digits")
    if type(exponent) is int and not (negative and coefficient == 0):
        decoder.fail("not the shortest encoding")
    return _made_decimal(decoder, negative, coefficient, exponent)


def _made_decimal(
    decoder: Decoder,
    negative: bool,
    coefficient: int,
    exponent: "int | str",
) -> Decimal:
    digits: tuple[int, ...] = ()
    if coefficient or isinstance(exponent, int):
        digits = _digits(coefficient)
    if isinstance(exponent, int):
        top = exponent + len(digits) - 1 if coefficient else exponent
        if exponent < _EXPONENT_MIN or top > _EXPONENT_MAX:
            decoder.fail("a decimal's exponent is out of range")
    made: Decimal = decoder.made(Decimal, (int(negative), digits, exponent))
    return made


def _digits(number: int) -> tuple[int, ...]:
    # Not by way of `str`, which Python limits to 4300 digits; halves, because it is not linear.
    if number < 10**18:
        return tuple(map(int, str(number)))
    half = int(number.bit_length() * 0.30103) // 2
    high, low = divmod(number, 10**half)
    tail = _digits(low)
    return _digits(high) + (0,) * (half - len(tail)) + tail


def _fraction(decoder: Decoder) -> Fraction:
    decoder.array_of(2)
    numerator, denominator = decoder.big(), decoder.big()
    decoder.close()
    if denominator <= 0:
        decoder.fail("a denominator is not above 0")
    return Fraction(numerator, denominator)


def _uuid(decoder: Decoder) -> UUID:
    data = decoder.byte_string()
    if len(data) != 16:
        decoder.expected("16 bytes")
    return UUID(bytes=data)


def _path(decoder: Decoder) -> pathlib.PurePath:
    decoder.array_of(2)
    flavour = decoder.int_64()
    if not 0 <= flavour <= 3:
        decoder.expected("a flavour of path")
    text = decoder.any_text()
    decoder.close()
    windows = os.name == "nt"
    if flavour == 0 and not windows:
        return pathlib.PosixPath(text)
    if flavour == 1 and windows:
        return pathlib.WindowsPath(text)
    # A path of the other system cannot be made here; the pure one can do the rest.
    return pathlib.PureWindowsPath(text) if flavour & 1 else pathlib.PurePosixPath(text)


def typed_array(decoder: Decoder, tag: int) -> tuple[tags.Number, memoryview]:
    """Read a typed array of RFC 8746 whose tag has been read; its elements stay where they are."""
    number = tags.NUMBERS.get(tag)
    if number is None:
        decoder.expected("a typed array")
    data = decoder.byte_view()
    if len(data) % number.size:
        decoder.fail("a typed array ends inside an element")
    return number, data


def shape_of(decoder: Decoder) -> list[int]:
    """Read the dimensions of an array or memoryview."""
    dimensions = decoder.array()
    if dimensions > DIMENSIONS_MAX:
        decoder.fail("an array has too many dimensions")
    shape = [decoder.small(0, (1 << 63) - 1) for _ in range(dimensions)]
    decoder.close()
    return shape


def elements_in(shape: list[int], size: int) -> int | None:
    """Count the elements of a shape, or None if so many of `size` bytes cannot exist."""
    product, count = size, 1
    for dimension in shape:
        product *= max(dimension, 1)
        count *= dimension
    return count if product < 1 << 63 else None


def _one_character(decoder: Decoder) -> str:
    text = decoder.text()
    if len(text) != 1:
        decoder.expected("one character")
    return text


_ARRAY_CODES: Final = {
    "b": ("i1",),
    "B": ("u1",),
    "h": ("i2",),
    "H": ("u2",),
    "i": ("i4",),
    "I": ("u4",),
    "l": ("i4", "i8"),
    "L": ("u4", "u8"),
    "q": ("i8",),
    "Q": ("u8",),
    "f": ("f4",),
    "d": ("f8",),
}


def _array(decoder: Decoder) -> "array[Any]":
    decoder.array_of(2)
    code = _one_character(decoder)
    text = None
    if decoder.at < len(decoder.data) and decoder.data[decoder.at] >> 5 == 6:
        tag = decoder.tag()
        if tag == tags.SURROGATE_TEXT:
            text = surrogate_text(decoder)
        else:
            number, data = typed_array(decoder, tag)
    else:
        text = decoder.text()
    decoder.close()
    if text is not None:
        if code not in {"u", "w"}:
            decoder.fail("an array's typecode does not fit its items")
        made: array[Any] = decoder.made(array, code, text)
        return made
    little = number.is_little_endian or number.size == 1
    if not little or number.numpy_code not in _ARRAY_CODES.get(code, ()):
        decoder.fail("an array's typecode does not fit its items")
    numbers: array[Any] = array(code)
    if numbers.itemsize == number.size:
        numbers.frombytes(data)
        if not BYTES_ARE_REVERSED:
            numbers.byteswap()
        return numbers
    # `l` and `L` are as wide as the C compiler of the sender's Python had them.
    for at in range(0, len(data), number.size):
        item = data[at : at + number.size]
        decoder.made(numbers.append, int.from_bytes(item, "little", signed=number.is_signed))
    return numbers


_FORMAT_SIZES: Final = {
    **dict.fromkeys("cbB?", (1,)),
    **dict.fromkeys("hHe", (2,)),
    **dict.fromkeys("iIf", (4,)),
    **dict.fromkeys("lLnN", (4, 8)),
    **dict.fromkeys("qQd", (8,)),
}


def _memoryview(decoder: Decoder) -> memoryview:
    decoder.array_of(3)
    code = _one_character(decoder)
    shape = shape_of(decoder)
    data = decoder.byte_string()
    decoder.close()
    sizes = _FORMAT_SIZES.get(code, ())
    counts = [(elements_in(shape, size), size) for size in sizes]
    if not any(count is not None and count * size == len(data) for count, size in counts):
        decoder.fail("a memoryview's format and shape do not fit its bytes")
    flat = memoryview(data)
    # `cast` takes no shape that has a zero in it, and needs none here.
    made: memoryview = (
        decoder.made(flat.cast, code) if len(shape) == 1 else decoder.made(flat.cast, code, shape)
    )
    return made


TAGGED.update(
    {
        tags.COMPLEX: _complex,
        tags.BYTEARRAY: _bytearray,
        tags.SET: _set,
        tags.FROZENSET: _frozenset,
        tags.RANGE: _range,
        tags.SLICE: _slice,
        tags.DEQUE: _deque,
        tags.COUNTER: _counter,
        tags.ORDERED_DICT: _ordered_dict,
        tags.DEFAULT_DICT: _default_dict,
        tags.DATE: _date,
        tags.TIME: _time,
        tags.DATETIME: _datetime,
        tags.TIMEDELTA: _timedelta,
        tags.TIMEZONE: _timezone,
        tags.ZONE_INFO: _zone_info,
        tags.DECIMAL: _decimal,
        tags.DECIMAL_SPECIAL: _decimal_special,
        tags.FRACTION: _fraction,
        tags.UUID: _uuid,
        tags.PATH: _path,
        tags.ARRAY: _array,
        tags.MEMORYVIEW: _memoryview,
    }
)
