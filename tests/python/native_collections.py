"""Functions that use `collections`, which sandbox and CPython both run."""

import collections
from collections import Counter, OrderedDict, defaultdict, deque

from hypothesis import strategies as st

from native_table import case, count, number_lists, small, words

pairs = st.lists(st.tuples(small, words), max_size=8)
programs = st.lists(st.tuples(st.integers(0, 17), small), max_size=60)


@case(programs)
def deque_of_ints(program: list[tuple[int, int]]) -> list[list[int]]:
    d: deque[int] = deque()
    shown = []
    for step, x in program:
        if step <= 4:
            d.append(x)
        elif step <= 7:
            d.appendleft(x)
        elif step == 8 and d:
            shown.append([d.pop()])
        elif step == 9 and len(d) > 0:
            shown.append([d.popleft()])
        elif step == 10:
            d.rotate(x)
        elif step == 11:
            d.extend([x, x + 1])
        elif step == 12:
            d.extendleft(range(3))
        elif step == 13:
            d.reverse()
        elif step == 14 and x in d:
            d.remove(x)
            shown.append([d.count(x)])
        elif step == 15 and d:
            d[0] = x
            d[-1] += 2
            shown.append([d[len(d) // 2]])
        elif step == 16 and d:
            del d[-1]
        elif step == 17:
            d.insert(x, x)
        shown.append(list(d))
    return shown


@case(programs, st.integers(0, 4))
def deque_of_few(program: list[tuple[int, int]], limit: int) -> list[list[int]]:
    d = deque([1, 2, 3], maxlen=limit)
    shown = [list(d)]
    for step, x in program:
        if step <= 6:
            d.append(x)
        elif step <= 10:
            d.appendleft(x)
        elif step <= 12:
            d.extend([x, x, 0])
        elif step <= 14:
            d.extendleft([x, 1, 2])
        else:
            d.rotate(x)
        shown.append([x for x in d])
    return shown


@case(st.lists(words, max_size=6), st.integers(-8, 8))
def deque_of_text(xs: list[str], at: int) -> tuple[str, str, str]:
    d = deque(xs, 4)
    e = d.copy()
    d.rotate()
    return d[at], repr(e), f"{deque(xs)} {d == e} {d.maxlen} {deque().maxlen}"


@case()
def deque_is_empty() -> int:
    return deque([1]).pop() + deque().popleft()


@case(small)
def deque_lacks(x: int) -> int:
    return deque([1, 2, 3]).index(x)


@case(number_lists)
def deque_changes_in_loop(xs: list[int]) -> int:
    d = deque(xs)
    total = 0
    for x in d:
        total += x
        if x == 3:
            d.append(x)
    return total


@case(st.lists(st.tuples(count, count), max_size=40), count)
def breadth_first(edges: list[tuple[int, int]], start: int) -> tuple[list[int], dict[int, int]]:
    graph = defaultdict(list)
    for a, b in edges:
        graph[a].append(b)
        graph[b].append(a)
    distance = {start: 0}
    queue = collections.deque([start])
    order = []
    while queue:
        node = queue.popleft()
        order.append(node)
        for other in graph[node]:
            if other not in distance:
                distance[other] = distance[node] + 1
                queue.append(other)
    return order, distance


@case(st.text(max_size=30))
def counter_of_text(text: str) -> tuple[list[tuple[str, int]], int, str, dict[str, int]]:
    counts = Counter(text)
    counts["x"] += 2
    counts["a"] -= 1
    del counts["nothing"]
    return counts.most_common(3), counts.total() + counts["?"], repr(counts), dict(counts)


@case(number_lists, number_lists)
def counters(xs: list[int], ys: list[int]) -> tuple[list[list[tuple[int, int]]], bool, bool]:
    a, b = Counter(xs), Counter(y % 5 for y in ys)
    a.update(ys)
    b.subtract(xs)
    made = [a + b, a - b, a | b, a & b]
    c = a.copy()
    c.update(b)
    shown = [list(m.items()) for m in made]
    shown.append(c.most_common())
    shown.append([(x, 1) for x in a.elements()])
    shown.append(sorted(a.items()))
    return shown, a == b, a != Counter({1: 1}) and 1 in a


@case()
def counter_from_counts() -> list[tuple[str, int]]:
    c = Counter({"a": 2, "b": 0}) + Counter(a=1, c=-1)
    c.update({"z": 4})
    shown = sorted(c.items())
    shown.append(("len", len(c)))
    return shown


@case(pairs)
def grouped(xs: list[tuple[int, str]]) -> dict[int, list[str]]:
    groups: defaultdict[int, list[str]] = defaultdict(list)
    for key, text in xs:
        groups[key].append(text)
    return dict(groups)


@case(pairs)
def defaults(xs: list[tuple[int, str]]) -> tuple[dict[str, int], str, list[tuple[int, float]], int]:
    counts = defaultdict(int)
    halves = collections.defaultdict(lambda: 0.5)
    for key, text in xs:
        counts[text] += key
        halves[key] *= 3
    nested = defaultdict(lambda: defaultdict(int))
    for key, text in xs:
        nested[key][text] += 1
    total = sum(n for inner in nested.values() for n in inner.values())
    return {k: v for k, v in counts.items()}, repr(counts), list(halves.items()), total


@case(pairs, small)
def default_is_missing(xs: list[tuple[int, str]], x: int) -> tuple[bool, str, str]:
    names = defaultdict(str, xs)
    missing = x in names
    return missing, names[x], names.get(x + 1, "none")


@case(pairs, small)
def ordered(xs: list[tuple[int, str]], x: int) -> tuple[list[int], str, bool, int]:
    d = OrderedDict(xs)
    e = OrderedDict(xs[::-1])
    same = d == e
    if x in d:
        d.move_to_end(x)
        e.move_to_end(x, last=False)
        d.move_to_end(next_key(e))
    return list(d) + list(e.keys()), repr(d), same, len(d.popitem(last=False)[1])


def next_key(d: OrderedDict[int, str]) -> int:
    for key in d:
        return key
    return 0


@case(number_lists)
def least_recent(xs: list[int]) -> tuple[int, list[int]]:
    cache: OrderedDict[int, int] = OrderedDict()
    misses = 0
    for x in xs:
        if x in cache:
            cache.move_to_end(x)
        else:
            misses += 1
            cache[x] = x * x
            if len(cache) > 2:
                cache.popitem(last=False)
    return misses, list(cache.values())


@case(number_lists)
def passed_on(xs: list[int]) -> int:
    d = deque(xs)
    fill(d, 3)
    return sum(d) + max(d) * 100 + len(sorted(d))


def fill(d: deque[int], n: int) -> None:
    for i in range(n):
        d.append(i)
