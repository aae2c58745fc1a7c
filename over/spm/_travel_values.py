"""Values that names stand for: plain data, and what is made by calling something that travels."""

from __future__ import annotations

import collections
import contextlib
import contextvars
import enum
import functools
import random
import re
import struct
import sys
import types
import typing
from typing import TYPE_CHECKING, Any, Final

from . import _spm
from ._capture import _MISSING, describe
from ._modules import origin_of_name
from ._scientific import PACKAGES

if TYPE_CHECKING:
    from collections.abc import Callable

_LEAVES: Final = (type(None), bool, int, float, complex, str, bytes, bytearray, range)
_FIXED: Final = frozenset(
    {
        type(None),
        bool,
        int,
        float,
        complex,
        str,
        bytes,
        range,
        re.Pattern,
        types.FunctionType,
        types.ModuleType,
        types.MethodDescriptorType,
    }
)
_CONTAINERS: Final = (list, tuple, set, frozenset, dict, collections.deque)
_DEPTH_MAX: Final = 60
_SHARED_MAX: Final = 5000
"""Containers within one value that keep their identity; data with more of them is copied whole."""

_lru_cache_type: Final = type(functools.lru_cache(len))


class ValueMixin:
    """The part of a packer that knows values."""

    if TYPE_CHECKING:
        from ._travel import _State

        state: _State
        kept: list[object]
        is_scientific: bool
        wants_scientific: bool

        def take(self, value: object) -> int: ...
        def take_class(self, class_: type) -> int: ...
        def step(self, operation: str, *rest: Any) -> int: ...
        def remember(self, value: object, register: int) -> int: ...
        def refuse(self, message: str, help_text: str) -> Exception: ...
        def take_named(self, name: str, value: object) -> int: ...
        def is_plain_class(self, class_: type) -> bool: ...
        def attributes_of(self, value: object) -> dict[str, Any]: ...
        def note_library_classes(self, module: types.ModuleType) -> None: ...

    def is_plain(self, value: object, depth: int = 0) -> bool:
        """Whether a value is builtin data through and through, without a cycle."""
        kind = type(value)
        if kind in _LEAVES:
            return True
        if depth > _DEPTH_MAX:
            return False
        if kind in (list, tuple, set, frozenset):
            return all(self.is_plain(item, depth + 1) for item in value)  # type: ignore[attr-defined]
        if kind is dict:
            return all(
                self.is_plain(key, depth + 1) and self.is_plain(item, depth + 1)
                for key, item in value.items()  # type: ignore[attr-defined]
            )
        return False

    def is_fixed(self, value: object) -> bool:
        """Whether a value stays what it is as long as it is this object.

        Functions, classes and modules count: what they read is watched by itself.
        """
        kind = type(value)
        if kind in (tuple, frozenset):
            return all(map(self.is_fixed, value))  # type: ignore[call-overload]
        if kind is types.BuiltinFunctionType:
            return isinstance(value.__self__, types.ModuleType | None)  # type: ignore[attr-defined]
        if kind in _FIXED or value is _MISSING or isinstance(value, type | enum.Enum):
            return True
        return kind is _lru_cache_type or hasattr(kind, "__spm_function__")

    def _holds_mutables(self, value: object) -> bool:
        """Whether a container holds containers that something else may hold, too, and change."""
        if type(value) not in (list, tuple, dict, set, frozenset):
            return False
        found = 0
        pending: list[Any] = [value]
        while pending:
            item = pending.pop()
            kind = type(item)
            if kind in (list, set, dict, bytearray) and item is not value:
                found += 1
                if found > _SHARED_MAX:
                    return False
            if kind is dict:
                pending += item.values()
            elif kind in (list, tuple):
                pending += item
        return found > 0

    def importable(self, value: Any) -> tuple[str, str] | None:
        """Module and name under which the guest's own library has a function or class."""
        module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
        if not isinstance(module, str) or not isinstance(name, str) or "<" in name:
            return None
        origin = origin_of_name(module)
        if origin not in ("builtin", "stdlib", "installed", "spm"):
            return None
        found: Any = sys.modules.get(module)
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is not value:
            return None
        if origin == "installed":
            self.ship_noted(module)
        elif origin != "spm" and isinstance(holder := sys.modules.get(module), types.ModuleType):
            self.note_library_classes(holder)
        return module, name

    if TYPE_CHECKING:

        def ship_noted(self, name: str) -> None: ...

    def call(self, value: object, function: object, args: tuple[Any, ...], **kwargs: Any) -> int:
        """Have the guest make a value by a call."""
        called = self.take(function)
        taken = [self.take(argument) for argument in args]
        named = {name: self.take(argument) for name, argument in kwargs.items()}
        return self.remember(value, self.step("call", called, taken, named))

    def made_by_library(self, value: Any) -> int | None:
        """Functions that the standard library made of a user's: they are made anew."""
        wrapped = getattr(value, "__wrapped__", None)
        if wrapped is None:
            return None
        if isinstance(value, _lru_cache_type):
            parameters = value.cache_parameters()
            decorator = self.call(
                [], functools.lru_cache, (parameters["maxsize"], parameters["typed"])
            )
            return self.remember(value, self.step("call", decorator, [self.take(wrapped)], {}))
        code = getattr(value, "__code__", None)
        qualname = getattr(code, "co_qualname", "")
        for maker in (contextlib.contextmanager, contextlib.asynccontextmanager):
            if code is not None and qualname == f"{maker.__name__}.<locals>.helper":
                return self.call(value, maker, (wrapped,))
        if qualname == "singledispatch.<locals>.wrapper" and hasattr(value, "registry"):
            register = self.call(value, functools.singledispatch, (wrapped,))
            adder = self.step("attr", register, "register")
            for class_, function in value.registry.items():
                if class_ is not object:
                    taken = [self.take(class_), self.take(function)]
                    self.step("call", adder, taken, {})
            return register
        return None

    def take_value(self, value: Any) -> int:
        """Take what is neither module, class nor function."""
        if self.is_plain(value) and not self._holds_mutables(value):
            register = self.remember(value, self.step("value", value))
            if isinstance(value, list | dict | set):
                self.state.containers[register] = value
            return register
        kind = type(value)
        if kind in _CONTAINERS:
            return self._container(value)
        if isinstance(value, enum.Enum):
            return self._member(value)
        made = self.made_by_library(value)
        if made is not None:
            return made
        if isinstance(value, types.BuiltinFunctionType | types.MethodDescriptorType):
            return self._builtin(value)
        if isinstance(value, types.MethodType):
            function, owner = self.take(value.__func__), self.take(value.__self__)
            return self.remember(value, self.step("method", function, owner))
        if kind is functools.partial:
            function = self.take(value.func)
            args = [self.take(argument) for argument in value.args]
            keywords = {name: self.take(argument) for name, argument in value.keywords.items()}
            return self.remember(value, self.step("partial", function, args, keywords))
        if isinstance(value, staticmethod | classmethod):
            return self.call(value, kind, (value.__func__,))
        if isinstance(value, re.Pattern):
            return self.call(value, re.compile, (value.pattern, value.flags))
        if isinstance(value, struct.Struct):
            return self.call(value, struct.Struct, (value.format,))
        if isinstance(value, random.Random) and kind is random.Random:
            register = self.call(value, random.Random, ())
            setter = self.step("attr", register, "setstate")
            self.step("call", setter, [self.take(value.getstate())], {})
            return register
        if isinstance(value, typing.TypeVar):
            options = {
                "covariant": value.__covariant__,
                "contravariant": value.__contravariant__,
                "bound": value.__bound__,
            }
            return self.call(
                value, typing.TypeVar, (value.__name__, *value.__constraints__), **options
            )
        if isinstance(value, typing.ParamSpec):
            return self.call(value, typing.ParamSpec, (value.__name__,))
        if isinstance(value, typing.TypeVarTuple):
            return self.call(value, typing.TypeVarTuple, (value.__name__,))
        if isinstance(value, typing.NewType):
            return self.call(value, typing.NewType, (value.__name__, value.__supertype__))
        if isinstance(value, contextvars.ContextVar):
            return self._context_variable(value)
        if isinstance(value, BaseException):
            return self.call(value, kind, value.args)
        if self.is_codec_value(value):
            return self.remember(value, self.step("value", value))
        if origin_of_name(kind.__module__) in ("builtin", "stdlib"):
            named = self._named_in_library(value)
            if named is not None:
                return named
            reduced = self._reduced(value)
            if reduced is not None:
                return reduced
        elif kind.__module__.partition(".")[0] in PACKAGES:
            self.wants_scientific = True
            if self.is_scientific:
                made = self._of_package(value)
                if made is not None:
                    return made
        elif self.is_plain_class(kind):
            return self._instance(value)
        raise self.refuse(
            f"it is {describe(value)}, which cannot travel",
            "make it inside the function, or pass what you need of it as an argument",
        )

    def _of_package(self, value: Any) -> int | None:
        """What NumPy and others have: it is looked up, or made anew, or crosses as a value."""
        kind = type(value)
        package = sys.modules[kind.__module__.partition(".")[0]]
        name = getattr(value, "__name__", None)
        if isinstance(name, str) and getattr(package, name, None) is value:
            return self.remember(value, self.step("import", package.__name__, name))
        if kind.__module__ == "numpy.dtypes" or kind.__qualname__ == "dtype":
            text = value.str if value.fields is None else value.descr
            return self.call(value, package.dtype, (text,))
        try:
            _spm.encode(value)
        except TypeError:
            return None
        return self.remember(value, self.step("value", value))

    def is_codec_value(self, value: Any) -> bool:
        """Whether the codec takes a value; its classes join the class table on the way."""
        kind = type(value)
        if origin_of_name(kind.__module__) not in ("builtin", "stdlib"):
            return False
        try:
            _spm.encode(value)
        except TypeError:
            return False
        return True

    def _context_variable(self, value: contextvars.ContextVar[Any]) -> int:
        """A context variable, with what it is set to here."""
        register = self.call(value, contextvars.ContextVar, (value.name,))
        try:
            current = value.get()
        except LookupError:
            return register
        setter = self.step("attr", register, "set")
        self.step("call", setter, [self.take(current)], {})
        return register

    def _member(self, value: enum.Enum) -> int:
        class_ = self.take_class(type(value))
        name = value._name_
        if isinstance(name, str) and name in type(value).__members__:
            return self.remember(value, self.step("attr", class_, name))
        return self.remember(value, self.step("call", class_, [self.take(value._value_)], {}))

    def _builtin(self, value: Any) -> int:
        member = self.importable(value)
        if member is not None:
            return self.remember(value, self.step("import", *member))
        owner = getattr(value, "__self__", None)
        if owner is None:
            owner = getattr(value, "__objclass__", None)
        if owner is None or isinstance(owner, types.ModuleType):
            raise self.refuse(
                f"it is {describe(value)}, which belongs to compiled code",
                "use what the standard library has in its place",
            )
        return self.remember(value, self.step("attr", self.take(owner), value.__name__))

    def _container(self, value: Any) -> int:
        """A container of things that are not all plain. It may hold itself."""
        kind = type(value)
        name = kind.__name__
        if kind in (list, dict, set, collections.deque):
            register = self.remember(value, self.step(name, None))
            self.state.steps.append(["extend", register, self.contents(value)])
            self.state.containers[register] = value
            return register
        content = [self._item(index, item) for index, item in enumerate(value)]
        return self.remember(value, self.step(name, content))

    def contents(self, value: Any) -> list[Any]:
        """The registers of what a container holds."""
        if isinstance(value, dict):
            return [[self.take(key), self._item(key, item)] for key, item in value.items()]
        return [self._item(index, item) for index, item in enumerate(value)]

    def _item(self, key: object, item: object) -> int:
        known = len(self.state.problems)
        try:
            return self.take(item)
        except Exception:
            for problem in self.state.problems[known:]:
                if problem.message.startswith("it is "):
                    problem.message = f"its item {key!r:.40} {problem.message[3:]}"
            raise

    def _instance(self, value: Any) -> int:
        """An instance of a class of the user's, attribute by attribute."""
        class_ = self.take_class(type(value))
        fields = getattr(type(value), "_fields", None)
        if isinstance(value, tuple) and isinstance(fields, tuple):
            made = self.step("attr", class_, "_make")
            items = self.step(
                "tuple", [self._item(index, item) for index, item in enumerate(value)]
            )
            return self.remember(value, self.step("call", made, [items], {}))
        register = self.remember(value, self.step("instance", class_, {}))
        content = {}
        for name, attribute in self.attributes_of(value).items():
            content[name] = self.take_named(f"attribute `{name}`", attribute)
        self.state.steps.append(["state", register, content])
        return register

    def _reduced(self, value: Any) -> int | None:
        """An object of the standard library that says by itself how it is made by a call."""
        try:
            parts = value.__reduce_ex__(4)
        except Exception:  # noqa: BLE001 - whatever it raises, it has no such answer
            return None
        if isinstance(parts, str):
            return None
        maker: Callable[..., Any] = parts[0]
        args, rest = parts[1], parts[2:]
        if any(part is not None for part in rest[1:]) or self.importable(maker) is None:
            return None
        register = self.call(value, maker, args)
        if rest and rest[0] is not None:
            if not hasattr(type(value), "__setstate__"):
                return None
            setter = self.step("attr", register, "__setstate__")
            self.step("call", setter, [self.take(rest[0])], {})
        return register

    def _named_in_library(self, value: Any) -> int | None:
        """A thing that a module of the standard library holds under a name: `dataclasses.MISSING`."""
        name = type(value).__module__
        for attribute, found in list(vars(sys.modules.get(name, types)).items()):
            if found is value:
                return self.remember(value, self.step("import", name, attribute))
        return None
