"""The package: what it offers, and what belongs to it."""

import subprocess
import sys
import types
from pathlib import Path

import pytest

import spm
from spm import _runtime


def test_all_is_the_public_surface() -> None:
    public = {
        name
        for name, value in vars(spm).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    assert set(spm.__all__) - {"__version__"} == public - {"annotations"}
    assert sorted(spm.__all__) == list(spm.__all__)


def test_types_are_shipped() -> None:
    folder = Path(spm.__file__).parent
    assert (folder / "py.typed").exists()
    assert (folder / "_spm.pyi").exists()


def test_the_host_program_is_found_and_is_of_this_version() -> None:
    done = subprocess.run(
        [_runtime.host_program(), "--version"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.split() == ["spm-host", spm.__version__]


def test_the_host_program_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPM_HOST", "/elsewhere/spm-host")
    assert _runtime.host_program() == "/elsewhere/spm-host"
    with pytest.raises(OSError, match="No such file"):
        spm.laptop(1, processes=True)


def test_a_host_that_does_not_start_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "broken"
    program.write_text("#!/bin/sh\necho no luck >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("SPM_HOST", str(program))
    with pytest.raises(spm.NoHosts, match="no luck"):
        spm.laptop(2, processes=True)


def test_importing_spm_is_light() -> None:
    code = "import sys, spm; print('numpy' in sys.modules, 'asyncio' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "False False\n"
