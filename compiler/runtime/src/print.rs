//! `print`: the import `log`.

use crate::buffer::Buffer;
use crate::mem::P;
use crate::object::content;
use crate::state::{PRINT, PRINT_CAPACITY, PRINT_LENGTH, status};

/// Text is sent on when this much has gathered, so that a long line needs no more memory.
const FLUSH_BYTES: u32 = 16 * 1024;

#[link(wasm_import_module = "spm:closure/log@0.1.0")]
unsafe extern "C" {
    #[link_name = "print"]
    safe fn host_print(start: u32, length: u32);
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
