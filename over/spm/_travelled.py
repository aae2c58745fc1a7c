"""Closures of the `python` and `scientific` engines: one component for all of them, and a payload for each."""

from __future__ import annotations

import dataclasses
import enum
import functools
import inspect
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from . import _runtime, _scientific, _spm
from ._errors import CompileError
from ._modules import origin_of_name
from ._settings import Terms
from ._travel import pack

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ._capture import Gathered
    from ._settings import Engine
    from ._specialise import Binding, Compiled, Row
    from ._travel import Parcel

_PYTHON: Final = "python"
_SCIENTIFIC: Final = "scientific"
_SCALARS: Final = frozenset({type(None), bool, int, float, complex, str, bytes})


@functools.cache
def runtime() -> _spm.Runtime:
    """CPython as a component, which all closures of the engine share."""
    path = Path(_runtime.engines_folder()) / "python.wasm"
    try:
        return _spm.Runtime(path)
    except OSError as error:
        raise CompileError(
            f"the `python` engine is not installed: {error}; install spm-mesh from a wheel, or "
            "build it with `make demo`"
        ) from None


class Travelled(Terms):
    """A closure whose source and values travel. `spm/_backend.py` says what is read of it."""

    __slots__ = (
        "__weakref__",
        "_owner",
        "_skipped",
        "arguments",
        "binding",
        "cid",
        "classes",
        "component",
        "engine",
        "fallback",
        "given",
        "name",
        "names",
        "payload",
        "source",
    )

    def __init__(
        self, parcel: Parcel, binding: Binding, owner: Compiled, given: tuple[type, ...]
    ) -> None:
        """Made by `prepare`."""
        self.given = given
        """Classes that arguments have been of."""
        function = owner.target.function
        super().__init__(owner.options)
        self.binding = binding
        self._owner = owner
        self._skipped = parcel.bound
        self.component = _scientific.runtime() if parcel.is_scientific else runtime()
        self.cid = self.component.cid
        self.arguments = None
        self.classes = parcel.classes
        self.payload = parcel.payload
        self.fallback = None
        self.engine = _SCIENTIFIC if parcel.is_scientific else _PYTHON
        self.name = getattr(function, "__qualname__", type(function).__qualname__)
        self.names = list(binding.names or ())[self._skipped :]
        self.source = _text(function)

    @property
    def function(self) -> object:
        """What was made a closure."""
        return self._owner.target.function

    @property
    def component_bytes(self) -> bytes:
        """The component itself."""
        return self.component.bytes()

    def rows(self, calls: Iterable[Row]) -> Iterator[Row]:
        """Bind the arguments of further calls as those of the first were."""
        if self.binding.is_plain:
            return iter(calls)
        rows = map(self.binding.bind, calls)
        return map(self.trimmed, rows) if self._skipped else rows

    def bind(self, args: Row, kwargs: dict[str, Any]) -> Row:
        """Bind the arguments of one call."""
        return self.trimmed(self.binding.bind(args, kwargs))

    def trimmed(self, row: Row) -> Row:
        """Bound arguments without those that travel with the closure: a class, for instance."""
        return row[self._skipped :]

    def decode(self, data: bytes) -> Any:
        """Decode what a task returned."""
        return _spm.decode(data, self.classes)

    def knows(self, row: Row) -> bool:
        """Whether the classes of all instances in a call's arguments are in the class table."""
        if _SCALARS.issuperset(map(type, row)):
            return True
        return set(self.classes).issuperset(classes_in(row))

    def __repr__(self) -> str:
        """Show what it is a closure of."""
        return f"<{self.name}, for the {self.engine} engine>"


def _text(function: object) -> str:
    if isinstance(function, types.FunctionType):
        try:
            return inspect.getsource(function)
        except (OSError, TypeError):
            return function.__qualname__
    return repr(function)


def travelled(
    binding: Binding,
    owner: Compiled,
    row: Row,
    before: Travelled | None,
    *,
    engine: Engine | None = None,
) -> tuple[Gathered, Travelled]:
    """Make the closure for what names stand for at this moment, and what that rests on.

    For `engine`, or else for the one that its options name.

    If nothing has changed since `before`, that is it: its runs go on. Raises `CompileError`.
    """
    given = dict.fromkeys(() if before is None else before.given)
    given.update(dict.fromkeys(classes_in(row)))
    options = owner.options
    engine = engine or options.engine
    if engine == "auto" and any(map(_scientific.wants, row)):
        engine = _SCIENTIFIC
    parcel = pack(
        owner.target, binding.words, options.include, options.allow, tuple(given), engine=engine
    )
    if (
        before is not None
        and parcel.is_scientific == (before.engine == _SCIENTIFIC)
        and parcel.payload == before.payload
        and parcel.classes == before.classes
        and binding is before.binding
    ):
        return parcel.gathered, before
    return parcel.gathered, Travelled(parcel, binding, owner, tuple(given))


def needs_scientific(owner: Compiled, row: Row) -> bool:
    """Whether `engine="auto"` takes the `scientific` engine for what the compiler refuses."""
    options = owner.options
    if any(map(_scientific.wants, row)):
        return True
    try:
        parcel = pack(owner.target, (), options.include, options.allow, (), engine="auto")
    except CompileError:
        return False
    return parcel.is_scientific


def classes_in(value: Any) -> Iterator[type]:
    """Classes of the user's that instances in a value are of."""
    seen: set[int] = set()
    pending: list[Any] = [value]
    while pending:
        value = pending.pop()
        kind = type(value)
        if kind in _SCALARS or id(value) in seen:
            continue
        seen.add(id(value))
        if kind in (list, tuple, set, frozenset):
            if not _SCALARS.issuperset(map(type, value)):
                pending += value
            continue
        if kind is dict:
            pending += value
            pending += value.values()
            continue
        origin = origin_of_name(kind.__module__)
        is_record = (
            isinstance(value, enum.Enum)
            or dataclasses.is_dataclass(kind)
            or hasattr(kind, "_field_defaults")
        )
        is_users = origin in ("user", "installed") and not kind.__module__.startswith("numpy")
        if is_users or (origin == "stdlib" and is_record):
            yield kind
        if origin in ("user", "installed") or dataclasses.is_dataclass(kind):
            pending += vars(value).values() if hasattr(value, "__dict__") else ()
        if isinstance(value, tuple | list | set | frozenset):
            pending += value
        elif isinstance(value, dict):
            pending += value
            pending += value.values()
