"""A closure in C, run as any other: here, and on this machine's hosts.

    python examples/c_guest.py

Builds `examples/c-guest` first. That needs a compiler for WebAssembly: `pip install ziglang`.
"""

import inspect
import keyword
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import spm

SOURCE = Path(__file__).parent / "c-guest/closest.c"
BUILD = ["cc", "-target", "wasm32-wasi", "-mexec-model=reactor", "-O2", "-Wall", "-Wextra"]
# Without names for debuggers, and with a stack that new instances are made with quickly.
BUILD += ["-g0", "-Wl,--strip-debug", "-Wl,-z,stack-size=262144"]


def build(folder: str) -> Path:
    module = Path(folder) / "closest.wasm"
    command = [sys.executable, "-m", "ziglang", *BUILD, SOURCE, "-o", module]
    subprocess.run(command, check=True)
    return module


def misspelt(word: str, rng: random.Random) -> str:
    letters = list(word)
    letters[rng.randrange(len(letters))] = rng.choice("aeiou")
    return "".join(letters)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        closest = spm.load(build(folder))
    print(f"closest{inspect.signature(closest)}, {len(closest.component()) // 1000} kB")

    rng = random.Random(2011)
    words = keyword.kwlist
    wrong = [misspelt(word, rng) for word in words]
    with spm.pool() as pool:
        found = list(pool.map(closest, wrong, [words] * len(wrong)))
        right = sum(result["word"] == word for result, word in zip(found, words, strict=True))
        print(f"{right} of {len(words)} words are right again")
        try:
            pool.submit(closest, "none", []).result()
        except ValueError as error:
            print(f"ValueError: {error}")


if __name__ == "__main__":
    main()
