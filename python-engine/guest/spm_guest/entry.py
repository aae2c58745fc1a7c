"""Where a host's two calls arrive."""

import inspect
import random
import sys
from collections.abc import Callable
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any, Final

from . import codec, grants, loop, manager, payload, raised, sources, streams
from .classes import EMPTY
from .host import HOST

# Frames of our own that are below the user's when a task begins.
_OWN_FRAMES: Final = 12
CODEC_FRAMES: Final = 2000
"""Frames that the codec may need, whatever the closure's own limit: values nest 256 deep."""


SEEDED: Final[list[Callable[[int], object]]] = []
"""What is given the task's seed, beside `random`."""


class Failed(Exception):
    """The outcome is an exception; its argument is the record."""


class Instance:
    """One sandbox: a closure is defined in it, and then called, once or many times."""

    __slots__ = ("closure",)

    def __init__(self) -> None:
        """Begin without a closure."""
        self.closure: payload.Closure | None = None

    def define(self, data: bytes) -> None:
        """Take the closure. Raises `Failed`."""
        sources.forget()
        # The component's own start sets it to what WASI has, which is nothing.
        sys.argv = [""]
        try:
            with sources.unwarned():
                self.closure = payload.define(data)
        except BaseException as error:  # noqa: BLE001
            raise Failed(_record(error, EMPTY)) from None
        finally:
            streams.flush()

    def call(self, data: bytes) -> bytes:
        """Run one task. Raises `Failed`."""
        closure = self.closure
        table = EMPTY if closure is None else closure.table
        try:
            if closure is None:
                raise ValueError("no closure has been defined")
            manager.RUNNING.begin(table)
            arguments = codec.decode(data, table)
            if type(arguments) is not list:
                raise ValueError("the arguments are no array")
            seed = HOST.seed()
            random.seed(seed)
            for seeded in SEEDED:
                seeded(seed)
            if closure.allow:
                grants.begin(closure.allow)
            sys.setrecursionlimit(closure.recursion_limit + _OWN_FRAMES)
            try:
                result = _run(closure, arguments)
            finally:
                sys.setrecursionlimit(CODEC_FRAMES)
            return codec.encode(result, table, f"the result of `{closure.name}`")
        except BaseException as error:  # noqa: BLE001
            raise Failed(_record(error, table)) from None
        finally:
            streams.flush()


def _run(closure: payload.Closure, arguments: list[Any]) -> Any:
    result = closure.entry(*arguments)
    kind = type(result)
    if kind is CoroutineType or (kind is GeneratorType and inspect.isawaitable(result)):
        return loop.run(result)
    if kind in {GeneratorType, AsyncGeneratorType}:
        what = "an async generator" if kind is AsyncGeneratorType else "a generator"
        raise TypeError(f"`{closure.name}` is {what} function, which no task can be: return a list")
    return result


def _record(error: BaseException, table: Any) -> bytes:
    sys.setrecursionlimit(CODEC_FRAMES)
    return raised.record(error, table)
