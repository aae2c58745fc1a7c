"""Dataclasses in all their options, namedtuples, typed dictionaries."""

import collections
import dataclasses
import typing
from dataclasses import KW_ONLY, InitVar, asdict, astuple, dataclass, field, fields, replace

from corpus import case


@dataclass
class Item:
    name: str
    price: float = 1.5
    tags: list = field(default_factory=list)

    def total(self, count):
        return self.price * count


@dataclass(frozen=True, order=True)
class Version:
    major: int
    minor: int = 0
    label: str = field(default="", compare=False)

    @classmethod
    def parse(cls, text):
        return cls(*map(int, text.split(".")))


@dataclass(slots=True)
class Packed:
    a: int
    b: "Packed | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    depth: int = 3
    names: tuple = ()


@dataclass
class Mixed:
    first: int
    _: KW_ONLY
    second: int = 2
    third: str


@dataclass
class Computed:
    side: float
    scale: InitVar[int] = 2
    area: float = field(init=False)
    hidden: str = field(default="h", repr=False)
    kind: typing.ClassVar[str] = "square"

    def __post_init__(self, scale):
        if self.side < 0:
            raise ValueError("negative side", self.side)
        self.area = self.side * self.side * scale


@dataclass
class Special(Item):
    price: float = 9.0
    discount: float = 0.0

    def total(self, count):
        return super().total(count) - self.discount


@dataclass(eq=False)
class Identity:
    n: int


@dataclass(unsafe_hash=True)
class Hashed:
    n: int
    text: str = "t"


Coordinates = collections.namedtuple("Coordinates", "x y label", defaults=["here"])


class Employee(typing.NamedTuple):
    name: str
    salary: int = 100

    def raised(self, by):
        return self._replace(salary=self.salary + by)


class Movie(typing.TypedDict, total=False):
    title: str
    year: int


@case(("pen", 3), ("ink", 0))
def plain_dataclass(name, count):
    item = Item(name)
    item.tags.append(count)
    return item, item.total(count), repr(item), item == Item(name, 1.5, [count]), Item(name).tags


@case((Item("a", 2, ["t"]), Version(1)), (Special("b", discount=1), Version(2, 3, "x")))
def dataclass_arguments(item, version):
    return replace(item, name="new"), astuple(item), asdict(item), item.total(2), version.label


@case(("1.2", "1.10"), ("2", "1.9"))
def ordered_and_frozen(a, b):
    one, two = Version.parse(a), Version.parse(b)
    return (
        sorted([two, one]),
        one < two,
        hash(one) == hash(Version.parse(a)),
        {one: 1}[one],
        max(one, two),
    )


@case()
def frozen_refuses():
    Version(1).major = 2


@case()
def frozen_refuses_new_names():
    try:
        Options().extra = 2
    except (AttributeError, TypeError) as error:
        return isinstance(error, Exception)


@case((Packed(1, Packed(2)),))
def slotted(packed):
    packed.b.b = Packed(3)
    return packed, hasattr(packed, "__dict__"), packed == Packed(1, Packed(2, Packed(3)))


@case((5,), ([],))
def keyword_only(depth):
    return Options(depth=depth, names=("a",)), Mixed(1, third="t"), Mixed(1, second=0, third="u")


@case()
def keyword_only_refuses_positions():
    return Options(1)


@case((3,), (-1,))
def post_init(side):
    computed = Computed(side, scale=3)
    return computed, repr(computed), Computed.kind, [f.name for f in fields(computed)]


@case()
def inheritance_keeps_the_order_of_fields():
    return Special("s", discount=0.5), [f.name for f in fields(Special)], Special("s").total(2)


@case()
def equality_and_hash():
    one = Identity(1)
    hashes = len({Hashed(1), Hashed(1), Hashed(2)})
    return one == Identity(1), one == one, hashes, Item("x") == Special("x"), Item.__hash__


@case()
def a_mutable_default_is_refused():
    @dataclass
    class Bad:
        items: list = []


@case()
def a_missing_field():
    return Item()


@case()
def default_after_field_without():
    try:
        dataclasses.make_dataclass("Wrong", [("a", int, 1), ("b", int)])
    except TypeError as error:
        return str(error).startswith("non-default argument 'b' follows default argument")


@case((1, 2), (3, 4, "there"))
def named_tuples(*parts):
    point = Coordinates(*parts)
    x, y, *_ = point
    return point, x + y, point._asdict(), point._replace(x=0), point[-1], Coordinates._fields


@case((Employee("ann"), 5), (Employee("bob", 7), -7))
def typed_named_tuples(employee, by):
    return employee.raised(by), employee > Employee("a"), Employee._field_defaults, repr(employee)


@case()
def a_named_tuple_refuses():
    return Coordinates(1)


@case()
def a_named_tuple_is_frozen():
    try:
        Employee("x").name = "y"
    except AttributeError as error:
        return str(error)


@case(({"title": "M"},))
def typed_dictionaries(movie):
    made = Movie(year=1931, **movie)
    return made, Movie.__total__, sorted(Movie.__annotations__)


@case()
def asdict_goes_deep():
    nested = Packed(1, Packed(2))
    pairs = asdict(nested, dict_factory=lambda items: sorted(items, reverse=True))
    mixed = Item("x", 1, [Packed(5), (Coordinates(1, 2),), {"k": Version(1)}])
    return pairs, asdict(mixed), dataclasses.is_dataclass(mixed), dataclasses.is_dataclass(Item)


@case()
def fields_know_everything():
    by_name = {f.name: f for f in fields(Item)}
    price, tags = by_name["price"], by_name["tags"]
    return price.default, price.init, tags.default is dataclasses.MISSING, tags.default_factory()


@case((Version(3, 1), "sub"))
def match_on_a_dataclass(version, label):
    match replace(version, label=label):
        case Version(3, minor, text):
            return minor, text
