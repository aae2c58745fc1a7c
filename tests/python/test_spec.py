"""The specification of the compiled language (`compiler/spec/`) is true in CPython, and in both engines."""

import ast
import linecache
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import spm

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "compiler/spec"))

import render

BLOCK = re.compile(r"^```python ?(?P<kind>[a-z]*)\n(?P<source>.*?)^```$", re.M | re.S)
RAISED = re.compile(r"(?<=Error): .*")
EXPECTED = re.compile(r".*?\)\s*#\s+(?P<said>.+)$")


@dataclass(frozen=True)
class Block:
    """Definitions, and calls with what they give."""

    place: str
    kind: str
    source: str


def blocks() -> Iterator[Block]:
    for page in render.pages():
        text = page.read_text(encoding="utf-8")
        for found in BLOCK.finditer(text):
            line = text.count("\n", 0, found.start()) + 1
            yield Block(f"{page.stem}:{line}", found["kind"], found["source"])


BLOCKS = list(blocks())


def calls(block: Block) -> Iterator[tuple[ast.Call, str]]:
    """The calls of a block, with what is behind them."""
    lines = block.source.splitlines()
    for statement in ast.parse(block.source).body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            said = EXPECTED.match(lines[statement.lineno - 1])
            assert said, f"{block.place}: {lines[statement.lineno - 1]} says no result"
            yield statement.value, said["said"]


def definitions(block: Block) -> dict[str, Any]:
    """Run what is not a call, as a module of its own."""
    tree = ast.parse(block.source)
    tree.body = [it for it in tree.body if not isinstance(it, ast.Expr)]
    file = f"<{block.place}>"
    lines = block.source.splitlines(keepends=True)
    linecache.cache[file] = (len(block.source), None, lines, file)
    module = ModuleType(f"spec_{re.sub('[^a-z0-9]', '_', block.place)}")
    # Dataclasses look for the module of their class.
    sys.modules[module.__name__] = module
    exec(compile(tree, file, "exec"), module.__dict__)
    return module.__dict__


def said(call: Callable[[], Any]) -> str:
    try:
        return repr(call())
    except Exception as error:
        kind = getattr(type(error), "__spm_original__", type(error))
        return f"{kind.__name__}: {error}"


def told(block: Block, run: Callable[..., Any]) -> list[str]:
    """What the calls of a block give where `run` runs them."""
    found = []
    for call, _ in calls(block):
        names = definitions(block)
        file = f"<{block.place}>"

        def value(node: ast.expr, names: dict[str, Any] = names, file: str = file) -> Any:
            return eval(compile(ast.Expression(node), file, "eval"), names)

        function, args = value(call.func), [value(arg) for arg in call.args]
        found.append(said(lambda function=function, args=args: run(function, *args)))
    return found


@pytest.fixture(scope="module")
def serial() -> Iterator[spm.Pool]:
    with spm.serial() as made:
        yield made


def engine(pool: spm.Pool, name: str) -> Callable[..., Any]:
    def run(function: Callable[..., Any], *args: Any) -> Any:
        return pool.submit(spm.wasm_closure(engine=name)(function), *args).result()

    return run


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.place)
def test_the_specification_is_what_cpython_does(block: Block) -> None:
    expected = [said for _, said in calls(block)]
    assert expected, "a block has a call"
    assert told(block, lambda function, *args: function(*args)) == expected


@pytest.mark.parametrize(
    "block", [it for it in BLOCKS if it.kind == ""], ids=lambda block: block.place
)
def test_compiled_code_does_it(serial: spm.Pool, block: Block) -> None:
    assert told(block, engine(serial, "native")) == [said for _, said in calls(block)]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.place)
def test_the_python_engine_does_it(serial: spm.Pool, block: Block) -> None:
    # It is another CPython, which words some errors otherwise.
    found = [RAISED.sub("", text) for text in told(block, engine(serial, "python"))]
    assert found == [RAISED.sub("", said) for _, said in calls(block)]


@pytest.mark.parametrize(
    "block", [it for it in BLOCKS if it.kind == "leaves"], ids=lambda block: block.place
)
def test_what_leaves_compiled_code_is_told_or_run_again(serial: spm.Pool, block: Block) -> None:
    for text in told(block, engine(serial, "native")):
        assert re.match("OverflowError: .*64-bit", text)
    with pytest.warns(spm.DeoptWarning):
        assert told(block, engine(serial, "auto")) == [said for _, said in calls(block)]


@pytest.mark.parametrize(
    "block", [it for it in BLOCKS if it.kind == "refused"], ids=lambda block: block.place
)
def test_what_is_not_compiled_is_said(serial: spm.Pool, block: Block) -> None:
    for text in told(block, engine(serial, "native")):
        assert text.startswith("CompileError: ")
    assert told(block, engine(serial, "auto")) == [said for _, said in calls(block)]


def test_the_page_is_made_of_the_specification() -> None:
    found = render.RENDERED.read_text(encoding="utf-8")
    assert found == render.rendered(), "run `python compiler/spec/render.py`"
