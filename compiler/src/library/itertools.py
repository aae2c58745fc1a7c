"""What `itertools` does; see `compiler/src/library.rs` for how this is read.

Those that take any number of iterables are in `compiler/src/lower/stream.rs`.
"""

from __future__ import annotations

Call = Iter = object


def accumulate(iterable: Iter, func: Call = None, *, initial=None):
    if initial is not None:
        total = initial
        yield total
        for x in iterable:
            if func is None:
                total = total + x
            else:
                total = func(total, x)
            yield total
    else:
        first = True
        for x in iterable:
            if first:
                total = x
                first = False
            elif func is None:
                total = total + x
            else:
                total = func(total, x)
            yield total


def count(start=0, step=1):
    n = start
    while True:
        yield n
        n = n + step


def repeat(object, times=None):
    if times is None:
        while True:
            yield object
    else:
        for _ in range(times):
            yield object


def cycle(iterable: Iter):
    saved = [x for x in iterable]
    if saved:
        while True:
            for x in saved:
                yield x


def takewhile(predicate: Call, iterable: Iter):
    for x in iterable:
        if not predicate(x):
            break
        yield x


def dropwhile(predicate: Call, iterable: Iter):
    dropping = True
    for x in iterable:
        if dropping:
            if predicate(x):
                continue
            dropping = False
        yield x


def filterfalse(predicate: Call, iterable: Iter):
    for x in iterable:
        if predicate is None:
            if not x:
                yield x
        elif not predicate(x):
            yield x


def compress(data: Iter, selectors: Iter):
    for x, selected in zip(data, selectors, strict=False):
        if selected:
            yield x


def starmap(function: Call, iterable: Iter):
    for arguments in iterable:
        yield function(*arguments)


def pairwise(iterable: Iter):
    first = True
    for x in iterable:
        if first:
            first = False
            before = x
            continue
        pair = (before, x)
        before = x
        yield pair


def chain_from_iterable(iterables: Iter):
    for part in iterables:
        for x in part:
            yield x


def islice_to(iterable: Iter, stop):
    if stop is None:
        for x in iterable:
            yield x
    else:
        left = _stop(stop)
        if left > 0:
            for x in iterable:
                left -= 1
                yield x
                if left == 0:
                    break


def islice_of(iterable: Iter, start, stop, step=1):
    at = 0 if start is None else _bound(start)
    by = 1 if step is None else _step(step)
    index = 0
    if stop is None:
        for x in iterable:
            if index == at:
                at += by
                yield x
            index += 1
    else:
        end = _bound(stop)
        if at < end:
            for x in iterable:
                if index == at:
                    at += by
                    yield x
                index += 1
                if index >= end:
                    break


def permutations_of(pool: Iter, r=None):
    items = [x for x in pool]
    length = len(items)
    size = length if r is None else r
    if size < 0:
        raise ValueError("r must be non-negative")
    if size <= length:
        indices = list(range(length))
        cycles = list(range(length, length - size, -1))
        more = True
        while more:
            yield tuple([items[at] for at in indices[:size]])
            more = _next_permutation(indices, cycles)


def combinations_of(pool: Iter, r):
    items = [x for x in pool]
    length = len(items)
    size = r
    if size < 0:
        raise ValueError("r must be non-negative")
    if size <= length:
        indices = list(range(size))
        more = True
        while more:
            yield tuple([items[at] for at in indices])
            more = _next_combination(indices, length)


def combinations_with_replacement_of(pool: Iter, r):
    items = [x for x in pool]
    length = len(items)
    size = r
    if size < 0:
        raise ValueError("r must be non-negative")
    if length > 0 or size == 0:
        indices = [0] * size
        more = True
        while more:
            yield tuple([items[at] for at in indices])
            more = _next_replacement(indices, length)


def product_of(pool: Iter, *, repeat):
    items = [x for x in pool]
    length = len(items)
    size = repeat
    if size < 0:
        raise ValueError("repeat argument cannot be negative")
    if length > 0 or size == 0:
        indices = [0] * size
        more = True
        while more:
            yield tuple([items[at] for at in indices])
            more = _next_product(indices, length)


def _stop(stop):
    if stop < 0:
        raise ValueError(
            "Stop argument for islice() must be None or an integer: 0 <= x <= sys.maxsize."
        )
    return stop


def _bound(value):
    if value < 0:
        raise ValueError("Indices for islice() must be None or an integer: 0 <= x <= sys.maxsize.")
    return value


def _step(step):
    if step < 1:
        raise ValueError("Step for islice() must be a positive integer or None.")
    return step


def _next_permutation(indices, cycles):
    length = len(indices)
    for i in range(len(cycles) - 1, -1, -1):
        cycles[i] -= 1
        if cycles[i] == 0:
            first = indices[i]
            for j in range(i, length - 1):
                indices[j] = indices[j + 1]
            indices[length - 1] = first
            cycles[i] = length - i
        else:
            j = length - cycles[i]
            indices[i], indices[j] = indices[j], indices[i]
            return True
    return False


def _next_combination(indices, length):
    size = len(indices)
    for i in range(size - 1, -1, -1):
        if indices[i] != i + length - size:
            indices[i] += 1
            for j in range(i + 1, size):
                indices[j] = indices[j - 1] + 1
            return True
    return False


def _next_replacement(indices, length):
    size = len(indices)
    for i in range(size - 1, -1, -1):
        if indices[i] != length - 1:
            value = indices[i] + 1
            for j in range(i, size):
                indices[j] = value
            return True
    return False


def _next_product(indices, length):
    for i in range(len(indices) - 1, -1, -1):
        indices[i] += 1
        if indices[i] < length:
            return True
        indices[i] = 0
    return False
