"""Closures in C and in AssemblyScript, on pools of every kind: the contract is `wit/closure.wit` and CBOR."""

import json
import linecache
import re
import subprocess
import sys
import traceback
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

import spm
from spm import _spm
from spm._cli import main
from spm._task import Frame
from spm._traceback import task_traceback

sys.path.insert(0, str(Path(__file__).parent))

import assemblyscript_guest
import c_guest
from rust_guests import ROOT

SOURCES = Path(__file__).parent / "other_languages"
C = [sys.executable, "-m", "ziglang", *c_guest.BUILD, "-I", str(c_guest.SOURCE.parent)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("guests")


@pytest.fixture(scope="module")
def closest(folder: Path) -> spm.Closure[..., Any]:
    return spm.load(c_guest.build(str(folder)))


@pytest.fixture(scope="module")
def echo_c(folder: Path) -> spm.Closure[..., Any]:
    module = folder / "echo_c.wasm"
    subprocess.run([*C, "-Werror", SOURCES / "echo.c", "-o", module], check=True, timeout=240)
    return spm.load(module, memory_mib=16)


@pytest.fixture(scope="module")
def echo_ts(folder: Path) -> spm.Closure[..., Any]:
    assembly = assemblyscript_guest.FOLDER / "assembly"
    (folder / "spm.ts").write_bytes((assembly / "spm.ts").read_bytes())
    (folder / "echo.ts").write_bytes((SOURCES / "echo.ts").read_bytes())
    module = folder / "echo_ts.wasm"
    assemblyscript_guest.build(folder / "echo.ts", module)
    return spm.load(module, memory_mib=16)


@pytest.fixture(scope="module")
def life() -> spm.Closure[..., Any]:
    return assemblyscript_guest.load()


def raised(function: Any, *args: Any) -> Any:
    with pytest.raises(Exception) as caught:
        function(*args)
    return caught.value


VALUES = [
    None,
    True,
    False,
    *(
        sign * 2**bits + step
        for bits in (5, 8, 16, 32, 62)
        for sign in (1, -1)
        for step in (-1, 0, 1)
    ),
    2**63 - 1,
    -(2**63),
    0.0,
    -0.0,
    1.5,
    float("inf"),
    "",
    "ü€𝄞",
    "x" * 70_000,
    b"",
    bytes(range(256)),
    [],
    [1, [2, [3, None]], "x"] * 20,
    {},
    {"a": {"b": [1.5, True]}, 3: b"x"},
]


def test_values_go_through_c(pool: spm.Pool, echo_c: spm.Closure[..., Any]) -> None:
    found = list(pool.map(echo_c, VALUES))
    assert list(map(repr, found)) == list(map(repr, VALUES))
    assert echo_c((1, (2,))) == [1, [2]]


def test_values_go_through_assemblyscript(pool: spm.Pool, echo_ts: spm.Closure[..., Any]) -> None:
    ints = [value for value in VALUES if type(value) is int]
    rows = [
        [n % 2 == 0, n, n / 3, "ü€𝄞"[: n % 4], [n, None, -1], {"a": float(n), "ü": -0.0}]
        for n in ints
    ]
    found = list(pool.map(echo_ts, *zip(*rows, strict=True), [""] * len(rows)))
    assert list(map(repr, found)) == list(map(repr, rows))
    assert echo_ts(True, 1, 7, "", (1, 2), {}, "") == [True, 1, 7.0, "", [1, 2], {}]


def test_wrong_arguments_are_type_errors(
    closest: spm.Closure[..., Any], echo_ts: spm.Closure[..., Any], life: spm.Closure[..., Any]
) -> None:
    for closure, row, text in [
        (closest, (1, []), "argument `word`: a str was expected, not an int"),
        (closest, ("a", 1.5), "argument `words`: a list was expected, not a float"),
        (closest, ("a", ["b", None]), "argument `words`: a str was expected, not None"),
        (closest, ("a", {"b": 1}), "argument `words`: a list was expected, not a dict"),
        (life, ([True], 1), "argument `rows`: a str was expected, not a bool"),
        (life, (["#"], b"x"), "argument `generations`: an int was expected, not bytes"),
        (echo_ts, (1, 1, 1.0, "", [], {}, ""), "argument `a`: a bool was expected, not an int"),
        (
            echo_ts,
            (True, 1.0, 1.0, "", [], {}, ""),
            "argument `b`: an int was expected, not a float",
        ),
        (echo_ts, (True, 1, "", "", [], {}, ""), "argument `c`: a float was expected, not a str"),
        (
            echo_ts,
            (True, 1, 1.0, "", [], set(), ""),
            "argument `f`: a dict was expected, not another type",
        ),
    ]:
        error = raised(closure, *row)
        assert isinstance(error, TypeError)
        assert str(error) == text


def test_ints_beyond_64_bits_are_overflow_errors(
    echo_c: spm.Closure[..., Any], echo_ts: spm.Closure[..., Any]
) -> None:
    for number in (2**63, -(2**63) - 1, 2**64, -(2**64) - 1, 2**200):
        for error in (raised(echo_c, number), raised(echo_ts, True, number)):
            assert isinstance(error, OverflowError)
            assert "an int beyond 64 bits" in str(error)


def test_too_few_arguments_are_no_wild_reads(
    echo_c: spm.Closure[..., Any], echo_ts: spm.Closure[..., Any]
) -> None:
    assert isinstance(raised(echo_c), TypeError)
    assert isinstance(raised(echo_ts, True), TypeError)
    with pytest.raises(TypeError, match="expected, not a float"):
        echo_c("float")


def test_c_raises_with_its_line(closest: spm.Closure[..., Any], pool: spm.Pool) -> None:
    error = raised(pool.submit(closest, "a`", []).result)
    assert isinstance(error, ValueError)
    assert str(error) == "no words to compare `a`` with"
    last = traceback.extract_tb(error.__traceback__)[-1]
    assert last.filename == str(c_guest.SOURCE)
    assert last.name == "spm_closure"
    assert last.line is not None
    assert "spm_raise(SPM_VALUE_ERROR" in last.line


def test_a_frame_may_name_any_line(echo_c: spm.Closure[..., Any]) -> None:
    error = raised(echo_c, "far")
    assert isinstance(error, KeyError)
    assert traceback.extract_tb(error.__traceback__)[-1].lineno == 2**31 - 1


def test_frames_of_files_that_are_not_here_cost_little() -> None:
    tracemalloc.start()
    frames = [
        Frame(f"/nowhere/{number}.c", line, 0, line, 2**32 - 1, "f", f"source {number}")
        for number in range(300)
        for line in (7, 100_000, 2**32 - 1)
    ]
    shown = traceback.format_exception(ValueError("far").with_traceback(task_traceback(frames)))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 50_000_000
    text = "".join(shown)
    assert text.count("    source 299\n") == 2
    assert f'File "/nowhere/299.c", line {2**31 - 1}, in f\n' in text
    assert linecache.getlines("/nowhere/3.c")[5:8] == ["\n", "source 3\n", "\n"]
    assert len("".join(linecache.getlines("/nowhere/3.c"))) == 100_000 + 2 * len("source 3")


def test_other_ends_of_c(echo_c: spm.Closure[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    error = raised(echo_c, "raise")
    assert isinstance(error, LookupError)
    assert str(error) == "100% ü"
    assert isinstance(raised(echo_c, "abort"), spm.SandboxViolation)
    with spm.laptop(2) as pool:
        assert list(pool.map(echo_c, ["print", "", "print"])) == ["print", "", "print"]
    assert sorted(capsys.readouterr().out.splitlines()) == ["task 0", "task 2"]


def test_ends_of_assemblyscript(
    pool: spm.Pool, echo_ts: spm.Closure[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    def end(what: str) -> Any:
        return raised(pool.submit(echo_ts, True, 1, 1.0, "", [], {}, what).result)

    error = end("raise")
    assert isinstance(error, KeyError)
    assert error.args == ("ü€𝄞",)
    error = end("throw")
    assert isinstance(error, RuntimeError)
    assert str(error) == "thrown"
    last = traceback.extract_tb(error.__traceback__)[-1]
    assert last.filename.endswith("echo.ts")
    line = (SOURCES / "echo.ts").read_text().splitlines()[last.lineno - 1]
    assert "throw new Error" in line
    assert isinstance(end("index"), IndexError)
    assert isinstance(end("divide"), ZeroDivisionError)
    assert isinstance(end("memory"), MemoryError)
    assert pool.submit(echo_ts, True, 1, 1.0, "", [], {}, "garbage").result()[1] == 1
    pool.submit(echo_ts, True, 1, 1.0, "", [], {}, "print").result()
    assert re.fullmatch(r"task \d+\n", capsys.readouterr().out)


def test_signatures_are_those_of_the_examples(
    closest: spm.Closure[..., Any], life: spm.Closure[..., Any]
) -> None:
    assert str(closest.__signature__) == "(word: str, words: list[str]) -> dict[str, str | int]"
    assert closest.__doc__ is not None
    assert closest.__doc__.endswith("\n\nWithout words that is a ValueError.")
    assert str(life.__signature__) == "(rows: list[str], generations: int) -> list[str]"
    assert life.source == "export function call(bytes: usize, length: usize): usize"


def test_distances_are_right(closest: spm.Closure[..., Any]) -> None:
    for word, words, best, changes in [
        ("kitten", ["sitting", "mitten", "kit"], "mitten", 1),
        ("kitten", ["sitting"], "sitting", 3),
        ("", ["abc", "ab"], "ab", 2),
        ("abc", ["", "xyz"], "", 3),
        ("ü", ["u"], "u", 2),
    ]:
        assert closest(word, words) == {"word": best, "changes": changes}


def test_worlds_are_right(life: spm.Closure[..., Any], pool: spm.Pool) -> None:
    blinker = [".....", ".....", ".###.", ".....", "....."]
    turned = [".....", "..#..", "..#..", "..#..", "....."]
    assert list(pool.map(life, [blinker] * 3, [0, 1, 1001])) == [blinker, turned, turned]


def test_numbers_of_exceptions_are_those_of_the_protocol() -> None:
    header = (c_guest.SOURCE.parent / "spm.h").read_text()
    script = (assemblyscript_guest.FOLDER / "assembly/spm.ts").read_text()
    found = [
        (name.title().replace("_", ""), int(number))
        for name, number in re.findall(r"SPM_(\w+_ERROR) = (\d+)", header)
    ]
    found += [
        (name, int(number)) for name, number in re.findall(r"^  (\w+Error) = (\d+),$", script, re.M)
    ]
    assert len(found) >= 20
    for name, number in found:
        assert _spm.BUILTIN_EXCEPTIONS[number] == name


def test_stdio_is_refused_with_its_import(folder: Path) -> None:
    source, module = folder / "prints.c", folder / "prints.wasm"
    source.write_text(
        '#include "spm.h"\n'
        'void spm_closure(spm_reader *from, spm_writer *to) { printf("x"); spm_put_none(to); (void)from; }\n'
    )
    subprocess.run([*C, source, "-o", module], check=True, timeout=240)
    with pytest.raises(spm.CompileError, match="wasi_snapshot_preview1"):
        spm.load(module)


@pytest.mark.parametrize(
    ("signature", "why"),
    [
        ("{}", "a signature that cannot be read"),
        ("[", "a signature that cannot be read"),
        (
            json.dumps({"name": "f", "doc": "", "parameters": 3, "returns": "int", "source": ""}),
            "a signature",
        ),
    ],
)
def test_a_signature_is_checked_when_it_is_added(
    echo_ts: spm.Closure[..., Any],
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    signature: str,
    why: str,
) -> None:
    path, out = folder / "signature.json", folder / "out.wasm"
    path.write_text(signature)
    command = ["compile", str(folder / "echo_ts.wasm"), "-o", str(out), "--signature", str(path)]
    assert main(command) == 126
    assert why in capsys.readouterr().err
    assert not out.exists()


def test_a_second_signature_is_refused(
    closest: spm.Closure[..., Any], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    signature = assemblyscript_guest.FOLDER / "signature.json"
    command = ["compile", str(folder / "closest.wasm"), "-o", str(folder / "out.wasm")]
    assert main([*command, "--signature", str(signature)]) == 126
    assert "has a signature already" in capsys.readouterr().err
    assert main(["compile", f"{ROOT}/examples/primes.py:count", "-o", "x", "--signature", "y"]) == 1
    assert "--signature is for modules" in capsys.readouterr().err
