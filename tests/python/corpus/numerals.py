"""int, float, complex and bool as the language has them."""

import math
import sys
from fractions import Fraction

from corpus import case


@case((200,), (0,))
def big_integers(n):
    product = math.factorial(n)
    return (
        product,
        product.bit_length(),
        product % (10**9 + 7),
        -product >> 100,
        str(product)[:10],
        product.bit_count(),
    )


@case((2**64, 3**50), (-(2**63), 2**63), (10**40, -7))
def big_arithmetic(a, b):
    return (
        a + b,
        a - b,
        a * b,
        a // b,
        a % b,
        divmod(b, a),
        a & b,
        a | b,
        a ^ b,
        a << 70,
        a >> 5,
        -a,
        ~b,
        a < b,
        a == b,
    )


@case((3, 10**30, 10**9 + 7), (7, -1, 26), (2, 5, -3))
def modular_powers(base, exponent, modulus):
    return pow(base, exponent, modulus)


@case((2, -1, 4))
def not_invertible(base, exponent, modulus):
    return pow(base, exponent, modulus)


@case(("0x_ff", 0), ("0b101", 0), ("0o17", 0), ("zz", 36), (" 12 ", 10), ("1_000", 10), ("-7", 8))
def parse_integers(text, base):
    return int(text, base)


@case(("8", 8), ("", 10), ("1__0", 10), ("0x", 0), ("1", 1))
def parse_integers_fails(text, base):
    return int(text, base)


@case((255,), (-1,), (0,), (2**70,))
def integer_texts(n):
    return (
        bin(n),
        oct(n),
        hex(n),
        f"{n:,}",
        n.bit_length(),
        n.as_integer_ratio(),
        n.conjugate(),
        n.__index__(),
        repr(n),
    )


@case((258, 2, "big"), (-2, 3, "little"), (0, 1, "big"))
def integers_to_bytes(n, length, order):
    data = n.to_bytes(length, order, signed=True)
    return data, int.from_bytes(data, order, signed=True), int.from_bytes(data, order)


@case((300, 1), (-1, 2))
def integers_that_do_not_fit(n, length):
    return n.to_bytes(length, "big")


@case(
    (0.1,),
    (1e16,),
    (123456789.123,),
    (5e-324,),
    (1.7976931348623157e308,),
    (-0.0,),
    (float("nan"),),
    (float("-inf"),),
    (1e22,),
    (100.0,),
)
def float_representations(x):
    return repr(x), str(x), f"{x}", x.hex(), f"{x:.17g}", f"{x:.0f}", x.is_integer()


@case((0.75,), (-2.5,), (1e300,), (0.1,))
def floats_are_exact_ratios(x):
    return (
        x.as_integer_ratio(),
        Fraction(x),
        float.fromhex(x.hex()) == x,
        math.frexp(x),
        int(x),
        hash(x) == hash(Fraction(x)),
    )


@case((float("inf"),), (float("nan"),))
def floats_that_are_no_integers(x):
    return int(x)


@case((2.5,), (-0.5,), (3.5,), (2.675,), (1234.5678,), (1e17,))
def rounding(x):
    return round(x), round(x, 2), round(x, -2), math.floor(x), math.ceil(x), math.trunc(x)


@case((15,), (25,), (-1250,), (10**30 + 5,))
def rounding_integers(n):
    return round(n, -1), round(n, -2), round(n, 3), round(n)


@case((1e308, 10.0), (2.0, 2000.0), (10.0, 400))
def floats_overflow(a, b):
    try:
        return a * b, a**b
    except OverflowError as error:
        # Its arguments are an error number of the system.
        return len(error.args)


@case((0.0, -1), (0, -2))
def zero_to_a_negative_power(base, exponent):
    try:
        return base**exponent
    except ZeroDivisionError as error:
        return "negative power" in str(error)


@case(
    (float("nan"), 1.0),
    (0.0, -0.0),
    (float("inf"), float("-inf")),
    (1, 1.0),
    (True, 1),
    (2**53, 2.0**53),
    (2**53 + 1, 2.0**53),
)
def comparisons(a, b):
    return a == b, a != b, a < b, a <= b, a > b, min(a, b), max(a, b), a is a, [a] == [a]


@case((3 + 4j, 1 - 2j), (0j, 1j), (2, 1j))
def complex_numbers(a, b):
    return (
        a + b,
        a - b,
        a * b,
        -a,
        complex(a).real,
        complex(a).imag,
        complex(a).conjugate(),
        a == b,
        str(a),
        bool(a),
    )


@case((3 + 4j, 1 - 2j), (1j, 0j))
def complex_division(a, b):
    try:
        return abs(a), a / b
    except ZeroDivisionError as error:
        return str(error).endswith("division by zero")


@case(("1+2j",), (" -j ",), ("1 + 2j",), ("x",))
def parse_complex(text):
    return complex(text)


@case((1j, 2))
def complex_numbers_have_no_order(a, b):
    return a < b


@case((True, False), (False, False))
def booleans_are_integers(a, b):
    return (
        a + b,
        a & b,
        a | b,
        a ^ b,
        a * 3,
        [10, 20][a],
        sum([a, b, True]),
        isinstance(a, int),
        a + 0.5,
        not a,
        int(a),
    )


@case((2**53 + 1,), (10**400,), (-(10**308),))
def integers_as_floats(n):
    return float(n), n / 3


@case((7.5, 2), (-7.5, 2), (7.5, -2.25), (1e16, 3))
def float_division(a, b):
    return a // b, a % b, divmod(a, b), math.fmod(a, b), math.remainder(a, b)


@case()
def float_limits():
    info = sys.float_info
    return info.max, info.min, info.epsilon, info.dig, info.mant_dig, sys.byteorder


@case()
def digits_of_a_huge_int_are_limited():
    try:
        int("9" * 5000)
    except ValueError as error:
        return str(error).startswith("Exceeds the limit (4300 digits)"), len(hex(10**5000))


def collatz(n):
    longest = (0, 0)
    for start in range(1, n):
        steps, k = 0, start
        while k != 1:
            k = k // 2 if k % 2 == 0 else 3 * k + 1
            steps += 1
        longest = max(longest, (steps, start))
    return longest


@case((300,))
def collatz_chains(n):
    return collatz(n)


@case((100,), (2,))
def primes_by_sieve(n):
    sieve = bytearray([1]) * (n + 1)
    sieve[:2] = b"\0\0"[: len(sieve)]
    for i in range(2, math.isqrt(n) + 1):
        if sieve[i]:
            sieve[i * i :: i] = bytes(len(range(i * i, n + 1, i)))
    return [i for i, flag in enumerate(sieve) if flag]


@case((50,))
def digits_of_pi(n):
    q, r, t, k, m, x = 1, 0, 1, 1, 3, 3
    digits = []
    while len(digits) < n:
        if 4 * q + r - t < m * t:
            digits.append(m)
            q, r, m = 10 * q, 10 * (r - m * t), (10 * (3 * q + r)) // t - 10 * m
        else:
            q, r, t, k, m, x = (
                q * k,
                (2 * q + r) * x,
                t * x,
                k + 1,
                (q * (7 * k + 2) + r * x) // (t * x),
                x + 2,
            )
    return "".join(map(str, digits))
