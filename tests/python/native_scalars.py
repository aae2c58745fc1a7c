"""Functions of numbers: arithmetic, control flow, calls and exceptions."""

from hypothesis import strategies as st

from native_table import bools, case, count, finite, floats, ints, number_lists, small, wide

# Integers


@case(wide, wide)
def int_add(a: int, b: int) -> int:
    return a + b


@case(wide, wide)
def int_subtract(a: int, b: int) -> int:
    return a - b


@case(wide, wide)
def int_multiply(a: int, b: int) -> int:
    return a * b


@case(wide, small)
def int_floor_divide(a: int, b: int) -> int:
    return a // b


@case(wide, wide)
def int_modulo(a: int, b: int) -> int:
    return a % b


@case(wide, small)
def int_true_divide(a: int, b: int) -> float:
    return a / b


@case(wide, wide)
def int_true_divide_wide(a: int, b: int) -> float:
    return a / b


@case(wide)
def int_unary(a: int) -> tuple[int, int, int, bool]:
    return (-a, +a, ~a, not a)


@case(small, count)
def int_power(a: int, b: int) -> int:
    return a**b


@case(ints, wide)
def int_bitwise(a: int, b: int) -> tuple[int, int, int]:
    return (a & b, a | b, a ^ b)


@case(wide, st.integers(-2, 70))
def int_shift_right(a: int, b: int) -> int:
    return a >> b


@case(small, st.integers(-2, 50))
def int_shift_left(a: int, b: int) -> int:
    return a << b


@case(wide, small)
def int_divmod(a: int, b: int) -> tuple[int, int]:
    return divmod(a, b)


@case(wide)
def int_abs(a: int) -> int:
    return abs(a)


@case(wide, wide)
def int_comparisons(a: int, b: int) -> tuple[bool, bool, bool, bool, bool, bool]:
    return (a < b, a <= b, a == b, a != b, a > b, a >= b)


@case(small, small, small)
def pow_modulo(a: int, b: int, m: int) -> int:
    return pow(a, abs(b), m)


# Floats


@case(floats, floats)
def float_arithmetic(a: float, b: float) -> tuple[float, float, float]:
    return (a + b, a - b, a * b)


@case(floats, floats)
def float_divide(a: float, b: float) -> float:
    return a / b


@case(floats, floats)
def float_floor_divide(a: float, b: float) -> float:
    return a // b


@case(floats, floats)
def float_modulo(a: float, b: float) -> float:
    return a % b


@case(floats, floats)
def float_divmod(a: float, b: float) -> tuple[float, float]:
    return divmod(a, b)


@case(floats, floats)
def float_comparisons(a: float, b: float) -> tuple[bool, bool, bool, bool]:
    return (a < b, a <= b, a == b, a != b)


@case(wide, floats)
def int_float_comparisons(a: int, b: float) -> tuple[bool, bool, bool, bool, bool]:
    return (a < b, a <= b, a == b, b > a, b != a)


@case(wide, floats)
def mixed_arithmetic(a: int, b: float) -> tuple[float, float, float]:
    return (a + b, b - a, a * b)


@case(floats)
def float_to_int(a: float) -> int:
    return int(a)


@case(wide)
def int_to_float(a: int) -> float:
    return float(a)


@case(floats)
def float_unary(a: float) -> tuple[float, float, bool]:
    return (-a, abs(a), bool(a))


@case(finite)
def float_round(a: float) -> int:
    return round(a)


@case(finite, st.integers(-3, 6))
def float_round_digits(a: float, n: int) -> float:
    return round(a, n)


@case(ints)
def int_round(a: int) -> int:
    return round(a)  # noqa: RUF057


# Bools and None


@case(bools, bools, small)
def bool_operators(a: bool, b: bool, n: int) -> tuple[bool, bool, bool, int, int]:
    return (a and b, a or b, not a, a + n, b * n)


@case(small, small)
def and_or_give_operands(a: int, b: int) -> tuple[int, int]:
    return (a and b, a or b)


@case(small)
def none_or_int(a: int) -> int | None:
    if a > 0:
        return a
    return None


@case(small, small)
def chained_comparison(a: int, b: int) -> bool:
    return 0 <= a < b <= 10


@case(small, small)
def conditional_expression(a: int, b: int) -> int:
    return a if a > b else b


# Control flow


@case(count)
def while_else(n: int) -> int:
    total = 0
    while n > 0:
        n -= 1
        if n == 7:
            break
        if n % 2:
            continue
        total += n
    else:
        total += 1000
    return total


@case(number_lists, small)
def for_else(xs: list[int], wanted: int) -> int:
    for index, x in enumerate(xs):
        if x == wanted:
            found = index
            break
    else:
        found = -1
    return found


@case(small, small, st.integers(-4, 4))
def range_loop(start: int, stop: int, step: int) -> list[int]:
    out = []
    for i in range(start, stop, step):
        out.append(i)
    return out


@case(count, count)
def nested_loops(n: int, m: int) -> int:
    total = 0
    for i in range(n):
        for j in range(m):
            if j > i:
                break
            total += i * j
    return total


@case(small)
def loop_variable_survives(n: int) -> int:
    i = -1
    for i in range(n):
        pass
    return i


@case(count)
def unbound_local(n: int) -> int:
    if n > 6:
        value = n
    return value


@case(small, small)
def augmented(a: int, b: int) -> int:
    a += b
    a -= 3
    a *= 2
    a //= 5
    a %= 7
    a |= 8
    a ^= 3
    a &= 14
    a <<= 2
    a >>= 1
    return a


@case(small, small, small)
def unpacking(a: int, b: int, c: int) -> tuple[int, int, int]:
    a, b, c = c, a, b
    (x, y), z = (a, b), c
    return x, y, z


# Functions


def helper(x: int, y: int = 3) -> int:
    return x * y + OFFSET


OFFSET = 17
PRIMES = (2, 3, 5, 7)
WEIGHTS = [0.5, 0.25]


@case(small)
def calls_helpers(x: int) -> int:
    return helper(x) + helper(x, 2) + helper(y=x, x=1)


@case(count)
def fibonacci(n: int) -> int:
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


@case(count, count)
def ackermann(m: int, n: int) -> int:
    if m > 2:
        m = 2
    if m == 0:
        return n + 1
    if n == 0:
        return ackermann(m - 1, 1)
    return ackermann(m - 1, ackermann(m, n - 1))


@case(count)
def mutual_even(n: int) -> bool:
    return True if n == 0 else mutual_odd(n - 1)


def mutual_odd(n: int) -> bool:
    return False if n == 0 else mutual_even(n - 1)


@case(finite)
def captured_constants(x: float) -> float:
    return x * WEIGHTS[0] + PRIMES[-1]


@case(small)
def evaluation_order(x: int) -> list[int]:
    log = [0]
    log[0] = len(log) + (log.append(x) or 0 if x > 100 else x)
    log += [helper(x), helper(log[0])]
    return log


# Exceptions


@case(small)
def asserts(x: int) -> int:
    assert x > 0
    return x


@case(small)
def asserts_with_a_message(x: int) -> int:
    assert x > 0, "must be positive"
    return x


@case(small)
def raises(x: int) -> int:
    if x < -10:
        raise ValueError("too small")
    if x < 0:
        raise KeyError("negative")
    if x == 3:
        raise RuntimeError
    if x > 10:
        raise IndexError(x)
    return x
