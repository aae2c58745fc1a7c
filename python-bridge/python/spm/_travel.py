"""What a function needs, made into a payload: source and values, in the order to rebuild them.

The `python` engine's guest is CPython itself, so a closure travels as text: its own source, that of
the functions and classes it reaches, and the values its names stand for at this moment. Nothing is
pickled and no byte code leaves: the guest may be another version of CPython. The result is a list
of steps (see `docs/python-engine.md`), which the guest carries out inside the sandbox.
"""

from __future__ import annotations

import copy
import inspect
import sys
import types
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final

from . import _spm
from ._capture import GLUE_FILE, Gathered, Target, _Read, describe, spm_member
from ._errors import CompileError
from ._modules import CannotShip, Refused, Shipped, origin_of
from ._names import NameUse, names_of
from ._scientific import EXCEPTIONS, is_installed
from ._travel_classes import ClassMixin
from ._travel_functions import FunctionMixin
from ._travel_modules import ModuleMixin
from ._travel_values import ValueMixin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ._names import CodeNames, Position
    from ._settings import Engine

PAYLOAD_FORMAT: Final = 1

Step = list[Any]


@dataclass(frozen=True, slots=True)
class Parcel:
    """A closure, ready to travel."""

    payload: bytes
    classes: tuple[type, ...]
    """The class table: values and exceptions name classes by their index here."""
    gathered: Gathered
    """What it rests on, to be compared before each use."""
    bound: int
    """Leading arguments that travel with the closure, since they are no values."""
    is_scientific: bool
    """Whether it is for the `scientific` engine, and not for `python`."""


@dataclass(slots=True)
class _Where:
    """Who reads something, for messages."""

    reader: str
    file: str
    position: Position | None


@dataclass(slots=True)
class _Problem:
    message: str
    help: str
    where: _Where | None


@dataclass(slots=True)
class _State:
    """All that is undone when an attempt to take something optional fails."""

    steps: list[Step] = field(default_factory=list)
    registers: int = 0
    memo: dict[int, int] = field(default_factory=dict)
    classes: dict[type, int] = field(default_factory=dict)
    modules: dict[str, dict[str, Any]] = field(default_factory=dict)
    bound: set[tuple[str, str]] = field(default_factory=set)
    reads: list[_Read] = field(default_factory=list)
    codes: list[tuple[types.FunctionType, types.CodeType]] = field(default_factory=list)
    problems: list[_Problem] = field(default_factory=list)
    sources: set[str] = field(default_factory=set)
    """Top-level packages that travel whole."""
    libraries: set[str] = field(default_factory=set)
    """Modules of the standard library whose exceptions and records are in the class table."""
    made: set[int] = field(default_factory=set)
    """Registers that a step so far has filled."""
    taking: set[tuple[str, str]] = field(default_factory=set)
    """Global names that are being taken."""
    late: list[Step] = field(default_factory=list)
    """Steps that follow all others."""
    containers: dict[int, Any] = field(default_factory=dict)
    """Registers of containers that code which runs on the way could change."""
    attributes: list[tuple[type, int, str]] = field(default_factory=list)
    """Registries and late methods of classes, which are taken when all classes have been made."""
    runs_code: bool = False
    """Whether a step runs code that the user wrote: a decorator, a metaclass."""
    is_volatile: bool = False
    """Whether something was taken that may change in place, unseen."""

    def copy(self) -> _State:
        return _State(*(copy.copy(getattr(self, each.name)) for each in fields(self)))


def pack(
    target: Target,
    words: tuple[str, ...],
    include: tuple[Any, ...],
    allow: tuple[str, ...],
    classes: tuple[type, ...],
    *,
    engine: Engine,
) -> Parcel:
    """Make the payload for `target`; a `CompileError` that lists all that cannot travel.

    `words` name the keywords of a builtin's call, `classes` those that its arguments are of.
    With `engine="auto"` it is for the `scientific` engine if only that has a package it needs.
    """
    packer = Packer(is_scientific=engine == "scientific")
    try:
        parcel = packer.pack(target, words, include, allow, classes)
    except CompileError:
        if engine != "auto" or not packer.wants_scientific:
            raise
        packer = Packer(is_scientific=True)
        parcel = packer.pack(target, words, include, allow, classes)
    else:
        if engine == "auto" and packer.would_be_scientific and is_installed():
            packer = Packer(is_scientific=True)
            parcel = packer.pack(target, words, include, allow, classes)
    if packer.reads_hints:
        # Something looks at annotations: they are taken along, for which all starts anew.
        packer = Packer(hints=True, is_scientific=packer.is_scientific)
        parcel = packer.pack(target, words, include, allow, classes)
    return parcel


class Packer(ValueMixin, ClassMixin, FunctionMixin, ModuleMixin):
    """Collects steps. Every object has one register, however often it is met."""

    def __init__(self, *, hints: bool = False, is_scientific: bool = False) -> None:
        """Start with nothing. `hints` takes the annotations of functions along."""
        self.hints = hints
        self.is_scientific = is_scientific
        self.wants_scientific = False
        """Whether it was refused for a package that the `scientific` engine has."""
        self.would_be_scientific = False
        """Whether such a package is imported somewhere, where it may be missing."""
        self.reads_hints = False
        self.state = _State()
        self.shipped = Shipped()
        # Objects whose addresses are in the memo must live as long as it does.
        self.kept: list[object] = []
        self.where: list[_Where] = []

    # The whole.

    def pack(
        self,
        target: Target,
        words: tuple[str, ...],
        include: tuple[Any, ...],
        allow: tuple[str, ...],
        given: tuple[type, ...],
    ) -> Parcel:
        """Collect what `target` needs."""
        name = getattr(target.function, "__qualname__", repr(target.function))
        file = getattr(getattr(target.function, "__code__", None), "co_filename", "<unknown>")
        self.where.append(_Where(name, file, None))
        self._check_entry(target.function, name)
        for wanted in include:
            self._include(wanted)
        entry = self._attempt(target.function)
        for class_ in given:
            self._attempt(class_)
        if self.state.problems or entry is None:
            raise _rejected(name, self.state.problems)
        bound = self._bound(target)
        entry = self._adapted(entry, target, words)
        if bound:
            taken = [self.take(argument) for argument in target.arguments[:bound]]
            entry = self.step("partial", entry, taken, {})
        if self.is_scientific:
            self._note_exceptions()
        self._finish()
        entered = sorted(self.state.classes, key=self.state.classes.__getitem__)
        # Those that were asked for come first: closures that ask for the same agree on them.
        classes = [class_ for class_ in given if class_ in self.state.classes]
        classes = list(dict.fromkeys([*classes, *entered]))
        table = [self.state.memo.get(id(class_)) for class_ in classes]
        payload = {
            "format": PAYLOAD_FORMAT,
            "recursion_limit": sys.getrecursionlimit(),
            "modules": self.state.modules,
            "sources": {
                module: list(source)
                for module, source in self.shipped.sources.items()
                if module.partition(".")[0] in self.state.sources
            },
            "resources": {
                package: files
                for package, files in self.shipped.resources.items()
                if package in self.state.sources
            },
            "steps": self.state.steps,
            "entry": entry,
            "entry_name": name,
            "classes": table,
            "allow": list(allow),
        }
        state = self.state
        gathered = Gathered([], [], state.reads, state.codes, None, is_volatile=state.is_volatile)
        encoded = _spm.encode(payload, classes, f"what `{name}` needs")
        return Parcel(encoded, tuple(classes), gathered, bound, self.is_scientific)

    def _note_exceptions(self) -> None:
        """Let NumPy's exceptions cross as themselves."""
        for module, name in EXCEPTIONS:
            class_ = getattr(sys.modules.get(module), name, None)
            if isinstance(class_, type) and id(class_) not in self.state.memo:
                self.remember(class_, self.step("import", module, name))
                self._enter(class_)

    def _finish(self) -> None:
        """Add the steps that come last: what was changed by code that runs again is put right."""
        while self.state.attributes:
            class_, register, name = self.state.attributes.pop()
            taken = self.optionally(vars(class_)[name])
            if taken is not None:
                self.state.late.append(["attributes", register, {name: taken}])
        steps = self.state.steps
        if self.state.runs_code:
            for register, value in list(self.state.containers.items()):
                fresh = (
                    self.step("value", value)
                    if self.is_plain(value)
                    else self.step(type(value).__name__, self.contents(value))
                )
                steps.append(["restore", register, fresh])
        steps += self.state.late

    def _bound(self, target: Target) -> int:
        """How many of the arguments that the target has already cannot cross as values."""
        classes = tuple(self.state.classes)
        for index, argument in enumerate(target.arguments):
            try:
                _spm.encode(argument, classes)
            except TypeError:
                self.state.is_volatile = True
                if self._attempt(argument) is None:
                    return 0
                return index + 1
        return 0

    def _check_entry(self, function: Callable[..., Any], name: str) -> None:
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            self.problem(
                f"`{name}` is a generator function, and what it makes cannot cross the sandbox",
                "return a list: `return list(...)` of what it yields",
            )
        if not isinstance(function, types.FunctionType):
            return
        names = names_of(function.__code__)
        for assigned in (names.assigned_globals, names.assigned_cells):
            for variable, position in assigned.items():
                with self.reading(name, function.__code__.co_filename, position):
                    self.problem(
                        f"`{variable}` is assigned by `{name}`, and that would stay in the sandbox",
                        "return the new value, or make it a local variable",
                    )

    def _adapted(self, entry: int, target: Target, words: tuple[str, ...]) -> int:
        """Let the entry take its arguments one after the other, as they are bound."""
        function = target.function
        positional: list[str] = []
        if isinstance(function, types.FunctionType):
            parameters = inspect.signature(function).parameters.values()
            plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
            if all(parameter.kind in plain for parameter in parameters):
                return entry
            passed = []
            for index, parameter in enumerate(parameters):
                positional.append(f"a{index}")
                prefix = ""
                if parameter.kind is parameter.VAR_POSITIONAL:
                    prefix = "*"
                elif parameter.kind is parameter.VAR_KEYWORD:
                    prefix = "**"
                elif parameter.kind is parameter.KEYWORD_ONLY:
                    prefix = f"{parameter.name}="
                passed.append(f"{prefix}a{index}")
            text = f"lambda {', '.join(positional)}: entry({', '.join(passed)})"
        elif words:
            named = ", ".join(f"{word}=w{index}" for index, word in enumerate(words))
            taken = ", ".join(f"w{index}" for index in range(len(words)))
            count = f"a[:len(a) - {len(words)}]"
            text = (
                f"lambda *a: (lambda {taken}: entry(*{count}, {named}))(*a[len(a) - {len(words)}:])"
            )
        else:
            return entry
        cell = self.step("cell")
        self.state.steps.append(["fill", cell, entry])
        self.namespace("spm.task", None, None)
        about = {
            "module": "spm.task",
            "name": "<lambda>",
            "qualname": "<lambda>",
            "text": text,
            "file": GLUE_FILE,
            "line": 1,
            "column": 0,
            "free": ["entry"],
            "cells": [cell],
            "defaults": None,
            "kwdefaults": None,
            "dict": {},
            "future": [],
            "class": None,
        }
        return self.step("function", about)

    def _include(self, wanted: Any) -> None:
        """Take a module or package that `include=` names, as a whole."""
        name = wanted.__name__ if isinstance(wanted, types.ModuleType) else wanted
        if not isinstance(name, str):
            self.problem(
                f"`include` names {describe(wanted)}, which is no module",
                "give modules, packages, or their names",
            )
            return
        try:
            self.ship(name, is_asked_for=True)
        except CannotShip as error:
            self.problem(f"`include` names `{name}`: {error}", error.help)

    # Steps, problems, and where they come from.

    def step(self, operation: str, *rest: Any) -> int:
        """Add a step that makes something. Returns its register."""
        register = self.state.registers
        self.state.registers += 1
        self.state.steps.append([operation, register, *rest])
        self.state.made.add(register)
        return register

    def remember(self, value: object, register: int) -> int:
        """Keep the register of an object."""
        self.state.memo[id(value)] = register
        self.kept.append(value)
        return register

    def problem(self, message: str, help_text: str) -> None:
        """Note what cannot travel."""
        where = self.where[-1] if self.where else None
        self.state.problems.append(_Problem(message, help_text, where))

    def refuse(self, message: str, help_text: str) -> Refused:
        """Note what cannot travel; the caller raises the result."""
        self.problem(message, help_text)
        return Refused(message)

    @contextmanager
    def reading(self, reader: str, file: str, position: Position | None) -> Iterator[None]:
        """Say who reads what is taken meanwhile."""
        self.where.append(_Where(reader, file, position))
        try:
            yield
        finally:
            self.where.pop()

    def _attempt(self, value: object) -> int | None:
        """Take something; its problems are noted."""
        try:
            return self.take(value)
        except Refused:
            return None

    def optionally(self, value: object) -> int | None:
        """Take something if it can travel; leave no trace if it cannot."""
        kept = self.state.copy()
        known = len(self.state.problems)
        register = self._attempt(value)
        if register is None or len(self.state.problems) > known:
            self.state = kept
            return None
        return register

    # Objects.

    def take(self, value: object) -> int:
        """The register of any object. Raises `Refused` once its problem is noted."""
        known = self.state.memo.get(id(value))
        if known is not None:
            return known
        own = spm_member(value)
        if own is not None:
            return self.remember(value, self.step("import", "spm", own.removeprefix("spm.")))
        plain = getattr(value, "__spm_function__", None)
        if plain is not None:
            return self.take(plain)
        if isinstance(value, types.ModuleType):
            return self.remember(value, self.take_module(value, {()}))
        if isinstance(value, type):
            return self.take_class(value)
        if isinstance(value, types.FunctionType):
            return self.take_function(value)
        return self.take_value(value)

    # Functions.

    def watch(self, read: _Read) -> _Read:
        """Note what a name stands for, to be compared before the next use."""
        read.value = read.now()
        self.state.reads.append(read)
        if self.is_fixed(read.value):
            return read
        try:
            # What is nothing but data is compared by its bytes, which costs less than to start anew.
            read.frozen = _spm.encode(read.value)
        except TypeError:
            self.state.is_volatile = True
        return read

    def take_named(self, name: str, value: object) -> int:
        """Take what a name stands for; a problem says the name."""
        known = len(self.state.problems)
        try:
            return self.take(value)
        except Refused:
            for problem in self.state.problems[known:]:
                if problem.message.startswith("it is "):
                    problem.message = f"`{name}` {problem.message[3:]}"
            raise

    # Names.

    def take_names(
        self,
        names: CodeNames,
        namespace: dict[str, Any],
        module: str,
        reader: str,
        code: types.CodeType,
    ) -> None:
        """Take what code reads from the globals of its module, and what it imports."""
        for name, use in names.globals.items():
            with self.reading(reader, code.co_filename, use.position):
                self.take_global(name, use, namespace, module)
        for statement in names.imports:
            with self.reading(reader, code.co_filename, statement.position):
                self.take_import(statement, namespace)

    def take_global(self, name: str, use: NameUse, namespace: dict[str, Any], module: str) -> None:
        """Take one global name, unless it is a builtin or does not exist."""
        if name not in namespace:
            # A builtin, or a NameError at run time, there as here. Watched: it may be defined later.
            if name not in vars(sys.modules["builtins"]):
                self.watch(_Read(namespace, {}, name, None))
            return
        value = namespace[name]
        if isinstance(value, types.ModuleType) and origin_of(value) == "user":
            self.watch(_Read(namespace, {}, name, None))
            try:
                register = self.take_module(value, use.chains)
            except Refused:
                return
            if (module, name) not in self.state.bound:
                self.state.bound.add((module, name))
                self.state.steps.append(["global", module, name, register])
            return
        key = (module, name)
        if key in self.state.bound:
            return
        known = self.state.memo.get(id(value))
        if known in self.state.made:
            register = known
        elif key in self.state.taking:
            return  # whoever takes it binds it
        else:
            self.state.taking.add(key)
            self.watch(_Read(namespace, {}, name, None))
            try:
                register = self.take_named(name, value)
            except Refused:
                self.state.bound.add(key)
                return
            if key in self.state.bound:
                return
        self.state.bound.add(key)
        self.state.steps.append(["global", module, name, register])

    # Modules.


def _rejected(name: str, problems: list[_Problem]) -> CompileError:
    from ._travel_report import report

    diagnostics = []
    texts = []
    for problem in problems:
        diagnostic, text = report(problem)
        if diagnostic not in diagnostics:
            diagnostics.append(diagnostic)
            texts.append(text)
    count = len(diagnostics)
    told = "1 problem" if count == 1 else f"{count} problems"
    return CompileError(f"`{name}` cannot travel: {told}\n\n" + "\n\n".join(texts), diagnostics)
