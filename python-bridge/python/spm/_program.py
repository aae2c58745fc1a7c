"""Stand-alone programs: WebAssembly for WASI, run as tasks."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from . import _spm
from ._closure import Closure
from ._errors import CompileError
from ._program_files import taken
from ._program_module import Module
from ._settings import MEMORY_MIB_DEFAULT, Options, Terms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ._pool import Pool
    from ._program_files import Environment, Files
    from ._task import TaskInfo

Row: TypeAlias = tuple[Any, ...]
_Path: TypeAlias = "str | os.PathLike[str]"

_NAMES: Final = ["args", "env", "stdin", "files"]
_CAPABILITIES: Final = ("clock", "random")
SHOWN: Final = {"stdout": 1, "stderr": 2}


@dataclass
class Completed:
    """A program that has ended, with the fields of `subprocess.CompletedProcess` and more."""

    args: list[str]
    """What it was called with, its name first."""
    returncode: int
    stdout: bytes
    stderr: bytes
    files: dict[str, bytes] = field(default_factory=dict)
    """Files that it made or changed, by their paths below `/`."""
    task: TaskInfo | None = None
    """Where it ran; for what `spm.run` returns."""

    def check_returncode(self) -> None:
        """Raise `subprocess.CalledProcessError` if the exit status is not 0."""
        if self.returncode != 0:
            import subprocess

            raise subprocess.CalledProcessError(
                self.returncode, self.args, self.stdout, self.stderr
            )


class Program(Terms):
    """A program with what all its runs have in common. `spm/_backend.py` says what is read of it."""

    __slots__ = (
        "__weakref__",
        "_owner",
        "arguments",
        "cid",
        "classes",
        "component",
        "component_bytes",
        "engine",
        "fallback",
        "function",
        "name",
        "names",
        "payload",
        "source",
    )

    def __init__(self, owner: ProgramClosure, classes: tuple[type, ...] = (Completed,)) -> None:
        """Made by `program`."""
        super().__init__(owner._options)
        self._owner = owner
        self.arguments = None
        self.component = owner.module
        self.component_bytes = owner.module.content
        self.cid = owner.module.cid
        self.classes = classes
        self.engine = "guest"
        self.fallback = None
        self.function = owner.__wrapped__
        self.name = owner.module.name
        self.names = _NAMES
        self.payload = _spm.encode(
            [self.name, owner.shown, classes.index(Completed), *owner.common]
        )
        self.source = owner.module.cid

    def rows(self, calls: Iterable[Row]) -> Iterator[Row]:
        """Bind the arguments of further calls."""
        return (arranged(*call) for call in calls)

    def bind(self, args: Row, kwargs: dict[str, Any]) -> Row:
        """Bind the arguments of one call."""
        return arranged(*args, **kwargs)

    def trimmed(self, row: Row) -> Row:
        """Bound arguments as they are encoded: all of them."""
        return row

    def knows(self, row: Row) -> bool:
        """All rows have the same types."""
        del row
        return True

    def decode(self, data: bytes) -> Any:
        """Decode what a task returned."""
        return _spm.decode(data, self.classes)

    def with_classes(self, classes: tuple[type, ...]) -> Program:
        """Make the same with another class table."""
        return Program(self._owner, classes)

    def __repr__(self) -> str:
        """Show which program."""
        return f"<{self.name}, a program>"


def arranged(
    args: Iterable[str] = (),
    env: Environment = (),
    stdin: bytes = b"",
    files: Files = (),
) -> Row:
    """Look at a run's arguments, and put them as they travel."""
    return taken(args, env, stdin, files)


class ProgramClosure(Closure[..., Completed]):
    """A closure that is a stand-alone program. Calling it runs it in a sandbox, here."""

    def __init__(self, module: Module, options: Options, shown: int, common: Row) -> None:
        """Programs are made by `program`."""
        self.module = module
        self.shown = shown
        self.common = common
        self._options = options
        self._self = ()
        self.__name__ = self.__qualname__ = module.name
        self.__module__ = "spm.program"
        self.__doc__ = f"The program `{module.name}`."
        self.__wrapped__ = _runner(self)
        self._made = Program(self)
        self._compiled: Any = self  # `prepare` asks it what it asks others

    def bind(self, args: Row, keywords: dict[str, Any]) -> tuple[None, Row]:
        """What `prepare` asks of all closures."""
        return None, arranged(*args, **keywords)

    def specialise(self, binding: None, row: Row) -> Program:
        """Itself: one component takes all arguments."""
        del binding, row
        return self._made

    @_spm.hidden
    def __call__(self, *args: Any, **kwargs: Any) -> Completed:
        """Run it in a sandbox, here."""
        return self.__wrapped__(*args, **kwargs)

    def __get__(self, obj: object, owner: type | None = None, /) -> Any:
        """A program is no method."""
        return self

    @property
    def source(self) -> str:
        """There is none."""
        raise CompileError(f"the program `{self.module.name}` has no Python source")

    @property
    def engine(self) -> str:
        """What runs it."""
        return "guest"

    @property
    def cid(self) -> str:
        """The content id of its component."""
        return self.module.cid

    @property
    def wit(self) -> None:
        """It has only the world that all closures have."""

    def explain(self, *example: Any) -> str:
        """Say what it is."""
        del example
        size = len(self.module.content)
        return f"`{self.module.name}` is a program for WASI; its component has {size} bytes\n"

    def component(self, *example: Any) -> bytes:
        """Return the component."""
        del example
        return self.module.content

    def __reduce__(self) -> Any:
        """A program is not pickled: the other process reads the file."""
        raise TypeError(f"`{self.module.name}` cannot be pickled; make it with `spm.program` there")

    def __repr__(self) -> str:
        """Name it."""
        return f"<spm.program {self.module.name}>"


def _runner(closure: ProgramClosure) -> Callable[..., Completed]:
    def program(
        args: Iterable[str] = (),
        env: Environment = (),
        stdin: bytes = b"",
        files: Files = (),
    ) -> Completed:
        from ._serial import serial

        with serial() as pool:
            return pool.submit(closure, args, env, stdin, files).result()

    program.__name__ = program.__qualname__ = closure.module.name
    return program


@_spm.hidden
def program(
    path: _Path,
    args: Iterable[str] = (),
    *,
    env: Environment = (),
    stdin: bytes = b"",
    files: Files = (),
    stream: bool | Iterable[str] = False,
    memory_mib: int = MEMORY_MIB_DEFAULT,
    fuel: int | None = None,
    deadline_s: float | None = None,
    pure: bool = False,
    allow: Iterable[str] = (),
) -> ProgramClosure:
    """Make a closure of a program: a command for WASI preview 1 or 2.

    Each call of it, `f(args=(), env=(), stdin=b"", files=())`, is one run in a sandbox of its own, and
    gives a `spm.Completed`. What is given here is there in every run, before what a call gives.
    `stream` shows its output while it runs: True, or "stdout" and "stderr" by name. `allow` may
    name "clock" and "random"; the other keywords are those of `spm.wasm_closure`.
    """
    options = Options(
        memory_mib=memory_mib, fuel=fuel, deadline_s=deadline_s, pure=pure, allow=tuple(allow)
    )
    for name in options.allow:
        if name not in _CAPABILITIES:
            raise ValueError(
                f"`allow` of a program knows `clock` and `random`, not {name!r}; "
                "`env=` and `files=` give it variables and files"
            )
    return ProgramClosure(
        Module(Path(path)), options, _shown(stream), arranged(args, env, stdin, files)
    )


def _shown(stream: bool | Iterable[str]) -> int:
    if isinstance(stream, bool):
        return 3 if stream else 0
    names = (stream,) if isinstance(stream, str) else tuple(stream)
    if not set(names) <= set(SHOWN):
        raise ValueError(f'`stream` takes True, "stdout" or "stderr", not {stream!r}')
    return sum({SHOWN[name] for name in names})


@_spm.hidden
def run(
    program: _Path | ProgramClosure,
    args: Iterable[str] = (),
    *,
    env: Environment = (),
    stdin: bytes = b"",
    files: Files = (),
    deadline_s: float | None = None,
    pool: Pool | None = None,
) -> Completed:
    """Run a program to its end, as `subprocess.run` does, in a sandbox.

    `program` is a file, or what `spm.program` made of one. `env` are variables, `stdin` is what it
    reads, and `files` are those it finds below `/`: contents or local paths by name, or a list
    of local paths. Nothing else is there. `deadline_s` stops it: that is a `TimeoutError`. Without
    `pool` it runs here, or on the pool that `SPM_POOL` names.
    """
    closure = program if isinstance(program, ProgramClosure) else _program_at(program)
    if pool is None:
        with _own_pool() as made:
            return run(
                closure, args, env=env, stdin=stdin, files=files, deadline_s=deadline_s, pool=made
            )
    with_deadline = pool if deadline_s is None else pool.options(task_deadline_s=deadline_s)
    future = with_deadline.submit(closure, args, env, stdin, files)
    try:
        completed = future.result()
    except BaseException:
        future.cancel()  # whatever interrupted the wait
        raise
    completed.task = future.task
    return completed


def _program_at(path: _Path) -> ProgramClosure:
    return program(path)


def _own_pool() -> Pool:
    from ._laptop import pool
    from ._serial import serial

    return pool() if os.environ.get("SPM_POOL", "").strip() else serial()
