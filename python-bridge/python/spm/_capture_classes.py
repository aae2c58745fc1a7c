"""The user's classes as the compiler takes them: members, with those of the bases, and what dataclasses generate as text."""

from __future__ import annotations

import abc
import collections
import dataclasses
import enum
import sys
import types
import typing
from typing import TYPE_CHECKING, Any, Final

from . import _spm
from ._errors import CompileError

if TYPE_CHECKING:
    from collections.abc import Callable

Member = tuple[Any, ...]
"""What a name of a class is: a kind, and what belongs to it."""

_IGNORED_BASES: Final[set[object]] = {object, abc.ABC, typing.Generic, typing.Protocol}
_IGNORED_MEMBERS: Final = {
    "__module__",
    "__qualname__",
    "__dict__",
    "__weakref__",
    "__doc__",
    "__annotations__",
    "__dataclass_fields__",
    "__dataclass_params__",
    "__slots__",
    "__abstractmethods__",
    "__parameters__",
    "__orig_bases__",
    "__static_attributes__",
    "__firstlineno__",
    "__getstate__",
    "__setstate__",
    "__replace__",
    "_abc_impl",
    "_is_protocol",
    "_is_runtime_protocol",
    "__protocol_attrs__",
    "__non_callable_proto_members__",
    "__subclasshook__",
}
# Special methods that would change what attributes and instances are.
_REFUSED: Final = {
    "__new__": "makes its instances in `__new__`",
    "__del__": "has a `__del__`, and when that would run is not the same there",
    "__getattr__": "has a `__getattr__`",
    "__getattribute__": "has a `__getattribute__`",
    "__setattr__": "has a `__setattr__`",
    "__delattr__": "has a `__delattr__`",
    "__init_subclass__": "has an `__init_subclass__`",
    "__set_name__": "has a `__set_name__`",
    "__get__": "is a descriptor",
    "__set__": "is a descriptor",
}
_ORDERINGS: Final = {"__lt__": "<", "__le__": "<=", "__gt__": ">", "__ge__": ">="}


@dataclasses.dataclass(frozen=True, slots=True)
class Glue:
    """A function that SPM writes: its name, its text, and what its free names stand for."""

    name: str
    text: str
    names: dict[str, Any]


class Refused(Exception):
    """Why a class cannot be compiled."""


def is_candidate(class_: type) -> bool:
    """Whether a class may be one of the user's that the engine knows."""
    return not issubclass(class_, BaseException) and bool(class_.__flags__ & 1 << 9)


def base_of(class_: type) -> type | None:
    """Find the user's class that a class derives from; `Refused` if there are several."""
    own = [base for base in class_.__bases__ if not _is_ignored(base)]
    if len(own) > 1:
        raise Refused("derives from more than one class")
    return own[0] if own else None


def _is_ignored(class_: type) -> bool:
    return class_ in _IGNORED_BASES or class_.__module__ == "enum" or class_ in (int, tuple)


def check(class_: type) -> None:
    """Raise `Refused` if instances are more than the compiler knows."""
    if type(class_) not in (type, abc.ABCMeta, enum.EnumMeta) and not getattr(
        class_, "_is_protocol", False
    ):
        raise Refused("has a metaclass")
    is_enum = issubclass(class_, enum.Enum)
    content = int if is_enum else tuple if items_of(class_) is not None else object
    for base in class_.__mro__[1:]:
        if base.__module__ == "builtins" and base not in (object, content):
            raise Refused(f"derives from `{base.__qualname__}`")
    if is_enum:
        if issubclass(class_, enum.Flag) or not (
            all(base.__module__ != "enum" or base in _ENUMS for base in class_.__mro__)
        ):
            raise Refused("is an enumeration of another kind than `Enum` and `IntEnum`")
        return
    for base in _own_line(class_):
        for name, why in _REFUSED.items():
            if (
                name in vars(base)
                and name not in _names_of_tuple(base)
                and not _is_generated(base, vars(base)[name])
            ):
                raise Refused(why)


_ENUMS: Final = {enum.Enum, enum.IntEnum, getattr(enum, "ReprEnum", enum.Enum)}


def _own_line(class_: type) -> list[type]:
    return [base for base in class_.__mro__ if not _is_ignored(base)]


def _is_generated(class_: type, value: object) -> bool:
    """Whether `dataclass` wrote a function."""
    if "__dataclass_fields__" not in vars(class_):
        return False
    code = getattr(value, "__code__", None)
    return isinstance(code, types.CodeType) and code.co_filename in (
        "<string>",
        dataclasses.__file__,
    )


def items_of(class_: type) -> list[str] | None:
    """Name the items of a named tuple; None if a class is none."""
    fields = getattr(class_, "_fields", None)
    if not issubclass(class_, tuple) or not isinstance(fields, tuple):
        return None
    return list(fields)


def _names_of_tuple(class_: type) -> set[str]:
    """What `namedtuple` puts into a class that it makes."""
    if tuple not in class_.__bases__ or not hasattr(class_, "_fields"):
        return set()
    return {*_NAMED_TUPLE, *vars(class_)["_fields"]}


_NAMED_TUPLE: Final = {
    "__new__",
    "__repr__",
    "__getnewargs__",
    "_make",
    "_replace",
    "_asdict",
    "_field_defaults",
}


def fields_of(class_: type) -> list[str]:
    """Name the attributes that instances are known to have."""
    if issubclass(class_, enum.Enum):
        return ["_name_", "_value_", "name", "value"]
    items = items_of(class_)
    if items is not None:
        return items
    if not dataclasses.is_dataclass(class_):
        return []
    return [
        field.name
        for field in dataclasses.fields(class_)
        if field.init or field.default_factory is not dataclasses.MISSING
    ]


def slots_of(class_: type) -> list[str] | None:
    """Name the attributes that instances have room for; None if that is any."""
    if class_.__dictoffset__ != 0 or items_of(class_) is not None:
        return None
    line = class_.__mro__
    return [
        name
        for base in line
        for name, value in vars(base).items()
        if isinstance(value, types.MemberDescriptorType)
    ]


def annotations_of(class_: type) -> dict[str, Any]:
    """Find the annotations of a class's attributes, evaluated as far as they can be."""
    found: dict[str, Any] = {}
    for base in reversed(_own_line(class_)):
        module = sys.modules.get(base.__module__)
        namespace = dict(vars(module)) if module is not None else {}
        namespace.setdefault(base.__name__, base)
        for name, annotation in vars(base).get("__annotations__", {}).items():
            # `NamedTuple` wraps what is text.
            text = getattr(annotation, "__forward_arg__", annotation)
            if isinstance(text, str):
                try:
                    annotation = eval(text, namespace, {})  # noqa: S307, PLW2901
                except Exception:  # noqa: BLE001, S112 - whatever it raises, it is no hint
                    continue
            found[name] = annotation
    return found


def enumeration_of(class_: type) -> tuple[Any, ...] | None:
    """Take an enumeration apart: members, other names of theirs, whether they are ints."""
    if not issubclass(class_, enum.Enum):
        return None
    members = [(member.name, member._value_) for member in class_]
    for _, value in members:
        if not _spm.is_literal(value):
            raise Refused(f"has a member whose value is of the type `{type(value).__qualname__}`")
    if len({type(value) for _, value in members}) > 1:
        raise Refused("has members with values of different types")
    names = [name for name, _ in members]
    aliases = [
        (name, names.index(member.name))
        for name, member in vars(class_)["_member_map_"].items()
        if name not in names
    ]
    return (members, aliases, issubclass(class_, int))


def members_of(
    class_: type,
    index_of: Callable[[types.FunctionType | Glue], int],
    describe: Callable[[Any], str],
) -> dict[str, Member]:
    """Say what each name of a class is, those of its bases included."""
    found: dict[str, Member] = {}
    is_enum = issubclass(class_, enum.Enum)
    for base in reversed(_own_line(class_)):
        skipped = _names_of_tuple(base)
        if skipped:
            found.update(_of_tuple(base, index_of))
        for name, value in vars(base).items():
            if name in skipped and (name != "__repr__" or _is_written(value)):
                continue
            if name in _IGNORED_MEMBERS or isinstance(value, types.MemberDescriptorType):
                continue
            if is_enum and (_is_of_enum(name, value) or name in vars(class_)["_member_map_"]):
                continue
            if _is_generated(base, value):
                if name not in ("__setattr__", "__delattr__"):
                    found[name] = _generated(base, name, index_of)
                continue
            if _is_default(base, name):
                found.pop(name, None)
                if _spm.is_literal(value):
                    found[name] = ("value", value)
                continue
            found[name] = _member(value, index_of, describe)
    if is_enum and "__init__" in found:
        raise Refused("is an enumeration with an `__init__`")
    abstract: frozenset[str] = getattr(class_, "__abstractmethods__", frozenset())
    if abstract:
        missing = ", ".join(sorted(abstract))
        found["__new__"] = ("unsupported", f"is abstract and cannot be made: {missing}", None)
    return found


def _is_written(value: object) -> bool:
    """Whether `collections` wrote a method."""
    code = getattr(value, "__code__", None)
    return not isinstance(code, types.CodeType) or code.co_filename == collections.__file__


def _of_tuple(
    class_: type, index_of: Callable[[types.FunctionType | Glue], int]
) -> dict[str, Member]:
    """Write what `namedtuple` wrote."""
    names: dict[str, Any] = {word: ("builtin", word) for word in ("hash", "type", "object")}
    fields: tuple[str, ...] = vars(class_)["_fields"]
    defaults: dict[str, Any] = vars(class_)["_field_defaults"]
    parameters, body = ["self"], []
    for name in fields:
        if name in defaults:
            names[f"_default_{name}"] = ("default", defaults[name])
            parameters.append(f"{name}=_default_{name}")
        else:
            parameters.append(name)
        body.append(f"    object.__setattr__(self, {name!r}, {name})")
    init = f"def __init__({', '.join(parameters)}):\n" + "\n".join(body or ["    pass"]) + "\n"
    parts = ", ".join(f"{name}={{self.{name}!r}}" for name in fields)
    shown = f'def __repr__(self):\n    return f"{{type(self).__name__}}({parts})"\n'
    items = "".join(f"self.{name}, " for name in fields)
    hashed = f"def __hash__(self):\n    return hash(({items}))\n"
    return {
        "__init__": ("method", index_of(Glue("__init__", init, names))),
        "__repr__": ("method", index_of(Glue("__repr__", shown, names))),
        "__hash__": ("method", index_of(Glue("__hash__", hashed, names))),
        "_fields": ("value", fields),
    }


def _is_of_enum(name: str, value: object) -> bool:
    if name in ("__new__", "__format__", "__reduce_ex__", "_generate_next_value_"):
        return True
    return (name.startswith("_") and not isinstance(value, types.FunctionType)) or (
        isinstance(value, types.FunctionType) and value.__module__ == "enum"
    )


def _is_default(class_: type, name: str) -> bool:
    """Whether an attribute of a dataclass is the default of a field."""
    field = vars(class_).get("__dataclass_fields__", {}).get(name)
    return field is not None and field.default is not dataclasses.MISSING


def _member(
    value: Any, index_of: Callable[[types.FunctionType | Glue], int], describe: Callable[[Any], str]
) -> Member:
    if value is None:
        return ("without",)
    if isinstance(value, types.FunctionType):
        return _function("method", value, index_of)
    if isinstance(value, staticmethod) and isinstance(value.__func__, types.FunctionType):
        return _function("static", value.__func__, index_of)
    if isinstance(value, classmethod) and isinstance(value.__func__, types.FunctionType):
        return _function("class", value.__func__, index_of)
    if type(value) is property and isinstance(value.fget, types.FunctionType):
        getter = _function("property", value.fget, index_of)
        if getter[0] != "property" or value.fset is None:
            return (*getter, None) if getter[0] == "property" else getter
        if isinstance(value.fset, types.FunctionType):
            setter = _function("property", value.fset, index_of)
            return (*getter, setter[1]) if setter[0] == "property" else setter
    if _spm.is_literal(value):
        return ("value", value)
    return ("unsupported", describe(value), "pass what you need of it as an argument")


def _function(
    kind: str, function: types.FunctionType, index_of: Callable[[types.FunctionType | Glue], int]
) -> Member:
    try:
        return (kind, index_of(function))
    except CompileError as error:
        return ("unsupported", f"a function without source ({error})", None)


def _generated(
    owner: type, name: str, index_of: Callable[[types.FunctionType | Glue], int]
) -> Member:
    """Write what `dataclass` wrote for a class."""
    params = vars(owner)["__dataclass_params__"]
    if name == "__init__":
        return ("method", index_of(_init(owner)))
    fields = dataclasses.fields(owner)
    names: dict[str, Any] = {
        word: ("builtin", word)
        for word in ("hash", "type", "_same", "_same_class", "NotImplemented", "object")
    }
    if name == "__repr__":
        parts = ", ".join(f"{field.name}={{self.{field.name}!r}}" for field in fields if field.repr)
        text = f'    return f"{{type(self).__qualname__}}({parts})"\n'
        return ("method", index_of(Glue(name, f"def {name}(self):\n{text}", names)))
    compared = [field.name for field in fields if field.compare]
    mine = "".join(f"self.{field}, " for field in compared)
    others = "".join(f"other.{field}, " for field in compared)
    if name == "__hash__":
        hashed = [f.name for f in fields if (f.compare if f.hash is None else f.hash)]
        items = "".join(f"self.{field}, " for field in hashed)
        text = f"    return hash(({items}))\n"
        return ("method", index_of(Glue(name, f"def {name}(self):\n{text}", names)))
    guard = "    if not _same_class(self, other):\n        return NotImplemented\n"
    if name == "__eq__":
        same = " and ".join(f"_same(self.{field}, other.{field})" for field in compared) or "True"
        text = f"{guard}    return {same}\n"
    elif name in _ORDERINGS and params.order:
        text = f"{guard}    return ({mine}) {_ORDERINGS[name]} ({others})\n"
    else:
        return ("unsupported", f"`{name}`, which `dataclass` wrote", None)
    return ("method", index_of(Glue(name, f"def {name}(self, other):\n{text}", names)))


def _init(owner: type) -> Glue:
    """The `__init__` of a dataclass."""
    names: dict[str, Any] = {"object": ("builtin", "object")}
    body: list[str] = []
    given: list[str] = []
    words: list[str] = []
    passed: list[str] = []
    store = (
        "    object.__setattr__(self, {0!r}, {1})"
        if vars(owner)["__dataclass_params__"].frozen
        else "    self.{0} = {1}"
    )
    for field in vars(owner)["__dataclass_fields__"].values():
        kind = field._field_type
        if kind is dataclasses._FIELD_CLASSVAR:  # type: ignore[attr-defined]
            continue
        is_argument = kind is dataclasses._FIELD_INITVAR  # type: ignore[attr-defined]
        made = ""
        if field.default_factory is not dataclasses.MISSING:
            names[f"_make_{field.name}"] = ("factory", field.default_factory)
            made = f"_make_{field.name}()"
        elif field.default is not dataclasses.MISSING:
            names[f"_default_{field.name}"] = ("default", field.default)
            made = f"_default_{field.name}"
        if field.init:
            parameter = f"{field.name}={made}" if made else field.name
            (words if field.kw_only else given).append(parameter)
            value = field.name
        elif field.default_factory is not dataclasses.MISSING:
            value = made
        else:
            continue
        if is_argument:
            passed.append(field.name)
        else:
            body.append(store.format(field.name, value))
    if hasattr(owner, "__post_init__"):
        body.append(f"    self.__post_init__({', '.join(passed)})")
    parameters = ", ".join(["self", *given, *(["*", *words] if words else [])])
    text = "\n".join([f"def __init__({parameters}):", *(body or ["    pass"]), ""])
    return Glue("__init__", text, names)


def factory_text(factory: object) -> str | None:
    """The text of a function that does what a builtin factory does."""
    texts: dict[object, str] = {
        list: "[]",
        dict: "{}",
        set: "set()",
        tuple: "()",
        int: "0",
        float: "0.0",
        str: '""',
        bool: "False",
        bytes: 'b""',
    }
    made = texts.get(factory)
    return None if made is None else f"def make():\n    return {made}\n"
