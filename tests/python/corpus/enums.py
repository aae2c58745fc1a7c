"""Enums and flags of all kinds."""

import enum
from enum import Enum, Flag, IntEnum, IntFlag, StrEnum, auto, unique

from corpus import case


class Colour(Enum):
    RED = 1
    GREEN = "g"
    BLUE = (0, 0, 255)
    CRIMSON = RED

    @property
    def is_red(self):
        return self is Colour.RED

    @classmethod
    def default(cls):
        return cls.GREEN


class Priority(IntEnum):
    LOW = 1
    HIGH = 10


class Access(Flag):
    READ = auto()
    WRITE = auto()
    RUN = auto()
    ALL = READ | WRITE | RUN


class Bits(IntFlag):
    A = 1
    B = 2
    D = 8


class Word(StrEnum):
    HELLO = auto()
    BYE = "good bye"


class Planet(Enum):
    EARTH = (5.976e24, 6.37814e6)
    MARS = (6.421e23, 3.3972e6)

    def __init__(self, mass, radius):
        self.mass = mass
        self.radius = radius

    @property
    def gravity(self):
        return round(6.673e-11 * self.mass / (self.radius * self.radius), 6)


class Step(Enum):
    def _generate_next_value_(name, start, count, last_values):
        return f"{count}:{name.lower()}"

    ONE = auto()
    TWO = auto()


class Coerced(Enum):
    X = 1
    OTHER = -1

    @classmethod
    def _missing_(cls, value):
        if isinstance(value, str) and value.isdigit():
            return cls(int(value))
        return cls.OTHER if value == "?" else None


class Ordered(Enum):
    def __lt__(self, other):
        return self.value < other.value

    LAST = 9
    FIRST = 0


@case((Colour.RED,), (Colour.CRIMSON,), (Colour.BLUE,))
def members_cross(colour):
    return colour, colour.name, colour.value, colour.is_red, [Colour.default(), repr(colour)]


@case()
def members_by_name_and_value():
    return (
        Colour["GREEN"],
        Colour("g"),
        Colour((0, 0, 255)),
        Colour.CRIMSON is Colour(1),
        len(Colour),
    )


@case((7,), (None,), ("red",))
def no_such_value(value):
    return Colour(value)


@case(
    ("PINK",),
)
def no_such_name(name):
    return Colour[name]


@case()
def iteration_and_aliases():
    return list(Colour), sorted(Colour.__members__), Colour.RED in Colour, list(reversed(Colour))


@case((Priority.HIGH, 3), (Priority.LOW, 1))
def int_enums(priority, n):
    return (
        priority + n,
        priority > n,
        priority == n,
        max(Priority),
        [10, 20][priority % 2],
        priority,
    )


@case((Access.READ, Access.WRITE), (Access.ALL, Access.RUN), (Access(0), Access.READ | Access.RUN))
def flags(a, b):
    return a | b, a & b, a ^ b, ~a, b in a, bool(a), [member.name for member in a | b], a


@case((5,), (0,), (12,))
def int_flags(n):
    bits = Bits(n)
    return bits, bits | Bits.B, Bits.A in bits, int(bits), bits & 8, bits == n


@case()
def a_flag_out_of_range():
    try:
        return Access(64)
    except ValueError as error:
        return "invalid value" in str(error)


@case((Word.HELLO,), (Word.BYE,))
def str_enums(word):
    return word, word.upper(), word + "!", f"{word:>10}", word == "hello", "-".join(Word)


@case((Planet.MARS,))
def members_with_attributes(planet):
    return planet.gravity, Planet.EARTH.gravity, planet.value, planet


@case()
def generated_values():
    return [step.value for step in Step], Step.ONE, Step("1:two")


@case(("1",), ("?",), ("x",))
def missing_values(value):
    return Coerced(value)


@case()
def members_are_final():
    Colour.RED = 5


@case()
def an_enum_with_members_is_final():
    class More(Colour):
        PINK = 2


@case()
def unique_refuses_aliases():
    @unique
    class Twice(Enum):
        A = 1
        B = 1


@case()
def sorting_and_hashing():
    return (
        sorted([Ordered.LAST, Ordered.FIRST]),
        {Colour.RED: 1}[Colour(1)],
        {Colour.RED, Colour.CRIMSON},
    )


@case()
def the_functional_form():
    Animal = Enum("Animal", ["CAT", "DOG"])
    Size = enum.IntEnum("Size", {"S": 1, "L": 3})
    return Animal.DOG.value, Animal["CAT"].name, Size.L + 1, [a.name for a in Animal]


@case((Colour.GREEN,), (Colour.RED,), (Access.WRITE,))
def match_on_members(member):
    match member:
        case Colour.RED | Colour.BLUE:
            return "warm or cold"
        case Colour.GREEN:
            return "green"
        case Access():
            return member.value


@case()
def enums_as_keys_and_in_containers():
    return {Colour.RED: [Priority.LOW], Word.BYE: (Access.READ | Access.RUN,)}, frozenset(Priority)


@case()
def nonmember_and_methods():
    class Tools(Enum):
        HAMMER = "h"

        def use(self):
            return f"{self.name.title()} ({self.value})"

        @staticmethod
        def count():
            return len(Tools)

    return Tools.HAMMER.use(), Tools.count(), Tools.HAMMER.__class__.__name__
