"""Decorators of all kinds, lru_cache, singledispatch, partialmethod."""

import functools
import inspect

from corpus import case


def trace(function):
    @functools.wraps(function)
    def traced(*args, **kwargs):
        result = function(*args, **kwargs)
        traced.calls += 1
        return [function.__name__, result]

    traced.calls = 0
    return traced


def times(n, *, start=0):
    def decorate(function):
        @functools.wraps(function)
        def repeated(*args):
            return [function(*args) + start for _ in range(n)]

        return repeated

    return decorate


class CountCalls:
    def __init__(self, function):
        functools.update_wrapper(self, function)
        self.function = function
        self.count = 0

    def __call__(self, *args):
        self.count += 1
        return self.function(*args), self.count


@trace
def double(x):
    """Twice."""
    return x * 2


@trace
@times(2, start=1)
@trace
@times(1)
def stacked(x):
    return x


@CountCalls
def counted(x):
    return x + 1


@functools.lru_cache(maxsize=None)
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


@functools.cache
def ways(total, coins):
    if total == 0:
        return 1
    if total < 0 or not coins:
        return 0
    return ways(total - coins[0], coins) + ways(total, coins[1:])


@functools.singledispatch
def describe(value):
    return f"something: {value!r}"


@describe.register
def _(value: int):
    return f"int {value}"


@describe.register(list)
@describe.register(tuple)
def _(value):
    return [describe(item) for item in value]


@describe.register
def _(value: str | bytes):
    return f"text of {len(value)}"


@case((3,), ("ab",))
def a_decorated_helper(x):
    return double(x), double.__name__, double.__doc__, double.__wrapped__(x)


@case(({},))
def a_decorated_helper_that_fails(x):
    return double(x)


@case()
def stacked_decorators():
    try:
        return stacked(5)
    except TypeError as error:
        return str(error)


@case((1,))
def a_decorator_class(x):
    fresh = CountCalls(counted.function)
    return fresh(x), fresh(x), fresh.__name__, fresh.count


@case((80,), (0,))
def cached_recursion(n):
    fib.cache_clear()
    return fib(n), fib.cache_info().misses, fib.cache_info().maxsize, fib.cache_parameters()


@case((50, (25, 10, 5, 1)), (3, (2,)))
def cached_with_several_arguments(total, coins):
    ways.cache_clear()
    return ways(total, coins)


@case()
def a_cache_refuses_what_has_no_hash():
    try:
        return ways(1, [1])
    except TypeError as error:
        return "unhashable" in str(error)


@case((5,), ((1, "a", [2.5, b"xy"]),), (None,), (True,))
def single_dispatch(value):
    return describe(value), describe.dispatch(bool).__name__, len(describe.registry)


class Formatter:
    def __init__(self, width):
        self.width = width

    @functools.singledispatchmethod
    def show(self, value):
        raise NotImplementedError(type(value).__name__)

    @show.register
    def _(self, value: int):
        return str(value).rjust(self.width)

    @show.register
    def _(self, value: str):
        return value.ljust(self.width, ".")

    def pad(self, text, fill):
        return text.center(self.width, fill)

    stars = functools.partialmethod(pad, fill="*")


@case((7,), ("ab",), (2.5,))
def single_dispatch_methods(value):
    return Formatter(6).show(value), Formatter(4).stars("x")


def validate(**kinds):
    def decorate(function):
        names = inspect.signature(function)

        @functools.wraps(function)
        def checked(*args, **kwargs):
            bound = names.bind(*args, **kwargs)
            bound.apply_defaults()
            for name, kind in kinds.items():
                if not isinstance(bound.arguments[name], kind):
                    raise TypeError(f"{name} must be {kind.__name__}", bound.arguments[name])
            return function(*args, **kwargs)

        return checked

    return decorate


@validate(name=str, age=int)
def register(name, age=0, **rest):
    return name, age, rest


@case(("ann", 3), ("bob",), (5,), ("cid", "old"))
def validated_by_a_decorator(*args):
    return register(*args, extra=1)


@case()
def missing_argument_of_a_decorated_function():
    return register()


def memoize(function):
    memory = {}

    def remembered(*args):
        if args not in memory:
            memory[args] = function(*args)
        return memory[args]

    remembered.memory = memory
    return remembered


@case((12,))
def a_memoizer_of_ones_own(n):
    @memoize
    def catalan(k):
        return 1 if k < 1 else sum(catalan(i) * catalan(k - 1 - i) for i in range(k))

    return catalan(n), len(catalan.memory), sorted(catalan.memory)[:3]


@case()
def a_bounded_cache_forgets():
    calls = []

    @functools.lru_cache(maxsize=2, typed=True)
    def square(x):
        calls.append(x)
        return x * x

    results = [square(x) for x in (1, 2, 1, 3, 2, 1.0, 1)]
    return results, calls, tuple(square.cache_info())


@case()
def decorated_methods():
    def shout(method):
        @functools.wraps(method)
        def shouted(self):
            return method(self).upper()

        return shouted

    class Speaker:
        words = "hello"

        @shout
        def speak(self):
            return self.words

        @classmethod
        @functools.wraps(len)
        def name_of(cls):
            return cls.__name__

        @property
        @shout
        def loud(self):
            return self.words + "!"

    return Speaker().speak(), Speaker.name_of(), Speaker().loud, Speaker.speak.__name__


@case()
def a_decorator_that_replaces_by_a_value():
    @lambda f: f()
    def value():
        return [1, 2]

    @list
    @reversed
    @"abc".__add__
    @str
    def text(): ...

    return value, text[-3:], isinstance(text, list)


@case((3,))
def reduce_and_wrapper_attributes(n):
    chained = functools.reduce(lambda f, _: times(1, start=1)(f), range(n), lambda: 0)
    try:
        return chained()
    except TypeError as error:
        return type(error).__name__


def retry(limit):
    def decorate(function):
        @functools.wraps(function)
        def tried(*args):
            for attempt in range(1, limit + 1):
                try:
                    return function(attempt, *args)
                except ArithmeticError as error:
                    last = error
            raise RuntimeError(f"failed {limit} times") from last

        return tried

    return decorate


@retry(3)
def flaky(attempt, threshold):
    if attempt < threshold:
        raise OverflowError(attempt)
    return attempt


@case((1,), (3,), (4,))
def retrying(threshold):
    return flaky(threshold)
