"""What `bisect` does; see `compiler/src/library.rs` for how this is read."""

from __future__ import annotations

Call = object


def bisect_left(a, x, lo=0, hi=None, *, key: Call = None):
    if lo < 0:
        raise ValueError("lo must be non-negative")
    begin = lo
    end = _end(len(a), hi)
    if key is None:
        begin = _bisect_left(a, x, begin, end)
    else:
        while begin < end:
            middle = (begin + end) // 2
            if key(a[middle]) < x:
                begin = middle + 1
            else:
                end = middle
    return begin


def bisect_right(a, x, lo=0, hi=None, *, key: Call = None):
    if lo < 0:
        raise ValueError("lo must be non-negative")
    begin = lo
    end = _end(len(a), hi)
    if key is None:
        begin = _bisect_right(a, x, begin, end)
    else:
        while begin < end:
            middle = (begin + end) // 2
            if x < key(a[middle]):
                end = middle
            else:
                begin = middle + 1
    return begin


def insort_left(a, x, lo=0, hi=None, *, key: Call = None):
    begin = lo
    if key is None:
        if lo < 0:
            raise ValueError("lo must be non-negative")
        begin = _bisect_left(a, x, begin, _end(len(a), hi))
    else:
        wanted = key(x)
        if lo < 0:
            raise ValueError("lo must be non-negative")
        end = _end(len(a), hi)
        while begin < end:
            middle = (begin + end) // 2
            if key(a[middle]) < wanted:
                begin = middle + 1
            else:
                end = middle
    a.insert(begin, x)


def insort_right(a, x, lo=0, hi=None, *, key: Call = None):
    begin = lo
    if key is None:
        if lo < 0:
            raise ValueError("lo must be non-negative")
        begin = _bisect_right(a, x, begin, _end(len(a), hi))
    else:
        wanted = key(x)
        if lo < 0:
            raise ValueError("lo must be non-negative")
        end = _end(len(a), hi)
        while begin < end:
            middle = (begin + end) // 2
            if wanted < key(a[middle]):
                end = middle
            else:
                begin = middle + 1
    a.insert(begin, x)


def _end(count, hi):
    if hi is None:
        return count
    return count if hi == -1 else hi


def _bisect_left(a, x, begin, end):
    while begin < end:
        middle = (begin + end) // 2
        if a[middle] < x:
            begin = middle + 1
        else:
            end = middle
    return begin


def _bisect_right(a, x, begin, end):
    while begin < end:
        middle = (begin + end) // 2
        if x < a[middle]:
            end = middle
        else:
            begin = middle + 1
    return begin
