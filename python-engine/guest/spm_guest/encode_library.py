"""From Python objects to CBOR: the standard library's types. Importing this adds them."""

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
from .encode import (
    BYTES_ARE_REVERSED,
    WRITERS,
    Encoder,
    head,
    int_item,
    text_item,
)
from .limits import DECIMAL_BYTES_MAX
from .refusal import Refused, short_repr

EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
_FORMATS: Final = frozenset("cbB?hHiIlLqQnNfd")
_FLOAT: Final = WRITERS[float]


def _complex(encoder: Encoder, value: complex) -> None:
    encoder.leaf(value, tags.COMPLEX, 2)
    _FLOAT(encoder, value.real)
    _FLOAT(encoder, value.imag)
    encoder.end()


def _bytearray(encoder: Encoder, value: bytearray) -> None:
    encoder.tagged_bytes(tags.BYTEARRAY, bytes(value))


def _set(encoder: Encoder, value: "set[Any] | frozenset[Any]") -> None:
    encoder.begin(value)
    out = encoder.out
    # A copy: to encode an element may run code that changes the set.
    elements = list(value)
    out += head(0xC0, tags.SET if type(value) is set else tags.FROZENSET)
    out += head(0x80, len(elements))
    start = at = len(out)
    encoded = []
    for element in elements:
        try:
            encoder.value(element)
        except Refused as refusal:
            raise refusal.within(f", element {short_repr(element)}") from None
        encoded.append(bytes(out[at:]))
        at = len(out)
    encoded.sort()
    out[start:] = b"".join(encoded)
    encoder.end()


def _attributes(tag: int, *names: str) -> Any:
    def write(encoder: Encoder, value: Any) -> None:
        encoder.leaf(value, tag, len(names))
        for name in names:
            encoder.attribute(name, getattr(value, name))
        encoder.end()

    return write


def _memoryview(encoder: Encoder, value: memoryview) -> None:
    shape = list(value.shape or ())
    single = value.format.lstrip("@")
    empty_grid = len(shape) != 1 and 0 in shape
    if len(single) != 1 or single not in _FORMATS or empty_grid:
        raise Refused(
            f"a `memoryview` of format `{value.format}` and shape {shape} cannot cross the sandbox"
        )
    encoder.begin(value, 2)
    out = encoder.out
    out += head(0xC0, tags.MEMORYVIEW) + head(0x80, 3) + text_item(value.format)
    out += head(0x80, len(shape)) + b"".join(map(int_item, shape))
    data = value.tobytes()
    out += head(0x40, len(data)) + data
    encoder.end(2)


def _deque(encoder: Encoder, value: "deque[Any]") -> None:
    encoder.begin(value, 2)
    encoder.out += head(0xC0, tags.DEQUE) + head(0x80, 2)
    encoder.value(value.maxlen)
    items = list(value)
    encoder.out += head(0x80, len(items))
    encoder.items(items)
    encoder.end(2)


def _counter(encoder: Encoder, value: "Counter[Any]") -> None:
    encoder.begin(value)
    encoder.out += head(0xC0, tags.COUNTER)
    encoder.pairs(len(value), list(value.items()))
    encoder.end()


def _ordered_dict(encoder: Encoder, value: "OrderedDict[Any, Any]") -> None:
    encoder.begin(value)
    encoder.out += head(0xC0, tags.ORDERED_DICT)
    encoder.pairs(len(value), list(value.items()))
    encoder.end()


def _default_dict(encoder: Encoder, value: "defaultdict[Any, Any]") -> None:
    factory = value.default_factory
    name = None
    if factory is not None:
        name = next((name for name, known in tags.FACTORIES.items() if known is factory), None)
        if name is None:
            raise Refused(
                "a `defaultdict` whose factory is no builtin cannot cross the sandbox"
            ).within(".default_factory")
    encoder.begin(value, 2)
    encoder.out += head(0xC0, tags.DEFAULT_DICT) + head(0x80, 2)
    encoder.value(name)
    encoder.pairs(len(value), list(value.items()))
    encoder.end(2)


def _date(encoder: Encoder, value: date) -> None:
    encoder.out += head(0xC0, tags.DATE) + int_item(value.toordinal() - EPOCH_ORDINAL)


def _timezone(encoder: Encoder, value: timezone) -> None:
    # The offset, and the name if it was given one.
    given = value.__getinitargs__()  # type: ignore[attr-defined]
    encoder.leaf(value, tags.TIMEZONE, 2)
    encoder.out += int_item(given[0] // timedelta(microseconds=1))
    encoder.value(given[1] if len(given) > 1 else None)
    encoder.end()


def _zone_info(encoder: Encoder, value: ZoneInfo) -> None:
    if value.key is None:
        raise Refused("a `ZoneInfo` without a key cannot cross the sandbox")
    encoder.out += head(0xC0, tags.ZONE_INFO)
    encoder.value(value.key)


def _decimal(encoder: Encoder, value: Decimal) -> None:
    sign, digits, exponent = value.as_tuple()
    coefficient = _coefficient(digits)
    if coefficient.bit_length() // 8 >= DECIMAL_BYTES_MAX:
        raise Refused("a `Decimal` of so many digits cannot cross the sandbox")
    if isinstance(exponent, int) and (coefficient or not sign):
        encoder.leaf(value, tags.DECIMAL, 2)
        encoder.out += int_item(exponent) + int_item(-coefficient if sign else coefficient)
    else:
        # Minus zero, the infinities and NaNs, whose exponent is a letter.
        encoder.leaf(value, tags.DECIMAL_SPECIAL, 3)
        encoder.value(bool(sign))
        encoder.value(exponent)
        encoder.out += int_item(coefficient)
    encoder.end()


def _coefficient(digits: tuple[int, ...]) -> Any:
    # Not by way of `str`, which Python limits to 4300 digits; halves, because it is not linear.
    if len(digits) > 18:
        middle = len(digits) // 2
        low = digits[middle:]
        return _coefficient(digits[:middle]) * 10 ** len(low) + _coefficient(low)
    number = 0
    for digit in digits:
        number = number * 10 + digit
    return number


def _uuid(encoder: Encoder, value: UUID) -> None:
    encoder.tagged_bytes(tags.UUID, value.bytes)


def _path(flavour: int) -> Any:
    def write(encoder: Encoder, value: pathlib.PurePath) -> None:
        encoder.leaf(value, tags.PATH, 2)
        encoder.out.append(flavour)
        encoder.value(str(value))
        encoder.end()

    return write


def _array(encoder: Encoder, value: "array[Any]") -> None:
    code = value.typecode
    encoder.leaf(value, tags.ARRAY, 2)
    encoder.out += text_item(code)
    if code in {"u", "w"}:
        encoder.value(value.tounicode())
    else:
        kind = "f" if code in {"f", "d"} else "u" if code.isupper() else "i"
        tag = tags.number_tag(kind, value.itemsize, big_endian=not BYTES_ARE_REVERSED)
        if tag is None:
            raise Refused(f"an `array` of type `{code}` cannot cross the sandbox")
        encoder.tagged_bytes(tag, value.tobytes())
    encoder.end()


_OF_DAY: Final = ("hour", "minute", "second", "microsecond", "fold", "tzinfo")

WRITERS.update(
    {
        complex: _complex,
        bytearray: _bytearray,
        set: _set,
        frozenset: _set,
        range: _attributes(tags.RANGE, "start", "stop", "step"),
        slice: _attributes(tags.SLICE, "start", "stop", "step"),
        memoryview: _memoryview,
        deque: _deque,
        Counter: _counter,
        OrderedDict: _ordered_dict,
        defaultdict: _default_dict,
        date: _date,
        time: _attributes(tags.TIME, *_OF_DAY),
        datetime: _attributes(tags.DATETIME, "year", "month", "day", *_OF_DAY),
        timedelta: _attributes(tags.TIMEDELTA, "days", "seconds", "microseconds"),
        timezone: _timezone,
        ZoneInfo: _zone_info,
        Decimal: _decimal,
        Fraction: _attributes(tags.FRACTION, "numerator", "denominator"),
        UUID: _uuid,
        pathlib.PosixPath: _path(0),
        pathlib.WindowsPath: _path(1),
        pathlib.PurePosixPath: _path(2),
        pathlib.PureWindowsPath: _path(3),
        array: _array,
    }
)
