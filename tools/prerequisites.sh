#!/usr/bin/env bash
# Says which prerequisite is missing, and the command that installs it. Adds the WebAssembly
# target of Rust, which a rustup user has one command away.
set -u
python="${PYTHON:-python3}"
missing=0

lacks() {
    printf 'missing: %s\n  install it with: %s\n' "$1" "$2" >&2
    missing=1
}

case "$(uname -s)" in
    Darwin) compiler='xcode-select --install' python_install='brew install python@3.12' ;;
    *) compiler='apt-get install gcc libc6-dev' python_install='apt-get install python3 python3-venv' ;;
esac

rustup_install="curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh"
if ! command -v cargo >/dev/null || ! command -v rustc >/dev/null; then
    lacks 'cargo and rustc, 1.95 or later' "$rustup_install"
else
    version="$(rustc --version | sed -E 's/^rustc ([0-9]+)\.([0-9]+).*/\1 \2/')"
    read -r major minor <<<"$version"
    if [ "$major" -eq 1 ] && [ "$minor" -lt 95 ]; then
        lacks "rustc 1.95 or later (this is 1.$minor)" 'rustup update stable'
    fi
fi
if ! command -v cc >/dev/null; then
    lacks 'a C compiler and linker (cc)' "$compiler"
fi
if ! "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    lacks 'CPython 3.11 or later with venv' "$python_install"
fi
[ "$missing" -eq 0 ] || exit 1

has_target() {
    [ -n "$(ls "$(rustc --print sysroot)"/lib/rustlib/wasm32-unknown-unknown/lib/libcore-*.rlib 2>/dev/null)" ]
}
has_debian_target() {
    dpkg -s rustc-web rust-web-src >/dev/null 2>&1
}
limited() { # SECONDS COMMAND...: macOS has no `timeout`
    if command -v timeout >/dev/null; then timeout "$@"; else shift; "$@"; fi
}

has_target || has_debian_target && exit 0
echo 'adding the WebAssembly target of Rust' >&2
command -v rustup >/dev/null && limited 120 rustup -q target add wasm32-unknown-unknown >/dev/null 2>&1
has_target && exit 0
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y rustc-web rust-web-src; } \
        >/dev/null 2>&1
    has_debian_target && exit 0
fi
lacks "Rust's standard library for WebAssembly" \
    'rustup target add wasm32-unknown-unknown   (or, on Debian: apt-get install rustc-web rust-web-src)'
exit 1
