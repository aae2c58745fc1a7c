"""`match`, functions within functions, and smaller statements: what compiled functions must do as CPython does."""

import itertools

CASES = []


def check(function, types, *calls, may_leave=False):
    """`may_leave`: native code may leave the case to another engine where CPython has an answer."""
    CASES.append((function, types, [tuple(call) for call in calls], may_leave))


SMALL = [(n,) for n in range(-2, 9)]


def match_literals(x):
    match x:
        case 0:
            return "zero"
        case 1 | 2 | -1:
            return "few"
        case n if n > 5:
            return "many " + str(n)
        case _:
            return "other"


check(match_literals, ["int"], *SMALL)


def match_text(word):
    match word.split():
        case []:
            return "nothing"
        case ["go", direction]:
            return "going " + direction
        case ["take", *items]:
            return "taking " + ",".join(items)
        case [first, *_, last] if first == last:
            return "around"
        case [_, "x" | "y", _]:
            return "in the middle"
        case [only]:
            return only
    return "unknown"


check(
    match_text,
    ["str"],
    *[(t,) for t in ("", "go north", "take", "take a b", "a b a", "p x q", "p z q", "one", "a b")],
)


def match_points(x, y):
    match (x, y):
        case (0, 0):
            return "origin"
        case (0, n):
            return f"on y {n}"
        case (n, 0):
            return f"on x {n}"
        case (a, b) if a == b:
            return f"same {a}"
        case (a, b) as pair:
            return f"{a} {b} {pair}"


check(match_points, ["int", "int"], *itertools.product(range(3), range(3)))


def match_optional(x):
    match x:
        case None:
            return "none"
        case 3:
            return "three"
        case n:
            return str(n + 1)


check(match_optional, ["int | None"], (None,), (3,), (5,))


def match_classes(x):
    match x:
        case int(n) if n > 3:
            return f"large {n}"
        case int():
            return "int"
        case str(text):
            return text + "!"
        case None:
            return "none"
    return "no"


check(match_classes, ["int | str | None"], (None,), (3,), (5,), ("a",))


def match_in_loop(n):
    counts = [0, 0, 0]
    for i in range(n):
        match i % 4:
            case 0:
                continue
            case 1:
                counts[0] += 1
            case 2 | 3 as k:
                counts[1] += k
                if i > 20:
                    break
    else:
        counts[2] = 1
    return counts


check(match_in_loop, ["int"], *[(n,) for n in (0, 3, 10, 30)])


def match_binds(x):
    y = 5
    match x:
        case 1:
            y = 1
        case y if y > 4:
            pass
    return y


check(match_binds, ["int"], *SMALL)


def match_bools(x):
    match x:
        case True:
            return 1
        case False:
            return 0


check(match_bools, ["bool"], (True,), (False,))


def inner_reads(x):
    offset = x * 2

    def shifted(y):
        return y + offset

    a = shifted(1)
    offset = 100
    return (a, shifted(1))


check(inner_reads, ["int"], *SMALL)


def inner_recursive(n):
    memo = {}

    def fib(k):
        if k < 2:
            return k
        if k in memo:
            return memo[k]
        value = fib(k - 1) + fib(k - 2)
        memo[k] = value
        return value

    return fib(n)


check(inner_recursive, ["int"], (0,), (5,), (60,))


def inner_mutual(n):
    limit = 50

    def even(k):
        return True if k == 0 else odd(k - 1)

    def odd(k):
        return False if k == 0 or k > limit else even(k - 1)

    return (even(n), odd(n))


check(inner_mutual, ["int"], (0,), (7,), (10,))


def inner_keys(words, by):
    weights = {"a": 3, "b": 1}

    def weight(word):
        return (weights.get(word[:1], by), word)

    heavy = lambda word: weights.get(word[:1], 0) > 1
    return (
        sorted(words, key=weight),
        max(words, key=weight),
        min(words, key=lambda word: (len(word) - by, word)),
        list(map(weight, words)),
        list(filter(heavy, words)),
        [weight(word)[0] for word in words],
        sum(weight(word)[0] for word in words),
        any(heavy(word) for word in words),
    )


check(inner_keys, ["list[str]", "int"], (["b", "a", "cc"], 2), (["x"], 0))


def inner_defaults(x):
    def scaled(y, by=3, *, plus=0):
        return y * by + plus

    def many(*values, **words):
        return sum(values) + len(words)

    return [scaled(x), scaled(x, 2), scaled(x, plus=1), scaled(by=x, y=2), many(1, x), many(x, a=1, b=2)]


check(inner_defaults, ["int"], *SMALL)


def inner_nested(x):
    a = x + 1

    def outer(b):
        c = a + b

        def inmost(d):
            return [a, b, c, d]

        return inmost(b * 2) + inmost(0)

    return outer(5)


check(inner_nested, ["int"], *SMALL)


def inner_raises(x):
    def checked(y):
        if y > x:
            raise ValueError("too large", y)
        return y

    total = 0
    for i in range(5):
        total += checked(i)
    return total


check(inner_raises, ["int"], *SMALL)


def inner_called_too_early(x):
    if x > 2:
        def late(y):
            return y + 1
    return late(x)


check(inner_called_too_early, ["int"], (1,), (5,))


def inner_types(x):
    def twice(y):
        return y + y

    return (twice(x), twice("a"), twice([x]), twice(1.5))


check(inner_types, ["int"], (2,))


def walrus(xs):
    total = 0
    while (n := len(xs)) > 0:
        total += n
        xs.pop()
    if (half := total // 2) > 1 and (rest := total % 2) == 0:
        return (half, rest, [y := total, y + 1])
    return (half, n, [])


check(walrus, ["list[int]"], ([],), ([1, 2],), ([1, 2, 3],))


def deletes(d, xs):
    del d["a"]
    del xs[0], xs[-1]
    x = 1
    del x
    try:
        return x
    except NameError as error:
        return len(xs) + len(d) + len(str(error))


check(deletes, ["dict[str, int]", "list[int]"], ({"a": 1}, [1, 2, 3]), ({}, [1, 2]), ({"a": 1, "b": 2}, [1]))


def stars(xs, t):
    first, *rest = xs
    *start, last = t
    a = [*xs, 9, *t]
    b = (0, *t)
    return (first, rest, start, last, a, b, max(*t), sum([*rest, *start]))


check(stars, ["list[int]", "tuple[int, int, int]"], ([1, 2], (3, 4, 5)), ([], (1, 2, 3)))


def formats(x, y, w):
    return f"{x:>{w}}|{y:{w}.{2}f}|{x:+05d}|{y!r:>12}|{x=}|{y:e}|{'t':^{w}}|{x:#x}|{x:,}|{y:%}"


check(formats, ["int", "float", "int"], (5, 2.5, 8), (-12345, 1e10, 3), (0, -0.5, 12))


LIMIT = 7
NAMES = ["a", "b"]


def reads_globals(x):
    return (x + LIMIT, NAMES[x % 2])


check(reads_globals, ["int"], *SMALL)


def generators(xs):
    return (
        sum(x * x for x in xs),
        any(x > 2 for x in xs),
        all(x > 0 for x in xs),
        max((x for x in xs), default=-1),
        sorted(-x for x in xs),
        list(x + 1 for x in xs if x),
        tuple(x for x in xs),
        set(x % 2 for x in xs),
        dict((x, str(x)) for x in xs),
        ",".join(str(x) for x in xs),
        [y for y in (x * 2 for x in xs)],
    )


check(generators, ["list[int]"], ([],), ([1, 2, 3],), ([0, -1],))


def counts(n):
    count = 0
    last = ""

    def bump(by):
        nonlocal count, last
        count += by
        last = str(by)
        return count

    def both():
        return bump(1) + bump(2)

    for i in range(n):
        bump(i)
    return (count, both(), count, last)


check(counts, ["int"], *SMALL)


def accumulates(x):
    def add(y):
        nonlocal x
        x += y
        if y > 0:
            add(y - 1)

    add(3)
    before = x
    x = 100
    add(1)
    return (before, x)


check(accumulates, ["int"], *SMALL)


def not_yet(x):
    def sets():
        nonlocal y
        y = 5

    if x > 2:
        sets()
    try:
        return y
    except NameError:
        return -1
    y = 1


check(not_yet, ["int"], (1,), (5,))


def tuples_of_parts(xs, t):
    return ((*t, 1), (0, *xs), (*xs, *xs), (*t, *t), [*"ab"])


check(tuples_of_parts, ["list[int]", "tuple[int, str]"], ([1, 2], (3, "a")), ([], (1, "b")))


def says_global(x):
    global LIMIT
    return x + LIMIT


check(says_global, ["int"], (1,))


# What programs made at random have found.


def sets_of_what_is_never(word):
    try:
        found = {{"a": 1, "b": 2}[word], [][3]}
    except ValueError:
        return "caught"
    else:
        return "found" + str(found)


check(sets_of_what_is_never, ["str"], ("a",), ("",))


def dicts_of_what_is_never(word):
    found = {1: {"a": 1}[word], 2: [][3]}
    return len(found)


check(dicts_of_what_is_never, ["str"], ("a",), ("",))


def names_within_a_condition(x):
    def sets(to):
        nonlocal y
        y = to
        return y

    if y := x + 1:
        x = y * 10
    return x, y, sets(7) + y, (y := sets(2) + y) + sets(9), y


check(names_within_a_condition, ["int"], (0,), (-1,), (4,))


def merged_dicts(one, other):
    return {**one}, {**one, "b": 5}, {"a": 7, **one, **other, "z": len({**other, **one})}


check(
    merged_dicts,
    ["dict[str, int]", "dict[str, int]"],
    ({"a": 1, "b": 2}, {"c": 3, "a": 4}),
    ({}, {}),
)


def merged_in_order(one, log):
    def said(key):
        log.append(key)
        return key

    return {said("x"): said("y"), **one, said("z"): said("w")}, log


check(merged_in_order, ["dict[str, str]", "list[str]"], ({"x": "v"}, []))
