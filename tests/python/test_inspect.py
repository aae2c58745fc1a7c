"""`spm explain` says what a file is, in the hosts' own words where they decide; broken and hostile files too."""

import contextlib
import io
import json
import random
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
import wasmtime

import spm
from spm import _inspect, _spm
from spm._cli import main
from spm._compile_command import compiled_function
from spm._inspect import inspect, shown

sys.path.insert(0, str(Path(__file__).parent))

import rust_guests
from rust_guests import ROOT, example

ENGINE = Path(spm.__file__).parent / "engines/python.wasm"

GUEST = """(component
  (core module $m (memory (export "memory") 1 16)
    (func (export "define") (param i32 i32) (result i32) i32.const 0)
    (func (export "call") (param i32 i32) (result i32) i32.const 0)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 64))
  (core instance $i (instantiate $m))
  (type $define (func (param "payload" (list u8)) (result (result (error (list u8))))))
  (type $call (func (param "arguments" (list u8)) (result (result (list u8) (error (list u8))))))
  (func $define (type $define) (canon lift (core func $i "define")
    (memory (core memory $i "memory")) (realloc (core func $i "cabi_realloc"))))
  (func $call (type $call) (canon lift (core func $i "call")
    (memory (core memory $i "memory")) (realloc (core func $i "cabi_realloc"))))
  (export "define" (func $define)) (export "call" (func $call)))"""


@spm.wasm_closure
def total(xs: list[int], start: int = 0) -> int:
    """Add them up."""
    for x in xs:
        start += x
    return start


def written(folder: Path, content: bytes | str) -> Path:
    path = folder / "file.wasm"
    binary = wasmtime.wat2wasm(content) if isinstance(content, str) else content
    path.write_bytes(binary)
    return path


def command(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(arguments)
    return status, out.getvalue(), err.getvalue()


def check_terminal(text: str) -> None:
    """Nothing that moves a cursor, and nothing beyond 80 columns but what has no place to break."""
    for line in text.splitlines():
        assert line.isprintable(), ascii(line)
        columns = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)
        assert columns <= 80, line


def test_a_compiled_closure_is_explained(tmp_path: Path) -> None:
    path = written(tmp_path, compiled_function(total))
    status, out, err = command("explain", str(path))
    assert (status, err) == (0, "")
    check_terminal(out)
    for text in [
        "a closure, compiled from Python",
        _spm.content_id(path.read_bytes()),
        f"{path.stat().st_size:,} bytes",
        "line table",
        "total(xs: list[int], start: int) -> int",
        "Add them up.",
        "call: func(arguments: list<u8>) -> result<list<u8>, list<u8>>",
        "64 KiB at first, no bound of its own",
        "hosts take it, as it is",
    ]:
        assert text in " ".join(out.split()), text


def test_sizes_add_up(tmp_path: Path) -> None:
    files = [written(tmp_path, compiled_function(total)), example(), ENGINE]
    for path in files:
        report = str(inspect(path))
        sizes = re.findall(
            r"^ {11,}([\d,]+) (?:code|data|names|line|sig|section|types)", report, re.M
        )
        assert len(sizes) >= 3
        numbers = [int(size.replace(",", "")) for size in sizes]
        assert sum(numbers) == path.stat().st_size
        assert min(numbers) > 0


def test_files_are_told_apart(tmp_path: Path) -> None:
    core = example()
    component = tmp_path / "component.wasm"
    component.write_bytes(spm.load(core).component())
    source = ROOT / "tests/python/programs/told.c"
    program = tmp_path / "told.wasm"
    build = [sys.executable, "-m", "ziglang", "cc", "-target", "wasm32-wasi", "-O2", source]
    subprocess.run([*build, "-o", program], check=True, timeout=240)
    preview2 = rust_guests.build(ROOT / "tests/python/programs/preview2") / "preview2.wasm"
    adapted = tmp_path / "adapted.wasm"
    adapted.write_bytes(spm.program(program).component())
    for path, status, kind, texts in [
        (core, 0, "a closure's core module", ["stats(label: str, xs: list[float]) -> Stats"]),
        (
            component,
            0,
            "a closure in another language",
            ["as it is", "spm:closure/fault@0.1.0: raise"],
        ),
        (program, 0, "a program for WASI preview 1", ["over files in memory", "`spm run`"]),
        (preview2, 0, "a program for WASI preview 2", ["over files in memory", "`spm run`"]),
        (adapted, 0, "a stand-alone program's component", ["spm:closure/program@0.1.0: exit"]),
        (
            ENGINE,
            0,
            "the `python` engine",
            ["there is no network; all of it traps", "as an engine"],
        ),
        ("(module)", 1, "a core module", ["refuse it: a core module"]),
        (GUEST, 0, "a closure in another language", ["it has none", "at most 1 MiB"]),
        ("(component)", 1, "a component", ["does not export the function"]),
    ]:
        path = written(tmp_path, path) if isinstance(path, str) else path
        found, out, err = command("explain", str(path))
        out = " ".join(out.split())
        assert (found, err) == (status, ""), path
        for text in [kind, *texts]:
            assert text in out, (path, text)


def test_refusals_are_those_of_the_hosts(tmp_path: Path) -> None:
    for part in [
        '(import "wasi:http/types@0.2.0" (instance))',
        '(import "env" (func))',
        "(core module (memory 40000))(core module (memory 40000))",
        "(core module (memory 1) (memory 1) (memory 1))",
        "(core module (table 200000 funcref))",
        "(core module (func i32.add))",
        "(core module (memory i64 1))",
    ]:
        text = GUEST.replace("(component\n", f"(component {part}\n", 1)
        path = written(tmp_path, text)
        with pytest.raises(ValueError) as caught:
            _spm.check_component(path.read_bytes())
        status, out, _ = command("explain", str(path))
        assert status == 1
        assert f"refuse it: {caught.value}"[:200] in " ".join(out.split())
        with pytest.raises(spm.CompileError, match="cannot be a closure"):
            spm.load(path)


def test_memory_that_has_to_be_asked_for_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, GUEST.replace('"memory") 1 16', '"memory") 4800'))
    status, out, _ = command("explain", str(path))
    assert status == 0
    assert "300 MiB at first, no bound of its own" in out
    assert "with `memory_mib=300`" in " ".join(out.split())
    usual = written(tmp_path, GUEST.replace('"memory") 1 16', '"memory") 4096'))
    assert "memory_mib=" not in command("explain", str(usual))[1]


def test_an_import_that_hosts_refuse_is_named(tmp_path: Path) -> None:
    part = '(import "wasi:http/types@0.2.0" (instance (export "get" (func))))'
    text = GUEST.replace("(component\n", f"(component {part}\n", 1)
    _, out, _ = command("explain", str(written(tmp_path, text)))
    assert "wasi:http/types@0.2.0: get\n               hosts refuse what imports this" in out


def test_every_import_that_hosts_take_has_a_meaning(tmp_path: Path) -> None:
    wit = (ROOT / "wit/closure.wit").read_text()
    own = [f"spm:closure/{name}@0.1.0" for name in re.findall(r"^interface ([\w-]+)", wit, re.M)]
    assert len(own) >= 7
    packages = ["cli/environment", "cli/exit", "clocks/wall-clock", "filesystem/types"]
    wasi = [f"wasi:{name}@0.2.0" for name in [*packages, "io/poll", "random/random", "sockets/tcp"]]
    for name in [*own, *wasi]:
        path = written(tmp_path, f'(component (import "{name}" (instance)))')
        ((_, is_allowed, _),) = _spm.contents(path.read_bytes())["imports"]
        assert is_allowed, name
        assert _inspect._meaning(inspect(path), name, is_allowed)


@pytest.mark.parametrize("content", ["closure", "component", "module"])
def test_a_file_cut_anywhere_is_an_error_or_explained(tmp_path: Path, content: str) -> None:
    whole = {
        "closure": lambda: compiled_function(total),
        "component": lambda: bytes(wasmtime.wat2wasm(GUEST)),
        "module": lambda: bytes(wasmtime.wat2wasm('(module (import "a" "b" (func)) (func))')),
    }[content]()
    broken = 0
    for length in range(0, len(whole), max(len(whole) // 300, 1)):
        status, out, err = command("explain", str(written(tmp_path, whole[:length])))
        check_terminal(out)
        assert err.rstrip("\n").isprintable()
        broken += status == 126
        if status == 0:  # what was cut off is a section of names
            _spm.check_component(whole[:length])
        assert bool(err) == (status == 126)
    assert broken


def test_damaged_files_are_errors_or_explained(tmp_path: Path) -> None:
    rng = random.Random(7)
    whole = compiled_function(total)
    statuses = set()
    for _ in range(400):
        damaged = bytearray(whole)
        for _ in range(rng.randint(1, 8)):
            damaged[rng.randrange(8, len(damaged))] = rng.randrange(256)
        path = written(tmp_path, bytes(damaged))
        status, out, err = command("explain", str(path))
        statuses.add(status)
        check_terminal(out)
        assert err.rstrip("\n").isprintable()
        with contextlib.suppress(spm.CompileError):
            spm.load(path)
    assert statuses == {0, 1, 126}


def test_what_would_change_a_terminal_is_escaped(tmp_path: Path) -> None:
    evil = "\x1b[2J\x07\r\u202e\u0300 \u200b\n\x9b"
    described = json.dumps(
        {"name": "f", "doc": evil, "source": evil, "parameters": [["a", evil]], "returns": evil}
    )
    content = _spm.add_section(bytes(wasmtime.wat2wasm(GUEST)), "spm:signature", described.encode())
    content = _spm.add_section(content, f"x{evil}" * 500, b"1")
    for index in range(100):
        content = _spm.add_section(content, f"{evil}{index}", b"")
    path = written(tmp_path, content)
    status, out, _ = command("explain", str(path))
    assert status == 0
    check_terminal(out)
    assert r"\x1b[2J" in out
    assert "further sections" in out
    core = '(module (import "e\\1b[2J\\c2\\9b" "\\0d\\0ahosts take it" (func)) (export "\\1b" (func 0)))'
    status, out, err = command("explain", str(written(tmp_path, core)))
    assert status == 1
    check_terminal(out)
    check_terminal(err)
    assert r"e\x1b[2J\x9b: \r\nhosts take it" in out
    status, _, err = command("explain", str(tmp_path / "none\x1b[2J.wasm"))
    assert status == 127
    assert "\x1b" not in err


def test_texts_are_cut() -> None:
    assert shown("ab\u0301\ud800") == "ab\\u0301\\ud800"
    assert len(shown("x" * 10_000)) == 203


@pytest.mark.parametrize(
    "section",
    [
        b"",
        b"[]",
        b"[" * 100_000,
        b'{"name":1}',
        b"\xff",
        b'{"name":"\\ud800","doc":"","source":"","parameters":[],"returns":"int"}',
        b'{"name":"%s\\ud800","doc":"","source":"","parameters":[],"returns":"int"}'
        % (b"x" * 10_000),
        b'{"name":"f","doc":"","source":"","parameters":[["a","int"],["a","int"]],"returns":"int"}',
        b'{"name":"f","doc":"","source":"","parameters":[["not a name","int"]],"returns":"int"}',
        b'{"name":"f","doc":"","source":"","parameters":[],"returns":"int","defaults":{"a":"ff"}}',
        b'{"name":"f","doc":"","source":"","parameters":[],"returns":"int","defaults":[]}',
    ],
)
def test_a_signature_that_lies_is_no_signature(tmp_path: Path, section: bytes) -> None:
    content = _spm.add_section(bytes(wasmtime.wat2wasm(GUEST)), "spm:signature", section)
    path = written(tmp_path, content)
    status, out, _ = command("explain", str(path))
    assert status == 1
    assert "a signature that cannot be read" in out
    check_terminal(out)
    with pytest.raises(spm.CompileError, match="a signature that cannot be read") as caught:
        spm.load(path)
    assert len(str(caught.value)) < 500


def test_annotations_that_are_none_stay_texts(tmp_path: Path) -> None:
    for kind in ["(" * 5000, "int[int]", "\0", "1 | 2", "None | None", "list[" * 90 + "]" * 90]:
        described = {"name": "f", "doc": "", "source": "", "parameters": [["a", kind]]}
        section = json.dumps({**described, "returns": "int"}).encode()
        content = _spm.add_section(bytes(wasmtime.wat2wasm(GUEST)), "spm:signature", section)
        loaded = spm.load(written(tmp_path, content))
        assert loaded.__annotations__["a"] == kind


def test_two_sections_of_a_kind_and_bad_line_tables_are_refused(tmp_path: Path) -> None:
    whole = compiled_function(total)
    for name, data, why in [
        ("spm:signature", b"{}", "2 sections `spm:signature`"),
        ("spm:lines", b"", "2 sections `spm:lines`"),
    ]:
        path = written(tmp_path, _spm.add_section(whole, name, data))
        status, out, _ = command("explain", str(path))
        assert status == 1
        assert why in out
        with pytest.raises(spm.CompileError, match=why):
            spm.load(path)
    path = written(
        tmp_path, _spm.add_section(bytes(wasmtime.wat2wasm(GUEST)), "spm:lines", b"\xff")
    )
    status, out, _ = command("explain", str(path))
    assert status == 1
    assert "its line table cannot be read" in out
    with pytest.raises(spm.CompileError, match="not a line table"):
        spm.load(path)


def test_what_is_no_file_of_webassembly_has_its_status(tmp_path: Path) -> None:
    text = tmp_path / "text.wasm"
    text.write_text("hello")
    status, out, err = command("explain", str(text))
    assert (status, out) == (126, "")
    assert "is no WebAssembly" in err
    status, _, err = command("explain", str(tmp_path / "nowhere.wasm"))
    assert status == 127
    status, _, err = command("explain", str(tmp_path))
    assert status == 1
    with pytest.raises(spm.CompileError, match="has more than the"):
        inspect(Path("/dev/zero"))


def test_functions_are_explained(tmp_path: Path) -> None:
    path = tmp_path / "app_to_explain.py"
    path.write_text(
        "import spm\n"
        "def f(n: int) -> int:\n    return n + 1\n"
        "class Holder:\n    @staticmethod\n    def g(n: int) -> int:\n        return n * 2\n"
        "def python(n):\n    return n\n"
    )
    status, out, err = command("explain", f"{path}:f")
    assert (status, err) == (0, "")
    assert out.startswith("f(n: int) -> int\n")
    assert command("explain", f"{path}:Holder.g")[1].startswith("Holder.g(n: int) -> int\n")
    assert "runs in the `python` engine" in command("explain", f"{path}:python")[1]
    status, _, err = command("explain", f"{path}:missing")
    assert status == 126
    assert "has no `missing`" in err
    status, _, err = command("explain", f"{path}:spm")
    assert status == 126
    assert "is no function" in err
    assert command("explain", str(path))[0] == 1
    assert command("explain", f"{tmp_path}/nowhere.py:f")[0] == 127


def test_a_file_may_have_the_name_of_a_module(tmp_path: Path) -> None:
    path = tmp_path / "random.py"
    path.write_text("def f(n: int) -> int:\n    return n\n")
    assert command("explain", f"{path}:f")[0] == 0
    assert sys.modules["random"] is random


@pytest.mark.parametrize(
    ("text", "told"),
    [("x = 1 // 0\n", "ZeroDivisionError"), ("x = (\n", "SyntaxError"), ("exit(3)", "SystemExit")],
)
def test_a_file_that_raises_shows_its_own_traceback(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "app_that_raises.py"
    path.write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "spm", "explain", f"{path}:f"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert told in done.stderr
    assert "cannot be imported" in done.stderr
    assert "_compile_command.py" not in done.stderr
