//! Builds a crate without `std` to WebAssembly. For build scripts, which include this file.
//!
//! It needs a `core` library for `wasm32-unknown-unknown`: that of the toolchain in use, or else one built from Debian's
//! `rust-web-src` by Debian's `rustc-web`.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};

const TARGET: &str = "wasm32-unknown-unknown";

/// Builds the crate in a folder next to the script's manifest, and lets the variable `named` say where its module is,
/// which it returns, too.
/// `libraries` are those to build where there are none.
pub fn build_guest(
    folder: &str,
    module: &str,
    libraries: &str,
    flags: &[&str],
    named: &str,
) -> PathBuf {
    let guest = PathBuf::from(variable("CARGO_MANIFEST_DIR")).join(folder);
    for watched in ["src", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", guest.join(watched).display());
    }
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../tools/build_guest.rs");
    let rustc = PathBuf::from(variable("RUSTC"));
    let Some(toolchain) = find_toolchain(&rustc) else {
        fail(
            "no standard library for `wasm32-unknown-unknown`\n\
             hint: rustup target add wasm32-unknown-unknown\n\
             hint: on Debian without rustup: apt-get install rustc-web rust-web-src",
        );
    };
    let target_dir = PathBuf::from(variable("OUT_DIR")).join(folder);
    build(&guest, &rustc, &toolchain, &target_dir, libraries, flags);
    let module = target_dir.join(TARGET).join("release").join(module);
    println!("cargo::rustc-env={named}={}", module.display());
    module
}

/// A compiler that can build for the target.
struct Toolchain {
    /// Which `rustc`, if not the one in use.
    rustc: Option<PathBuf>,
    /// Whether `core` has to be built as well.
    builds_core: bool,
}

fn variable(name: &str) -> OsString {
    env::var_os(name).unwrap_or_else(|| fail(&format!("`{name}` is not set: run by cargo only")))
}

fn fail(message: &str) -> ! {
    eprintln!("error: cannot build for WebAssembly: {message}");
    exit(1)
}

fn sysroot(rustc: &Path) -> Option<PathBuf> {
    let output = Command::new(rustc).args(["--print", "sysroot"]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| PathBuf::from(text.trim()))
}

/// Whether a sysroot has a built `core` for the target.
fn has_core(sysroot: &Path) -> bool {
    let library = sysroot.join("lib/rustlib").join(TARGET).join("lib");
    library.read_dir().is_ok_and(|mut entries| {
        entries.any(|entry| {
            entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("libcore-"))
        })
    })
}

fn find_toolchain(rustc: &Path) -> Option<Toolchain> {
    if has_core(&sysroot(rustc)?) {
        return Some(Toolchain { rustc: None, builds_core: false });
    }
    let debian = PathBuf::from("/usr/bin/rustc");
    let debian_root = sysroot(&debian)?;
    if has_core(&debian_root) {
        return Some(Toolchain { rustc: Some(debian), builds_core: false });
    }
    let source = debian_root.join("lib/rustlib/src/rust/library/core");
    source.is_dir().then_some(Toolchain { rustc: Some(debian), builds_core: true })
}

/// The linker of the toolchain in use: Debian's has none of its own.
fn linker(rustc: &Path) -> Option<PathBuf> {
    let host = env::var("HOST").ok()?;
    let linker = sysroot(rustc)?.join("lib/rustlib").join(host).join("bin/rust-lld");
    linker.is_file().then_some(linker)
}

fn build(
    guest: &Path,
    rustc: &Path,
    toolchain: &Toolchain,
    target_dir: &Path,
    libraries: &str,
    flags: &[&str],
) {
    let mut cargo = Command::new(variable("CARGO"));
    // What cargo sets for this build must not reach the other one.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let inherited =
            text.starts_with("CARGO_") && text != "CARGO_HOME" && text != "CARGO_NET_OFFLINE";
        let wrapped =
            matches!(&*text, "RUSTC_WRAPPER" | "RUSTC_WORKSPACE_WRAPPER" | "RUSTFLAGS" | "RUSTC");
        if inherited || wrapped || text == "TARGET" || text == "HOST" {
            cargo.env_remove(&name);
        }
    }
    let flags = flags.join("\u{1f}");
    cargo
        .current_dir(guest)
        .args(["build", "--release", "--locked", "--quiet", "--target", TARGET])
        .arg("--target-dir")
        .arg(target_dir)
        .env("RUSTC", toolchain.rustc.as_deref().unwrap_or(rustc));
    if toolchain.builds_core {
        cargo.env("RUSTC_BOOTSTRAP", "1").arg(format!("-Zbuild-std={libraries},panic_abort"));
    }
    let linker = toolchain.rustc.as_ref().and_then(|_| linker(rustc));
    let flags = match linker {
        Some(linker) => format!("{flags}\u{1f}-Clinker={}", linker.display()),
        None => flags,
    };
    // Paths of this machine have no place in what is built.
    let flags = format!(
        "{flags}\u{1f}--remap-path-prefix={}={}",
        guest.display(),
        guest.file_name().unwrap_or_default().display()
    );
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags);
    match cargo.status() {
        Ok(status) if status.success() => {}
        Ok(status) => fail(&format!("cargo failed ({status})")),
        Err(error) => fail(&format!("cargo did not start: {error}")),
    }
}
