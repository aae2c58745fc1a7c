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
import inspect
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

from . import _scientific, _spm
from ._capture import Target, describe, target_of
from ._errors import CompileError
from ._settings import Engine, Isolation, Options
from ._source import locate
from ._specialise import Binding, Compiled, Row, Specialisation
from ._travelled import Travelled, needs_scientific, runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["Closure", "Specialisation", "as_closure", "prepare", "wasm_closure"]

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")

# Closures of plain callables that are kept though no pool has them in force.
_KEPT: Final = 64


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
        self._compiled = Compiled(
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
        latest = self._compiled.latest_engine
        return None if latest is None else latest.engine

    @property
    def cid(self) -> str | None:
        """The content id of the last specialisation's component; None before one."""
        latest = self._compiled.latest_engine
        return None if latest is None else latest.cid

    @property
    def wit(self) -> str | None:
        """The world of the last specialisation's component, as WIT; None before one."""
        latest = self._compiled.latest_engine
        return None if latest is None else latest.component.wit

    @_spm.hidden
    def explain(self, *example: Any) -> str:
        """Say what the compiler found out: types, what was proved, which checks are left, and what
        runs the tasks that leave what was proved.

        A function that cannot be compiled is explained too, by its problems.
        """
        compiled = self._compiled
        engine = compiled.options.engine
        if engine in ("python", "scientific"):
            limits = f"\n{_scientific.LIMITS}" if engine == "scientific" else ""
            return f"`{self._name}` runs in the `{engine}` engine, as `engine=` says{limits}"
        try:
            made = self._specialisation(example)
            return made.component.explain + made.explain_fallback()
        except CompileError as error:
            if engine == "native":
                return str(error)
            if needs_scientific(compiled, example):
                return (
                    f"`{self._name}` runs in the `scientific` engine: {error}\n{_scientific.LIMITS}"
                )
            return f"`{self._name}` runs in the `python` engine: {error}"

    @_spm.hidden
    def component(self, *example: Any) -> bytes:
        """Return the component, compiled if need be; annotations or the example give the types."""
        if self._compiled.options.engine == "python":
            return runtime().bytes()
        if self._compiled.options.engine == "scientific":
            return _scientific.runtime().bytes()
        return self._specialisation(example).component_bytes

    @property
    def _name(self) -> str:
        return getattr(self.__wrapped__, "__qualname__", repr(self.__wrapped__))

    def _specialisation(self, example: Row) -> Specialisation:
        compiled = self._compiled
        takes_none = compiled.target.is_python and not inspect.signature(self).parameters
        if example or takes_none:
            return compiled.specialise_natively(*compiled.bind(example, {}))
        binding = Binding(compiled.target, ())
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

    `engine` is "auto", which takes "native" if the compiler accepts the function and "python" if
    not, and has "python" run what leaves the compiled code (an int beyond 64 bits, arguments of
    other types); or it names the one to use, with nothing behind it. `memory_mib`, `fuel` and `deadline_s` bound each task; `pure`
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
    known = _known.get(id(function))
    if known is not None and known.__wrapped__ is function:
        return known
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
            known = _known[id(function)] = Closure(function, Options())
        _lately[id(known)] = known
        _lately.move_to_end(id(known))
        if len(_lately) > _KEPT:
            _lately.popitem(last=False)
    return known


def prepare(
    function: Callable[..., Any], args: Row, kwargs: dict[str, Any]
) -> tuple[Specialisation | Travelled, Row]:
    """Compile `function` for these arguments, if that was not done before.

    Returns the specialisation, and the arguments as it takes them.
    """
    compiled = as_closure(function)._compiled
    binding, row = compiled.bind(args, kwargs)
    made = compiled.specialise(binding, row)
    return made, made.trimmed(row)
