"""Stand-alone programs, built from C: what they are given, what they give, and how they end."""

import hashlib
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import spm

sys.path.insert(0, str(Path(__file__).parent))

import rust_guests

SOURCES = Path(__file__).parent / "programs"
BUILD = [sys.executable, "-m", "ziglang", "cc", "-target", "wasm32-wasi", "-O2", "-Wall"]

PICOSAT = "pycosat==0.6.6"
PICOSAT_SHA256 = "a376cfae20b16fcfbef24bf3c047a8a294c35032bb051fa98842c12bbab6f0ff"

Build = Callable[..., Path]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Builds a program of `programs/`, once."""
    folder = tmp_path_factory.mktemp("programs")

    def make(name: str, *more: str | Path) -> Path:
        program = folder / f"{name}.wasm"
        if not program.exists():
            command = [*BUILD, *more, SOURCES / f"{name}.c", "-o", program]
            subprocess.run(command, check=True, timeout=240)
        return program

    return make


@pytest.fixture(scope="module")
def serial() -> Iterator[spm.Pool]:
    with spm.serial() as made:
        yield made


@pytest.fixture(scope="module")
def told(build: Build) -> spm.Closure:
    return spm.program(build("told"))


@pytest.fixture(scope="module")
def ends(build: Build) -> spm.Closure:
    return spm.program(build("ends"), memory_mib=64)


def test_it_is_told_its_arguments_variables_and_input(pool: spm.Pool, told: spm.Closure) -> None:
    done = spm.run(told, ["a b", "ü"], env={"A": "1", "B": ""}, stdin=b"abc\n", pool=pool)
    assert done.stdout.decode() == (
        "argument told.wasm\nargument a b\nargument ü\nvariable A=1\nvariable B=\nABC\n"
    )
    assert done.stderr == b"2 arguments\n"
    assert done.args == ["told.wasm", "a b", "ü"]
    assert done.files == {}
    assert done.task.outcome == "returned"
    assert done.task.engine == "guest"
    with pytest.raises(subprocess.CalledProcessError) as caught:
        done.check_returncode()
    assert (caught.value.returncode, caught.value.output) == (2, done.stdout)


def test_nothing_of_the_submitter_reaches_it(told: spm.Closure) -> None:
    done = told()
    assert done.stdout == b"argument told.wasm\n"
    done.check_returncode()


def test_files_are_all_that_they_should_be(build: Build, pool: spm.Pool) -> None:
    given = {"given/input.txt": b"given\n", "/empty/": b""}
    done = spm.run(build("files"), stdin=b"abc", files=given, pool=pool)
    assert done.stdout == b"all is right\n"
    moved = b"A123xx6789\0\0!"
    assert done.files == {"given/input.txt": moved, "renamed/deep/result.txt": b"done"}


def test_files_of_this_machine_are_read_here(build: Build, tmp_path: Path) -> None:
    (tmp_path / "given").mkdir()
    (tmp_path / "given/input.txt").write_text("given\n")
    done = spm.run(build("files"), stdin=b"abc", files=[tmp_path / "given"])
    assert b'names("/", buffer) == 2' in done.stdout
    files = {"given": tmp_path / "given", "empty/": b""}
    assert spm.run(build("files"), stdin=b"abc", files=files).returncode == 0


@pytest.mark.parametrize("kind", ["exit", "_exit"])
def test_the_exit_status_is_what_a_parent_sees(
    pool: spm.Pool, ends: spm.Closure, kind: str
) -> None:
    statuses = [0, 1, 42, 126, 255, 256, -1]
    rows = [[kind, str(status)] for status in statuses]
    done = list(pool.map(ends, rows))
    assert [each.returncode for each in done] == [0, 1, 42, 126, 255, 0, 255]
    assert {each.stdout for each in done} == {b"cleaned up\n" if kind == "exit" else b""}


def test_what_goes_wrong_is_an_exception_with_the_programs_name(
    pool: spm.Pool, ends: spm.Closure
) -> None:
    rows = [["abort"], ["exit", "7"], ["divide", "1"], ["null"], ["memory", "500"], ["recurse"]]
    found = spm.List(pool, ends, on_error="collect").run(rows)
    aborted, exited, divided, null, memory, recursed = found
    assert isinstance(aborted, spm.SandboxViolation)
    assert str(aborted).startswith("`ends.wasm`: ")
    assert "`main`, called by" in aborted.__notes__[0]
    assert exited.returncode == 7
    assert isinstance(divided, ZeroDivisionError)
    assert isinstance(null, spm.SandboxViolation)
    assert isinstance(memory, MemoryError)
    assert isinstance(recursed, spm.SandboxViolation | RecursionError)
    assert [error.task.index for error in found.failures] == [0, 2, 3, 4, 5]
    assert all("ends.wasm" in str(error) for error in found.failures)


def test_memory_has_a_limit_that_a_program_can_live_with(ends: spm.Closure) -> None:
    assert spm.run(ends, ["memory", "20"]).stdout == b"20 MiB\n"
    done = spm.run(ends, ["refused"])
    assert (done.stdout, done.returncode) == (b"1\n", 9)


def test_deadlines_end_what_loops_or_sleeps(pool: spm.Pool, ends: spm.Closure) -> None:
    begun = time.monotonic()
    for row in (["loop"], ["sleep", "60000"]):
        with pytest.raises(TimeoutError, match=r"ends\.wasm"):
            spm.run(ends, row, deadline_s=0.3, pool=pool)
    assert time.monotonic() - begun < 20
    # The pool is none the worse for it.
    assert spm.run(ends, ["exit", "1"], pool=pool).returncode == 1


def test_sleep_takes_its_time_and_clocks_show_it(pool: spm.Pool, ends: spm.Closure) -> None:
    begun = time.monotonic()
    assert spm.run(ends, ["sleep", "150"], pool=pool).stdout == b"1 1\n"
    assert time.monotonic() - begun >= 0.15


def test_chance_and_time_are_the_same_wherever_a_task_runs(ends: spm.Closure) -> None:
    found = []
    for make in (spm.serial, lambda: spm.laptop(2)):
        with make() as made:
            found.append([each.stdout for each in made.map(ends, [["chance"]] * 3)])
    assert found[0] == found[1]
    assert len(set(found[0])) == 3
    assert all(b" 946684800 " in each for each in found[0])


def test_real_clocks_and_chance_are_granted_by_name(build: Build) -> None:
    granted = spm.program(build("ends"), allow=("clock", "random"))
    drawn, seconds, _ = spm.run(granted, ["chance"]).stdout.split()
    assert abs(int(seconds) - time.time()) < 60
    assert spm.run(granted, ["chance"]).stdout.split()[0] != drawn
    with pytest.raises(ValueError, match="env="):
        spm.program(build("ends"), allow=("env:HOME",))


def test_output_is_kept_whole_and_has_a_limit(build: Build) -> None:
    roomy = spm.program(build("ends"), memory_mib=2048)
    assert len(spm.run(roomy, ["flood", "40"]).stdout) == 40 << 20
    done = spm.run(roomy, ["flood", "300"])
    assert done.returncode == 5
    assert b"No space left" in done.stderr
    assert 200 << 20 < len(done.stdout) <= 240 << 20


def test_output_is_shown_while_it_runs(build: Build, capsys: pytest.CaptureFixture[str]) -> None:
    streamed = spm.program(build("told"), stream=True)
    done = spm.run(streamed, ["x"], stdin=b"abc\n")
    assert capsys.readouterr().out == "argument told.wasm\nargument x\nABC\n1 arguments\n"
    assert done.stderr == b"1 arguments\n"
    with pytest.raises(ValueError, match="stream"):
        spm.program(build("told"), stream="stdin")


def test_what_all_runs_have_in_common_is_given_once(build: Build) -> None:
    common = spm.program(build("told"), ["first"], env={"A": "1", "B": "2"}, stdin=b"in")
    done = spm.run(common, ["second"], env={"B": "3"})
    assert done.stdout.decode().splitlines() == [
        *("argument told.wasm", "argument first", "argument second"),
        *("variable A=1", "variable B=3", "IN"),
    ]
    assert done.returncode == 2
    assert spm.run(common, stdin=b"other").stdout.endswith(b"OTHER")


def test_a_run_is_the_same_wherever_it_runs(build: Build) -> None:
    program = spm.program(build("ends"))
    assert spm.program(build("ends")).cid == program.cid
    with spm.laptop(1) as laptop:
        numbers = ["numbers", "100000"]
        assert spm.run(program, numbers, pool=laptop).stdout == spm.run(program, numbers).stdout


def test_programs_in_a_graph(pool: spm.Pool, told: spm.Closure) -> None:
    def shout(done: spm.Completed) -> str:
        return done.stdout.decode().upper()

    graph = spm.Dag(pool)
    node = graph.add(told, ["x"])
    other = graph.add(told, ["y"])
    other.after(node)
    assert [each.returncode for each in graph.run(node, other)] == [1, 1]


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"args": "abc"}, TypeError, "did you mean"),
        ({"args": [1]}, TypeError, "must be a text"),
        ({"args": ["a\0b"]}, ValueError, "zero"),
        ({"args": ["\ud800"]}, ValueError, "UTF-8"),
        ({"env": {"A=B": "1"}}, ValueError, "named 'A=B'"),
        ({"stdin": "text"}, TypeError, "must be bytes"),
        ({"files": {"a": "text"}}, TypeError, "must be bytes"),
        ({"files": "a"}, TypeError, "did you mean"),
        ({"files": {"../a": b""}}, ValueError, "below `/`"),
        ({"files": {"a": b"", "a/b": b""}}, ValueError, "at once"),
        ({"files": {"x" * 300: b""}}, ValueError, "too long"),
        ({"files": ["/nonexistent/file"]}, FileNotFoundError, "nonexistent"),
    ],
)
def test_what_no_program_can_be_given(
    told: spm.Closure, given: dict[str, object], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        spm.run(told, **given)


def test_what_is_no_program_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "tool.wasm"
    with pytest.raises(FileNotFoundError):
        spm.program(path)
    refused = {
        b"#!/bin/sh\n": "--target wasm32-wasip1",
        b"\0asm\x0d\0\x01\0": "it is a component",
        b"\0asm\1\0\0\0": "_start",
        b"\0asm\1\0\0\0\1\1": "cannot be run",
    }
    for content, text in refused.items():
        path.write_bytes(content)
        with pytest.raises(spm.CompileError, match=text):
            spm.program(path)


# Preview 2.


@pytest.fixture(scope="module")
def preview2() -> spm.Closure:
    """A command that calls it by the bindings of others; toolchains put the same module into a component."""
    return spm.program(rust_guests.build(SOURCES / "preview2") / "preview2.wasm", memory_mib=1024)


def test_preview_2_tells_what_preview_1_tells(pool: spm.Pool, preview2: spm.Closure) -> None:
    done = spm.run(preview2, ["told", "ü"], env={"A": "x=y"}, stdin=b"--abc", pool=pool)
    lines = ["argument preview2.wasm", "argument told", "argument ü", "variable A=x=y"]
    assert done.stdout.decode().splitlines() == [
        *(*lines, 'in Some("/")', "terminals false false", "ABC"),
    ]
    assert (done.returncode, done.stderr) == (0, b"no more\0")


def test_files_of_preview_2_are_all_that_they_should_be(
    pool: spm.Pool, preview2: spm.Closure
) -> None:
    done = spm.run(preview2, ["files"], files={"given/input.txt": b"given\n"}, pool=pool)
    assert (done.stderr, done.stdout) == (b"", b"all is right\n")
    assert done.files == {"a/b/result.txt": b"0123456\x008", "given/linked": b"123456\x008"}


@pytest.mark.parametrize(
    ("what", "output"),
    [("fill", b"no space is left\n"), ("waits", b"true\n"), ("sockets", b"none\n")],
)
def test_streams_clocks_and_sockets_of_preview_2(
    preview2: spm.Closure, what: str, output: bytes
) -> None:
    done = spm.run(preview2, [what])
    assert (done.stderr, done.stdout, done.returncode) == (b"", output, 0)


def test_chance_of_preview_2_is_the_tasks(preview2: spm.Closure) -> None:
    found = []
    for make in (spm.serial, lambda: spm.laptop(2)):
        with make() as made:
            found.append([each.stdout for each in made.map(preview2, [["chance"]] * 2)])
    assert found[0] == found[1]
    assert found[0][0] != found[0][1]
    assert found[0][0].startswith(b"946684800 ")


@pytest.mark.parametrize("how", ["exit", "fail", "nothing that it knows"])
def test_a_command_of_preview_2_can_fail(preview2: spm.Closure, how: str) -> None:
    assert spm.run(preview2, [how]).returncode == 1


@pytest.mark.parametrize("handle", ["forge", "socket"])
def test_handles_that_nobody_gave_it_end_a_program(preview2: spm.Closure, handle: str) -> None:
    with pytest.raises(spm.SandboxViolation, match=r"preview2\.wasm"):
        spm.run(preview2, [handle])


def test_output_of_preview_2_is_shown_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    path = rust_guests.build(SOURCES / "preview2") / "preview2.wasm"
    spm.run(spm.program(path, stream=True), ["told"], stdin=b"--")
    assert "terminals false true\n" in capsys.readouterr().out


# A program that others wrote.


@pytest.fixture(scope="module")
def sat(build: Build, tmp_path_factory: pytest.TempPathFactory) -> spm.Closure:
    """PicoSAT, from the sources that pycosat comes with."""
    folder = tmp_path_factory.mktemp("picosat")
    fetched = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary=:all:"),
            *("--no-build-isolation", "--disable-pip-version-check", "--dest", folder, PICOSAT),
        ],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    archives = list(folder.glob("*.tar.gz"))
    if not archives:
        pytest.skip(f"no network to fetch {PICOSAT} over: {fetched.stderr.strip()[-300:]}")
    assert hashlib.sha256(archives[0].read_bytes()).hexdigest() == PICOSAT_SHA256
    with tarfile.open(archives[0]) as archive:
        archive.extractall(folder, filter="data")
    (source,) = folder.glob("*/picosat.c")
    flags = ["-DNGETRUSAGE", "-DNDEBUG", "-w", "-I", source.parent, source]
    return spm.program(build("dimacs", *flags))


def pigeons(count: int, holes: int) -> str:
    """Each pigeon needs a hole, and no two have the same."""
    place = [[1 + pigeon * holes + hole for hole in range(holes)] for pigeon in range(count)]
    clauses = [*place]
    for hole in range(holes):
        for one in range(count):
            clauses += [[-place[one][hole], -place[other][hole]] for other in range(one)]
    lines = (" ".join(map(str, [*clause, 0])) for clause in clauses)
    return f"p cnf {count * holes} {len(clauses)}\n" + "\n".join(lines) + "\n"


def test_a_sat_solver_solves(pool: spm.Pool, sat: spm.Closure) -> None:
    problems = [pigeons(5, 5), pigeons(6, 5), pigeons(8, 8), pigeons(7, 6)]
    calls = [["in.cnf"]] * 4, [{}] * 4, [b""] * 4, [{"in.cnf": each.encode()} for each in problems]
    done = list(spm.List(pool, sat).stream(*calls))
    assert [each.returncode for each in done] == [10, 20, 10, 20]
    for problem, each in zip(problems, done, strict=True):
        assert each.stderr.endswith(b"decisions\n")
        if each.returncode == 20:
            assert each.stdout == b"s UNSATISFIABLE\n"
            assert each.files == {}
            continue
        model = set(map(int, each.files["model.txt"].split()))
        for line in problem.splitlines()[1:]:
            assert model & set(map(int, line.split()[:-1]))


# The command.


def spm_run(*arguments: object, **options: object) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "spm", "run", *map(str, arguments)]
    settings = {"capture_output": True, "timeout": 120, "check": False, **options}
    return subprocess.run(command, **settings)


def test_the_command_passes_everything_on(build: Build) -> None:
    done = spm_run("--env", "A=1", build("told"), "--", "-x", "--env", input=b"abc\0\xff")
    assert (
        done.stdout == b"argument told.wasm\nargument -x\nargument --env\nvariable A=1\nABC\0\xff"
    )
    assert done.stderr == b"2 arguments\n"
    assert done.returncode == 2


def test_the_command_reads_and_writes_files(build: Build, tmp_path: Path) -> None:
    (tmp_path / "input.txt").write_text("given\n")
    (tmp_path / "empty").mkdir()
    (tmp_path / "stdin").write_bytes(b"abc")
    files = ["--file", f"given/input.txt={tmp_path}/input.txt", "--file", tmp_path / "empty"]
    more = ["--stdin", tmp_path / "stdin", "--out", tmp_path / "out", "--pool", "laptop:1"]
    done = spm_run(*files, *more, build("files"))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"all is right\n", b"")
    assert (tmp_path / "out/renamed/deep/result.txt").read_bytes() == b"done"


def test_the_command_says_what_goes_wrong(build: Build, tmp_path: Path) -> None:
    ends = build("ends")
    assert spm_run(ends, "exit", 42, input=b"").returncode == 42
    aborted = spm_run(ends, "abort", input=b"")
    assert aborted.returncode == 134
    assert b"ends.wasm" in aborted.stderr
    assert spm_run("--deadline", 0.3, ends, "loop", input=b"").returncode == 124
    assert spm_run(tmp_path / "none.wasm", input=b"").returncode == 127
    refused = spm_run(__file__, input=b"")
    assert refused.returncode == 126
    assert b"it is not WebAssembly" in refused.stderr
    assert spm_run("--pool", "nonsense", ends, input=b"").returncode == 1


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_output_streams_and_ctrl_c_stops_the_program(build: Build) -> None:
    command = [sys.executable, "-m", "spm", "run", "--stream", str(build("ends")), "loop"]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        watchdog = threading.Timer(60, running.kill)
        watchdog.start()
        assert running.stdout.readline() == b"begins\n"
        running.send_signal(signal.SIGINT)
        assert running.wait() == 130
        watchdog.cancel()


def test_python_scripts_run_as_programs_do(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import os, sys\n"
        "print(sys.argv[1:], os.environ['A'], sys.stdin.read(), __name__)\n"
        "def fail():\n    raise ValueError('no')\n"
        "if sys.argv[1] == 'fail':\n    fail()\n"
        "sys.exit(7)\n"
    )
    done = spm_run("--env", "A=1", "python", "--", script, "x", input="ä".encode())
    assert done.stdout.decode() == "['x'] 1 ä __main__\n"
    assert (done.returncode, done.stderr) == (7, b"")
    done = spm_run("--env", "A=1", "python", script, "fail", input=b"")
    assert done.returncode == 1
    assert b"in fail\n    raise ValueError('no')\nValueError: no" in done.stderr
    assert b"spm" not in done.stderr
    assert spm_run("python", input=b"").returncode == 1
