"""What a function reads: its helpers, and the values of its free names at this moment."""

from __future__ import annotations

import builtins
import dis
import enum
import functools
import inspect
import sys
import types
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from . import _capture_classes as classes
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
_METHODS: Final = (types.MethodType, types.BuiltinMethodType)
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


_LIBRARY: Final = ("bisect", "functools", "heapq", "itertools", "operator", "random")
"""Modules of which the compiler knows functions that Python has written in Python."""


def _library_name(value: object) -> str | None:
    """Find the `module.name` of a function that the compiler knows in place of its source."""
    for module in _LIBRARY:
        loaded = sys.modules.get(module)
        names = () if loaded is None else vars(loaded).items()
        for name, member in names:
            if member is value:
                return f"{module}.{name}"
    return None


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
    exceptions: list[type[Exception]] = field(default_factory=list)
    """The user's classes of exceptions that are read; the class table has them last."""
    is_volatile: bool = False
    """Whether something in it may have changed although every name stands for the same object."""
    class_types: _spm.ClassTypes = field(default_factory=_spm.ClassTypes)
    """The classes it refers to, and the types of their attributes."""
    class_rows: list[tuple[Any, ...]] = field(default_factory=list)
    """The classes as `_spm.compile` takes them, but for the types of attributes."""
    pending: list[types.FunctionType | classes.Glue] = field(default_factory=list)
    indices: dict[int, int] = field(default_factory=dict)
    refused: dict[type, str] = field(default_factory=dict)
    hinted: set[int] = field(default_factory=set)
    """Classes whose annotations were looked at."""

    def table(self) -> tuple[type, ...]:
        """List its classes as values and exceptions name them."""
        return (*self.class_types.classes(), *self.exceptions)

    def index_of(self, function: types.FunctionType | classes.Glue) -> int:
        """Find or give the number of a function. `CompileError` if it has no source."""
        index = self.indices.get(id(function))
        if index is None:
            if isinstance(function, types.FunctionType):
                locate(function)
            index = self.indices[id(function)] = len(self.pending)
            self.pending.append(function)
        return index

    def memo_index(self, value: Any) -> int:
        """Find or give the number of the function that stands for one with `lru_cache`."""
        index = self.indices.get(id(value))
        if index is None:
            glue = _memo_glue(value)
            index = self.indices[id(value)] = len(self.pending)
            self.pending.append(glue)
        return index

    def class_index(self, class_: type) -> int:
        """Find or give the number of a class. `classes.Refused` says why it has none."""
        index = self.class_types.index(class_)
        if index is not None:
            return index
        if class_ in self.refused:
            raise classes.Refused(self.refused[class_])
        try:
            classes.check(class_)
            base = classes.base_of(class_)
            above = None if base is None else self.class_index(base)
            enumeration = classes.enumeration_of(class_)
            count = len(self.pending)
            try:
                index = self.class_types.add(class_, above, classes.fields_of(class_))
                members = classes.members_of(class_, self.index_of, describe)
            except classes.Refused:
                del self.pending[count:]
                raise
        except classes.Refused as refusal:
            self.refused[class_] = str(refusal)
            raise
        params = getattr(class_, "__dataclass_params__", None)
        items = classes.items_of(class_)
        frozen = items is not None or (params is not None and params.frozen)
        names = class_.__name__, class_.__qualname__
        slots = classes.slots_of(class_)
        row = (*names, above, members, frozen, slots, enumeration, items)
        self.class_rows.append(row)
        return index

    def admit(self, class_: type) -> None:
        """Take the class of an argument in. `TypeError` says why that cannot be."""
        if not classes.is_candidate(class_):
            return
        try:
            self.class_index(class_)
        except classes.Refused as refusal:
            name = class_.__qualname__
            raise TypeError(
                f"the class `{name}` is none of the native engine: it {refusal}"
            ) from None
        self.read_pending()

    def read_pending(self) -> None:
        """Take in the functions that were found, and those that they reach."""
        while len(self.functions) < len(self.pending):
            function = self.pending[len(self.functions)]
            if isinstance(function, classes.Glue):
                text, name = function.text, function.name
                self.functions.append((name, name, GLUE_FILE, 1, 0, text))
                names = {word: _glue_name(self, what) for word, what in function.names.items()}
                self.names.append(names)
                continue
            source = self.entry if function is self.pending[0] else locate(function)
            assert source is not None
            self.codes.append((function, function.__code__))
            self.functions.append(
                (
                    function.__name__,
                    function.__qualname__,
                    source.file,
                    source.first_line,
                    source.column,
                    source.text,
                )
            )
            names = {}
            for read in _reads(function):
                self.reads.append(read)
                if read.value is not _MISSING:
                    exception = _exception(read.value, self.exceptions)
                    names[read.name] = exception or _captured(read.value, self)
            self.names.append(names)

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
    gathered.class_types.set_admit(gathered.admit)
    if isinstance(target.function, types.FunctionType):
        gathered.entry = locate(target.function)
        gathered.indices[id(target.function)] = 0
        gathered.pending.append(target.function)
    else:
        gathered.pending.append(_glue_of(target.function, shape))
    gathered.read_pending()
    return gathered


def _glue_of(function: Callable[..., Any], shape: tuple[int, tuple[str, ...]]) -> classes.Glue:
    """A function that calls a builtin."""
    name = getattr(function, "__name__", type(function).__name__)
    called, known = "target", _glued(function)
    if isinstance(function, types.MethodDescriptorType):
        called, known = f"target.{name}", _glued(function.__objclass__)
    if known is None:
        raise CompileError(f"{describe(function)} cannot be compiled; wrap it in a function")
    positional = [f"a{index}" for index in range(shape[0])]
    parameters = ", ".join([*positional, *shape[1]])
    passed = ", ".join([*positional, *(f"{word}={word}" for word in shape[1])])
    text = f"def call({parameters}):\n    return {called}({passed})\n"
    return classes.Glue(name, text, {"target": known})


def _glued(function: object) -> tuple[str, Any] | None:
    """What a function that is no plain Python function is to the compiler."""
    if isinstance(function, functools._lru_cache_wrapper):
        return ("default", function)
    member = _member_name(function)
    if member is None:
        return None
    module, _, short = member.partition(".")
    return ("builtin", short) if module == "builtins" else ("member", member)


def _glue_name(gathered: Gathered, what: tuple[str, Any]) -> Captured:
    """What a name in a function of SPM's stands for."""
    kind, value = what
    if kind == "default":
        return _captured(value, gathered)
    if kind != "factory":
        return (kind, value)
    text = classes.factory_text(value)
    if text is not None:
        glue = classes.Glue("make", text, {})
        gathered.pending.append(glue)
        return ("function", len(gathered.pending) - 1)
    return _captured(value, gathered)


def _memo_glue(value: Any) -> classes.Glue:
    """A function that does what `functools.lru_cache` does with the one that it wraps.

    The results are kept for as long as the task lasts. `CompileError` if that would show.
    """
    function = value.__wrapped__
    if not isinstance(function, types.FunctionType):
        raise CompileError("a function with `lru_cache` that has no source")
    names: dict[str, Any] = {"target": ("default", function)}
    parameters: list[str] = []
    passed: list[str] = []
    for parameter in inspect.signature(function).parameters.values():
        kind = parameter.kind
        if kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise CompileError("a function with `lru_cache` and `*` or `**` parameters")
        if kind is parameter.KEYWORD_ONLY and "*" not in parameters:
            parameters.append("*")
        default = ""
        if parameter.default is not parameter.empty:
            default = f"=default_{parameter.name}"
            names[default[1:]] = ("default", parameter.default)
        parameters.append(parameter.name + default)
        keyword = kind is parameter.KEYWORD_ONLY
        passed.append(f"{parameter.name}={parameter.name}" if keyword else parameter.name)
    arguments = [word.partition("=")[0] for word in passed]
    key = arguments[0] if len(arguments) == 1 else f"({', '.join(arguments)})"
    call = f"target({', '.join(passed)})"
    most = value.cache_parameters()["maxsize"]
    if {"memo_", "value_", "key_", "oldest_", "target"} & set(arguments):
        raise CompileError("a function with `lru_cache` and such names of parameters")
    lines = [f"def {function.__name__}({', '.join(parameters)}):"]
    if most == 0:
        lines.append(f"return {call}")
    else:
        lines += ["memo_ = _memo()", f"key_ = {key if arguments else 0}", "if key_ in memo_:"]
        lines += [" value_ = memo_[key_]"]
        if most is not None:
            lines += [" del memo_[key_]", " memo_[key_] = value_"]
        lines += [" return value_", f"value_ = {call}"]
        if most is not None:
            lines += ["if key_ in memo_:", " return value_", f"if len(memo_) >= {most}:"]
            lines += [" for oldest_ in memo_:", "  break", " del memo_[oldest_]"]
        lines += ["memo_[key_] = value_", "return value_"]
    return classes.Glue(function.__name__, "\n ".join(lines) + "\n", names)


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


def _captured(value: object, gathered: Gathered) -> Captured:
    value = getattr(value, "__spm_function__", value)
    if isinstance(value, types.FunctionType):
        if value is getattr(sys.modules.get("asyncio"), "sleep", None):
            return ("member", "asyncio.sleep")
        known = _library_name(value) if value.__module__ in _LIBRARY else None
        if known is not None:
            return ("member", known)
        try:
            return ("function", gathered.index_of(value))
        except CompileError as error:
            return ("unsupported", f"a function without source ({error})", None)
    if isinstance(value, functools._lru_cache_wrapper):
        try:
            return ("function", gathered.memo_index(value))
        except CompileError as error:
            return ("unsupported", str(error), "call the function without `lru_cache`")
    if isinstance(value, types.ModuleType):
        return ("module", value.__name__)
    member = _member_name(value)
    if member is not None:
        module, _, name = member.partition(".")
        return ("builtin", name) if module == "builtins" else ("member", member)
    known = _library_name(value) if isinstance(value, _METHODS) else None
    own = known or spm_member(value)
    if own is not None:
        return ("member", own)
    if _spm.is_literal(value):
        return ("value", value)
    if value is NotImplemented:
        return ("builtin", "NotImplemented")
    if isinstance(value, type) and classes.is_candidate(value):
        try:
            return ("class", gathered.class_index(value))
        except classes.Refused as refusal:
            return ("unsupported", f"a class that {refusal}", None)
    if isinstance(value, enum.Enum) and type(value)._member_map_.get(value._name_) is value:
        try:
            index = gathered.class_index(type(value))
        except classes.Refused as refusal:
            return ("unsupported", f"a member of a class that {refusal}", None)
        return ("enum", (index, [*type(value)].index(value)))
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
