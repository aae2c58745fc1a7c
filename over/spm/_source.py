"""From a function to its source, with proof that it is the right one.

The file's text is compiled again as CPython compiled it, and the function's code is compared with
the result: an edited file gives an error, never other code.
"""

from __future__ import annotations
import __future__

import ast
import functools
import inspect
import io
import linecache
import sys
import types
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ._errors import CompileError

if TYPE_CHECKING:
    from collections.abc import Iterator

_FUTURE_FLAGS = functools.reduce(
    lambda flags, name: flags | getattr(__future__, name).compiler_flag,
    __future__.all_feature_names,
    0,
)
_LAMBDA = "<lambda>"


def future_names(flags: int) -> list[str]:
    """Name the features of `__future__` that code with these flags was compiled with."""
    return [
        name
        for name in __future__.all_feature_names
        if flags & getattr(__future__, name).compiler_flag & _FUTURE_FLAGS
    ]


@dataclass(frozen=True, slots=True)
class Source:
    """A function's text, dedented, and where it came from."""

    text: str
    file: str
    first_line: int
    column: int
    """UTF-8 bytes removed from the left of each line; of a lambda, from the first line."""
    is_async: bool
    is_generator: bool


def locate(function: types.FunctionType) -> Source:
    """Find the source of `function`, or raise a `CompileError` that says why there is none."""
    code = function.__code__
    text = _file_text(function)
    try:
        module, tree = _compiled(text, code.co_filename, code.co_flags & _FUTURE_FLAGS)
    except (SyntaxError, ValueError):
        raise _changed(function) from None
    if "@pytest_ar" in function.__globals__:
        module = _compiled_by_pytest(text, code.co_filename, function.__globals__)
    line = _matching_line(module, function)
    node = _node(tree, code, line)
    return _cut(text, node, function)


def _file_text(function: types.FunctionType) -> str:
    text = _text_of(function.__code__.co_filename, function.__globals__)
    if not text:
        raise _no_source(function)
    return text


def _text_of(file: str, namespace: dict[str, Any] | None) -> str:
    linecache.checkcache(file)
    text = "".join(linecache.getlines(file, namespace))
    if not text and file == "<string>":
        text = _command_text()
    return text


def locate_class(class_: type) -> tuple[Source, ast.ClassDef]:
    """Find the `class` statement that made `class_`, or raise a `CompileError` that says why not.

    The proof is in its methods: those that the statement defines must be those of the class.
    """
    methods = [
        method
        for method in map(_function_in, vars(class_).values())
        if method is not None and method.__qualname__.startswith(class_.__qualname__ + ".")
    ]
    module = sys.modules.get(class_.__module__)
    namespace = None if module is None else vars(module)
    for file in _class_files(class_, methods, module):
        text = _text_of(file, namespace)
        try:
            code, tree = _compiled(text, file, _class_flags(methods))
        except (SyntaxError, ValueError):
            continue
        if namespace is not None and "@pytest_ar" in namespace:
            code = _compiled_by_pytest(text, file, namespace)
        own = [method.__code__ for method in methods if method.__code__.co_filename == file]
        line = _matching_class(code, class_, own)
        if line is None:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and node.name == class_.__name__:
                first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
                if first == line:
                    return _cut_statement(text, node, file), node
    raise CompileError(
        f"the class `{class_.__qualname__}` has no source that can be found; define it with a "
        "`class` statement in a file or a notebook, and import it again if that was edited"
    )


def _function_in(value: object) -> types.FunctionType | None:
    """The function behind an attribute of a class, decorated or not."""
    for _ in range(8):
        if isinstance(value, types.FunctionType):
            return value
        inner = getattr(value, "__func__", None) or getattr(value, "__wrapped__", None)
        if inner is None and isinstance(value, property):
            inner = value.fget
        if inner is None:
            inner = getattr(value, "func", None)
        if inner is None:
            return None
        value = inner
    return None


def _class_files(
    class_: type, methods: list[types.FunctionType], module: types.ModuleType | None
) -> list[str]:
    """Files that may hold the statement, the likeliest first."""
    files = dict.fromkeys(
        method.__code__.co_filename
        for method in methods
        if method.__module__ == class_.__module__ and method.__code__.co_filename[:1] != "<"
    )
    file = getattr(module, "__file__", None)
    if isinstance(file, str):
        files.setdefault(file)
    files.update(dict.fromkeys(method.__code__.co_filename for method in methods))
    if file is None:
        # Cells of a notebook and lines of a prompt, the latest first.
        cells = [name for name in linecache.cache if name.startswith("<") or "ipykernel" in name]
        files.update(dict.fromkeys(reversed(cells)))
        files.setdefault("<string>")
    return list(files)


def _class_flags(methods: list[types.FunctionType]) -> int:
    return methods[0].__code__.co_flags & _FUTURE_FLAGS if methods else 0


def _matching_class(module: types.CodeType, class_: type, own: list[types.CodeType]) -> int | None:
    """First line of the statement whose methods are those of the class; the last one of several."""
    found = None
    for code in _nested(module):
        if code.co_qualname != class_.__qualname__ or code.co_flags & inspect.CO_OPTIMIZED:
            continue
        inner = [one for one in code.co_consts if isinstance(one, types.CodeType)]
        if all(
            any(_same(one, method) for one in inner)
            for method in own
            if method.co_qualname == f"{class_.__qualname__}.{method.co_name}"
        ):
            found = code.co_firstlineno
    return found


def _cut_statement(text: str, node: ast.ClassDef, file: str) -> Source:
    lines = io.StringIO(text, newline=None).readlines()
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    in_string = _lines_in_strings(node)
    cut = [
        line if first + index in in_string else _dedented(line, node.col_offset)
        for index, line in enumerate(lines[first - 1 : node.end_lineno])
    ]
    return Source("".join(cut), file, first, node.col_offset, is_async=False, is_generator=False)


def _command_text() -> str:
    """Return the text of `python -c`, which Python itself keeps in its command line only."""
    arguments = iter(sys.orig_argv[1:])
    for argument in arguments:
        if argument in ("-W", "-X", "--check-hash-based-pycs"):
            next(arguments, None)
        elif not argument.startswith("-") or argument == "-":
            break
        elif not argument.startswith(("--", "-W", "-X")) and "c" in argument:
            return argument.partition("c")[2] or next(arguments, "")
    return ""


def _no_source(function: types.FunctionType) -> CompileError:
    file = function.__code__.co_filename
    if file == "<stdin>":
        why = "Python does not keep what it reads from standard input"
        what = "put it into a file or a notebook, or use the prompt of Python 3.13"
    elif file == "<string>":
        why, what = "it was made by `exec`", "put it into a file"
    else:
        why, what = f"`{file}` cannot be read", "put it where Python can read it"
    return CompileError(f"`{function.__qualname__}` has no source: {why}; {what}")


def _changed(function: types.FunctionType) -> CompileError:
    file = function.__code__.co_filename
    return CompileError(
        f"`{function.__qualname__}` is not what `{file}` now says: the file was edited after it "
        "was imported; import it again, or restart Python"
    )


@functools.lru_cache(maxsize=16)
def _compiled(text: str, file: str, flags: int) -> tuple[types.CodeType, ast.Module]:
    # A notebook cell may await at its top level.
    flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    tree = ast.parse(text, file)
    module = compile(text, file, "exec", flags=flags, dont_inherit=True)
    return module, tree


def _compiled_by_pytest(text: str, file: str, namespace: dict[str, Any]) -> types.CodeType:
    """Compile a test module as pytest did, which rewrites its assert statements."""
    loader = getattr(namespace.get("__spec__"), "loader", None)
    return _rewritten(text, file, getattr(loader, "config", None))


@functools.lru_cache(maxsize=16)
def _rewritten(text: str, file: str, config: Any) -> types.CodeType:
    from _pytest.assertion.rewrite import rewrite_asserts  # type: ignore[import-not-found,unused-ignore]

    tree = ast.parse(text, file)
    rewrite_asserts(tree, text.encode(), file, config)
    return compile(tree, file, "exec", dont_inherit=True)


def _nested(code: types.CodeType) -> Iterator[types.CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from _nested(constant)


def _matching_line(module: types.CodeType, function: types.FunctionType) -> int:
    """Find the first line of the code in `module` that is the function's, or refuse."""
    code = function.__code__
    found = [
        other
        for other in _nested(module)
        if other.co_qualname == code.co_qualname and _same(other, code)
    ]
    here = [other for other in found if other.co_firstlineno == code.co_firstlineno]
    if here:
        return here[0].co_firstlineno
    # Lines moved above the function: harmless as long as there is no doubt which one it is.
    lines = {other.co_firstlineno for other in found}
    if len(lines) == 1:
        return lines.pop()
    raise _changed(function)


def _same(one: types.CodeType, other: types.CodeType) -> bool:
    """Tell whether two code objects do the same, wherever their lines are."""
    return (
        one.co_name == other.co_name
        and one.co_code == other.co_code
        and one.co_exceptiontable == other.co_exceptiontable
        and one.co_argcount == other.co_argcount
        and one.co_posonlyargcount == other.co_posonlyargcount
        and one.co_kwonlyargcount == other.co_kwonlyargcount
        and one.co_flags & ~_FUTURE_FLAGS == other.co_flags & ~_FUTURE_FLAGS
        and one.co_names == other.co_names
        and one.co_varnames == other.co_varnames
        and one.co_freevars == other.co_freevars
        and one.co_cellvars == other.co_cellvars
        and len(one.co_consts) == len(other.co_consts)
        and all(map(_same_constant, one.co_consts, other.co_consts))
    )


def _same_constant(one: object, other: object) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, types.CodeType):
        return _same(one, other)  # type: ignore[arg-type]
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(_same_constant, one, other))  # type: ignore[arg-type, call-overload]
    if isinstance(one, frozenset):
        return {(type(x), x) for x in one} == {(type(x), x) for x in other}  # type: ignore[attr-defined]
    # repr tells 0.0 from -0.0, and one NaN is as good as another.
    return repr(one) == repr(other)


def _node(
    tree: ast.Module, code: types.CodeType, line: int
) -> ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda:
    if code.co_name == _LAMBDA:
        return _lambda_node(tree, code, line)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.decorator_list[0] if node.decorator_list else node
            if first.lineno == line and node.name == code.co_name:
                return node
    raise CompileError(f"`{code.co_qualname}` could not be found at line {line} of its file")


def _lambda_node(tree: ast.Module, code: types.CodeType, line: int) -> ast.Lambda:
    starting = [
        node for node in ast.walk(tree) if isinstance(node, ast.Lambda) and node.lineno == line
    ]
    inner = {id(node) for outer in starting for node in ast.walk(outer) if node is not outer}
    outermost = [node for node in starting if id(node) not in inner]
    if len(outermost) > 1:
        raise CompileError(
            f"line {line} of `{code.co_filename}` has {len(outermost)} lambdas, and SPM does not "
            "guess which one is meant; give each a line of its own, or a name with `def`"
        )
    columns = [
        (start, column)
        for start, _, column, _ in code.co_positions()
        if start is not None and column is not None
    ]
    shift = line - code.co_firstlineno
    for node in starting:
        body = node.body
        inside = [
            (body.lineno, body.col_offset)
            <= (start + shift, column)
            <= (body.end_lineno or 0, body.end_col_offset or 0)
            for start, column in columns
            if (start + shift, column) != (line, 0)  # RESUME
        ]
        depth = sum(isinstance(other, ast.Lambda) for other in ast.walk(body))
        if inside and all(inside) and depth == _lambdas_in(code):
            return node
    if len(starting) == 1:
        return starting[0]
    raise CompileError(f"the lambda at line {line} of `{code.co_filename}` could not be found")


def _lambdas_in(code: types.CodeType) -> int:
    return sum(nested.co_name == _LAMBDA for nested in _nested(code))


def _cut(
    text: str,
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda,
    function: types.FunctionType,
) -> Source:
    lines = io.StringIO(text, newline=None).readlines()
    decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
    first = min([node.lineno, *(decorator.lineno for decorator in decorators)])
    cut = lines[first - 1 : node.end_lineno]
    column = node.col_offset
    if not isinstance(node, ast.Lambda):
        in_string = _lines_in_strings(node)
        cut = [
            line if first + index in in_string else _dedented(line, column)
            for index, line in enumerate(cut)
        ]
    else:
        cut[-1] = _bytes(cut[-1], 0, node.end_col_offset)
        cut[0] = _bytes(cut[0], column, None)
        cut = [_one_expression("".join(cut), node, function)]
    flags = function.__code__.co_flags
    return Source(
        text="".join(cut),
        file=function.__code__.co_filename,
        first_line=first,
        column=column,
        is_async=bool(flags & inspect.CO_COROUTINE),
        is_generator=bool(flags & (inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR)),
    )


def _one_expression(text: str, node: ast.Lambda, function: types.FunctionType) -> str:
    """Keep a lambda together that goes over several lines, which brackets around it did."""
    for joined in (text, text.replace("\n", "\\\n")):
        try:
            body = ast.parse(joined, mode="eval").body
        except SyntaxError:
            continue
        if ast.dump(body) == ast.dump(node):
            return joined
    raise CompileError(
        f"the lambda at line {node.lineno} of `{function.__code__.co_filename}` cannot be taken out "
        "of its brackets; give it a name with `def`"
    )


def _bytes(line: str, start: int, end: int | None) -> str:
    return line.encode()[start:end].decode()


def _lines_in_strings(node: ast.AST) -> set[int]:
    """Lines that begin within a string, whose blanks are part of its value."""
    return {
        line
        for inner in ast.walk(node)
        if isinstance(inner, ast.JoinedStr)
        or (isinstance(inner, ast.Constant) and isinstance(inner.value, str | bytes))
        for line in range(inner.lineno + 1, (inner.end_lineno or 0) + 1)
    }


def _dedented(line: str, column: int) -> str:
    """Cut `column` blanks; a line that has fewer (a comment, say) loses those it has."""
    blanks = len(line) - len(line.lstrip(" \t\f"))
    return line[min(column, blanks) :]
