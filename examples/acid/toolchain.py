"""A compiler and a linker for a language of parentheses: sources become objects, objects become one Wasm module.

All values are 64-bit integers. A source is a list of forms:

    (use name)                        what the functions of another source are
    (fun name (parameter ...) body)   a function; the others may call it

and a body is one or more of: a number, a name, `(let name value)`, `(set name value)`, `(if c a b)`,
`(while c body ...)`, `(do body ...)`, `(load8 address)`, `(store8 address value)`, an operator of `OPERATORS` with two
operands, or a call. The value is the last one's; `let`, `set`, `while` and `store8` are worth 0.

The encoding is that of the WebAssembly Core Specification, version 1.0 (W3C, 2019), chapter 5.
"""

import re
from dataclasses import dataclass
from typing import TypeGuard

Form = str | int | list["Form"]
Code = list[bytes | str]
"""Instructions, and between them the names of functions where their indices will stand."""

I64, I32, EMPTY_BLOCK = b"\x7e", b"\x7f", b"\x40"
OPERATORS = {
    "+": b"\x7c", "-": b"\x7d", "*": b"\x7e", "/": b"\x7f", "%": b"\x81",
    "&": b"\x83", "|": b"\x84", "^": b"\x85", "<<": b"\x86", ">>": b"\x88",
}  # fmt: skip
COMPARISONS = {
    "=": b"\x51", "!=": b"\x52", "<": b"\x53", ">": b"\x55", "<=": b"\x57", ">=": b"\x59",
}  # fmt: skip
KEYWORDS = {"let", "set", "if", "while", "do", "load8", "store8", *OPERATORS, *COMPARISONS}


class SourceError(Exception):
    """A source that is no program."""


@dataclass
class Function:
    """A compiled function."""

    name: str
    parameters: int
    locals: int
    code: Code


def interface(name: str, text: str) -> dict[str, int]:
    """The functions of a source, and how many parameters each has."""
    found: dict[str, int] = {}
    for form in _read(name, text):
        if _is_call(form, "fun"):
            function, parameters = _function(name, form)[:2]
            if function in found:
                raise SourceError(f"{name}: `{function}` is defined twice")
            found[function] = len(parameters)
        elif not _is_call(form, "use"):
            raise SourceError(f"{name}: expected (fun ...) or (use ...), not {form!r}")
    return found


def uses(name: str, text: str) -> list[str]:
    """The other sources that a source uses."""
    return [str(form[1]) for form in _read(name, text) if _is_call(form, "use")]


def compile_source(name: str, text: str, used: list[dict[str, int]]) -> list[Function]:
    """Compile a source, given the interfaces of those that it uses."""
    known = interface(name, text)
    for other in used:
        known = {**other, **known}
    return [
        _Compiler(name, *_function(name, form), known).function
        for form in _read(name, text)
        if _is_call(form, "fun")
    ]


def link(objects: list[list[Function]]) -> bytes:
    """Make a module of all functions: it exports each, and a page of memory."""
    functions = [function for each in objects for function in each]
    index = {function.name: i for i, function in enumerate(functions)}
    if len(index) < len(functions):
        raise SourceError("a function is in two objects")
    arities = sorted({function.parameters for function in functions})
    types = [b"\x60" + _vector([I64] * arity) + _vector([I64]) for arity in arities]
    exports = [_name(name) + b"\x00" + _unsigned(i) for name, i in index.items()]
    bodies = []
    for function in functions:
        code = b"".join(_unsigned(index[c]) if isinstance(c, str) else c for c in function.code)
        groups = [_unsigned(function.locals) + I64] if function.locals else []
        body = _vector(groups) + code + b"\x0b"
        bodies.append(_unsigned(len(body)) + body)
    sections = [
        (1, _vector(types)),
        (3, _vector([_unsigned(arities.index(function.parameters)) for function in functions])),
        (5, _vector([b"\x00" + _unsigned(1)])),
        (7, _vector([*exports, _name("memory") + b"\x02" + _unsigned(0)])),
        (10, _vector(bodies)),
    ]
    module = b"\x00asm\x01\x00\x00\x00"
    return module + b"".join(bytes([i]) + _unsigned(len(s)) + s for i, s in sections)


class _Compiler:
    """Compiles one function. Each form leaves one value on the stack."""

    def __init__(
        self, source: str, name: str, parameters: list[str], body: list[Form], known: dict[str, int]
    ) -> None:
        self.where, self.known = f"{source}: `{name}`", known
        self.locals = {parameter: i for i, parameter in enumerate(parameters)}
        self.code: Code = []
        self.sequence(body)
        own = len(self.locals) - len(parameters)
        self.function = Function(name, len(parameters), own, self.code)

    def sequence(self, forms: list[Form]) -> None:
        if not forms:
            self.code.append(_constant(0))
        for i, form in enumerate(forms):
            self.form(form)
            if i + 1 < len(forms):
                self.code.append(b"\x1a")

    def form(self, form: Form) -> None:
        if isinstance(form, int):
            self.code.append(_constant(form))
        elif isinstance(form, str):
            self.code.append(b"\x20" + self.local(form))
        elif form and isinstance(form[0], str):
            self.call(form[0], form[1:])
        else:
            raise SourceError(f"{self.where}: {form!r} is no expression")

    def call(self, head: str, rest: list[Form]) -> None:
        known = {"if": 3, "let": 2, "set": 2, "load8": 1, "store8": 2, **self.known}
        wanted = 2 if head in OPERATORS or head in COMPARISONS else known.get(head)
        if wanted is None and head not in ("do", "while"):
            raise SourceError(f"{self.where}: `{head}` is not known")
        if wanted is not None and len(rest) != wanted:
            raise SourceError(f"{self.where}: `{head}` takes {wanted} operands, not {len(rest)}")
        if head == "do":
            self.sequence(rest)
        elif head == "while":
            # Out of the block if not; around the loop again if so.
            self.code.append(b"\x02" + EMPTY_BLOCK + b"\x03" + EMPTY_BLOCK)
            self.form(rest[0])
            self.code.append(b"\x50\x0d\x01")
            self.sequence(rest[1:])
            self.code.append(b"\x1a\x0c\x00\x0b\x0b" + _constant(0))
        elif head == "if":
            self.form(rest[0])
            self.code.append(b"\x50\x04" + I64)
            self.form(rest[2])
            self.code.append(b"\x05")
            self.form(rest[1])
            self.code.append(b"\x0b")
        elif head in ("let", "set"):
            if head == "let" and str(rest[0]) not in self.locals:
                self.locals[str(rest[0])] = len(self.locals)
            self.form(rest[1])
            self.code += [b"\x21" + self.local(rest[0]), _constant(0)]
        elif head in ("load8", "store8"):
            self.form(rest[0])
            self.code.append(b"\xa7")
            if head == "load8":
                self.code.append(b"\x31\x00\x00")
            else:
                self.form(rest[1])
                self.code += [b"\x3c\x00\x00", _constant(0)]
        else:
            for operand in rest:
                self.form(operand)
            if head in OPERATORS:
                self.code.append(OPERATORS[head])
            elif head in COMPARISONS:
                self.code.append(COMPARISONS[head] + b"\xad")
            else:
                self.code += [b"\x10", head]

    def local(self, name: Form) -> bytes:
        if not isinstance(name, str) or name not in self.locals:
            raise SourceError(f"{self.where}: there is no variable {name!r}")
        return _unsigned(self.locals[name])


def _read(name: str, text: str) -> list[Form]:
    """The forms of a source."""
    tokens = re.findall(r"[()]|[^\s()]+", re.sub(r";.*", "", text))
    stack: list[list[Form]] = [[]]
    for token in tokens:
        if token == "(":  # noqa: S105
            stack.append([])
        elif token == ")":  # noqa: S105
            if len(stack) == 1:
                raise SourceError(f"{name}: a `)` too many")
            done = stack.pop()
            stack[-1].append(done)
        else:
            is_number = re.fullmatch(r"-?\d+|0x[0-9a-f]+", token)
            stack[-1].append(int(token, 0) if is_number else token)
    if len(stack) > 1:
        raise SourceError(f"{name}: {len(stack) - 1} `)` missing")
    return stack[0]


def _is_call(form: Form, head: str) -> TypeGuard[list[Form]]:
    return isinstance(form, list) and len(form) > 1 and form[0] == head


def _function(source: str, form: Form) -> tuple[str, list[str], list[Form]]:
    """Name, parameters and body of a `(fun ...)`."""
    if not isinstance(form, list) or len(form) < 4 or not isinstance(form[2], list):
        raise SourceError(f"{source}: expected (fun name (parameter ...) body), not {form!r}")
    name, parameters = form[1], form[2]
    names = [parameter for parameter in parameters if isinstance(parameter, str)]
    if not isinstance(name, str) or name in KEYWORDS or len(set(names)) < len(parameters):
        raise SourceError(f"{source}: {name!r} with {parameters!r} cannot be defined")
    return name, names, form[3:]


def _unsigned(number: int) -> bytes:
    """LEB128."""
    out = []
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _constant(number: int) -> bytes:
    """Push a number: signed LEB128."""
    if not -(2**63) <= number < 2**63:
        raise SourceError(f"{number} does not fit 64 bits")
    out = []
    while not -0x40 <= number < 0x40:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return b"\x42" + bytes([*out, number & 0x7F])


def _vector(items: list[bytes]) -> bytes:
    return _unsigned(len(items)) + b"".join(items)


def _name(text: str) -> bytes:
    return _unsigned(len(text.encode())) + text.encode()
