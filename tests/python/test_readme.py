"""The programs of the README and of the guide to task managers run, and print what their comments say."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = {
    f"{page}-{number}": program
    for page in ("README.md", "docs/managers.md")
    for number, program in enumerate(
        re.findall(
            r"^```python\n(.*?)^```",
            (ROOT / page).read_text(encoding="utf-8"),
            re.MULTILINE | re.DOTALL,
        )
    )
}


def test_there_are_programs() -> None:
    assert sum(name.startswith("README") for name in PROGRAMS) >= 3
    assert sum(name.startswith("docs/managers") for name in PROGRAMS) >= 6


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name: str, tmp_path: Path) -> None:
    program = PROGRAMS[name]
    expected = re.findall(r"print\(.*\)\s+# (.*)$", program, re.MULTILINE)
    assert expected, "the program says what it prints"
    path = tmp_path / "program.py"
    path.write_text(program, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == expected
