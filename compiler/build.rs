//! Builds the guest runtime (`runtime/`) to WebAssembly, for the linker to take functions from.

#[path = "../tools/build_guest.rs"]
mod guest;

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
    build_guest("runtime", "spm_guest_runtime.wasm", "core", LINK_FLAGS, "SPM_GUEST_RUNTIME");
}
