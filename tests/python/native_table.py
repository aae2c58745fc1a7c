"""The table of functions that sandbox and CPython both run, and what their arguments are."""

import copy
import math
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

Case = tuple[Callable[..., Any], st.SearchStrategy[tuple[Any, ...]]]
CASES: list[Case] = []

small = st.integers(-20, 20)
ints = st.integers(-(2**31), 2**31) | small
wide = st.integers(-(2**63), 2**63 - 1) | ints
count = st.integers(0, 12)
floats = st.floats(allow_nan=True, allow_infinity=True)
finite = st.floats(-1e6, 1e6)
number_lists = st.lists(small, max_size=8)
float_lists = st.lists(finite, max_size=8)
bools = st.booleans()
words = st.text(alphabet=st.sampled_from("abcXYZ \u00e9\u4e16\U0001f600,"), max_size=8)
blobs = st.binary(max_size=8)


def case(*arguments: st.SearchStrategy[Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add a function to the table, with what its arguments are drawn from."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        CASES.append((function, st.tuples(*arguments)))
        return function

    return add


def signature_of(value: Any) -> Any:
    """A value with its types, all the way down, and floats by their bits; NaNs are all one."""
    if isinstance(value, float):
        return ("float", "nan" if math.isnan(value) else value.hex())
    if isinstance(value, list | tuple):
        return (type(value).__name__, [signature_of(item) for item in value])
    if isinstance(value, dict):
        return ("dict", [(signature_of(k), signature_of(v)) for k, v in value.items()])
    return (type(value).__name__, value)


def outcome(call: Callable[[], Any]) -> Any:
    """What `call` gives: a value, or the class of its exception and its arguments."""
    try:
        return ("returned", signature_of(call()))
    except Exception as error:
        original = getattr(type(error), "__spm_original__", type(error))
        texts = error.args if original in (AssertionError, KeyError, RuntimeError) else ()
        return ("raised", original.__name__, texts, str(error))


def copied(value: Any) -> Any:
    """A copy of what functions may change: lists, and instances of classes."""
    return copy.deepcopy(value)
