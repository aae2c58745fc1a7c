"""Functions with classes, which sandbox and CPython both run."""

from __future__ import annotations

import abc
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from hypothesis import strategies as st

from native_table import case

T = TypeVar("T")
small = st.integers(-50, 50)
ints = st.lists(small, max_size=12)
floats = st.floats(-1e6, 1e6, allow_nan=False)


@dataclass
class Point:
    x: float
    y: float = 2.5

    def norm2(self) -> float:
        return self.x * self.x + self.y * self.y

    def moved(self, dx: float, dy: float = 0.0) -> Point:
        return Point(self.x + dx, self.y + dy)


@case(floats, floats)
def points_are_made_changed_and_compared(a: float, b: float) -> tuple[object, ...]:
    p = Point(a)
    q = p
    q.x += b
    q.y = -q.y
    r = p.moved(b, dy=a).moved(1.0)
    return p.x, p.y, p.norm2(), p is q, p == r, p != r, p == Point(p.x, p.y), repr(r), f"{p!r:>40}"


@case(ints)
def points_in_containers(ns: list[int]) -> tuple[object, ...]:
    points = [Point(float(n), y=float(n * n % 7)) for n in ns]
    by_name = {f"p{n}": Point(float(n)) for n in ns}
    first = Point(1.0, 1.0)
    far = max(points, key=lambda p: p.norm2()) if points else first
    points.sort(key=lambda p: (p.y, -p.x))
    total = sum(p.x for p in by_name.values())
    for p in points:
        p.x *= 2.0
    return points, by_name, total, first in points, points.count(first), far, [p.x for p in points]


class Account:
    """A plain class with a default, state, and methods that call each other."""

    rate = 3

    def __init__(self, owner: str, balance: int = 0) -> None:
        self.owner = owner
        self.balance = balance
        self.history: list[int] = []

    def add(self, amount: int) -> Account:
        if amount < 0 and self.balance + amount < 0:
            raise ValueError(f"{self.owner} has only {self.balance}")
        self.balance += amount
        self.history.append(amount)
        return self

    def interest(self) -> None:
        self.add(self.balance * self.rate // 100)

    @property
    def size(self) -> int:
        return len(self.history)

    @property
    def limit(self) -> int:
        return self.balance // 2

    @limit.setter
    def limit(self, value: int) -> None:
        self.balance = value * 2

    @staticmethod
    def doubled(n: int) -> int:
        return n * 2

    @classmethod
    def rich(cls, owner: str) -> Account:
        return cls(owner, 1000 * cls.rate)

    def __len__(self) -> int:
        return len(self.history)

    def __contains__(self, amount: int) -> bool:
        return amount in self.history

    def __getitem__(self, index: int) -> int:
        return self.history[index]

    def __setitem__(self, index: int, amount: int) -> None:
        self.history[index] = amount

    def __iter__(self) -> Iterator[int]:
        return iter(self.history)

    def __call__(self, amount: int) -> int:
        return self.balance + amount


@case(ints)
def accounts_keep_books(amounts: list[int]) -> tuple[object, ...]:
    account = Account("ann")
    other = Account.rich("bob")
    for amount in amounts:
        account.add(amount).add(Account.doubled(3))
        account.interest()
    account.limit += 5
    listed = [amount for amount in account]
    if account:
        account[0] = -account[-1]
    return (
        account.balance,
        account.size,
        len(account),
        6 in account,
        listed,
        account.limit,
        account(7),
        other.balance,
        bool(other),
        sum(account),
        account.history,
        account.rate,
    )


@dataclass(frozen=True, order=True)
class Key:
    name: str
    size: int = 0
    weights: tuple[int, ...] = ()


@case(ints)
def frozen_keys_order_and_hash(ns: list[int]) -> tuple[object, ...]:
    keys = [Key("ab"[n % 2], n % 5) for n in ns]
    counts: dict[Key, int] = {}
    for key in keys:
        counts[key] = counts.get(key, 0) + 1
    unique = sorted(set(keys))
    best = max(keys) if keys else Key("none")
    return counts, unique, best, Key("a", 1) < Key("a", 2), Key("b") <= Key("b"), sorted(keys)[::-1]


@dataclass(frozen=True)
class Cell:
    row: int
    column: int


@case(st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), max_size=20))
def sets_of_frozen_cells_have_an_order(cells: list[tuple[int, int]]) -> tuple[object, ...]:
    seen = {Cell(r, c) for r, c in cells}
    return list(seen), Cell(0, 0) in seen, [hash(Cell(r, c)) for r, c in cells]


class Shape(abc.ABC):
    def __init__(self, name: str) -> None:
        self.name = name

    @abc.abstractmethod
    def area(self) -> float: ...

    def describe(self) -> str:
        return f"{self.name}: {self.area():.2f}"

    def __lt__(self, other: Shape) -> bool:
        return self.area() < other.area()


class Circle(Shape):
    def __init__(self, radius: float) -> None:
        super().__init__("circle")
        self.radius = radius

    def area(self) -> float:
        return 3.0 * self.radius**2


class Rectangle(Shape):
    sides = 4

    def __init__(self, width: float, height: float) -> None:
        super().__init__("rectangle")
        self.width, self.height = width, height

    def area(self) -> float:
        return self.width * self.height


class Square(Rectangle):
    def __init__(self, side: float) -> None:
        super().__init__(side, side)
        self.name = "square"

    def describe(self) -> str:
        return "exactly " + super().describe()


@case(st.lists(st.integers(0, 30), max_size=12))
def shapes_dispatch_by_their_class(ns: list[int]) -> tuple[object, ...]:
    shapes: list[Shape] = []
    for n in ns:
        if n % 3 == 0:
            shapes.append(Circle(float(n)))
        elif n % 3 == 1:
            shapes.append(Rectangle(float(n), 2.0))
        else:
            shapes.append(Square(float(n)))
    shapes.sort()
    kinds = [
        (isinstance(s, Rectangle), isinstance(s, (Circle, Square)), type(s).__name__)
        for s in shapes
    ]
    radii = [s.radius for s in shapes if isinstance(s, Circle)]
    return [s.describe() for s in shapes], kinds, radii, sum(s.area() for s in shapes)


@case(st.integers(0, 5))
def attributes_that_are_not_there(n: int) -> float:
    shapes = [Circle(1.0), Square(2.0)]
    return shapes[n % 2].radius + n


@dataclass
class Node:
    value: int
    next: Node | None = None


@case(ints)
def linked_lists(ns: list[int]) -> tuple[object, ...]:
    head: Node | None = None
    for n in ns:
        head = Node(n, head)
    found: list[int] = []
    node = head
    while node is not None:
        found.append(node.value)
        node = node.next
    total = 0
    at = head
    while at:
        total += at.value
        at = at.next
    if head is not None and head.next is not None:
        head.next.value += 100
        head.next.next = None
    return found, total, head


class Tree:
    def __init__(self) -> None:
        self.root: Branch | None = None
        self.size = 0

    def insert(self, key: int) -> bool:
        if self.root is None:
            self.root = Branch(key)
            self.size = 1
            return True
        at = self.root
        while True:
            if key == at.key:
                return False
            if key < at.key:
                if at.left is None:
                    at.left = Branch(key)
                    break
                at = at.left
            else:
                if at.right is None:
                    at.right = Branch(key)
                    break
                at = at.right
        self.size += 1
        return True


class Branch:
    def __init__(self, key: int) -> None:
        self.key = key
        self.left: Branch | None = None
        self.right: Branch | None = None

    def walk(self, out: list[int]) -> None:
        if self.left is not None:
            self.left.walk(out)
        out.append(self.key)
        if self.right:
            self.right.walk(out)

    def depth(self) -> int:
        left = self.left.depth() if self.left else 0
        right = self.right.depth() if self.right else 0
        return 1 + max(left, right)


@case(ints)
def search_trees(ns: list[int]) -> tuple[object, ...]:
    tree = Tree()
    fresh = [tree.insert(n) for n in ns]
    out: list[int] = []
    if tree.root is not None:
        tree.root.walk(out)
        return fresh, out, tree.size, tree.root.depth()
    return fresh, out, tree.size, 0


class Vector:
    __slots__ = ("x", "y")

    def __init__(self, x: int, y: int) -> None:
        self.x = x
        self.y = y

    def __add__(self, other: object) -> Vector:
        if isinstance(other, Vector):
            return Vector(self.x + other.x, self.y + other.y)
        if isinstance(other, int):
            return Vector(self.x + other, self.y + other)
        return NotImplemented

    def __radd__(self, other: int) -> Vector:
        return Vector(other + self.x, other - self.y)

    def __sub__(self, other: Vector) -> Vector:
        return Vector(self.x - other.x, self.y - other.y)

    def __mul__(self, k: int) -> Vector:
        return Vector(self.x * k, self.y * k)

    __rmul__ = __mul__

    def __iadd__(self, other: Vector) -> Vector:  # noqa: PYI034
        self.x += other.x
        self.y += other.y
        return self

    def __neg__(self) -> Vector:
        return Vector(-self.x, -self.y)

    def __abs__(self) -> int:
        return abs(self.x) + abs(self.y)

    def __bool__(self) -> bool:
        return self.x != 0 or self.y != 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vector) and self.x == other.x and self.y == other.y

    def __hash__(self) -> int:
        return hash((self.x, self.y))

    def __repr__(self) -> str:
        return f"<{self.x}, {self.y}>"

    def __str__(self) -> str:
        return f"({self.x} {self.y})"

    def __format__(self, spec: str) -> str:
        return f"{self.x:{spec}}/{self.y:{spec}}"


@case(small, small)
def vectors_have_operators(a: int, b: int) -> tuple[object, ...]:
    v, w = Vector(a, b), Vector(b, 1)
    alias = v
    alias += w
    total = sum([v, w, Vector(1, 2)], Vector(0, 0))
    return (
        str(v + w),
        repr(v - w),
        str(v * 3),
        str(3 * v),
        str(v + 5),
        str(5 + v),
        str(-v),
        abs(v),
        bool(v),
        not w,
        v == w,
        v != w,
        v == 3,
        v is alias,
        f"{v:+03d}",
        f"{w}",
        f"{w!r}",
        str([v, w]),
        {v: 1, w: 2}[Vector(a + b, b + 1)],
        w in [v, Vector(b, 1)],
        str(total),
        v in {w, Vector(1, 1)},
    )


@case(small)
def operands_that_do_not_fit(n: int) -> str:
    v = Vector(n, n)
    if n % 3 == 0:
        return str(v + "text")  # type: ignore[operator]
    return str(v)


@dataclass
class Bag:
    items: list[int] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)
    total: int = field(init=False)
    label: str = field(default="bag", repr=False, compare=False)

    def __post_init__(self) -> None:
        self.total = sum(self.items)

    def put(self, name: str, n: int) -> None:
        self.items.append(n)
        self.names[name] = self.names.get(name, 0) + n
        self.total += n


@case(ints)
def bags_do_not_share_their_defaults(ns: list[int]) -> tuple[object, ...]:
    a, b = Bag(), Bag(ns[:2], label="other")
    for n in ns:
        a.put("x" if n % 2 else "y", n)
    c = Bag()
    return a, b, c, a == b, c == Bag(label="no matter"), a.total, b.label, repr(a)


@case(
    st.builds(Point, floats, floats),
    st.lists(st.builds(Point, floats, floats), max_size=4),
    st.dictionaries(st.text(max_size=3), st.builds(Key, st.text(max_size=3), small), max_size=3),
)
def objects_are_arguments_and_results(
    p: Point, points: list[Point], keys: dict[str, Key]
) -> tuple[object, ...]:
    for q in points:
        q.x += p.x
    points.append(p)
    return points, p, keys, sorted(keys.values()), [q.norm2() for q in points]


@case(st.recursive(st.none(), lambda inner: st.builds(Node, small, inner), max_leaves=6))
def optional_objects_are_arguments(node: Node | None) -> tuple[object, ...]:
    count = 0
    at = node
    while at is not None:
        count += at.value
        at = at.next
    return node, count, node is None


class Matrix:
    def __init__(self, rows: list[list[int]]) -> None:
        self.rows = rows
        self.height = len(rows)

    @classmethod
    def identity(cls, size: int) -> Matrix:
        return cls([[int(i == j) for j in range(size)] for i in range(size)])

    def __matmul__(self, other: Matrix) -> Matrix:
        return Matrix(self.rows)

    def __mul__(self, other: Matrix) -> Matrix:
        columns = list(zip(*other.rows))
        return Matrix(
            [[sum(a * b for a, b in zip(row, column)) for column in columns] for row in self.rows]
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Matrix):
            return NotImplemented
        return self.rows == other.rows


@case(st.lists(st.lists(small, min_size=2, max_size=2), min_size=2, max_size=2))
def matrices(rows: list[list[int]]) -> tuple[object, ...]:
    m = Matrix(rows)
    one = Matrix.identity(2)
    return (m * one).rows, m * one == m, (m * m).rows, m == 3, m != one


class Counter:
    """Attributes that not every instance has."""

    step = 1

    def __init__(self, n: int) -> None:
        self.n = n
        if n > 10:
            self.large = True

    def advance(self) -> int:
        self.n += self.step
        if self.n % 2:
            self.step = 3
        return self.n

    def finish(self) -> None:
        self.result = self.n * 2


@case(st.integers(0, 20))
def attributes_come_later(n: int) -> tuple[object, ...]:
    counter = Counter(n)
    seen = [counter.advance() for _ in range(4)]
    if n % 2:
        counter.finish()
    return seen, counter.step, Counter.step, counter.large, counter.result


class Parser:
    """A recursive descent over text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def peek(self) -> str:
        return self.text[self.at] if self.at < len(self.text) else ""

    def expression(self) -> int:
        value = self.term()
        while self.peek() in ("+", "-") and self.peek():
            sign = self.peek()
            self.at += 1
            other = self.term()
            value = value + other if sign == "+" else value - other
        return value

    def term(self) -> int:
        value = self.factor()
        while self.peek() == "*":
            self.at += 1
            value *= self.factor()
        return value

    def factor(self) -> int:
        if self.peek() == "(":
            self.at += 1
            value = self.expression()
            self.at += 1
            return value
        start = self.at
        while self.peek().isdigit():
            self.at += 1
        if start == self.at:
            raise ValueError(f"unexpected {self.peek()!r} at {self.at}")
        return int(self.text[start : self.at])


@case(st.text("0123+-*()", max_size=9))
def parsers(text: str) -> int:
    return Parser(text).expression()


@dataclass
class Base:
    a: int
    b: int = 7


@dataclass
class Derived(Base):
    c: str = "c"
    d: list[int] = field(default_factory=lambda: [1, 2])


@case(small)
def dataclasses_derive(n: int) -> tuple[object, ...]:
    one, two = Base(n), Derived(n, c="x")
    two.d.append(n)
    mixed: list[Base] = [one, two]
    return mixed, one == two, two == Derived(n, 7, "x", [1, 2, n]), [m.a for m in mixed], repr(two)


@case(st.integers(0, 2000))
def long_chains_are_freed(n: int) -> int:
    head: Node | None = None
    for i in range(n * 20):
        head = Node(i, head)
    return head.value if head else -1


class Loop:
    def __init__(self, n: int) -> None:
        self.n = n
        self.own: Loop | None = self
        self.friends: list[Loop] = []


@case(small)
def cycles_mean_what_they_do_in_cpython(n: int) -> tuple[object, ...]:
    a, b = Loop(n), Loop(n + 1)
    a.friends.append(b)
    b.friends.append(a)
    a.own = b
    b.own = a
    return a.friends[0].friends[0].n, a.friends[0] is b, a in b.friends, b.own is a, a == b


class Stack(Generic[T]):
    def __init__(self) -> None:
        self._items: list[T] = []

    def push(self, item: T) -> None:
        self._items.append(item)

    def pop(self) -> T | None:
        return self._items.pop() if self._items else None

    def __len__(self) -> int:
        return len(self._items)


@case(ints)
def stacks(ns: list[int]) -> tuple[object, ...]:
    stack: Stack[int] = Stack()
    for n in ns:
        stack.push(n)
    top = stack.pop()
    rest = []
    while stack:
        rest.append(stack.pop())
    return top, rest, len(stack), top is None


class Animal:
    def __init__(self, name: str) -> None:
        self.name = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Animal) and self.name == other.name

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.name})"


class Dog(Animal):
    def __eq__(self, other: object) -> bool:
        if isinstance(other, Dog):
            return self.name[:1] == other.name[:1]
        return False


@case(st.text("ab", max_size=2), st.text("ab", max_size=2))
def derived_operands_come_first(a: str, b: str) -> tuple[object, ...]:
    cat, dog, pup = Animal(a), Dog(a), Dog(b)
    return (
        cat == dog,
        dog == cat,
        dog == pup,
        cat == Animal(b),
        [cat, dog],
        dog in [cat, pup],
        dog != pup,
    )


class Secret:
    """Names that begin with two underscores are the class's own."""

    def __init__(self, n: int) -> None:
        self.__n = n
        self.__seen = [n]

    def __twice(self) -> int:
        return self.__n * 2

    def show(self) -> tuple[int, int, list[int]]:
        self.__n += 1
        self.__seen.append(self.__n)
        return self.__n, self.__twice(), self.__seen


@case(st.builds(Secret, small), small)
def private_names(secret: Secret, n: int) -> tuple[object, ...]:
    return secret.show(), Secret(n).show()
