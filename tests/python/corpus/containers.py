"""list, tuple, dict, set, range and slices; unpacking and sorting."""

from corpus import case


@case(([0, 1, 2, 3, 4, 5],), ([],), ([7],))
def list_slices(items):
    return (
        items[1:4],
        items[::-1],
        items[-2:],
        items[::2],
        items[4:1:-2],
        items[:],
        items[9:],
        items * 2,
        items + [0],
    )


@case()
def slice_assignment():
    a = list(range(10))
    a[2:5] = "xy"
    a[::3] = [0] * len(a[::3])
    a[len(a) :] = [1, 2]
    del a[::4]
    a[1:1] = [a[:]]
    return a


@case()
def extended_slices_keep_their_length():
    a = list(range(6))
    a[::2] = [1, 2]


@case((slice(1, None, 2),), (slice(None, None, -1),), (slice(-3, 100),))
def slice_objects(s):
    return (
        s,
        s.indices(7),
        list(range(7))[s],
        "abcdefg"[s],
        (s.start, s.stop, s.step),
        range(0, 70, 10)[s],
    )


@case(([3, 1, 2],), (["b", "a"],))
def list_methods(items):
    items.append(items[0])
    items.extend(items[1:2])
    items.insert(1, items[-1])
    popped = items.pop(), items.pop(0)
    items.reverse()
    counts = items.count(popped[0]), items.index(items[-1])
    items.sort(reverse=True)
    return items, popped, counts, items.copy() is items, min(items), len(items)


@case(([],))
def pop_from_an_empty_list(items):
    return items.pop()


@case(([1, 2], 2), ([1], 9))
def remove(items, value):
    try:
        items.remove(value)
    except ValueError as error:
        return type(error).__name__
    return items


@case((("a", 1, 2.5, None),))
def tuple_packing(values):
    first, *middle, last = values
    (a, b), [c, d] = values[:2], values[2:]
    a, b = b, a
    *start, _ = values
    return (
        first,
        middle,
        last,
        a,
        b,
        c,
        d,
        start,
        (*values, *"xy"),
        {**{"k": 1}, "j": 2},
        [*values, *range(2)],
    )


@case(([1],), ([1, 2, 3],), (5,), ({"a": 1, "b": 2},))
def unpacking_two(values):
    try:
        a, b = values
    except (TypeError, ValueError) as error:
        return type(error).__name__
    return a, b


@case()
def nested_unpacking_in_loops():
    rows = [(1, ("a", [2, 3])), (4, ("b", [5, 6]))]
    return [(n, name, x + y) for n, (name, [x, y]) in rows], {
        name: rest for _, (name, (*rest,)) in rows
    }


@case(({"b": 1, "a": 2},), ({},))
def dict_methods(table):
    table.setdefault("z", []).append(1)
    table.update(a=3, c=4)
    table |= {"d": 5}
    popped = table.pop("b", None), table.popitem()
    views = list(table), list(table.values()), list(table.items()), list(reversed(table))
    return (
        table,
        popped,
        views,
        table.get("q", 0),
        "a" in table,
        dict.fromkeys("xyx", 0),
        table | {"a": 0},
    )


@case()
def dict_views_are_sets():
    a, b = {"x": 1, "y": 2}, {"y": 2, "z": 3}
    return (
        a.keys() & b.keys(),
        a.keys() | b.keys(),
        a.items() - b.items(),
        a.keys() ^ b.keys(),
        a.keys() <= {"x", "y", "q"},
    )


@case()
def a_dict_changed_while_it_is_read():
    table = {1: 1}
    for key in table:
        table[key + 1] = 0


@case()
def dict_order_and_equality():
    a = {1: "a", True: "b", 1.0: "c", "1": "d"}
    del a[1]
    a[1] = "e"
    return a, {"x": 1, "y": 2} == {"y": 2, "x": 1}, [*{"k": 0, "j": 0, "k ": 0}], {(): 1}[()]


@case(({},))
def popitem_of_an_empty_dict(table):
    return table.popitem()


@case(({1, 2, 3}, {3, 4}), (set(), {1}), (frozenset("ab"), frozenset("bc")))
def set_algebra(a, b):
    return (
        a | b,
        a & b,
        a - b,
        a ^ b,
        a <= b,
        a < a | b,
        a.isdisjoint(b),
        a.union([9], (8,)),
        len(a),
        a == set(a),
    )


@case()
def set_methods():
    s = {1, 2}
    s.add(3)
    s.discard(9)
    s.remove(1)
    s.update([5], {6})
    s -= {2}
    s |= {7}
    s.intersection_update({3, 5, 7, 100})
    return (
        s,
        frozenset(s) in {frozenset({3, 5, 7})},
        {x % 3 for x in range(10)},
        s.pop() in (3, 5, 7),
    )


@case(
    ({1}, 5),
)
def remove_from_a_set(s, item):
    s.remove(item)


@case((range(10),), (range(5, -5, -3),), (range(0),))
def ranges(r):
    return (
        list(r),
        len(r),
        r[1:3] if r else r,
        5 in r,
        r == range(r.start, r.stop, r.step),
        list(reversed(r)),
        r.start,
        r.step,
    )


@case((range(3, 9, 2), 5), (range(4), 4))
def range_index(r, value):
    try:
        return r.index(value), r.count(value)
    except ValueError as error:
        return type(error).__name__


@case(([("b", 2), ("a", 2), ("c", 1)],))
def sorting_is_stable(pairs):
    by_number = sorted(pairs, key=lambda pair: pair[1])
    both = sorted(pairs, key=lambda pair: (-pair[1], pair[0]))
    pairs.sort(key=lambda pair: pair[1], reverse=True)
    return by_number, both, pairs, max(pairs, key=lambda pair: pair[0]), min(pairs)


@case(([3, 1, 2],), ([],))
def builtin_functions_over_iterables(items):
    return (
        list(enumerate(items, 1)),
        list(zip(items, "abc")),
        list(map(str, items)),
        list(filter(None, [0, *items, ""])),
        any(items),
        all(items),
        sum(items, 10),
        max(items, default=-1),
        list(reversed(items)),
        sorted(items, reverse=True),
    )


@case(([1, 2], [3]))
def zip_strict(a, b):
    return list(zip(a, b, strict=True))


@case()
def comparison_of_sequences():
    return (
        [1, 2] < [1, 2, 0],
        (1, "b") > (1, "a"),
        [] == (),
        "ab" < "b",
        [1] != [True],
        (1, 2) in [(1, 2)],
        [[0]] * 2,
    )


@case()
def aliases_and_copies():
    row = [0]
    shared = [row] * 2
    separate = [row[:] for _ in range(2)]
    row.append(1)
    both = row, row
    both[0].append(2)
    augmented = same = [1]
    augmented += [2]
    augmented = augmented + [3]
    return shared, separate, both, augmented, same


@case()
def a_tuple_is_changed_and_raises():
    t = ([1],)
    try:
        t[0] += [2]
    except TypeError as error:
        return t, str(error)


@case(([[1, 2, 3], [4, 5, 6]],), ([[]],))
def transposed(rows):
    return [list(column) for column in zip(*rows)], [item for row in rows for item in row]


@case((["x"],))
def no_hash(key):
    try:
        return {key: 1}
    except TypeError as error:
        return "unhashable type: 'list'" in str(error)


def bubble(items):
    items = items[:]
    for end in range(len(items) - 1, 0, -1):
        for i in range(end):
            if items[i] > items[i + 1]:
                items[i], items[i + 1] = items[i + 1], items[i]
    return items


def quick(items):
    if len(items) < 2:
        return items
    pivot, *rest = items
    return quick([x for x in rest if x < pivot]) + [pivot] + quick([x for x in rest if x >= pivot])


def merge(items):
    if len(items) < 2:
        return items
    half = len(items) // 2
    left, right, out = merge(items[:half]), merge(items[half:]), []
    while left and right:
        out.append(left.pop(0) if left[0] <= right[0] else right.pop(0))
    return out + left + right


@case(([5, 2, 9, 1, 5, 6],), ([],), (["c", "a"],), ([1, "x"],))
def sorting_algorithms(items):
    return bubble(items), quick(items), merge(items)
