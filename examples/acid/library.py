"""The sources of Python's standard library, as they lie on this machine: real text, and a real graph."""

import ast
import os
import sys
import warnings
from pathlib import Path

FOLDER = Path(os.__file__).parent
LEFT_OUT = {"site-packages", "dist-packages", "test", "tests", "idlelib", "lib2to3", "turtledemo"}
LEFT_OUT |= {"encodings", "__pycache__"}  # a hundred tables


def sources(files: int, size: int, largest: int = 1_000_000) -> dict[str, str]:
    """Texts of modules by name, those outside packages first, up to so many and so many bytes.

    Files over `largest` bytes are passed by.
    """
    found: dict[str, str] = {}
    for path in sorted(FOLDER.rglob("*.py"), key=lambda path: (len(path.parts), path)):
        parts = path.relative_to(FOLDER).with_suffix("").parts
        if LEFT_OUT.intersection(parts) or not all(part.isidentifier() for part in parts):
            continue
        bytes_here = path.stat().st_size
        if bytes_here > largest:
            continue
        size -= bytes_here
        if len(found) == files or size < 0:
            break
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = path.read_text(encoding="utf-8", errors="replace")
    return found


def imported_names(module: str, is_package: bool, text: str) -> list[str]:
    """What a module's import statements name, wherever they stand; relative ones resolved."""
    package = module if is_package else module.rpartition(".")[0]
    names: set[str] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a newer Python, about older sources
        waiting: list[ast.AST] = [ast.parse(text)]
    while waiting:
        node = waiting.pop()
        for block in ("body", "orelse", "handlers", "finalbody", "cases"):
            inner = getattr(node, block, None)
            if isinstance(inner, list):  # of an expression, it is none
                waiting += inner
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            base = parts[: len(parts) - node.level + 1] if node.level else []
            where = ".".join([*base, *([node.module] if node.module else [])])
            names.update(f"{where}.{alias.name}" if where else alias.name for alias in node.names)
    return sorted(names)


def edges(names: dict[str, list[str]]) -> list[list[int]]:
    """For each module, by its place, those it imports."""
    place = {name: i for i, name in enumerate(names)}
    rows = []
    for module, imported in names.items():
        targets = set()
        for name in imported:
            # `from a import b` may mean the module a.b, or something in a.
            found = name if name in place else name.rpartition(".")[0]
            if found in place and found != module:
                targets.add(place[found])
        rows.append(sorted(targets))
    return rows


def version() -> str:
    """Whose library it is."""
    return f"CPython {sys.version_info.major}.{sys.version_info.minor}"
