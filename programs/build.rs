//! Builds the adapter (`adapter/`) to WebAssembly, to be joined with programs.

#[path = "../tools/build_guest.rs"]
mod guest;

use guest::build_guest;

/// Debug information of the standard library has no place in a component.
const LINK_FLAGS: &[&str] = &["-Clink-arg=--strip-debug", "-Clink-arg=-zstack-size=131072"];

fn main() {
    build_guest(
        "adapter",
        "spm_program_adapter.wasm",
        "core,alloc",
        LINK_FLAGS,
        "SPM_PROGRAM_ADAPTER",
    );
}
