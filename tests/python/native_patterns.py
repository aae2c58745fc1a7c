"""Patterns for classes and mappings, as CPython matches them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from hypothesis import strategies as st

from native_table import case, count, small, words


@dataclass
class Point:
    x: int
    y: int
    name: str = field(default="p", kw_only=True)


@dataclass
class Line:
    start: Point
    end: Point


class Pair(NamedTuple):
    first: int
    second: str


class Shape:
    def __init__(self, color: str) -> None:
        self.color = color


class Circle(Shape):
    __match_args__ = ("radius",)

    def __init__(self, color: str, radius: int) -> None:
        super().__init__(color)
        self.radius = radius


class Square(Shape):
    def __init__(self, color: str, side: int) -> None:
        super().__init__(color)
        self.side = side


def place(point: Point) -> str:
    match point:
        case Point(0, 0):
            return "origin"
        case Point(x=0, y=y) if y > 0:
            return f"above by {y}"
        case Point(x, 0):
            return f"beside by {x}"
        case Point(name="q"):
            return "named"
        case Point(1 | 2 as x, y):
            return f"near {x} {y}"
        case Point() as other:
            return f"far {other.x + other.y}"


@case(small, small, st.sampled_from(["p", "q"]))
def places(x: int, y: int, name: str) -> list[str]:
    return [
        place(Point(x, y, name=name)),
        place(Point(0, y)),
        place(Point(x, 0)),
        place(Point(0, 0)),
    ]


@case(st.integers(-2, 2), st.integers(-2, 2))
def lines(a: int, b: int) -> str:
    line = Line(Point(a, b), Point(b, a))
    match line:
        case Line(Point(0, 0), Point(0, 0)):
            return "dot"
        case Line(start=Point(x=0), end=Point(y=0, x=x)):
            return f"cross {x}"
        case Line(Point(x, y), end) if end.x > 0:
            return f"{x} {y} {end.y}"
        case _:
            return "other"


def area(shape: Shape | None) -> int:
    match shape:
        case None:
            return 0
        case Circle(radius, color="red"):
            return radius * 3
        case Circle(radius=r):
            return r * r * 3
        case Square(side=0) | Square(side=1):
            return -1
        case Square(side=s, color=color):
            return s * s + len(color)
        case _:
            return -9


@case(st.sampled_from(["red", "blue"]), count)
def shapes(color: str, n: int) -> list[int]:
    all_shapes = [Circle(color, n), Square(color, n), Shape(color)]
    return [area(None), *[area(shape) for shape in all_shapes]]


@case(small, words)
def pairs(a: int, b: str) -> str:
    match Pair(a, b):
        case Pair(0, text):
            return text
        case Pair(first=n) if n > 0:
            return b * n
        case Pair(n, ""):
            return str(n)
        case (n, text):
            return f"{n}{text}"


@case(st.dictionaries(st.sampled_from(["kind", "size", "x"]), small))
def mappings(d: dict[str, int]) -> str:
    match d:
        case {"kind": 1, "size": size}:
            return f"one {size}"
        case {"kind": kind} if kind > 5:
            return f"kind {kind}"
        case {"size": 0 | 1 as size}:
            return f"small {size}"
        case {"x": _, "size": _}:
            return "both"
        case {}:
            return f"any {len(d)}"
