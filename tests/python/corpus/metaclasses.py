"""Descriptors, metaclasses, __init_subclass__, class decorators, dynamic classes."""

import functools
import types

from corpus import case


class Positive:
    def __set_name__(self, owner, name):
        self.name = name
        self.owner = owner.__name__

    def __get__(self, instance, owner=None):
        if instance is None:
            return f"{self.owner}.{self.name}"
        return instance.__dict__.get(self.name, 0)

    def __set__(self, instance, value):
        if value <= 0:
            raise ValueError(f"{self.name} must be positive, not {value}")
        instance.__dict__[self.name] = value


class Order:
    amount = Positive()
    price = Positive()

    def __init__(self, amount, price):
        self.amount = amount
        self.price = price

    @property
    def total(self):
        return self.amount * self.price


@case((3, 5), (3, 0))
def a_data_descriptor(amount, price):
    order = Order(amount, price)
    return order, order.total, Order.amount


class Lazy:
    def __init__(self, make):
        self.make = make

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, instance, owner):
        if instance is None:
            return self
        value = instance.__dict__[self.name] = self.make(instance)
        return value


class Report:
    def __init__(self):
        self.calls = 0

    @Lazy
    def rows(self):
        self.calls += 1
        return list(range(3))

    @functools.cached_property
    def total(self):
        self.calls += 10
        return sum(self.rows)


@case()
def lazy_attributes():
    report = Report()
    values = report.total, report.rows, report.total, report.rows
    return values, report.calls, sorted(vars(report))


class Registry(type):
    known = {}

    def __new__(mcs, name, bases, namespace, **options):
        made = super().__new__(mcs, name, bases, dict(namespace))
        if options.get("register", True):
            mcs.known[name.lower()] = made
        return made

    def __init__(cls, name, bases, namespace, **options):
        super().__init__(name, bases, namespace)

    def __call__(cls, *args):
        made = super().__call__(*args)
        made.made_by = cls.__name__
        return made

    def __len__(cls):
        return len(cls.known)

    def __contains__(cls, name):
        return name in cls.known


class Plugin(metaclass=Registry, register=False):
    def run(self):
        return "plugin"


class Upper(Plugin):
    def run(self):
        return super().run().upper()


class Reverse(Plugin):
    def run(self):
        return super().run()[::-1]


@case(("upper",), ("reverse",), ("missing",))
def a_registry_by_metaclass(name):
    plugin = Registry.known[name]()
    return plugin, plugin.run(), name in Upper, Reverse in Registry.known.values()


@case()
def classes_that_only_a_registry_names():
    return len(Plugin), [Registry.known[name]().run() for name in sorted(Registry.known)]


class Handler:
    handlers = []

    def __init_subclass__(cls, /, prefix="", **kwargs):
        super().__init_subclass__(**kwargs)
        cls.prefix = prefix
        Handler.handlers.append(cls.__name__)


class First(Handler, prefix="1:"):
    pass


class Second(First):
    pass


@case()
def init_subclass():
    return Handler.handlers, First.prefix, Second.prefix, Second().prefix


@case()
def init_subclass_refuses():
    class Third(Handler, unknown=1):
        pass


@case()
def prepare_orders_the_namespace():
    class Ordered(type):
        @classmethod
        def __prepare__(mcs, name, bases, **options):
            return {"created_for": name, **options}

        def __new__(mcs, name, bases, namespace, **options):
            return super().__new__(mcs, name, bases, namespace)

    class Thing(metaclass=Ordered, flavour="sweet"):
        b = 1
        a = 2

    return [n for n in vars(Thing) if not n.startswith("__")], Thing.created_for, Thing.flavour


@case()
def a_metaclass_conflict():
    class One(type):
        pass

    class Two(type):
        pass

    try:
        types.new_class("Both", (One("A", (), {}), Two("B", (), {})))
    except TypeError as error:
        return str(error).startswith("metaclass conflict")


def singleton(cls):
    instances = {}

    @functools.wraps(cls)
    def get(*args):
        if cls not in instances:
            instances[cls] = cls(*args)
        return instances[cls]

    return get


def add_repr(cls):
    def show(self):
        inside = ", ".join(f"{name}={value!r}" for name, value in sorted(vars(self).items()))
        return f"{type(self).__name__}({inside})"

    cls.__repr__ = show
    return cls


@add_repr
class Config:
    def __init__(self, **options):
        vars(self).update(options)


@case()
def class_decorators():
    @singleton
    @add_repr
    class Only:
        def __init__(self, value):
            self.value = value

    return repr(Only(1)), Only(2).value, Only(1) is Only(3), repr(Config(b=[1], a="x"))


@case(({"x": 1, "y": "two"},))
def an_instance_of_a_decorated_class(options):
    return Config(**options)


@case((3,))
def classes_made_with_type(n):
    def area(self):
        return self.side**n

    cube = type("Cube", (), {"area": area, "side": 2, "__doc__": "made"})
    again = types.new_class("Bigger", (cube,), {}, lambda ns: ns.update(side=4))
    return cube().area(), again().area(), cube.__doc__, again.__bases__[0].__name__


@case()
def functions_are_descriptors():
    class Box:
        pass

    def size(self):
        return self.n

    box = Box()
    box.n = 5
    bound = size.__get__(box, Box)
    box.method = types.MethodType(lambda self, by: self.n * by, box)
    return bound(), box.method(3), bound.__self__ is box, bound.__func__ is size


@case()
def class_getitem_and_generic_alias():
    class Typed:
        def __class_getitem__(cls, item):
            return (cls.__name__, item)

    return (
        Typed[3],
        Typed["a", "b"],
        str(list[int]),
        list[int]((1, 2)),
        dict[str, int].__args__ == (str, int),
    )


class Meta(type):
    @property
    def label(cls):
        return cls.__name__.lower()

    def __iter__(cls):
        yield from sorted(n for n in vars(cls) if not n.startswith("_"))


class Settings(metaclass=Meta):
    host = "h"
    port = 80


@case()
def metaclass_properties_and_iteration():
    return Settings.label, list(Settings), hasattr(Settings(), "label")


@case()
def an_attribute_of_the_instance_hides_a_non_data_descriptor():
    class Plain:
        def method(self):
            return "class"

    plain = Plain()
    plain.method = lambda: "instance"
    kept = plain.method()
    del plain.method
    return kept, plain.method()


@case()
def set_name_that_fails():
    class Bad:
        def __set_name__(self, owner, name):
            raise LookupError(name)

    try:

        class Owner:
            field = Bad()

    except (LookupError, RuntimeError) as error:
        # Up to 3.11 a RuntimeError that has it as its cause.
        return (error.__cause__ or error).args
