"""typing at run time: protocols, generics, hints, overloads, new types."""

import collections.abc
import typing
from typing import (
    Annotated,
    Any,
    ClassVar,
    Final,
    Generic,
    Literal,
    NewType,
    Optional,
    ParamSpec,
    Protocol,
    Self,
    TypeVar,
    Union,
)

from corpus import case

T = TypeVar("T")
K = TypeVar("K", bound=int)
P = ParamSpec("P")
UserId = NewType("UserId", int)


@typing.runtime_checkable
class Drawable(Protocol):
    size: int

    def draw(self, where: str) -> str: ...


class Circle:
    size = 3

    def draw(self, where):
        return f"circle at {where}"


class Stack(Generic[T]):
    def __init__(self) -> None:
        self.items: list[T] = []

    def push(self, item: T) -> Self:
        self.items.append(item)
        return self

    def pop(self) -> T:
        return self.items.pop()


class IntStack(Stack[int]):
    limit: ClassVar[int] = 2
    name: Final = "ints"

    def push(self, item: int) -> Self:
        if len(self.items) >= self.limit:
            raise OverflowError(f"more than {self.limit} items")
        return super().push(item)


@typing.overload
def twice(x: int) -> int: ...
@typing.overload
def twice(x: str) -> str: ...
def twice(x):
    return x * 2


def hinted(
    a: int, b: "Optional[Circle]" = None, *, c: Annotated[str, "meta"] = ""
) -> dict[str, list[int]]:
    return {c: [a]}


@case((Circle(),), (5,))
def protocols_at_run_time(thing):
    return isinstance(thing, Drawable), thing.draw("x") if isinstance(thing, Drawable) else None


@case()
def a_protocol_that_is_not_checkable():
    class Plain(Protocol):
        x: int

    return isinstance(5, Plain)


@case(([1, 2],), ([1, 2, 3],))
def generic_classes(items):
    stack = IntStack()
    for item in items:
        stack.push(item)
    return (
        stack,
        stack.pop(),
        IntStack.__orig_bases__[0].__args__ == (int,),
        Stack[str]().push("a").items,
    )


@case()
def hints_are_resolved():
    hints = typing.get_type_hints(hinted, include_extras=True)
    return (
        sorted(hints),
        hints["b"] == Optional[Circle],
        hints["c"].__metadata__,
        typing.get_origin(hints["return"]) is dict,
        typing.get_args(hints["return"])[0] is str,
    )


@case()
def hints_of_a_class():
    return sorted(typing.get_type_hints(IntStack)), IntStack.__annotations__["name"] is Final


@case()
def unions_and_literals():
    return (
        Union[int, str] == Union[str, int],
        (int | None) == Optional[int],
        typing.get_args(Literal["a", 1]),
        isinstance(3, int | str),
        str(list[int]),
        Optional[int] is not None,
    )


@case((3,), ("ab",))
def overloads_and_new_types(x):
    return twice(x), UserId(7) + 1, UserId.__name__


@case((5,), ("x",))
def casts_do_nothing(x):
    typing.assert_type(x, int)
    return typing.cast(str, x), typing.no_type_check(lambda: x)()


@case((3,), (True,))
def never_reached(x):
    match x:
        case bool():
            typing.assert_never(x)
        case _:
            return typing.TYPE_CHECKING


@case()
def a_generic_function_keeps_its_wrapper():
    def logged(function: collections.abc.Callable[P, T]) -> collections.abc.Callable[P, T]:
        def inner(*args: P.args, **kwargs: P.kwargs) -> T:
            log.append(args)
            return function(*args, **kwargs)

        return inner

    log: list[Any] = []
    return logged(twice)(4), log


@case()
def type_variables_know_their_bounds():
    return (
        T.__name__,
        K.__bound__ is int,
        T.__constraints__,
        str(K),
        repr(T),
        Stack.__parameters__ == (T,),
    )


@case()
def wrong_parameters():
    try:
        Stack[int, str]
    except TypeError as error:
        return str(error).startswith("Too many arguments for")


@case()
def structural_checks_by_abstract_classes():
    class Bag:
        def __init__(self):
            self.items = [1]

        def __contains__(self, item):
            return item in self.items

        def __iter__(self):
            return iter(self.items)

        def __len__(self):
            return 1

    kinds = [
        collections.abc.Sized,
        collections.abc.Collection,
        collections.abc.Hashable,
        collections.abc.Sequence,
        collections.abc.Callable,
        typing.SupportsInt,
    ]
    return (
        [isinstance(Bag(), kind) for kind in kinds],
        isinstance({}, typing.Mapping),
        issubclass(list, typing.Sequence),
    )
