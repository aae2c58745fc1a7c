"""Values of every type that crosses, for the tests of the codec."""

import array
import collections
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import math
import pathlib
import sys
import uuid
import zoneinfo
from typing import Any, NamedTuple

from hypothesis import strategies as st


class Colour(enum.Enum):
    RED = 1
    BLUE = "blue"


class Access(enum.Flag):
    READ = enum.auto()
    WRITE = enum.auto()


@dataclasses.dataclass
class Job:
    name: str
    parts: list[Any]

    def __post_init__(self) -> None:
        Job.made += 1


Job.made = 0


@dataclasses.dataclass(slots=True, frozen=True)
class Slotted:
    left: int
    right: int = 2


class Point(NamedTuple):
    x: int
    y: float


# From 3.13 on `u` is deprecated.
TEXT_CODE = "w" if sys.version_info >= (3, 13) else "u"

CLASSES = [Colour, Access, Job, Slotted, Point]


LIBRARY_VALUES = [
    None,
    True,
    False,
    0,
    -1,
    2**63 - 1,
    2**63,
    -(2**63) - 1,
    2**64,
    -(2**64),
    -(2**64) - 1,
    10**400,
    -0.0,
    math.inf,
    math.nan,
    5e-324,
    complex(1.5, -0.0),
    "",
    "h\u00e9llo \U0001f600",
    "lone \ud800 surrogate",
    b"",
    b"\x00\xff",
    bytearray(b"abc"),
    [],
    [1, [2, [3]]],
    (),
    (1, ("a",)),
    {},
    {"b": 1, "a": [2], 3: None, (4, 5): {}},
    set(),
    {1, "x", (2, 3)},
    frozenset({1, frozenset({2})}),
    range(0),
    range(10, -10, -3),
    range(10**30),
    slice(None),
    slice(1, "x", [2]),
    collections.deque([1, 2, 3], maxlen=3),
    collections.deque(),
    collections.Counter("mississippi"),
    collections.OrderedDict([("b", 1), ("a", 2)]),
    collections.defaultdict(list, {1: [2]}),
    collections.defaultdict(None, {"x": 1}),
    dt.date.min,
    dt.date(1969, 12, 31),
    dt.time(1, 2, 3, 4, fold=1),
    dt.time(1, tzinfo=dt.timezone(dt.timedelta(minutes=-30), "odd")),
    dt.datetime(2026, 11, 22, 10, 30, tzinfo=dt.UTC),
    dt.datetime(2026, 11, 22, 10, 30, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
    dt.timedelta(days=-1, microseconds=1),
    dt.timedelta.max,
    decimal.Decimal("1.500"),
    decimal.Decimal("-0E+3"),
    decimal.Decimal("-Infinity"),
    decimal.Decimal("NaN"),
    decimal.Decimal("-sNaN123"),
    fractions.Fraction(-3, 7),
    uuid.UUID("12345678-1234-5678-1234-567812345678"),
    pathlib.Path("/tmp/x"),
    pathlib.PurePosixPath("a/b"),
    pathlib.PureWindowsPath("c:/x"),
    Colour.BLUE,
    Access.READ,
    Access.READ | Access.WRITE,
    Access(0),
    Job("a", [1, Slotted(3)]),
    Slotted(1),
    Point(1, 2.5),
    array.array("b", [-1, 2]),
    array.array("Q", [2**64 - 1]),
    array.array("d", [1.5, -0.0]),
    array.array(TEXT_CODE, "h\u00e9"),
    memoryview(b"abc"),
    memoryview(bytes(24)).cast("i", [2, 3]),
]


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(),
    st.complex_numbers(allow_nan=False),
    st.decimals(allow_nan=False),
    st.fractions(),
    st.dates(),
    st.times(),
    st.datetimes(),
    st.timedeltas(),
    st.uuids(),
    st.sampled_from([*Colour, *Access]),
    st.builds(Point, st.integers(), st.floats(allow_nan=False)),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner),
        st.lists(inner).map(tuple),
        st.dictionaries(st.text() | st.integers() | st.binary(), inner),
        st.sets(st.integers() | st.text()),
        st.frozensets(st.binary()),
        st.builds(Job, st.text(), st.lists(inner)),
        st.lists(inner).map(collections.deque),
    ),
    max_leaves=20,
)
