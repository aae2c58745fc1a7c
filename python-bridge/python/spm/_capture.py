"""What a function reads: its helpers, and the values of its free names at this moment."""

from __future__ import annotations

import builtins
import dis
import functools
import sys
import types
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from . import _spm
from ._collectives import Op
from ._errors import CompileError
from ._source import Source, locate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Captured: TypeAlias = tuple[str, object] | tuple[str, object, str | None]
"""How `_spm.compile` takes what a name stands for: a kind, and its value."""

GLUE_FILE: Final = "<spm>"
"""The file of functions that SPM writes around builtins; their frames are not shown."""

_READS: Final = {"LOAD_GLOBAL", "LOAD_NAME"}
_MISSING: Final = object()
_CLASS_FURNITURE: Final = {
    "__module__",
    "__qualname__",
    "__doc__",
    "__weakref__",
    "__dict__",
    "__annotations__",
    "__firstlineno__",
    "__static_attributes__",
}
"""What every class has, whatever its body is."""
_PECULIAR: Final = {
    "BaseExceptionGroup",
    "ExceptionGroup",
    "UnicodeDecodeError",
    "UnicodeEncodeError",
    "UnicodeTranslateError",
}
"""Exceptions that are more than a class and arguments."""
_IMMUTABLE: Final = (int, float, str, bytes, bool, type(None))


@dataclass(frozen=True, slots=True)
class Target:
    """A callable, taken apart: a function or builtin, and the arguments it already has."""

    function: types.FunctionType | Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    keywords: dict[str, Any] = field(default_factory=dict)

    @property
    def is_python(self) -> bool:
        """Whether it is a plain Python function, with source."""
        return isinstance(self.function, types.FunctionType)


def target_of(function: Callable[..., Any]) -> Target:
    """Take partials, bound methods, closures and callable instances apart."""
    arguments: tuple[Any, ...] = ()
    keywords: dict[str, Any] = {}
    while True:
        wrapped = getattr(function, "__spm_function__", None)
        if isinstance(function, types.FunctionType):
            break
        if wrapped is not None:
            function = wrapped
        elif isinstance(function, functools.partial):
            arguments = (*function.args, *arguments)
            keywords = {**function.keywords, **keywords}
            function = function.func
        elif isinstance(function, types.MethodType):
            arguments = (function.__self__, *arguments)
            function = function.__func__
        elif isinstance(function, type) or _member_name(function) is not None:
            break
        elif isinstance(function, types.BuiltinMethodType) and _has_methods(function.__self__):
            owner = function.__self__
            arguments = (owner, *arguments)
            function = getattr(type(owner), function.__name__)
        elif isinstance(call := vars(type(function)).get("__call__"), types.FunctionType):
            arguments = (function, *arguments)
            function = call
        else:
            break
    return Target(function, arguments, keywords)


def _has_methods(owner: object) -> bool:
    """Whether a value is of a builtin type, whose methods the compiler knows."""
    return type(owner) in (str, bytes, int, bool, float, list, tuple, dict, set)


def _member_name(value: Any) -> str | None:
    """Find `module.name` under which the standard library has a builtin or class, if it does."""
    if not isinstance(value, types.BuiltinFunctionType | type):
        return None
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str):
        return None
    if module.partition(".")[0] not in sys.stdlib_module_names:
        return None
    if getattr(sys.modules.get(module), name, None) is not value:
        return None
    return f"{module}.{name}"


def spm_member(value: object) -> str | None:
    """Find what tasks call an object of SPM's own that they have, too: `spm.task`, `spm.team.SUM`."""
    if isinstance(value, Op):
        return f"spm.team.{value.name}"
    name = vars(type(value)).get("__spm_member__")
    return name if isinstance(name, str) else None


@dataclass(slots=True)
class _Read:
    """A name that a function reads, and what it stood for."""

    place: dict[str, Any] | types.CellType | types.MappingProxyType[str, Any]
    fallback: dict[str, Any]
    name: str
    value: object
    frozen: bytes | None = None

    def now(self) -> object:
        place = self.place
        if isinstance(place, dict | types.MappingProxyType):
            value = place.get(self.name, _MISSING)
            return self.fallback.get(self.name, _MISSING) if value is _MISSING else value
        try:
            return place.cell_contents
        except ValueError:  # not assigned yet
            return _MISSING


@dataclass(slots=True)
class Gathered:
    """Everything a function reaches, as `_spm.compile` takes it."""

    functions: list[tuple[str, str, str, int, int, str]]
    names: list[dict[str, Captured]]
    reads: list[_Read]
    codes: list[tuple[types.FunctionType, types.CodeType]]
    entry: Source | None
    classes: list[type[Exception]] = field(default_factory=list)
    """The user's classes of exceptions that are read, in the order of the class table."""
    is_volatile: bool = False
    """Whether something in it may have changed although every name stands for the same object."""

    def is_current(self) -> bool:
        """Tell whether every name still stands for the same, and every function is the same.

        Asked at each `submit`: a loop without calls where it can be.
        """
        if self.is_volatile:
            return False
        for read in self.reads:
            place = read.place
            if type(place) is dict:
                value = place.get(read.name, _MISSING)
                if value is _MISSING:
                    value = read.fallback.get(read.name, _MISSING)
                if value is not read.value:
                    return False
            elif read.now() is not read.value:
                return False
            if read.frozen is not None and _freeze(read.value) != read.frozen:
                return False
        for function, code in self.codes:  # noqa: SIM110
            if function.__code__ is not code:
                return False
        return True


def gather(target: Target, shape: tuple[int, tuple[str, ...]]) -> Gathered:
    """Collect the function, the functions it calls, and what their names stand for.

    `shape` says how a builtin is called: number of positional arguments, names of the others.
    """
    gathered = Gathered([], [], [], [], None)
    if isinstance(target.function, types.FunctionType):
        pending = [target.function]
        gathered.entry = locate(target.function)
    else:
        pending = []
        _add_glue(gathered, target.function, shape)
    indices = {id(function): index for index, function in enumerate(pending)}
    for function in pending:  # grows while it is read
        source = gathered.entry if function is pending[0] else locate(function)
        assert source is not None
        code = function.__code__
        gathered.codes.append((function, code))
        gathered.functions.append(
            (
                function.__name__,
                function.__qualname__,
                source.file,
                source.first_line,
                source.column,
                source.text,
            )
        )
        names: dict[str, Captured] = {}
        for read in _reads(function):
            gathered.reads.append(read)
            if read.value is not _MISSING:
                exception = _exception(read.value, gathered.classes)
                names[read.name] = exception or _captured(read, indices, pending)
        gathered.names.append(names)
    return gathered


def _add_glue(
    gathered: Gathered, function: Callable[..., Any], shape: tuple[int, tuple[str, ...]]
) -> None:
    name = getattr(function, "__name__", type(function).__name__)
    if isinstance(function, types.MethodDescriptorType):
        member, called = _member_name(function.__objclass__), f"target.{name}"
    else:
        member, called = _member_name(function), "target"
    if member is None:
        raise CompileError(f"{describe(function)} cannot be compiled; wrap it in a function")
    positional = [f"a{index}" for index in range(shape[0])]
    parameters = ", ".join([*positional, *shape[1]])
    passed = ", ".join([*positional, *(f"{word}={word}" for word in shape[1])])
    text = f"def call({parameters}):\n    return {called}({passed})\n"
    gathered.functions.append((name, name, GLUE_FILE, 1, 0, text))
    module, _, short = member.partition(".")
    known: Captured = ("builtin", short) if module == "builtins" else ("member", member)
    gathered.names.append({"target": known})


def _reads(function: types.FunctionType) -> Iterator[_Read]:
    """Name what the function and the functions within it read from outside."""
    namespace = function.__globals__
    fallback = namespace.get("__builtins__", builtins)
    if isinstance(fallback, types.ModuleType):
        fallback = fallback.__dict__
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    for name, cell in cells:
        yield _known(_Read(cell, {}, name, None))
    for name in _global_names(function.__code__):
        yield _known(_Read(namespace, fallback, name, None))


def _known(read: _Read) -> _Read:
    read.value = read.now()
    if isinstance(read.value, list | dict | set | tuple | bytearray):
        read.frozen = _freeze(read.value)
    return read


def _freeze(value: object) -> bytes:
    try:
        return _spm.encode(value)
    except TypeError:
        return b""


@functools.lru_cache(maxsize=1024)
def _global_names(code: types.CodeType) -> tuple[str, ...]:
    names = {
        instruction.argval: None
        for instruction in dis.get_instructions(code)
        if instruction.opname in _READS
    }
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names.update(dict.fromkeys(_global_names(constant)))
    return tuple(names)


def _exception(value: object, classes: list[type[Exception]]) -> Captured | None:
    """Name a class of exceptions that adds nothing to the builtin one it derives from."""
    if not isinstance(value, type) or not issubclass(value, Exception):
        return None
    derived: list[type[Exception]] = []
    while value.__module__ != "builtins":
        adds = vars(value).keys() - _CLASS_FURNITURE
        if type(value) is not type or len(value.__bases__) != 1 or adds:
            return None
        derived.append(value)
        (value,) = value.__bases__
    base = value.__name__
    if not derived or getattr(builtins, base, None) is not value or base in _PECULIAR:
        return None
    classes.extend(one for one in derived if one not in classes)
    return ("exception", [(classes.index(one), one.__name__) for one in derived], base)


def _captured(read: _Read, indices: dict[int, int], pending: list[types.FunctionType]) -> Captured:
    value = getattr(read.value, "__spm_function__", read.value)
    if isinstance(value, types.FunctionType):
        if value is getattr(sys.modules.get("asyncio"), "sleep", None):
            return ("member", "asyncio.sleep")
        index = indices.get(id(value))
        if index is None:
            try:
                locate(value)
            except CompileError as error:
                return ("unsupported", f"a function without source ({error})", None)
            index = indices[id(value)] = len(pending)
            pending.append(value)
        return ("function", index)
    if isinstance(value, types.ModuleType):
        return ("module", value.__name__)
    member = _member_name(value)
    if member is not None:
        module, _, name = member.partition(".")
        return ("builtin", name) if module == "builtins" else ("member", member)
    own = spm_member(value)
    if own is not None:
        return ("member", own)
    if _spm.is_literal(value):
        return ("value", value)
    return ("unsupported", describe(value), "pass what you need of it as an argument")


def describe(value: object) -> str:
    """Say what a value is, for messages."""
    if isinstance(value, type):
        return f"the class `{value.__qualname__}`"
    if isinstance(value, types.ModuleType):
        return f"the module `{value.__name__}`"
    if callable(value) and hasattr(value, "__qualname__"):
        return f"the function `{value.__qualname__}`"
    name = type(value).__qualname__
    article = "an" if name[0].lower() in "aeiou" else "a"
    return f"{article} `{name}`"
