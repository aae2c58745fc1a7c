"""Functions with named tuples, enumerations and optional values, which sandbox and CPython both run."""

from __future__ import annotations

import enum
from collections import namedtuple
from typing import Any, NamedTuple

from hypothesis import strategies as st

from native_table import case

small = st.integers(-50, 50)
ints = st.lists(small, max_size=12)


class Color(enum.Enum):
    RED = 1
    GREEN = 2
    BLUE = 4
    CRIMSON = 1  # noqa: PIE796

    def next(self) -> Color:
        return Color.GREEN if self is Color.RED else Color.RED

    @property
    def title(self) -> str:
        return self.name.title()


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 10


@case(st.integers(-1, 5))
def enumerations(n: int) -> tuple[object, ...]:
    color = Color(n) if n in (1, 2, 4) else Color.BLUE
    counts = {member: 0 for member in Color}
    counts[color] += n
    level = Level.HIGH if n > 2 else Level.LOW
    return (
        color,
        color.name,
        color.value,
        color.next(),
        color.title,
        color == Color.RED,
        color is Color.CRIMSON,
        color != Color.GREEN,
        str(color),
        f"{color}",
        repr(color),
        counts,
        Color["GREEN"],
        len(Color),
        [c.value for c in Color],
        color in (Color.RED, Color.BLUE),
        level,
        level + 1,
        level > 3,
        level == 10,
        str(level),
        f"{level:03d}",
        sorted([level, Level.LOW]),
        isinstance(color, Color),
        isinstance(level, int),
        [Color.RED, color].index(color),
    )


@case(st.integers(0, 6))
def enumerations_know_their_values(n: int) -> Color:
    return Color(n)


@case(st.sampled_from(["RED", "GREEN", "NONE", "CRIMSON"]))
def enumerations_know_their_names(name: str) -> Color:
    return Color[name]


@case(st.sampled_from(list(Color)), st.lists(st.sampled_from(list(Color)), max_size=5))
def members_are_arguments(color: Color, colors: list[Color]) -> tuple[object, ...]:
    return color in colors, {c: c.value for c in colors}, color, [c.next() for c in colors]


class Pair(NamedTuple):
    left: int
    right: str = "r"

    def swapped(self) -> tuple[str, int]:
        return self.right, self.left


Rgb = namedtuple("Rgb", "red green blue", defaults=[0])  # noqa: PYI024


@case(small, st.text("ab", max_size=3))
def named_tuples(n: int, text: str) -> tuple[object, ...]:
    pair = Pair(n, text)
    left, right = pair
    rgb = Rgb(n, green=2)
    pairs = {pair: 1, Pair(n + 1): 2}
    ordered = sorted([Pair(3, "x"), pair, Pair(n)])
    return (
        pair,
        left,
        right,
        pair[0],
        pair[-1],
        len(pair),
        pair.left,
        pair.swapped(),
        rgb,
        rgb.blue,
        pair == (n, text),
        pair == Pair(n, text),
        pair < Pair(n + 1),
        pairs,
        ordered,
        repr(pair),
        list(rgb),
        sum(rgb),
        pair._replace(left=7),
        [left + 1 for left, _ in ordered],
        2 in rgb,
        isinstance(pair, tuple),
        bool(pair),
        pair + (1,),  # noqa: RUF005
        Pair._fields,
        hash(Rgb(1, 2, 3)),
    )


@case(
    st.builds(Pair, small, st.text(max_size=2)), st.lists(st.builds(Rgb, small, small), max_size=3)
)
def named_tuples_are_arguments(pair: Pair, colors: list[Any]) -> tuple[object, ...]:
    return pair, colors, [c.red + c[1] for c in colors], {p: i for i, p in enumerate(colors)}


@case(ints)
def optional_values(ns: list[int]) -> tuple[object, ...]:
    best = None
    for n in ns:
        if best is None or n > best:
            best = n
    first: int | None = ns[0] if ns else None
    found = {n: n * 2 for n in ns}.get(3)
    if found is None:
        return best, first, "none"
    return best, first, found + 1
