"""Pools of every kind, and Python processes to look at from outside."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import spm

KINDS = {
    "serial": spm.serial,
    "laptop": lambda: spm.laptop(2),
    "processes": lambda: spm.laptop(2, processes=True),
}
MANAGER_KINDS = {"plain": lambda: spm.serial(sandbox=False), **KINDS}
CHILD_TIMEOUT_S = 120


@pytest.fixture(params=list(KINDS))
def pool(request: pytest.FixtureRequest) -> Iterator[spm.Pool]:
    """Each kind of pool in turn: the same test has to pass on all."""
    with KINDS[request.param]() as made:
        yield made


@pytest.fixture(params=list(MANAGER_KINDS))
def managed(request: pytest.FixtureRequest) -> Iterator[spm.Pool]:
    """Each kind of pool, and plain Python: every task manager does the same on all."""
    with MANAGER_KINDS[request.param]() as made:
        yield made


@pytest.fixture
def plain() -> Iterator[spm.Pool]:
    with spm.serial(sandbox=False) as made:
        yield made


@pytest.fixture(params=["laptop", "processes"])
def parallel(request: pytest.FixtureRequest) -> Iterator[spm.Pool]:
    """Pools whose tasks run beside the test."""
    with KINDS[request.param]() as made:
        yield made


@pytest.fixture(scope="module")
def laptop() -> Iterator[spm.Pool]:
    with spm.laptop(2) as made:
        yield made


Script = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Runs a script in a process of its own; fails if it hangs."""

    def run(
        source: str, *, env: dict[str, str] | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        path = tmp_path / "script.py"
        path.write_text(textwrap.dedent(source))
        done = subprocess.run(
            [sys.executable, str(path)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=CHILD_TIMEOUT_S,
            env={**os.environ, **(env or {})},
            check=False,
        )
        if check:
            assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done

    return run
