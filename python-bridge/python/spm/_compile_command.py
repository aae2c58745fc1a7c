"""Closures as files: `spm compile`, and functions named in the shell."""

from __future__ import annotations

import importlib.util
import inspect
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from . import _spm
from ._closure import as_closure
from ._errors import CompileError, SpmError
from ._guest_module import LINES, SIGNATURE, Described, own_section, read_file
from ._traceback import hide

if TYPE_CHECKING:
    from ._closure import Closure

_VARIADIC: Final = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_NEEDS_NATIVE: Final = (
    "Only the `native` engine makes a component that needs nothing else. The `python` engine is one "
    "component for all functions, an interpreter, which a pool gives the function's source and "
    "values; a file of the function alone would not run. Pass the function to a pool instead"
)


class ImportFailed(SpmError):
    """The user's file raised; that is the cause, with its traceback."""


def split(target: str) -> tuple[Path, str] | None:
    """Take `app.py:f` apart; None if it names no function."""
    file, colon, name = target.rpartition(":")
    return (Path(file), name) if colon and file.endswith(".py") and name else None


def named_function(path: Path, name: str) -> Closure[..., Any]:
    """Import a file, and find the function or closure of this name in it."""
    found: Any = _imported(path)
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise CompileError(f"{path} has no `{name}`") from None
    if not callable(found):
        raise CompileError(f"`{name}` in {path} is no function but {found!r:.80}")
    return as_closure(found)


def _imported(path: Path) -> Any:
    """Import a file as `import` would if its folder came first; its `__name__` is not `__main__`.

    Nor is it that of a module which is there: a file may be called `random.py`.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    path = path.resolve()
    name = f"_{path.stem}" if path.stem in sys.modules else path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        entry = error.__traceback__
        while entry is not None and entry.tb_frame.f_code.co_filename != str(path):
            entry = entry.tb_next
        error.__traceback__ = entry or error.__traceback__
        hide(error)
        raise ImportFailed(f"{path} cannot be imported") from error
    return module


def compiled_function(closure: Closure[..., Any]) -> bytes:
    """Make the component of a closure, for the types of its annotations, with all that `spm.load` wants."""
    function = closure.__wrapped__
    name = getattr(function, "__qualname__", repr(function))
    engine = closure._compiled.options.engine
    if engine in ("python", "scientific"):
        raise CompileError(
            f"`{name}` is for the `{engine}` engine, as `engine=` says. {_NEEDS_NATIVE}"
        )
    parameters = inspect.signature(function).parameters
    variadic = [parameter.name for parameter in parameters.values() if parameter.kind in _VARIADIC]
    if variadic:
        raise CompileError(
            f"`{name}` takes any number of arguments by `{variadic[0]}`; a file is for a function "
            "whose parameters are named one by one"
        )
    try:
        made = closure._specialisation(())
    except CompileError as error:
        told = CompileError(f"{error}\n\n{_NEEDS_NATIVE}")
        told.diagnostics = error.diagnostics
        raise told from None
    types = made.arguments
    described = Described(
        name=made.name,
        doc=inspect.getdoc(function),
        source=closure.source,
        parameters=list(zip(types.names, types.types, strict=True)),
        returns=str(made.component.result),
        defaults={
            parameter.name: parameter.default
            for parameter in parameters.values()
            if parameter.default is not parameter.empty
        },
        keyword_only=[
            parameter.name
            for parameter in parameters.values()
            if parameter.kind is parameter.KEYWORD_ONLY
        ],
    )
    return _spm.add_section(made.component_bytes, SIGNATURE, described.section())


def compiled_module(path: Path, signature: Path | None = None) -> bytes:
    """Make a checked component of a core module that another language's compiler made.

    `signature` is a file with what its section `spm:signature` is to hold, if it has none.
    """
    content = read_file(path)
    try:
        contents = _spm.contents(content)
    except ValueError as error:
        raise CompileError(f"{path} is broken: {error}") from None
    exports = {name for name, _ in contents["exports"]}
    if contents["is_component"]:
        raise CompileError(f"{path} is a component already: `spm.load` takes it as it is")
    if "_start" in exports:
        raise CompileError(f"{path} is a program, not a closure: run it with `spm run {path}`")
    try:
        component = _spm.guest_component(content)
        _spm.check_component(component)
        sections = _spm.own_sections(component)
        if own_section(sections, LINES) is not None:
            raise ValueError(f"a section `{LINES}` is for what was compiled from Python")
        own = own_section(sections, SIGNATURE)
        if own is not None:
            Described.read(own)
    except ValueError as error:
        raise CompileError(f"{path} cannot be a closure: {error}") from None
    if signature is None:
        return component
    if own is not None:
        raise CompileError(f"{path} has a signature already")
    try:
        section = Described.read(signature.read_bytes()).section()
    except ValueError as error:
        raise CompileError(f"{signature} holds {error}") from None
    return _spm.add_section(component, SIGNATURE, section)


def write(path: Path, content: bytes) -> None:
    """Write a file whole, or not at all."""
    folder = path.resolve().parent
    number, made = tempfile.mkstemp(dir=folder, prefix=f".{path.name}.")
    try:
        with os.fdopen(number, "wb") as file:
            file.write(content)
        mask = os.umask(0)
        os.umask(mask)
        Path(made).chmod(0o666 & ~mask)
        Path(made).replace(path)
    except BaseException:
        Path(made).unlink(missing_ok=True)
        raise
