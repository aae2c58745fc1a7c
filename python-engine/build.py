"""Makes the `python` engine's component: CPython with its standard library, and `spm_guest`.

    python python-engine/build.py [OUTPUT]

componentize-py links CPython for the world in `wit/closure.wit`, imports `spm_component` in it, and
keeps the memory it has then: what every task begins from. `spm-fuse` (`python-engine/fuse`) makes
one module of the libraries that it was linked of, and `optimize` makes that quicker. Beside the
component go the licences of what is in it. Nothing is downloaded but what cargo and npm have not yet.

The same sources make the same bytes, on Linux with a C compiler (`still.c` says how); elsewhere the
component is as good, but no two are equal.
"""

import argparse
import os
import platform
import subprocess
import sys
import sysconfig
import tempfile
from importlib.metadata import distribution
from pathlib import Path

import wasmtime

from optimize import optimize

HERE = Path(__file__).resolve().parent
WIT = HERE.parent / "wit"
OUTPUT = HERE.parent / "python-bridge/python/spm/engines/python.wasm"
VERSION = "0.25.1"
# Memory without a disk lists its files in an order of its own making, not of a disk's.
SCRATCH = Path("/dev/shm")  # noqa: S108
TIMEOUT_S = 600
# What the file name of an extension module ends with.
EXTENSION = ".cpython-314-wasm32-wasi.so"


def build(output: Path) -> None:
    """Make the component and its licences."""
    found = distribution("componentize-py").version
    if found != VERSION:
        sys.exit(f"componentize-py {VERSION} is wanted, and {found} is installed")
    output.parent.mkdir(parents=True, exist_ok=True)
    scratch = SCRATCH if os.access(SCRATCH, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="spm", dir=scratch) as name:
        folder = Path(name)
        guest = folder / "guest"
        for source in sorted(HERE.glob("guest/**/*.py")):
            copy = guest / source.relative_to(HERE / "guest")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(source.read_bytes())
        memory = wasmtime.wat2wasm((HERE / "memory.wat").read_text(encoding="utf-8"))
        (guest / f"spm_memory{EXTENSION}").write_bytes(memory)
        # An environment without packages: those of the one that builds are not the guest's.
        (folder / "environment/lib/python3/site-packages").mkdir(parents=True)
        (folder / "tmp").mkdir()
        environment = {
            **os.environ,
            "VIRTUAL_ENV": str(folder / "environment"),
            "TMPDIR": str(folder / "tmp"),
            **_still(folder),
        }
        made = folder / "python.wasm"
        run = subprocess.run(
            [
                sys.executable,
                "-c",
                "import sys, componentize_py; sys.exit(componentize_py.script())",
                *("--quiet", "--wit-path", str(WIT), "--world", "closure"),
                *("componentize", "spm_component", "--python-path", str(guest)),
                *("--output", str(made)),
            ],
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        if run.returncode != 0:
            sys.exit(f"componentize-py failed ({run.returncode}):\n{run.stdout}{run.stderr}")
        # Whoever looks finds a whole file or none.
        whole = output.with_suffix(".new")
        _fuse(made, whole)
        whole.replace(output)
    output.with_suffix(".licences.txt").write_text(_licences(), encoding="utf-8")


def _fuse(made: Path, output: Path) -> None:
    """Make one core module of the component's libraries (`fuse` says why), and optimize its code."""
    code = made.with_name("code.wasm")
    _run_fuse("code", made, code)
    code.write_bytes(optimize(code.read_bytes()))
    _run_fuse("component", made, code, output)


def _run_fuse(*arguments: str | Path) -> None:
    """Run the program, which is built of this source tree, unless `SPM_FUSE` names it."""
    cargo = (os.environ.get("CARGO", "cargo"), "run", "--release", "--locked", "--quiet")
    named = os.environ.get("SPM_FUSE")
    program = [named] if named else [*cargo, "--package", "spm-fuse", "--"]
    command = [*program, *map(str, arguments)]
    run = subprocess.run(
        command, cwd=HERE.parent, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    if run.returncode != 0:
        sys.exit(f"the component cannot be fused ({run.returncode}):\n{run.stdout}{run.stderr}")


def _still(folder: Path) -> dict[str, str]:
    """Compile what keeps time, chance and inodes out of the build; say so if it cannot be."""
    library = folder / "still.so"
    compiler = os.environ.get("CC", "cc")
    machine = platform.machine()
    if sys.platform != "linux" or machine not in {"x86_64", "aarch64"}:
        return {}
    source = str(HERE / "still.c")
    try:
        subprocess.run(
            [*compiler.split(), "-shared", "-fPIC", "-O1", "-o", str(library), source],
            capture_output=True,
            check=True,
            timeout=TIMEOUT_S,
        )
    except (OSError, subprocess.SubprocessError) as error:
        print(f"python.wasm will differ from build to build: {error}", file=sys.stderr)  # noqa: T201
        return {}
    return {"LD_PRELOAD": str(library)}


def _licences() -> str:
    """Gather the licences of what is in the component, from what is installed."""
    tool = distribution("componentize-py")
    texts = [
        tool.read_text("licenses/LICENSE"),
        _cpython_licence(),
    ]
    if None in texts:
        sys.exit("a licence that must go with the component is not installed")
    return _SUMMARY + "".join(f"\n{'=' * 100}\n\n{text}" for text in texts)


def _cpython_licence() -> str | None:
    candidates = [
        Path(sysconfig.get_path("stdlib")) / "LICENSE.txt",
        Path(sys.base_prefix) / "LICENSE.txt",
    ]
    for candidate in candidates:
        if candidate.is_file():
            return candidate.read_text(encoding="utf-8")
    # As Python itself says it where the file was not installed.
    import site  # noqa: F401  # makes `license`

    return str(getattr(sys, "copyright", "")) or None


_SUMMARY = """\
What python.wasm consists of, and under which licences.

SPM's guest (spm_guest)          Apache-2.0 OR MIT; see the package's own licences
componentize-py's runtime        Apache-2.0 WITH LLVM-exception
CPython, its standard library    PSF-2.0, with the licences of what it includes (in full below)
wasi-libc                        Apache-2.0 WITH LLVM-exception, Apache-2.0 or MIT; parts from musl: MIT
libc++, compiler-rt              Apache-2.0 WITH LLVM-exception
zlib                             Zlib
mimalloc                         MIT
SQLite                           public domain
Rust's standard library          Apache-2.0 OR MIT

The text of the Apache licence with its exception, and that of CPython's, follow.
"""


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("output", nargs="?", type=Path, default=OUTPUT)
    build(parser.parse_args().output)


if __name__ == "__main__":
    main()
