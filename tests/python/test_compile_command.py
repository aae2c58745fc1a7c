"""`spm compile` writes components that need nothing else: `spm.load` takes them, and so do other runtimes."""

import contextlib
import inspect
import io
import json
import linecache
import re
import sys
import traceback
from pathlib import Path
from typing import Any

import cbor2
import pytest
import wasmtime
import wasmtime.component

import spm
from spm import _spm
from spm._cli import main
from spm._guest_module import Described

sys.path.insert(0, str(Path(__file__).parent))

from rust_guests import ROOT, example

APP = '''\
import math
import spm

SCALE = 3
NAMES = ("zero", "one")

@spm.wasm_closure
def quotient(a: int, b: int = 2) -> int:
    """The quotient.

    Rounded down.
    """
    return a // b

def area(radius: float, *, factor: float = 1.0) -> float:
    return half(math.pi * radius * radius * factor) * 2

def half(x: float) -> float:
    return x / 2

def counted(text: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for word in text.split():
        counts[word] = counts.get(word, 0) + SCALE
    return counts

def everything(
    a: None, b: bool, c: bytes, d: list[tuple[int, str]], e: set[int], f: dict[str, float],
    g: tuple[int, ...], h: int | str | None,
) -> tuple[None, bool, bytes, list[tuple[int, str]], set[int], dict[str, float], tuple[int, ...], int | str | None]:
    return a, b, c, d, e, f, g, h

def nothing() -> str:
    return NAMES[1]

def says(n: int) -> int:
    print("n is", n)
    return spm.task.index

def defaults(a: int, b: tuple[int, str] = (1, "x"), c: float = float("inf"), d: bytes = b"z") -> str:
    return f"{a} {b} {c} {d!r}"

def untyped(a):
    return a

def variadic(*numbers: int) -> int:
    return sum(numbers)

@spm.wasm_closure(engine="python")
def interpreted(a: int) -> int:
    return a

def dynamic(a: int) -> object:
    return eval("a")
'''


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("app") / "app_to_compile.py"
    path.write_text(APP)
    return path


@pytest.fixture(scope="module")
def plain(app: Path) -> dict[str, Any]:
    namespace: dict[str, Any] = {"__name__": "plain"}
    exec(compile(APP, str(app), "exec"), namespace)
    return namespace


def command(*arguments: str) -> tuple[int, str]:
    err = io.StringIO()
    with contextlib.redirect_stderr(err):
        status = main(arguments)
    return status, err.getvalue()


def compiled(app: Path, name: str) -> Path:
    path = app.parent / f"{name}.wasm"
    assert command("compile", f"{app}:{name}", "-o", str(path)) == (0, "")
    return path


CALLS = {
    "quotient": [(7, 2), (-7, 2), (9,)],
    "area": [(1.5,), (0.0,)],
    "counted": [("a b a",), ("",)],
    "everything": [
        (None, True, b"\xff", [(1, "a")], {3, 1}, {"x": 0.5}, (), None),
        (None, False, b"", [], set(), {}, (1, 2, 3), "h"),
    ],
    "nothing": [()],
    "defaults": [(1,), (1, (2, "y"), 0.5, b"w")],
}


@pytest.mark.parametrize("name", sorted(CALLS))
def test_a_file_computes_what_the_function_does(
    app: Path, plain: dict[str, Any], pool: spm.Pool, name: str
) -> None:
    loaded = spm.load(compiled(app, name))
    function = inspect.unwrap(plain[name])
    for row in CALLS[name]:
        found = pool.submit(loaded, *row).result()
        expected = function(*row)
        assert (type(found), found) == (type(expected), expected)


def test_a_loaded_file_looks_like_the_function(app: Path) -> None:
    loaded = spm.load(compiled(app, "quotient"))
    assert loaded.__name__ == "quotient"
    assert inspect.getdoc(loaded) == "The quotient.\n\nRounded down."
    assert str(inspect.signature(loaded)) == "(a: int, b: int = 2) -> int"
    assert "return a // b" in loaded.source
    assert loaded.explain().startswith(
        "`quotient` runs in the `guest` engine: def quotient(a: int, b: int = 2) -> int\n"
    )
    assert loaded(9) == 4
    assert loaded(b=3, a=9) == 3
    area = spm.load(compiled(app, "area"))
    assert area(1.0, factor=2.0) == 2 * area(1.0)
    kinds = [parameter.kind for parameter in inspect.signature(area).parameters.values()]
    assert kinds == [inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY]
    with pytest.raises(TypeError, match="too many positional arguments"):
        area(1.0, 2.0)


def test_tracebacks_show_the_lines_of_the_source(app: Path, pool: spm.Pool) -> None:
    loaded = spm.load(compiled(app, "quotient"))
    with pytest.raises(ZeroDivisionError) as caught:
        pool.submit(loaded, 1, 0).result()
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert (last.filename, last.name, last.line) == (str(app), "quotient", "return a // b")
    assert last.lineno == APP.splitlines().index("    return a // b") + 1


def test_tracebacks_have_their_lines_without_the_source(tmp_path: Path) -> None:
    app = tmp_path / "gone.py"
    app.write_text("def f(xs: list[int]) -> int:\n    return xs[3]\n")
    loaded = spm.load(compiled(app, "f"))
    app.unlink()
    linecache.clearcache()  # as in another process
    with pytest.raises(IndexError) as caught:
        loaded([1])
    shown = "".join(traceback.format_exception(caught.value))
    assert f'File "{app}", line 2, in f\n    return xs[3]\n' in shown


def test_endless_loops_stop_with_their_line(tmp_path: Path) -> None:
    app = tmp_path / "endless.py"
    app.write_text("def f(n: int) -> int:\n    while n:\n        n ^= 2\n    return n\n")
    loaded = spm.load(compiled(app, "f"), deadline_s=0.2)
    with pytest.raises(spm.DeadlineExceeded) as caught:
        loaded(1)
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert (last.filename, last.name) == (str(app), "f")
    assert last.lineno in (2, 3)


def test_what_leaves_the_compiled_types_is_told(app: Path, pool: spm.Pool) -> None:
    loaded = spm.load(compiled(app, "quotient"))
    for wrong in ("7", 1.5, 2**64, [1]):
        with pytest.raises(spm.CompileError, match="argument `a` of `quotient`"):
            pool.submit(loaded, wrong).result()
    with pytest.raises(OverflowError, match="64-bit"):
        pool.submit(loaded, -(2**63), -1).result()
    with pytest.raises(TypeError, match="missing a required argument"):
        pool.submit(loaded)


def test_output_and_the_task_are_there(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loaded = spm.load(compiled(app, "says"))
    with spm.laptop(2) as pool:
        assert list(pool.map(loaded, [5, 6])) == [0, 1]
    assert sorted(capsys.readouterr().out.splitlines()) == ["n is 5", "n is 6"]


def test_managers_take_it(app: Path) -> None:
    loaded = spm.load(compiled(app, "quotient"))
    with spm.serial() as pool:
        assert spm.List(pool, loaded, on_error="collect").run([8, 9], [2, 4]) == [4, 2]
        dag = spm.Dag(pool)
        node = dag.add(loaded, dag.add(loaded, 100, 5), 3)
        dag.run()
        assert node.result() == 6


def test_another_runtime_runs_it(app: Path, plain: dict[str, Any]) -> None:
    engine = wasmtime.Engine()
    for name in ["quotient", "counted", "nothing"]:
        store = wasmtime.Store(engine)
        component = wasmtime.component.Component(engine, compiled(app, name).read_bytes())
        instance = wasmtime.component.Linker(engine).instantiate(store, component)
        call = instance.get_func(store, "call")
        assert call is not None
        for row in CALLS[name]:
            function = plain[name].__wrapped__ if name == "quotient" else plain[name]
            bound = inspect.signature(function).bind(*row)
            bound.apply_defaults()
            result = call(store, cbor2.dumps(list(bound.args)))
            assert (result.tag, cbor2.loads(bytes(result.payload))) == ("ok", function(*row))
            call.post_return(store)


def test_the_same_source_makes_the_same_file(app: Path) -> None:
    assert compiled(app, "defaults").read_bytes() == compiled(app, "defaults").read_bytes()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("untyped", "parameter `a` of `untyped` has no annotation"),
        ("interpreted", "is for the `python` engine, as `engine=` says"),
        ("dynamic", "cannot be compiled: "),
        ("variadic", "takes any number of arguments by `numbers`"),
        ("missing", "has no `missing`"),
        ("SCALE", "is no function but 3"),
    ],
)
def test_what_cannot_be_a_file_is_refused_and_nothing_is_written(
    app: Path, tmp_path: Path, name: str, why: str
) -> None:
    path = tmp_path / "out.wasm"
    path.write_bytes(b"kept")
    status, err = command("compile", f"{app}:{name}", "-o", str(path))
    assert status == 126
    assert why in err
    if name in ("untyped", "interpreted", "dynamic"):
        assert "Only the `native` engine makes a component that needs nothing else" in err
    assert path.read_bytes() == b"kept"
    assert [file.name for file in tmp_path.iterdir()] == ["out.wasm"]


def test_where_nothing_can_be_written_is_told(app: Path, tmp_path: Path) -> None:
    status, err = command("compile", f"{app}:nothing", "-o", str(tmp_path / "none/out.wasm"))
    assert status == 127
    assert "No such file or directory" in err
    status, err = command("compile", f"{app}:nothing", "-o", str(tmp_path))
    assert status == 1
    assert list(tmp_path.iterdir()) == []


def test_a_core_module_becomes_a_component(tmp_path: Path, pool: spm.Pool) -> None:
    path = tmp_path / "stats.wasm"
    assert command("compile", str(example()), "-o", str(path)) == (0, "")
    assert path.read_bytes() == spm.load(example()).component()
    loaded = spm.load(path)
    assert pool.submit(loaded, "a", [1.0, 2.0]).result()["mean"] == 1.5
    status, err = command("compile", str(path), "-o", str(tmp_path / "again.wasm"))
    assert status == 126
    assert "is a component already" in err


def test_other_core_modules_are_refused(tmp_path: Path) -> None:
    lines = tmp_path / "lines.wasm"
    lines.write_bytes(_spm.add_section(example().read_bytes(), "spm:lines", b"\xff"))
    cut = tmp_path / "cut.wasm"
    cut.write_bytes(example().read_bytes()[:-10])
    program = tmp_path / "program.wasm"
    program.write_bytes(wasmtime.wat2wasm('(module (func (export "_start")))'))
    for path, why in [
        (lines, "a section `spm:lines` is for what was compiled from Python"),
        (cut, "is broken"),
        (program, "is a program, not a closure: run it with `spm run"),
    ]:
        status, err = command("compile", str(path), "-o", str(tmp_path / "out.wasm"))
        assert (status, (tmp_path / "out.wasm").exists()) == (126, False)
        assert why in err


def test_descriptions_come_back_as_they_were() -> None:
    defaults = {"a": (1, b"x", {"k": {2}}), "b": float("-inf"), "c": None, "d": 2**70}
    parameters = [("a", "object"), ("b", "float"), ("c", "None"), ("d", "int")]
    made = Described("f", None, "def f(): ...", parameters, "int | None", defaults, ["d"])
    again = Described.read(made.section())
    assert again == made
    assert json.loads(made.section())["doc"] == ""


def test_the_page_about_files_is_true(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "docs/components.md").read_text()
    own, other = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    Path("app.py").write_text(APP)
    shell = re.search(r"^\$ spm (compile app\.py.*?) +#", page, re.MULTILINE)
    assert shell is not None
    assert main(shell[1].split()) == 0
    found: dict[str, Any] = {"spm": spm, "wasmtime": wasmtime, "cbor2": cbor2, "Path": Path}
    exec(own, found)
    exec(other, found)
    assert capsys.readouterr().out == "ok 3\n"


MANAGED = """\
import spm

def tree(depth: int, value: float) -> float:
    spm.task.improve(value)
    if depth:
        spm.task.spawn(depth - 1, value / 2)
        spm.task.spawn(depth - 1, value + 1, priority=1.0)
    return value

def norm(n: int) -> float:
    return spm.team.allreduce(sum([x * x for x in range(spm.team.rank, n, spm.team.size)])) ** 0.5

def asks(n: int) -> int:
    answer: int = spm.hub.ask(n)
    return answer + n
"""


@pytest.fixture(scope="module")
def managed_app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("managed") / "managed_to_compile.py"
    path.write_text(MANAGED)
    return path


def test_every_manager_but_one_takes_it(managed_app: Path, pool: spm.Pool) -> None:
    tree = spm.load(compiled(managed_app, "tree"))
    found = spm.Template(pool, tree).run([3], [8.0])
    assert len(found) == 15
    assert min(found) == 1.0
    asks = spm.load(compiled(managed_app, "asks"))
    assert spm.Farm(pool, asks, lambda task, n: n * 10).run([1, 2, 3]) == [11, 22, 33]
    norm = spm.load(compiled(managed_app, "norm"))
    assert spm.Team(pool, norm, size=2).run(4) == [14**0.5] * 2


def test_arguments_that_do_not_fit_are_told_in_a_run(app: Path, pool: spm.Pool) -> None:
    loaded = spm.load(compiled(app, "quotient"))
    with pytest.raises(spm.CompileError, match="argument `a` of `quotient` is `str`"):
        spm.List(pool, loaded).run([4, "x", 6])
    with pytest.raises(spm.CompileError, match="argument `a` of `quotient` is `float`"):
        list(pool.map(loaded, [1, 2.5]))
    dag = spm.Dag(pool)
    node = dag.add(loaded, dag.add(len, "abc"), 2)
    wrong = dag.add(loaded, dag.add(str, "abc"), 2)
    with pytest.raises((spm.TaskFailures, spm.CompileError, TypeError)) as caught:
        dag.run(node, wrong)
    assert "compiled for" in repr(caught.value)
    assert node.result() == 1
