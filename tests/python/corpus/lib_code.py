"""ast, tokenize, dis, inspect, types, traceback, contextvars, symtable, keyword, warnings."""

import ast
import builtins
import contextvars
import dis
import inspect
import io
import keyword
import symtable
import sys
import tokenize
import traceback
import types
import warnings

from corpus import case


@case(("(a + 2) * f(x, y=1)",), ("[i for i in z if i]",), ("lambda x: x",))
def syntax_trees(source):
    tree = ast.parse(source, mode="eval")
    names = sorted({node.id for node in ast.walk(tree) if isinstance(node, ast.Name)})
    return (
        names,
        ast.unparse(tree),
        type(tree.body).__name__,
        tree.body.col_offset,
        tree.body.end_col_offset,
    )


@case(("[1, 'x', {'k': (None, True)}, -2.5, b'b', {3}]",), ("f()",), ("[",))
def literals(source):
    try:
        return ast.literal_eval(source)
    except (ValueError, SyntaxError) as error:
        return type(error).__name__


class Fold(ast.NodeTransformer):
    def visit_BinOp(self, node):
        self.generic_visit(node)
        if isinstance(node.left, ast.Constant) and isinstance(node.right, ast.Constant):
            value = eval(compile(ast.Expression(ast.fix_missing_locations(node)), "", "eval"))
            return ast.copy_location(ast.Constant(value), node)
        return node


@case(("1 + 2 * 3 - x",), ("2 ** 10",), ("1 / 0",))
def constant_folding(source):
    return ast.unparse(Fold().visit(ast.parse(source, mode="eval")))


@case(("def f(a, *b, c=1) -> int:\n    return a\n",))
def trees_of_statements(source):
    function = ast.parse(source).body[0]
    return (
        function.name,
        [a.arg for a in function.args.args],
        function.args.vararg.arg,
        function.returns.id,
        function.lineno,
        function.end_lineno,
        ast.get_source_segment(source, function.body[0]),
    )


@case(("x = 1 # c\nif x:\n  y = 'a'\n",), ("a b",))
def tokens(source):
    found = tokenize.generate_tokens(io.StringIO(source).readline)
    return [
        (tokenize.tok_name[token.type], token.string) for token in found if token.string.strip()
    ]


@case()
def instructions():
    def sample(a):
        return a + 1

    names = [instruction.opname for instruction in dis.get_instructions(sample)]
    return (
        "BINARY_OP" in names,
        names[-1].startswith("RETURN"),
        dis.code_info(sample).splitlines()[0],
        dis.stack_effect(dis.opmap["POP_TOP"]),
    )


def annotated(a: int, /, b: "str" = "x", *args, c, d=2, **rest) -> list[int]:
    """First line.

    More.
    """


@case()
def signatures():
    signature = inspect.signature(annotated)
    bound = signature.bind(1, c=3, e=4)
    return (
        str(signature),
        bound.arguments,
        [p.kind.name for p in signature.parameters.values()],
        inspect.getdoc(annotated).splitlines()[0],
        annotated.__annotations__["a"].__name__,
    )


@case(((1,), {}), ((1, 2), {"c": 2, "zz": 1}), ((), {"c": 2}))
def signatures_refuse(args, kwargs):
    return inspect.signature(annotated).bind(*args, **kwargs).args


@case()
def what_is_it():
    async def coroutine(): ...

    def generator():
        yield

    class Thing:
        def method(self): ...

        @classmethod
        def other(cls): ...

    return (
        inspect.iscoroutinefunction(coroutine),
        inspect.isgeneratorfunction(generator),
        inspect.isclass(Thing),
        inspect.ismethod(Thing.other),
        inspect.isfunction(Thing.method),
        inspect.isbuiltin(len),
        [name for name, _ in inspect.getmembers(Thing, inspect.isfunction)],
        inspect.getmro(bool)[1].__name__,
        inspect.cleandoc("  a\n    b\n  "),
    )


@case()
def frames_and_callers():
    def who():
        frame = inspect.currentframe()
        return frame.f_code.co_name, frame.f_back.f_code.co_name, sorted(frame.f_back.f_locals)

    local = 1
    return who(), local, sys._getframe().f_lineno - frames_and_callers.__code__.co_firstlineno


@case()
def the_source_of_a_function():
    return inspect.getsource(Fold.visit_BinOp).splitlines()[0].strip(), inspect.getsource(
        annotated
    ).count("\n")


@case()
def tracebacks_as_text():
    def inner():
        return 1 / 0

    try:
        inner()
    except ZeroDivisionError as error:
        lines = traceback.format_exception(error)
        stack = traceback.extract_tb(error.__traceback__)
        return (
            lines[0],
            lines[-1],
            [(frame.name, frame.line) for frame in stack],
            traceback.format_exception_only(error),
        )


@case()
def exception_information():
    try:
        raise KeyError("k")
    except KeyError:
        kind, value, trace = sys.exc_info()
        told = kind.__name__, value.args, trace.tb_frame.f_code.co_name
    return told, sys.exc_info()


@case()
def tracebacks_of_chains():
    try:
        try:
            raise ValueError("a")
        except ValueError as error:
            raise KeyError("b") from error
    except KeyError as error:
        summary = traceback.TracebackException.from_exception(error)
        return [line for line in summary.format() if not line.startswith("  File")][1], str(
            summary.__cause__
        )


FLAG = contextvars.ContextVar("FLAG", default="unset")


@case()
def context_variables():
    def change():
        token = FLAG.set("inner")
        inside = FLAG.get()
        FLAG.reset(token)
        FLAG.set("kept")
        return inside

    context = contextvars.copy_context()
    inside = context.run(change)
    return inside, FLAG.get(), context[FLAG], FLAG.name


@case()
def a_context_variable_without_a_value():
    try:
        contextvars.ContextVar("empty").get()
    except LookupError as error:
        return type(error).__name__


@case(("def f(x):\n  global g\n  y = x\n  return lambda: y + g\n",))
def symbol_tables(source):
    table = symtable.symtable(source, "s", "exec")
    (function,) = [child for child in table.get_children() if child.get_name() == "f"]
    return (
        sorted(function.get_locals()),
        [s.is_global() for s in [function.lookup("g")]],
        function.get_parameters(),
        function.lookup("y").is_local(),
    )


@case(("for", "match", "spam"))
def keywords(*words):
    return [keyword.iskeyword(word) for word in words], [
        keyword.issoftkeyword(word) for word in words
    ]


@case()
def warnings_are_recorded():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        warnings.warn("careful", UserWarning, stacklevel=1)
        warnings.warn(DeprecationWarning("old"))
    return [(w.category.__name__, str(w.message)) for w in seen]


@case()
def warnings_become_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.warn("now it is one", RuntimeWarning, stacklevel=1)


@case()
def kinds_of_types():
    proxy = types.MappingProxyType({"a": 1})
    seen = [proxy["a"], len(proxy)]
    try:
        proxy["b"] = 2
    except TypeError as error:
        seen.append(str(error))
    made = types.new_class("Made", (), exec_body=lambda namespace: namespace.update(x=1))
    return (
        seen,
        made.x,
        isinstance(types, types.ModuleType),
        isinstance(len, types.BuiltinFunctionType),
        types.MethodType(len, [1, 2])(),
    )


@case()
def simple_namespaces_and_dynamic_attributes():
    class Account:
        def __init__(self):
            self._balance = 5

        @types.DynamicClassAttribute
        def balance(self):
            return self._balance

    return Account().balance, sorted(vars(types.SimpleNamespace(b=1, a=2))), builtins.sum([1, 2])


@case(("x = 1\ny = x +\n",), ("  indented\n",), ("if True:\nx\n",), ("f(",))
def what_the_parser_says(source):
    try:
        ast.parse(source)
    except SyntaxError as error:
        return type(error).__name__, error.lineno
