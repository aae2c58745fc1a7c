"""Functions inside functions: free variables, nonlocal, defaults, lambdas."""

import functools
import operator

from corpus import case

SCALE = 3


@case((), (5,))
def counter_with_nonlocal(start=0):
    count = start

    def step(by=1):
        nonlocal count
        count += by
        return count

    return [step(), step(10), step(-3), count]


@case((3,), (0,))
def functions_made_in_a_loop_share_the_variable(n):
    functions = [lambda: i for i in range(n)]
    kept = [lambda i=i: i for i in range(n)]
    return [f() for f in functions], [f() for f in kept]


@case((4,))
def two_closures_over_one_cell(value):
    def get():
        return value

    def put(new):
        nonlocal value
        value = new

    before = get()
    put([before] * 2)
    return before, get(), value


@case((2, 3), ("ab", 2))
def closure_of_a_closure(a, b):
    def outer(x):
        def middle(y):
            def inner(z):
                return a * x, b + y, z

            return inner

        return middle

    return outer(b)(1)(None)


def make_adder(n):
    def add(x, *, scale=SCALE):
        """Add and scale."""
        return (x + n) * scale

    return add


add_five = make_adder(5)
add_text = make_adder("!")


@case((1,), (2.5,))
def a_module_level_closure_travels(x):
    return add_five(x), add_five(x, scale=-1), add_five.__doc__, add_five.__name__


@case(("hey",), (1,))
def a_module_level_closure_that_fails(x):
    return add_text(x)


@case()
def mutable_default_is_made_once():
    def collect(item, into=[]):
        into.append(item)
        return into

    first = collect(1)
    second = collect(2)
    return first, second is first, collect(3, []), collect.__defaults__


def with_defaults(a, b=SCALE * 2, *rest, c=(1, 2), **more):
    return a, b, rest, c, more


@case()
def every_kind_of_parameter():
    return [
        with_defaults(1),
        with_defaults(1, 2, 3, 4),
        with_defaults(1, c=None),
        with_defaults(*"abc", **{"c": 0, "d": 4, "e": []}),
        with_defaults(b="x", a="y", z=1),
    ]


@case((1, 2), (1,))
def positional_only_and_keyword_only(*args):
    def strict(a, /, b, *, c=0):
        return a - b + c

    return strict(*args), strict(*args, c=7)


@case((1,), ((1, 2, 3),))
def wrong_arguments(args):
    def strict(a, b, /):
        return a, b

    return strict(*args) if isinstance(args, tuple) else strict(args)


@case()
def unexpected_keyword():
    def narrow(a):
        return a

    return narrow(1, unknown=2)


def fact(n):
    return 1 if n < 2 else n * fact(n - 1)


def is_even(n):
    return n == 0 or is_odd(n - 1)


def is_odd(n):
    return n != 0 and is_even(n - 1)


@case((30,), (0,))
def recursion(n):
    return fact(n), is_even(n), is_odd(n)


@case((400,))
def deep_recursion_in_a_closure(n):
    def depth(k):
        return 0 if k == 0 else 1 + depth(k - 1)

    return depth(n)


@case()
def recursion_without_end():
    def down(n):
        return down(n + 1) + 1

    return down(0)


@case()
def recursion_without_end_is_caught():
    def down(n):
        return down(n + 1) + 1

    try:
        down(0)
    except RecursionError as error:
        return type(error).__name__, str(error).startswith("maximum recursion depth exceeded")


compose = lambda *fs: functools.reduce(lambda f, g: lambda x: g(f(x)), fs)


@case((3,), (-2,))
def composed_lambdas(x):
    return compose(lambda v: v + 1, lambda v: v * v, str)(x)


@case(([3, 1, 2],), ([],))
def lambdas_as_keys(items):
    return (
        sorted(items, key=lambda item: -item),
        list(map(lambda a, b: (a, b), items, reversed(items))),
        list(filter(lambda item: item % 2, items)),
        functools.reduce(operator.mul, items, 1),
    )


class Powers:
    base = 2

    def make(self, top):
        exponents = range(top)
        return [self.base**e for e in exponents if e not in (1,)]


@case((5,))
def a_comprehension_inside_a_method(top):
    powers = Powers()
    powers.base = 3
    return powers.make(top), Powers().make(top)


@case()
def an_unbound_free_variable():
    def use():
        return late

    if len("abc") > 5:
        late = 1
    return use()


@case()
def an_unbound_local():
    if len("abc") > 5:
        value = 1
    return value


@case()
def a_missing_global():
    return not_defined_anywhere


@case((10,))
def accumulate_with_partial(n):
    power = functools.partial(pow, 2)
    modular = functools.partial(pow, mod=7, exp=3)
    nested = functools.partial(functools.partial(with_defaults, 1), 2, c="c")
    return power(n), modular(n), nested(3, x=4), nested.args, nested.keywords
