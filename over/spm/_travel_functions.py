"""Functions: their source, their cells, and what they were given besides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._capture import _MISSING, _Read
from ._errors import CompileError
from ._modules import Refused
from ._names import names_of
from ._source import Source, future_names, locate

if TYPE_CHECKING:
    import types
    from contextlib import AbstractContextManager

    from ._names import CodeNames, Position
    from ._travel import _State


class FunctionMixin:
    """The part of a packer that knows functions."""

    if TYPE_CHECKING:
        state: _State
        kept: list[object]
        hints: bool

        def take(self, value: object) -> int: ...
        def take_class(self, class_: type) -> int: ...
        def take_named(self, name: str, value: object) -> int: ...
        def optionally(self, value: object) -> int | None: ...
        def importable(self, value: Any) -> tuple[str, str] | None: ...
        def made_by_library(self, value: Any) -> int | None: ...
        def owner_of(self, function: types.FunctionType) -> type | None: ...
        def step(self, operation: str, *rest: Any) -> int: ...
        def remember(self, value: object, register: int) -> int: ...
        def refuse(self, message: str, help_text: str) -> Exception: ...
        def watch(self, read: _Read) -> _Read: ...
        def is_fixed(self, value: object) -> bool: ...
        def namespace_of(self, name: str | None, namespace: dict[str, Any], file: str) -> str: ...
        def take_names(
            self,
            names: CodeNames,
            namespace: dict[str, Any],
            module: str,
            reader: str,
            code: types.CodeType,
        ) -> None: ...
        def reading(
            self, reader: str, file: str, position: Position | None
        ) -> AbstractContextManager[None]: ...

    def take_function(self, function: types.FunctionType) -> int:
        """The register of a function."""
        member = self.importable(function)
        if member is not None:
            return self.remember(function, self.step("import", *member))
        made = self.made_by_library(function)
        if made is not None:
            return made
        owner = self.owner_of(function)
        if owner is not None:
            register = self.take_class(owner)
            return self.remember(function, self.step("attr", register, function.__name__))
        try:
            source = locate(function)
        except CompileError as error:
            raise self.refuse(str(error), "") from None
        code = function.__code__
        self.state.codes.append((function, code))
        self.kept.append(function)
        # `functools.wraps` gives a function the name of another's module.
        home = function.__globals__.get("__name__") or function.__module__
        module = self.namespace_of(home, function.__globals__, code.co_filename)
        cells = self._cells(function)
        about: dict[str, Any] = {
            "module": module,
            "name": code.co_name,
            "qualname": code.co_qualname,
            **self.place(source),
            "free": list(code.co_freevars),
            "cells": cells,
            "defaults": None,
            "kwdefaults": None,
            "dict": {},
            "future": future_names(code.co_flags),
            "class": _mangling_class(code.co_qualname),
        }
        # The function gets its register before what it reads is taken: that may read it back.
        register = self.remember(function, self.state.registers)
        self.state.registers += 1
        with self.reading(function.__qualname__, code.co_filename, None):
            if function.__defaults__ is not None:
                about["defaults"] = [
                    self.take_named("a default value", value) for value in function.__defaults__
                ]
            if function.__kwdefaults__:
                about["kwdefaults"] = {
                    name: self.take_named(f"{name}=", value)
                    for name, value in function.__kwdefaults__.items()
                }
        self.state.steps.append(["function", register, about])
        self.state.made.add(register)
        changed: dict[str, Any] = {
            name: value
            for name, value, own in (
                ("__name__", function.__name__, code.co_name),
                ("__qualname__", function.__qualname__, code.co_qualname),
                ("__module__", function.__module__, module),
                ("__doc__", function.__doc__, _docstring(code)),
            )
            if value != own
        }
        if self.hints and function.__annotations__:
            changed["__annotations__"] = function.__annotations__
        given = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
        own = [value for name, value in vars(function).items() if name != "__wrapped__"]
        if own or not all(map(self.is_fixed, given)):
            # Nobody is told when a default value or an attribute changes.
            self.state.is_volatile = True
        kept = {
            name: taken
            for name, value in {**vars(function), **changed}.items()
            if (taken := self.optionally(value)) is not None
        }
        if kept:
            self.state.steps.append(["attributes", register, kept])
        self._fill(function, cells)
        self.take_names(names_of(code), function.__globals__, module, function.__qualname__, code)
        return register

    def place(self, source: Source) -> dict[str, Any]:
        """Where a piece of source comes from, as steps say it."""
        return {
            "text": source.text,
            "file": source.file,
            "line": source.first_line,
            "column": source.column,
        }

    def _cells(self, function: types.FunctionType) -> list[int]:
        return [self.cell(cell) for cell in function.__closure__ or ()]

    def cell(self, cell: types.CellType) -> int:
        """The register of a cell; functions that share one in Python share it in the guest."""
        known = self.state.memo.get(id(cell))
        return self.remember(cell, self.step("cell")) if known is None else known

    def _fill(self, function: types.FunctionType, cells: list[int]) -> None:
        uses = names_of(function.__code__).cells
        for name, cell, register in zip(
            function.__code__.co_freevars, function.__closure__ or (), cells, strict=True
        ):
            use = uses.get(name)
            position = None if use is None else use.position
            with self.reading(function.__qualname__, function.__code__.co_filename, position):
                self.fill(name, cell, register)

    def fill(self, name: str, cell: types.CellType, register: int) -> None:
        """Give a cell what it holds, once."""
        if ("cell", str(register)) in self.state.bound:
            return
        self.state.bound.add(("cell", str(register)))
        read = self.watch(_Read(cell, {}, name, None))
        if read.value is _MISSING:
            return
        try:
            content = self.take_named(name, read.value)
        except Refused:
            return
        self.state.steps.append(["fill", register, content])


def _docstring(code: types.CodeType) -> str | None:
    first = code.co_consts[0] if code.co_consts else None
    return first if isinstance(first, str) else None


def _mangling_class(qualname: str) -> str | None:
    """The class whose private names the function's source means, if it is a method."""
    parts = qualname.split(".")
    return parts[-2] if len(parts) > 1 and parts[-2] != "<locals>" else None
