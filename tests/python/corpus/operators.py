"""Operator overloading, comparison, conversion and formatting by special methods."""

import functools
import math

from corpus import case


class Vector:
    def __init__(self, *parts):
        self.parts = parts

    def __repr__(self):
        return f"Vector{self.parts}"

    def __eq__(self, other):
        return self.parts == other.parts if isinstance(other, Vector) else NotImplemented

    def __hash__(self):
        return hash(self.parts)

    def __add__(self, other):
        if not isinstance(other, Vector):
            return NotImplemented
        if len(self.parts) != len(other.parts):
            raise ValueError("lengths differ", len(self.parts), len(other.parts))
        return Vector(*(a + b for a, b in zip(self.parts, other.parts)))

    def __radd__(self, other):
        return self if other == 0 else NotImplemented

    def __sub__(self, other):
        return self + -other

    def __neg__(self):
        return Vector(*(-part for part in self.parts))

    def __mul__(self, factor):
        return Vector(*(part * factor for part in self.parts))

    __rmul__ = __mul__

    def __matmul__(self, other):
        return sum(a * b for a, b in zip(self.parts, other.parts))

    def __abs__(self):
        return math.hypot(*self.parts)

    def __bool__(self):
        return any(self.parts)

    def __getitem__(self, index):
        return Vector(*self.parts[index]) if isinstance(index, slice) else self.parts[index]

    def __len__(self):
        return len(self.parts)

    def __format__(self, spec):
        return "<" + "|".join(format(part, spec) for part in self.parts) + ">"


@case((Vector(3, 4), Vector(1, 2)), (Vector(), Vector()), (Vector(1), Vector(1, 2)))
def vector_arithmetic(a, b):
    return a + b, a - b, a * 2, 3 * b, a @ b, abs(a), bool(a), sum([a, b]), a == b, len(a)


@case((Vector(1, 2, 3, 4),))
def vector_items_and_formats(v):
    return v[0], v[1:], v[::-1], [*v], f"{v:.1f}", f"{v!r:>20}", str(v), v.__hash__() == hash(v)


@case((5,), ("x",), (None,))
def unsupported_on_both_sides(other):
    return Vector(1) + other


@functools.total_ordering
class Card:
    ranks = "23456789TJQKA"

    def __init__(self, text):
        self.text = text

    def __eq__(self, other):
        return self.rank == other.rank

    def __lt__(self, other):
        return self.rank < other.rank

    @property
    def rank(self):
        return self.ranks.index(self.text[0])


@case((["K", "2", "A", "T"],), (["9", "9"],))
def total_ordering(texts):
    cards = sorted(map(Card, texts))
    return (
        [card.text for card in cards],
        max(cards).text,
        cards[0] <= cards[-1],
        cards[0] >= cards[-1],
    )


@case()
def cards_that_do_not_exist():
    return Card("1") < Card("2")


@case()
def uncomparable():
    return sorted([3, "a", None])


class Money:
    def __init__(self, cents):
        self.cents = cents

    def __int__(self):
        return self.cents // 100

    def __float__(self):
        return self.cents / 100

    def __index__(self):
        return self.cents

    def __complex__(self):
        return complex(0, self.cents)

    def __round__(self, digits=None):
        return round(self.cents / 100, digits)

    def __str__(self):
        return f"${self.cents / 100:.2f}"

    def __bytes__(self):
        return str(self).encode()

    def __divmod__(self, other):
        return "divmod", other

    def __pow__(self, power, modulo=None):
        return self.cents, power, modulo

    def __trunc__(self):
        return -1

    def __floor__(self):
        return -2

    def __ceil__(self):
        return -3

    def __invert__(self):
        return "inverted"

    def __pos__(self):
        return "positive"


@case((250,), (-199,))
def conversions(cents):
    money = Money(cents)
    texts = str(money), bytes(money), ~money, +money
    rounded = round(money), round(money, 1), math.trunc(money), math.floor(money), math.ceil(money)
    return (
        int(money),
        float(money),
        complex(money),
        hex(money),
        texts,
        rounded,
        divmod(money, 3),
        pow(money, 2, 5),
    )


class InPlace:
    def __init__(self):
        self.log = []


for _name in (
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "lshift",
    "or",
    "and",
    "xor",
):

    def _record(self, other, name=_name):
        self.log.append((name, other))
        return self

    setattr(InPlace, f"__i{_name}__", _record)


@case()
def in_place_operators_set_in_a_loop():
    it = same = InPlace()
    it += 1
    it -= 2
    it *= 3
    it /= 4
    it //= 5
    it %= 6
    it **= 7
    it <<= 8
    it |= 9
    it &= 10
    it ^= 11
    return it is same, it.log


class Matrix:
    def __init__(self, rows):
        self.rows = rows

    def __matmul__(self, other):
        columns = list(zip(*other.rows, strict=True))
        return Matrix([[sum(a * b for a, b in zip(row, c)) for c in columns] for row in self.rows])

    def __pow__(self, n):
        result = Matrix(
            [[int(i == j) for j in range(len(self.rows))] for i in range(len(self.rows))]
        )
        base = self
        while n:
            if n & 1:
                result = result @ base
            base, n = base @ base, n >> 1
        return result


@case((10,), (90,), (0,))
def fibonacci_by_matrix_power(n):
    return (Matrix([[1, 1], [1, 0]]) ** n).rows


class Default(dict):
    def __missing__(self, key):
        self[key] = value = [key]
        return value


@case()
def missing_keys():
    table = Default(a=1)
    return table["a"], table["b"], table.get("c"), sorted(table.items(), key=str), dict(table)


class Sparse:
    def __init__(self):
        self.cells = {}

    def __setitem__(self, key, value):
        self.cells[key] = value

    def __getitem__(self, key):
        return self.cells.get(key, 0)

    def __delitem__(self, key):
        del self.cells[key]

    def __contains__(self, key):
        return key in self.cells

    def __reversed__(self):
        return reversed(self.cells)


@case()
def item_protocol():
    grid = Sparse()
    grid[1, 2] = "a"
    grid[..., None] = 3
    del grid[..., None]
    return grid[1, 2], grid[0, 0], (1, 2) in grid, [str(key) for key in reversed(grid)][-1]


@case()
def delete_a_missing_item():
    grid = Sparse()
    del grid["nothing"]


@case((3, 4), (0b1100, 0b1010))
def builtin_operators(a, b):
    return (
        a + b,
        a - b,
        a * b,
        a & b,
        a | b,
        a ^ b,
        a << b % 8,
        a >> 1,
        ~a,
        -a,
        a and b,
        a or b,
        not a,
    )


@case((7, 2), (-7, 2), (7, -2), (-7.5, 2), (2, 0.5))
def division_and_powers(a, b):
    return a / b, a // b, a % b, divmod(a, b), a**2, round(b**0.5, 9), abs(a), pow(3, 2, 7)


@case()
def comparison_chains_call_each_once():
    calls = []

    def value(n):
        calls.append(n)
        return n

    return value(1) < value(2) < value(2) < value(9), calls


@case()
def bad_return_types_of_special_methods():
    class Wrong:
        def __len__(self):
            return -1

        def __bool__(self):
            return 2

    errors = []
    for call in (len, bool):
        try:
            call(Wrong())
        except (TypeError, ValueError) as error:
            errors.append((type(error).__name__, str(error)))
    return errors
