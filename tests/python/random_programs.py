"""Typed programs made at random, which the sandbox and CPython both run.

`programs()` is a strategy of hypothesis, so a program that is computed otherwise is shrunk to a small one. By hand, a
long run is

    python tests/python/random_programs.py [how many] [seed]
"""

import linecache
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

import spm
from native_table import copied, outcome

SCALARS = ["int", "float", "bool", "str"]
LISTS = ["list[int]", "list[float]", "list[str]"]
OTHERS = ["dict[str, int]", "set[int]", "tuple[int, str]", "list[list[int]]"]
TYPES = [*SCALARS, *LISTS, *OTHERS]
# What values are kept to, so that nothing grows without end in a loop.
LENGTH_MAX = 24
MODULUS = 1_000_003
CAUGHT = ["ZeroDivisionError", "IndexError", "KeyError", "ValueError", "Exception"]
RAISED = ['ValueError("v")', "KeyError(1)", 'RuntimeError("r", 2)', "IndexError"]

words = st.text(alphabet=st.sampled_from("abZ ,é世😀1"), max_size=6)
integers = st.integers(-9, 9) | st.integers(-(2**31), 2**31) | st.integers(-(2**63), 2**63 - 1)
numbers = st.integers(-8, 8).map(float) | st.floats()
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "int": integers,
    "float": numbers,
    "bool": st.booleans(),
    "str": words,
    "list[int]": st.lists(st.integers(-20, 20), max_size=6),
    "list[float]": st.lists(numbers, max_size=6),
    "list[str]": st.lists(words, max_size=5),
    "dict[str, int]": st.dictionaries(words, st.integers(-20, 20), max_size=5),
    "set[int]": st.sets(st.integers(-20, 20), max_size=6),
    "tuple[int, str]": st.tuples(st.integers(-20, 20), words),
    "list[list[int]]": st.lists(st.lists(st.integers(-20, 20), max_size=3), max_size=4),
}


@dataclass
class Program:
    """A function `f`, perhaps with a function `g` that it calls, and what it is called with."""

    source: str
    calls: list[tuple[Any, ...]]

    def function(self) -> Callable[..., Any]:
        """Run the definitions as a module of its own, of which the source can be found."""
        name = f"<random program {next(_numbers)}>"
        lines = self.source.splitlines(keepends=True)
        linecache.cache[name] = (len(self.source), None, lines, name)
        names: dict[str, Any] = {"__name__": "random_program", "math": math}
        exec(compile(self.source, name, "exec"), names)
        function: Callable[..., Any] = names["f"]
        return function


_numbers = count()


@dataclass
class Maker:
    """Writes one function."""

    draw: Callable[[st.SearchStrategy[Any]], Any]
    helper: list[str] = field(default_factory=list)
    """Types of the parameters of `g`, which returns an int."""
    lines: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    made: int = 0
    budget: int = 14
    loops: int = 0
    bound: set[str] = field(default_factory=set)
    """Variables of loops, which are not assigned to."""
    end: str = ""
    """How it returns."""
    inner: list[tuple[str, str]] = field(default_factory=list)
    """Functions within it, of an int, which change a variable of its, and what they return."""
    has_generator: bool = False
    """Whether there is a generator function `h` of two ints."""
    yields: bool = False

    def choose(self, options: list[Any]) -> Any:
        # By index: how hypothesis goes on from functions that it samples depends on where they are in memory.
        return options[self.number(0, len(options) - 1)]

    def number(self, lowest: int, highest: int) -> int:
        drawn: int = self.draw(st.integers(lowest, highest))
        return drawn

    def new(self) -> str:
        self.made += 1
        return f"v{self.made}"

    def line(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

    def of(self, wanted: str) -> list[str]:
        return [name for name, kind in self.variables.items() if kind == wanted]

    # Expressions.

    def value(self, kind: str, depth: int = 2) -> str:
        """An expression of a type."""
        known = self.of(kind)
        if known and (depth <= 0 or self.number(0, 2) == 0):
            return str(self.choose(known))
        if depth <= 0:
            return self.literal(kind)
        inner = [name for name, returned in self.inner if returned == kind]
        if inner and self.number(0, 2) == 0:
            return f"{self.choose(inner)}({self.value('int', depth - 1)})"
        made: str = getattr(self, f"make_{kind.partition('[')[0]}")(kind, depth - 1)
        return made

    def literal(self, kind: str) -> str:
        match kind:
            case "int":
                return str(self.number(-9, 99))
            case "float":
                return str(self.choose(["0.0", "1.5", "-2.25", "1e300", "0.1", "1e-7", "3.0"]))
            case "bool":
                return str(self.choose(["True", "False"]))
            case "str":
                return repr(self.draw(words))
            case "list[int]":
                return str(self.choose(["[]", "[3, 1, 2]", "[0]"]))
            case "list[float]":
                return str(self.choose(["[]", "[0.5, -1.0]", "[2.0]"]))
            case "list[str]":
                return str(self.choose(["[]", "['b', 'a', '']", "['x']"]))
            case "dict[str, int]":
                return str(self.choose(["{'a': 1, 'b': 2}", "{'': 0}"]))
            case "set[int]":
                return str(self.choose(["{1, 2, 40}", "{0}"]))
            case "list[list[int]]":
                return str(self.choose(["[[1, 2], []]", "[[5]]"]))
            case _:
                return f"({self.number(0, 9)}, {self.draw(words)!r})"

    def either(self, kind: str, depth: int) -> str:
        return f"({self.value(kind, depth)} if {self.value('bool', depth)} else {self.value(kind, depth)})"

    def item(self, kind: str, depth: int) -> str:
        return f"{self.value(f'list[{kind}]', depth)}[{self.index(depth)}]"

    def index(self, depth: int) -> str:
        return str(self.number(-3, 3)) if self.number(0, 1) == 0 else self.value("int", depth)

    def slice(self, depth: int) -> str:
        ends = [self.choose(["", str(self.number(-4, 4)), self.value("int", depth)]) for _ in "ab"]
        step = self.choose(["", "", ":2", ":-1", ":-3"])
        return f"[{ends[0]}:{ends[1]}{step}]"

    def make_int(self, kind: str, depth: int) -> str:
        del kind

        def one(wanted: str = "int") -> str:
            return self.value(wanted, depth)

        options: list[Callable[[], str]] = [
            lambda: f"({one()} {self.choose(['+', '-', '*', '&', '|', '^'])} {one()})",
            lambda: f"({one()} {self.choose(['//', '%'])} {one()})",
            lambda: f"({one()} {self.choose(['<<', '>>'])} {self.number(0, 5)})",
            lambda: f"{self.choose(['-', '~', '+'])}{one()}",
            lambda: f"abs({one()})",
            lambda: f"(({one()}) % 50) ** {self.number(0, 4)}",
            lambda: f"len({one(self.choose(['str', *LISTS, 'dict[str, int]', 'set[int]']))})",
            lambda: f"int({one(self.choose(['float', 'bool', 'str']))})",
            lambda: f"round({one('float')})",
            lambda: f"math.floor({one('float')})",
            lambda: f"math.gcd({one()}, {one()})",
            lambda: f"sum({one('list[int]')})",
            lambda: f"{self.choose(['max', 'min'])}({one()}, {one()})",
            lambda: f"{self.choose(['max', 'min'])}({one('list[int]')}, default={one()})",
            lambda: f"{self.choose(['max', 'min'])}({one(self.choose(['list[int]', 'set[int]']))})",
            lambda: (
                f"{one('str')}.{self.choose(['count', 'find', 'rfind', 'index'])}({one('str')})"
            ),
            lambda: f"{one('list[int]')}.{self.choose(['index', 'count'])}({one()})",
            lambda: f"divmod({one()}, {one()})[{self.number(0, 1)}]",
            lambda: f"{one('dict[str, int]')}[{one('str')}]",
            lambda: f"{one('dict[str, int]')}.get({one('str')}, {one()})",
            lambda: f"{one('tuple[int, str]')}[0]",
            lambda: f"ord({one('str')}[{self.number(0, 2)}])",
            lambda: f"({one()}).bit_length()",
            lambda: f"sum(1 for {self.each('list[str]', depth)})",
            lambda: self.item("int", depth),
            lambda: f"{one('list[list[int]]')}[{self.index(depth)}][{self.index(depth)}]",
            lambda: f"sum(map(len, {one('list[list[int]]')}))",
            lambda: self.either("int", depth),
        ]
        if self.has_generator:
            options += [
                lambda: f"sum(h({one()} % 7, {one()}))",
                lambda: f"next(h({one()} % 7, {one()}), {one()})",
                lambda: f"max(h({one()} % 7, {one()}), default=0)",
            ]
        if self.helper:
            options.append(lambda: f"g({', '.join(one(wanted) for wanted in self.helper)})")
        return str(self.choose(options)())

    def make_float(self, kind: str, depth: int) -> str:
        del kind

        def one(wanted: str = "float") -> str:
            return self.value(wanted, depth)

        options: list[Callable[[], str]] = [
            lambda: f"({one()} {self.choose(['+', '-', '*', '/', '//', '%'])} {one()})",
            lambda: f"({one('int')} / {one('int')})",
            lambda: f"({one('int')} {self.choose(['+', '-', '*'])} {one()})",
            lambda: f"float({one(self.choose(['int', 'bool']))})",
            lambda: f"-{one()}",
            lambda: f"abs({one()})",
            lambda: f"math.{self.choose(['sqrt', 'fabs'])}({one()})",
            lambda: f"math.copysign({one()}, {one()})",
            lambda: f"round({one()}, {self.number(-2, 4)})",
            lambda: f"{self.choose(['max', 'min'])}({one()}, {one()})",
            lambda: self.item("float", depth),
            lambda: self.either("float", depth),
        ]
        return str(self.choose(options)())

    def make_bool(self, kind: str, depth: int) -> str:
        del kind

        def one(wanted: str) -> str:
            return self.value(wanted, depth)

        def compared() -> str:
            wanted = self.choose([*SCALARS, *LISTS, "tuple[int, str]"])
            return (
                f"({one(wanted)} {self.choose(['<', '<=', '==', '!=', '>=', '>'])} {one(wanted)})"
            )

        options: list[Callable[[], str]] = [
            compared,
            lambda: f"({one('int')} < {one('int')} <= {one('int')})",
            lambda: f"({one('int')} {self.choose(['<', '==', '>='])} {one('float')})",
            lambda: f"({one('bool')} {self.choose(['and', 'or', '^', '&'])} {one('bool')})",
            lambda: f"(not {one('bool')})",
            lambda: f"bool({one(self.choose(TYPES))})",
            lambda: f"({one('str')} {self.choose(['in', 'not in'])} {one('str')})",
            lambda: f"({one('int')} in {one(self.choose(['list[int]', 'set[int]']))})",
            lambda: f"({one('str')} in {one(self.choose(['list[str]', 'dict[str, int]']))})",
            lambda: f"({one('set[int]')} {self.choose(['<=', '<', '=='])} {one('set[int]')})",
            lambda: f"({one('dict[str, int]')} == {one('dict[str, int]')})",
            lambda: f"{one('str')}.{self.choose(['isdigit', 'isalpha', 'isupper', 'isspace'])}()",
            lambda: f"{one('str')}.{self.choose(['startswith', 'endswith'])}({one('str')})",
            lambda: f"{self.choose(['any', 'all'])}({self.generated('bool', depth)})",
            lambda: f"math.isnan({one('float')})",
            lambda: self.either("bool", depth),
        ]
        return str(self.choose(options)())

    def make_str(self, kind: str, depth: int) -> str:
        del kind

        def one(wanted: str = "str") -> str:
            return self.value(wanted, depth)

        methods = ["upper", "lower", "strip", "title", "swapcase", "capitalize"]
        ints = ["", ":5", ":<4", ":+d", ":x", ":08b", ":,", ":^7"]
        floats = ["", ":.2f", ":e", ":g", ":10.3", ":+.1%"]
        options: list[Callable[[], str]] = [
            lambda: f"({one()} + {one()})",
            lambda: f"({one()} * {self.number(-1, 3)})",
            lambda: f"{one()}[{self.index(depth)}]",
            lambda: f"{one()}{self.slice(depth)}",
            lambda: f"{self.choose(['str', 'repr'])}({one(self.choose(TYPES))})",
            lambda: f"{one()}.{self.choose(methods)}()",
            lambda: f"{one()}.replace({one()}, {one()})",
            lambda: (
                f"{one()}.{self.choose(['ljust', 'rjust', 'center', 'zfill'])}({self.number(0, 9)})"
            ),
            lambda: f"{one()}.join({one('list[str]')})",
            lambda: f"chr({one('int')} % 300 + 1)",
            lambda: f"format({one('int')}, {self.choose(ints).removeprefix(':')!r})",
            lambda: f"format({one('float')}, {self.choose(floats).removeprefix(':')!r})",
            lambda: self.formatted(self.choose(ints)),
            lambda: f"{one('tuple[int, str]')}[1]",
            lambda: f"{one()}.partition({one()})[{self.number(0, 2)}]",
            lambda: self.item("str", depth),
            lambda: self.either("str", depth),
        ]
        return str(self.choose(options)())

    def formatted(self, spec: str) -> str:
        """An f-string. It has variables only, since quotes are not for within one."""
        texts, ints = self.of("str"), self.of("int")
        shown = [f"{{{self.choose(texts)}!r:>6}}"] if texts else []
        shown += [f"{{{self.choose(ints)}{spec}}}"] if ints else []
        return f"f'<{''.join(shown)}>'"

    def each(self, kind: str, depth: int) -> str:
        """`for` and what follows it, over a list, in a comprehension. The variable is not used."""
        return f"{self.new()} in {self.value(kind, depth)}"

    def generated(self, kind: str, depth: int) -> str:
        """What is within a comprehension's brackets: values of a type."""
        name = self.new()
        over, of = self.choose(
            [
                (f"range({self.number(0, 5)})", "int"),
                (self.value("list[int]", depth), "int"),
                (self.value("list[str]", depth), "str"),
                (self.value("list[float]", depth), "float"),
                (f"sorted({self.value('set[int]', depth)})", "int"),
                (self.value("dict[str, int]", depth), "str"),
                (self.value("str", depth), "str"),
            ]
        )
        self.variables[name] = of
        made = self.value(kind, depth)
        condition = f" if {self.value('bool', depth)}" if self.number(0, 2) == 0 else ""
        del self.variables[name]
        return f"{made} for {name} in {over}{condition}"

    def make_list(self, kind: str, depth: int) -> str:
        item = kind[5:-1]

        def one(wanted: str = kind) -> str:
            return self.value(wanted, depth)

        def sorts() -> str:
            options = ["", ", reverse=True"]
            if item == "str":
                options += [", key=len", ", key=str.lower"]
            elif item == "int":
                options += [", key=abs", ", key=lambda it: -it"]
            # Python's order of NaNs is that of its comparisons, which is not to be compared.
            return f"sorted({one()}{self.choose(options)})" if item != "float" else one()

        options: list[Callable[[], str]] = [
            lambda: f"[{one(item)}, {one(item)}]",
            lambda: f"[{one(item)}, *{one()}]",
            lambda: f"[{self.generated(item, depth)}]",
            lambda: f"({one()} + {one()})",
            lambda: f"({one()} * {self.number(-1, 3)})",
            lambda: f"{one()}{self.slice(depth)}",
            lambda: f"list(reversed({one()}))",
            lambda: f"{one()}.copy()",
            sorts,
            lambda: self.either(kind, depth),
        ]
        if item == "int":
            options += [
                lambda: (
                    f"list(range({self.value('int', 0)} % 9, {self.number(-5, 9)}, {self.choose([1, 2, -1, -3])}))"
                ),
                lambda: f"list({one('dict[str, int]')}.values())",
                lambda: f"list({one('set[int]')})",
                lambda: f"[a * b for a, b in zip({one()}, {one()})]",
                lambda: f"[x for xs in {one('list[list[int]]')} for x in xs]",
                lambda: self.item("list[int]", depth),
                lambda: f"[i + v for i, v in enumerate({one()}, {self.number(0, 3)})]",
            ]
        if item == "str":
            options += [
                lambda: f"list({one('str')})",
                lambda: f"{one('str')}.split({self.choose(['', repr(','), repr('a')])})",
                lambda: f"list({one('dict[str, int]')})",
                lambda: f"[k for k, v in {one('dict[str, int]')}.items() if v > 0]",
            ]
        return str(self.choose(options)())

    def make_dict(self, kind: str, depth: int) -> str:
        def one(wanted: str = kind) -> str:
            return self.value(wanted, depth)

        options: list[Callable[[], str]] = [
            lambda: f"{{{one('str')}: {one('int')}, {one('str')}: {one('int')}}}",
            lambda: f"{{str(k): k for k in {one('list[int]')}}}",
            lambda: f"dict(zip({one('list[str]')}, {one('list[int]')}))",
            lambda: f"({one()} | {one()})",
            lambda: f"{{**{one()}, {one('str')}: {one('int')}, **{one()}}}",
            lambda: self.either(kind, depth),
        ]
        return str(self.choose(options)())

    def make_set(self, kind: str, depth: int) -> str:
        def one(wanted: str = kind) -> str:
            return self.value(wanted, depth)

        options: list[Callable[[], str]] = [
            lambda: f"{{{one('int')}, {one('int')}}}",
            lambda: f"set({one('list[int]')})",
            lambda: f"{{{self.generated('int', depth)}}}",
            lambda: f"({one()} {self.choose(['|', '&', '-', '^'])} {one()})",
            lambda: self.either(kind, depth),
        ]
        return str(self.choose(options)())

    def make_tuple(self, kind: str, depth: int) -> str:
        if self.number(0, 2) == 0:
            return self.either(kind, depth)
        return f"({self.value('int', depth)}, {self.value('str', depth)})"

    # Statements.

    def kept(self, kind: str, value: str) -> str:
        """A value that cannot grow without end."""
        if kind == "int":
            return f"({value}) % {MODULUS}"
        if kind == "str" or kind.startswith("list"):
            return f"({value})[:{LENGTH_MAX}]"
        return value

    def block(self, depth: int) -> None:
        """Statements of which the new variables end with them: not every way leads through them."""
        before = dict(self.variables)
        for _ in range(self.number(1, 3)):
            self.statement(depth)
        self.variables = before

    def statement(self, depth: int) -> None:
        self.budget -= 1
        simple = [self.assign, self.assign, self.change, self.grow, self.leave, self.unpack]
        if self.yields:
            simple += [self.give, self.give]
        if depth < 4 and self.budget > 0:
            simple += [self.branch, self.loop, self.loop, self.repeat, self.attempt, self.match]
        if depth == 1 and not self.yields:
            simple += [self.nest]
        self.choose(simple)(depth)

    def assign(self, depth: int) -> None:
        kind = self.choose(TYPES)
        value = self.kept(kind, self.value(kind))
        old = [name for name in self.of(kind) if name not in self.bound]
        name = self.choose([None, *old])
        if name is None:
            name = self.new()
            typed = (
                f"{name}: {kind}"
                if self.number(0, 1) == 0 or value in ("([])[:24]", "[]")
                else name
            )
            self.line(depth, f"{typed} = {value}")
            self.variables[name] = kind
        else:
            self.line(depth, f"{name} = {value}")

    def change(self, depth: int) -> None:
        """Assigns to what is there already, or into it."""
        kind = self.choose(
            ["int", "float", "str", "list[int]", "list[str]", "dict[str, int]", "set[int]"]
        )
        names = [name for name in self.of(kind) if name not in self.bound]
        if not names:
            return self.assign(depth)
        name = self.choose(names)
        item = kind.removeprefix("list[").removesuffix("]")
        match kind:
            case "int":
                operator = self.choose(["+", "-", "//", "%", "^", "|"])
                self.line(depth, f"{name} {operator}= {self.kept('int', self.value('int'))}")
            case "float":
                self.line(
                    depth, f"{name} {self.choose(['+', '-', '*', '/'])}= {self.value('float')}"
                )
            case "str":
                self.line(depth, f"{name} += {self.value('str')}[:3]")
            case "dict[str, int]":
                self.line(
                    depth, f"{name}[{self.value('str')}] = {self.kept('int', self.value('int'))}"
                )
            case "set[int]":
                method = self.choose(["add", "discard", "remove"])
                self.line(depth, f"{name}.{method}({self.kept('int', self.value('int'))})")
            case _:
                index, value = self.index(1), self.kept(item, self.value(item))
                self.line(depth, f"{name}[{index}] = {value}")

    def grow(self, depth: int) -> None:
        """Calls a method that changes a list or a dict."""
        kind = self.choose(["list[int]", "list[str]", "dict[str, int]"])
        names = [name for name in self.of(kind) if name not in self.bound]
        if not names:
            return self.assign(depth)
        name, item = self.choose(names), kind.removeprefix("list[").removesuffix("]")
        if kind.startswith("dict"):
            way = self.choose(["pop", "setdefault", "update", "del"])
            key = self.value("str")
            self.line(
                depth,
                {
                    "pop": f"{name}.pop({key}, 0)",
                    "setdefault": f"{name}.setdefault({key}, 1)",
                    "update": f"{name}.update({{{key}: 2}})",
                    "del": f"del {name}[{key}]",
                }[way],
            )
            return None
        value = self.kept(item, self.value(item))
        self.line(
            depth,
            self.choose(
                [
                    f"{name}.append({value})",
                    f"{name}.insert({self.index(1)}, {value})",
                    f"{name}.pop()",
                    f"{name}.pop({self.index(1)})",
                    f"{name}.remove({value})",
                    f"{name}.sort()",
                    f"{name}.reverse()",
                    f"del {name}{self.slice(1)}",
                    f"{name}[{self.number(-2, 2)}:{self.number(-2, 4)}] = [{value}]",
                    f"{name}.extend([{value}])",
                ]
            ),
        )
        return None

    def leave(self, depth: int) -> None:
        ways = [f"raise {self.choose(RAISED)}", self.end]
        if self.loops:
            ways += ["break", "continue"]
        self.line(depth, f"if {self.value('bool')}:")
        self.line(depth + 1, self.choose(ways))

    def unpack(self, depth: int) -> None:
        """Assigns to several variables at once."""
        ints = [name for name in self.of("int") if name not in self.bound]
        if len(ints) > 1 and self.number(0, 1):
            one, other = self.choose(ints), self.choose(ints)
            values = [self.kept("int", self.value("int")) for _ in "ab"]
            self.line(depth, f"{one}, {other} = {values[0]}, {values[1]}")
            return
        one, other = self.new(), self.new()
        if self.number(0, 1):
            self.line(depth, f"{one}, {other} = {self.value('tuple[int, str]')}")
            self.variables |= {one: "int", other: "str"}
        else:
            self.line(depth, f"{one}, *{other} = {self.value('list[int]')}[:9]")
            self.variables |= {one: "int", other: "list[int]"}

    def nest(self, depth: int) -> None:
        """Defines a function that changes a variable of this one, so that the order of what is computed shows."""
        kind = self.choose(["int", "str", "list[int]"])
        changed = [name for name in self.of(kind) if name not in self.bound]
        if not changed:
            return self.assign(depth)
        name, parameter, variable = self.new(), self.new(), self.choose(changed)
        self.line(depth, f"def {name}({parameter}: int) -> {kind}:")
        self.variables[parameter] = "int"
        self.line(depth + 1, f"nonlocal {variable}")
        self.line(depth + 1, f"{variable} = {self.kept(kind, self.value(kind))}")
        self.line(depth + 1, f"return {self.value(kind)}")
        del self.variables[parameter]
        self.inner.append((name, kind))
        return None

    def give(self, depth: int) -> None:
        self.line(depth, f"yield {self.value('int')}")

    def branch(self, depth: int) -> None:
        kind = self.choose(["int", "str", "list[int]"])
        if self.number(0, 3) == 0:
            name = self.new()
            self.line(depth, f"if {name} := {self.kept(kind, self.value(kind))}:")
            self.variables[name] = kind
        else:
            self.line(depth, f"if {self.value('bool')}:")
        self.block(depth + 1)
        if self.number(0, 1):
            self.line(depth, f"elif {self.value('bool')}:")
            self.block(depth + 1)
        if self.number(0, 1):
            self.line(depth, "else:")
            self.block(depth + 1)

    def loop(self, depth: int) -> None:
        name, other = self.new(), self.new()
        heads: list[tuple[str, dict[str, str]]] = [
            (f"{name} in range({self.number(0, 4)})", {name: "int"}),
            (f"{name} in {self.value('list[int]')}[:4]", {name: "int"}),
            (f"{name} in {self.value('list[float]')}[:4]", {name: "float"}),
            (f"{name} in {self.value('list[list[int]]')}[:3]", {name: "list[int]"}),
            (f"{name} in {self.value('str')}[:4]", {name: "str"}),
            (
                f"{name}, {other} in enumerate({self.value('list[str]')}[:4])",
                {name: "int", other: "str"},
            ),
            (
                f"{name}, {other} in zip({self.value('list[int]')}[:4], {self.value('list[str]')}[:3])",
                {name: "int", other: "str"},
            ),
            (
                f"{name}, {other} in list({self.value('dict[str, int]')}.items())[:4]",
                {name: "str", other: "int"},
            ),
        ]
        if self.has_generator:
            heads.append((f"{name} in h({self.number(0, 5)}, {self.value('int')})", {name: "int"}))
        head, names = self.choose(heads)
        self.line(depth, f"for {head}:")
        before = dict(self.variables)
        self.variables |= names
        self.bound |= set(names)
        self.loops += 1
        self.block(depth + 1)
        self.loops -= 1
        self.variables = before
        if self.number(0, 3) == 0:
            self.line(depth, "else:")
            self.block(depth + 1)

    def repeat(self, depth: int) -> None:
        name = self.new()
        self.line(depth, f"{name} = {self.number(0, 4)}")
        self.line(depth, f"while {name} > 0 and {self.value('bool')}:")
        self.line(depth + 1, f"{name} -= 1")
        self.variables[name] = "int"
        self.bound.add(name)
        self.loops += 1
        self.block(depth + 1)
        self.loops -= 1

    def attempt(self, depth: int) -> None:
        # A generator does not wait where something is to be cleaned up.
        yields, self.yields = self.yields, False
        self.line(depth, "try:")
        self.block(depth + 1)
        handlers = self.number(0, 2)
        for _ in range(handlers):
            name = self.new()
            self.line(depth, f"except {self.choose(CAUGHT)} as {name}:")
            texts = self.of("str")
            free = [text for text in texts if text not in self.bound]
            if free:
                self.line(depth + 1, f"{self.choose(free)} = str({name})[:{LENGTH_MAX}]")
            self.block(depth + 1)
        if handlers and self.number(0, 2) == 0:
            self.line(depth, "else:")
            self.block(depth + 1)
        if not handlers or self.number(0, 2) == 0:
            self.line(depth, "finally:")
            loops, self.loops = self.loops, 0
            self.block(depth + 1)
            self.loops = loops
        self.yields = yields

    def match(self, depth: int) -> None:
        self.line(depth, f"match {self.value('int')} % 4:")
        for pattern in (str(self.number(0, 3)), f"{self.number(0, 1)} | {self.number(2, 3)}", "_"):
            self.line(depth + 1, f"case {pattern}:")
            self.block(depth + 2)

    def write(self, name: str, parameters: list[str]) -> str:
        """The whole function. `g` returns its first parameter, `f` all that it was given, as it is then."""
        self.variables = {f"p{at}": kind for at, kind in enumerate(parameters)}
        given = ", ".join(f"{variable}: {kind}" for variable, kind in self.variables.items())
        # All ways return the same types.
        if name == "g":
            self.end, result = "return p0", "int"
        elif name == "h":
            self.end, result = "return", "Iterator[int]"
        else:
            self.end, result = (
                f"return {', '.join(self.variables)}",
                f"tuple[{', '.join(parameters)}]",
            )
        if self.yields:
            self.line(1, "yield p0")
        for _ in range(self.number(1, 5)):
            self.statement(1)
        self.line(1, self.end)
        return "\n".join([f"def {name}({given}) -> {result}:", *self.lines]) + "\n"


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """Programs with three calls each."""
    source, helper = "", list[str]()
    if draw(st.booleans()):
        helper = draw(st.lists(st.sampled_from(["int", "str", "list[int]"]), max_size=2))
        helper.insert(0, "int")
        source = Maker(draw, budget=4).write("g", helper) + "\n\n"
    has_generator = draw(st.booleans())
    if has_generator:
        source += "from collections.abc import Iterator\n\n\n"
        source += Maker(draw, budget=4, yields=True).write("h", ["int", "int"]) + "\n\n"
    parameters = ["int", "str", *draw(st.lists(st.sampled_from(TYPES), min_size=1, max_size=4))]
    source += Maker(draw, helper=helper, has_generator=has_generator).write("f", parameters)
    call = st.tuples(*(VALUES[kind] for kind in parameters))
    return Program(source, draw(st.lists(call, min_size=2, max_size=3)))


def difference(pool: spm.Pool, program: Program) -> str | None:
    """Where the sandbox says something else than CPython, if it does."""
    function = program.function()
    closure = spm.wasm_closure(engine="native")(function)
    for args in program.calls:
        expected = outcome(lambda args=args: function(*copied(list(args))))
        found = outcome(lambda args=args: pool.submit(closure, *copied(list(args))).result())
        # What leaves 64 bits on the way is another engine's.
        is_beyond = found[:2] == ("raised", "OverflowError") and "64-bit" in found[3]
        if found[:3] != expected[:3] and not is_beyond:
            return f"{program.source}\n{args}\nin the sandbox {found}\nin CPython     {expected}"
    return None


def compare(pool: spm.Pool, programs_count: int, number: int | None) -> None:
    """Compares so many programs."""

    @settings(
        max_examples=programs_count,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(programs())
    def check(program: Program) -> None:
        found = difference(pool, program)
        assert found is None, found

    if number is not None:
        check = seed(number)(check)
    check()


if __name__ == "__main__":
    arguments = [int(argument) for argument in sys.argv[1:]]
    with spm.serial() as serial:
        compare(
            serial, arguments[0] if arguments else 1000, arguments[1] if arguments[1:] else None
        )
