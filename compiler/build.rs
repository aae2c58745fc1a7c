//! Builds the guest runtime (`runtime/`) to WebAssembly, for the linker to take functions from, and finds where it has to
//! replace NaNs.

#[path = "../tools/build_guest.rs"]
mod guest;
#[path = "runtime_nans.rs"]
mod nans;

use std::path::PathBuf;
use std::{env, fs};

use guest::build_guest;

/// Relocations are what the linker works with; segments must stay apart so that it can leave some
/// out. The size of the stack does not matter, as the linker places it.
const LINK_FLAGS: &[&str] = &[
    "-Clink-arg=--emit-relocs",
    "-Clink-arg=--no-merge-data-segments",
    "-Clink-arg=--strip-debug",
    "-Clink-arg=-zstack-size=16384",
];

fn main() {
    println!("cargo::rerun-if-changed=runtime_nans.rs");
    let module =
        build_guest("runtime", "spm_guest_runtime.wasm", "core", LINK_FLAGS, "SPM_GUEST_RUNTIME");
    let code = fs::read(&module).expect("the runtime was built");
    let places = nans::find(&code).into_iter();
    let places = places.flat_map(|place| [place.function, place.offset, place.bits]);
    let bytes: Vec<u8> = places.flat_map(u32::to_le_bytes).collect();
    let found = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("nans");
    fs::write(&found, bytes).expect("cargo made the folder");
    println!("cargo::rustc-env=SPM_GUEST_NANS={}", found.display());
}
