"""What `@spm.wasm_closure` may be told."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from ._spm import __version__

Engine: TypeAlias = Literal["auto", "native", "python", "scientific"]
Isolation: TypeAlias = Literal["task", "session"]

ENGINES: Final = ("auto", "native", "python", "scientific")
ISOLATIONS: Final = ("task", "session")
MEMORY_MIB_DEFAULT: Final = 256
# All that a 32-bit guest can address.
MEMORY_MIB_MAX: Final = 4096


@dataclass(frozen=True, slots=True)
class Options:
    """The keywords of `wasm_closure`, checked."""

    engine: Engine = "auto"
    memory_mib: int = MEMORY_MIB_DEFAULT
    fuel: int | None = None
    deadline_s: float | None = None
    pure: bool = False
    isolation: Isolation = "task"
    allow: tuple[str, ...] = ()
    include: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what makes no sense, while the line that says it is on the stack."""
        _choice("engine", self.engine, ENGINES)
        _choice("isolation", self.isolation, ISOLATIONS)
        _whole("memory_mib", self.memory_mib, MEMORY_MIB_MAX)
        if self.fuel is not None:
            _whole("fuel", self.fuel, 2**64 - 1)
        if self.deadline_s is not None:
            deadline_s: object = self.deadline_s
            if isinstance(deadline_s, bool) or not isinstance(deadline_s, int | float):
                raise TypeError(f"`deadline_s` must be a number of seconds, not {deadline_s!r}")
            if not (math.isfinite(deadline_s) and deadline_s > 0):
                raise ValueError(f"`deadline_s` must be above 0, not {deadline_s!r}")
        if not isinstance(self.pure, bool):
            raise TypeError(f"`pure` must be True or False, not {self.pure!r}")
        for field in ("allow", "include"):
            object.__setattr__(self, field, _listed(field, getattr(self, field)))
        for name in self.allow:
            _check_capability(name)


def _choice(field: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        names = ", ".join(f'"{name}"' for name in known)
        raise ValueError(f"`{field}` must be one of {names}, not {value!r}")


def _whole(field: str, value: object, largest: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"`{field}` must be an int, not {value!r}")
    if not 1 <= value <= largest:
        raise ValueError(f"`{field}` must be between 1 and {largest}, not {value}")


def _listed(field: str, value: object) -> tuple[Any, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise TypeError(f"`{field}` must be a list or tuple, not {value!r}")
    return tuple(value)


def _check_capability(name: object) -> None:
    if not isinstance(name, str):
        raise TypeError(f"`allow` must hold names, not {name!r}")
    kind, _, rest = name.partition(":")
    known = (
        name in ("clock", "random")
        or (kind == "env" and rest != "")
        or (kind == "fs" and rest.startswith("ro:/"))
    )
    if not known:
        raise ValueError(
            f"`allow` does not know {name!r}; it knows `clock`, `random`, `env:NAME` "
            "and `fs:ro:/PATH`"
        )


class Terms:
    """What the keywords of a closure mean to a host, whichever engine runs it."""

    __slots__ = (
        "capabilities",
        "compiler",
        "deadline_ms",
        "fuel",
        "isolation",
        "memory_bytes",
        "pure",
    )

    def __init__(self, options: Options) -> None:
        """Turn the keywords into a manifest's units."""
        self.compiler = __version__
        self.memory_bytes = options.memory_mib << 20
        self.fuel = options.fuel
        self.deadline_ms = None if options.deadline_s is None else round(options.deadline_s * 1000)
        self.capabilities = options.allow
        self.isolation = options.isolation
        self.pure = options.pure
