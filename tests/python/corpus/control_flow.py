"""match, loops with else, try in all forms, with, walrus, del, assert."""

import contextlib
from dataclasses import dataclass

from corpus import case


@dataclass
class Circle:
    radius: float


@dataclass
class Rectangle:
    width: float
    height: float = 1.0


class Keyed:
    __match_args__ = ("key", "value")

    def __init__(self, key, value):
        self.key = key
        self.value = value


@case(
    (0,),
    (True,),
    (None,),
    ("quit",),
    (["go", "north", "fast"],),
    (("go",),),
    ([],),
    ({"type": "point", "x": 1, "extra": [2]},),
    ({"type": "line"},),
    (Circle(2.5),),
    (Rectangle(3, height=4),),
    (Keyed("k", [1, 2, 3]),),
    (-7,),
    (3.5,),
    (b"bytes",),
    ({1, 2},),
)
def match_statement(subject):
    match subject:
        case None | False:
            return "nothing"
        case True:
            return "yes"
        case 0 | -7 as number:
            return ("number", number)
        case "quit" | "exit":
            return "quit"
        case [("go"), *directions] if directions:
            return ("go", directions)
        case [] | ["go"]:
            return "short"
        case {"type": "point", "x": int(x), **rest}:
            return ("point", x, rest)
        case {"type": kind}:
            return ("other", kind)
        case Circle(radius=r) if r > 2:
            return ("big circle", r)
        case Rectangle(width, height):
            return ("rectangle", width * height)
        case Keyed(key, [first, *_, last]):
            return ("keyed", key, first, last)
        case float(f):
            return ("float", f)
        case bytes():
            return "bytes"
        case _:
            return "anything"


@case(([4, 9, 15],), ([4, 8],), ([],))
def for_with_else(numbers):
    seen = []
    for n in numbers:
        if n % 2 == 0:
            continue
        if n % 3 == 0:
            seen.append(n)
            break
    else:
        seen.append("no break")
    return seen


@case((10, 3), (9, 3))
def while_with_else(n, divisor):
    steps = 0
    while n >= divisor:
        n -= divisor
        steps += 1
        if steps > 100:
            break
    else:
        return steps, n
    return None


@case((1,), (0,), ("x",), (None,))
def try_except_else_finally(value):
    log = []
    try:
        log.append("try")
        result = 12 / value
    except ZeroDivisionError as error:
        log.append(str(error))
        result = None
    except (TypeError, KeyError) as error:
        log.append(type(error).__name__)
        result = -1
    else:
        log.append("else")
    finally:
        log.append("finally")
    return log, result


@case((True,), (False,))
def return_in_finally_wins(fail):
    def inner():
        try:
            if fail:
                raise ValueError("lost")
            return "try"
        finally:
            log.append("finally")

    log = []
    try:
        log.append(inner())
    except ValueError as error:
        log.append(str(error))
    return log


@case()
def the_name_of_an_exception_is_unbound_afterwards():
    try:
        raise ValueError(1)
    except ValueError as error:
        kept = error.args
    try:
        return error
    except UnboundLocalError as problem:
        return kept, type(problem).__name__


@case(([3, 5],), ([5, 0],))
def nested_try(values):
    log = []
    try:
        for value in values:
            try:
                log.append(15 // value if value else [][value])
            except ZeroDivisionError:
                log.append("never")
            finally:
                log.append("inner")
    except IndexError:
        log.append("index")
    return log


class Resource:
    def __init__(self, log, name, swallow=False):
        self.log = log
        self.name = name
        self.swallow = swallow

    def __enter__(self):
        self.log.append(f"enter {self.name}")
        return self.name.upper()

    def __exit__(self, kind, error, trace):
        self.log.append(f"exit {self.name} {kind and kind.__name__} {error} {trace is not None}")
        return self.swallow


@case((False, False), (True, True))
def with_several_managers(fail, swallow):
    log = []
    with Resource(log, "a", swallow) as a, Resource(log, "b") as b:
        log.append(a + b)
        if fail:
            raise LookupError("inside")
        log.append("not reached")
    log.append("after")
    return log


@case()
def with_lets_exceptions_through():
    log = []
    with Resource(log, "r"):
        raise LookupError("inside", log)


@case()
def what_is_no_context_manager():
    try:
        with 5:
            pass
    except TypeError as error:
        return str(error).startswith("'int' object does not support the context manager protocol")


@contextlib.contextmanager
def tag(log, name):
    log.append(f"<{name}>")
    try:
        yield name
    except KeyError as error:
        log.append(f"caught {error}")
    finally:
        log.append(f"</{name}>")


@case((False,), (True,))
def contextmanager_from_a_generator(fail):
    log = []
    with tag(log, "p") as name:
        log.append(name)
        if fail:
            raise KeyError("k")
    return log


@case()
def contextmanager_lets_others_through():
    log = []
    with tag(log, "p"):
        raise OSError(9005, "not for you")


@case((3,))
def exit_stack(n):
    log = []
    with contextlib.ExitStack() as stack:
        for i in range(n):
            stack.enter_context(tag(log, str(i)))
        stack.callback(log.append, "callback")
        log.append("body")
    return log


@case()
def suppress_nullcontext_and_redirect():
    log = []
    with contextlib.suppress(ZeroDivisionError, KeyError):
        log.append(1 / 0)
    with contextlib.nullcontext("given") as given:
        log.append(given)
    with contextlib.closing(iter_like(log)) as thing:
        log.append(type(thing).__name__)
    return log


def iter_like(log):
    class Closeable:
        def close(self):
            log.append("closed")

    return Closeable()


@case(([1, 5, 12, 3],), ([],))
def walrus(values):
    big = [y for x in values if (y := x * 2) > 5]
    if (n := len(values)) > 2:
        return big, n, y
    return big, n


@case()
def delete_things():
    items = [0, 1, 2, 3, 4, 5]
    del items[1], items[-1], items[1:3]
    table = {"a": 1, "b": 2}
    del table["a"]
    name = 1
    del name
    try:
        return name
    except UnboundLocalError:
        return items, table


@case((5,), (-5,))
def assertion(n):
    assert n > 0, ("must be positive", n)
    return n


@case()
def assertion_without_message():
    assert not "text"


@case((3, "x"), (0, ""))
def conditional_expressions_and_short_circuit(n, text):
    calls = []

    def note(value):
        calls.append(value)
        return value

    result = note(n) and note(text) or note("default")
    return result, calls, "many" if n > 2 else "few" if n else "none", not n, 1 < n <= 3 != 4
