"""The programs of `pyperformance` run as closures of the `python` engine, and compute the same."""

import copy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import spm

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

from pyperformance_programs import PROGRAMS, Program, closure_of, plain, same

# On host processes, one of these many.
SAMPLED_EVERY = 5


@pytest.fixture(scope="module")
def serial() -> Iterator[spm.Pool]:
    with spm.serial() as made:
        yield made


@pytest.fixture(scope="module")
def processes() -> Iterator[spm.Pool]:
    with spm.laptop(2, processes=True) as made:
        yield made


def agree(pool: spm.Pool, program: Program) -> None:
    # The sandbox is first: some programs leave their module changed.
    found = pool.submit(closure_of(program), *copy.deepcopy(program.small)).result()
    assert same(found, plain(program, program.small)), program.name


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_a_program_runs_as_a_closure(serial: spm.Pool, program: Program) -> None:
    agree(serial, program)


@pytest.mark.parametrize("program", PROGRAMS[::SAMPLED_EVERY], ids=lambda program: program.name)
def test_a_program_runs_as_a_closure_on_a_host_process(
    processes: spm.Pool, program: Program
) -> None:
    agree(processes, program)


TOML = """
title = "a package that travels by content"
[owner]
born = 1979-05-27T07:32:00Z
scores = [1, 2.5, 0x10]
"""


def parse_with_a_package(text: str) -> Any:
    import tomli

    return tomli.loads(text)


def test_a_pure_python_package_travels_with_a_program(serial: spm.Pool) -> None:
    """The program `tomli_loads` parses with a package from PyPI."""
    import tomli

    closure = spm.wasm_closure(engine="python", include=[tomli])(parse_with_a_package)
    assert serial.submit(closure, TOML).result() == tomli.loads(TOML)


def test_there_are_programs_enough() -> None:
    assert len(PROGRAMS) >= 30
    assert len({program.name for program in PROGRAMS}) == len(PROGRAMS)


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (1.0, 1.0 + 1e-12, True),
        (1.0, 1.001, False),
        ([1.0, (2.0,)], [1.0, (2.0 + 1e-12,)], True),
        ([1.0], [1.0, 2.0], False),
        ([1], (1,), False),
        (1, 1.0, False),
        ("a", "a", True),
        (None, False, False),
    ],
)
def test_results_are_compared_with_their_types(one: Any, other: Any, equal: bool) -> None:
    assert same(one, other) is equal
