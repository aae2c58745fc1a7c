"""Runs the benchmarks, each in a process of its own: `python bench/run.py [name ...]`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

NAMES = (
    "throughput",
    "latency",
    "startup",
    "memory",
    "managers",
    "kernels",
    "native",
    "python_engine",
    "scientific",
)


def main() -> int:
    names = sys.argv[1:] or NAMES
    unknown = set(names) - set(NAMES)
    if unknown:
        print(f"no benchmark `{sorted(unknown)[0]}`; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    failed = [
        name
        for name in names
        if subprocess.run(
            [sys.executable, Path(__file__).parent / f"{name}.py"], check=False
        ).returncode
    ]
    for name in failed:
        print(f"{name}: failed", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
