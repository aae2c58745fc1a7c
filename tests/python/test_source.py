"""Where closures find their source, and that it is never other code."""

import functools
import importlib.util
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

import spm
from spm._source import locate


def load(path: Path, name: str = "user_module") -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "user_module.py"
    path.write_text(textwrap.dedent(text))
    return path


def decorated(value: int) -> Any:
    def decorate(function: Any) -> Any:
        return function

    return decorate


@decorated(
    1,
)
@decorated(2)
def with_decorators(x: int, *, y: str = "a") -> int:
    """Multi-line
    docstring."""
    return x


class Outer:
    class Inner:
        def method(self) -> str:
            return """
    kept
        as it is"""

    def __private(self) -> int:
        return self.__private()  # mangled


def makes_closures(n: int) -> Any:
    def inner(x: int) -> int:
        return sum([n + y for y in range(x)])

    return inner


def test_decorators_and_docstrings_belong_to_the_source() -> None:
    source = locate(with_decorators)
    assert source.text.startswith("@decorated(\n    1,\n)\n@decorated(2)\ndef with_decorators(")
    assert source.text.endswith("    return x\n")
    assert source.column == 0
    assert source.file == __file__
    assert source.first_line == with_decorators.__code__.co_firstlineno


def test_methods_are_dedented_but_not_within_strings() -> None:
    source = locate(Outer.Inner.method)
    assert source.text == (
        'def method(self) -> str:\n    return """\n    kept\n        as it is"""\n'
    )
    assert source.column == 8


def test_private_names_and_nested_functions_are_found() -> None:
    assert "__private" in locate(Outer._Outer__private).text  # type: ignore[attr-defined]
    assert locate(makes_closures(3)).text.startswith("def inner(x: int)")


def test_functions_with_asserts_are_found_in_a_module_that_pytest_rewrote() -> None:
    def checked(x: int) -> int:
        assert x > 0, "must be positive"
        return x

    assert "@pytest_ar" in globals()
    assert 'assert x > 0, "must be positive"' in locate(checked).text


# fmt: off
def test_lambdas_are_cut_out_of_their_line() -> None:
    simple = lambda x: x + 1
    called = functools.partial(lambda a, b=(1, 2): (a, b), 1)
    assert locate(simple).text == "lambda x: x + 1"
    assert locate(simple).column == 13
    assert locate(called.func).text == "lambda a, b=(1, 2): (a, b)"


def test_a_lambda_over_several_lines_keeps_its_lines_and_columns() -> None:
    long = (
        lambda a:
        a + 1
    )
    source = locate(long)
    assert source.text == "lambda a:\\\n        a + 1"
    assert source.column == 8
    assert eval(source.text)(1) == 2
    bracketed = lambda a: [
        a,
    ]
    assert locate(bracketed).text == "lambda a: [\n        a,\n    ]"


def test_a_lambda_that_only_its_brackets_hold_together_is_refused() -> None:
    commented = (
        lambda a:  # why
        a + 1
    )
    with pytest.raises(spm.CompileError, match="cannot be taken out of its brackets"):
        locate(commented)


def test_a_lambda_within_a_lambda_is_told_apart() -> None:
    outer = lambda x: (lambda y: y + x)
    assert locate(outer).text == "lambda x: (lambda y: y + x)"
    assert locate(outer(1)).text == "lambda y: y + x"
# fmt: on


def test_two_lambdas_on_a_line_are_an_error() -> None:
    first, second = lambda x: x + 1, lambda x: x + 2
    for function in (first, second):
        with pytest.raises(spm.CompileError, match=r"has 2 lambdas.*name with `def`"):
            locate(function)


@pytest.mark.parametrize(
    "edit",
    [
        ("x + 1", "x + 2"),
        ("x + 1", "x - 1"),
        ("x: int", "y: int"),
        ("sqrt(4.0)", "sqrt(9.0)"),
        ("f(x", "g(x"),
    ],
    ids=["constant", "operator", "parameter", "global", "name"],
)
def test_an_edited_function_is_an_error(tmp_path: Path, edit: tuple[str, str]) -> None:
    path = written(
        tmp_path,
        """
        from math import sqrt

        def f(x: int) -> float:
            return x + 1 + sqrt(4.0)
        """,
    )
    function = load(path).f
    assert "x + 1" in locate(function).text
    path.write_text(path.read_text().replace(*edit))
    os.utime(path, (1, 1))
    with pytest.raises(spm.CompileError, match="edited after it was imported"):
        locate(function)


def test_an_edit_elsewhere_in_the_file_is_harmless(tmp_path: Path) -> None:
    path = written(tmp_path, "def f(x):\n    return x + 1\n")
    function = load(path).f
    path.write_text("# a new first line\n\n" + path.read_text())
    os.utime(path, (1, 1))
    source = locate(function)
    assert source.text == "def f(x):\n    return x + 1\n"
    assert source.first_line == 3


def test_a_file_that_is_broken_or_gone_says_so(tmp_path: Path) -> None:
    path = written(tmp_path, "def f(x):\n    return x + 1\n")
    function = load(path).f
    path.write_text("def f(:\n")
    os.utime(path, (1, 1))
    with pytest.raises(spm.CompileError, match="edited after it was imported"):
        locate(function)
    path.unlink()
    with pytest.raises(spm.CompileError, match=r"has no source: .* cannot be read"):
        locate(function)


def test_constants_of_equal_value_and_other_type_are_other_code(tmp_path: Path) -> None:
    path = written(tmp_path, "def f():\n    return (1, 0.0)\n")
    function = load(path).f
    for other in ("(1.0, 0.0)", "(True, 0.0)", "(1, -0.0)"):
        path.write_text(f"def f():\n    return {other}\n")
        os.utime(path, (len(other), len(other)))
        with pytest.raises(spm.CompileError, match="edited"):
            locate(function)


def test_code_made_by_exec_has_no_source() -> None:
    namespace: dict[str, Any] = {}
    exec("def made(): return 1", namespace)
    function = namespace["made"]
    assert isinstance(function, FunctionType)
    with pytest.raises(spm.CompileError, match="`made` has no source: it was made by `exec`"):
        locate(function)


PROGRAM = """
import spm
from spm._source import locate

@spm.wasm_closure
def f(x: int) -> int:
    return x + 1

print(f.source)
"""


@pytest.mark.parametrize(
    "flags", [[], ["-I"], ["-W", "ignore"], ["-O"]], ids=lambda flags: "".join(flags) or "plain"
)
def test_python_dash_c_works(flags: list[str]) -> None:
    path = str(Path(spm.__file__).parents[1])
    program = f"import sys; sys.path.insert(0, {path!r})\n{PROGRAM}"
    command = [sys.executable, *flags, "-c", program]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout == "@spm.wasm_closure\ndef f(x: int) -> int:\n    return x + 1\n\n"


def test_a_script_and_its_imports_work(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("def double(x):\n    return 2 * x\n")
    script = tmp_path / "script.py"
    script.write_text(PROGRAM + "import helper\nprint(locate(helper.double).text)\n")
    environment = {**os.environ, "PYTHONPATH": str(Path(spm.__file__).parents[1])}
    run = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=True, env=environment
    )
    assert "return x + 1" in run.stdout
    assert "return 2 * x" in run.stdout


def test_standard_input_says_that_there_is_no_source() -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(spm.__file__).parents[1])}
    run = subprocess.run(
        [sys.executable, "-"], input=PROGRAM, capture_output=True, text=True, env=environment
    )
    assert "`f` has no source" in run.stderr
    assert "into a file or a notebook, or use the prompt of Python 3.13" in run.stderr


def test_notebook_cells_work() -> None:
    interactive = pytest.importorskip("IPython.core.interactiveshell")
    shell = interactive.InteractiveShell.instance()
    try:
        shell.run_cell("import spm\nn = 3\n%time pass").raise_error()
        shell.run_cell(
            "@spm.wasm_closure\ndef cell(x: int) -> int:\n    return x + n\ntext = cell.source"
        ).raise_error()
        assert shell.user_ns["text"].endswith("    return x + n\n")
        shell.run_cell(
            "@spm.wasm_closure\ndef cell(x: int) -> int:\n    return x - n"
        ).raise_error()
        shell.run_cell("again = cell.source").raise_error()
        assert shell.user_ns["again"].endswith("    return x - n\n")
    finally:
        interactive.InteractiveShell.clear_instance()
