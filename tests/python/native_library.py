"""Functions that use the standard library, which sandbox and CPython both run."""

import bisect
import functools
import heapq
import itertools
import operator
import random
import string
from bisect import bisect_left, insort
from heapq import heapify, heappop, heappush
from itertools import chain, combinations, islice, permutations, product
from random import randint

from hypothesis import strategies as st

from native_table import bools, case, count, float_lists, number_lists, small, words

pairs = st.lists(st.tuples(small, words), max_size=8)
sorted_lists = number_lists.map(sorted)
bounds = st.integers(-2, 10)


@case(sorted_lists, small, bounds, bounds)
def bisect_all(xs: list[int], x: int, low: int, high: int) -> list[int]:
    return [
        bisect.bisect_left(xs, x),
        bisect.bisect_right(xs, x),
        bisect.bisect(xs, x, lo=0),
        bisect_left(xs, x, low),
        bisect.bisect_right(xs, x, low, high),
        bisect.bisect_left(xs, x + 0.5, hi=high),
    ]


@case(pairs, small)
def bisect_by_key(xs: list[tuple[int, str]], x: int) -> list[int]:
    xs.sort()
    left = bisect.bisect_left(xs, x, key=lambda pair: pair[0])
    right = bisect.bisect_right(xs, x, key=operator.itemgetter(0))
    return [left, right]


@case(number_lists, bounds)
def insort_all(xs: list[int], low: int) -> list[list[int]]:
    a: list[int] = []
    b: list[int] = []
    c: list[int] = []
    for x in xs:
        insort(a, x)
        bisect.insort_left(b, x)
        bisect.insort_right(c, x, key=lambda y: -y)
    bisect.insort(a, 3, low)
    bisect.insort_left(b, 4, key=operator.neg)
    return [a, b, c]


@case(st.lists(st.tuples(st.integers(0, 5), small), max_size=30))
def heap_of_ints(program: list[tuple[int, int]]) -> list[list[int]]:
    heap: list[int] = []
    shown = []
    for step, x in program:
        if step <= 2:
            heappush(heap, x)
        elif step == 3:
            shown.append([heapq.heappop(heap)])
        elif step == 4:
            shown.append([heapq.heappushpop(heap, x)])
        else:
            shown.append([heapq.heapreplace(heap, x)])
        shown.append(heap[:])
    return shown


@case(st.lists(st.tuples(st.floats(allow_nan=False), words), max_size=12))
def heap_of_tuples(xs: list[tuple[float, str]]) -> list[tuple[float, str]]:
    heap = xs[:]
    heapify(heap)
    order = heap[:]
    while heap:
        order.append(heappop(heap))
    return order


@case(st.lists(small, max_size=40))
def heap_sort(xs: list[int]) -> list[int]:
    heap = [(x, -x) for x in xs]
    heapq.heapify(heap)
    return [heapq.heappop(heap)[1] for _ in range(len(heap))]


@case()
def heap_is_empty() -> int:
    heap: list[int] = []
    return heapq.heappop(heap)


@case(st.lists(st.tuples(count, count, st.integers(1, 9)), max_size=30), count)
def shortest_paths(edges: list[tuple[int, int, int]], start: int) -> list[float]:
    graph: dict[int, list[tuple[int, float]]] = {}
    for a, b, weight in edges:
        graph.setdefault(a, []).append((b, weight / 2))
        graph.setdefault(b, []).append((a, weight / 2))
    distances = [float("inf")] * 13
    distances[start] = 0.0
    heap = [(0.0, start)]
    while heap:
        distance, node = heapq.heappop(heap)
        if distance > distances[node]:
            continue
        for other, weight in graph.get(node, []):
            total = distance + weight
            if total < distances[other]:
                distances[other] = total
                heapq.heappush(heap, (total, other))
    return distances


@case(st.integers(-1, 9), number_lists, pairs)
def extremes(
    n: int, xs: list[int], ps: list[tuple[int, str]]
) -> tuple[list[int], list[int], list[tuple[int, str]], list[tuple[int, str]]]:
    return (
        heapq.nlargest(n, xs),
        heapq.nsmallest(n, xs),
        heapq.nlargest(n, ps, key=lambda pair: pair[0]),
        heapq.nsmallest(n, ps, key=operator.itemgetter(1)),
    )


@case(st.integers(0, 4), st.lists(st.floats(allow_nan=False), max_size=10))
def extremes_of_floats(n: int, xs: list[float]) -> tuple[list[float], list[float]]:
    return heapq.nlargest(n, xs), heapq.nsmallest(n, xs)


@case(number_lists)
def smallest_of_generator(xs: list[int]) -> list[int]:
    return heapq.nsmallest(2, (x * x for x in xs if x % 3))


@case(number_lists)
def reduced(xs: list[int]) -> int:
    return functools.reduce(lambda a, b: a * 3 + b, xs)


@case(number_lists, small)
def reduced_from(xs: list[int], start: int) -> tuple[int, int, float]:
    return (
        functools.reduce(operator.add, xs, start),
        functools.reduce(operator.xor, (x for x in xs), 0),
        functools.reduce(lambda a, b: a + b, xs, 0.5),
    )


@case(number_lists, words)
def products(xs: list[int], text: str) -> list[tuple[int, str]]:
    out = []
    for x, c in itertools.product(xs, text):
        if x == 3:
            continue
        if c == ",":
            break
        out.append((x, c))
    else:
        out.append((0, "all"))
    return out


@case(st.integers(0, 3))
def product_repeated(n: int) -> list[tuple[int, int, int]]:
    return list(product(range(n), repeat=3))


@case(st.lists(small, max_size=3), st.integers(-1, 4))
def product_of_any_length(xs: list[int], n: int) -> list[tuple[int, ...]]:
    return [t for t in product(xs, repeat=n)]


@case(number_lists)
def combined(xs: list[int]) -> list[int]:
    best = []
    for a, b in combinations(xs, 2):
        best.append(a * 100 + b)
    for i, (a, b, c) in enumerate(itertools.combinations(xs, r=3)):
        if i > 20:
            break
        best.append(a * b * c)
    return best


@case(st.lists(small, max_size=5), st.integers(-1, 6))
def combined_of_any_length(xs: list[int], n: int) -> list[tuple[int, ...]]:
    return list(combinations(xs, n)) + list(itertools.combinations_with_replacement(xs, n))


@case(st.lists(small, max_size=5))
def combined_with_replacement(xs: list[int]) -> list[tuple[int, int]]:
    return sorted(itertools.combinations_with_replacement(xs, 2))


@case(st.lists(small, max_size=5))
def permuted(xs: list[int]) -> int:
    return sum(a * 10 + b for a, b in permutations(xs, 2)) + max(
        (a - b + c for a, b, c in permutations(xs, 3)), default=0
    )


@case(st.lists(small, max_size=5), st.integers(-1, 6))
def permuted_of_any_length(xs: list[int], n: int) -> list[tuple[int, ...]]:
    whole = [p for p in permutations(xs)]
    return whole + list(permutations(xs, n))


@case(number_lists, float_lists)
def accumulated(
    xs: list[int], ys: list[float]
) -> tuple[list[int], list[int], list[float], list[int]]:
    return (
        list(itertools.accumulate(xs)),
        list(itertools.accumulate(xs, max)),
        list(itertools.accumulate(ys, operator.mul)),
        [x for x in itertools.accumulate(xs, lambda a, b: a - b, initial=7)],
    )


@case(number_lists, number_lists, words)
def chained(xs: list[int], ys: list[int], text: str) -> tuple[list[int], str, int]:
    total = 0
    for x in chain(xs, range(3), ys):
        if x == 4:
            continue
        if x == 5:
            break
        total += x
    else:
        total = -1
    joined = "".join(chain.from_iterable([text, "-", text]))
    return list(chain(xs, ys)), joined, total


@case(number_lists, bounds, bounds, st.integers(0, 3))
def sliced(xs: list[int], start: int, stop: int, step: int) -> list[list[int]]:
    return [
        list(islice(xs, stop)),
        list(islice(xs, start, stop)),
        list(islice((x * 2 for x in xs), start, None)),
        list(islice(itertools.count(3), start, stop, step)),
    ]


@case(number_lists)
def counted(xs: list[int]) -> list[tuple[int, int]]:
    out = []
    for i, x in zip(itertools.count(10, 5), xs):
        out.append((i, x))
    for x, i in zip(xs, itertools.count()):
        out.append((x, i))
    for n in itertools.count(2):
        if n * n > 50:
            break
        out.append((n, n))
    return out


@case(number_lists, count)
def cycled(xs: list[int], n: int) -> list[int]:
    out = []
    for x, _ in zip(itertools.cycle(xs), range(n)):
        out.append(x)
    for x in itertools.repeat(7, n):
        out.append(x)
    return out + [x for x in islice(itertools.cycle(xs), n)]


@case(number_lists, small)
def taken(xs: list[int], limit: int) -> list[list[int]]:
    return [
        list(itertools.takewhile(lambda x: x < limit, xs)),
        list(itertools.dropwhile(lambda x: x < limit, xs)),
        list(itertools.filterfalse(lambda x: x % 2, xs)),
        list(itertools.compress(xs, [x > 0 for x in xs])),
        [a - b for a, b in itertools.pairwise(xs)],
        list(itertools.starmap(pow, [(abs(x), 2) for x in xs])),
    ]


@case(number_lists, words)
def zipped_longest(xs: list[int], text: str) -> list[tuple[int | None, str | None]]:
    return list(itertools.zip_longest(xs, text))


@case(number_lists, number_lists)
def zipped_longest_filled(xs: list[int], ys: list[int]) -> int:
    total = 0
    for x, y in itertools.zip_longest(xs, ys, fillvalue=100):
        total = total * 3 + x - y
    return total


@case(number_lists, bools)
def streams_end_early(xs: list[int], flag: bool) -> tuple[bool, bool, int, dict[int, int]]:
    def_found = any(a + b == 7 for a, b in combinations(xs, 2))
    everything = all(a != b for a, b in itertools.pairwise(xs))
    first = 0
    for a, b in product(xs, xs):
        first += 1
        if a > b and flag:
            return def_found, everything, first, {}
    return def_found, everything, first, dict(enumerate(islice(xs, 3)))


@case(pairs)
def sorted_by_items(xs: list[tuple[int, str]]) -> list[list[tuple[int, str]]]:
    return [
        sorted(xs, key=operator.itemgetter(1, 0)),
        sorted(xs, key=operator.itemgetter(-1), reverse=True),
        [max(xs, key=operator.itemgetter(0), default=(0, ""))],
    ]


@case(small, small)
def operators(a: int, b: int) -> list[int]:
    out = [operator.add(a, b), operator.sub(a, b), operator.mul(a, b), operator.neg(a)]
    out += [operator.and_(a, b), operator.or_(a, b), operator.xor(a, b), operator.invert(a)]
    out += [int(operator.lt(a, b)), int(operator.eq(a, b)), int(operator.not_(a))]
    out += [operator.floordiv(a, b), operator.mod(a, b)]
    return out


@case(number_lists, small)
def partial_applied(xs: list[int], n: int) -> list[int]:
    return list(map(functools.partial(operator.add, n), xs))


@case(st.text(max_size=20))
def letters(text: str) -> tuple[int, str]:
    from string import digits

    kept = [c for c in text if c in string.ascii_letters or c in digits]
    return len(string.printable + string.punctuation + string.whitespace), "".join(kept)


@case(st.integers(-(2**63), 2**63 - 1), st.integers(0, 700))
def random_numbers(seed: int, n: int) -> tuple[list[float], list[int]]:
    random.seed(seed)
    floats = [random.random() for _ in range(n)]
    return floats, [random.getrandbits(k) for k in range(64)]


@case(small, st.integers(-5, 100), st.integers(-5, 100), st.integers(-3, 3))
def random_ints(seed: int, a: int, b: int, step: int) -> list[int]:
    random.seed(seed)
    out = [random.randint(a, b), random.randrange(a, b), randint(1, 6)]
    out.append(random.randrange(a, b, step) if step else random.randrange(b))
    return out


@case(small, st.integers(-2, 60), st.integers(-2, 60))
def random_samples(seed: int, n: int, k: int) -> tuple[list[int], list[int], list[int]]:
    random.seed(seed)
    xs = list(range(n))
    random.shuffle(xs)
    return xs, random.sample(xs, k), random.sample(range(3 * n), k)


@case(small, words, float_lists)
def random_choices(seed: int, text: str, weights: list[float]) -> tuple[str, list[str], list[int]]:
    random.seed(seed)
    chosen = random.choice(text)
    several = random.choices(list(text), k=5)
    return chosen, several, random.choices(range(len(weights)), weights, k=4)


@case(small, st.floats(-100, 100), st.floats(-100, 100))
def random_reals(seed: int, a: float, b: float) -> list[float]:
    random.seed(seed)
    out = [random.uniform(a, b), random.triangular(), random.triangular(a, b)]
    out += [random.triangular(1.0, 1.0, 1.0), random.random()]
    return out
