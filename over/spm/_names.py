"""Which names a function or class reads from outside, and what of modules it takes.

Functions are read in their byte code, where CPython has settled which names are global; the eager
parts of a class statement (bases, decorators, the body outside of methods) in their syntax tree.
"""

from __future__ import annotations

import ast
import dis
import functools
import types
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

READS: Final = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})
_ATTRIBUTES: Final = frozenset({"LOAD_ATTR", "LOAD_METHOD"})

Position = tuple[int, int, int, int]
"""Line from 1, column in bytes from 0, end line, end column."""


@dataclass(slots=True)
class NameUse:
    """How a piece of code uses one outside name."""

    chains: set[tuple[str, ...]] = field(default_factory=set)
    """The attributes that are read from it, one tuple a use; an empty one is the thing itself."""
    position: Position | None = None
    """The first use."""


@dataclass(frozen=True, slots=True)
class Import:
    """An import statement inside a function."""

    module: str
    level: int
    names: tuple[str, ...]
    """What `from ... import` takes; empty for a plain import."""
    position: Position | None


@dataclass(slots=True)
class CodeNames:
    """What the code of a function, with all functions within it, takes from outside."""

    globals: dict[str, NameUse] = field(default_factory=dict)
    cells: dict[str, NameUse] = field(default_factory=dict)
    imports: list[Import] = field(default_factory=list)
    assigned_globals: dict[str, Position | None] = field(default_factory=dict)
    assigned_cells: dict[str, Position | None] = field(default_factory=dict)


@functools.lru_cache(maxsize=1024)
def names_of(code: types.CodeType) -> CodeNames:
    """Read the code of a function. The result is shared: leave it as it is."""
    found = CodeNames()
    _read(code, set(code.co_freevars), found)
    return found


def _read(code: types.CodeType, free: set[str], found: CodeNames) -> None:
    instructions = [
        one
        for one in dis.get_instructions(code)
        if one.opname not in ("PUSH_NULL", "CACHE", "EXTENDED_ARG")
    ]
    for index, instruction in enumerate(instructions):
        name, operation = instruction.argval, instruction.opname
        if operation in READS:
            _note(found.globals, name, instructions, index)
        elif operation in ("LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF"):
            if name in free:
                _note(found.cells, name, instructions, index)
        elif operation in ("STORE_GLOBAL", "DELETE_GLOBAL"):
            found.assigned_globals.setdefault(name, _position(instruction))
        elif operation in ("STORE_DEREF", "DELETE_DEREF"):
            if name in free:
                found.assigned_cells.setdefault(name, _position(instruction))
        elif operation == "IMPORT_NAME":
            level, taken = _import_arguments(instructions, index)
            found.imports.append(Import(name, level, taken, _position(instruction)))
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            _read(constant, free & set(constant.co_freevars), found)


def _note(
    uses: dict[str, NameUse], name: str, instructions: list[dis.Instruction], index: int
) -> None:
    use = uses.setdefault(name, NameUse())
    if use.position is None:
        use.position = _position(instructions[index])
    chain = []
    for following in instructions[index + 1 :]:
        if following.opname not in _ATTRIBUTES:
            break
        chain.append(following.argval)
    use.chains.add(tuple(chain))


def _import_arguments(
    instructions: list[dis.Instruction], index: int
) -> tuple[int, tuple[str, ...]]:
    """What is on the stack of an import: how many packages up, and the names it takes."""
    level, taken = instructions[index - 2].argval, instructions[index - 1].argval
    names = taken if isinstance(taken, tuple) else ()
    return (level if isinstance(level, int) else 0), names


def _position(instruction: dis.Instruction) -> Position | None:
    at = instruction.positions
    if at is None or None in (at.lineno, at.col_offset, at.end_lineno, at.end_col_offset):
        return None
    return at.lineno, at.col_offset, at.end_lineno, at.end_col_offset  # type: ignore[return-value]


@dataclass(slots=True)
class StatementNames:
    """What running a `class` or decorated `def` statement reads."""

    needed: dict[str, NameUse] = field(default_factory=dict)
    annotations: set[str] = field(default_factory=set)
    """Names that only annotations mention: good to have, but CPython's guest does not need them."""


def names_of_statement(
    node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef,
) -> StatementNames:
    """Read the parts of a statement that run when it is executed, not the bodies of functions."""
    found = StatementNames()
    annotated: set[str] = set()
    for part, is_annotation in _eager_parts(node):
        for inner in _walk_eager(part):
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load):
                if is_annotation:
                    annotated.add(inner.id)
                else:
                    found.needed.setdefault(inner.id, NameUse()).chains.add(())
            elif is_annotation and isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                annotated |= _names_in_text(inner.value)
    found.annotations = annotated - set(found.needed)
    return found


def _eager_parts(node: ast.stmt) -> Iterator[tuple[ast.AST, bool]]:
    """The parts of a definition that run with it, and whether they are annotations."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        arguments = node.args
        parts: list[ast.expr | None] = [
            *node.decorator_list,
            *arguments.defaults,
            *arguments.kw_defaults,
        ]
        for part in parts:
            if part is not None:
                yield part, False
        named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        named += [one for one in (arguments.vararg, arguments.kwarg) if one is not None]
        for one in named:
            if one.annotation is not None:
                yield one.annotation, True
        if node.returns is not None:
            yield node.returns, True
    elif isinstance(node, ast.ClassDef):
        for expression in (*node.decorator_list, *node.bases):
            yield expression, False
        for keyword in node.keywords:
            yield keyword.value, False
        for statement in node.body:
            yield from _eager_parts(statement)
    elif isinstance(node, ast.AnnAssign):
        yield node.annotation, True
        if node.value is not None:
            yield node.value, False
    else:
        yield node, False


def _walk_eager(node: ast.AST) -> Iterator[ast.AST]:
    """Every node but those in bodies of functions nested in statements such as `if`."""
    yield node
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        for part, _ in _eager_parts(node):
            yield from _walk_eager(part)
        return
    for child in ast.iter_child_nodes(node):
        yield from _walk_eager(child)


def _names_in_text(text: str) -> set[str]:
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError):
        return set()
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def names_of_functions(codes: Iterable[types.CodeType]) -> CodeNames:
    """Read several functions as one."""
    found = CodeNames()
    for code in codes:
        read = names_of(code)
        for mine, theirs in ((found.globals, read.globals), (found.cells, read.cells)):
            for name, use in theirs.items():
                known = mine.setdefault(name, NameUse())
                known.chains |= use.chains
                known.position = known.position or use.position
        found.imports += read.imports
        for mine_at, theirs_at in (
            (found.assigned_globals, read.assigned_globals),
            (found.assigned_cells, read.assigned_cells),
        ):
            for name, position in theirs_at.items():
                mine_at.setdefault(name, position)
    return found
