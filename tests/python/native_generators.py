"""Generators, `with` and functions that keep their results, as CPython runs them."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from functools import cache, cmp_to_key, lru_cache
from itertools import chain, islice, takewhile
from typing import Self

from hypothesis import strategies as st

from native_table import case, count, number_lists, small, words


def fibonacci(limit: int) -> Iterator[int]:
    a, b = 0, 1
    while a < limit:
        yield a
        a, b = b, a + b


def evens(xs: list[int]) -> Iterator[int]:
    for x in xs:
        if x % 2 == 0:
            yield x


def pairs(counts: dict[str, int]) -> Iterator[tuple[str, int]]:
    for key, value in counts.items():
        yield key, value
        if value > 2:
            yield key * 2, -value


def delegating(n: int) -> Iterator[int]:
    yield -1
    yield from fibonacci(n)
    yield from range(n)
    yield from [7, 8]


def forever(start: int) -> Iterator[int]:
    while True:
        yield start
        start += 1


def grid(n: int, m: int) -> Iterator[tuple[int, int]]:
    for i in range(n):
        if i == 2:
            continue
        for j in range(m):
            if j > i:
                break
            yield i, j
        else:
            yield i, -1
        yield -i, 0


def nothing(n: int) -> Iterator[int]:
    if n > 100:
        yield n


def split(text: str) -> Iterator[str]:
    word = ""
    for c in text:
        if c == " ":
            if word:
                yield word
            word = ""
        else:
            word += c
    if word:
        yield word


@case(small)
def all_of_a_generator(n: int) -> tuple[list[int], int, list[int], tuple[int, ...], int]:
    once = list(fibonacci(n))
    return once, sum(delegating(n)), sorted(fibonacci(n)), tuple(evens(once)), len(set(evens(once)))


@case(st.dictionaries(words, small, max_size=6))
def items_of_dicts(counts: dict[str, int]) -> tuple[list[tuple[str, int]], dict[str, int]]:
    return [(key, value) for key, value in pairs(counts)], dict(pairs(counts))


@case(count, count)
def nested_loops(n: int, m: int) -> list[tuple[int, int]]:
    return list(grid(n, m))


@case(words, words)
def words_of_text(first: str, second: str) -> tuple[str, list[str], dict[str, int]]:
    text = f"{first} {second}  {first}"
    counts: dict[str, int] = {}
    for word in split(text):
        counts[word] = counts.get(word, 0) + 1
    return "-".join(split(text)), list(split(second)), counts


@case(small, number_lists)
def consumers(n: int, xs: list[int]) -> tuple[bool, bool, int, int, bool, list[int]]:
    return (
        any(x > 3 for x in fibonacci(n)),
        all(x < 3 for x in evens(xs)),
        max(evens(xs), default=-99),
        min(fibonacci(n), default=99),
        n in fibonacci(100),
        [x * y for x, y in zip(evens(xs), forever(n))],
    )


@case(small)
def one_generator_twice(n: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    items = fibonacci(n)
    numbered = forever(n)
    return list(zip(items, items)), list(islice(zip(numbered, numbered), 3))


@case(small)
def next_of_generators(n: int) -> tuple[int, int, int, list[int]]:
    items = fibonacci(n)
    first = next(items, -5)
    second = next(items, -6)
    empty = next(nothing(n), -7)
    return first, second, empty, list(items)


@case(count)
def items_are_made_as_they_are_asked_for(n: int) -> list[str]:
    log: list[str] = []

    def noisy(limit: int) -> Iterator[int]:
        for i in range(limit):
            log.append(f"make {i}")
            yield i * factor
            log.append(f"after {i}")
        log.append("end")

    factor = 2
    items = noisy(n)
    log.append("begin")
    factor = 3
    for i, x in enumerate(items, 1):
        log.append(f"got {i} {x}")
        if x > 10:
            break
        factor += 1
    else:
        log.append("all")
    for x in items:
        log.append(f"rest {x}")
    return log


@case(count, number_lists)
def iterators_of_the_library(n: int, xs: list[int]) -> tuple[list[int], list[int], list[int]]:
    numbers = forever(n)
    few = list(islice(numbers, 3))
    few.append(next(numbers))
    below = list(takewhile(lambda x: x < 20, forever(n)))
    return few, below, list(chain(evens(xs), fibonacci(n)))


class Tree:
    def __init__(self, value: int) -> None:
        self.value = value
        self.left: Tree | None = None
        self.right: Tree | None = None

    def add(self, value: int) -> None:
        if value < self.value:
            if self.left is None:
                self.left = Tree(value)
            else:
                self.left.add(value)
        elif self.right is None:
            self.right = Tree(value)
        else:
            self.right.add(value)

    def __iter__(self) -> Iterator[int]:
        if self.left:
            yield from self.left
        yield self.value
        if self.right:
            yield from self.right

    def levels(self, depth: int = 0) -> Iterator[tuple[int, int]]:
        yield depth, self.value
        if self.left is not None:
            yield from self.left.levels(depth + 1)
        if self.right is not None:
            for level, value in self.right.levels(depth + 1):
                yield level, value + 1


@case(small, number_lists)
def trees(first: int, xs: list[int]) -> tuple[list[int], list[tuple[int, int]], int]:
    tree = Tree(first)
    for x in xs:
        tree.add(x)
    return list(tree), list(tree.levels()), sum(tree)


def mixed(n: int) -> Iterator[int | str | float | None]:
    for i in range(n):
        if i % 3 == 0:
            x: int | str | None = i
        elif i % 3 == 1:
            x = str(i)
        else:
            x = None
        try:
            if i == 5:
                raise ValueError(i)
            yield x
        except ValueError as error:
            text = str(error)
        else:
            text = "fine"
        yield text
        yield i / 2


@case(count)
def items_of_several_types(n: int) -> list[str]:
    return [repr(x) for x in mixed(n)]


def failing(n: int) -> Iterator[int]:
    for i in range(n):
        yield 10 // (n - 2 * i)


@case(count)
def exceptions_end_a_generator(n: int) -> tuple[list[int], str, int, list[int]]:
    items = failing(n)
    got = []
    text = "none"
    try:
        for x in items:
            got.append(x)
    except ZeroDivisionError as error:
        text = str(error)
    return got, text, next(items, -1), list(items)


def stopping(n: int) -> Iterator[int]:
    yield n
    yield next(nothing(n))


@case(small)
def stop_iteration_within_a_generator(n: int) -> tuple[list[int], str]:
    got = []
    try:
        for x in stopping(n):
            got.append(x)
    except RuntimeError as error:
        return got, str(error)
    return got, "none"


@case(count)
def next_without_a_default(n: int) -> int:
    items = fibonacci(n)
    try:
        return next(items) + next(items) + next(items) + next(items)
    except StopIteration:
        return -1


def unset(n: int) -> Iterator[int]:
    if n > 3:
        x = n
    yield n
    yield x


@case(count)
def variables_without_a_value(n: int) -> list[int]:
    return list(unset(n))


def longest(items: Iterator[str]) -> str:
    best = ""
    for item in items:
        if len(item) > len(best):
            best = item
    return best


@case(words, words)
def generators_are_passed_on(a: str, b: str) -> tuple[str, list[int]]:
    both = [fibonacci(len(a)), fibonacci(len(b))]
    total = [x for items in both for x in items]
    return longest(split(a + " " + b)), total


@case(small, small)
def unpacked(a: int, b: int) -> tuple[int, int, list[int]]:
    x, y, *rest = fibonacci(a)
    first, second = evens([a, b])
    return x + first, y + second, rest


class Log:
    def __init__(self, name: str, swallows: bool, lines: list[str]) -> None:
        self.name = name
        self.swallows = swallows
        self.lines = lines

    def __enter__(self) -> Self:
        self.lines.append(f"enter {self.name}")
        return self

    def __exit__(self, kind, error, trace) -> bool:
        if kind is not None and issubclass(kind, (ValueError, LookupError)):
            self.lines.append(f"{kind.__name__} {error}")
        elif kind is None:
            self.lines.append("none")
        self.lines.append(f"exit {self.name}")
        return self.swallows


class Depth:
    def __init__(self) -> None:
        self.depth = 0
        self.most = 0

    def __enter__(self) -> None:
        self.depth += 1
        self.most = max(self.most, self.depth)

    def __exit__(self, *args: object) -> None:
        self.depth -= 1


@case(st.booleans(), st.booleans(), st.integers(0, 5))
def managers(first: bool, second: bool, n: int) -> list[str]:
    lines: list[str] = []
    for i in range(3):
        try:
            with Log(f"a{i}", first, lines) as a, Log("b", second, lines):
                if n == 0:
                    continue
                if n == 1:
                    break
                if n == 2:
                    raise ValueError(i)
                if n == 3:
                    lines.append(str([1][i + 1]))
                if n == 4:
                    return [*lines, a.name]
                lines.append("body")
        except (ValueError, IndexError) as error:
            lines.append(f"caught {error}")
    return lines


def sink(depth: Depth, n: int) -> int:
    with depth:
        if n == 7:
            raise KeyError(n)
        return 0 if n <= 0 else 1 + sink(depth, n - 1)


@case(small)
def managers_of_recursion(n: int) -> tuple[int, int, int]:
    depth = Depth()
    reached = -1
    with suppress(KeyError):
        reached = sink(depth, n)
    return reached, depth.depth, depth.most


@case(small)
def suppressed(n: int) -> tuple[int, int]:
    x = 0
    with suppress(ZeroDivisionError, ValueError):
        x = 10 // n
        if x == 5:
            raise ValueError
        if x == 3:
            raise KeyError(n)
        x += 1
    with nullcontext(x) as y:
        y += 1
    return x, y


@cache
def ways(n: int) -> int:
    return 1 if n < 2 else ways(n - 1) + ways(n - 2)


@lru_cache(maxsize=1000)
def distance(a: str, b: str) -> int:
    if not a or not b:
        return len(a) + len(b)
    if a[0] == b[0]:
        return distance(a[1:], b[1:])
    return 1 + min(distance(a[1:], b), distance(a, b[1:]), distance(a[1:], b[1:]))


@lru_cache(maxsize=2)
def scaled(x: int, by: float = 0.5, *, more: int = 1) -> float:
    return x * by + more


@case(st.integers(0, 80))
def results_are_kept(n: int) -> tuple[int, int]:
    return ways(n), ways(n + 5)


@case(words, words)
def results_for_two_arguments(a: str, b: str) -> int:
    return distance(a, b)


@case(st.lists(st.integers(0, 4), max_size=12))
def few_results_are_kept(xs: list[int]) -> list[float]:
    return [scaled(x) + scaled(x, 2.0, more=x) for x in xs]


@case(st.sampled_from([10, 450, 600]))
def calls_of_kept_results_nest_as_deep(n: int) -> int:
    return deep(n)


@cache
def deep(n: int) -> int:
    return 0 if n == 0 else 1 + deep(n - 1)


class Source:
    def __init__(self, n: int) -> None:
        self.n = n
        self.items = self.numbers()

    def numbers(self) -> Iterator[int]:
        for i in range(self.n):
            if i == 2:
                yield next(self.items)
            yield i


@case(count)
def a_generator_that_runs_already(n: int) -> tuple[list[int], str]:
    source = Source(n)
    got = []
    try:
        for x in source.items:
            got.append(x)
    except ValueError as error:
        return got, str(error)
    return got, "none"


def applied(function: Callable[[int], int], xs: list[int]) -> list[int]:
    return [function(x) for x in xs]


def twice(function: Callable[[int], int]) -> Callable[[int], int]:
    return lambda x: function(function(x))


def adder(n: int) -> Callable[[int], int]:
    def add(x: int) -> int:
        return x + n

    return add


def doubled(x: int) -> int:
    return x * 2


def integral(f: Callable[[float], float], a: float, b: float, n: int) -> float:
    h = (b - a) / n
    return h * sum(f(a + (i + 0.5) * h) for i in range(n))


@case(small, number_lists)
def functions_are_arguments(n: int, xs: list[int]) -> tuple[list[int], list[int], list[int], int]:
    def square(x: int) -> int:
        return x * x + n

    both = twice(adder(n))
    shift = doubled
    return (
        applied(doubled, xs),
        applied(lambda x: x + n, xs),
        applied(square, applied(adder(3), xs)),
        both(n) + shift(n) + adder(1)(2),
    )


@case(st.floats(-10, 10), st.floats(-10, 10))
def integrals(a: float, b: float) -> tuple[float, float]:
    scale = a + 1
    return integral(lambda x: x * x * scale, a, b, 10), integral(lambda x: 1 / (1 + x * x), b, a, 7)


class Button:
    def __init__(self, action: Callable[[int], int]) -> None:
        self.action = action

    def press(self, n: int) -> int:
        return self.action(n)


@case(small, number_lists)
def functions_are_kept(n: int, xs: list[int]) -> tuple[int, list[int], list[int]]:
    button = Button(adder(n))
    functions = [adder(x) for x in xs]
    ordered = sorted(xs, key=twice(lambda x: -x + n))
    return button.press(3), [function(n) for function in functions], ordered


def optional(xs: list[int], key: Callable[[int], int] | None = None) -> int:
    total = 0
    for x in xs:
        total += x if key is None else key(x)
    return total


@case(number_lists)
def functions_are_optional(xs: list[int]) -> tuple[int, int]:
    return optional(xs), optional(xs, doubled) + optional(xs, key=lambda x: x - 1)


class Countdown:
    def __init__(self, n: int) -> None:
        self.n = n

    def __iter__(self) -> "Countdown":
        return self

    def __next__(self) -> int:
        if self.n <= 0:
            raise StopIteration
        self.n -= 1
        return self.n


@case(count)
def objects_with_next(n: int) -> tuple[list[int], int, int, list[tuple[int, int]], bool, int]:
    down = Countdown(n)
    some = [x for x in down if x % 2]
    left = Countdown(n)
    first = next(left, -1)
    total = sum(left)
    two = Countdown(n)
    try:
        last = next(left)
    except StopIteration:
        last = -9
    return some, first, total, list(zip(two, two)), 3 in Countdown(n), last


@case(number_lists, words, st.dictionaries(small, words))
def iterators_of_values(
    xs: list[int], text: str, d: dict[int, str]
) -> tuple[int, list[int], str, list[int], int, list[tuple[int, int]]]:
    items = iter(xs)
    first = next(items, 0)
    letters = iter(text)
    numbers = iter(range(5))
    skipped = next(numbers) + next(numbers)
    key = next(iter(d), -1)
    pairs = iter(xs)
    return (
        first,
        list(items),
        "-".join(letters),
        [*numbers, skipped],
        key,
        list(zip(pairs, pairs)),
    )


@case(st.dictionaries(small, small, min_size=1))
def a_dict_that_changes_before_its_iterator_begins(d: dict[int, int]) -> str:
    keys = iter(d)
    d[100] = 1
    try:
        return str(next(keys))
    except RuntimeError as error:
        return str(error)


def first_of(items: Iterator[int], default: int) -> int:
    for item in items:
        return item
    return default


@case(number_lists, small)
def generator_expressions_are_values(
    xs: list[int], n: int
) -> tuple[int, int, list[int], int, list[tuple[int, int]]]:
    squares = (x * x for x in xs if x > n)
    first = next(squares, -1)
    found = next((x for x in xs if x > n), None)
    pairs = ((i, j) for i in range(4) for j in range(i) if i + j != n)
    total = first_of((x + n for i, x in enumerate(xs) if i % 2), -7)
    return first, -1 if found is None else found, list(squares), total, list(pairs)


@case(number_lists)
def the_first_that_fits(xs: list[int]) -> list[int]:
    found = []
    limit = 0
    for x in xs:
        limit += x
        found.append(next((y for y in xs if y > limit), -1))
        found.append(next(i for i, y in enumerate([*xs, 100]) if y >= limit - 50))
    return found


def by_last_digit(a: int, b: int) -> int:
    return a % 10 - b % 10


@case(st.lists(st.integers(0, 99)), st.booleans())
def sorted_by_comparison(xs: list[int], reverse: bool) -> tuple[list[int], list[int], list[int]]:
    def by_size(a: int, b: int) -> int:
        return (a > b) - (a < b)

    ordered = xs[:]
    ordered.sort(key=cmp_to_key(by_size))
    return (
        sorted(xs, key=cmp_to_key(by_last_digit), reverse=reverse),
        ordered,
        sorted(xs, key=cmp_to_key(lambda a, b: by_last_digit(b, a))),
    )


def until_one_is_large(xs: list[int], limit: int, log: list[str]) -> Iterator[int]:
    for x in xs:
        try:
            if x > limit:
                return
            log.append("small")
        finally:
            log.append(str(x))
        yield x


@case(number_lists, small)
def generators_that_return_by_finally(
    xs: list[int], limit: int
) -> tuple[list[int], int, list[str]]:
    log: list[str] = []
    found = list(until_one_is_large(xs, limit, log))
    stopped = until_one_is_large(xs, 0, log)
    return found, sum(stopped) + next(stopped, 7), log
