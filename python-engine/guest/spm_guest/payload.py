"""Makes a closure out of its payload: the submitter's source and values, step by step.

The payload comes from the submitter and is trusted as far as the sandbox reaches. An operation that
is not known is an error that names it: submitter and guest may be of different versions.
"""

import functools
import importlib
import sys
from collections import deque
from types import CellType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, Final

from . import shipped, sources
from .classes import ClassTable, fill, instance
from .decode import Decoder, Malformed
from .missing import Missing

if TYPE_CHECKING:
    from collections.abc import Callable

FORMAT: Final = 1


class Closure:
    """A closure that has been defined: what to call, and what values may refer to."""

    __slots__ = ("allow", "entry", "name", "recursion_limit", "table")

    def __init__(self, payload: dict[str, Any], making: "Making") -> None:
        """Take the entry and the class table from what was made."""
        self.entry = making.register(payload["entry"])
        self.name: str = payload["entry_name"]
        self.recursion_limit: int = payload["recursion_limit"]
        self.allow: frozenset[str] = frozenset(payload["allow"])
        self.table = making.table


class Making:
    """The registers while steps run."""

    __slots__ = ("made", "modules", "table", "wanted")

    def __init__(self, payload: dict[str, Any]) -> None:
        """Begin with empty registers and the modules that pieces go into."""
        # By number: a function has its number before what it reads, which may read it back.
        self.made: dict[int, Any] = {}
        self.modules: dict[str, ModuleType] = {}
        # Registers of classes; the table grows as they are made.
        self.wanted: list[int | None] = payload["classes"]
        self.table = ClassTable()
        for name, about in payload["modules"].items():
            self.modules[name] = _module(name, about)
        _packages(payload["modules"], payload["sources"])
        if payload["sources"]:
            shipped.add(payload["sources"], payload["resources"])

    def register(self, number: int) -> Any:
        """Return what a step has made."""
        try:
            return self.made[number]
        except KeyError:
            raise ValueError(
                f"the payload uses register {number}, which nothing has made"
            ) from None

    def keep(self, number: int, value: Any) -> None:
        """Store what a step made."""
        if number in self.made:
            raise ValueError(f"the payload makes register {number} twice")
        self.made[number] = value

    def module(self, name: str) -> ModuleType:
        """Return a module that pieces go into, or a shipped one."""
        module = self.modules.get(name)
        return importlib.import_module(name) if module is None else module

    def classes(self) -> ClassTable:
        """Make the class table of those classes that have been made."""
        found = [None if number is None else self.made.get(number) for number in self.wanted]
        return ClassTable([each if isinstance(each, type) else None for each in found])


def _module(name: str, about: dict[str, Any]) -> ModuleType:
    module = ModuleType(name, about.get("doc"))
    if about.get("file") is not None:
        module.__file__ = about["file"]
    module.__package__ = about.get("package")
    module.__dict__["__builtins__"] = __builtins__
    sys.modules[name] = module
    parent, _, child = name.rpartition(".")
    if parent in sys.modules:
        # As the import system does: `import a.b` makes `b` an attribute of `a`.
        setattr(sys.modules[parent], child, module)
    return module


def _packages(modules: dict[str, Any], shipped_names: dict[str, Any]) -> None:
    """Make the packages around modules that come alone: `pickle` imports a class's module by name."""
    for name in modules:
        parent = name.rpartition(".")[0]
        while parent and parent not in sys.modules and parent not in shipped_names:
            package = _module(parent, {"package": parent})
            package.__path__ = []
            parent = parent.rpartition(".")[0]
    for name in modules:
        parent, _, child = name.rpartition(".")
        if parent in sys.modules:
            setattr(sys.modules[parent], child, sys.modules[name])


def _value(making: Making, number: int, value: Any) -> None:
    making.keep(number, value)


def _sequence(make: "Callable[[list[Any]], Any]") -> "Callable[..., None]":
    def run(making: Making, number: int, items: "list[int] | None") -> None:
        making.keep(number, make([making.register(item) for item in items or ()]))

    return run


def _dict(making: Making, number: int, pairs: "list[list[int]] | None") -> None:
    made = {making.register(key): making.register(value) for key, value in pairs or ()}
    making.keep(number, made)


def _extend(making: Making, target: int, items: list[Any]) -> None:
    container = making.register(target)
    if isinstance(container, dict):
        for key, value in items:
            container[making.register(key)] = making.register(value)
    elif isinstance(container, set):
        container.update(making.register(item) for item in items)
    else:
        container.extend(making.register(item) for item in items)


def _import(making: Making, number: int, module: str, qualname: str) -> None:
    try:
        found: Any = importlib.import_module(module)
        for part in qualname.split(".") if qualname else ():
            try:
                found = getattr(found, part)
            except AttributeError:
                if not isinstance(found, ModuleType):
                    raise
                # A submodule that nobody has imported yet.
                found = importlib.import_module(f"{found.__name__}.{part}")
    except ImportError as error:
        found = Missing(error)
    except AttributeError as error:
        here = ImportError(f"cannot import name {qualname!r} from {module!r}: {error}")
        found = Missing(here)
    making.keep(number, found)


def _get_module(making: Making, number: int, name: str) -> None:
    making.keep(number, making.module(name))


def _cell(making: Making, number: int) -> None:
    making.keep(number, CellType())


def _fill(making: Making, cell: int, value: int) -> None:
    making.register(cell).cell_contents = making.register(value)


def _cells(making: Making, piece: dict[str, Any]) -> list[Any]:
    sources.remember(piece["file"], piece["text"], piece["line"], piece["column"])
    return [making.register(cell) for cell in piece["cells"] or ()]


def _function(making: Making, number: int, piece: dict[str, Any]) -> None:
    cells = _cells(making, piece)
    function = sources.function(piece, making.module(piece["module"]).__dict__, cells)
    function.__module__ = piece["module"]
    register = making.register
    if piece["defaults"] is not None:
        function.__defaults__ = tuple([register(each) for each in piece["defaults"]])
    if piece["kwdefaults"] is not None:
        function.__kwdefaults__ = {
            name: register(each) for name, each in piece["kwdefaults"].items()
        }
    if piece.get("dict"):
        function.__dict__.update((name, register(each)) for name, each in piece["dict"].items())
    making.keep(number, function)


def _statement(making: Making, number: int, piece: dict[str, Any]) -> None:
    cells = _cells(making, piece)
    namespace = making.module(piece["module"]).__dict__
    making.keep(number, sources.executed(piece, namespace, cells, piece["name"]))


def _attributes(making: Making, target: int, attributes: dict[str, int]) -> None:
    kind = making.register(target)
    for name, number in attributes.items():
        value = making.register(number)
        own = vars(kind).get(name, _NOTHING)
        if own is _NOTHING or type(own) is not type(value) or own != value:
            setattr(kind, name, value)


_NOTHING: Final = object()


def _global(making: Making, module: str, name: str, number: int) -> None:
    making.module(module).__dict__[name] = making.register(number)


def _attr(making: Making, number: int, target: int, name: str) -> None:
    making.keep(number, getattr(making.register(target), name))


def _partial(
    making: Making, number: int, function: int, arguments: list[int], named: dict[str, int]
) -> None:
    register = making.register
    made = functools.partial(
        register(function),
        *[register(each) for each in arguments],
        **{name: register(each) for name, each in named.items()},
    )
    making.keep(number, made)


def _method(making: Making, number: int, function: int, target: int) -> None:
    making.keep(number, MethodType(making.register(function), making.register(target)))


def _instance(making: Making, number: int, kind: int, attributes: dict[str, int]) -> None:
    held = {name: making.register(each) for name, each in attributes.items()}
    making.keep(number, instance(making.register(kind), held))


def _state(making: Making, target: int, attributes: dict[str, int]) -> None:
    held = {name: making.register(each) for name, each in attributes.items()}
    fill(making.register(target), held)


def _restore(making: Making, target: int, fresh: int) -> None:
    """Give a container its content again: code that ran meanwhile may have added to it."""
    container, content = making.register(target), making.register(fresh)
    container.clear()
    if isinstance(container, dict | set):
        container.update(content)
    else:
        container.extend(content)


def _call(
    making: Making, number: int, function: int, arguments: list[int], named: dict[str, int]
) -> None:
    register = making.register
    made = register(function)(
        *[register(each) for each in arguments],
        **{name: register(each) for name, each in named.items()},
    )
    making.keep(number, made)


_STEPS: Final[dict[str, Any]] = {
    "value": _value,
    "list": _sequence(list),
    "tuple": _sequence(tuple),
    "set": _sequence(set),
    "frozenset": _sequence(frozenset),
    "deque": _sequence(deque),
    "dict": _dict,
    "extend": _extend,
    "import": _import,
    "module": _get_module,
    "cell": _cell,
    "fill": _fill,
    "function": _function,
    "class": _statement,
    "statement": _statement,
    "attributes": _attributes,
    "global": _global,
    "attr": _attr,
    "partial": _partial,
    "method": _method,
    "instance": _instance,
    "state": _state,
    "call": _call,
    "restore": _restore,
}


class _Payload(Decoder):
    """Reads the payload, and runs its steps as it reads: values may be of classes just made."""

    __slots__ = ()

    def run(self) -> Closure:
        """Read all of it."""
        head: dict[str, Any] = {}
        steps = -1
        for _ in range(self.mapping()):
            key = self.text()
            if key == "steps":
                # What steps need (modules, the class table) may come after them.
                steps = self.at
                self.skip()
            else:
                head[key] = self.value()
        self.close()
        self.finish()
        if head.get("format") != FORMAT or steps < 0:
            raise ValueError(
                f"the payload has format {head.get('format')!r}, and this engine reads {FORMAT}"
            )
        making = Making(head)
        self.at = steps
        wanted = {number for number in making.wanted if number is not None}
        for _ in range(self.array()):
            made = self.step(making)
            if made in wanted:
                # Values that come now may be of a class that has just been made.
                self.table = making.table = making.classes()
        self.table = making.table = making.classes()
        return Closure(head, making)

    def step(self, making: Making) -> object:
        """Read and run one step. Returns the number of what it made, or changed."""
        step = self.values()
        name = step[0] if step else None
        run = _STEPS.get(name) if type(name) is str else None
        if run is None:
            raise ValueError(f"the payload has a step `{name}`, which this engine does not know")
        run(making, *step[1:])
        return step[1]

    def skip(self) -> None:
        """Skip one item and all it holds."""
        left = 1
        while left:
            left -= 1
            self.start = self.at
            initial = self.data[self.at] if self.at < len(self.data) else 0
            major = initial >> 5
            if major == 7:
                self.value()
                continue
            argument = self.begin(major, "an item")
            if major in {2, 3}:
                self.take(argument)
            elif major == 4:
                left += argument
            elif major == 5:
                left += 2 * argument
            elif major == 6:
                left += 1


def define(payload: bytes) -> Closure:
    """Make the closure of a payload."""
    try:
        return _Payload(payload, ClassTable()).run()
    except Malformed as error:
        raise ValueError(f"the payload: {error}") from error.__cause__
