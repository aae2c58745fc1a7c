"""Classes: instances that travel, inheritance, properties, slots, special methods."""

import abc
import copy
import weakref

from corpus import case


class Point:
    dimensions = 2

    def __init__(self, x, y):
        self.x = x
        self.y = y

    def __add__(self, other):
        return Point(self.x + other.x, self.y + other.y)

    def __eq__(self, other):
        return isinstance(other, Point) and vars(self) == vars(other)

    __hash__ = None

    @classmethod
    def origin(cls):
        return cls(0, 0)

    @staticmethod
    def distance(a, b):
        return abs(a.x - b.x) + abs(a.y - b.y)


class Point3(Point):
    dimensions = 3

    def __init__(self, x, y, z=0.0):
        super().__init__(x, y)
        self.z = z


class Pixel:
    __slots__ = ("__weakref__", "colour", "x")

    def __init__(self, x, colour=None):
        self.x = x
        if colour is not None:
            self.colour = colour


class Tree:
    def __init__(self, value, *children):
        self.value = value
        self.children = list(children)


@case((1, 2), (1.5, -3))
def instances_are_results(x, y):
    return [Point(x, y) + Point(1, 1), Point3(x, y), Point.origin(), Point3.origin()]


@case((Point(1, 2), Point3(4, 6, 1)))
def instances_are_arguments(a, b):
    return Point.distance(a, b), a + b, b.dimensions, a == Point(1, 2), type(b).__mro__[1].__name__


@case((Pixel(3, "red"),), (Pixel(4),))
def slotted_instances(pixel):
    made = Pixel(pixel.x + 1, getattr(pixel, "colour", None))
    made.x *= 2
    return made, hasattr(made, "colour"), hasattr(made, "__dict__")


@case()
def slots_refuse_other_names():
    try:
        Pixel(1).weight = 5
    except AttributeError as error:
        return str(error).startswith("'Pixel' object has no attribute 'weight'")


@case((Tree(1, Tree(2), Tree(3, Tree(4))),))
def nested_instances(tree):
    def mapped(node):
        return Tree(node.value * 10, *map(mapped, node.children))

    return mapped(tree)


class Base:
    def who(self):
        return ["Base"]

    def greet(self):
        return f"I am {self.name()}"

    def name(self):
        return "base"


class Left(Base):
    def who(self):
        return ["Left", *super().who()]

    def name(self):
        return "left"


class Right(Base):
    def who(self):
        return ["Right", *super().who()]


class Both(Left, Right):
    def who(self):
        return ["Both", *super().who()]


@case()
def the_diamond():
    both = Both()
    return both.who(), both.greet(), [cls.__name__ for cls in Both.__mro__], Right.who(both)


@case()
def an_impossible_order_of_bases():
    class A:
        pass

    class B(A):
        pass

    try:
        type("C", (A, B), {})
    except TypeError as error:
        return "MRO" in str(error)


class Temperature:
    def __init__(self, celsius):
        self._celsius = celsius

    @property
    def fahrenheit(self):
        """In degrees Fahrenheit."""
        return self._celsius * 9 / 5 + 32

    @fahrenheit.setter
    def fahrenheit(self, value):
        if value < -459.67:
            raise ValueError("below absolute zero", value)
        self._celsius = (value - 32) * 5 / 9

    @fahrenheit.deleter
    def fahrenheit(self):
        self._celsius = None

    @property
    def fixed(self):
        return 0


@case((212,), (-500,))
def a_property_with_a_setter(value):
    temperature = Temperature(25)
    before = temperature.fahrenheit
    temperature.fahrenheit = value
    after = temperature.fahrenheit
    del temperature.fahrenheit
    return before, after, temperature._celsius, Temperature.fahrenheit.__doc__


@case()
def a_property_without_a_setter():
    try:
        Temperature(1).fixed = 2
    except AttributeError as error:
        return "fixed" in str(error)


class Vault:
    __secret = "class secret"

    def __init__(self):
        self.__code = 42

    def open(self):
        return self.__code, self.__secret, self.__twice(2)

    def __twice(self, n):
        return n * self.__code

    class __Inner:
        pass

    @classmethod
    def inner_name(cls):
        return cls.__Inner.__name__


@case()
def private_names_are_mangled():
    vault = Vault()
    return vault.open(), vars(vault), Vault._Vault__secret, Vault.inner_name()


@case()
def a_private_name_from_outside():
    return Vault().__code


class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self):
        """Each shape has one."""

    @property
    @abc.abstractmethod
    def sides(self): ...

    def describe(self):
        return f"{type(self).__name__}: {self.area():.2f}, {self.sides} sides"


class Square(Shape):
    sides = 4

    def __init__(self, side):
        self.side = side

    def area(self):
        return self.side**2


@case((3,))
def an_abstract_base(side):
    return Square(side), Square(side).describe(), sorted(Shape.__abstractmethods__)


@case()
def an_abstract_class_cannot_be_made():
    try:
        Shape()
    except TypeError as error:
        return str(error).startswith("Can't instantiate abstract class Shape")


@case()
def virtual_subclasses():
    class Sized(abc.ABC):
        @classmethod
        def __subclasshook__(cls, other):
            return hasattr(other, "size") or NotImplemented

    class Has:
        size = 1

    @Sized.register
    class Registered:
        pass

    return [issubclass(cls, Sized) for cls in (Has, Registered, int)], isinstance(Has(), Sized)


@case()
def class_attributes_change_at_run_time():
    before = Both().name()
    Both.name = lambda self: "patched"
    Both.extra = 5
    changed = Both().greet(), Both.extra
    del Both.name, Both.extra
    return before, changed, Both().greet(), hasattr(Both, "extra")


class Recorder:
    instances = 0

    def __new__(cls, *args):
        made = super().__new__(cls)
        made.args = args
        return made

    def __init__(self, *args):
        self.count = len(args)

    def __call__(self, *args, **kwargs):
        return self.args + args, kwargs

    def __getattr__(self, name):
        if name.startswith("get_"):
            return lambda: name[4:]
        raise AttributeError(f"no {name} here")

    def __contains__(self, item):
        return item in self.args

    def __len__(self):
        return self.count

    def __bool__(self):
        return False


@case()
def special_methods():
    it = Recorder(1, 2)
    return it(3, k=4), it.get_name(), 2 in it, len(it), bool(it), it.args


@case()
def getattr_that_refuses():
    return Recorder().unknown


@case()
def setattr_and_delattr():
    log = []

    class Watched:
        def __setattr__(self, name, value):
            log.append(("set", name, value))
            object.__setattr__(self, name, value)

        def __delattr__(self, name):
            log.append(("del", name))
            super().__delattr__(name)

        def __getattribute__(self, name):
            log.append(("get", name))
            return super().__getattribute__(name)

    watched = Watched()
    watched.a = 1
    watched.a += 1
    del watched.a
    return log


class Shallow:
    def __init__(self):
        self.items = [1, [2]]
        self.copied = 0

    def __copy__(self):
        other = Shallow()
        other.items = self.items
        other.copied = self.copied + 1
        return other


@case()
def copying():
    one = Shallow()
    two, three = copy.copy(one), copy.deepcopy(one)
    one.items[1].append(3)
    loop = [1]
    loop.append(loop)
    looped = copy.deepcopy(loop)
    return two, three, looped[1] is looped, copy.copy([one])[0] is one


@case()
def weak_references():
    class Node:
        pass

    log = []
    node = Node()
    reference = weakref.ref(node, lambda _: log.append("died"))
    table = weakref.WeakValueDictionary(a=node)
    weakref.finalize(node, log.append, "finalized")
    alive = reference() is node, len(table)
    del node
    return alive, reference(), len(table), sorted(log)


@case()
def a_class_in_a_class_in_a_function():
    class Outer:
        class Inner:
            value = 1

            def up(self):
                return Outer.Inner.value + 1

    return Outer.Inner().up(), Outer.Inner.__qualname__


@case()
def equality_without_hash():
    return {Point(1, 2): "no"}.keys() if Point.__hash__ else len({Point3: 1}), Point(1, 2) != 5
