"""math, cmath, statistics, random, decimal, fractions, numbers, colorsys."""

import cmath
import colorsys
import decimal
import math
import numbers
import random
import statistics
from decimal import Decimal
from fractions import Fraction

from corpus import case


def near(x, digits=9):
    """Libraries differ in the last place."""
    return [near(item) for item in x] if isinstance(x, (list, tuple)) else round(x, digits)


@case((0.5,), (-0.25,), (0.999,))
def functions_of_math(x):
    names = "sin cos tan asin acos atan sinh cosh tanh asinh exp expm1 erf gamma cbrt".split()
    return {name: near(getattr(math, name)(x)) for name in names if name in vars(math)}


@case(([1, 2, 3, 4],), ([0.1] * 10,), ([],))
def exact_sums_and_products(values):
    return math.fsum(values), math.prod(values), math.dist(values, values), math.hypot(3, 4)


@case((12, 18, 30), (0, 5), ())
def divisors_and_multiples(*values):
    return (
        math.gcd(*values),
        math.lcm(*values),
        [math.isqrt(v) for v in values],
        [math.comb(v, 2) for v in values],
        [math.perm(v, 2) for v in values],
    )


@case((1.0, 0.1), (-2.5, 3.0), (1e300, 1e-300))
def parts_of_floats(x, y):
    return (
        math.modf(x),
        math.frexp(x),
        math.ldexp(y, 3),
        math.copysign(x, -y),
        math.nextafter(x, y),
        math.ulp(y),
        math.isclose(x, x + 1e-12),
    )


@case((-1,), (0,), ("x",))
def math_domain(x):
    try:
        return math.sqrt(x), math.log(x)
    except (ValueError, TypeError) as error:
        return type(error).__name__


@case((5.5,), (-3,))
def factorial_refuses(n):
    try:
        return math.factorial(n)
    except (TypeError, ValueError) as error:
        return type(error).__name__


@case((1 + 2j,), (-1,), (0.5j,))
def complex_math(z):
    r, phi = cmath.polar(z)
    return (
        near(r),
        near(phi),
        near([cmath.sqrt(z).imag, cmath.exp(z).real, cmath.log(z).imag]),
        cmath.isclose(cmath.rect(r, phi), z),
        cmath.isnan(z),
    )


@case(([2, 4, 4, 4, 5, 5, 7, 9],), ([1.5, 2.5],), ([Fraction(1, 3), Fraction(1, 6), 2],))
def statistics_of_numbers(data):
    return (
        statistics.mean(data),
        statistics.median(data),
        statistics.median_low(data),
        statistics.mode(data),
        statistics.multimode(data),
        statistics.pvariance(data),
        near(float(statistics.stdev(data))),
        near(statistics.fmean(map(float, data))),
    )


@case(
    ([1, 2, 3, 4, 5], [2, 4, 5, 4, 5]),
)
def statistics_of_pairs(x, y):
    line = statistics.linear_regression(x, y)
    return (
        near([statistics.correlation(x, y), line.slope, line.intercept]),
        statistics.quantiles(x, n=4),
        near(statistics.NormalDist(5, 2).cdf(6)),
    )


@case(([],), ([1],))
def statistics_refuse(data):
    try:
        return statistics.mean(data), statistics.stdev(data)
    except statistics.StatisticsError as error:
        return type(error).__name__, isinstance(error, ValueError)


@case((7,), ("seed",), (b"bytes",))
def a_seeded_generator(seed):
    rng = random.Random(seed)
    items = list(range(10))
    rng.shuffle(items)
    return (
        rng.random(),
        rng.randint(1, 6),
        rng.choice("abc"),
        rng.sample(range(100), 4),
        rng.choices("xyz", weights=[1, 2, 3], k=5),
        near(rng.gauss(0, 1)),
        rng.getrandbits(70),
        rng.uniform(1, 2),
        rng.randbytes(3),
        items,
        near(rng.triangular(0, 1, 0.5)),
    )


@case((11,))
def the_module_generator_seeded(seed):
    state = random.getstate()
    try:
        random.seed(seed)
        return [random.randrange(1000) for _ in range(5)], random.random(), random.choice([1, 2, 3])
    finally:
        random.setstate(state)


@case(([],))
def choice_of_nothing(items):
    return random.Random(1).choice(items)


@case((500,))
def pi_by_monte_carlo(n):
    rng = random.Random(2024)
    return sum(rng.random() ** 2 + rng.random() ** 2 <= 1 for _ in range(n)) * 4 / n


@case(("1.10", "2.2"), ("1e-7", "-3"), ("NaN", "1"), ("1e500", "7"))
def decimal_arithmetic(a, b):
    x, y = Decimal(a), Decimal(b)
    return x + y, x * y, x - y, -x, str(x), x.as_tuple().exponent, x.is_nan(), abs(y), x.normalize()


@case(("7", "3"), ("-7", "3"))
def decimal_division(a, b):
    x, y = Decimal(a), Decimal(b)
    with decimal.localcontext() as context:
        context.prec = 10
        short = x / y
    return x / y, short, x // y, x % y, divmod(x, y), x**3, y.sqrt(), x.fma(2, 1), int(x), float(x)


@case(
    ("2.345", "0.01", "ROUND_HALF_EVEN"),
    ("2.345", "0.01", "ROUND_UP"),
    ("-2.5", "1", "ROUND_FLOOR"),
)
def decimal_quantize(value, step, rounding):
    return (
        Decimal(value).quantize(Decimal(step), rounding=rounding),
        round(Decimal(value), 1),
        Decimal(value).to_integral_value(),
    )


@case((Decimal("1.5"), 2), (Decimal("0.1"), Decimal("0.2")))
def decimals_as_arguments(a, b):
    return (
        a + b,
        a < b,
        max(a, b),
        hash(a) == hash(float(a)),
        Fraction(a),
        f"{a:>10.3f}",
        sum([a, b]),
    )


@case()
def decimal_and_float_do_not_mix():
    return Decimal(1) + 0.5


@case()
def decimal_traps():
    flags = []
    with decimal.localcontext() as context:
        context.traps[decimal.Inexact] = True
        for a, b in ((1, 4), (1, 3)):
            try:
                flags.append(Decimal(a) / b)
            except decimal.Inexact as error:
                flags.append(type(error).__name__)
    return flags


@case((1, 3), (-6, 4), (5, 1))
def fraction_arithmetic(a, b):
    x = Fraction(a, b)
    return (
        x,
        x + 1,
        x * x,
        x / 3,
        x - Fraction(1, 2),
        x**2,
        x**-1,
        x.limit_denominator(2),
        math.floor(x),
        round(x, 1),
        str(x),
        x == a / b,
    )


@case(("3/4",), ("0.125",), ("1e-2",), (" -7 ",), ("1/0",), ("x",))
def fractions_from_text(text):
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError) as error:
        return type(error).__name__


@case()
def the_number_tower():
    values = [True, 1, 1.5, 2j, Fraction(1, 2), Decimal(1)]
    return [
        [
            isinstance(v, kind)
            for kind in (
                numbers.Number,
                numbers.Complex,
                numbers.Real,
                numbers.Rational,
                numbers.Integral,
            )
        ]
        for v in values
    ]


@case((0.2, 0.4, 0.6), (1, 0, 0))
def colours(r, g, b):
    return (
        near(colorsys.rgb_to_hsv(r, g, b)),
        near(colorsys.hsv_to_rgb(*colorsys.rgb_to_hsv(r, g, b))),
        near(colorsys.rgb_to_hls(r, g, b)),
        near(colorsys.rgb_to_yiq(r, g, b)),
    )
