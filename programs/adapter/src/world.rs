//! What is imported: the world's functions, and the program with its memory.

use alloc::vec::Vec;

use crate::errno::{Errno, Fallible};

mod raw {
    #[link(wasm_import_module = "program")]
    unsafe extern "C" {
        /// Runs the program, as far as it gets by itself, and returns its status.
        pub safe fn start() -> u32;
        /// Lets a program for preview 2 make room for what a call gives it: the place.
        pub safe fn make_room(align: u32, length: u32) -> u32;
        /// Bytes of the program's memory.
        pub safe fn size() -> u64;
        pub fn read(to: *mut u8, from: u32, length: usize);
        pub fn write(to: u32, from: *const u8, length: usize);
    }

    #[link(wasm_import_module = "spm:closure/log@0.1.0")]
    unsafe extern "C" {
        pub fn print(text: *const u8, length: usize);
    }

    #[link(wasm_import_module = "spm:closure/task@0.1.0")]
    unsafe extern "C" {
        pub safe fn sleep(nanoseconds: u64);
    }

    #[link(wasm_import_module = "spm:closure/program@0.1.0")]
    unsafe extern "C" {
        pub fn exit(result: *const u8, length: usize);
    }

    pub mod monotonic {
        #[link(wasm_import_module = "wasi:clocks/monotonic-clock@0.2.0")]
        unsafe extern "C" {
            pub safe fn now() -> u64;
        }
    }

    pub mod wall {
        #[link(wasm_import_module = "wasi:clocks/wall-clock@0.2.0")]
        unsafe extern "C" {
            pub fn now(datetime: *mut super::super::Datetime);
        }
    }

    #[link(wasm_import_module = "wasi:random/random@0.2.0")]
    unsafe extern "C" {
        #[link_name = "get-random-u64"]
        pub safe fn random() -> u64;
    }
}

#[repr(C)]
#[derive(Default)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

pub use raw::{make_room, random, size as memory_bytes, sleep, start};

/// Prints on the submitter's standard output.
pub fn print(text: &[u8]) {
    // SAFETY: it is read while it is called.
    unsafe { raw::print(text.as_ptr(), text.len()) }
}

/// Ends the task with this result.
pub fn exit(result: &[u8]) -> ! {
    // SAFETY: it is read while it is called.
    unsafe { raw::exit(result.as_ptr(), result.len()) }
    core::arch::wasm32::unreachable()
}

pub fn monotonic_ns() -> u64 {
    raw::monotonic::now()
}

pub fn unix_ns() -> u64 {
    let mut now = Datetime::default();
    // SAFETY: it is written while it is called.
    unsafe { raw::wall::now(&raw mut now) }
    now.seconds.wrapping_mul(1_000_000_000).wrapping_add(u64::from(now.nanoseconds))
}

/// Copies from the program's memory behind what is in `to`. What is not in that memory traps, as it would in the program.
pub fn read_onto(to: &mut Vec<u8>, from: u32, length: u32) -> Fallible {
    if u64::from(length) <= raw::size() {
        to.try_reserve(length as usize).map_err(|_| Errno::Nospc)?;
    } else {
        core::arch::wasm32::unreachable();
    }
    // SAFETY: there is room for so much behind what is there, and then it was written.
    unsafe {
        raw::read(to.as_mut_ptr().add(to.len()), from, length as usize);
        to.set_len(to.len() + length as usize);
    }
    Ok(())
}

/// Copies from the program's memory over `to`.
pub fn read_over(to: &mut [u8], from: u32) {
    // SAFETY: `to` is ours.
    unsafe { raw::read(to.as_mut_ptr(), from, to.len()) }
}

/// Copies from the program's memory.
pub fn read(from: u32, length: u32) -> Fallible<Vec<u8>> {
    let mut bytes = Vec::new();
    read_onto(&mut bytes, from, length)?;
    Ok(bytes)
}

/// Copies to the program's memory.
pub fn write(to: u32, bytes: &[u8]) {
    // SAFETY: the program's memory is another one.
    unsafe { raw::write(to, bytes.as_ptr(), bytes.len()) }
}

pub fn write_u32(to: u32, value: u32) {
    write(to, &value.to_le_bytes());
}

pub fn write_u64(to: u32, value: u64) {
    write(to, &value.to_le_bytes());
}
