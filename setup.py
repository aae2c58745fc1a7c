"""What `pyproject.toml` cannot say: parts of engines are made where they are missing."""

import subprocess
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
ENGINES = HERE / "python-bridge/python/spm/engines"
PARTS = {
    "python-engine/build.py": ENGINES / "python.wasm",
    "python-engine/scientific.py": ENGINES / "scientific/shim.wasm",
}
SOURCES = [
    *sorted(HERE.glob("python-engine/**/*.[pcwr]*")),
    HERE / "python-engine/optimizer/package-lock.json",
    HERE / "wit/closure.wit",
]


class BuildWithEngines(build_py):
    """Copies the package, with the parts of engines in it."""

    def run(self) -> None:
        """Make what is not there, or older than what it is made of."""
        newest = max(source.stat().st_mtime for source in SOURCES if source.suffix != ".pyc")
        for program, made in PARTS.items():
            if not made.exists() or made.stat().st_mtime < newest:
                subprocess.run([sys.executable, str(HERE / program)], check=True)
        super().run()


setup(cmdclass={"build_py": BuildWithEngines})
