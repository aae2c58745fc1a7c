"""Functions of lists, tuples, text, dicts and sets, and of the math module."""

import math
import sys

from hypothesis import strategies as st

from native_table import (
    blobs,
    bools,
    case,
    count,
    finite,
    float_lists,
    floats,
    number_lists,
    small,
    words,
)

# Lists


@case(number_lists, small)
def list_index(xs: list[int], i: int) -> int:
    return xs[i]


@case(number_lists, small, small)
def list_store(xs: list[int], i: int, v: int) -> list[int]:
    xs[i] = v
    return xs


@case(number_lists, small, small)
def list_slice(xs: list[int], i: int, j: int) -> list[int]:
    return xs[i:j]


@case(number_lists, small)
def list_slices_open(xs: list[int], i: int) -> tuple[list[int], list[int], list[int]]:
    return xs[i:], xs[:i], xs[:]


@case(number_lists, st.sampled_from([-3, -1, 1, 2, 0]))
def list_slice_step(xs: list[int], k: int) -> list[int]:
    return xs[::k]


@case(number_lists, number_lists)
def list_concatenate(xs: list[int], ys: list[int]) -> list[int]:
    return xs + ys


@case(number_lists, st.integers(-1, 4))
def list_repeat(xs: list[int], n: int) -> list[int]:
    return xs * n


@case(number_lists, number_lists)
def list_compare(xs: list[int], ys: list[int]) -> tuple[bool, bool, bool]:
    return (xs == ys, xs != ys, xs < ys)


@case(number_lists, small)
def list_contains(xs: list[int], x: int) -> tuple[bool, bool]:
    return (x in xs, x not in xs)


@case(number_lists, small)
def list_append_pop(xs: list[int], x: int) -> tuple[list[int], int]:
    xs.append(x)
    xs.append(x + 1)
    last = xs.pop()
    return xs, last


@case(float_lists)
def list_of_floats(xs: list[float]) -> float:
    total = 0.0
    for x in xs:
        total += x * 0.5
    return total


@case(st.lists(bools, max_size=6))
def list_of_bools(xs: list[bool]) -> int:
    return sum(xs)


@case(count)
def matrix(n: int) -> list[list[int]]:
    rows = [[i * j for j in range(n)] for i in range(n)]
    for i in range(n):
        rows[i][i] += 1
    return rows


@case(number_lists)
def aliasing(xs: list[int]) -> tuple[list[int], list[int]]:
    ys = xs
    ys.append(1)
    return xs, ys


@case(number_lists)
def list_reverse_sort(xs: list[int]) -> list[int]:
    xs.sort()
    xs.reverse()
    return xs


# Comprehensions and iteration


@case(number_lists)
def comprehension(xs: list[int]) -> list[int]:
    return [x * x for x in xs if x % 2 == 0]


@case(number_lists, number_lists)
def comprehension_nested(xs: list[int], ys: list[int]) -> list[tuple[int, int]]:
    return [(x, y) for x in xs for y in ys if x < y]


@case(number_lists, float_lists)
def zipped(xs: list[int], ys: list[float]) -> list[float]:
    return [x * y for x, y in zip(xs, ys)]


@case(number_lists)
def enumerated(xs: list[int]) -> list[tuple[int, int]]:
    return [(i, x) for i, x in enumerate(xs)]


@case(number_lists, small)
def enumerated_from(xs: list[int], start: int) -> int:
    return sum(i * x for i, x in enumerate(xs, start))


@case(number_lists)
def reductions(xs: list[int]) -> tuple[int, int, int, int]:
    return (min(xs), max(xs), sum(xs), len(xs))


@case(float_lists)
def float_reductions(xs: list[float]) -> tuple[float, float]:
    return (min(xs), max(xs))


def float_sum(xs: list[float]) -> float:
    return sum(xs)


# Later ones compensate rounding errors, and the native engine does not; see the README's limits.
if sys.version_info < (3, 12):
    case(float_lists)(float_sum)


@case(small, small, small)
def min_max_of_arguments(a: int, b: int, c: int) -> tuple[int, int]:
    return (min(a, b, c), max(a, b, c))


@case(floats, floats)
def float_min_max(a: float, b: float) -> tuple[float, float]:
    return (min(a, b), max(a, b))


@case(number_lists)
def generator_sum(xs: list[int]) -> int:
    return sum(x * x for x in xs)


@case(count)
def sum_of_range(n: int) -> tuple[int, int]:
    return (sum(range(n)), len(list(range(3, n, 2))))


@case(number_lists)
def any_all(xs: list[int]) -> tuple[bool, bool]:
    return (any(x > 3 for x in xs), all(x > -3 for x in xs))


@case(number_lists)
def sorted_reversed(xs: list[int]) -> tuple[list[int], list[int]]:
    return (sorted(xs), list(reversed(xs)))


# Tuples


@case(small, finite, bools)
def tuple_items(a: int, b: float, c: bool) -> tuple[bool, float, int]:
    t = (a, b, c)
    return (t[2], t[1], t[0])


@case(st.tuples(small, st.tuples(finite, small)))
def tuple_argument(t: tuple[int, tuple[float, int]]) -> float:
    a, (b, c) = t
    return a + b * c


@case(st.tuples(small, small), st.tuples(small, small))
def tuple_compare(a: tuple[int, int], b: tuple[int, int]) -> tuple[bool, bool]:
    return (a < b, a == b)


@case(st.lists(st.tuples(small, finite), max_size=5))
def list_of_tuples(pairs: list[tuple[int, float]]) -> float:
    total = 0.0
    for n, x in pairs:
        total += n * x
    return total


# Text and bytes


@case(words, words)
def text_operators(a: str, b: str) -> tuple[str, bool, bool, int]:
    return (a + b, a == b, a in b, len(a))


@case(words, st.integers(-3, 3))
def text_index(a: str, i: int) -> str:
    return a[i]


@case(words, small, small)
def text_slice(a: str, i: int, j: int) -> str:
    return a[i:j]


@case(words)
def text_iterate(a: str) -> list[str]:
    return [c + "!" for c in a]


@case(small)
def text_of_int(a: int) -> str:
    return "<" + str(a) + ">"


@case(blobs, st.integers(-3, 3))
def bytes_index(a: bytes, i: int) -> int:
    return a[i]


@case(blobs, blobs)
def bytes_operators(a: bytes, b: bytes) -> tuple[bytes, bool, int]:
    return (a + b, a == b, len(a))


# Dicts and sets


@case(number_lists)
def dict_counts(xs: list[int]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for x in xs:
        counts[x] = counts.get(x, 0) + 1
    return counts


@case(st.dictionaries(small, finite, max_size=5), small)
def dict_lookup(d: dict[int, float], key: int) -> float:
    return d[key]


@case(st.dictionaries(words, small, max_size=5))
def dict_items(d: dict[str, int]) -> int:
    total = 0
    for key, value in d.items():
        total += len(key) * value
    return total


@case(number_lists, small)
def set_members(xs: list[int], x: int) -> tuple[bool, int]:
    seen = set(xs)
    return (x in seen, len(seen))


# The math module


@case(st.floats(0, 1e300))
def math_sqrt(x: float) -> float:
    return math.sqrt(x)


@case(floats)
def math_exact(x: float) -> tuple[float, bool, bool, float]:
    return (math.fabs(x), math.isnan(x), math.isinf(x), math.copysign(1.0, x))


@case(floats)
def math_floor_ceil(x: float) -> tuple[int, int, int]:
    return (math.floor(x), math.ceil(x), math.trunc(x))


@case(small, small)
def math_integers(a: int, b: int) -> tuple[int, int]:
    return (math.gcd(a, b), math.isqrt(abs(a)))


@case(floats, floats)
def math_fmod_hypot(a: float, b: float) -> float:
    return math.fmod(a, b)


@case(floats)
def math_domain(x: float) -> float:
    return math.sqrt(x)
