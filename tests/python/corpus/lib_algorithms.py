"""itertools, functools, operator, collections, heapq, bisect, queue, sched, graphlib."""

import bisect
import collections
import functools
import graphlib
import heapq
import itertools
import operator
import queue
import sched
from collections import (
    ChainMap,
    Counter,
    OrderedDict,
    UserDict,
    UserList,
    UserString,
    defaultdict,
    deque,
)

from corpus import case


@case((4,), (0,))
def infinite_iterators(n):
    return (
        list(itertools.islice(itertools.count(5, -2), n)),
        list(itertools.islice(itertools.cycle("ab"), n)),
        list(itertools.repeat(None, n)),
    )


@case(([1, 2, 3],), ([],))
def combinatorics(items):
    return (
        list(itertools.permutations(items, 2)),
        list(itertools.combinations(items, 2)),
        list(itertools.combinations_with_replacement(items, 2)),
        list(itertools.product(items, "ab")),
        list(itertools.pairwise(items)),
    )


@case(([3, 1, 4, 1, 5],), ([],))
def terminating_iterators(items):
    one, two = itertools.tee(items)
    return (
        list(itertools.accumulate(items)),
        list(itertools.accumulate(items, max, initial=2)),
        list(itertools.chain(items, "x", *[[0]])),
        list(itertools.chain.from_iterable([items, items])),
        list(itertools.compress(items, [1, 0, 1])),
        list(itertools.dropwhile(lambda x: x > 2, items)),
        list(itertools.takewhile(lambda x: x > 2, items)),
        list(itertools.filterfalse(lambda x: x % 2, items)),
        list(itertools.starmap(pow, zip(items, items))),
        list(itertools.zip_longest(items, "ab", fillvalue="-")),
        list(one) == list(two),
    )


@case((["apple", "avocado", "bean", "cherry", "corn"],))
def group_by(words):
    return {
        key: list(group) for key, group in itertools.groupby(words, key=operator.itemgetter(0))
    }, [len(list(g)) for _, g in itertools.groupby("aabbb")]


@case(([1, 2, -1],))
def islice_refuses(bounds):
    try:
        return list(itertools.islice("abc", *bounds))
    except ValueError as error:
        return type(error).__name__


@case()
def operator_functions():
    record = {"a": (1, 2), "b": 3}
    return (
        operator.itemgetter("a", "b")(record),
        operator.attrgetter("real", "imag.real")(3 + 4j),
        operator.truth([]),
        operator.concat("a", "b"),
        operator.countOf([1, 2, 1], 1),
        operator.indexOf("abc", "c"),
        operator.length_hint(iter([1, 2])),
        operator.index(True),
    )


@case(("mississippi",), ("",))
def counters(text):
    count = Counter(text)
    other = Counter("miss", x=2)
    other.subtract("m")
    return (
        count,
        count.most_common(2),
        count + other,
        count - other,
        count & other,
        count | other,
        +other,
        count["q"],
        sorted(other.elements()),
        count.total(),
    )


@case()
def default_dicts():
    groups, nested = defaultdict(list), defaultdict(lambda: defaultdict(int))
    for word in ("ant", "bee", "auk"):
        groups[word[0]].append(word)
        nested[word[0]][len(word)] += 1
    return groups, {k: dict(v) for k, v in nested.items()}, groups.get("z"), dict(groups) == groups


@case()
def a_default_dict_without_a_factory():
    return defaultdict(None, a=1)["b"]


@case(([1, 2, 3], 2), ([], None))
def deques(items, limit):
    d = deque(items, maxlen=limit)
    d.append(9)
    d.appendleft(8)
    d.extend([7])
    d.rotate(1)
    return d, list(d), d.maxlen, d.index(7), deque(reversed(d)), d.pop(), d.popleft(), d.count(9)


@case((deque([1, 2], maxlen=3),), (deque(),))
def deque_arguments(d):
    return d.popleft(), d


@case()
def ordered_dicts():
    d = OrderedDict(b=1, a=2, c=3)
    d.move_to_end("b")
    d.move_to_end("c", last=False)
    return (
        d,
        d.popitem(last=False),
        list(reversed(d)),
        d == OrderedDict(a=2, b=1),
        d == {"b": 1, "a": 2},
    )


@case()
def chain_maps():
    chain = ChainMap({"a": 1}, {"a": 2, "b": 3})
    child = chain.new_child({"c": 0})
    child["b"] = 9
    return dict(chain), sorted(child.items()), child.maps[0], chain["b"], len(child.parents.maps)


@case()
def chain_maps_miss():
    return ChainMap({}, {})["nothing"]


@case()
def user_containers():
    class Lower(UserDict):
        def __setitem__(self, key, value):
            super().__setitem__(key.lower(), value)

    class Unique(UserList):
        def append(self, item):
            if item not in self.data:
                super().append(item)

    d, items, s = Lower(A=1), Unique([1]), UserString("abc")
    d["B"] = 2
    items.append(1)
    items.append(2)
    return d.data, items.data, (s + "d").upper().data, len(s), "a" in d


@case(([5, 1, 8, 3, 2],), ([],))
def heaps(items):
    heap = items[:]
    heapq.heapify(heap)
    heapq.heappush(heap, 4)
    least = heapq.heappushpop(heap, 0), heapq.heapreplace(heap, 7)
    return (
        least,
        [heapq.heappop(heap) for _ in range(len(heap))],
        heapq.nsmallest(2, items),
        heapq.nlargest(2, items, key=lambda x: -x),
        list(heapq.merge([1, 4], [2, 3])),
    )


@case(([],))
def pop_from_an_empty_heap(heap):
    return heapq.heappop(heap)


@case(([1, 3, 3, 5], 3), ([], 1))
def bisection(items, x):
    bisect.insort(items, x)
    return (
        bisect.bisect_left(items, x),
        bisect.bisect_right(items, x),
        bisect.bisect([2, 4], x),
        items,
        bisect.bisect_left(["a", "ccc"], 2, key=len),
    )


@case()
def queues_of_all_kinds():
    fifo, lifo, ranked, simple = (
        queue.Queue(),
        queue.LifoQueue(),
        queue.PriorityQueue(),
        queue.SimpleQueue(),
    )
    for q in (fifo, lifo, ranked, simple):
        for item in (3, 1, 2):
            q.put(item)
    return [[q.get_nowait() for _ in range(3)] for q in (fifo, lifo, ranked, simple)], fifo.empty()


@case()
def an_empty_queue():
    try:
        queue.Queue().get_nowait()
    except queue.Empty as error:
        return type(error).__name__, error.args


@case()
def a_scheduler_with_a_clock_of_its_own():
    now = [0]
    log = []

    def wait(seconds):
        now[0] += seconds

    plan = sched.scheduler(lambda: now[0], wait)
    plan.enter(5, 1, log.append, ("late",))
    plan.enter(1, 2, log.append, ("early b",))
    plan.enter(1, 1, log.append, ("early a",))
    plan.cancel(plan.enter(3, 1, log.append, ("never",)))
    plan.run()
    return log, now[0]


@case(({"d": {"b", "c"}, "b": {"a"}, "c": {"a"}},), ({"a": {"b"}, "b": {"a"}},))
def topological_order(graph):
    sorter = graphlib.TopologicalSorter(graph)
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        return "cycle", sorted(set(error.args[1]))
    layers = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        layers.append(ready)
        sorter.done(*ready)
    return layers


@case(
    ({"a": {"b": 1, "c": 4}, "b": {"c": 2, "d": 6}, "c": {"d": 3}, "d": {}}, "a"),
)
def shortest_paths(graph, source):
    distance, heap, before = {source: 0}, [(0, source)], {}
    while heap:
        d, node = heapq.heappop(heap)
        for neighbour, weight in graph[node].items():
            if d + weight < distance.get(neighbour, 10**9):
                distance[neighbour], before[neighbour] = d + weight, node
                heapq.heappush(heap, (d + weight, neighbour))
    return distance, before


@case(("kitten", "sitting"), ("", "abc"))
def edit_distance(a, b):
    @functools.cache
    def distance(i, j):
        if not i or not j:
            return i + j
        return min(
            distance(i - 1, j) + 1,
            distance(i, j - 1) + 1,
            distance(i - 1, j - 1) + (a[i - 1] != b[j - 1]),
        )

    return distance(len(a), len(b))


@case((6,), (3,))
def queens(n):
    def place(row, columns):
        if row == n:
            yield columns
        for c in range(n):
            if all(c != other and abs(c - other) != row - r for r, other in enumerate(columns)):
                yield from place(row + 1, (*columns, c))

    return list(place(0, ()))


@case()
def abstract_containers():
    class Evens(collections.abc.Sequence):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            if not 0 <= index < 4:
                raise IndexError(index)
            return index * 2

    evens = Evens()
    return (
        list(evens),
        4 in evens,
        evens.index(6),
        list(reversed(evens)),
        evens.count(2),
        isinstance(evens, collections.abc.Collection),
    )


@case()
def key_functions():
    by_length = functools.cmp_to_key(lambda a, b: (len(a) > len(b)) - (len(a) < len(b)))
    return (
        sorted(["ccc", "a", "bb"], key=by_length),
        functools.reduce(operator.or_, [1, 2, 8], 0),
        functools.partial(int, base=2)("101"),
    )


@case()
def reduce_of_nothing():
    return functools.reduce(operator.add, [])
