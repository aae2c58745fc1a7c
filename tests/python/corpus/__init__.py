"""Small functions over the breadth of Python and its standard library, and what to call them with.

`tests/test_python_corpus.py` runs each here and in sandboxes of the `python` engine, and compares
what becomes of it: the value, or the exception with its arguments, chain and lines. `python -m
corpus` prints the outcomes, so that versions of CPython can be compared.

What a function of the corpus keeps to:

- It does the same on CPython 3.11 to 3.14, whatever the hash seed, and on 32 and 64 bits.
- It leaves its module as it found it: a second call does what the first did.
- No numbers of operating systems (`errno`), which are not the same on all.
- Transcendental functions are rounded, because libraries differ in the last place.
- A statement that raises stands on one line, because versions differ in which line they name.
- Texts of exceptions that versions word differently are kept out of what is compared.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """A function, and the arguments of several calls."""

    function: Callable[..., Any]
    calls: tuple[tuple[Any, ...], ...]

    @property
    def theme(self) -> str:
        """The module it is in."""
        return self.function.__module__.rpartition(".")[2]

    @property
    def name(self) -> str:
        return f"{self.theme}/{self.function.__name__}"


CASES: list[Case] = []


def case(*calls: tuple[Any, ...]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add a function to the corpus; it is called once with each tuple, or without arguments."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        CASES.append(Case(function, calls or ((),)))
        return function

    return add


def load() -> list[Case]:
    """All cases, in the order of their modules' names and of their lines."""
    for module in sorted(found.name for found in pkgutil.iter_modules(__path__)):
        if not module.startswith("_"):
            importlib.import_module(f"{__name__}.{module}")
    return sorted(CASES, key=lambda case: case.theme)
