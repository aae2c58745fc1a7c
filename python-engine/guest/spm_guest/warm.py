"""Runs a few closures while the image is made, so that tasks find everything warm.

CPython specialises the instructions it has run a few times, and fills caches of attributes and
methods: work, and memory written, that every instance would repeat. Nothing of these runs stays
but that.
"""

import sys
from typing import TYPE_CHECKING, Any

from . import codec, manager, shipped, sources
from .classes import EMPTY
from .entry import Failed
from .host import HOST
from .team import TEAM

if TYPE_CHECKING:
    from .entry import Instance

_TURNS = 20

_FUNCTION = """\
def warm(*values):
    if values == (0,):
        raise ValueError(values)
    return list(values)
"""


def _payload() -> bytes:
    piece = {
        "module": "__main__",
        "name": "warm",
        "qualname": "warm",
        "text": _FUNCTION,
        "file": "warm.py",
        "line": 3,
        "column": 0,
        "free": [],
        "cells": [],
        "defaults": None,
        "kwdefaults": None,
        "dict": {},
        "future": [],
        "class": None,
    }
    steps: list[list[Any]] = [
        ["value", 0, [1, 2.5, "three", None, (True, b"")]],
        ["function", 1, piece],
        ["global", "__main__", "warm", 1],
        ["import", 2, "math", "sqrt"],
        ["global", "__main__", "sqrt", 2],
    ]
    return codec.encode(
        {
            "format": 1,
            "recursion_limit": 1000,
            "modules": {"__main__": {"file": "warm.py", "package": None, "doc": None}},
            "sources": {},
            "resources": {},
            "steps": steps,
            "entry": 1,
            "entry_name": "warm",
            "classes": [],
            "allow": [],
        }
    )


def numpy_up() -> None:
    """Have NumPy and what it is built on set up what they make at first use: buffers for matrices
    of each type, which are tens of MB, caches of loops and of printing.
    """
    import numpy as np

    from .decode import decode
    from .encode import encode

    for kind in ("f4", "f8", "c8", "c16"):
        square = np.eye(3, dtype=kind) + np.ones((3, 3), dtype=kind)
        np.linalg.solve(square, square @ square)
        np.linalg.eigh(square)
        repr(square)
        for _ in range(_TURNS):
            decode(encode([square, square[0], square[0, 0]], EMPTY, "an array"), EMPTY)
    values = np.random.default_rng(0).normal(size=9)
    np.fft.rfft(np.sort(values))
    np.random.seed([0, 0])
    values.astype("i8").sum(), values.mean(), values.std(), values > 0, values.max()


def _team_up() -> None:
    """Talk to a rank that says the same to everything."""
    HOST.manager, HOST.rank, HOST.size = lambda: manager.TEAM, lambda: 0, lambda: 2
    HOST.send = lambda _destination, _tag, _message: None
    HOST.receive = lambda source, tag: (source, tag, b"\x01")
    manager.RUNNING.begin(EMPTY)
    for _ in range(_TURNS):
        TEAM.send(1, 1)
        TEAM.recv(1, 0)
        TEAM.allreduce(1)
        TEAM.barrier()
    manager.RUNNING.begin(EMPTY)


def up(make: "type[Instance]") -> None:
    """Define and call, with results of the usual types and an exception."""
    HOST.index = HOST.attempt = HOST.seed = lambda: 1
    HOST.print = HOST.sleep = lambda _: None  # type: ignore[assignment]
    main = sys.modules.get("__main__")
    payload = _payload()
    arguments = [
        codec.encode(values)
        for values in (
            [1],
            [300, 70_000],
            [1.5, "x", None, True],
            [[1.5] * 9, [1] * 9],
            [{"a": (1, b"")}],
        )
    ]
    failing = codec.encode([0])
    for _ in range(_TURNS):
        instance = make()
        instance.define(payload)
        for each in arguments:
            instance.call(each)
        try:
            instance.call(failing)
        except Failed:
            continue
    _team_up()
    sources.forget()
    shipped.forget()
    if main is None:
        del sys.modules["__main__"]
    else:
        sys.modules["__main__"] = main
