"""Modules: those of the library are imported, installed ones travel whole, the user's in pieces."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ._capture import _MISSING, _Read
from ._modules import CannotShip, Refused, Shipped, find, origin_of, origin_of_name, ship
from ._names import NameUse
from ._scientific import PACKAGES

if TYPE_CHECKING:
    import types

    from ._names import Import
    from ._travel import _State


class ModuleMixin:
    """The part of a packer that knows modules."""

    if TYPE_CHECKING:
        state: _State
        shipped: Shipped
        is_scientific: bool
        wants_scientific: bool
        would_be_scientific: bool

        def step(self, operation: str, *rest: Any) -> int: ...
        def remember(self, value: object, register: int) -> int: ...
        def refuse(self, message: str, help_text: str) -> Exception: ...
        def is_plain(self, value: object) -> bool: ...
        def watch(self, read: _Read) -> _Read: ...
        def note_library_classes(self, module: types.ModuleType) -> None: ...
        def take_global(
            self, name: str, use: NameUse, namespace: dict[str, Any], module: str
        ) -> None: ...

    def namespace_of(self, name: str | None, namespace: dict[str, Any], file: str) -> str:
        """The module that a function's globals become in the guest."""
        found = name or namespace.get("__name__") or "__main__"
        if origin_of_name(found) in ("builtin", "stdlib"):
            # Such as a method that the standard library wrote for a class of the user.
            return str(found)
        package = namespace.get("__package__")
        self.namespace(str(found), namespace.get("__file__", file), package)
        return str(found)

    def namespace(self, name: str, file: object, package: object) -> None:
        """Have a module made."""
        if name not in self.state.modules:
            self.state.modules[name] = {
                "file": file if isinstance(file, str) else None,
                "package": package if isinstance(package, str) else None,
                "doc": None,
            }

    def take_module(self, module: types.ModuleType, chains: set[tuple[str, ...]]) -> int:
        """Take a module, for the uses that `chains` names."""
        name, origin = module.__name__, origin_of(module)
        if origin in ("builtin", "stdlib", "spm"):
            self.note_library_classes(module)
            return self.step("import", name, "")
        if origin == "installed":
            self.ship_noted(name)
            return self.step("import", name, "")
        if () in chains or any(not self._is_simple(module, chain) for chain in chains):
            return self._whole(module)
        register = self.step("module", name)
        self.namespace_of(name, vars(module), getattr(module, "__file__", None) or "<unknown>")
        for chain in sorted(chains):
            attribute = chain[0]
            value = vars(module).get(attribute, _MISSING)
            if value is _MISSING:
                continue
            self.take_global(attribute, NameUse({chain[1:]}), vars(module), name)
        return register

    def _is_simple(self, module: types.ModuleType, chain: tuple[str, ...]) -> bool:
        """Whether a use takes one attribute that is there, as far as can be seen."""
        return chain[0] in vars(module) or "__getattr__" not in vars(module)

    def _whole(self, module: types.ModuleType) -> int:
        """Take a module of the user's that is used as a thing: its source, and its plain values."""
        name = module.__name__
        if sys.modules.get(name) is not module or name == "__main__":
            raise self.refuse(
                f"the module `{name}` is used as a value, and its name does not lead to it",
                "take what you need from it by name: `from module import name`",
            )
        self.ship_noted(name)
        register = self.remember(module, self.step("import", name, ""))
        for attribute, value in vars(module).items():
            if attribute.startswith("__") or not self.is_plain(value):
                continue
            self.watch(_Read(vars(module), {}, attribute, None))
            self.state.steps.append(["global", name, attribute, self.step("value", value)])
        return register

    def take_import(self, statement: Import, namespace: dict[str, Any]) -> None:
        """Have what an import statement inside a function names travel."""
        name = statement.module
        if statement.level:
            package = namespace.get("__package__") or ""
            parts = package.split(".")
            base = parts[: len(parts) - statement.level + 1]
            name = ".".join([*base, *([name] if name else [])])
        origin = origin_of_name(name)
        if origin in ("builtin", "stdlib", "spm"):
            module = sys.modules.get(name)
            if module is not None:
                self.note_library_classes(module)
            return
        if name.partition(".")[0] in PACKAGES and self.is_scientific:
            # Done while the closure is defined, it costs no task anything. A name that is not there
            # fails where the statement is.
            self.step("import", name, "")
            for taken in statement.names:
                self.step("import", name, taken)
            return
        if find(name.partition(".")[0]) is None:
            # ModuleNotFoundError, there as here, unless another engine has it.
            self.would_be_scientific |= name.partition(".")[0] in PACKAGES
            return
        module = sys.modules.get(name)
        try:
            if module is not None and origin == "user":
                self._whole(module)
            else:
                self.ship_noted(name)
        except Refused:
            return

    def ship(self, name: str, *, is_asked_for: bool = False) -> None:
        """Have a module travel as it is, unless the engine has it and nobody asked for this one."""
        is_there = name.partition(".")[0] in PACKAGES
        if is_there and self.is_scientific and not is_asked_for:
            return
        before = set(self.shipped.sources)
        try:
            ship(name, self.shipped)
        except CannotShip:
            self.wants_scientific |= is_there
            raise
        added = {one.partition(".")[0] for one in set(self.shipped.sources) - before}
        self.state.sources |= added | {name.partition(".")[0]}

    def ship_noted(self, name: str) -> None:
        """Have a module travel as it is, or note why it cannot."""
        try:
            self.ship(name)
        except CannotShip as error:
            raise self.refuse(str(error), error.help) from None
