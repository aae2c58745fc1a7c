"""numpy's arrays and scalars, where numpy is: the rules of `python-bridge/src/codec/numpy.rs`."""

import sys
from typing import Any, Final, Literal

from . import tags
from .decode import Decoder
from .decode_library import elements_in, shape_of, typed_array
from .encode import Encoder, head, int_item, text_item
from .refusal import Refused

# Below this, a view takes longer to make than a copy.
_VIEW_BYTES_MIN: Final = 4096
_UNITS: Final = frozenset("Y M W D h m s ms us ns ps fs as generic".split())


def encode_array(encoder: Encoder, array: Any) -> None:
    """Append an array."""
    shape, flags = array.shape, array.flags
    fortran = len(shape) >= 2 and flags.f_contiguous and not flags.c_contiguous
    encoder.begin(array, 2)
    encoder.out += head(0xC0, tags.NDARRAY_FORTRAN if fortran else tags.NDARRAY) + head(0x80, 2)
    encoder.out += head(0x80, len(shape)) + b"".join(map(int_item, shape))
    _encode_elements(encoder, array, "F" if fortran else "C")
    encoder.end(2)


def encode_scalar(encoder: Encoder, scalar: Any) -> None:
    """Append a scalar."""
    encoder.begin(scalar, 2)
    encoder.out += head(0xC0, tags.NUMPY_SCALAR)
    _encode_elements(encoder, sys.modules["numpy"].asarray(scalar), "C")
    encoder.end(2)


def _encode_elements(encoder: Encoder, array: Any, order: Literal["C", "F"]) -> None:
    dtype = array.dtype
    kind, size, byteorder = dtype.kind, dtype.itemsize, dtype.byteorder
    big_endian = byteorder == ">" or (byteorder == "=" and sys.byteorder == "big")
    out = encoder.out
    prefix = b""
    tag: int | None = None
    if kind in {"u", "i", "f"}:
        tag = tags.number_tag(kind, size, big_endian=big_endian)
    elif kind == "b":
        tag = tags.NUMPY_BOOL
    elif kind == "c" and size <= 16:
        prefix = head(0xC0, tags.NUMPY_COMPLEX)
        tag = tags.number_tag("f", size // 2, big_endian=big_endian)
    elif kind in {"M", "m"}:
        unit, count = sys.modules["numpy"].datetime_data(dtype)
        prefix = head(0xC0, tags.NUMPY_DATETIME if kind == "M" else tags.NUMPY_TIMEDELTA)
        prefix += head(0x80, 3) + text_item(unit) + int_item(count)
        tag = tags.number_tag("i", 8, big_endian=big_endian)
    elif kind == "U":
        prefix = head(0xC0, tags.NUMPY_TEXT) + head(0x80, 2) + int_item(size // 4)
        tag = tags.number_tag("u", 4, big_endian=big_endian)
    elif kind == "S":
        data = array.tobytes(order)
        out += head(0xC0, tags.NUMPY_BYTES) + head(0x80, 2) + int_item(size)
        out += head(0x40, len(data)) + data
        return
    if tag is None:
        raise Refused(f"a numpy array of `{dtype}` cannot cross the sandbox")
    out += prefix
    encoder.tagged_bytes(tag, _elements_of(array, order))


def _elements_of(array: Any, order: Literal["C", "F"]) -> bytes | memoryview:
    """Find an array's elements in this order: where they are, if they lie so and are many."""
    if array.nbytes >= _VIEW_BYTES_MIN:
        laid = array.T if order == "F" else array
        if laid.flags.c_contiguous:
            return memoryview(laid.reshape(-1).view("u1"))
    elements: bytes = array.tobytes(order)
    return elements


def _numpy() -> Any:
    try:
        import numpy as np  # only where a value takes it
    except ImportError as error:
        raise ImportError(
            "the value holds a numpy array, and numpy cannot be imported here: `pip install numpy`"
        ) from error
    return np


def decode_array(decoder: Decoder, *, fortran: bool) -> Any:
    """Read an array whose tag has been read."""
    decoder.array_of(2)
    shape = shape_of(decoder)
    code, size, data = _elements(decoder)
    decoder.close()
    if size == 0:
        decoder.fail("an array's elements have no width")
    if fortran and len(shape) < 2:
        decoder.fail("Fortran order takes two dimensions")
    count = elements_in(shape, size)
    if count is None or count * size != len(data):
        decoder.fail("an array's shape does not fit its elements")
    # A bytearray makes the array writable, as the one that was sent.
    flat = _numpy().frombuffer(bytearray(data), code)
    return flat.reshape(shape, order="F" if fortran else "C")


def decode_scalar(decoder: Decoder) -> Any:
    """Read a scalar whose tag has been read."""
    code, size, data = _elements(decoder)
    if len(data) != size:
        decoder.fail("a numpy scalar is not one element")
    np = _numpy()
    if size == 0:
        # numpy cannot tell how many of no width there are.
        return np.bytes_() if code.startswith("S") else np.str_()
    return np.frombuffer(bytearray(data), code)[0]


def _elements(decoder: Decoder) -> tuple[str, int, bytes | memoryview]:
    """Read elements: the dtype, the bytes of one, and those of all."""
    data: bytes | memoryview
    tag = decoder.tag()
    if tag == tags.NUMPY_BOOL:
        data = decoder.byte_string()
        if data and max(data) > 1:
            decoder.fail("a bool is not 0 or 1")
        return "?", 1, data
    if tag == tags.NUMPY_COMPLEX:
        number, data = typed_array(decoder, decoder.tag())
        if not number.is_float or number.size < 4:
            decoder.fail("a complex number has parts of another type")
        return _whole(decoder, f"{_order(number)}c{2 * number.size}", 2 * number.size, data)
    if tag in {tags.NUMPY_DATETIME, tags.NUMPY_TIMEDELTA}:
        return _times(decoder, "M" if tag == tags.NUMPY_DATETIME else "m")
    if tag == tags.NUMPY_TEXT:
        decoder.array_of(2)
        width = decoder.small(0, 0xFFFFFFFF)
        number, data = typed_array(decoder, decoder.tag())
        decoder.close()
        if number.numpy_code != "u4":
            decoder.expected("a typed array of uint32")
        order: Literal["little", "big"] = "little" if number.is_little_endian else "big"
        for at in range(0, len(data), 4):
            if int.from_bytes(data[at : at + 4], order) > 0x10FFFF:
                decoder.fail("a character is beyond Unicode")
        return _whole(decoder, f"{_order(number)}U{width}", 4 * width, data)
    if tag == tags.NUMPY_BYTES:
        decoder.array_of(2)
        width = decoder.small(0, 0xFFFFFFFF)
        data = decoder.byte_string()
        decoder.close()
        return _whole(decoder, f"S{width}", width, data)
    number, data = typed_array(decoder, tag)
    return f"{_order(number)}{number.numpy_code}", number.size, data


def _order(number: tags.Number) -> str:
    return "<" if number.is_little_endian else ">"


def _whole(
    decoder: Decoder, code: str, size: int, data: bytes | memoryview
) -> tuple[str, int, bytes | memoryview]:
    if len(data) % size if size else data:
        decoder.fail("the elements of an array are cut off")
    return code, size, data


def _times(decoder: Decoder, letter: str) -> tuple[str, int, bytes | memoryview]:
    decoder.array_of(3)
    unit = decoder.text()
    if unit not in _UNITS:
        decoder.expected("a unit of time")
    count = decoder.small(0, 0xFFFFFFFF)
    number, data = typed_array(decoder, decoder.tag())
    decoder.close()
    if number.numpy_code != "i8":
        decoder.expected("a typed array of int64")
    if not 1 <= count <= (1 if unit == "generic" else (1 << 31) - 1):
        decoder.fail("a unit of time is none of numpy's")
    code = f"{_order(number)}{letter}8"
    if unit != "generic":
        code += f"[{unit}]" if count == 1 else f"[{count}{unit}]"
    return code, 8, data
