"""Values cross as what they are, in both directions, or are refused by name."""

import collections
import datetime as dt
import decimal
import enum
import math
import pathlib
import subprocess
import sys
import threading
import zoneinfo
from typing import Any

import cbor2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spm import _spm

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from codec_values import (
    CLASSES,
    LIBRARY_VALUES,
    Job,
    Point,
    values,
)


def crossed(value: Any) -> Any:
    data = _spm.encode(value, CLASSES)
    back = _spm.decode(data, CLASSES)
    assert _spm.encode(back, CLASSES) == data
    return back


def same(one: Any, other: Any) -> bool:
    """Equal, of the same types all the way down, and bit by bit where there are floats."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return math.copysign(1, one) == math.copysign(1, other) and (
            one == other or (math.isnan(one) and math.isnan(other))
        )
    if isinstance(one, list | tuple | collections.deque):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return all(map(same, one.items(), other.items())) and len(one) == len(other)
    if isinstance(one, decimal.Decimal):
        return one.as_tuple() == other.as_tuple()
    return bool(one == other)


@pytest.mark.parametrize("value", LIBRARY_VALUES, ids=lambda value: repr(value)[:40])
def test_every_type_of_the_design_crosses(value: Any) -> None:
    assert same(crossed(value), value)


def test_order_factory_limit_and_names_survive() -> None:
    moved = collections.OrderedDict([("a", 1), ("b", 2)])
    moved.move_to_end("a")
    assert list(crossed(moved)) == ["b", "a"]
    assert crossed(collections.defaultdict(int)).default_factory is int
    assert crossed(collections.deque([1], maxlen=7)).maxlen == 7
    zone = dt.timezone(dt.timedelta(hours=1), "Here")
    assert crossed(zone).tzname(None) == "Here"
    assert crossed(zoneinfo.ZoneInfo("Asia/Tokyo")).key == "Asia/Tokyo"


def test_float_bits_survive() -> None:
    import struct

    for bits in (0x7FF8_0000_0000_0001, 0xFFF8_0000_0000_0000, 0x8000_0000_0000_0000, 1):
        (value,) = struct.unpack("<d", struct.pack("<Q", bits))
        assert struct.pack("<d", crossed(value)) == struct.pack("<Q", bits)


@given(values)
def test_generated_values_cross(value: Any) -> None:
    assert same(crossed(value), value)


@given(values)
def test_the_encoding_is_deterministic(value: Any) -> None:
    assert _spm.encode(value, CLASSES) == _spm.encode(value, CLASSES)


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=20,
)


@given(plain)
def test_another_cbor_library_reads_the_same(value: Any) -> None:
    assert same(cbor2.loads(_spm.encode(value)), value)


def test_equal_sets_encode_equally() -> None:
    assert _spm.encode({1, 9, 17}) == _spm.encode({17, 9, 1})
    assert _spm.encode(set("abcdef")) == _spm.encode(set("fedcba"))


ARRAYS = [
    np.arange(6).reshape(2, 3),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.arange(10)[::2],
    np.array(3.5),
    np.array([], dtype="f4"),
    np.zeros((0, 3)),
    np.array([True, False]),
    np.array([1 + 2j, -0.5j], dtype="c8"),
    np.arange(4, dtype=">i2"),
    np.array([1.5], dtype="f2"),
    np.array(["2026-11-22"], dtype="M8[D]"),
    np.array([5], dtype="m8[25s]"),
    np.array(["ab", "c\u00e9"]),
    np.array([b"ab", b"c"]),
]


@pytest.mark.parametrize("value", ARRAYS, ids=lambda value: f"{value.dtype}{value.shape}")
def test_numpy_arrays_cross(value: Any) -> None:
    back = crossed(value)
    assert type(back) is np.ndarray
    assert back.dtype == value.dtype
    assert back.shape == value.shape
    assert np.array_equal(back, value)
    assert back.flags.writeable
    fortran = value.flags.f_contiguous and not value.flags.c_contiguous
    assert (back.flags.f_contiguous and not back.flags.c_contiguous) == fortran


@pytest.mark.parametrize(
    "value",
    [
        np.float64(2.5),
        np.int8(-3),
        np.uint64(2**63),
        np.bool_(True),
        np.complex64(1j),
        np.str_("abc"),
        np.bytes_(b"x"),
        np.datetime64("2026", "Y"),
        np.timedelta64(3, "h"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_numpy_scalars_cross_as_themselves(value: Any) -> None:
    back = crossed(value)
    assert type(back) is type(value)
    assert back == value


def test_numpy_is_not_imported_by_encoding() -> None:
    code = (
        "import sys; from spm import _spm; _spm.encode([1.5, 'x']); print('numpy' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


class MyList(list[int]):
    pass


class MyInt(int):
    pass


class Other(enum.Enum):
    ONE = 1


REFUSED = [
    (lambda: 1, "argument `x`: a function cannot cross the sandbox"),
    (print, "argument `x`: a function cannot cross the sandbox"),
    ([0, {"callback": len}], "argument `x`[1]['callback']: a function cannot cross the sandbox"),
    (Job("a", [1, {2: len}]), "argument `x`.parts[1][2]: a function cannot cross the sandbox"),
    (Point(1, len), "argument `x`.y: a function cannot cross the sandbox"),
    ({Ellipsis: 1}, "argument `x`, key Ellipsis: an `ellipsis` cannot cross the sandbox"),
    ({Ellipsis}, "argument `x`, element Ellipsis: an `ellipsis` cannot cross the sandbox"),
    (int, "argument `x`: a class cannot cross the sandbox"),
    (sys, "argument `x`: a module cannot cross the sandbox"),
    (iter([]), "argument `x`: a `list_iterator` cannot cross the sandbox"),
    (
        MyList(),
        (
            "argument `x`: a `MyList` cannot cross the sandbox, "
            "and it is not sent as the `list` it derives from"
        ),
    ),
    (
        MyInt(1),
        (
            "argument `x`: a `MyInt` cannot cross the sandbox, "
            "and it is not sent as the `int` it derives from"
        ),
    ),
    (
        Other.ONE,
        (
            "argument `x`: the class `Other` cannot cross the sandbox: "
            "the closure does not refer to it"
        ),
    ),
    (
        collections.defaultdict(lambda: 0),
        (
            "argument `x`.default_factory: a `defaultdict` whose factory is no builtin "
            "cannot cross the sandbox"
        ),
    ),
    (np.array([object()]), "argument `x`: a numpy array of `object` cannot cross the sandbox"),
    (np.ma.array([1]), "argument `x`: a `MaskedArray` cannot cross the sandbox"),
]


@pytest.mark.parametrize(("value", "message"), REFUSED, ids=[text[14:60] for _, text in REFUSED])
def test_refusals_name_the_path(value: Any, message: str) -> None:
    with pytest.raises(TypeError) as caught:
        _spm.encode(value, CLASSES, "argument `x`")
    assert str(caught.value) == message


class Plain:
    def __init__(self, size: int) -> None:
        self.size = size
        Plain.made = getattr(Plain, "made", 0) + 1


class Narrow(Plain):
    __slots__ = ("extra",)


class Pickled(Plain):
    def __reduce__(self) -> Any:
        return Plain, (1,)


def test_instances_of_plain_classes_cross_by_their_attributes() -> None:
    value = Narrow(3)
    value.extra = [Plain(4)]
    classes = [Plain, Narrow, Pickled, Job]
    made = Plain.made
    back = _spm.decode(_spm.encode(value, classes), classes)
    assert Plain.made == made
    assert type(back) is Narrow
    assert (back.size, back.extra[0].size) == (3, 4)
    with pytest.raises(TypeError, match="the class `Plain` cannot cross the sandbox: the closure"):
        _spm.encode(Plain(1), [Job])
    with pytest.raises(TypeError, match="a `Pickled` cannot cross the sandbox"):
        _spm.encode(Pickled(1), classes)
    # Made for a class whose instances have content, or a way of their own to be copied.
    data = _spm.encode(Plain(1), [Plain])
    for other in (Pickled, ValueError, threading.local, type(threading.Lock())):
        with pytest.raises(ValueError, match="a class of another kind"):
            _spm.decode(data, [other])


def test_cycles_are_refused_and_shared_references_become_copies() -> None:
    cycle: list[Any] = []
    cycle.append({"again": cycle})
    with pytest.raises(TypeError, match="a value that contains itself cannot cross"):
        _spm.encode(cycle)
    shared = [1]
    first, second = crossed([shared, shared])
    assert first == second
    assert first is not second


def test_depth_is_bounded_without_a_crash() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(TypeError, match="nested deeper than 256"):
        _spm.encode(deep)
    while deep:  # an interpreter without a deep C stack frees it level by level
        deep = deep.pop()


def test_instances_are_made_without_running_their_code() -> None:
    data = _spm.encode(Job("a", []), CLASSES)
    made = Job.made
    assert _spm.decode(data, CLASSES) == Job("a", [])
    assert Job.made == made + 1  # the one of the comparison


def test_arguments_are_named_by_their_parameters() -> None:
    assert _spm.decode(_spm.encode_arguments((1, "x"), ["a", "b"])) == [1, "x"]
    with pytest.raises(TypeError, match=r"^argument `jobs`\[1\]: a function"):
        _spm.encode_arguments((1, [2, len]), ["n", "jobs"])


MALFORMED = [
    (b"", "ends too early"),
    (b"\x01\x01", "bytes after the value"),
    (b"\x18\x01", "not the shortest"),
    (b"\xf9\x00\x00", "floats take eight bytes"),
    (b"\x9f\xff", "indefinite"),
    (b"\x9b\x00\x00\x00\x7f\xff\xff\xff\xff", "promises more"),
    (b"\xa2\x01\x01\x01\x01", "comes twice"),
    (b"\xa2\x01\x01\xf5\x01\x00", "bytes after|comes twice"),
    (b"\xd9\x01\x02\x82\x02\x01", "out of order"),
    (b"\xd9\x01\x02\x82\x01\x01", "comes twice"),
    (b"\xc6\x01", "unknown tag"),
    (b"\xd9\xb1\x20\x82\x18\x63\x61x", "class table"),
    (b"\xd9\xb1\x20\x82\x04\x63RED", "another kind"),
    (b"\xd9\xb1\x22\x82\x00\xa0", "another kind"),
    (b"\xd9\xb1\x23\x82\x04\x81\x01", "wrong number of items"),
]


@pytest.mark.parametrize(("data", "message"), MALFORMED, ids=[text for _, text in MALFORMED])
def test_malformed_bytes_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _spm.decode(data, CLASSES)


@given(st.binary(max_size=200))
def test_no_bytes_do_harm(data: bytes) -> None:
    try:
        value = _spm.decode(data, CLASSES)
    except Exception:
        return
    assert _spm.encode(value, CLASSES) == data or value != value


@given(values, st.data())
def test_no_damaged_value_does_harm(value: Any, data: Any) -> None:
    encoded = bytearray(_spm.encode(value, CLASSES))
    at = data.draw(st.integers(0, len(encoded) - 1))
    encoded[at] = data.draw(st.integers(0, 255))
    try:
        _spm.decode(bytes(encoded), CLASSES)
    except SystemError:
        raise
    except Exception:
        pass


def test_attributes_of_a_received_instance_cannot_reach_its_class() -> None:
    data = _spm.encode(Job("a", []), CLASSES).replace(b"\x64name", b"\x69__class__")
    back = _spm.decode(data, CLASSES)
    assert type(back) is Job
    assert not hasattr(back, "name")
