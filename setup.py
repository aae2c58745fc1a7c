"""What `pyproject.toml` cannot say: the `python` engine's component is made where it is missing."""

import subprocess
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
ENGINE = HERE / "python-bridge/python/spm/engines/python.wasm"
SOURCES = [*sorted(HERE.glob("python-engine/**/*.[pc]*")), HERE / "wit/closure.wit"]


class BuildWithEngine(build_py):
    """Copies the package, with the component in it."""

    def run(self) -> None:
        """Make the component if it is not there, or older than what it is made of."""
        newest = max(source.stat().st_mtime for source in SOURCES if source.suffix != ".pyc")
        if not ENGINE.exists() or ENGINE.stat().st_mtime < newest:
            subprocess.run([sys.executable, str(HERE / "python-engine/build.py")], check=True)
        super().run()


setup(cmdclass={"build_py": BuildWithEngine})
