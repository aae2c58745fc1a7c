"""The two decoders of values, Python's and the protocol's, take the same bytes and no others.

What only Python can tell is the exception: which keys have no hash or equal one another, what the
class table holds, which time zones and C types there are.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cbor2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spm import _spm

sys.path.insert(0, str(Path(__file__).parent))

from codec_values import CLASSES, LIBRARY_VALUES, values

ONLY_PYTHON_KNOWS = re.compile(
    "Python makes no object of these parts"
    "|an entry comes twice"
    "|an index beyond the class table"
    "|a class of another kind than its instance"
    "|a namedtuple has the wrong number of items"
    "|an attribute that the class has no slot for"
)
PLACED = re.compile(r"^malformed value: .* at byte \d+(, in `[^`]+`)?(: .*)?$", re.DOTALL)

NUMPY_VALUES = [
    np.arange(6, dtype="<i2").reshape(2, 3),
    np.asfortranarray(np.arange(6, dtype=">f4").reshape(2, 3)),
    np.array([True, False]),
    np.array([1j], dtype="c8"),
    np.array(["2026-11-22"], dtype="M8[D]"),
    np.array([3], dtype="m8[25s]"),
    np.array(["ab", "c"]),
    np.array([b"ab", b"c"]),
    np.float32(1.5),
    np.datetime64("NaT"),
    np.str_("x"),
    np.zeros((0, 3)),
]
ENCODED = [_spm.encode(value, CLASSES) for value in (*LIBRARY_VALUES, *NUMPY_VALUES)]

TAGS = [2, 3, 4, 30, 37, 40, 100, 258, 1040]
TAGS += [*range(63, 88), *(0xB100 + low for low in range(0x38))]
plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.sampled_from(["", "F", "n", "N", "b", "l", "L", "d", "u", "w", "B", "s", "D", "generic"]),
    st.sampled_from(["list", "RED", "name", "left", "Europe/Berlin", "Nowhere", "../x", "x" * 40]),
    st.binary(max_size=16),
)
nested = st.recursive(
    plain,
    lambda inner: st.one_of(
        st.lists(inner, max_size=9),
        st.dictionaries(st.text(max_size=2) | st.integers(-1, 3), inner, max_size=3),
        st.builds(cbor2.CBORTag, st.sampled_from(TAGS), inner),
        st.builds(cbor2.CBORTag, st.sampled_from(TAGS), st.lists(inner, max_size=3)),
    ),
    max_leaves=12,
)


def refusal(decode: Callable[..., Any], *arguments: Any) -> str | None:
    """Why `decode` does not take it; an error that is not a `ValueError` passes through."""
    try:
        decode(*arguments)
    except ValueError as error:
        return str(error) if type(error) is ValueError else repr(error)
    return None


def check(data: bytes) -> None:
    """Both take `data`, or neither does, or Python says what only Python knows."""
    model = refusal(_spm.check_value, data)
    python = refusal(_spm.decode, data, CLASSES)
    if python is None:
        assert model is None
    else:
        assert PLACED.match(python)
        assert model is not None or ONLY_PYTHON_KNOWS.search(python)


@pytest.mark.parametrize("data", ENCODED, ids=lambda data: data[:12].hex())
def test_what_is_sent_is_taken_by_both(data: bytes) -> None:
    _spm.check_value(data)
    _spm.decode(data, CLASSES)


@given(values)
def test_generated_values_are_taken_by_both(value: Any) -> None:
    data = _spm.encode(value, CLASSES)
    _spm.check_value(data)
    _spm.decode(data, CLASSES)


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=64))
def test_of_random_bytes(data: bytes) -> None:
    check(data)


@settings(max_examples=1000, deadline=None)
@given(nested)
def test_of_items_with_any_tags(item: Any) -> None:
    check(cbor2.dumps(item))


@settings(max_examples=1000, deadline=None)
@given(st.sampled_from(ENCODED), st.data())
def test_of_damaged_values(encoded: bytes, data: Any) -> None:
    damaged = bytearray(encoded)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    check(bytes(damaged))


def tagged(tag: int, content: Any) -> bytes:
    return cbor2.dumps(cbor2.CBORTag(tag, content))


NEITHER = {
    "a typecode of another size": tagged(0xB128, ["b", cbor2.CBORTag(78, bytes(8))]),
    "a typecode of floats with ints": tagged(0xB128, ["d", cbor2.CBORTag(79, bytes(8))]),
    "a denominator of 0": tagged(30, [1, 0]),
    "a denominator below 0": tagged(30, [1, -2]),
    "a special Decimal that is none": tagged(0xB118, [False, 0, 1]),
    "an infinity with digits": tagged(0xB118, [False, "F", 3]),
    "an exponent of text": tagged(0xB118, [False, "x", 0]),
    "a Decimal too large": tagged(4, [10**18, 1]),
    "a UUID that is short": tagged(37, b"123"),
    "a zone's key that is a path": tagged(0xB114, "../../etc/passwd"),
    "a date beyond all": tagged(100, 10**9),
    "a fold of 2": tagged(0xB110, [1, 1, 1, 1, 2, None]),
    "a zone that is a number": tagged(0xB110, [1, 1, 1, 1, 0, 5]),
    "a deque's limit below 0": tagged(0xB107, [-1, []]),
    "a deque's limit of text": tagged(0xB107, ["x", []]),
    "a factory that is no name": tagged(0xB10A, [3, {}]),
    "an attribute that is no name": tagged(0xB122, [2, {1: 1}]),
    "a numpy bool of 2": tagged(0xB130, cbor2.CBORTag(0xB131, b"\x02")),
    "Fortran order in one dimension": tagged(1040, [[2], cbor2.CBORTag(64, b"ab")]),
    "a shape that does not fit": tagged(40, [[3], cbor2.CBORTag(64, b"ab")]),
    "a step of 0": tagged(0xB105, [1, 2, 0]),
}


@pytest.mark.parametrize("data", NEITHER.values(), ids=list(NEITHER))
def test_neither_takes(data: bytes) -> None:
    with pytest.raises(ValueError, match="malformed value"):
        _spm.check_value(data)
    with pytest.raises(ValueError, match="malformed value"):
        _spm.decode(data, CLASSES)


ONLY_THE_PROTOCOL = {
    "a key without a hash": (cbor2.dumps([{"x": 1}, {}])[:-1] + b"\xa1\x80\x01", "unhashable"),
    "a zone that is nowhere": (tagged(0xB114, "Mars/Olympus"), "Mars/Olympus"),
    "a member that is none": (tagged(0xB120, [0, "GREEN"]), "GREEN"),
    "an element that has no hash": (tagged(258, [[]]), "unhashable"),
    "two keys that are equal": (b"\xa2\x01\x01\xf5\x01", "comes twice"),
}


@pytest.mark.parametrize(("data", "words"), ONLY_THE_PROTOCOL.values(), ids=list(ONLY_THE_PROTOCOL))
def test_what_only_python_refuses_is_a_value_error_too(data: bytes, words: str) -> None:
    _spm.check_value(data)
    with pytest.raises(ValueError, match=words) as caught:
        _spm.decode(data, CLASSES)
    assert type(caught.value) is ValueError
    assert PLACED.match(str(caught.value)), caught.value


def test_the_path_is_told() -> None:
    data = cbor2.dumps([1, {"a": cbor2.CBORTag(30, [1, 0])}])
    with pytest.raises(ValueError, match=r"in `\[1\]\.value\(0\)"):
        _spm.decode(data)
