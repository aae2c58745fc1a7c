"""Exceptions: what compiled functions must raise and catch as CPython does, with tracebacks and all that is chained."""

import itertools

CASES = []


def check(function, types, *calls, may_leave=False):
    """`may_leave`: native code may leave the case to another engine where CPython has an answer."""
    CASES.append((function, types, [tuple(call) for call in calls], may_leave))


SMALL = [(n,) for n in range(-2, 9)]


def divide(x):
    try:
        return str(10 // x)
    except ZeroDivisionError as error:
        return "caught " + str(error)


check(divide, ["int"], *SMALL)


def all_parts(xs, i):
    log = []
    try:
        log.append("try")
        v = xs[i]
    except IndexError as error:
        log.append(str(error))
        v = -1
    else:
        log.append("else")
        v += 100
    finally:
        log.append("finally")
    return (v, log)


check(all_parts, ["list[int]", "int"], *itertools.product([[], [1], [1, 2, 3]], [0, 2, -1, -5]))


def in_loop(n):
    total = 0
    for i in range(n):
        try:
            if i % 4 == 0:
                raise ValueError("x", i)
            if i % 4 == 1:
                continue
            if i > 20:
                break
            total += i
        except ValueError as error:
            total += len(error.args)
        else:
            total += 10000
        finally:
            total += 100
    return total


check(in_loop, ["int"], *[(n,) for n in range(30)])


def parsed(text):
    try:
        return repr(int(text))
    except (KeyError, ValueError) as error:
        return repr(error) + "|" + type(error).__name__ + "|" + error.__class__.__name__


check(parsed, ["str"], ("12",), ("zz",), ("",), (" 7 ",), ("'",), ('"\n',))


def parsed_float(text):
    try:
        return float(text)
    except ValueError as error:
        print(error)
        return -1.0


check(parsed_float, ["str"], ("1.5",), ("x",), ("",), ("\n",))


def nested(d, k):
    try:
        try:
            return str(d[k])
        finally:
            print("finally")
    except KeyError as error:
        return f"{error}!{error!r}{error.args[0]}"


check(nested, ["dict[str, int]", "str"], ({"a": 1}, "a"), ({"a": 1}, "b"), ({}, "it's"))


def caused(x):
    try:
        raise ValueError("a", x)
    except ValueError as error:
        raise RuntimeError("b") from error


check(caused, ["int"], (1,))


def in_context(x):
    try:
        raise ValueError("a", 1.5, (x, [2]))
    except ValueError:
        raise RuntimeError(x)


check(in_context, ["int"], (1,))


def from_none(x):
    try:
        raise ValueError("a")
    except ValueError:
        raise RuntimeError("b") from None


check(from_none, ["int"], (1,))


def from_class(x):
    try:
        raise ValueError("a")
    except ValueError:
        raise RuntimeError("b") from KeyError


check(from_class, ["int"], (1,))


def from_fresh(x):
    raise RuntimeError("b") from KeyError(x)


check(from_fresh, ["int"], (1,))


def again(x):
    try:
        raise ValueError("a")
    except ValueError:
        print("again")
        raise


check(again, ["int"], (1,))


def again_by_name(x):
    try:
        raise ValueError("a")
    except ValueError as error:
        if x > 1:
            raise error
        raise error from None


check(again_by_name, ["int"], (1,), (2,))


def unmatched(x):
    try:
        if x == 0:
            raise KeyError("k")
        if x == 1:
            raise IndexError
        return [1][x]
    except KeyError:
        return -1


check(unmatched, ["int"], *SMALL)


def finally_breaks(x):
    while True:
        try:
            if x > 2:
                raise KeyError(x)
            return 1
        finally:
            break
    return 2


check(finally_breaks, ["int"], (1,), (3,))


def finally_returns(x):
    try:
        if x > 2:
            raise KeyError(x)
        return 1
    finally:
        if x != 5:
            return 2


check(finally_returns, ["int"], (1,), (3,), (5,))


def finally_continues(n):
    seen = []
    for i in range(n):
        try:
            if i == 1:
                raise ValueError
            if i == 2:
                break
            if i == 3:
                return seen
            seen.append(i)
        finally:
            seen.append(-i)
            if i != 3:
                continue
    return seen


check(finally_continues, ["int"], *[(n,) for n in range(6)])


def descend(x):
    if x > 3:
        raise LookupError("deep", x)
    return descend(x + 1)


def deep(x):
    try:
        return str(descend(x))
    except LookupError as error:
        y: int = error.args[1]
        return str(error) + str(y)


check(deep, ["int"], *SMALL)


def passes(x):
    try:
        return descend(x)
    except ValueError:
        return 0


check(passes, ["int"], (1,), (4,))


def handled_elsewhere():
    raise


def reraises_for_caller(x):
    try:
        raise ValueError("v")
    except ValueError:
        if x:
            handled_elsewhere()
    handled_elsewhere()
    return 0


check(reraises_for_caller, ["int"], (0,), (1,))


def helper_handles(x):
    try:
        return [1, 2][x]
    except IndexError:
        return 0


def contexts_do_not_mix(x):
    try:
        raise ValueError("outer")
    except ValueError:
        y = helper_handles(9)
        if x == 0:
            raise KeyError(y)
    if x == 1:
        raise TypeError("no context")
    return y


check(contexts_do_not_mix, ["int"], (0,), (1,), (2,))


def three_deep(x):
    try:
        try:
            try:
                raise ValueError("one")
            except ValueError:
                raise KeyError("two")
        except KeyError:
            if x:
                raise IndexError("three")
            raise
    finally:
        print("done")


check(three_deep, ["int"], (0,), (1,))


def finally_raises(x):
    try:
        if x:
            raise ValueError("one")
    finally:
        if x != 2:
            raise KeyError("two")


check(finally_raises, ["int"], (0,), (1,), (2,))


def else_raises(x):
    try:
        pass
    except ValueError:
        return 1
    else:
        if x:
            raise ValueError("from else")
    return 0


check(else_raises, ["int"], (0,), (1,))


def hierarchy(x):
    names = []
    for kind in range(9):
        try:
            if kind == 0:
                raise ZeroDivisionError
            elif kind == 1:
                raise KeyError
            elif kind == 2:
                raise FileNotFoundError("f")
            elif kind == 3:
                raise NotImplementedError
            elif kind == 4:
                raise StopIteration
            elif kind == 5:
                raise UnicodeError("u")
            elif kind == 6:
                raise RecursionError
            elif kind == 7:
                assert x > 100, "small"
            else:
                raise OverflowError(x)
        except ArithmeticError as error:
            names.append("arithmetic " + type(error).__name__)
        except LookupError:
            names.append("lookup")
        except OSError as error:
            names.append("os " + str(error))
        except (ValueError, RuntimeError) as error:
            names.append("value or runtime " + repr(error))
        except Exception as error:
            names.append("other " + repr(error))
    return names


check(hierarchy, ["int"], (1,))


def bare(x):
    try:
        raise SystemExit(x)
    except:
        return 1


check(bare, ["int"], (1,))


def base_is_no_exception(x):
    try:
        try:
            raise KeyboardInterrupt
        except Exception:
            return 1
    except BaseException as error:
        return 2 if isinstance(error, KeyboardInterrupt) else 3


check(base_is_no_exception, ["int"], (1,))


def name_is_deleted(x):
    error = 5
    try:
        if x:
            raise ValueError("v")
    except ValueError as error:
        print(error)
    return error


check(name_is_deleted, ["int"], (0,), (1,))


def name_is_deleted_on_the_way(x):
    error = 5
    try:
        try:
            raise ValueError("v")
        except ValueError as error:
            raise KeyError("k")
    except KeyError:
        return error


check(name_is_deleted_on_the_way, ["int"], (1,))
