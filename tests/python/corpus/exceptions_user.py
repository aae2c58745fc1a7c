"""Exception classes of the user's own."""

from dataclasses import dataclass
from enum import Enum

from corpus import case


class AppError(Exception):
    """The root of a little tree."""

    code = 1

    @property
    def told(self):
        return f"{type(self).__name__}#{self.code}"


class NotFound(AppError, LookupError):
    code = 404


class Forbidden(AppError):
    code = 403

    def __init__(self, user, *, action="read"):
        super().__init__(f"{user} may not {action}")
        self.user = user
        self.action = action


class Quiet(AppError):
    def __init__(self, amount):
        self.amount = amount

    def __str__(self):
        return f"quiet: {self.amount:.2f}"


class TwoPart(AppError):
    def __init__(self, left, right):
        super().__init__(left)
        self.right = right


class Slotted(Exception):
    __slots__ = ("place",)


class WithRepr(ValueError):
    def __repr__(self):
        return f"WithRepr<{len(self.args)}>"


class Severity(Enum):
    LOW = 1
    HIGH = "high"


@dataclass
class Position:
    line: int
    column: int = 0


class ParseError(SyntaxError):
    def __init__(self, message, position, severity=Severity.HIGH):
        super().__init__(message)
        self.position = position
        self.severity = severity


class DiskError(OSError):
    pass


class StrictMeta(type):
    def __new__(mcs, name, bases, namespace, *, level=0):
        made = super().__new__(mcs, name, bases, namespace)
        made.level = level
        return made


class Levelled(Exception, metaclass=StrictMeta, level=5):
    def __str__(self):
        return f"level {self.level}: {super().__str__()}"


class Interrupted(BaseException):
    """Not an Exception: the submitter must not be interrupted by it."""


@case((), ("a",), ("a", 2, None))
def with_any_arguments(*args):
    raise AppError(*args)


@case(("k",))
def of_two_bases(key):
    raise NotFound(key)


@case(("ann",), ("bob", "write"))
def with_an_init_of_its_own(user, action=None):
    raise Forbidden(user, action=action) if action else Forbidden(user)


@case((2,), (1.005,))
def with_a_str_of_its_own(amount):
    raise Quiet(amount)


@case()
def whose_init_takes_more_than_its_args():
    raise TwoPart("l", {"r": [1]})


@case()
def with_a_repr_of_its_own():
    raise WithRepr("x", "y")


@case()
def with_values_of_user_classes():
    raise ParseError("unexpected token", Position(3, 14))


@case((2, "gone"), (28, "full", "disk0"))
def of_an_os_error(*args):
    raise DiskError(*args)


@case()
def with_a_metaclass():
    raise Levelled("deep")


@case()
def that_is_no_exception_subclass():
    raise Interrupted("now")


@case()
def raised_as_a_class():
    raise AppError


@case()
def chained_with_user_classes():
    try:
        raise NotFound("user 7")
    except LookupError as error:
        raise Forbidden("ann", action="look") from error


@case()
def context_of_user_classes():
    try:
        raise Quiet(3)
    except AppError as error:
        error.add_note(f"was {error.told}")
        raise TwoPart(error.amount, str(error))


@case()
def caught_by_the_base():
    seen = []
    for error in (NotFound("x"), Forbidden("u"), Quiet(1), TwoPart(1, 2), WithRepr()):
        try:
            raise error
        except NotFound as found:
            seen.append(("not found", found.told))
        except AppError as found:
            seen.append((found.told, str(found), found.args))
        except ValueError as found:
            seen.append(repr(found))
    return seen


@case(("NotFound",), ("Quiet",), ("Nothing",))
def a_class_chosen_by_name(name):
    table = {cls.__name__: cls for cls in (NotFound, Quiet)}
    raise table[name](7)


@case()
def raised_in_a_property():
    class Account:
        @property
        def balance(self):
            raise AppError("no balance")

    return Account().balance


@case()
def raised_while_a_with_ends():
    class Closing:
        def __enter__(self):
            return self

        def __exit__(self, *details):
            raise NotFound("on exit")

    with Closing():
        raise Quiet(1)


@case((0,), (1,), (2,), (3,))
def a_validator(which):
    forms = [
        {"name": "ann", "age": 30},
        {"name": "", "age": 30},
        {"age": 30},
        {"name": "bob", "age": "old"},
    ]
    form = forms[which]
    try:
        name, age = form["name"], form["age"]
    except KeyError as missing:
        raise AppError("field missing", missing.args[0]) from None
    if not name:
        raise Forbidden("anonymous", action="register")
    if not isinstance(age, int):
        raise TwoPart("age", age) from TypeError(type(age).__name__)
    return name, age


class Retry(Exception):
    def __init__(self, after):
        super().__init__(after)
        self.after = after


@case((2,), (5,))
def retry_loop(failures):
    left = failures
    waited = 0

    def attempt():
        nonlocal left
        if left:
            left -= 1
            raise Retry(2**left)
        return "done"

    for _ in range(4):
        try:
            return attempt(), waited
        except Retry as retry:
            waited += retry.after
    raise TimeoutError(f"gave up after {waited}")


@case()
def slots_on_an_exception():
    error = Slotted("s")
    error.place = 4
    try:
        raise error
    except Slotted as found:
        return found.place, found.args


@case()
def an_exception_raised_by_eq():
    class Odd:
        def __eq__(self, other):
            raise AppError("eq", other)

        __hash__ = None

    return [Odd()].index(3)


@case()
def an_exception_from_a_sort_key():
    def key(item):
        if item == 2:
            raise NotFound(item)
        return -item

    return sorted([1, 2, 3], key=key)


@case()
def exceptions_are_ordinary_objects():
    error = Forbidden("ann")
    copied = Forbidden.__new__(Forbidden, *error.args)
    return error.args, vars(error), isinstance(error, AppError), copied.args, error == copied
