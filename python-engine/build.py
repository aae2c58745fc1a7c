"""Makes the `python` engine's component: CPython with the standard library and `spm_guest`.

    python python-engine/build.py [OUTPUT]

componentize-py links CPython for the world in `wit/closure.wit`, imports `spm_component` in it, and
keeps the memory it has then: what every task begins from.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
OUTPUT = HERE.parent / "python-bridge/python/spm/engines/python.wasm"


def build(output: Path) -> None:
    """Make the component."""
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "python.wasm"
        subprocess.run(
            [
                sys.executable,
                "-c",
                "import sys, componentize_py; sys.exit(componentize_py.script())",
                *("--quiet", "--wit-path", str(HERE.parent / "wit"), "--world", "closure"),
                *("componentize", "spm_component"),
                *("--python-path", str(HERE / "guest"), "--output", str(made)),
            ],
            check=True,
        )
        output.write_bytes(made.read_bytes())


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("output", nargs="?", type=Path, default=OUTPUT)
    build(parser.parse_args().output)


if __name__ == "__main__":
    main()
