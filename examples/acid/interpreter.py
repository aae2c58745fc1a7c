"""A small WebAssembly interpreter: enough to run a module of 64-bit integers, and written apart from what makes it.

It goes by the WebAssembly Core Specification, version 1.0 (W3C, 2019): chapter 5 for the binary format, 4.4 for what
instructions do.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MASK = 2**64 - 1


def signed(n: int) -> int:
    """Of 64 bits, the number they are in two's complement."""
    n &= MASK
    return n - 2**64 if n >> 63 else n


def divide(a: int, b: int) -> int:
    """Towards zero."""
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def remainder(a: int, b: int) -> int:
    """With the sign of `a`."""
    return a - b * divide(a, b)


def shift_left(a: int, b: int) -> int:
    """By as much as 64 bits can say."""
    return a << (b & 63)


def shift_right(a: int, b: int) -> int:
    """Filling with zeros."""
    return (a & MASK) >> (b & 63)


BINARY: dict[int, Callable[[int, int], int]] = {
    0x51: operator.eq,
    0x52: operator.ne,
    0x53: operator.lt,
    0x55: operator.gt,
    0x57: operator.le,
    0x59: operator.ge,
    0x7C: operator.add,
    0x7D: operator.sub,
    0x7E: operator.mul,
    0x7F: divide,
    0x81: remainder,
    0x83: operator.and_,
    0x84: operator.or_,
    0x85: operator.xor,
    0x86: shift_left,
    0x88: shift_right,
}


@dataclass
class _Body:
    parameters: int
    locals: int
    code: list[tuple[int, Any]]


class Instance:
    """A module, ready to run."""

    def __init__(self, module: bytes) -> None:
        """Decode it."""
        if module[:8] != b"\x00asm\x01\x00\x00\x00":
            raise ValueError("not a WebAssembly module")
        self.data, self.at = module, 8
        self.memory = bytearray()
        self.exports: dict[str, int] = {}
        self.bodies: list[_Body] = []
        arities: list[int] = []
        types: list[int] = []
        while self.at < len(module):
            section, size = self._byte(), self._leb()
            end = self.at + size
            if section == 1:
                arities = [self._type() for _ in range(self._leb())]
            elif section == 3:
                types = [self._leb() for _ in range(self._leb())]
            elif section == 5:
                self.at += 2
                self.memory = bytearray(65536 * self._leb())
            elif section == 7:
                for _ in range(self._leb()):
                    name = self._take(self._leb()).decode()
                    kind, index = self._byte(), self._leb()
                    if kind == 0:
                        self.exports[name] = index
            elif section == 10:
                self.bodies = [self._body(arities[types[i]]) for i in range(self._leb())]
            if self.at != end:
                raise ValueError(f"section {section} has another length than it says")
            self.at = end

    def call(self, name: str, *arguments: int) -> int:
        """Call an exported function."""
        return self._run(self.bodies[self.exports[name]], list(arguments))

    # Decoding.

    def _byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def _take(self, length: int) -> bytes:
        self.at += length
        return self.data[self.at - length : self.at]

    def _leb(self, *, is_signed: bool = False) -> int:
        number = shift = 0
        while True:
            byte = self._byte()
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return number - (1 << shift) if is_signed and byte & 0x40 else number

    def _type(self) -> int:
        self.at += 1
        arity = self._leb()
        self.at += arity
        results = self._leb()
        self.at += results
        return arity

    def _body(self, parameters: int) -> _Body:
        """Decode a function; branches get the place they lead to."""
        end = self._leb() + self.at
        own = 0
        for _ in range(self._leb()):
            own += self._leb()
            self.at += 1
        code: list[tuple[int, Any]] = []
        opened: list[int] = []
        while self.at < end:
            op = self._byte()
            here = len(code)
            if op in (0x02, 0x03, 0x04):
                self.at += 1
                opened.append(here)
                code.append((op, None))
            elif op == 0x05:
                code[opened[-1]] = (0x04, here + 1)
                code.append((op, opened[-1]))
            elif op == 0x0B:
                if opened:
                    start = opened.pop()
                    if code[start][0] == 0x04:
                        # Its `else` jumps here.
                        at = code[start][1] - 1
                        code[at] = (0x05, here)
                    else:
                        code[start] = (code[start][0], here)
                code.append((op, None))
            elif op in (0x0C, 0x0D):
                code.append((op, opened[-1 - self._leb()]))
            elif op in (0x31, 0x3C):
                self.at += 1
                code.append((op, self._leb()))
            elif op in (0x10, 0x20, 0x21):
                code.append((op, self._leb()))
            elif op == 0x42:
                code.append((op, self._leb(is_signed=True)))
            elif op in (0x1A, 0x50, 0xA7, 0xAD) or op in BINARY:
                code.append((op, None))
            else:
                raise ValueError(f"instruction {op:#x} is not known here")
        return _Body(parameters, own, code)

    # Running.

    def _run(self, body: _Body, arguments: list[int]) -> int:
        if len(arguments) != body.parameters:
            raise TypeError(f"{body.parameters} arguments wanted, and {len(arguments)} given")
        local = arguments + [0] * body.locals
        stack: list[int] = []
        code, at = body.code, 0
        while at < len(code):
            op, operand = code[at]
            at += 1
            if op == 0x20:
                stack.append(local[operand])
            elif op == 0x42:
                stack.append(operand)
            elif op in BINARY:
                right = stack.pop()
                stack.append(signed(BINARY[op](stack.pop(), right)))
            elif op == 0x21:
                local[operand] = stack.pop()
            elif op == 0x50:
                stack.append(int(stack.pop() == 0))
            elif op == 0x1A:
                stack.pop()
            elif op == 0x0C or (op == 0x0D and stack.pop()):
                # Of a loop, that is its start; of a block, its end.
                at = operand if code[operand][0] == 0x03 else code[operand][1] + 1
            elif (op == 0x04 and not stack.pop()) or op == 0x05:
                at = operand
            elif op == 0x10:
                callee = self.bodies[operand]
                first = len(stack) - callee.parameters
                passed = stack[first:]
                del stack[first:]
                stack.append(self._run(callee, passed))
            elif op == 0x31:
                stack.append(self.memory[(stack.pop() & 0xFFFFFFFF) + operand])
            elif op == 0x3C:
                value = stack.pop()
                self.memory[(stack.pop() & 0xFFFFFFFF) + operand] = value & 0xFF
        return stack.pop()
