"""Specialisations: a function bound, typed and compiled for certain arguments."""

from __future__ import annotations

import copy
import hashlib
import inspect
import sys
import threading
import types
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final, cast

from . import _spm
from ._capture import describe, gather
from ._errors import CompileError, Diagnostic
from ._settings import Terms
from ._travelled import Travelled, travelled, with_classes
from ._types import annotated_types

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ._capture import Captured, Gathered, Target
    from ._closure import Closure
    from ._settings import Options

Row = tuple[Any, ...]

# Compiled components by content, so that equal lambdas share one.
_COMPILED_KEPT: Final = 256

_NATIVE: Final = "native"


class Specialisation(Terms):
    """A closure, compiled for the types of its arguments and the values it has captured."""

    __slots__ = (
        "__weakref__",
        "_binding",
        "_bytes",
        "_made_of",
        "_owner",
        "arguments",
        "cid",
        "classes",
        "component",
        "engine",
        "fallback",
        "name",
        "payload",
        "source",
        "unbacked",
    )

    def __init__(
        self,
        component: _spm.Component,
        arguments: _spm.ArgumentTypes,
        binding: Binding,
        owner: Compiled,
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
        super().__init__(owner.options)
        self.name = name
        """The function's qualified name."""
        self.source = source
        """What the component was made from, for the manifest's digest."""
        self.engine = _NATIVE
        self.payload: bytes | None = None
        """What each instance of the component is given before its task."""
        self.fallback: Specialisation | Travelled | None = None
        """Runs the tasks that this one cannot; it has none itself."""
        self.unbacked: str | None = None
        """Why there is no fallback, if there was to be one."""
        self._made_of: tuple[Gathered, list[str], list[_spm.ValueType]] | None = None
        self.classes: tuple[type, ...] = ()
        """The class table: values and exceptions name classes by their index here."""

    def with_classes(self, classes: tuple[type, ...]) -> Specialisation:
        """Make the same with another class table, by which its values name classes."""
        if self._made_of is None or not self.classes:
            return self
        gathered, names, value_types = self._made_of
        numbers = [classes.index(class_) for class_ in gathered.table()]
        made = copy.copy(self)
        made.component = _component(gathered, names, value_types, numbers)
        made._bytes = made.component.bytes()
        made.cid = made.component.cid
        made.arguments = _spm.ArgumentTypes(names, value_types, gathered.class_types, classes)
        made.classes = classes
        return made

    @property
    def function(self) -> object:
        """What was made a closure."""
        return self._owner.target.function

    @property
    def component_bytes(self) -> bytes:
        """The component itself."""
        return self._bytes

    def rows(self, calls: Iterable[Row]) -> Iterator[Row]:
        """Bind the arguments of further calls as those of the first were."""
        if self._binding.is_plain:
            return iter(calls)
        return map(self._binding.bind, calls)

    def bind(self, args: Row, kwargs: dict[str, Any]) -> Row:
        """Bind the arguments of one call."""
        return self._binding.bind(args, kwargs)

    def encode(self, row: Row) -> bytes:
        """Encode bound arguments; `CompileError` if their types are not those compiled for."""
        data = self.arguments.encode(row)
        return self.misfit(row) if data is None else data

    def decode(self, data: bytes) -> Any:
        """Decode what a task returned."""
        return _spm.decode(data, self.classes)

    def trimmed(self, row: Row) -> Row:
        """Bound arguments as they are encoded: all of them."""
        return row

    def knows(self, row: Row) -> bool:
        """Whether bound arguments are of the types compiled for."""
        return self.arguments.first_misfit(row) is None

    def misfit(self, row: Row) -> Any:
        """Raise the `CompileError` for arguments of other types than those compiled for."""
        names, wanted = self.arguments.names, self.arguments.types
        index = self.arguments.first_misfit(row)
        if index is None or len(row) != len(wanted):
            raise TypeError(f"{self.name}() takes {len(wanted)} arguments, {len(row)} were given")
        classes = None if self._owner.gathered is None else self._owner.gathered.class_types
        was = str(_type_of(row[index], names[index], classes))
        raise CompileError(
            f"argument `{names[index]}` of `{self.name}` is {_article(was)} here, and the closure "
            f"is in force for `{wanted[index]}`; pass one type throughout, annotate the parameter "
            f"as `{_union(was, wanted[index])}`, or give such arguments to a run of their own"
        )

    def explain_fallback(self) -> str:
        """Say what runs the tasks that this one cannot."""
        which = "tasks that leave 64 bits, or whose arguments are of other types,"
        if self.fallback is not None:
            return f"{which} are run by the engine `{self.fallback.engine}`\n"
        if self.unbacked is not None:
            return f"{which} fail: the engine `python` cannot run them: {self.unbacked}\n"
        return f"{which} fail, as `engine=` says\n"

    def describe_misfit(self, row: Row) -> str:
        """Say which argument is of another type than that compiled for."""
        index = self.arguments.first_misfit(row)
        if index is None or index >= len(row):
            return "its arguments are not those it was compiled for"
        name, wanted = self.arguments.names[index], self.arguments.types[index]
        try:
            classes = None if self._owner.gathered is None else self._owner.gathered.class_types
            was = str(_spm.infer(row[index], f"argument `{name}`", classes))
        except TypeError as error:
            return str(error)
        return f"argument `{name}` is {_article(was)}, and it was compiled for `{wanted}`"

    def __repr__(self) -> str:
        """Show the signature it was compiled for."""
        return f"<specialisation of {self.name}({', '.join(self.arguments.types)})>"


def _article(name: str) -> str:
    return f"an `{name}`" if name[0] in "aeiou" else f"a `{name}`"


def _union(one: str, other: str) -> str:
    return " | ".join(dict.fromkeys([*other.split(" | "), *one.split(" | ")]))


def _type_of(value: object, name: str, classes: _spm.ClassTypes | None = None) -> _spm.ValueType:
    try:
        return _spm.infer(value, f"argument `{name}`", classes)
    except TypeError as error:
        raise CompileError(str(error)) from None


class Binding:
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


class Compiled:
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
        # What `specialise` found last, and what that rests on: one object, read without the lock.
        self.found: tuple[Gathered, Specialisation | Travelled] | None = None
        # The same for the `python` engine, and why it is not `native` that runs the closure.
        self.travelled: tuple[Gathered, Travelled] | None = None
        self.refusal: tuple[Gathered | None, CompileError] | None = None
        self.latest_engine: Specialisation | Travelled | None = None
        self.binding: Binding | None = None

    def bind(self, args: Row, keywords: dict[str, Any]) -> tuple[Binding, Row]:
        binding = self.binding
        if (
            binding is None
            or (binding.words and set(binding.words) != set(keywords))
            or (keywords and not self.target.is_python)
        ):
            binding = self.binding = Binding(self.target, keywords)
        return binding, binding.bind(args, keywords)

    def specialise(self, binding: Binding, row: Row) -> Specialisation | Travelled:
        """Find or make the specialisation for these arguments and the captured values of now.

        `engine="auto"` takes `native` if the compiler accepts the closure, and else `python`.
        """
        found = self.found
        if (
            found is not None
            and self.target.is_python
            and found[0].is_current()
            and found[1].knows(row)
        ):
            return found[1]
        engine = self.options.engine
        with self.lock:
            if engine in ("python", "scientific") or (engine == "auto" and self._is_refused()):
                return self._travel(binding, row)
            try:
                return self.specialise_natively(binding, row)
            except CompileError as error:
                if engine == "native":
                    raise
                known = self._that_takes_over(row)
                if known is not None:
                    return known
                if self.latest is None and _are_typed(row):
                    self.refusal = self.gathered, error
            return self._travel(binding, row)

    def _that_takes_over(self, row: Row) -> Specialisation | None:
        """Find the specialisation in use, if its fallback takes arguments that it does not.

        A call of other types does not take a closure away from its compiled code.
        """
        latest, gathered = self.latest, self.gathered
        if latest is None or gathered is None or not gathered.is_current():
            return None
        backing = latest.fallback
        takes = len(row) == len(latest.arguments.types)
        return latest if takes and backing is not None and backing.knows(row) else None

    def _is_refused(self) -> bool:
        """Whether the compiler refused the closure as it still is."""
        if self.refusal is None:
            return False
        gathered = self.refusal[0]
        return gathered is not None and gathered.is_current()

    def _travel(self, binding: Binding, row: Row) -> Travelled:
        known = self.travelled
        if known is None or not known[0].is_current() or not known[1].knows(row):
            known = self.travelled = travelled(binding, self, row, known and known[1])
        if self.options.engine in ("python", "scientific") or self.refusal is not None:
            self.found = known
        self.latest_engine = known[1]
        return known[1]

    def specialise_natively(self, binding: Binding, row: Row) -> Specialisation:
        """Find or make what the compiler makes of the closure. Raises `CompileError`."""
        with self.lock:
            self._refresh((len(row) - len(binding.words), binding.words))
            latest = self.latest
            if latest is None or latest.arguments.first_misfit(row) is not None:
                names = self._names(binding, len(row))
                latest = self.latest = self._compile(binding, names, self._types(names, row))
            assert self.gathered is not None
            self.found = self.gathered, latest
            self.latest_engine = latest
            return latest

    def specialise_by_annotations(self, binding: Binding) -> Specialisation:
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
            assert self.gathered is not None
            hints = annotated_types(function, self.gathered)
            classes = self.gathered.class_types
            found = []
            for name, parameter in parameters.items():
                if name in hints:
                    found.append(hints[name])
                elif parameter.default is not parameter.empty:
                    found.append(_type_of(parameter.default, name, classes))
                else:
                    raise CompileError(
                        f"parameter `{name}` of `{function.__qualname__}` has no annotation "
                        "that the compiler knows; add one, or give example arguments"
                    )
            self.found = None
            self.latest = self.latest_engine = self._compile(binding, list(parameters), found)
            return self.latest

    def _refresh(self, shape: tuple[int, tuple[str, ...]]) -> None:
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

    def _names(self, binding: Binding, count: int) -> list[str]:
        if binding.names is not None:
            return binding.names
        first = count - len(binding.words)
        return [*(f"a{index}" for index in range(first)), *binding.words]

    def _types(self, names: list[str], row: Row) -> list[_spm.ValueType]:
        """Take an annotation's type if the argument is of it, and the argument's own if not."""
        assert self.gathered is not None
        classes = self.gathered.class_types
        if self.hints is None:
            self.hints = annotated_types(self.target.function, self.gathered)
        found = []
        for name, value in zip(names, row, strict=True):
            hint = self.hints.get(name)
            if hint is None or not (hint.holds(value, classes) or self._trusts(value)):
                hint = _type_of(value, name, classes)
            found.append(hint)
        return found

    def _trusts(self, value: object) -> bool:
        """Whether to compile for the annotation of an argument that has no type: it is too large.

        The fallback runs the call then, and others have their compiled code.
        """
        return self.options.engine == "auto" and type(value) is int and not _are_typed((value,))

    def _compile(
        self, binding: Binding, names: list[str], value_types: list[_spm.ValueType]
    ) -> Specialisation:
        gathered = self.gathered
        assert gathered is not None
        key = (*map(str, value_types), gathered.class_types.key())
        known = self.made.get(key)
        if known is not None:
            return known
        component = _component(gathered, names, value_types)
        known = Specialisation(
            component,
            _spm.ArgumentTypes(names, value_types, gathered.class_types),
            binding,
            self,
            name=gathered.functions[0][1],
            source="\n".join(function[5] for function in gathered.functions),
        )
        known._made_of = gathered, names, value_types
        known.classes = gathered.table()
        if self.options.engine == "auto":
            known.fallback, known.unbacked = self._backing(binding)
        self.made[key] = known
        return known

    def _backing(self, binding: Binding) -> tuple[Travelled | None, str | None]:
        """Make what runs the tasks that leave a specialisation, of the values that it captured.

        Source and values are packed now, which takes a fraction of a millisecond: they are those of
        this moment, whenever the first task leaves. Hosts load the interpreter only then.
        """
        try:
            backing = travelled(binding, self, (), None, engine="python")[1]
        except CompileError as error:
            return None, str(error)
        # A task's arguments are not encoded again, so that both name their classes alike.
        own = () if self.gathered is None else self.gathered.table()
        if backing.classes[: len(own)] != own:
            backing = with_classes(backing, tuple(dict.fromkeys([*own, *backing.classes])))
        if backing.trimmed(("",)) != ("",):
            return None, "one of its arguments is a class, which travels with the closure"
        return backing, None


def _are_typed(row: Row) -> bool:
    """Whether all arguments are of types that the compiler knows."""
    try:
        for value in row:
            _spm.infer(value)
    except TypeError:
        return False
    return True


_components: OrderedDict[bytes, _spm.Component] = OrderedDict()
_components_lock = threading.Lock()


def _component(
    gathered: Gathered,
    names: list[str],
    value_types: list[_spm.ValueType],
    numbers: Sequence[int] | None = None,
) -> _spm.Component:
    """Compile, unless the same was compiled before."""
    limit = sys.getrecursionlimit()
    count = len(gathered.class_rows)
    numbers = range(count + len(gathered.exceptions)) if numbers is None else numbers
    classes = [
        (*row, gathered.class_types.fields(index), numbers[index])
        for index, row in enumerate(gathered.class_rows)
    ]
    captured = _numbered(gathered.names, numbers[count:])
    parts = repr(
        (
            gathered.functions,
            captured,
            names,
            [*map(str, value_types)],
            limit,
            classes,
        )
    )
    key = hashlib.blake2b(parts.encode("utf-8", "surrogatepass")).digest()
    with _components_lock:
        known = _components.get(key)
        if known is not None:
            _components.move_to_end(key)
            return known
    parameters = list(zip(names, value_types, strict=True))
    compiled = _spm.compile(gathered.functions, captured, parameters, limit, classes)
    if isinstance(compiled, tuple):
        raise _rejected(gathered.functions[0][1], *compiled)
    with _components_lock:
        _components[key] = compiled
        while len(_components) > _COMPILED_KEPT:
            _components.popitem(last=False)
    return compiled


def _numbered(
    functions: list[dict[str, Captured]], exceptions: Sequence[int]
) -> list[dict[str, Captured]]:
    """Name the classes of exceptions by their numbers in the class table."""
    if not exceptions:
        return functions
    made = []
    for names in functions:
        numbered = dict(names)
        for name, what in names.items():
            if what[0] == "exception":
                _, derived, base = cast("tuple[str, list[tuple[int, str]], str]", what)
                derived = [(exceptions[index], known) for index, known in derived]
                numbered[name] = ("exception", derived, base)
        made.append(numbered)
    return made


def _rejected(name: str, text: str, rows: list[_spm._DiagnosticRow]) -> CompileError:
    diagnostics = [Diagnostic(*row) for row in rows]
    count = len(diagnostics)
    problems = "1 problem" if count == 1 else f"{count} problems"
    message = f"`{name}` cannot be compiled: {problems}\n\n{text.rstrip()}"
    return CompileError(message, diagnostics)
