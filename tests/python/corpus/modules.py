"""Names of modules: constants, mutable globals, helpers here and elsewhere, imports."""

import collections.abc as abstract
import importlib
import json as j
import math
import os.path
import sys
from math import tau as full_turn

from corpus import _units, case
from corpus._units import Length, System, UnitError
from corpus._units import system_of as kind_of_unit

LIMIT = 10
NAMES = ("ann", "bob")
TABLE = {"a": [1, 2], "b": {"nested": (3.5, None)}}
WEIGHTS: dict[str, float] = {}
WEIGHTS["late"] = 0.5
WEIGHTS.update({name: len(name) / 2 for name in NAMES})


class Settings:
    verbose = False
    level = 1


SETTINGS = Settings()
SETTINGS.level = 3
Settings.verbose = True


def helper(x):
    return second_helper(x) + LIMIT


def second_helper(x):
    return x * len(NAMES)


@case((1,), (2.5,))
def constants_and_helpers(x):
    return helper(x), NAMES, TABLE["b"]["nested"], LIMIT**2


@case(("x",), (None,))
def a_helper_fails(x):
    return helper(x)


@case()
def live_values_of_globals():
    return WEIGHTS, SETTINGS.level, Settings().level, Settings.verbose, SETTINGS


@case((2, "km"), (1, "mi"), (1, "ell"))
def a_class_of_another_module(value, unit):
    length = Length(value, unit)
    return length, length.to("m"), length == Length(length.metres), kind_of_unit(unit)


@case(("km",), ("parsec",))
def a_module_as_a_value(unit):
    return _units.rate(unit), sorted(_units.RATES), _units.System("metric"), _units.__name__


@case(("ell",))
def an_exception_of_another_module(unit):
    try:
        return _units.rate(unit)
    except UnitError as error:
        raise LookupError(error.unit, System.IMPERIAL) from error


@case((0.5,))
def imports_under_other_names(x):
    return (
        round(full_turn * x, 9),
        j.dumps([x]),
        os.path.join("a", "b"),
        isinstance([], abstract.Sequence),
    )


@case((4,))
def imports_inside_a_function(n):
    import decimal
    import itertools as it
    from collections import Counter
    from math import comb

    return list(it.accumulate(range(n))), Counter("aab"), comb(n, 2), decimal.Decimal("1.1") * n


@case()
def imports_by_name():
    module = importlib.import_module("bisect")
    return module.bisect_left([1, 3, 5], 4), __import__("heapq").nlargest(2, [1, 9, 5])


@case()
def modules_have_names():
    return (
        __name__,
        math.__name__,
        helper.__module__,
        Settings.__module__,
        sys.modules["math"] is math,
    )


@case()
def an_import_that_is_tried():
    try:
        import fast_json_that_is_not_there as fast
    except ImportError as error:
        fast = None
        name = error.name
    return fast, name


@case()
def builtins_can_be_hidden():
    def len(_):
        return "hidden"

    print = sorted
    return len([1]), print([2, 1])


@case((5,))
def locals_and_globals(n):
    square = n * n
    names = sorted(locals())
    by_name = globals()["LIMIT"] == LIMIT, globals()["helper"] is helper
    return names, by_name, vars()["square"]


@case()
def attributes_of_functions():
    def counted():
        counted.calls = getattr(counted, "calls", 0) + 1
        return counted.calls

    counted.unit = "calls"
    return counted(), counted(), vars(counted), counted.unit


if sys.version_info >= (3, 11):

    def chosen():
        return "new enough"
else:

    def chosen():
        return "old"


try:
    import no_such_accelerator as accelerator
except ImportError:
    accelerator = None


@case((9,))
def chosen_at_import(n):
    return chosen(), accelerator.sqrt(n) if accelerator else math.isqrt(n)


@case((3,))
def main_is_never_this_module(n):
    return "script" if __name__ == "__main__" else "module", [n for n in range(n)]


def _registry():
    known = {}

    def register(function):
        known[function.__name__] = function
        return function

    return known, register


COMMANDS, command = _registry()


@command
def start(x):
    return f"started {x}"


@command
def stop(x):
    raise RuntimeError(f"cannot stop {x}")


@case(("start", 1), ("stop", 2), ("pause", 3))
def a_table_of_functions(name, x):
    return COMMANDS[name](x)
