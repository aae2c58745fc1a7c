"""Whoever waits for hosts to prepare sees whom for, where people look and nowhere else."""

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import wasmtime

import spm
from spm import _spm
from spm._preparing import Line, describe

sys.path.insert(0, str(Path(__file__).parent))

from fallbacks import PAYLOAD_GUEST, fall_back


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def screen(written: str) -> str:
    """What is left of a line once all was written."""
    cells: list[str] = []
    column = 0
    for character in written:
        if character == "\r":
            column = 0
            continue
        cells[column : column + 1] = [character]
        column += 1
    return "".join(cells).rstrip()


@pytest.mark.parametrize(
    ("hosts", "text"),
    [
        ([("a", "python", None, None)], "preparing engine python on a ..., 3 s"),
        (
            [("a", "python", "compiling", 700), ("b", "python", "fetching", 120)],
            "preparing engine python on 2 hosts ... fetching, 12 %, 3 s",
        ),
        (
            [("a", "python", "compiling", 700), ("b", "scientific", "compiling", None)],
            "preparing engine scientific on 2 hosts ... compiling, 3 s",
        ),
    ],
)
def test_the_slowest_host_speaks_for_all(hosts: Any, text: str) -> None:
    assert describe(hosts, 3.2) == text


def test_the_line_is_replaced_and_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    line = Line()
    line.show([("a host", "python", "fetching", 990)])
    line.show([("b", "python", None, None)])
    assert screen(sys.stderr.getvalue()) == "preparing engine python on b ..., 0 s"  # type: ignore[attr-defined]
    line.clear()
    assert screen(sys.stderr.getvalue()) == ""  # type: ignore[attr-defined]


def test_it_is_not_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("COLUMNS", "20")
    line = Line()
    line.show([("a host with a name", "python", None, None)])
    assert screen(sys.stderr.getvalue()) == "preparing engine pyt"[:19]  # type: ignore[attr-defined]


@pytest.mark.parametrize("stream", [io.StringIO(), None])
def test_pipes_are_left_alone(stream: io.StringIO | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    line = Line()
    line.show([("a", "python", None, None)])
    line.clear()
    assert stream is None or stream.getvalue() == ""


def test_notebooks_see_it(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})()
    monkeypatch.setattr(sys, "stderr", stream)
    Line().show([("a", "python", None, None)])
    assert "preparing engine python" in stream.getvalue()


def test_a_closed_terminal_harms_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    line = Line()
    terminal.close()
    line.show([("a", "python", None, None)])
    line.clear()


def square(x: int) -> int:
    return x * x


def runtime(folder: Path, functions: int) -> _spm.Runtime:
    """A component that takes a while to compile."""
    step = "(local.set 0 (i32.add (i32.mul (local.get 0) (i32.const 5)) (local.get 1)))"
    body = "(func (param i32 i32) (result i32)" + step * 200 + "(local.get 0))"
    text = PAYLOAD_GUEST.replace(
        '(memory (export "memory") 4)', '(memory (export "memory") 4)' + body * functions
    )
    path = folder / f"slow{functions}.wasm"
    path.write_bytes(bytes(wasmtime.wat2wasm(text)))
    return _spm.Runtime(path)


KINDS: dict[str, Callable[[], spm.Pool]] = {
    "serial": spm.serial,
    "laptop": lambda: spm.laptop(2),
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_slow_definition_is_seen(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closure = spm.wasm_closure(square)
    payload = _spm.encode("done")
    large = runtime(tmp_path, 3000)
    fall_back(closure, (1,), square, component=large, payload=payload)
    terminal = Terminal()
    with KINDS[kind]() as pool:
        monkeypatch.setattr(sys, "stderr", terminal)
        with pytest.warns(spm.DeoptWarning):
            assert pool.submit(closure, 10**18).result(timeout=120) == "done"
    written = terminal.getvalue()
    # A host that is idle takes the task over, and then both prepare.
    where = "this process" if kind == "serial" else ""
    assert f"preparing engine guest on {where}" in written
    assert screen(written) == "", "and nothing is left of it"


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_quick_one_is_not(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    with KINDS[kind]() as pool:
        monkeypatch.setattr(sys, "stderr", terminal)
        assert pool.submit(spm.wasm_closure(square), 3).result(timeout=120) == 9
    assert terminal.getvalue() == ""
