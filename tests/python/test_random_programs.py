"""Programs made at random do in the sandbox what they do in CPython. `random_programs.py` makes many more by hand."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import spm

sys.path.insert(0, str(Path(__file__).parent))

import random_programs

PROGRAMS = 120
SEED = 2011


@pytest.fixture
def serial() -> Iterator[spm.Pool]:
    with spm.serial() as made:
        yield made


def test_programs_made_at_random_agree(serial: spm.Pool) -> None:
    random_programs.compare(serial, PROGRAMS, SEED)


def test_what_disagrees_is_shown_with_its_source(serial: spm.Pool) -> None:
    program = random_programs.Program("def f(x: int) -> int:\n    return x + 1\n", [(1,)])
    assert random_programs.difference(serial, program) is None
    # What it imports is another thing in the sandbox than here.
    source = "import time\n\n\ndef f(x: int) -> float:\n    return time.time()\n"
    found = random_programs.difference(serial, random_programs.Program(source, [(1,)]))
    assert found is not None
    assert source in found
    assert "in the sandbox" in found
