"""What `functools` does; see `compiler/src/library.rs` for how this is read."""

from __future__ import annotations

Call = Iter = object


def reduce(function: Call, iterable: Iter, initial=None):
    if given(initial):
        value = initial
        for x in iterable:
            value = function(value, x)
    else:
        first = True
        for x in iterable:
            if first:
                value = x
                first = False
            else:
                value = function(value, x)
        if first:
            raise TypeError("reduce() of empty iterable with no initial value")
    return value


def sort_by_comparison(items, reverse, compare: Call):
    a = items[:]
    if reverse:
        a.reverse()
    n = len(a)
    width = 1
    while width < n:
        merged = a[:0]
        low = 0
        while low < n:
            middle = min(low + width, n)
            high = min(middle + width, n)
            i = low
            j = middle
            while i < middle and j < high:
                if compare(a[j], a[i]) < 0:
                    merged.append(a[j])
                    j += 1
                else:
                    merged.append(a[i])
                    i += 1
            merged.extend(a[i:middle])
            merged.extend(a[j:high])
            low = high
        a = merged
        width = width + width
    if reverse:
        a.reverse()
    items[:] = a
