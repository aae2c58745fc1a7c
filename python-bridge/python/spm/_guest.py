"""Closures that are files: components from other languages, or compiled from Python before."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from . import _spm
from ._closure import Closure
from ._errors import CompileError
from ._guest_module import Module
from ._settings import MEMORY_MIB_DEFAULT, Isolation, Options, Terms
from ._travelled import classes_in
from ._types import value_type_of

if TYPE_CHECKING:
    import inspect
    import os
    from collections.abc import Callable, Iterable, Iterator

Row: TypeAlias = tuple[Any, ...]


@_spm.hidden
def load(
    path: str | os.PathLike[str],
    *,
    classes: Iterable[type] = (),
    memory_mib: int = MEMORY_MIB_DEFAULT,
    fuel: int | None = None,
    deadline_s: float | None = None,
    pure: bool = False,
    isolation: Isolation = "task",
) -> Closure[..., Any]:
    """Make a closure of a WebAssembly file: a component, such as `spm compile` writes, or a core module,
    such as `cargo build` makes of `spm_guest`.

    Its structs come back as the dataclass of `classes` that has their name, or else as dicts; its
    exceptions may be of the exception classes in it. The other keywords are those of
    `spm.wasm_closure`.
    """
    options = Options(
        memory_mib=memory_mib, fuel=fuel, deadline_s=deadline_s, pure=pure, isolation=isolation
    )
    return GuestClosure(Module(Path(path)), options, _checked(classes))


def _checked(classes: Iterable[type]) -> tuple[type, ...]:
    made = tuple(classes)
    for kind in made:
        is_class = isinstance(kind, type)
        if not is_class or not (dataclasses.is_dataclass(kind) or issubclass(kind, Exception)):
            raise TypeError(f"`classes` takes dataclasses and exception classes, not {kind!r}")
    names = [kind.__name__ for kind in made]
    if len(set(names)) != len(names):
        raise ValueError("`classes` has two classes of the same name")
    return made


class Guest(Terms):
    """A guest's closure, with a class table. `spm/_backend.py` says what is read of it."""

    __slots__ = (
        "__weakref__",
        "_owner",
        "arguments",
        "cid",
        "classes",
        "component",
        "component_bytes",
        "engine",
        "fallback",
        "function",
        "name",
        "names",
        "payload",
        "source",
    )

    def __init__(self, owner: GuestClosure, classes: tuple[type, ...]) -> None:
        """Made by `prepare`."""
        module = owner.module
        super().__init__(owner._options)
        self._owner = owner
        self.arguments = owner.types
        self.cid = module.cid
        self.classes = classes
        self.component = module
        self.component_bytes = module.content
        self.engine = "guest"
        self.fallback = None
        self.function = owner.__wrapped__
        self.name = module.name
        self.names = list(owner._names)
        self.payload = None
        if owner.classes:
            # Only these are made by name; others are in the table for what arguments are made of.
            names = [kind.__name__ if kind in owner.classes else "" for kind in classes]
            self.payload = _spm.encode(names)
        self.source = module.source

    def rows(self, calls: Iterable[Row]) -> Iterator[Row]:
        """Bind the arguments of further calls."""
        return (self.bind(call, {}) for call in calls)

    def bind(self, args: Row, kwargs: dict[str, Any]) -> Row:
        """Bind the arguments of one call."""
        return self._owner.arranged(args, kwargs)

    def trimmed(self, row: Row) -> Row:
        """Bound arguments as they are encoded: all of them."""
        return row

    def decode(self, data: bytes) -> Any:
        """Decode what a task returned."""
        return _spm.decode(data, self.classes)

    def misfit(self, row: Row) -> Any:
        """Raise the `CompileError` for arguments of other types than those compiled for."""
        types = self.arguments
        index = None if types is None else types.first_misfit(row)
        if types is None or index is None:
            raise TypeError(f"the arguments of `{self.name}` cannot cross")
        argument = f"argument `{types.names[index]}` of `{self.name}`"
        try:
            was = f"{argument} is `{_spm.infer(row[index], argument)}`"
        except TypeError as error:
            was = str(error)
        raise CompileError(f"{was}, and the file was compiled for `{types.types[index]}`")

    def knows(self, row: Row) -> bool:
        """Whether the classes of all instances in a call's arguments are in the class table."""
        return set(self.classes).issuperset(classes_in(row))

    def with_classes(self, classes: tuple[type, ...]) -> Guest:
        """Make the same closure with another class table."""
        return Guest(self._owner, classes)

    def __repr__(self) -> str:
        """Show what it is a closure of."""
        return f"<{self.name}, a guest>"


class GuestClosure(Closure[..., Any]):
    """A closure that is no Python function. Calling it runs it in a sandbox, here."""

    def __init__(self, module: Module, options: Options, classes: tuple[type, ...]) -> None:
        """Guests are loaded by `load`."""
        self.module = module
        self.classes = classes
        self._signature = self.__signature__ = module.signature(classes)
        described = module.described
        self._names = () if described is None else tuple(self._signature.parameters)
        self.types = _types(module, self._signature)
        """What its arguments have to be, if it was compiled from Python."""
        self._options = options
        self._self = ()
        self._lock = threading.Lock()
        self.__name__ = self.__qualname__ = module.name
        self.__doc__ = None if described is None else described.doc
        self.__module__ = "spm.guest"
        self.__annotations__ = {
            parameter.name: parameter.annotation
            for parameter in self._signature.parameters.values()
        } | {"return": self._signature.return_annotation}
        self.__wrapped__ = _runner(self)
        self._made = Guest(self, classes)
        self._compiled = self  # type: ignore[assignment]  # `prepare` asks it what it asks others

    def arranged(self, args: Row, keywords: dict[str, Any]) -> Row:
        """Put a call's arguments in the order of the parameters; `TypeError` if they do not fit."""
        try:
            bound = self._signature.bind(*args, **keywords)
        except TypeError as error:
            raise TypeError(f"{self.module.name}(): {error}") from None
        if self.module.described is None:
            return bound.args
        bound.apply_defaults()
        return tuple(bound.arguments.values())

    def bind(self, args: Row, keywords: dict[str, Any]) -> tuple[None, Row]:
        """What `prepare` asks of all closures."""
        return None, self.arranged(args, keywords)

    def specialise(self, binding: None, row: Row) -> Guest:
        """Find or make the closure whose class table has what these arguments are made of."""
        del binding
        made = self._made
        if not made.knows(row):
            with self._lock:
                classes = dict.fromkeys([*self._made.classes, *classes_in(row)])
                made = self._made = self._made.with_classes(tuple(classes))
        return made

    @_spm.hidden
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it in a sandbox, here."""
        return self.__wrapped__(*args, **kwargs)

    def __get__(self, obj: object, owner: type | None = None, /) -> Any:
        """A guest is no method."""
        return self

    @property
    def __spm_function__(self) -> Callable[..., Any]:
        """What stands for it where Python is wanted."""
        return self.__wrapped__

    @property
    def source(self) -> str:
        """Its signature in its own language, if it has one."""
        return self.module.source

    @property
    def engine(self) -> str:
        """Always "guest"."""
        return "guest"

    @property
    def cid(self) -> str:
        """The content id of its component."""
        return self.module.cid

    @property
    def wit(self) -> str | None:
        """None: its world is `spm:closure/guest`, as every guest's is."""
        return None

    def explain(self, *example: Any) -> str:
        """Say what the component is."""
        del example
        module = self.module
        what = f"def {self.__name__}{self.__signature__}" if module.is_python else module.source
        return (
            f"`{module.name}` runs in the `guest` engine: {what}\n"
            f"its component has {len(module.content):,} bytes, "
            f"and begins with {module.memory_bytes >> 10:,} KiB of memory\n"
        )

    def component(self, *example: Any) -> bytes:
        """Return the component."""
        del example
        return self.module.content

    def __reduce__(self) -> Any:
        """A guest has no name to be found by."""
        raise TypeError(f"{self!r} cannot be pickled: load it where it is wanted")

    def __repr__(self) -> str:
        """Name the function."""
        return f"<spm.Closure {self.module.name}, a guest>"


def _types(module: Module, signature: inspect.Signature) -> _spm.ArgumentTypes | None:
    """What arguments of a component have to be that was compiled from Python: as it was compiled for."""
    if not module.is_python or module.described is None:
        return None
    found = [value_type_of(parameter.annotation) for parameter in signature.parameters.values()]
    known = [value_type for value_type in found if value_type is not None]
    return (
        _spm.ArgumentTypes(list(signature.parameters), known) if len(known) == len(found) else None
    )


def _runner(closure: GuestClosure) -> Callable[..., Any]:
    """Make the function that calls stand for: it runs the closure in a sandbox."""

    def run(*args: Any, **kwargs: Any) -> Any:
        from ._serial import serial

        with serial() as pool:
            return pool.submit(closure, *args, **kwargs).result()

    run.__name__ = run.__qualname__ = closure.module.name
    run.__doc__ = closure.__doc__
    run.__annotations__ = {}
    run.__signature__ = closure.__signature__  # type: ignore[attr-defined]
    return run
