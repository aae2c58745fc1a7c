"""Closures: Python functions that can be shipped.

For the rest of the package, a callable and its arguments go through `prepare`:

    specialisation, row = prepare(fn, args, kwargs)   # compiles if need be; CompileError, TypeError
    rows = specialisation.rows(iterable_of_args)      # further calls of a map, bound like the first
    data = specialisation.encode(row)                 # CBOR; CompileError if types do not fit
    value = specialisation.decode(data)               # of what the task returned

A `Specialisation` is a closure compiled for certain argument types, with its captured values: it is
immutable, compared by identity, and the same object as long as nothing changes. Rust may call
`specialisation.arguments.encode(row)` itself, and `specialisation.misfit(row)` where that is None.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import sys
import threading
import types
import weakref
from collections import OrderedDict
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Final,
    Generic,
    ParamSpec,
    Self,
    TypeVar,
    cast,
    overload,
)

from . import _spm
from ._capture import Gathered, Target, describe, gather, target_of
from ._errors import CompileError, Diagnostic
from ._settings import Engine, Isolation, Options
from ._source import locate
from ._types import annotated_types

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")

Row = tuple[Any, ...]

# Closures of plain callables that are kept though no pool has them in force.
_KEPT: Final = 64
# Compiled components by content, so that equal lambdas share one.
_COMPILED_KEPT: Final = 256

_NATIVE: Final = "native"


class Specialisation:
    """A closure, compiled for the types of its arguments and the values it has captured."""

    __slots__ = (
        "__weakref__",
        "_binding",
        "_bytes",
        "_owner",
        "arguments",
        "capabilities",
        "cid",
        "classes",
        "compiler",
        "component",
        "deadline_ms",
        "engine",
        "fuel",
        "isolation",
        "memory_bytes",
        "name",
        "pure",
        "source",
    )

    def __init__(
        self,
        component: _spm.Component,
        arguments: _spm.ArgumentTypes,
        binding: _Binding,
        owner: _Compiled,
        *,
        name: str,
        source: str,
    ) -> None:
        """Made by `prepare`."""
        self.component = component
        """Resolves sites and code points to frames."""
        self._bytes = component.bytes()
        self.cid = component.cid
        self.arguments = arguments
        self._binding = binding
        self._owner = owner  # and with it its closure, which is found again as long as it lives
        options = owner.options
        self.name = name
        """The function's qualified name."""
        self.source = source
        """What the component was made from, for the manifest's digest."""
        self.engine = _NATIVE
        self.compiler = _spm.__version__
        self.classes: tuple[type, ...] = ()
        """The class table: values and exceptions name classes by their index here."""
        self.memory_bytes = options.memory_mib << 20
        self.fuel = options.fuel
        self.deadline_ms = None if options.deadline_s is None else round(options.deadline_s * 1000)
        self.capabilities = options.allow
        self.isolation = options.isolation
        self.pure = options.pure

    @property
    def component_bytes(self) -> bytes:
        """The component itself."""
        return self._bytes

    def rows(self, calls: Iterable[Row]) -> Iterator[Row]:
        """Bind the arguments of further calls as those of the first were."""
        if self._binding.is_plain:
            return iter(calls)
        return map(self._binding.bind, calls)

    def encode(self, row: Row) -> bytes:
        """Encode bound arguments; `CompileError` if their types are not those compiled for."""
        data = self.arguments.encode(row)
        return self.misfit(row) if data is None else data

    def decode(self, data: bytes) -> Any:
        """Decode what a task returned."""
        return _spm.decode(data, self.classes)

    def misfit(self, row: Row) -> Any:
        """Raise the `CompileError` for arguments of other types than those compiled for."""
        names, wanted = self.arguments.names, self.arguments.types
        index = self.arguments.first_misfit(row)
        if index is None or len(row) != len(wanted):
            raise TypeError(f"{self.name}() takes {len(wanted)} arguments, {len(row)} were given")
        found = _type_of(row[index], names[index])
        was = str(found)
        raise CompileError(
            f"argument `{names[index]}` of `{self.name}` is {_article(was)} here, and the closure "
            f"is in force for `{wanted[index]}`; pass one type throughout, annotate the parameter "
            f"as `{_union(was, wanted[index])}`, or give such arguments to a run of their own"
        )

    def __repr__(self) -> str:
        """Show the signature it was compiled for."""
        return f"<specialisation of {self.name}({', '.join(self.arguments.types)})>"


def _article(name: str) -> str:
    return f"an `{name}`" if name[0] in "aeiou" else f"a `{name}`"


def _union(one: str, other: str) -> str:
    return " | ".join(dict.fromkeys([*other.split(" | "), *one.split(" | ")]))


def _type_of(value: object, name: str) -> _spm.ValueType:
    try:
        return _spm.infer(value, f"argument `{name}`")
    except TypeError as error:
        raise CompileError(str(error)) from None


class _Binding:
    """From a call's arguments to the positional arguments of the function."""

    __slots__ = ("_count", "_signature", "is_plain", "names", "target", "words")

    def __init__(self, target: Target, keywords: Iterable[str]) -> None:
        self.target = target
        self._signature: inspect.Signature | None = None
        self._count = -1
        self.names: list[str] | None = None
        # Names of keyword arguments of a builtin, which has no parameters to put them to.
        self.words: tuple[str, ...] = ()
        bare = not target.arguments and not target.keywords
        if isinstance(target.function, types.FunctionType):
            code = target.function.__code__
            self._signature = inspect.signature(target.function)
            self.names = list(self._signature.parameters)
            variadic = code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)
            if bare and not variadic and not code.co_kwonlyargcount:
                self._count = code.co_argcount
            self.is_plain = self._count >= 0 and not target.function.__defaults__
        else:
            self.words = tuple(dict.fromkeys([*target.keywords, *keywords]))
            self.is_plain = bare and not self.words

    def bind(self, args: Row, keywords: dict[str, Any] | None = None) -> Row:
        """Put a call's arguments in the order of the parameters; `TypeError` if they do not fit."""
        if not keywords and len(args) == self._count:
            return args
        target = self.target
        args = (*target.arguments, *args)
        keywords = {**target.keywords, **(keywords or {})}
        if self._signature is None:
            return (*args, *(keywords[word] for word in self.words))
        try:
            bound = self._signature.bind(*args, **keywords)
        except TypeError as error:
            name = getattr(target.function, "__qualname__", "the function")
            raise TypeError(f"{name}(): {error}") from None
        bound.apply_defaults()
        return tuple(bound.arguments.values())


class _Compiled:
    """What is known of one callable: its specialisations, and what they captured."""

    def __init__(self, closure: Closure[..., Any], target: Target, options: Options) -> None:
        self.closure = closure
        self.target = target
        self.options = options
        self.lock = threading.RLock()
        self.gathered: Gathered | None = None
        self.shape: tuple[int, tuple[str, ...]] | None = None
        self.hints: dict[str, _spm.ValueType] | None = None
        self.made: dict[tuple[str, ...], Specialisation] = {}
        self.latest: Specialisation | None = None
        self.binding: _Binding | None = None

    def bind(self, args: Row, keywords: dict[str, Any]) -> tuple[_Binding, Row]:
        binding = self.binding
        if (
            binding is None
            or (binding.words and set(binding.words) != set(keywords))
            or (keywords and not self.target.is_python)
        ):
            binding = self.binding = _Binding(self.target, keywords)
        return binding, binding.bind(args, keywords)

    def specialise(self, binding: _Binding, row: Row) -> Specialisation:
        """Find or make the specialisation for these arguments and the captured values of now."""
        with self.lock:
            self._refresh((len(row) - len(binding.words), binding.words))
            latest = self.latest
            if latest is not None and latest.arguments.first_misfit(row) is None:
                return latest
            names = self._names(binding, len(row))
            self.latest = self._compile(binding, names, self._types(names, row))
            return self.latest

    def specialise_by_annotations(self, binding: _Binding) -> Specialisation:
        """Find or make the specialisation that the annotations, or else the defaults, name."""
        with self.lock:
            function = self.target.function
            if not isinstance(function, types.FunctionType):
                raise CompileError(
                    f"{describe(function)} has no annotations; give example arguments"
                )
            self._refresh((0, ()))
            if self.latest is not None:
                return self.latest
            parameters = inspect.signature(function).parameters
            hints = annotated_types(function)
            found = []
            for name, parameter in parameters.items():
                if name in hints:
                    found.append(hints[name])
                elif parameter.default is not parameter.empty:
                    found.append(_type_of(parameter.default, name))
                else:
                    raise CompileError(
                        f"parameter `{name}` of `{function.__qualname__}` has no annotation "
                        "that the compiler knows; add one, or give example arguments"
                    )
            self.latest = self._compile(binding, list(parameters), found)
            return self.latest

    def _refresh(self, shape: tuple[int, tuple[str, ...]]) -> None:
        _check_engine(self.options.engine)
        current = self.gathered is not None and self.gathered.is_current()
        if current and (self.target.is_python or shape == self.shape):
            return
        gathered = gather(self.target, shape)
        if gathered.entry is not None and gathered.entry.is_generator:
            raise CompileError(
                f"`{gathered.functions[0][1]}` is a generator function, whose values cannot be "
                "returned one by one; return a list"
            )
        self.gathered, self.shape = gathered, shape
        self.made.clear()
        self.latest = None
        self.hints = None

    def _names(self, binding: _Binding, count: int) -> list[str]:
        if binding.names is not None:
            return binding.names
        first = count - len(binding.words)
        return [*(f"a{index}" for index in range(first)), *binding.words]

    def _types(self, names: list[str], row: Row) -> list[_spm.ValueType]:
        """Take an annotation's type if the argument is of it, and the argument's own if not."""
        if self.hints is None:
            self.hints = annotated_types(self.target.function)
        found = []
        for name, value in zip(names, row, strict=True):
            hint = self.hints.get(name)
            found.append(hint if hint is not None and hint.holds(value) else _type_of(value, name))
        return found

    def _compile(
        self, binding: _Binding, names: list[str], value_types: list[_spm.ValueType]
    ) -> Specialisation:
        key = tuple(map(str, value_types))
        known = self.made.get(key)
        if known is not None:
            return known
        gathered = self.gathered
        assert gathered is not None
        component = _component(gathered, names, value_types)
        known = self.made[key] = Specialisation(
            component,
            _spm.ArgumentTypes(names, value_types),
            binding,
            self,
            name=gathered.functions[0][1],
            source="\n".join(function[5] for function in gathered.functions),
        )
        return known


def _check_engine(engine: Engine) -> None:
    if engine in ("python", "scientific"):
        raise CompileError(
            f'`engine="{engine}"` arrives with a later release; `engine="native"` compiles typed '
            "functions, and `Closure.explain()` says what stands in the way"
        )


_components: OrderedDict[bytes, _spm.Component] = OrderedDict()
_components_lock = threading.Lock()


def _component(
    gathered: Gathered, names: list[str], value_types: list[_spm.ValueType]
) -> _spm.Component:
    """Compile, unless the same was compiled before."""
    limit = sys.getrecursionlimit()
    parts = repr((gathered.functions, gathered.names, names, [*map(str, value_types)], limit))
    key = hashlib.blake2b(parts.encode("utf-8", "surrogatepass")).digest()
    with _components_lock:
        known = _components.get(key)
        if known is not None:
            _components.move_to_end(key)
            return known
    parameters = list(zip(names, value_types, strict=True))
    compiled = _spm.compile(gathered.functions, gathered.names, parameters, limit)
    if isinstance(compiled, tuple):
        raise _rejected(gathered.functions[0][1], *compiled)
    with _components_lock:
        _components[key] = compiled
        while len(_components) > _COMPILED_KEPT:
            _components.popitem(last=False)
    return compiled


def _rejected(name: str, text: str, rows: list[_spm.DiagnosticRow]) -> CompileError:
    diagnostics = [Diagnostic(*row) for row in rows]
    count = len(diagnostics)
    problems = "1 problem" if count == 1 else f"{count} problems"
    message = f"`{name}` cannot be compiled: {problems}\n\n{text.rstrip()}"
    return CompileError(message, diagnostics)


class Closure(Generic[P, R]):
    """A function that can be shipped to hosts. Calling it runs the plain function, here."""

    __wrapped__: Callable[P, R]

    def __init__(
        self, function: Callable[P, R], options: Options, self_given: tuple[Any, ...] = ()
    ) -> None:
        """Closures are made by `wasm_closure`."""
        functools.update_wrapper(self, function)
        self.__wrapped__ = function
        self._options = options
        self._self = self_given
        target = target_of(function)
        self._compiled = _Compiled(
            self,
            Target(target.function, (*target.arguments, *self_given), target.keywords),
            options,
        )

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the plain function."""
        return self.__wrapped__(*self._self, *args, **kwargs)

    @overload
    def __get__(self, obj: None, owner: type, /) -> Self: ...
    @overload
    def __get__(
        self: Closure[Concatenate[Any, Q], R], obj: object, owner: type | None = None, /
    ) -> Closure[Q, R]: ...
    def __get__(self, obj: object, owner: type | None = None, /) -> Any:
        """Bind a method: `self` becomes the first argument of the task."""
        binder = getattr(type(self.__wrapped__), "__get__", None)
        if obj is None or binder is None:
            return self
        return Closure(cast("Callable[..., R]", self.__wrapped__), self._options, (obj,))

    @property
    def __spm_function__(self) -> Callable[P, R]:
        """The plain function; how closures that call one another find it."""
        return self.__wrapped__

    @property
    @_spm.hidden
    def source(self) -> str:
        """The function's source, as the compiler sees it."""
        function = self._compiled.target.function
        if not isinstance(function, types.FunctionType):
            raise CompileError(f"{describe(function)} has no Python source")
        return locate(function).text

    @property
    def engine(self) -> str | None:
        """What made the last specialisation; None before one."""
        latest = self._compiled.latest
        return None if latest is None else latest.engine

    @property
    def cid(self) -> str | None:
        """The content id of the last specialisation's component; None before one."""
        latest = self._compiled.latest
        return None if latest is None else latest.cid

    @property
    def wit(self) -> str | None:
        """The world of the last specialisation's component, as WIT; None before one."""
        latest = self._compiled.latest
        return None if latest is None else latest.component.wit

    @_spm.hidden
    def explain(self, *example: Any) -> str:
        """Say what the compiler found out: types, what was proved, which checks are left.

        A function that cannot be compiled is explained too, by its problems.
        """
        try:
            return self._specialisation(example).component.explain
        except CompileError as error:
            return str(error)

    @_spm.hidden
    def component(self, *example: Any) -> bytes:
        """Return the component, compiled if need be; annotations or the example give the types."""
        return self._specialisation(example).component_bytes

    def _specialisation(self, example: Row) -> Specialisation:
        compiled = self._compiled
        takes_none = compiled.target.is_python and not inspect.signature(self).parameters
        if example or takes_none:
            return compiled.specialise(*compiled.bind(example, {}))
        binding = _Binding(compiled.target, ())
        return compiled.specialise_by_annotations(binding)

    def __reduce__(self) -> Any:
        """Pickle by name, as functions are."""
        if self._self:
            return getattr, (self._self[0], self.__wrapped__.__name__)
        return self.__wrapped__.__qualname__

    def __repr__(self) -> str:
        """Name the function."""
        return f"<spm.Closure {getattr(self.__wrapped__, '__qualname__', self.__wrapped__)!s}>"


@overload
def wasm_closure(function: Callable[P, R], /) -> Closure[P, R]: ...
@overload
def wasm_closure(
    *,
    engine: Engine = "auto",
    memory_mib: int = 256,
    fuel: int | None = None,
    deadline_s: float | None = None,
    pure: bool = False,
    isolation: Isolation = "task",
    allow: Iterable[str] = (),
    include: Iterable[Any] = (),
) -> Callable[[Callable[P, R]], Closure[P, R]]: ...
def wasm_closure(function: Callable[..., Any] | None = None, /, **keywords: Any) -> Any:
    """Declare a function that can run in sandboxes. Nothing is compiled yet.

    `engine` is "auto" or "native"; `memory_mib`, `fuel` and `deadline_s` bound each task; `pure`
    promises that equal arguments give equal results; `isolation` is "task" for a fresh sandbox
    each, or "session"; `allow` names what tasks may use beyond computing, and `include` what must
    travel though nothing refers to it.
    """
    if function is None:
        options = Options(**keywords)
        return lambda function: Closure(_checked(function), options)
    if keywords:
        raise TypeError("wasm_closure takes the function alone, or keywords alone")
    return Closure(_checked(function), Options())


def _checked(function: Any) -> Callable[..., Any]:
    if isinstance(function, Closure):
        raise TypeError(f"{function!r} is a closure already")
    if isinstance(function, staticmethod | classmethod):
        kind = type(function).__name__
        raise TypeError(f"put `@{kind}` above `@spm.wasm_closure`, not below it")
    if not callable(function):
        raise TypeError(f"wasm_closure takes a function, not {function!r}")
    return cast("Callable[..., Any]", function)


# By the callable, for as long as a pool has a specialisation in force or it was used lately.
_known: weakref.WeakValueDictionary[int, Closure[..., Any]] = weakref.WeakValueDictionary()
_methods: weakref.WeakValueDictionary[tuple[int, int], Closure[..., Any]] = (
    weakref.WeakValueDictionary()
)
_lately: OrderedDict[int, Closure[..., Any]] = OrderedDict()
_known_lock = threading.Lock()


def as_closure(function: Callable[..., R]) -> Closure[..., R]:
    """Find or make the closure of any callable: function, method, lambda, partial or builtin."""
    if isinstance(function, Closure):
        return function
    if not callable(function):
        raise TypeError(f"{function!r} is not callable")
    with _known_lock:
        if isinstance(function, types.MethodType):
            # A method is a new object at each use, and its parts are not.
            key = (id(function.__self__), id(function.__func__))
            known = _methods.get(key)
            if known is None:
                inner = function.__func__
                options = inner._options if isinstance(inner, Closure) else Options()
                known = _methods[key] = Closure(function, options)
        else:
            known = _known.get(id(function))
            if known is None:
                known = _known[id(function)] = Closure(function, Options())
        _lately[id(known)] = known
        _lately.move_to_end(id(known))
        if len(_lately) > _KEPT:
            _lately.popitem(last=False)
    return known


def prepare(
    function: Callable[..., Any], args: Row, kwargs: dict[str, Any]
) -> tuple[Specialisation, Row]:
    """Compile `function` for these arguments, if that was not done before.

    Returns the specialisation, and the arguments as it takes them.
    """
    compiled = as_closure(function)._compiled
    binding, row = compiled.bind(args, kwargs)
    return compiled.specialise(binding, row), row
