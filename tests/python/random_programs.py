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
from random_expressions import TYPES, VALUES, Expressions

# What values are kept to, so that nothing grows without end in a loop.
LENGTH_MAX = 24
MODULUS = 1_000_003
CAUGHT = ["ZeroDivisionError", "IndexError", "KeyError", "ValueError", "Exception"]
RAISED = ['ValueError("v")', "KeyError(1)", 'RuntimeError("r", 2)', "IndexError"]


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
class Maker(Expressions):
    """Writes one function."""

    lines: list[str] = field(default_factory=list)
    budget: int = 14
    loops: int = 0
    bound: set[str] = field(default_factory=set)
    """Variables of loops, which are not assigned to."""
    end: str = ""
    """How it returns."""
    yields: bool = False

    def line(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

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
