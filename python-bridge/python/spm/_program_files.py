"""What a program is given: arguments, variables, standard input and files, as they travel."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

Environment: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]
Local: TypeAlias = "str | os.PathLike[str]"
Content: TypeAlias = "bytes | bytearray | memoryview | os.PathLike[str]"
Files: TypeAlias = "Mapping[str, Content] | Iterable[Local]"

_BYTES_MAX: Final = 240 << 20
"""As much as the files of a program may have together."""
_NAME_BYTES_MAX: Final = 255
_DEPTH_MAX: Final = 256


def taken(
    args: Iterable[str], env: Environment, stdin: bytes, files: Files
) -> tuple[list[str], dict[str, str], bytes, dict[str, bytes]]:
    """Look at all of it; `TypeError` or `ValueError` for what no program can be given."""
    if isinstance(args, str | bytes):
        raise TypeError(f"`args` must be a list of texts, not {args!r}; did you mean [{args!r}]?")
    listed = [_text(arg, "an argument of a program") for arg in args]
    pairs = env.items() if isinstance(env, Mapping) else env
    variables = {_variable(name): _text(value, f"the variable `{name}`") for name, value in pairs}
    if not isinstance(stdin, bytes | bytearray | memoryview):
        raise TypeError(f"`stdin` must be bytes, not {type(stdin).__name__}")
    found = dict(_found(files))
    total = len(stdin) + sum(map(len, found.values()))
    if total > _BYTES_MAX:
        raise ValueError(f"a program's files have {total} bytes, and {_BYTES_MAX} is the most")
    _check_folders(found)
    return listed, variables, bytes(stdin), found


def _text(value: object, what: str) -> str:
    value = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(value, str):
        raise TypeError(f"{what} must be a text, not {value!r}")
    if "\0" in value:
        raise ValueError(f"{what} cannot have a zero in it: {value!r}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{what} must be text that UTF-8 can say: {value!r}") from None
    return value


def _variable(name: object) -> str:
    name = _text(name, "the name of a variable")
    if not name or "=" in name:
        raise ValueError(f"no variable can be named {name!r}")
    return name


def _found(files: Files) -> Iterator[tuple[str, bytes]]:
    if isinstance(files, str | bytes | os.PathLike):
        raise TypeError(f"`files` must be a mapping or a list, not {files!r}; did you mean [...]?")
    if isinstance(files, Mapping):
        for name, content in files.items():
            if isinstance(content, bytes | bytearray | memoryview):
                yield checked_name(name), bytes(content)
            elif isinstance(content, os.PathLike):
                yield from _read(checked_name(name), Path(content))
            else:
                raise TypeError(
                    f"the file `{name}` must be bytes, or a local path as a `Path`, "
                    f"not {type(content).__name__}"
                )
        return
    for local in files:
        path = Path(local)
        yield from _read(checked_name(path.resolve().name), path)


def _read(name: str, path: Path) -> Iterator[tuple[str, bytes]]:
    """Read a local file, or all that are in a folder."""
    if not path.is_dir():
        yield name, path.read_bytes()
        return
    yield f"{name}/", b""
    for below in sorted(path.iterdir()):
        yield from _read(f"{name}/{below.name}", below)


def checked_name(name: object) -> str:
    """Make a path below `/`, without the slash; one that ends in a slash is a folder's."""
    text = _text(name, "the name of a file")
    path = PurePosixPath("/", text)
    parts = path.parts[1:]
    if not parts or ".." in parts:
        raise ValueError(f"no file can be named {text!r}: it must be below `/`")
    if len(parts) > _DEPTH_MAX or any(len(part.encode()) > _NAME_BYTES_MAX for part in parts):
        raise ValueError(f"the name of a file is too long: {text!r}")
    return "/".join(parts) + ("/" if text.endswith("/") else "")


def _check_folders(files: dict[str, bytes]) -> None:
    """Refuse a file that is a folder as well."""
    for name, content in files.items():
        if name.endswith("/") and content:
            raise ValueError(f"`{name}` is the name of a folder, and cannot have content")
        parents = PurePosixPath(name).parents
        clash = next((str(above) for above in parents if str(above) in files), None)
        if name.endswith("/") and name[:-1] in files:
            clash = name[:-1]
        if clash is not None:
            raise ValueError(f"`{clash}` would be a file and a folder at once")
