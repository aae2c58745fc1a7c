"""What a WebAssembly file is, for people: `spm explain FILE.wasm`.

Everything in the file is a stranger's: no text of it reaches a terminal but through `shown`.
"""

from __future__ import annotations

import textwrap
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from . import _runtime, _spm
from ._errors import CompileError
from ._guest_module import LINES, SIGNATURE, Described, own_section, read_file
from ._settings import MEMORY_MIB_DEFAULT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_WIDTH: Final = 80
_INDENT: Final = 13
_TEXT_MAX: Final = 200
_ROWS_MAX: Final = 24
_LIST_MAX: Final = 60

_PREVIEW_1: Final = "wasi_snapshot_preview1"
_PREVIEW_2: Final = "wasi:cli/run@"
_PROGRAM: Final = "spm:closure/program@"

# What an import is for, by what its name begins with.
_MEANINGS: Final = {
    "spm:closure/log@": "what it prints, which the submitter sees",
    "spm:closure/task@": "its task's index, attempt and seed, and sleep",
    "spm:closure/hub@": "questions to the hub; they trap outside of a Farm",
    "spm:closure/tree@": "new tasks and bounds; they trap outside of a Template",
    "spm:closure/team@": "messages between ranks; they trap outside of a Team",
    "spm:closure/fault@": "ends its task with an exception",
    "spm:closure/program@": "ends its task with a result",
    "wasi:cli/environment@": 'no variables but those of allow="env:NAME"',
    "wasi:cli/": "there are no streams, no terminal and no exit",
    "wasi:clocks/": 'the same time in every run, unless it has allow="clock"',
    "wasi:filesystem/": "there are no files",
    "wasi:io/": "there is nothing to read or write",
    "wasi:random/": 'the same numbers in every run, unless it has allow="random"',
    "wasi:sockets/": "there is no network",
}

_SIGNED: Final = (
    "not the file. A pool signs a manifest for each session, which names this id, its engine "
    "and its limits, and is valid for a day. Hosts run what is signed by an owner they know "
    "(`spm-host --allow`), and whose content has this id"
)


def shown(text: str) -> str:
    """Make a stranger's text safe for a terminal: one line, cut, and escaped where it would not print."""
    return escaped(text[:_TEXT_MAX]) + ("..." if len(text) > _TEXT_MAX else "")


def escaped(text: str, but: str = "") -> str:
    """Escape what would not print, `but` for these characters."""
    return "".join(
        character
        if character in but or (character.isprintable() and not unicodedata.combining(character))
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


@dataclass
class Report:
    """What is known of a file."""

    path: Path
    kind: str
    cid: str
    size: int
    contents: dict[str, Any]
    is_program: bool
    described: Described | str | None = None
    """What its signature says, or why that cannot be read."""
    line_functions: str | None = None
    refusal: str | None = None
    """Why no host takes it."""
    accepted: str = ""
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Show it, on lines of 80 columns."""
        return "\n".join(_lines(self)) + "\n"


def inspect(path: Path) -> Report:
    """Read a file. `CompileError` if it is no WebAssembly, or is broken."""
    content = read_file(path)
    if not content.startswith(b"\0asm"):
        raise CompileError(f"{path} is no WebAssembly: it does not begin as such files do")
    try:
        contents = _spm.contents(content)
        sections = _spm.own_sections(content)
    except ValueError as error:
        raise CompileError(f"{path} is broken: {_on_one_line(error)}") from None
    exports = {name for name, _ in contents["exports"]}
    is_program = (not contents["is_component"] and "_start" in exports) or _runs(exports)
    report = Report(
        path=path,
        kind="",
        cid=_spm.content_id(content),
        size=len(content),
        contents=contents,
        is_program=is_program,
    )
    _read_sections(report, sections)
    report.kind = _kind(report, exports)
    try:
        report.accepted = _verified(content, report, exports)
    except ValueError as error:
        report.refusal = _on_one_line(error)
    return report


def _on_one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _read_sections(report: Report, sections: list[tuple[str, bytes]]) -> None:
    try:
        section = own_section(sections, SIGNATURE)
        report.described = None if section is None else Described.read(section)
    except ValueError as error:
        report.described = str(error)
    try:
        lines = own_section(sections, LINES)
        if lines is not None:
            _spm.Lines(lines)
            report.line_functions = "line table"
    except ValueError as error:
        report.notes.append(f"its line table cannot be read: {error}")


def _kind(report: Report, exports: set[str]) -> str:
    imports = [name for name, _, _ in report.contents["imports"]]
    is_closure = {"define", "call"} <= exports
    if report.is_program:
        return f"a program for WASI preview {2 if _runs(exports) else 1}"
    if not report.contents["is_component"]:
        return "a closure's core module, no component yet" if is_closure else "a core module"
    if _is_python_engine(report):
        return "the `python` engine, which runs the source it is given"
    if any(name.startswith(_PROGRAM) for name in imports):
        return "a stand-alone program's component"
    if is_closure and report.line_functions is not None:
        return "a closure, compiled from Python"
    return "a closure in another language (a guest)" if is_closure else "a component"


def _runs(exports: set[str]) -> bool:
    return any(name.startswith(_PREVIEW_2) for name in exports)


def _is_python_engine(report: Report) -> bool:
    path = Path(_runtime.engines_folder()) / "python.wasm"
    try:
        same_size = path.stat().st_size == report.size
        return same_size and _spm.content_id(path.read_bytes()) == report.cid
    except OSError:
        return False


def _verified(content: bytes, report: Report, exports: set[str]) -> str:
    """Have the hosts' own check look at it; `ValueError` says what that says."""
    if report.is_program:
        content = _spm.adapt_program(content)[0]
        _spm.check_component(content)
        return f"as a component of {len(content):,} bytes: `spm run` makes it, and runs it"
    if report.contents["is_component"]:
        if _is_python_engine(report):
            _spm.check_component(content, "python")
            return "as an engine"
        memory = _needed(_spm.check_component(content))
        if report.notes or isinstance(report.described, str):
            raise ValueError("hosts would take it, but `spm.load` cannot read its sections")
        return f"as it is: `spm.load` makes a closure of it{memory}"
    if {"define", "call"} <= exports:
        content = _spm.guest_component(content)
        memory = _needed(_spm.check_component(content))
        return f"as a component of {len(content):,} bytes: `spm.load` or `spm compile` makes it{memory}"
    # The hosts' words for it.
    _spm.check_component(content)
    raise AssertionError("a core module was taken for a component")


def _needed(memory_bytes: int) -> str:
    """Say what it has to be given, if that is more than tasks are."""
    mebibytes = -(-memory_bytes >> 20)
    return f", with `memory_mib={mebibytes}`" if mebibytes > MEMORY_MIB_DEFAULT else ""


def _lines(report: Report) -> Iterator[str]:
    yield from _wrapped("", f"{shown(str(report.path))}: {report.kind}", indent=2)
    yield from _entry("id", [report.cid])
    yield from _entry("size", _sizes(report))
    yield from _entry("signature", _signature(report.described))
    yield from _entry("imports", _imports(report))
    yield from _entry("exports", _exports(report.contents["exports"]))
    yield from _entry("memory", _memory(report.contents))
    yield from _entry("signed", [_SIGNED])
    if report.refusal is not None:
        yield from _entry("hosts", [f"refuse it: {shown(report.refusal)}"])
    else:
        yield from _entry("hosts", [f"take it, {report.accepted}"])
    yield from _entry("", [shown(note) for note in report.notes])


def _entry(title: str, rows: Iterable[str]) -> Iterator[str]:
    for row in rows:
        yield from _wrapped(f"  {title}".ljust(_INDENT), row, indent=_INDENT)
        title = ""


def _wrapped(first: str, text: str, indent: int) -> Iterator[str]:
    """Break a text into lines, by the columns that it takes: some characters take two."""
    spread = "".join(character + "\0" * (_columns(character) - 1) for character in text)
    deeper = len(spread) - len(spread.lstrip(" "))
    for line in textwrap.wrap(
        spread,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=" " * (indent + deeper),
        break_on_hyphens=False,
    ) or [first]:
        yield line.replace("\0", "").rstrip()


def _columns(character: str) -> int:
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _sizes(report: Report) -> Iterator[str]:
    contents = report.contents
    yield f"{report.size:,} bytes"
    modules = [f"{size:,}" for size in contents["modules"]]
    count = f"{len(modules)} core module{'s' if len(modules) != 1 else ''}"
    functions = contents["functions"]
    custom = dict(contents["custom_bytes"])
    named = {
        f"code ({functions:,} function{'s' if functions != 1 else ''}, {count})": contents[
            "code_bytes"
        ],
        "data": contents["data_bytes"],
        "names": sum(custom.pop(name, 0) for name in ("name", "component-name")),
        "line table": custom.pop(LINES, 0),
        "signature": custom.pop(SIGNATURE, 0),
    }
    rows = [(what, size) for what, size in named.items() if size]
    others = sorted(custom.items(), key=lambda item: (-item[1], item[0]))
    rows += [(f"section `{shown(name)}`", size) for name, size in others[:_ROWS_MAX]]
    if len(others) > _ROWS_MAX:
        left = others[_ROWS_MAX:]
        rows.append((f"{len(left)} further sections", sum(size for _, size in left)))
    rows.append(("types, imports, and the rest", report.size - sum(size for _, size in rows)))
    yield from (f"{size:>12,} {what}" for what, size in rows)
    if len(modules) > 1:
        more = ", ..." if len(modules) > _ROWS_MAX else ""
        yield f"core modules of {', '.join(modules[:_ROWS_MAX])}{more} bytes"


def _signature(described: Described | str | None) -> Iterator[str]:
    if described is None:
        yield "it has none: arguments are not named, and of any type"
        return
    if isinstance(described, str):
        yield f"it has {shown(described)}"
        return
    parameters = ", ".join(f"{name}: {kind}" for name, kind in described.parameters)
    yield shown(f"{described.name}({parameters}) -> {described.returns}")
    for line in (described.doc or "").strip().splitlines()[:_ROWS_MAX]:
        yield shown(line)


def _imports(report: Report) -> Iterator[str]:
    imports = report.contents["imports"]
    if not imports:
        yield "nothing"
    for name, is_allowed, items in imports[:_ROWS_MAX]:
        what = _counted([item for item, _ in items])
        yield shown(f"{name}: {what}" if what else name)
        meaning = _meaning(report, name, is_allowed)
        trapping = [item for item, is_answered in items if not is_answered]
        if is_allowed and trapping and not report.is_program:
            which = "all of it" if len(trapping) == len(items) else _counted(trapping)
            meaning += f"; {shown(which)} traps when called"
        yield f"  {meaning}"
    if len(imports) > _ROWS_MAX:
        yield f"and {len(imports) - _ROWS_MAX} more"


def _counted(names: list[str]) -> str:
    listed = ", ".join(names)
    return listed if len(listed) <= _LIST_MAX else f"{len(names)} functions"


def _meaning(report: Report, name: str, is_allowed: bool) -> str:
    if report.is_program and name.startswith((_PREVIEW_1, "wasi:")):
        return "SPM gives it to programs" + (", over files in memory" if _is_files(name) else "")
    if not is_allowed:
        return "hosts refuse what imports this"
    return next((text for start, text in _MEANINGS.items() if name.startswith(start)), "")


def _is_files(name: str) -> bool:
    return name.startswith((_PREVIEW_1, "wasi:filesystem/"))


def _exports(exports: list[tuple[str, str]]) -> Iterator[str]:
    if not exports:
        yield "nothing"
    for name, what in exports[:_ROWS_MAX]:
        yield shown(f"{name}: {what}")
    if len(exports) > _ROWS_MAX:
        yield f"and {len(exports) - _ROWS_MAX} more"


def _memory(contents: dict[str, Any]) -> Iterator[str]:
    bounds = _spm.host_bounds()
    memories, tables = contents["memories"], contents["tables"]
    for initial, maximum in memories[:_ROWS_MAX]:
        most = "no bound of its own" if maximum is None else f"at most {_bytes(maximum)}"
        yield f"{_bytes(initial)} at first, {most}"
    for initial, maximum in tables[:_ROWS_MAX]:
        most = "no bound of its own" if maximum is None else f"at most {maximum:,}"
        yield f"a table of {initial:,} at first, {most}"
    left = max(len(memories) - _ROWS_MAX, 0) + max(len(tables) - _ROWS_MAX, 0)
    if left:
        yield f"and {left} more"
    yield (
        f"hosts give a task {MEMORY_MIB_DEFAULT} MiB unless `memory_mib` says otherwise, up to "
        f"{_bytes(bounds['memory_bytes'])}, in {bounds['memories']} memories at most, and "
        f"{bounds['tables']} tables of {bounds['table_elements']:,}"
    )


def _bytes(count: int) -> str:
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if count >= unit and count % unit == 0:
            return f"{count // unit:,} {name}"
    return f"{count:,} bytes"
