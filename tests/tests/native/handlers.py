"""Exceptions: what handlers do with what they caught, and what they leave behind."""

CASES = []


def check(function, types, *calls, may_leave=False):
    """`may_leave`: native code may leave the case to another engine where CPython has an answer."""
    CASES.append((function, types, [tuple(call) for call in calls], may_leave))


SMALL = [(n,) for n in range(-2, 9)]


def kept_exception(x):
    first = None
    for i in range(x):
        try:
            if i % 2:
                raise ValueError("odd", i)
        except ValueError as error:
            if first is None:
                first = error
    if first is not None:
        raise first
    return x


check(kept_exception, ["int"], (1,), (2,), (5,))


def made_first(x):
    error = ValueError("made", x)
    text = str(error) + repr(error) + str(len(error.args))
    if x > 2:
        raise error
    if not error:
        return "false"
    return text


check(made_first, ["int"], (1,), (3,))


def chosen(x):
    error = KeyError("k") if x else IndexError("i")
    try:
        raise error
    except LookupError as caught:
        return isinstance(caught, KeyError), caught is error, str(caught)


check(chosen, ["int"], (0,), (1,))


def variables_at_the_handler(x):
    y = 1
    z = "text"
    try:
        y = 2
        if x == 0:
            raise ValueError
        z = "changed"
        y = 3
        if x == 1:
            raise ValueError
        y = 4
    except ValueError:
        return (y, z)
    return (y, z + "!")


check(variables_at_the_handler, ["int"], (0,), (1,), (2,))


def types_at_the_handler(x):
    y = 1
    try:
        if x == 0:
            raise ValueError
        y = 2.5
        if x == 1:
            raise ValueError
        y = None
        if x == 2:
            raise ValueError
        y = 3
    except ValueError:
        return y
    return y


check(types_at_the_handler, ["int"], (0,), (1,), (2,), (3,))


def unset_at_the_handler(x):
    try:
        if x == 0:
            raise ValueError
        y = x
        if x == 1:
            raise ValueError
        del y
        if x == 2:
            raise ValueError
    except ValueError:
        return y
    return 9


check(unset_at_the_handler, ["int"], (0,), (1,), (2,), (3,))


def returns_what_it_was(x):
    y = [x]
    try:
        return y[0]
    finally:
        y[0] = 99
        x = 100


check(returns_what_it_was, ["int"], (1,))


def nested_finally(n):
    log = []
    for i in range(n):
        try:
            try:
                if i == 1:
                    continue
                if i == 2:
                    raise KeyError(i)
                if i == 4:
                    return log
                log.append("body")
            finally:
                log.append("inner")
                try:
                    if i == 3:
                        raise ValueError(i)
                except ValueError:
                    log.append("handled in finally")
                finally:
                    log.append("innermost")
        except KeyError:
            log.append("key")
        finally:
            log.append("outer")
    return log


check(nested_finally, ["int"], *[(n,) for n in range(6)])


def returns_in_loops_in_finally(x):
    try:
        raise ValueError(x)
    finally:
        for i in range(5):
            if i == x:
                break
        else:
            return i
    return -1


check(returns_in_loops_in_finally, ["int"], (1,), (7,))


def while_else(x):
    count = 0
    while count < 5:
        try:
            count += 1
            if count == x:
                break
        finally:
            count += 1
    else:
        return -count
    return count


check(while_else, ["int"], *SMALL)


def runtime_errors(kind):
    xs = [1, 2]
    try:
        if kind == 0:
            xs[5] = 1
        elif kind == 1:
            xs.pop(9)
        elif kind == 2:
            xs.remove(9)
        elif kind == 3:
            xs.index(9)
        elif kind == 4:
            return str({1: 2}[kind])
        elif kind == 5:
            return str(kind % (kind - 5))
        elif kind == 6:
            return str(1.0 / (kind - 6))
        elif kind == 7:
            return str(10.0 ** (kind * 100))
        elif kind == 8:
            a, b, c = xs
        elif kind == 9:
            return "abc"[kind]
        elif kind == 10:
            return str((1, 2)[kind]) if kind < 2 else chr(-1)
        elif kind == 11:
            return str("abc".index("z"))
        elif kind == 12:
            return str(max([x for x in xs if x > 5]))
        elif kind == 13:
            return str(1 << (kind - 20))
        elif kind == 14:
            return str(int(float("inf")))
        elif kind == 15:
            return str(int(float("nan")))
        elif kind == 16:
            for i in range(1, 2, kind - 16):
                return str(i)
        elif kind == 17:
            return str(xs[:: kind - 17])
        elif kind == 18:
            return str(bytes([1, 2, 300 + kind]))
        elif kind == 19:
            return "a,b".split("")[0]
        elif kind == 20:
            return format(kind, "zz")
        elif kind == 21:
            return str(round(1e308, -308))
        elif kind == 22:
            set([1]).remove(kind)
        elif kind == 23:
            return "x" * kind + [][kind]
        elif kind == 24:
            assert kind < 2, ("tuple", kind)
        elif kind == 25:
            assert kind < 2
    except Exception as error:
        return f"{type(error).__name__}: {error} {error!r} {len(error.args)}"
    return "none"


check(runtime_errors, ["int"], *[(n,) for n in range(26)], may_leave=False)


def temporaries(n):
    caught = 0
    for i in range(n):
        try:
            words = [str(i), str(i * 2), "x" * (10 // (i % 3))]
            text = "a" + str(i) + words[i % 4] + str(1 // (i % 2))
            caught += len(text) + len([words, words, [str(5 // (i % 5))]])
        except (ZeroDivisionError, IndexError) as error:
            caught += len(str(error))
    return caught


check(temporaries, ["int"], (0,), (7,), (100,))


def too_deep(n):
    return 1 + too_deep(n + 1)


def catches_recursion(x):
    try:
        return too_deep(0)
    except RecursionError as error:
        return len(str(error)) // 100


check(catches_recursion, ["int"], (1,))


def never_catches_overflow(x):
    try:
        return x * x * x
    except OverflowError:
        return 0
    except:
        return 1
    finally:
        print("no")


check(never_catches_overflow, ["int"], (5,), (2**62,), may_leave=True)


def retries(limit):
    attempts = 0
    while True:
        attempts += 1
        try:
            if attempts < limit:
                raise ConnectionError("try again")
            return attempts
        except OSError as error:
            if attempts > 6:
                raise TimeoutError("gave up") from error


check(retries, ["int"], *SMALL, (20,))


def context_is_its_own_handled(x):
    try:
        raise ValueError("a")
    except ValueError as error:
        kept = error
        try:
            raise KeyError("b")
        except KeyError:
            raise kept


check(context_is_its_own_handled, ["int"], (1,))


def comprehension_raises(xs):
    try:
        return [10 // x for x in xs]
    except ZeroDivisionError:
        return [len(xs)]


check(comprehension_raises, ["list[int]"], ([1, 2],), ([1, 0],), ([],))


def dict_and_set_work(keys):
    counts = {}
    for key in keys:
        try:
            counts[key] += 1
        except KeyError:
            counts[key] = 1
    return counts


check(dict_and_set_work, ["list[str]"], (["a", "b", "a"],), ([],))


def optional_result(text):
    try:
        value = int(text)
    except ValueError:
        value = None
    return value


check(optional_result, ["str"], ("5",), ("x",))


def loops_inside(n):
    total = 0
    try:
        for i in range(n):
            for j in range(i):
                if i * j > 20:
                    raise StopIteration(i)
                total += j
    except StopIteration as stop:
        i: int = stop.args[0]
        return total * 100 + i
    return total


check(loops_inside, ["int"], *SMALL)


def wrong_raise(x):
    error = ValueError("v") if x else None
    try:
        raise error
    except TypeError as found:
        return str(found)
    except ValueError:
        return "value"


check(wrong_raise, ["int"], (0,), (1,))


class Failure(Exception):
    """Anything that goes wrong."""


class Missing(Failure):
    pass


class Wrong(ValueError):
    pass


class WrongKey(KeyError):
    pass


def fails(kind):
    if kind == 0:
        raise Failure("failed", kind)
    if kind == 1:
        raise Missing
    if kind == 2:
        raise Wrong("wrong") from Missing("because")
    if kind == 3:
        raise WrongKey("key")
    if kind == 4:
        raise ValueError("plain")
    return kind


check(fails, ["int"], *SMALL)


def sorts_failures(kind):
    try:
        return str(fails(kind))
    except Missing as error:
        return "missing " + repr(error) + type(error).__name__
    except Failure as error:
        return "failure " + str(error)
    except (Wrong, LookupError) as error:
        return "wrong " + str(error) + repr(error) + str(isinstance(error, Wrong))


check(sorts_failures, ["int"], *SMALL)


def wraps_failures(kind):
    try:
        return fails(kind)
    except Exception as error:
        raise Failure(str(error)) from error


check(wraps_failures, ["int"], *SMALL)
