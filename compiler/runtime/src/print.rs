//! `print`, and what a task knows of itself: the imports.

use crate::buffer::Buffer;
use crate::mem::P;
use crate::object::content;
use crate::raise::overflow;
use crate::state::{PRINT, PRINT_CAPACITY, PRINT_LENGTH, ret_int, status};

/// Text is sent on when this much has gathered, so that a long line needs no more memory.
const FLUSH_BYTES: u32 = 16 * 1024;

#[link(wasm_import_module = "spm:closure/log@0.1.0")]
unsafe extern "C" {
    #[link_name = "print"]
    safe fn host_print(start: u32, length: u32);
}

#[link(wasm_import_module = "spm:closure/task@0.1.0")]
unsafe extern "C" {
    #[link_name = "index"]
    safe fn host_index() -> u64;
    #[link_name = "attempt"]
    safe fn host_attempt() -> u32;
    #[link_name = "seed"]
    safe fn host_seed() -> u64;
}

/// Adds text to what the next `print_flush` prints.
#[unsafe(no_mangle)]
pub extern "C" fn print_text(text: P) -> i32 {
    let mut pending =
        Buffer { start: PRINT.get(), length: PRINT_LENGTH.get(), capacity: PRINT_CAPACITY.get() };
    let done = pending.text(content(text));
    PRINT.set(pending.start);
    PRINT_LENGTH.set(pending.length);
    PRINT_CAPACITY.set(pending.capacity);
    if pending.length >= FLUSH_BYTES {
        print_flush();
    }
    status(done)
}

/// Prints what was added.
#[unsafe(no_mangle)]
pub extern "C" fn print_flush() {
    host_print(PRINT.get(), PRINT_LENGTH.get());
    PRINT_LENGTH.set(0);
}

/// `spm.task.index`.
#[unsafe(no_mangle)]
pub extern "C" fn task_index() -> i64 {
    host_index() as i64
}

/// `spm.task.attempt`.
#[unsafe(no_mangle)]
pub extern "C" fn task_attempt() -> i64 {
    i64::from(host_attempt())
}

/// `spm.task.seed`.
#[unsafe(no_mangle)]
pub extern "C" fn task_seed() -> i32 {
    let seed = host_seed();
    ret_int(if seed > i64::MAX as u64 { overflow() } else { Some(seed as i64) })
}
