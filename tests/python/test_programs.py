"""Small programs of the kind people write first do in a sandbox what they do in CPython."""

import copy
import sys
from pathlib import Path
from typing import Any

import pytest

import spm

sys.path.insert(0, str(Path(__file__).parent))

from native_programs import PROGRAMS


def outcome(call: Any) -> Any:
    try:
        return repr(call())
    except Exception as error:
        return repr(getattr(type(error), "__spm_original__", type(error))(*error.args))


@pytest.fixture(scope="module")
def serial() -> Any:
    with spm.serial() as pool:
        yield pool


@pytest.mark.parametrize(
    ("function", "args"),
    PROGRAMS,
    ids=[f"{function.__name__}-{number}" for number, (function, _) in enumerate(PROGRAMS)],
)
def test_small_programs_agree_with_cpython(
    serial: spm.Pool, function: Any, args: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = outcome(lambda: function(*copy.deepcopy(args)))
    printed = capsys.readouterr().out
    assert outcome(lambda: serial.submit(function, *copy.deepcopy(args)).result()) == expected
    assert capsys.readouterr().out == printed
