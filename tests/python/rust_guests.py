"""Builds guests in Rust, with the toolchain in use or with Debian's."""

import functools
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = "wasm32-unknown-unknown"
BUILD_TIMEOUT_S = 280


def _sysroot(rustc: str) -> Path | None:
    try:
        done = subprocess.run(
            [rustc, "--print", "sysroot"], capture_output=True, text=True, check=True, timeout=60
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return Path(done.stdout.strip())


def _has_std(sysroot: Path | None) -> bool:
    return sysroot is not None and any(sysroot.glob(f"lib/rustlib/{TARGET}/lib/libstd-*"))


@functools.cache
def environment() -> dict[str, str]:
    """What `cargo build` needs to find a standard library for the target: often nothing."""
    own = _sysroot("rustc")
    if _has_std(own):
        return {}
    debian = "/usr/bin/rustc"
    found = {"RUSTC": debian}
    linker = next(own.glob("lib/rustlib/*/bin/rust-lld"), None) if own else None
    if linker is not None:
        found["CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER"] = str(linker)
    if not _has_std(_sysroot(debian)):
        found |= {"RUSTC_BOOTSTRAP": "1", "CARGO_UNSTABLE_BUILD_STD": "std,panic_abort"}
    return found


@functools.cache
def build(crate: Path, *arguments: str) -> Path:
    """Build a crate, and return the folder that it is built in."""
    folder = ROOT / "target/guests"
    done = subprocess.run(
        ["cargo", "build", "--release", "--locked", "--target", TARGET, *arguments],
        cwd=crate,
        env={**os.environ, **environment(), "CARGO_TARGET_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=BUILD_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / TARGET / "release"


def guest(name: str) -> Path:
    """One of those in `tests/python/guests`."""
    return build(ROOT / "tests/python/guests", "--examples") / "examples" / f"{name}.wasm"


def example() -> Path:
    """The one in `examples/rust-guest`."""
    return build(ROOT / "examples/rust-guest") / "guest.wasm"
