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
