"""exec and eval, attributes by name, inspection at run time."""

import builtins
import operator
import types

from corpus import case


@case(("x * 2 + y", {"x": 3, "y": 1}), ("[x for x in range(x)]", {"x": 2}), ("x +", {"x": 1}))
def evaluate(source, names):
    try:
        return eval(source, {"__builtins__": builtins}, names)
    except SyntaxError as error:
        return type(error).__name__, error.lineno


@case()
def names_that_eval_does_not_know():
    return eval("unknown + 1", {})


@case()
def an_error_inside_exec():
    exec("a = 1\nb = a / 0\n", {})


@case((6,))
def execute_a_program(n):
    namespace = {"n": n}
    source = """
def fact(k):
    return 1 if k < 2 else k * fact(k - 1)

class Thing:
    value = fact(n)

result = [fact(i) for i in range(n)]
"""
    exec(compile(source, "<made>", "exec"), namespace)
    return namespace["result"], namespace["Thing"].value, namespace["fact"].__code__.co_filename


@case()
def compile_modes():
    single = compile("4 + 5", "<s>", "eval")
    return eval(single), single.co_name, single.co_names, types.FunctionType(single, {})()


@case(("upper", ()), ("split", ("b",)), ("missing", ()))
def call_by_name(name, args):
    return getattr("abc", name)(*args), hasattr("abc", name), getattr(5, name, "default")


@case()
def set_and_delete_by_name():
    box = types.SimpleNamespace(a=1)
    setattr(box, "b c", 2)
    delattr(box, "a")
    return (
        vars(box),
        repr(types.SimpleNamespace(x=[1], y="z")),
        box == types.SimpleNamespace(**{"b c": 2}),
    )


@case()
def delete_a_missing_name():
    try:
        delattr(types.SimpleNamespace(), "nothing")
    except AttributeError as error:
        return "nothing" in str(error)


@case((5,), ("x",), (2.5,), ([1],), (None,), ({},))
def types_of_values(value):
    kind = type(value)
    return (
        kind.__name__,
        isinstance(value, (int, str)),
        issubclass(kind, object),
        kind.__mro__[-1].__name__,
        callable(value),
    )


@case()
def code_objects():
    def sample(a, b=2, *args, c, **kw):
        """Doc."""
        local = a
        return local

    code = sample.__code__
    return (
        code.co_varnames,
        code.co_argcount,
        code.co_kwonlyargcount,
        code.co_name,
        sample.__defaults__,
        sample.__kwdefaults__,
        sample.__doc__,
    )


@case((2,))
def a_function_with_another_code(n):
    def one(x):
        return x + 1

    def two(x):
        return x * 100

    one.__code__ = two.__code__
    clone = types.FunctionType(two.__code__, {}, "clone", (n,))
    return one(n), clone(), clone.__name__


@case()
def bound_methods_and_builtins():
    items = []
    add = items.append
    add(1)
    add(2)
    keep = str.upper
    pick = operator.methodcaller("replace", "a", "b")
    return (
        items,
        keep("x"),
        pick("banana"),
        add.__self__ is items,
        list(map(operator.itemgetter(1, -1), ["abc", "de"])),
    )


@case()
def a_class_by_the_dozen():
    made = {
        f"Class{i}": type(f"Class{i}", (), {"value": i, "get": lambda self: self.value})
        for i in range(3)
    }
    return {name: cls().get() for name, cls in made.items()}


@case((3, 4), (5, 0))
def a_calculator_from_a_table(a, b):
    operations = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
    return {sign: operation(a, b) for sign, operation in operations.items()}


class Proxy:
    def __init__(self, target):
        object.__setattr__(self, "_target", target)
        object.__setattr__(self, "_log", [])

    def __getattr__(self, name):
        self._log.append(name)
        return getattr(self._target, name)

    def __setattr__(self, name, value):
        setattr(self._target, name, value)

    def __dir__(self):
        return ["only", "these"]


@case()
def a_proxy():
    target = types.SimpleNamespace(x=1)
    proxy = Proxy(target)
    proxy.x += 1
    proxy.y = proxy.x
    return vars(target), proxy._log, dir(proxy)


@case()
def a_proxy_without_the_attribute():
    return Proxy(5).nothing


class Stack:
    """A stack machine whose instructions are methods found by name."""

    def __init__(self):
        self.items = []

    def op_push(self, value):
        self.items.append(float(value))

    def op_add(self):
        self.items.append(self.items.pop() + self.items.pop())

    def op_div(self):
        divisor = self.items.pop()
        self.items.append(self.items.pop() / divisor)

    def op_dup(self):
        self.items.append(self.items[-1])

    def run(self, program):
        for number, line in enumerate(program.splitlines(), 1):
            name, *args = line.split()
            try:
                getattr(self, f"op_{name}")(*args)
            except AttributeError:
                raise NotImplementedError(f"line {number}: no instruction {name!r}") from None
        return self.items


@case(("push 6\ndup\nadd\npush 4\ndiv",), ("push 1\njump",), ("add",), ("push x",), ("push 1 2",))
def a_stack_machine(program):
    return Stack().run(program)


@case()
def ids_and_identity():
    a = [1]
    b = a
    c = [1]
    return (
        a is b,
        a is c,
        id(a) == id(b),
        a == c,
        None is None,
        type(a) is list,
        (lambda: 1) == (lambda: 1),
    )


@case()
def dir_and_vars_of_a_class():
    class Small:
        attribute = 1

        def method(self): ...

        _private = None

    return [name for name in dir(Small) if not name.startswith("__")], sorted(
        n for n in vars(Small) if n.islower() and n[0] != "_"
    )
