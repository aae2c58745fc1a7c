"""Exceptions of builtin classes: arguments, chains, notes, what Python itself raises."""

from corpus import case


@case((0,), (1,), (2,), (3,), (4,), (5,), (6,), (7,), (8,), (9,), (10,), (11,))
def raise_builtin_classes(which):
    errors = [
        ValueError("text"),
        ValueError(),
        ValueError("two", 2),
        KeyError("key"),
        KeyError(("a", 1)),
        IndexError(),
        LookupError({"a": [1, 2.5]}),
        ArithmeticError(None, True, b"x"),
        NotImplementedError,
        RuntimeError(3 + 4j),
        EOFError("end"),
        BufferError(frozenset({1, 2})),
    ]
    raise errors[which]


@case((0,), (1,), (2,), (3,), (4,))
def os_errors_by_number(which):
    arguments = [
        (9001, "no such error"),
        (9002, "with a file", "secret.txt"),
        (9003, "with two", "a", None, "b"),
        ("just text",),
        (),
    ]
    # Numbers that no system uses: those of the systems differ.
    raise OSError(*arguments[which])


@case((0,), (1,), (2,), (3,))
def os_errors_by_class(which):
    kinds = [FileNotFoundError, PermissionError, TimeoutError, ConnectionResetError]
    raise kinds[which]("text", which, "file")


@case((b"\xff\xfe", "ascii"), (b"ab\xc3", "utf-8"))
def unicode_decode_errors(data, encoding):
    return data.decode(encoding)


@case(("\u20ac5", "latin-1"), ("x\ud800", "utf-8"))
def unicode_encode_errors(text, encoding):
    return text.encode(encoding)


@case((1, 0), (1.5, "x"), (2, 4))
def arithmetic(a, b):
    return a / b


@case(([1, 2], 5), ((), 0), ("abc", -4), ({}, "k"), ({1: 2}, (3, 4)), (range(3), 7))
def missing_items(container, key):
    return container[key]


@case((None,), (5,), ("text",), ([],))
def missing_attributes(value):
    return value.missing


@case(("12x",), ("",), ("-0b12",))
def int_of_text(text):
    return int(text, 0)


@case(("1e",), ("nan?",))
def float_of_text(text):
    return float(text)


@case((300,), (-1,))
def bytes_out_of_range(n):
    return bytes([n])


@case()
def unsupported_operands():
    return [1] + (2,)


@case((5,), (None,))
def not_callable(value):
    return value()


@case(([1, 2],), ([1, 2, 3, 4],))
def unpack_too_few(values):
    a, b, c = iter(values)
    return a, b, c


@case()
def from_another_exception():
    try:
        {}["a"]
    except KeyError as error:
        raise ValueError("no a", 1) from error


@case()
def while_handling_another():
    try:
        [][3]
    except IndexError:
        int("ten")


@case()
def from_none():
    try:
        [][3]
    except IndexError:
        raise RuntimeError("clean") from None


@case()
def from_a_class():
    raise ValueError("v") from KeyError


@case()
def three_links():
    try:
        try:
            raise OSError(9001, "first", "file")
        except OSError as error:
            raise ValueError("second") from error
    except ValueError:
        raise KeyError("third")


@case()
def a_cause_that_was_never_raised():
    raise ValueError("v") from ArithmeticError("made up", [1])


@case()
def in_finally_during_an_exception():
    try:
        raise ValueError("first")
    finally:
        raise KeyError("second")


@case()
def notes():
    error = ValueError("noted")
    error.add_note("one")
    error.add_note("two\nlines")
    raise error


@case()
def notes_added_on_the_way_up():
    def inner(n):
        try:
            return 1 / n
        except ZeroDivisionError as error:
            error.add_note(f"n was {n}")
            raise

    try:
        inner(0)
    except ArithmeticError as error:
        error.add_note("seen outside")
        raise


@case()
def attributes_set_on_an_exception():
    error = RuntimeError("with attributes")
    error.code = 7
    error.details = {"a": (1, None)}
    raise error


@case()
def reraise():
    try:
        int("x")
    except ValueError as error:
        kept = error
    raise kept


@case()
def reraise_with_an_edited_traceback():
    def deep():
        raise ValueError("deep")

    try:
        deep()
    except ValueError as error:
        raise error.with_traceback(None)


@case()
def bare_raise_without_an_exception():
    raise


@case((5,), ("ValueError",))
def raise_what_is_no_exception(thing):
    raise thing


@case((0,), (1,), (2,))
def leaving_python(which):
    raise (SystemExit(3), KeyboardInterrupt("stop"), GeneratorExit())[which]


@case()
def sys_exit():
    import sys

    sys.exit("message")


@case()
def stop_iteration():
    return next(iter([]))


@case()
def stop_async_iteration_with_a_value():
    raise StopAsyncIteration("value", 1)


@case()
def frames_of_several_functions():
    def first(n):
        return second(n - 1)

    def second(n):
        return [third(v) for v in (n,)]

    third = lambda v: 1 / (v - 1)
    return first(2)


@case((20,), (300,))
def deep_inside_a_recursion(n):
    def down(k):
        if k == 0:
            raise ArithmeticError("at the bottom", n)
        return down(k - 1) + 1

    return down(n)


@case((1,), (0,))
def caught_and_described(n):
    try:
        return 1 / n
    except ZeroDivisionError as error:
        return type(error).__name__, error.args, error.__context__, error.__traceback__ is None


@case()
def chain_seen_from_inside():
    try:
        try:
            raise KeyError("a")
        except KeyError as error:
            raise ValueError("b") from error
    except ValueError as error:
        cause = error.__cause__
        return repr(error), repr(cause), error.__context__ is cause, error.__suppress_context__


@case(("x = ",), ("def f(:\n  pass",))
def syntax_error_caught(source):
    try:
        compile(source, "given.py", "exec")
    except SyntaxError as error:
        return type(error).__name__, error.filename, error.lineno


@case()
def import_errors():
    try:
        import no_such_module_anywhere
    except ModuleNotFoundError as error:
        # The sandbox says more than CPython does.
        return error.name, str(error).startswith("No module named 'no_such_module_anywhere'")
    return no_such_module_anywhere.__name__


@case()
def import_of_a_missing_name():
    try:
        from math import no_such_function

        return no_such_function(1)
    except ImportError as error:
        return error.name, str(error).startswith("cannot import name 'no_such_function'")
