"""From the submitter's source text to code objects that have the submitter's files, lines and columns.

A piece of source (a `def`, a lambda, a class statement) arrives cut out of its file and dedented.
Where it needs surroundings to compile as it did there (enclosing functions for its free variables
and qualified name, an enclosing class for private names), the surroundings are made as syntax tree
around it; they are never run.
"""

import __future__

import ast
import linecache
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FunctionType
from typing import Any, Final

_LOCALS: Final = "<locals>"
# Of the function that binds free variables where the source has none around.
_FREE: Final = "<free>"
_FLAGS: Final = {
    name: getattr(__future__, name).compiler_flag for name in __future__.all_feature_names
}

# The submitter's lines by file, for tracebacks: text, first line, columns cut off.
_pieces: dict[str, list[tuple[str, int, int]]] = {}

whole: Final[dict[str, str]] = {}
"""The text of files that travelled as a whole."""


def flags_of(features: "list[str]") -> int:
    """Turn names of `__future__` features into flags of `compile`; those of later Pythons are none."""
    flags = 0
    for name in features:
        flags |= _FLAGS.get(name, 0)
    return flags


@contextmanager
def unwarned() -> Iterator[None]:
    """Compile without a word about syntax: this compiler warns of what the submitter's may not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        yield


def remember(file: str, text: str, line: int, column: int) -> None:
    """Keep the text of a piece for tracebacks, until someone wants to see it."""
    _pieces.setdefault(file, []).append((text, line, column))
    if file.startswith("<") and file.endswith(">"):
        # Of a cell or a prompt, `linecache` only takes what it has already.
        lines = [each + "\n" for each in lines_of(file)]
        linecache.cache[file] = (sum(map(len, lines)), None, lines, file)
    else:
        # What it has yet to ask for.
        linecache.cache[file] = (_Later(file),)


def forget() -> None:
    """Forget all pieces."""
    for file in _pieces:
        linecache.cache.pop(file, None)
    _pieces.clear()
    whole.clear()


class _Later:
    """The text of a file, put together when it is asked for."""

    __slots__ = ("file",)

    def __init__(self, file: str) -> None:
        self.file = file

    def __call__(self) -> str:
        return "\n".join(lines_of(self.file))


def lines_of(file: str) -> list[str]:
    """Make the lines of a file as far as they are known; the others are empty."""
    lines: list[str] = []
    for text, first, column in _pieces.get(file, ()):
        for number, line in enumerate(text.split("\n"), first):
            if len(lines) < number:
                lines.extend([""] * (number - len(lines)))
            lines[number - 1] = " " * column + line if line else line
    return lines


def line_of(file: str, number: int) -> str:
    """Return a line of a file, empty if it is not known."""
    for text, first, column in _pieces.get(file, ()):
        if number >= first:
            lines = text.split("\n")
            if number < first + len(lines):
                return " " * column + lines[number - first]
    lines = whole.get(file, "").split("\n")
    return lines[number - 1] if 0 < number <= len(lines) else ""


def shift(tree: ast.AST, line: int, column: int, *, only_first_line: bool = False) -> None:
    """Move a tree to where its text begins in its file."""
    down = line - 1
    node: Any
    for node in ast.walk(tree):
        if not hasattr(node, "lineno"):
            continue
        if column and (not only_first_line or node.lineno == 1):
            node.col_offset += column
        node.lineno += down
        if node.end_lineno is not None:
            if column and (not only_first_line or node.end_lineno == 1):
                node.end_col_offset += column
            node.end_lineno += down


def moved(code: CodeType, down: int) -> CodeType:
    """Move code, and all code within, down by lines: positions count from the first line."""
    consts = code.co_consts
    if any(type(const) is CodeType for const in consts):
        consts = tuple(moved(const, down) if type(const) is CodeType else const for const in consts)
    return code.replace(co_firstlineno=code.co_firstlineno + down, co_consts=consts)


def _place(node: Any) -> dict[str, Any]:
    return {"lineno": node.lineno, "col_offset": 0, "end_lineno": node.lineno, "end_col_offset": 0}


def _surrounded(
    statement: ast.stmt, qualname: str, free: "list[str]", inside: str | None
) -> tuple[ast.stmt, int]:
    """Put a statement into the functions and classes that its qualified name tells of.

    `free` are bound in the outermost function; `inside` is the class whose private names it has.
    Returns the statement, and how many levels were added.
    """
    place = _place(statement)
    parts = qualname.split(".")[:-1]
    levels: list[tuple[str, bool]] = []  # name, and whether it is a function
    for part in parts:
        if part == _LOCALS and levels:
            levels[-1] = (levels[-1][0], True)
        else:
            levels.append((part, False))
    innermost = next((name for name, function in reversed(levels) if not function), None)
    if inside is not None and innermost != inside:
        levels.append((inside, False))
    elif inside is None and innermost is not None:
        levels = [(name, True) for name, _ in levels]
    bound = [name for name in free if name != "__class__" or not (levels and not levels[-1][1])]
    if bound and not (levels and levels[0][1]):
        levels.insert(0, (_FREE, True))
    for at, (name, function) in reversed(list(enumerate(levels))):
        body = [statement]
        if at == 0 and bound:
            targets: list[ast.expr] = [ast.Name(each, ast.Store(), **place) for each in bound]
            body.insert(0, ast.Assign(targets, ast.Constant(None, **place), **place))
            if name == _FREE and hasattr(statement, "name"):
                # What is declared global has a qualified name without this level.
                body.insert(0, ast.Global([statement.name], **place))
        if function:
            arguments = ast.arguments([], [], None, [], [], None, [])
            statement = ast.FunctionDef(name, arguments, body, [], None, None, **place)
            if hasattr(statement, "type_params"):
                statement.type_params = []
        else:
            statement = ast.ClassDef(name, [], [], body, [], **place)
            if hasattr(statement, "type_params"):
                statement.type_params = []
    return statement, len(levels)


def _inner(code: CodeType, name: str | None = None) -> CodeType:
    """Find the code of the last function or class that `code` makes (of this name, if given)."""
    for const in reversed(code.co_consts):
        if type(const) is CodeType:
            if const.co_name.startswith("<generic parameters"):
                return _inner(const, name)
            if const.co_name != "__annotate__" and name in {None, const.co_name}:
                return const
    raise ValueError("the source is no function")


def _compiled(tree: ast.stmt, file: str, flags: int) -> CodeType:
    module = ast.Module([tree], [])
    code: CodeType = compile(module, file, "exec", flags, dont_inherit=True)
    return code


def function_code(piece: dict[str, Any]) -> CodeType:
    """Compile the function or lambda of a "function" step. Its decorators are left away."""
    text, file, line, column = piece["text"], piece["file"], piece["line"], piece["column"]
    qualname, free, inside = piece["qualname"], piece["free"] or [], piece["class"]
    flags = flags_of(piece["future"])
    is_lambda = not text.lstrip().startswith(("def ", "async ", "@", "def\t", "async\t"))
    if not (free or inside or column or is_lambda) and "class" not in text and "@" not in text:
        # The usual function of a module: nothing around it, nothing to move but down.
        code = _inner(compile(text, file, "exec", flags, dont_inherit=True))
        if code.co_qualname == qualname:
            return moved(code, line - 1) if line > 1 else code
    if is_lambda:
        tree: Any = ast.parse(f"({text})", file, "eval", type_comments=False).body
        shift(tree, line, column - 1, only_first_line=True)
        # Defaults were evaluated by the submitter.
        _forget_defaults(tree.args)
        statement: ast.stmt = ast.Expr(tree, **_place(tree))
        name = "<lambda>"
    else:
        statement = ast.parse(text, file, "exec").body[0]
        assert isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef)
        shift(statement, line, column)
        _forget_defaults(statement.args)
        # They decide on which line the function begins, and are not run.
        statement.decorator_list = [
            ast.copy_location(ast.Constant(None), each) for each in statement.decorator_list
        ]
        name = statement.name
    surrounded, levels = _surrounded(statement, qualname, free, inside)
    code = _compiled(surrounded, file, flags)
    for _ in range(levels):
        code = _inner(code)
    code = _inner(code, name)
    return code if code.co_qualname == qualname else code.replace(co_qualname=qualname)


def _forget_defaults(arguments: ast.arguments) -> None:
    arguments.defaults = [
        ast.copy_location(ast.Constant(None), each) for each in arguments.defaults
    ]
    arguments.kw_defaults = [
        each and ast.copy_location(ast.Constant(None), each) for each in arguments.kw_defaults
    ]


def function(piece: dict[str, Any], namespace: dict[str, Any], cells: "list[Any]") -> FunctionType:
    """Make the function of a "function" step, without defaults."""
    code = function_code(piece)
    made = FunctionType(code, namespace, piece["name"], None, _closure(code, piece["free"], cells))
    made.__qualname__ = piece["qualname"]
    return made


def _closure(code: CodeType, free: "list[str] | None", cells: "list[Any]") -> tuple[Any, ...]:
    if not code.co_freevars:
        return ()
    by_name = dict(zip(free or (), cells, strict=True))
    try:
        return tuple(by_name[name] for name in code.co_freevars)
    except KeyError as error:
        raise ValueError(f"no cell for the free variable `{error.args[0]}`") from None


def executed(
    piece: dict[str, Any], namespace: dict[str, Any], cells: "list[Any]", name: str
) -> Any:
    """Execute the statement of a "class" or "statement" step, and return what it binds."""
    text, file, line, column = piece["text"], piece["file"], piece["line"], piece["column"]
    qualname, free = piece["qualname"], piece["free"] or []
    flags = flags_of(piece["future"])
    statement: Any = ast.parse(text, file, "exec").body[0]
    name = getattr(statement, "name", name)
    if line > 1 or column:
        shift(statement, line, column)
    if not free and qualname == name:
        bound: dict[str, Any] = {}
        exec(_compiled(statement, file, flags), namespace, bound)
        return bound[name]
    # A function that executes the statement and returns what it has bound; around it the
    # functions and classes of the qualified name, in which the free names are bound.
    place = _place(statement)
    path = qualname.rpartition(".")[0]
    if not path.endswith("." + _LOCALS):
        path = f"{path}.<statement>.{_LOCALS}" if path else f"<statement>.{_LOCALS}"
    around, _, last = path.removesuffix("." + _LOCALS).rpartition(".")
    arguments = ast.arguments([], [], None, [], [], None, [])
    body = [statement, ast.Return(ast.Name(name, ast.Load(), **place), **place)]
    maker: ast.stmt = ast.FunctionDef(last, arguments, body, [], None, None, **place)
    if hasattr(maker, "type_params"):
        maker.type_params = []
    in_class = around and not around.endswith(_LOCALS)
    inside = around.rpartition(".")[2] if in_class else None
    surrounded, levels = _surrounded(maker, f"{around}.{last}" if around else last, free, inside)
    code = _compiled(surrounded, file, flags)
    for _ in range(levels):
        code = _inner(code)
    code = _inner(code, last)
    made = FunctionType(code, namespace, last, None, _closure(code, free, cells))()
    if getattr(made, "__qualname__", qualname) != qualname:
        made.__qualname__ = qualname
    return made
