"""The class table, and what instances of the user's classes consist of.

Classes cross as indices into the table, never as names. The rules here are those of
`python-bridge/src/codec/encode_classes.rs`.
"""

from types import MemberDescriptorType
from typing import Any, Final

_HEAP_TYPE: Final = 1 << 9
_POINTER_BYTES: Final = object.__basicsize__ // 2


class ClassTable:
    """The classes that values may name by index. A place may be empty: the guest lacks it."""

    __slots__ = ("classes", "index")

    def __init__(self, classes: "list[type | None] | tuple[type | None, ...]" = ()) -> None:
        """Number `classes` in their order."""
        self.classes = tuple(classes)
        self.index: dict[type, int] = {}
        for index, each in enumerate(self.classes):
            if each is not None:
                self.index.setdefault(each, index)


EMPTY: Final = ClassTable()


def has_builtin_content(kind: type) -> bool:
    """Whether instances hold more than attributes, as those of a subclass of `list` do."""
    return any(
        base is not object and getattr(base, "__module__", None) == "builtins"
        for base in kind.__mro__
    )


def slots(kind: type) -> dict[str, MemberDescriptorType]:
    """Find the slots of a class and its bases."""
    found: dict[str, MemberDescriptorType] = {}
    for base in reversed(kind.__mro__):
        own = base.__dict__
        if "__slots__" in own:
            found.update(
                (name, place)
                for name, place in own.items()
                if isinstance(place, MemberDescriptorType)
            )
    return found


def is_plain(kind: type) -> bool:
    """Whether instances are nothing but their attributes, and leave it to Python to copy them.

    A class statement makes a type on the heap. Types written in C may be there too: their
    instances are larger than a dict, a list of weak references and slots explain.
    """
    if not kind.__flags__ & _HEAP_TYPE or kind.__itemsize__ or has_builtin_content(kind):
        return False
    for name in ("__reduce_ex__", "__reduce__", "__getstate__"):
        if getattr(kind, name) is not getattr(object, name):
            return False
    places = sum(
        isinstance(place, MemberDescriptorType)
        for base in kind.__mro__
        if "__slots__" in base.__dict__
        for place in base.__dict__.values()
    )
    words = places + (kind.__dictoffset__ > 0) + (kind.__weakrefoffset__ > 0)
    return kind.__basicsize__ == object.__basicsize__ + words * _POINTER_BYTES


def is_dataclass(kind: type) -> bool:
    """Whether the class itself is a dataclass, not merely a base of it."""
    return "__dataclass_fields__" in kind.__dict__


def attributes(value: Any, kind: type) -> dict[str, Any]:
    """Collect what an instance holds: the slots that are filled, and its `__dict__`."""
    found: dict[str, Any] = {}
    for name, place in slots(kind).items():
        try:
            found[name] = place.__get__(value, kind)
        except Exception:  # noqa: BLE001, S112  # an empty slot
            continue
    own = getattr(value, "__dict__", None)
    if type(own) is dict:
        found.update(own)
    return found


def instance(kind: type, attributes: dict[str, Any]) -> Any:
    """Make an instance without running any code of its class. `KeyError`: there is no such slot."""
    made: Any = object.__new__(kind)
    fill(made, attributes)
    return made


def fill(made: Any, attributes: dict[str, Any]) -> None:
    """Set attributes of an instance past any code of its class. `KeyError`: there is no such slot."""
    places = slots(type(made))
    own = getattr(made, "__dict__", None)
    for name, value in attributes.items():
        place = places.get(name)
        if place is not None:
            place.__set__(made, value)
        elif own is not None:
            own[name] = value
        else:
            raise KeyError(name)
