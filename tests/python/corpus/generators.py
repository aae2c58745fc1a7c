"""Generators, delegation, comprehensions, iterators."""

import itertools

from corpus import case


def naturals(start=0):
    n = start
    while True:
        yield n
        n += 1


@case((5,), (0,))
def take_from_an_endless_generator(n):
    return [value for value, _ in zip(naturals(10), range(n))]


def fibonacci():
    a, b = 0, 1
    while True:
        yield a
        a, b = b, a + b


@case((100,))
def the_hundredth_fibonacci_number(n):
    return next(itertools.islice(fibonacci(), n, None))


def averager():
    total, count, average = 0, 0, None
    while True:
        try:
            value = yield average
        except ValueError as error:
            total, count = 0, 0
            average = str(error)
            continue
        if value is None:
            return count
        total += value
        count += 1
        average = total / count


@case(([1, 2, 6],), ([],))
def send_into_a_generator(values):
    running = averager()
    seen = [next(running)]
    seen += [running.send(value) for value in values]
    seen.append(running.throw(ValueError("again")))
    seen.append(running.send(8))
    try:
        running.send(None)
    except StopIteration as stop:
        seen.append(("returned", stop.value))
    return seen


def inner_steps(log):
    try:
        got = yield "a"
        log.append(got)
        yield "b"
    except KeyError as error:
        log.append(repr(error))
        yield "rescued"
    finally:
        log.append("inner done")
    return "result"


def outer_steps(log):
    result = yield from inner_steps(log)
    log.append(result)
    yield from "xy"
    return yield_nothing(log)


def yield_nothing(log):
    log.append("end")


@case((False,), (True,))
def delegation(fail):
    log = []
    steps = outer_steps(log)
    seen = [next(steps)]
    seen.append(steps.throw(KeyError("k")) if fail else steps.send("sent"))
    seen += list(steps)
    return seen, log


@case()
def closing_runs_finally():
    log = []
    steps = outer_steps(log)
    next(steps)
    steps.close()
    return log, list(steps)


@case()
def a_generator_that_ignores_close():
    def stubborn():
        while True:
            try:
                yield 1
            except GeneratorExit:
                yield 2

    it = stubborn()
    next(it)
    it.close()


@case()
def stop_iteration_inside_a_generator():
    def broken():
        yield 1
        raise StopIteration("early")

    return list(broken())


@case()
def an_exhausted_generator():
    it = (x for x in ())
    return next(it, "default"), next(it)


@case()
def a_generator_raises_on_the_way():
    def risky(values):
        for value in values:
            yield 10 / value

    return list(risky([5, 2, 0, 1]))


def walk(tree):
    if isinstance(tree, list):
        for branch in tree:
            yield from walk(branch)
    else:
        yield tree


@case(([1, [2, [3, [[]], 4]], 5],), ("leaf",))
def flatten_recursively(tree):
    return list(walk(tree))


class Countdown:
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return self

    def __next__(self):
        if self.n <= 0:
            raise StopIteration
        self.n -= 1
        return self.n + 1

    def __length_hint__(self):
        return self.n


@case((4,), (0,), (-1,))
def the_iterator_protocol(n):
    first, *rest = [*Countdown(n), "end"]
    return first, rest, list(Countdown(n)), 2 in Countdown(n), max(Countdown(n), default=None)


class OldSequence:
    def __getitem__(self, index):
        if index > 3:
            raise IndexError(index)
        return index * index


@case()
def iteration_by_getitem():
    old = OldSequence()
    return list(old), 4 in old, 5 in old, list(reversed(list(old)))


@case()
def iter_with_a_sentinel():
    values = iter([3, 1, 4, 0, 5])
    return list(iter(lambda: next(values), 0)), list(values)


@case()
def not_iterable():
    a, b = 5
    return a, b


@case((3,))
def comprehensions_of_all_kinds(n):
    pairs = [(x, y) for x in range(n) for y in range(x) if (x + y) % 2]
    table = {x: {y: x * y for y in range(n)} for x in range(n)}
    letters = {c.lower() for c in "AbBa"}
    total = sum(x * x for x in range(n))
    return pairs, table, letters, total, [[0] * n for _ in range(2)]


@case((4,))
def a_generator_reads_its_outermost_iterable_at_once(n):
    source = list(range(n))
    lazy = (x * factor for x in source)
    source = ["not", "this"]
    factor = 10
    return list(lazy), source


@case()
def the_names_of_a_comprehension_are_its_own():
    x = "outer"
    squares = [x * x for x in range(3)]
    return x, squares, (last := [y for y in "ab"]), last


@case()
def unpacking_in_comprehensions_fails_late():
    return [a + b for a, b in [(1, 2), (3,)]]


@case((6,))
def a_pipeline_of_generators(n):
    def numbers():
        yield from range(n)

    def doubled(source):
        for item in source:
            yield 2 * item

    def pairs(source):
        it = iter(source)
        yield from zip(it, it)

    return list(pairs(doubled(numbers())))


@case()
def generator_state_is_visible():
    it = naturals()
    states = [it.gi_frame is not None, it.gi_running, next(it)]
    it.close()
    return states, it.gi_frame, it.gi_yieldfrom, it.__name__, it.__qualname__
