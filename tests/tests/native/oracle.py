"""Says what CPython makes of every case in `cases.py`, for the compiled functions to agree with.

One JSON object a line: a function with what it reaches, and for each call its arguments and its
outcome. Values are CBOR in hexadecimal, as the value codec writes them, so that a test compares bytes.
"""

import contextlib
import importlib.util
import inspect
import io
import json
import struct
import sys
import textwrap
from copy import deepcopy

TUPLE_TAG = 0xB100
SET_TAG = 258


def head(major: int, value: int) -> bytes:
    if value < 24:
        return bytes([major << 5 | value])
    for size, code in ((1, 24), (2, 25), (4, 26), (8, 27)):
        if value < 1 << (8 * size):
            return bytes([major << 5 | code]) + value.to_bytes(size, "big")
    raise OverflowError("more than 64 bits")


def encode(value: object) -> bytes:
    match value:
        case None:
            return b"\xf6"
        case bool():
            return b"\xf5" if value else b"\xf4"
        case int():
            if not -(2**63) <= value < 2**63:
                raise OverflowError("more than the native engine holds")
            return head(0, value) if value >= 0 else head(1, -1 - value)
        case float():
            # Sandboxes make every NaN the same one.
            return b"\xfb" + (struct.pack(">d", value) if value == value else bytes.fromhex("7ff8000000000000"))
        case str():
            text = value.encode()
            return head(3, len(text)) + text
        case bytes():
            return head(2, len(value)) + value
        case list():
            return head(4, len(value)) + b"".join(map(encode, value))
        case tuple():
            return head(6, TUPLE_TAG) + head(4, len(value)) + b"".join(map(encode, value))
        case set():
            return head(6, SET_TAG) + head(4, len(value)) + b"".join(sorted(map(encode, value)))
        case dict():
            items = (encode(key) + encode(item) for key, item in value.items())
            return head(5, len(value)) + b"".join(items)
    raise TypeError(type(value).__name__)


def literal(value: object) -> object:
    """A captured value, with its type spelled out."""
    match value:
        case list() | tuple() | set():
            return {type(value).__name__: [literal(item) for item in value]}
        case dict():
            return {"dict": [[literal(key), literal(item)] for key, item in value.items()]}
        case float():
            return {"float": struct.pack(">d", value).hex()}
        case int() if not isinstance(value, bool):
            return {"int": str(value)}
    return value


def names_in(code: object) -> set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if hasattr(constant, "co_names"):
            names |= names_in(constant)
    return names


def derivation(value: type, classes: list[type]) -> dict:
    """A class of exceptions: its place among all, those it derives from, and the builtin one."""
    chain = []
    while value.__module__ != "builtins":
        if value not in classes:
            classes.append(value)
        chain.append((classes.index(value), value.__name__))
        (value,) = value.__bases__
    return {"classes": chain, "base": value.__name__}


def describe(entry, classes: list[type]) -> list[dict]:
    """The function and all it reaches, with what their names stand for."""
    functions = [entry]
    described = []
    for function in functions:
        captured = {}
        for name in sorted(names_in(function.__code__) & set(function.__globals__)):
            value = function.__globals__[name]
            if inspect.isfunction(value):
                if value not in functions:
                    functions.append(value)
                captured[name] = {"function": functions.index(value)}
            elif inspect.ismodule(value):
                captured[name] = {"module": value.__name__}
            elif inspect.isclass(value):
                captured[name] = {"exception": derivation(value, classes)}
            elif inspect.isbuiltin(value):
                captured[name] = {"member": f"{value.__module__}.{value.__name__}"}
            else:
                captured[name] = {"value": literal(value)}
        source = textwrap.dedent(inspect.getsource(function))
        described.append({"name": function.__name__, "source": source, "captured": captured})
    return described


def chain(error: BaseException | None) -> str:
    """An exception with its lines within their functions, and all it is chained to."""
    if error is None:
        return "none"
    lines = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        # Comprehensions and lambdas are no frames of compiled code.
        if code.co_filename != __file__ and not code.co_name.startswith("<"):
            outer = trace.tb_frame.f_globals[code.co_qualname.partition(".")[0]]
            lines.append(trace.tb_lineno - outer.__code__.co_firstlineno + 1)
        trace = trace.tb_next
    frames = f"{type(error).__name__} at {lines}"
    cause, context = chain(error.__cause__), chain(error.__context__)
    return f"{frames} from {cause} in {context} {str(error.__suppress_context__).lower()}"


def outcome(function, arguments: tuple) -> dict:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        try:
            result = function(*deepcopy(arguments))
            try:
                found = {"returned": encode(result).hex()}
            except OverflowError:
                found = {"left": True}
        except Exception as error:
            args = encode(list(error.args)).hex()
            found = {"class": type(error).__name__, "args": args, "chain": chain(error)}
    return found | {"printed": printed.getvalue(), "arguments": encode(list(arguments)).hex()}


def main(path: str) -> None:
    spec = importlib.util.spec_from_file_location("cases", path)
    cases = importlib.util.module_from_spec(spec)
    sys.modules["cases"] = cases
    spec.loader.exec_module(cases)
    for function, types, calls, may_leave in cases.CASES:
        # Described first: a call may change what the function has captured.
        classes = []
        functions = describe(function, classes)
        outcomes = [outcome(function, call) for call in calls]
        for call, found in zip(calls, outcomes, strict=True):
            found["call"] = f"{function.__name__}{call!r}"
        line = {
            "functions": functions,
            "classes": [known.__name__ for known in classes],
            "types": types,
            "calls": outcomes,
            "may_leave": may_leave,
        }
        print(json.dumps(line))


main(sys.argv[1])
