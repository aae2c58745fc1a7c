"""Classes: the user's travel as their `class` statement, with what it and its methods read."""

from __future__ import annotations

import collections
import dataclasses
import enum
import sys
import types
from typing import TYPE_CHECKING, Any, Final

from ._capture import _MISSING, _Read, describe
from ._errors import CompileError
from ._modules import origin_of_name
from ._names import NameUse, names_of_functions, names_of_statement
from ._source import _function_in, future_names, locate_class

if TYPE_CHECKING:
    import ast
    from collections.abc import Iterator

    from ._names import CodeNames
    from ._source import Source

_OBJECT_HOOKS: Final = (
    "__reduce__",
    "__reduce_ex__",
    "__getstate__",
    "__setstate__",
    "__getnewargs__",
    "__getnewargs_ex__",
)


class ClassMixin:
    """The part of a packer that knows classes."""

    if TYPE_CHECKING:
        from contextlib import AbstractContextManager

        from ._names import Position
        from ._travel import _State

        state: _State
        kept: list[object]
        reads_hints: bool

        def take(self, value: object) -> int: ...
        def take_named(self, name: str, value: object) -> int: ...
        def optionally(self, value: object) -> int | None: ...
        def importable(self, value: Any) -> tuple[str, str] | None: ...
        def step(self, operation: str, *rest: Any) -> int: ...
        def remember(self, value: object, register: int) -> int: ...
        def refuse(self, message: str, help_text: str) -> Exception: ...
        def cell(self, cell: types.CellType) -> int: ...
        def fill(self, name: str, cell: types.CellType, register: int) -> None: ...
        def is_plain(self, value: object) -> bool: ...
        def watch(self, read: _Read) -> _Read: ...
        def place(self, source: Source) -> dict[str, Any]: ...
        def namespace_of(self, name: str | None, namespace: dict[str, Any], file: str) -> str: ...
        def take_names(
            self,
            names: CodeNames,
            namespace: dict[str, Any],
            module: str,
            reader: str,
            code: types.CodeType,
        ) -> None: ...
        def take_global(
            self, name: str, use: NameUse, namespace: dict[str, Any], module: str
        ) -> None: ...
        def reading(
            self, reader: str, file: str, position: Position | None
        ) -> AbstractContextManager[None]: ...

    def owner_of(self, function: types.FunctionType) -> type | None:
        """The class whose method a function is, if its names lead there."""
        parts = function.__qualname__.split(".")
        if len(parts) < 2 or "<locals>" in parts[-2:]:
            return None
        for cell, name in zip(
            function.__closure__ or (), function.__code__.co_freevars, strict=True
        ):
            if name == "__class__":
                try:
                    class_ = cell.cell_contents
                except ValueError:
                    return None
                if isinstance(class_, type) and vars(class_).get(function.__name__) is function:
                    return class_
        found: Any = sys.modules.get(function.__module__)
        for part in parts[:-1]:
            found = vars(found).get(part) if hasattr(found, "__dict__") else None
            if found is None:
                return None
        plain = isinstance(found, type) and vars(found).get(function.__name__) is function
        return found if plain else None

    def take_class(self, class_: type) -> int:
        """The register of a class."""
        known = self.state.memo.get(id(class_))
        if known is not None:
            return known
        member = self.importable(class_)
        if member is not None:
            register = self.remember(class_, self.step("import", *member))
            self._enter(class_)
            return register
        if origin_of_name(class_.__module__) in ("builtin", "stdlib"):
            return self._library_class(class_)
        owner = self._enclosing(class_)
        if owner is not None:
            register = self.step("attr", self.take_class(owner), class_.__name__)
            self.remember(class_, register)
            self._enter(class_)
            return register
        if class_.__bases__ == (tuple,) and hasattr(class_, "_field_defaults"):
            made = self._named_tuple(class_)
            if made is not None:
                return made
        if not hasattr(class_, "__dict__") or class_.__flags__ & 1 << 9 == 0:
            raise self.refuse(
                f"it is {describe(class_)}, which is compiled code",
                "use what the standard library has in its place",
            )
        return self._statement(class_)

    def _library_class(self, class_: type) -> int:
        """A class that the standard library does not name where it says: `type(None)`, say."""
        for name, value in vars(types).items():
            if value is class_:
                return self.remember(class_, self.step("import", "types", name))
        raise self.refuse(
            f"it is {describe(class_)}, which has no name in the standard library",
            "make what you need of it inside the function",
        )

    def _named_tuple(self, class_: Any) -> int | None:
        """A class that `collections.namedtuple` made, which has no statement of its own."""
        try:
            locate_class(class_)
        except CompileError:
            pass
        else:
            return None
        maker = self.take(collections.namedtuple)  # noqa: PYI024 - what the user called
        arguments = [self.take(class_.__name__), self.take(list(class_._fields))]
        defaults = [self.take(class_._field_defaults[name]) for name in class_._field_defaults]
        named = {"module": self.take(class_.__module__)}
        if defaults:
            named["defaults"] = self.step("tuple", defaults)
        register = self.remember(class_, self.step("call", maker, arguments, named))
        self._enter(class_)
        return register

    def _enclosing(self, class_: type) -> type | None:
        """The class in whose statement this one was made."""
        parts = class_.__qualname__.split(".")
        if len(parts) < 2 or parts[-2] == "<locals>":
            return None
        found: Any = sys.modules.get(class_.__module__)
        for part in parts[:-1]:
            found = vars(found).get(part) if hasattr(found, "__dict__") else None
        plain = isinstance(found, type) and vars(found).get(class_.__name__) is class_
        return found if plain else None

    def _enter(self, class_: type) -> None:
        """Give a class its place in the class table."""
        self.state.classes.setdefault(class_, len(self.state.classes))

    def _statement(self, class_: type) -> int:
        try:
            source, node = locate_class(class_)
        except CompileError as error:
            raise self.refuse(str(error), "") from None
        namespace = vars(sys.modules.get(class_.__module__, types.ModuleType("__main__")))
        methods = list(_functions_of(class_, source.file))
        if methods:
            namespace = methods[0].__globals__
        module = self.namespace_of(class_.__module__, namespace, source.file)
        # A method that reads its own class finds it; so does a base that reads a subclass.
        self.kept.append(class_)
        self.state.memo[id(class_)] = register = self.state.registers
        self.state.registers += 1
        self._enter(class_)
        local = self._local_names(class_, node, methods)
        free, cells = [], []
        for name, value in local.items():
            cell = value if isinstance(value, types.CellType) else types.CellType(value)
            self.kept.append(cell)
            free.append(name)
            cells.append(self.cell(cell))
            with self.reading(class_.__qualname__, source.file, _position(node)):
                self.fill(name, cell, cells[-1])
        flags = methods[0].__code__.co_flags if methods else 0
        about = {
            "module": module,
            "name": class_.__name__,
            "qualname": class_.__qualname__,
            **self.place(source),
            "free": free,
            "cells": cells,
            "future": future_names(flags),
        }
        eager = names_of_statement(node)
        for name, use in eager.needed.items():
            if name not in local and namespace.get(name) is not class_:
                with self.reading(class_.__qualname__, source.file, _position(node)):
                    self.take_global(name, use, namespace, module)
        for name in sorted(eager.annotations):
            if name not in local and name in namespace and namespace[name] is not class_:
                self._annotation(name, namespace, module)
        if node.decorator_list or node.keywords or _notices_subclasses(class_):
            self.state.runs_code = True
        self.state.steps.append(["class", register, about])
        self.state.made.add(register)
        codes = [method.__code__ for method in methods]
        self.state.codes += [(method, method.__code__) for method in methods]
        if codes:
            self.take_names(
                names_of_functions(codes), namespace, module, class_.__qualname__, codes[0]
            )
        bound = _bound_in(node)
        later = {
            name
            for name, value in vars(class_).items()
            if name not in bound
            and isinstance(value, types.FunctionType | property | staticmethod | classmethod)
            and _is_written(value)
        }
        self._plain_attributes(class_, register, later)
        return register

    def _annotation(self, name: str, namespace: dict[str, Any], module: str) -> None:
        """Take a name that only annotations mention, if it can travel."""
        if (module, name) in self.state.bound:
            return
        register = self.optionally(namespace[name])
        if register is not None:
            self.state.bound.add((module, name))
            self.state.steps.append(["global", module, name, register])

    def _local_names(
        self,
        class_: type,
        node: ast.ClassDef,
        methods: list[types.FunctionType],
    ) -> dict[str, Any]:
        """What the statement reads of the functions around it: cells, and bases by their names."""
        import ast

        found: dict[str, Any] = {}
        for method in methods:
            for name, cell in zip(
                method.__code__.co_freevars, method.__closure__ or (), strict=True
            ):
                if name != "__class__":
                    found.setdefault(name, cell)
        if "<locals>" in class_.__qualname__:
            bases = {base.__name__: base for base in class_.__bases__}
            for expression in node.bases:
                if isinstance(expression, ast.Name) and expression.id in bases:
                    found.setdefault(expression.id, bases[expression.id])
        own = found.get(class_.__name__)
        if isinstance(own, types.CellType):
            try:
                own = own.cell_contents
            except ValueError:
                own = None
            if own is class_:
                # The statement binds its own name; the cell is filled with the class afterwards.
                pass
        return found

    def _plain_attributes(self, class_: type, register: int, defined_later: set[str]) -> None:
        """Data of the class as it is now: it may have changed since the statement ran."""
        if issubclass(class_, enum.Enum):
            return
        skipped = set()
        if dataclasses.is_dataclass(class_):
            skipped = {field.name for field in dataclasses.fields(class_)}
        changed = {}
        for name, value in vars(class_).items():
            if name in skipped or (name.startswith("__") and name not in defined_later):
                continue
            if isinstance(value, type) and name not in defined_later:
                continue
            if self.is_plain(value):
                self.watch(_Read(vars(class_), {}, name, None))
                changed[name] = self.step("value", value)
            elif name in defined_later or not hasattr(type(value), "__get__"):
                # A registry, an instance of the class itself, or what was set afterwards.
                self.watch(_Read(vars(class_), {}, name, None))
                self.state.attributes.append((class_, register, name))
        if changed:
            self.state.late.append(["attributes", register, changed])

    def is_plain_class(self, class_: type) -> bool:
        """Whether instances are their attributes and nothing else."""
        if issubclass(class_, tuple):
            return hasattr(class_, "_fields")
        for base in class_.__mro__[:-1]:
            if base.__module__ == "builtins":
                return False
            if any(hook in vars(base) for hook in _OBJECT_HOOKS):
                return dataclasses.is_dataclass(class_)
        return True

    def attributes_of(self, value: object) -> dict[str, Any]:
        """What an instance holds: its slots that are filled, and its `__dict__`."""
        found: dict[str, Any] = {}
        for base in reversed(type(value).__mro__):
            for name, descriptor in vars(base).items():
                if isinstance(descriptor, types.MemberDescriptorType):
                    held = getattr(value, name, _MISSING)
                    if held is not _MISSING:
                        found[name] = held
        found.update(getattr(value, "__dict__", {}))
        return found

    def note_library_classes(self, module: types.ModuleType) -> None:
        """Let exceptions, enums and records of a library module that is used cross as themselves."""
        name = module.__name__
        if name in ("inspect", "typing", "functools"):
            self.reads_hints = True
        if name in self.state.libraries or name == "builtins":
            return
        self.state.libraries.add(name)
        for attribute, value in list(vars(module).items()):
            if (
                not isinstance(value, type)
                or attribute.startswith("_")
                or value.__module__ == "builtins"
                or id(value) in self.state.memo
            ):
                continue
            is_record = (
                issubclass(value, BaseException | enum.Enum)
                or dataclasses.is_dataclass(value)
                or (issubclass(value, tuple) and hasattr(value, "_fields"))
            )
            if is_record:
                self.remember(value, self.step("import", name, attribute))
                self._enter(value)


def _notices_subclasses(class_: type) -> bool:
    """Whether making a class runs code of the user's."""
    if type(class_).__module__ not in ("builtins", "abc", "enum"):
        return True
    return any("__init_subclass__" in vars(base) for base in class_.__mro__[1:-1]) or any(
        hasattr(type(value), "__set_name__") for value in vars(class_).values()
    )


def _is_written(value: object) -> bool:
    """Whether a function is the user's own text, not what `dataclass` and its like made."""
    function = _function_in(value)
    if function is None or function.__code__.co_filename[:1] == "<":
        return False
    home = function.__globals__.get("__name__")
    return isinstance(home, str) and origin_of_name(home) not in ("builtin", "stdlib")


def _bound_in(node: ast.ClassDef) -> set[str]:
    """Names that the body of a class statement binds, as far as its syntax tells."""
    import ast

    bound = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(inner.name)
        elif isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
            bound.add(inner.id)
        elif isinstance(inner, ast.alias):
            bound.add((inner.asname or inner.name).partition(".")[0])
    return bound


def _functions_of(class_: type, file: str) -> Iterator[types.FunctionType]:
    """Functions that the class statement in `file` made, those of classes within it too."""
    for value in vars(class_).values():
        candidates = [value]
        if isinstance(value, property):
            candidates = [value.fget, value.fset, value.fdel]
        for candidate in candidates:
            function = _function_in(candidate)
            if (
                function is not None
                and function.__code__.co_filename == file
                and function.__qualname__.startswith(class_.__qualname__ + ".")
            ):
                yield function
        if (
            isinstance(value, type)
            and value.__qualname__ == f"{class_.__qualname__}.{value.__name__}"
        ):
            yield from _functions_of(value, file)


def _position(node: ast.ClassDef) -> tuple[int, int, int, int]:
    return node.lineno, node.col_offset, node.lineno, node.col_offset + len("class")
