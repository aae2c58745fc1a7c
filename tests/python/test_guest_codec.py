"""The guest's codec writes the bytes that `_spm` writes, and takes what `_spm` takes."""

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spm import _spm

sys.path.insert(0, str(Path(__file__).parent))

from codec_values import CLASSES, LIBRARY_VALUES, Job, values
from spm_guest.codec import ClassTable, decode, encode

TABLE = ClassTable(CLASSES)


def outcome(call: Any, *arguments: Any) -> Any:
    """What a call gives: a value, or the exception's type and text."""
    try:
        return call(*arguments)
    except Exception as error:
        return type(error), str(error)


@pytest.mark.parametrize("value", LIBRARY_VALUES, ids=lambda value: repr(value)[:40])
def test_both_write_the_same_bytes_for_every_type(value: Any) -> None:
    data = _spm.encode(value, CLASSES)
    assert encode(value, TABLE) == data
    back = decode(data, TABLE)
    assert type(back) is type(value)
    assert _spm.encode(back, CLASSES) == data


@given(values)
def test_both_write_the_same_bytes(value: Any) -> None:
    data = _spm.encode(value, CLASSES)
    assert encode(value, TABLE) == data
    assert encode(decode(data, TABLE), TABLE) == data


NUMBERS = [
    list(range(-30, 300)),
    [1.5] * 7,
    [1.5, -0.0, float("inf")] * 5,
    [0, 23] * 9,
    [2**63, -(2**64) - 1, 5],
    [1, 2.5] * 9,
    [True] * 9,
    (1.5,) * 9,
]


@pytest.mark.parametrize("value", NUMBERS, ids=lambda value: repr(value)[:30])
def test_runs_of_numbers_are_written_as_one_by_one(value: Any) -> None:
    data = _spm.encode(value)
    assert encode(value) == data
    back = decode(data)
    assert back == value
    assert list(map(type, back)) == list(map(type, value))


REFUSED = [
    lambda: 1,
    print,
    [0, {"callback": len}],
    Job("a", [1, {2: len}]),
    {Ellipsis: 1},
    {Ellipsis},
    int,
    sys,
    iter([]),
    (n for n in ()),
    type("MyList", (list,), {})(),
    type("MyInt", (int,), {})(),
    type("Plain", (), {})(),
    ValueError(),
    np.array([object()]),
    re.compile(""),
    object(),
]


@pytest.mark.parametrize("value", REFUSED, ids=lambda value: repr(value)[:30])
def test_both_refuse_in_the_same_words(value: Any) -> None:
    refused = outcome(_spm.encode, value, CLASSES, "the result of `f`")
    assert refused[0] is TypeError
    assert outcome(encode, value, TABLE, "the result of `f`") == refused


def test_both_refuse_cycles_and_depth() -> None:
    cycle: list[Any] = []
    cycle.append({"again": cycle})
    deep: list[Any] = []
    for _ in range(300):
        deep = [deep]
    for value in (cycle, deep):
        assert outcome(encode, value) == outcome(_spm.encode, value)


def same_outcome(data: bytes) -> None:
    """Both decoders refuse `data`, or both make of it what is written as `data` again."""
    theirs = outcome(_spm.decode, data, CLASSES)
    ours = outcome(decode, data, TABLE)
    refused = isinstance(theirs, tuple) and len(theirs) == 2 and isinstance(theirs[0], type)
    assert refused == (isinstance(ours, tuple) and len(ours) == 2 and isinstance(ours[0], type)), (
        theirs,
        ours,
    )
    if refused:
        assert ours[0] is theirs[0]
    else:
        again = outcome(_spm.encode, theirs, CLASSES)
        assert outcome(encode, ours, TABLE) == again


@given(st.binary(max_size=200))
@settings(max_examples=500)
def test_both_take_the_same_bytes(data: bytes) -> None:
    same_outcome(data)


@given(values, st.data())
@settings(max_examples=500)
def test_both_take_the_same_damaged_values(value: Any, data: Any) -> None:
    encoded = bytearray(_spm.encode(value, CLASSES))
    for _ in range(data.draw(st.integers(1, 2))):
        at = data.draw(st.integers(0, len(encoded) - 1))
        encoded[at] = data.draw(st.integers(0, 255))
    same_outcome(bytes(encoded))


@pytest.mark.parametrize("tag", [*range(110), 258, 1040, *range(0xB100, 0xB140)])
@given(content=st.one_of(values, st.lists(st.integers(0, 40), max_size=9), st.binary(max_size=20)))
@settings(max_examples=20)
def test_both_take_the_same_content_of_each_tag(tag: int, content: Any) -> None:
    head = b"\xd8" + bytes([tag]) if 23 < tag < 256 else b"\xd9" + tag.to_bytes(2, "big")
    if tag < 24:
        head = bytes([0xC0 | tag])
    same_outcome(head + _spm.encode(content, CLASSES))


NUMPY_VALUES = [
    np.arange(6, dtype="<i2").reshape(2, 3),
    np.asfortranarray(np.arange(6, dtype=">f4").reshape(2, 3)),
    np.arange(10)[::2],
    np.array(3.5),
    np.zeros((0, 3)),
    np.array([True, False]),
    np.array([1 + 2j], dtype="c8"),
    np.array(["2026-11-24", "NaT"], dtype="M8[D]"),
    np.array([5], dtype="m8[10ns]"),
    np.array(["ab", "\u00e9"]),
    np.array([b"xyz", b""]),
    # What is large is not copied on its way.
    np.arange(2000, dtype="f8"),
    np.arange(2000, dtype=">i4").reshape(2, 500, 2),
    np.asfortranarray(np.arange(4000, dtype="c16").reshape(40, 100)),
    np.arange(4000, dtype="f8").reshape(40, 100)[:, ::2],
    np.broadcast_to(np.float64(1.5), (1000,)),
    np.frombuffer(bytes(range(256)) * 20, dtype="u1"),
    np.array(["ab", "c"] * 700),
    np.array([b"xyz"] * 2000),
    np.array(["2026-11-24"] * 600, dtype="M8[D]"),
    np.float32(1.5),
    np.int64(-1),
    np.bool_(True),
    np.str_("x"),
    np.datetime64("2026-11-24T01:02", "m"),
]


@pytest.mark.parametrize("value", NUMPY_VALUES, ids=lambda value: repr(value)[:40])
def test_numpys_values_are_the_same_bytes(value: Any) -> None:
    data = _spm.encode(value)
    assert encode(value) == data
    back = decode(data)
    assert type(back) is type(value)
    assert back.dtype == value.dtype
    assert _spm.encode(back) == data
