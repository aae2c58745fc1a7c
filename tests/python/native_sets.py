"""Functions of sets that show their order, which sandbox and CPython both run."""

from hypothesis import strategies as st

from native_table import case

# Many share their last bits, and some their whole hash: -1 and -2, 0 and 2**61 - 1.
clashing = st.one_of(
    st.integers(-3, 40),
    st.integers(-6, 6).map(lambda n: n * 32),
    st.integers(-6, 6).map(lambda n: n * 2**58 + 1),
    st.integers(-2, 2).map(lambda n: n * (2**61 - 1)),
    st.sampled_from([2**63 - 1, -(2**63), 2**32, -(2**31)]),
    st.integers(-(2**63), 2**63 - 1),
)
numbers = st.one_of(
    st.integers(-40, 40).map(float),
    st.integers(-40, 40).map(lambda n: n / 8),
    st.sampled_from(
        [0.0, -0.0, float("inf"), float("-inf"), 1e300, -1e300, 5e-324, -2.5e-310, 2.0**61, 1e-9]
    ),
    st.floats(allow_nan=False),
)
steps = st.integers(0, 21)
SIZE_MAX = 60


@case(st.lists(st.tuples(steps, clashing), max_size=SIZE_MAX))
def sets_of_ints(program: list[tuple[int, int]]) -> list[list[int]]:
    a: set[int] = set()
    b: set[int] = set()
    shown: list[list[int]] = []
    for step, x in program:
        if step <= 4:
            a.add(x)
        elif step == 5:
            a.discard(x)
        elif step == 6:
            if a:
                shown.append([a.pop()])
        elif step == 7:
            a, b = b, a
        elif step == 8:
            a |= b
        elif step == 9:
            a &= b
        elif step == 10:
            a -= b
        elif step == 11:
            a ^= b
        elif step == 12:
            a = a | b
        elif step == 13:
            a = a & b
        elif step == 14:
            a = a - b
        elif step == 15:
            a = a ^ b
        elif step == 16:
            b = a.copy()
        elif step == 17:
            b = set(a)
        elif step == 18:
            a.update(list(range(x % 50)))
        elif step == 19:
            b = {y // 2 for y in a}
        elif step == 20:
            a.update([x, x // 2, x // 3])
        else:
            b.clear()
        shown.append(list(a))
        shown.append(list(b))
    return shown


@case(st.lists(st.tuples(steps, numbers), max_size=SIZE_MAX))
def sets_of_floats(program: list[tuple[int, float]]) -> list[list[float]]:
    a: set[float] = set()
    b: set[float] = set()
    shown: list[list[float]] = []
    for step, x in program:
        if step <= 6:
            a.add(x)
        elif step <= 8:
            a.discard(x)
        elif step == 9:
            if a:
                shown.append([a.pop()])
        elif step <= 11:
            a, b = b, a
        elif step <= 13:
            a = a & b
        elif step <= 15:
            b = a | b
        elif step == 16:
            a ^= b
        else:
            b = set([x * 0.5, x, -x])
        shown.append(list(a))
        shown.append(sorted(b))
    return shown


@case(
    st.lists(st.tuples(clashing, st.integers(-3, 3)), max_size=SIZE_MAX),
    st.lists(st.tuples(clashing, st.integers(-3, 3)), max_size=SIZE_MAX),
)
def sets_of_tuples(
    xs: list[tuple[int, int]], ys: list[tuple[int, int]]
) -> list[list[tuple[int, int]]]:
    a, b = set(xs), set(ys)
    return [list(a), list(b), list(a | b), list(a & b), list(a - b), list(a ^ b)]


@case(st.lists(st.tuples(st.tuples(numbers, st.booleans()), st.tuples()), max_size=SIZE_MAX))
def sets_of_nested_tuples(xs: list[tuple[tuple[float, bool], tuple[()]]]) -> str:
    return repr(set(xs))


@case(st.lists(st.booleans(), max_size=5))
def sets_of_bools(xs: list[bool]) -> str:
    return repr(set(xs))


@case(st.lists(clashing, max_size=SIZE_MAX), st.lists(clashing, max_size=SIZE_MAX))
def sets_and_iterables(xs: list[int], ys: list[int]) -> list[list[int]]:
    a = set(xs)
    shown = [
        list(a.union(ys)),
        list(a.intersection(ys)),
        list(a.difference(ys)),
        list(a.symmetric_difference(ys)),
    ]
    b = a.copy()
    b.intersection_update(ys)
    shown.append(list(b))
    b = a.copy()
    b.difference_update(ys)
    shown.append(list(b))
    b = a.copy()
    b.symmetric_difference_update(ys)
    shown.append(list(b))
    return shown


@case(st.lists(clashing, max_size=SIZE_MAX), st.lists(clashing, max_size=SIZE_MAX))
def sets_and_dicts(xs: list[int], ys: list[int]) -> list[list[int]]:
    a = set(xs)
    d = {y: 1 for y in ys}
    shown = [
        list(set(d)),
        list(a.union(d)),
        list(a.intersection(d)),
        list(a.difference(d)),
        list(a.symmetric_difference(d)),
    ]
    b = a.copy()
    b.update(d)
    shown.append(list(b))
    b = a.copy()
    b.symmetric_difference_update(d)
    shown.append(list(b))
    return shown


@case(st.lists(clashing, max_size=SIZE_MAX), st.integers(0, 600))
def sets_of_unlike_sizes(xs: list[int], n: int) -> list[list[int]]:
    a, b = set(xs), set(range(n))
    shown = [list(a - b), list(b - a), list(a & b), list(b & a), list(a ^ b), list(b ^ a)]
    c = a.copy()
    c -= b
    shown.append(list(c))
    c = b.copy()
    c -= a
    shown.append(list(c))
    return shown


@case(st.lists(clashing, max_size=SIZE_MAX))
def sets_with_themselves(xs: list[int]) -> list[list[int]]:
    a = set(xs)
    for x in xs[::3]:
        a.discard(x)
    shown = [list(a | a), list(a & a), list(a - a), list(a ^ a), list(a.copy())]
    b = a.copy()
    b |= b
    shown.append(list(b))
    b &= b
    shown.append(list(b))
    b ^= b
    shown.append(list(b))
    b.update(xs)
    shown.append(list(b))
    return shown


@case(st.lists(clashing, max_size=SIZE_MAX), st.integers(0, SIZE_MAX))
def sets_popped(xs: list[int], n: int) -> list[int]:
    a = set(xs)
    popped: list[int] = []
    for _ in range(n):
        if not a:
            break
        popped.append(a.pop())
        if len(popped) % 3 == 0:
            a.add(popped[0])
    return popped


@case(st.integers(0, 5))
def sets_of_constants(x: int) -> list[list[int]]:
    # A constant set in a loop has 32 places, that of a program 16: 16 is last there, first here.
    looped = [y + x for y in {16, 1, 2, 3, 4}]  # noqa: PLC0208 - its order is what this is about
    made = {16, 1, 2, 3, 4}
    again: list[int] = []
    for y in {16, 1, 2, 3, -4}:
        again.append(y)
    return [looped, list(made), again, list({16, 1, 2, 3, x}), list({17, 1}), list({8, 0, x})]


@case(st.lists(st.integers(-200, 200), max_size=SIZE_MAX))
def sets_summed(xs: list[int]) -> tuple[float, str, list[int]]:
    total = 0.0
    for y in {x * 0.1 for x in xs}:
        total += y
    return total, f"{set(xs)}", [index * y for index, y in enumerate(set(xs))]


@case(st.lists(st.integers(0, 90), max_size=SIZE_MAX))
def sets_changed_in_a_loop(xs: list[int]) -> list[int]:
    a = set(xs)
    met: list[int] = []
    for y in a:
        met.append(y)
        if len(met) > 100:
            break
        a.discard(y)
        a.add(y + 1000)
    return met


@case(st.integers(0, 3), st.integers(1, 9))
def large_sets(n: int, step: int) -> tuple[int, int, list[int]]:
    a = set(range(0, n * 30000, step))
    b = {x * x % 100003 for x in range(n * 20000)}
    mixed = 0
    for x in a ^ b:
        mixed = (mixed * 31 + x) % 1000003
    for x in b:
        mixed = (mixed * 37 + x) % 1000003
    return len(b), mixed, list(a & b)[:50]
