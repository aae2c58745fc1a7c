"""Expressions of programs made at random, by their types."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

SCALARS = ["int", "float", "bool", "str"]
LISTS = ["list[int]", "list[float]", "list[str]"]
OTHERS = ["dict[str, int]", "set[int]", "tuple[int, str]", "list[list[int]]"]
TYPES = [*SCALARS, *LISTS, *OTHERS]

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
class Expressions:
    """Writes expressions, of what is known where they stand."""

    draw: Callable[[st.SearchStrategy[Any]], Any]
    helper: list[str] = field(default_factory=list)
    """Types of the parameters of `g`, which returns an int."""
    has_generator: bool = False
    """Whether there is a generator function `h` of two ints."""
    variables: dict[str, str] = field(default_factory=dict)
    """Their types by their names."""
    inner: list[tuple[str, str]] = field(default_factory=list)
    """Functions within it, of an int, which change a variable of its, and what they return."""
    made: int = 0

    def choose(self, options: list[Any]) -> Any:
        # By index: how hypothesis goes on from functions that it samples depends on where they are in memory.
        return options[self.number(0, len(options) - 1)]

    def number(self, lowest: int, highest: int) -> int:
        drawn: int = self.draw(st.integers(lowest, highest))
        return drawn

    def new(self) -> str:
        self.made += 1
        return f"v{self.made}"

    def of(self, wanted: str) -> list[str]:
        return [name for name, kind in self.variables.items() if kind == wanted]

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
