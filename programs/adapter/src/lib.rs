//! The other side of a stand-alone program: WASI, preview 1 and 2, over files in memory, and the closure world around it.
//!
//! `programs/src/join.rs` makes one module of this and a program, each with a memory of its own: what the program passes
//! by a pointer is copied across ([`world`]). So nothing that a program does to its memory reaches what is kept here.
//!
//! Nothing is the host's but what a closure may import: its clocks, which are the same everywhere unless the closure was
//! granted real ones, its random numbers, `task.sleep`, `log.print` and `program.exit`.
#![no_std]

extern crate alloc;

mod call;
mod cbor;
mod disk;
mod errno;
mod files;
mod heap;
mod paths;
mod poll;
mod preview2;
mod process;
mod state;
mod world;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
