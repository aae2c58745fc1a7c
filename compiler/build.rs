//! Builds the guest runtime (`runtime/`) to WebAssembly, for the linker to take functions from.
//!
//! It needs a `core` library for `wasm32-unknown-unknown`: that of the toolchain in use, or else
//! one built from Debian's `rust-web-src` by Debian's `rustc-web`.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};

const TARGET: &str = "wasm32-unknown-unknown";

/// Relocations are what the linker works with; segments must stay apart so that it can leave some
/// out. The size of the stack does not matter, as the linker places it.
const LINK_FLAGS: &[&str] = &[
    "-Clink-arg=--emit-relocs",
    "-Clink-arg=--no-merge-data-segments",
    "-Clink-arg=--strip-debug",
    "-Clink-arg=-zstack-size=16384",
];

/// A compiler that can build for the target.
struct Toolchain {
    /// Which `rustc`, if not the one in use.
    rustc: Option<PathBuf>,
    /// Whether `core` has to be built as well.
    builds_core: bool,
}

fn main() {
    let manifest = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    let runtime = manifest.join("runtime");
    for watched in ["src", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", runtime.join(watched).display());
    }
    println!("cargo::rerun-if-changed=build.rs");
    let rustc = PathBuf::from(variable("RUSTC"));
    let Some(toolchain) = find_toolchain(&rustc) else {
        fail(
            "no standard library for `wasm32-unknown-unknown`\n\
             hint: rustup target add wasm32-unknown-unknown\n\
             hint: on Debian without rustup: apt-get install rustc-web rust-web-src",
        );
    };
    let target_dir = PathBuf::from(variable("OUT_DIR")).join("runtime");
    build(&runtime, &rustc, &toolchain, &target_dir);
    let module = target_dir.join(TARGET).join("release").join("spm_guest_runtime.wasm");
    println!("cargo::rustc-env=SPM_GUEST_RUNTIME={}", module.display());
}

fn variable(name: &str) -> OsString {
    env::var_os(name).unwrap_or_else(|| fail(&format!("`{name}` is not set: run by cargo only")))
}

fn fail(message: &str) -> ! {
    eprintln!("error: cannot build the guest runtime: {message}");
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

fn build(runtime: &Path, rustc: &Path, toolchain: &Toolchain, target_dir: &Path) {
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
    let flags = LINK_FLAGS.join("\u{1f}");
    cargo
        .current_dir(runtime)
        .args(["build", "--release", "--locked", "--quiet", "--target", TARGET])
        .arg("--target-dir")
        .arg(target_dir)
        .env("RUSTC", toolchain.rustc.as_deref().unwrap_or(rustc));
    if toolchain.builds_core {
        cargo.env("RUSTC_BOOTSTRAP", "1").arg("-Zbuild-std=core,panic_abort");
    }
    let linker = toolchain.rustc.as_ref().and_then(|_| linker(rustc));
    let flags = match linker {
        Some(linker) => format!("{flags}\u{1f}-Clinker={}", linker.display()),
        None => flags,
    };
    // Paths of this machine have no place in what is built.
    let flags = format!("{flags}\u{1f}--remap-path-prefix={}=runtime", runtime.display());
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags);
    match cargo.status() {
        Ok(status) if status.success() => {}
        Ok(status) => fail(&format!("cargo failed ({status})")),
        Err(error) => fail(&format!("cargo did not start: {error}")),
    }
}
