"""A closure in Rust, run as any other: here, and on this machine's hosts.

    python examples/rust_guest.py

Builds `examples/rust-guest` first. That needs cargo and `rustup target add wasm32-unknown-unknown`.
"""

import inspect
import random
import subprocess
from dataclasses import dataclass
from pathlib import Path

import spm

CRATE = Path(__file__).parent / "rust-guest"
MODULE = CRATE / "target/wasm32-unknown-unknown/release/guest.wasm"


@dataclass
class Stats:
    """What the guest's struct of this name becomes."""

    label: str
    count: int
    mean: float
    median: float
    deviation: float | None


def main() -> None:
    subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=CRATE, check=True)
    stats = spm.load(MODULE, classes=[Stats])
    print(f"stats{inspect.signature(stats)}, {len(stats.component()) // 1000} kB")
    print(stats("three", [1, 2, 6]))

    rng = random.Random(2011)
    samples = {f"sample {n}": [rng.gauss(n, 2.0) for _ in range(1000)] for n in range(100)}
    with spm.pool() as pool:
        found = list(pool.map(stats, samples, samples.values()))
        print(f"{len(found)} samples, means from {found[0].mean:.2f} to {found[-1].mean:.2f}")
        try:
            pool.submit(stats, "none", []).result()
        except ValueError as error:
            print(f"ValueError: {error}; {error.__notes__[0]}")


if __name__ == "__main__":
    main()
