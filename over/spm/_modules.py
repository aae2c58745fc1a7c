"""Where modules come from: Python itself, an installed package, or the user's own files.

That decides how what a closure needs of them travels: the standard library is in the guest,
installed packages travel whole, and of the user's own modules travels what is used, as it is now.
"""

from __future__ import annotations

import ast
import functools
import importlib.machinery
import importlib.util
import os
import sys
import sysconfig
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    import types

Origin = Literal["builtin", "stdlib", "spm", "installed", "user"]

PACKAGE_BYTES_MAX: Final = 32 << 20
"""Source and data of all packages that travel with one closure."""

SCIENTIFIC: Final = frozenset(
    {
        "jax",
        "matplotlib",
        "networkx",
        "numba",
        "numpy",
        "pandas",
        "polars",
        "pyarrow",
        "scipy",
        "sklearn",
        "statsmodels",
        "sympy",
        "tensorflow",
        "torch",
    }
)
"""Top-level modules that need compiled code; the `scientific` engine has some of them."""


def origin_of_name(name: str) -> Origin:
    """Say where the module of this name comes from."""
    top = name.partition(".")[0]
    if top == "spm":
        return "spm"
    if top in sys.builtin_module_names:
        return "builtin"
    if top in sys.stdlib_module_names:
        return "stdlib"
    module = sys.modules.get(top)
    file = getattr(module, "__file__", None)
    if file is None:
        spec = find(top)
        file = None if spec is None else spec.origin
        if file is None and spec is not None and spec.submodule_search_locations:
            file = next(iter(spec.submodule_search_locations), None)
    return "installed" if _leads_to(top, file) else "user"


def origin_of(module: types.ModuleType) -> Origin:
    """Say where a module comes from. One that its name does not lead to is the user's."""
    origin = origin_of_name(module.__name__)
    if origin in ("builtin", "stdlib", "spm"):
        return origin
    if sys.modules.get(module.__name__) is not module:
        return "user"
    return origin


def find(name: str) -> importlib.machinery.ModuleSpec | None:
    """Find a module without importing it; its parent packages may be imported on the way."""
    with suppress(ImportError, ValueError, AttributeError, TypeError):
        return importlib.util.find_spec(name)
    return None


@functools.lru_cache(maxsize=4096)
def _leads_to(top: str, file: object) -> bool:
    """Whether importing `top` gives the module of that file, in a folder of installed packages.

    A program that was loaded from such a folder under a name of its own is the user's.
    """
    if not isinstance(file, str) or not _is_installed(file):
        return False
    spec = importlib.machinery.PathFinder.find_spec(top)
    if spec is None:
        return False
    places = [spec.origin, *(spec.submodule_search_locations or ())]
    return file in [place for place in places if place is not None]


@functools.cache
def _install_folders() -> tuple[str, ...]:
    import site

    folders = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    with suppress(AttributeError):
        folders.update(site.getsitepackages())
    with suppress(AttributeError):
        folders.add(site.getusersitepackages())
    return tuple(os.path.realpath(folder) + os.sep for folder in folders if folder)


def _is_installed(file: str) -> bool:
    return os.path.realpath(file).startswith(_install_folders())


@dataclass(slots=True)
class Shipped:
    """Modules that travel as they are."""

    sources: dict[str, tuple[str, bool, str]] = field(default_factory=dict)
    """By name: file, whether it is a package, text."""
    resources: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """By package: data files, by their path in it."""
    size: int = 0


class Refused(Exception):
    """Something cannot travel; the problem has been noted."""


class CannotShip(Exception):
    """A module that cannot travel; the text says why, and `help` what to do."""

    def __init__(self, why: str, help_text: str) -> None:
        super().__init__(why)
        self.help = help_text


def ship(name: str, shipped: Shipped) -> None:
    """Add a module, its whole top-level package, and what those import, to what travels."""
    top = name.partition(".")[0]
    pending = [top]
    seen: set[str] = set()
    while pending:
        wanted = pending.pop()
        if wanted in seen or wanted in shipped.sources:
            continue
        seen.add(wanted)
        if origin_of_name(wanted) in ("builtin", "stdlib", "spm"):
            continue
        spec = find(wanted)
        if spec is None or (spec.origin is None and not spec.submodule_search_locations):
            if wanted == top:
                raise CannotShip(
                    f"module `{wanted}` cannot be found", "install it, or correct its name"
                )
            continue  # an import that the package itself guards, or that fails there as here
        part = Shipped(size=shipped.size)
        try:
            added = _add_top(spec, part)
        except CannotShip:
            if wanted == top:
                raise
            continue  # it may be optional; if it is not, the guest's ImportError names it
        shipped.sources |= part.sources
        shipped.resources |= part.resources
        shipped.size = part.size
        for text in added:
            pending += _imported_tops(text)
    if name not in shipped.sources and name != top:
        raise CannotShip(
            f"module `{name}` is no pure-Python module of `{top}`",
            "only modules written in Python can travel",
        )


def _add_top(spec: importlib.machinery.ModuleSpec, shipped: Shipped) -> list[str]:
    """Add one top-level module or package. Returns the texts of its modules."""
    name = spec.name
    if spec.submodule_search_locations is None:
        file = spec.origin or ""
        if not file.endswith(".py"):
            raise _compiled(name)
        text = _text(file)
        _add(shipped, name, file, text, is_package=False)
        return [text]
    texts = []
    for location in spec.submodule_search_locations:
        root = Path(location)
        if name in SCIENTIFIC:
            raise _compiled(name)
        for path in sorted(root.rglob("*")):
            parts = path.relative_to(root).parts
            if "__pycache__" in parts or not path.is_file():
                continue
            if path.suffix == ".py":
                module = ".".join((name, *parts[:-1], path.stem))
                is_package = path.stem == "__init__"
                if is_package:
                    module = module.rpartition(".")[0]
                try:
                    text = _text(str(path))
                except (SyntaxError, UnicodeDecodeError):
                    continue  # a template or test file that is no module
                _add(shipped, module, str(path), text, is_package=is_package)
                texts.append(text)
            elif path.suffix not in (".so", ".pyd", ".pyc", ".dylib", ".pyi", ".c", ".h", ".a"):
                content = path.read_bytes()
                _grow(shipped, name, len(content))
                shipped.resources.setdefault(name, {})["/".join(parts)] = content
        if name not in shipped.sources:  # a namespace package
            _add(shipped, name, str(root), "", is_package=True)
    return texts


def _add(shipped: Shipped, name: str, file: str, text: str, *, is_package: bool) -> None:
    _grow(shipped, name, len(text))
    shipped.sources[name] = (file, is_package, text)


def _grow(shipped: Shipped, name: str, size: int) -> None:
    shipped.size += size
    if shipped.size > PACKAGE_BYTES_MAX:
        raise CannotShip(
            f"with `{name}`, the packages that travel are larger than {PACKAGE_BYTES_MAX >> 20} MiB",
            "import less of it, or pass what you need as an argument",
        )


def _compiled(name: str) -> CannotShip:
    if name in SCIENTIFIC:
        return CannotShip(
            f"`{name}` is compiled code, which cannot run in the `python` engine",
            "leave it out, or use the `scientific` engine where it has this package",
        )
    return CannotShip(
        f"`{name}` is compiled code for this machine, which cannot run in a sandbox",
        "use a pure-Python package in its place, or pass what you need of it as an argument",
    )


@functools.lru_cache(maxsize=4096)
def _read(file: str, stamp: tuple[int, int]) -> str:
    del stamp
    import tokenize

    with tokenize.open(file) as opened:
        return opened.read()


def _text(file: str) -> str:
    status = os.stat(file)
    return _read(file, (status.st_mtime_ns, status.st_size))


@functools.lru_cache(maxsize=4096)
def _imported_tops(text: str) -> tuple[str, ...]:
    """Top-level names of what a module imports anywhere, its own package left out by the caller."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return ()
    found: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update((alias.name.partition(".")[0], None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found[node.module.partition(".")[0]] = None
    return tuple(found)
