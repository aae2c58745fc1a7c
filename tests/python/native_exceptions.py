"""Functions that raise and catch, for sandbox and CPython to agree on."""

import math

from hypothesis import strategies as st

from native_table import case, floats, number_lists, small, words


class Refused(Exception):
    """Derives from a builtin class, and adds nothing."""


class TooLarge(Refused):
    pass


class NotThere(KeyError):
    pass


@case(small, small)
def caught_division(x: int, y: int) -> str:
    try:
        return str(x // y) + str(x % y)
    except ZeroDivisionError as error:
        return f"{error}"


@case(words)
def parsed_or_not(text: str) -> float:
    try:
        return float(int(text))
    except ValueError:
        try:
            return float(text)
        except ValueError as error:
            return -float(len(str(error)))


@case(number_lists, small)
def looked_up(xs: list[int], i: int) -> list[int]:
    log = []
    for at in range(3):
        try:
            log.append(xs[i + at])
        except IndexError:
            log.append(-1)
            continue
        finally:
            log.append(at)
        if log[0] > 5:
            break
    return log


@case(st.dictionaries(words, small, max_size=4), words)
def missing_keys(d: dict[str, int], key: str) -> str:
    try:
        if d[key] > 3:
            raise TooLarge(key, d[key])
        return "fine"
    except KeyError as error:
        return f"{error} {error!r}"


@case(floats, floats)
def float_errors(x: float, y: float) -> str:
    try:
        value = abs(x) ** y
        # Powers are within one unit in the last place, so that only their kind is compared.
        return "finite" if value < math.inf else "not finite"
    except (OverflowError, ZeroDivisionError) as error:
        return f"{type(error).__name__}: {error}"


@case(small)
def refuses(x: int) -> int:
    if x > 10:
        raise TooLarge("too large", x)
    if x < -10:
        raise NotThere(x)
    return x


@case(small)
def handles_refusals(x: int) -> str:
    try:
        return str(refuses(x))
    except Refused as error:
        y: int = error.args[1]
        return str(error) + str(y)
    except LookupError as error:
        raise Refused(str(error)) from error


@case(number_lists)
def finally_always(xs: list[int]) -> list[int]:
    seen = []
    for x in xs:
        try:
            if x > 10:
                return seen
            if x < -10:
                raise ValueError(x)
            if x == 0:
                break
            seen.append(x)
        except ValueError:
            seen.append(0)
        else:
            seen.append(1)
        finally:
            seen.append(2)
    return seen


@case(number_lists)
def chained(xs: list[int]) -> int:
    total = 0
    try:
        for x in xs:
            total += 100 // x
    except ZeroDivisionError as error:
        if total > 50:
            raise RuntimeError(f"after {total}") from error
        if total < 0:
            raise
    return total


@case(number_lists, small)
def counts_with_nonlocal(xs: list[int], start: int) -> tuple[int, list[int]]:
    total = start

    def add(x: int) -> int:
        nonlocal total
        total += x
        return total

    return total, sorted(xs, key=add)


@case(words)
def matched(text: str) -> str:
    match text.split(","):
        case [""]:
            return "empty"
        case [one]:
            return "one " + one
        case [first, *_, last] if first == last:
            return "same"
        case [first, *rest]:
            return first + str(len(rest))
    return "none"
