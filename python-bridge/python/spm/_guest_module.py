"""Components that exist already, and what their custom sections say of them."""

from __future__ import annotations

import ast
import inspect
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from . import _spm
from ._errors import CompileError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SIGNATURE: Final = "spm:signature"
LINES: Final = "spm:lines"

_COMPONENT_BYTES_MAX: Final = _spm.host_bounds()["component_bytes"]
# An error may hold all of what is wrong.
_TOLD_MAX: Final = 200
_CORE_MODULE: Final = b"\0asm\1\0\0\0"
_ANNOTATIONS: Final[dict[str, Any]] = {
    kind.__name__: kind for kind in (bool, int, float, str, bytes, list, tuple, dict, set, object)
}


@dataclass(frozen=True, slots=True)
class Described:
    """What the section `spm:signature` says. It is whoever made the component that says so."""

    name: str
    doc: str | None
    source: str
    """Its signature in its own language, or all of its source."""
    parameters: list[tuple[str, str]]
    """Names, and annotations as Python has them."""
    returns: str
    defaults: dict[str, Any] = field(default_factory=dict)
    keyword_only: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, section: bytes) -> Described:
        """Read the section; `ValueError` if it is none."""
        try:
            found = json.loads(section)
            described = cls(
                _text(found["name"]),
                _text(found["doc"]) or None,
                _text(found["source"]),
                [(_text(name), _text(kind)) for name, kind in found["parameters"]],
                _text(found["returns"]),
                {
                    _text(name): _spm.decode(bytes.fromhex(value))
                    for name, value in found.get("defaults", {}).items()
                },
                [_text(name) for name in found.get("keyword_only", [])],
            )
            described.signature({})
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            told = f"{type(error).__name__}: {error}"[:_TOLD_MAX]
            raise ValueError(f"a signature that cannot be read: {told}") from None
        return described

    def section(self) -> bytes:
        """Write the section: always the same for the same description."""
        described: dict[str, Any] = {
            "name": self.name,
            "doc": self.doc or "",
            "parameters": self.parameters,
            "returns": self.returns,
            "source": self.source,
        }
        if self.defaults:
            defaults = {name: _spm.encode(value).hex() for name, value in self.defaults.items()}
            described["defaults"] = defaults
        if self.keyword_only:
            described["keyword_only"] = self.keyword_only
        return json.dumps(described, ensure_ascii=False, separators=(",", ":")).encode()

    def signature(self, known: dict[str, type]) -> inspect.Signature:
        """Make a signature, with the classes that its annotations name."""
        parameters = [
            _parameter(name, kind).replace(
                annotation=annotation_of(annotation, known),
                default=self.defaults.get(name, inspect.Parameter.empty),
            )
            for name, annotation in self.parameters
            for kind in [_KEYWORD if name in self.keyword_only else _ANY_WAY]
        ]
        return inspect.Signature(parameters, return_annotation=annotation_of(self.returns, known))


_ANY_WAY: Final = inspect.Parameter.POSITIONAL_OR_KEYWORD
_KEYWORD: Final = inspect.Parameter.KEYWORD_ONLY


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    value.encode()
    return value


def _parameter(name: str, kind: Any) -> inspect.Parameter:
    try:
        return inspect.Parameter(name, kind)
    except ValueError:
        # A parameter of Rust's may have a name that is a keyword of Python's.
        return inspect.Parameter(f"{name}_", kind)


def annotation_of(text: str, known: dict[str, type]) -> Any:
    """Make an annotation of its text; one that names what is not known here stays a text."""
    try:
        return _made(ast.parse(text, mode="eval").body, known)
    except (SyntaxError, ValueError, KeyError, TypeError, RecursionError, MemoryError):
        return text


def _made(node: ast.expr, known: dict[str, type]) -> Any:
    match node:
        case ast.Name(name):
            return known[name] if name in known else _ANNOTATIONS[name]
        case ast.Constant(None):
            return None
        case ast.Constant(value) if value is Ellipsis:
            return ...
        case ast.BinOp(left, ast.BitOr(), right):
            return _made(left, known) | _made(right, known)
        case ast.Tuple(items):
            return tuple(_made(item, known) for item in items)
        case ast.Subscript(of, items):
            return _made(of, known)[_made(items, known)]
        case _:
            raise TypeError(f"no annotation: {ast.dump(node)}")


def read_file(path: Path) -> bytes:
    """Read a file that may be a component; `CompileError` if it is larger than any may be."""
    with path.open("rb") as file:
        content = file.read(_COMPONENT_BYTES_MAX + 1)
    if len(content) > _COMPONENT_BYTES_MAX:
        raise CompileError(
            f"{path} has more than the {_COMPONENT_BYTES_MAX:,} bytes that a component may have"
        )
    return content


def own_section(sections: Sequence[tuple[str, bytes]], name: str) -> bytes | None:
    """Find the section of this name; `ValueError` if there are two."""
    found = [data for known, data in sections if known == name]
    if len(found) > 1:
        raise ValueError(f"it has {len(found)} sections `{name}`")
    return found[0] if found else None


class Module:
    """A component, and what its sections say. Raises `CompileError` if it is none for SPM."""

    wit = None

    def __init__(self, path: Path) -> None:
        content = read_file(path)
        try:
            if content.startswith(_CORE_MODULE):
                content = _spm.guest_component(content)
            self.memory_bytes = _spm.check_component(content)
            sections = _spm.own_sections(content)
            lines = own_section(sections, LINES)
            section = own_section(sections, SIGNATURE)
            self._lines = None if lines is None else _spm.Lines(lines)
        except ValueError as error:
            hint = (
                "; build for the target wasm32-unknown-unknown, with the crate spm-guest"
                if path.suffix == ".wasm"
                else ""
            )
            raise CompileError(f"{path} cannot be a closure: {error}{hint}") from None
        self.content = content
        self.cid = _spm.content_id(content)
        try:
            self.described = None if section is None else Described.read(section)
        except ValueError as error:
            raise CompileError(f"{path} has {error}") from None
        self.name = path.stem if self.described is None else self.described.name

    @property
    def is_python(self) -> bool:
        """Whether it was compiled from Python."""
        return self._lines is not None

    @property
    def source(self) -> str:
        """Its signature in its own language, or all of its source."""
        return f"the component {self.cid}" if self.described is None else self.described.source

    def signature(self, classes: tuple[type, ...]) -> inspect.Signature:
        """Its signature, with the classes that its annotations name."""
        if self.described is not None:
            return self.described.signature({kind.__name__: kind for kind in classes})
        arguments = inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL, annotation=Any)
        return inspect.Signature([arguments], return_annotation=Any)

    def frame(self, site: int) -> _spm._FrameRow | None:
        """The frame that a site number stands for, if it has a line table."""
        return None if self._lines is None else self._lines.frame(site)

    def frame_at(self, function: int, offset: int) -> _spm._FrameRow | None:
        """The frame of a place in its code, if it has a line table."""
        return None if self._lines is None else self._lines.frame_at(function, offset)
