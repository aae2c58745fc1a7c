//! What the linker's `call` export is made of: reading arguments one by one, and handing the
//! outcome to the host.

use crate::alloc::free;
use crate::buffer::Buffer;
use crate::decode;
use crate::encode;
use crate::mem::P;
use crate::object::{Desc, content};
use crate::raise::{encode_pending, leave};
use crate::random;
use crate::shared::deopt;
use crate::state::{
    INPUT, INPUT_END, KEPT, OUTCOME, OUTCOME_BYTES, OUTCOME_CAPACITY, OUTCOME_LENGTH, ret_int,
    ret_u64, status,
};

/// Starts reading `count` arguments, and frees what the last call left.
#[unsafe(no_mangle)]
pub extern "C" fn args_open(start: u32, length: u32, count: u32) -> i32 {
    if OUTCOME_BYTES.get() != 0 {
        free(OUTCOME_BYTES.get(), OUTCOME_CAPACITY.get());
        OUTCOME_BYTES.set(0);
    }
    // Messages are those of one task.
    KEPT.set(0);
    random::forget();
    crate::state::NESTED.set(0);
    INPUT.set(start);
    INPUT_END.set(start + length);
    let found = decode::length(4);
    status(match found {
        Some(found) if found == count => Some(()),
        Some(_) => leave(deopt::TYPE_NOT_PROVED),
        None => None,
    })
}

/// Ends reading arguments: nothing may be left. Frees their bytes.
#[unsafe(no_mangle)]
pub extern "C" fn args_close(start: u32, length: u32) -> i32 {
    if INPUT.get() != INPUT_END.get() {
        return status(leave(deopt::TYPE_NOT_PROVED));
    }
    free(start, length);
    0
}

/// Reads an int argument.
#[unsafe(no_mangle)]
pub extern "C" fn arg_int() -> i32 {
    ret_int(decode::int())
}

/// Reads a float argument.
#[unsafe(no_mangle)]
pub extern "C" fn arg_float() -> i32 {
    ret_u64(decode::float())
}

/// Reads a bool argument.
#[unsafe(no_mangle)]
pub extern "C" fn arg_bool() -> i32 {
    ret_u64(decode::bool())
}

/// Reads an argument that is `None`.
#[unsafe(no_mangle)]
pub extern "C" fn arg_none() -> i32 {
    ret_u64(decode::none())
}

/// Reads a str argument.
#[unsafe(no_mangle)]
pub extern "C" fn arg_str() -> i32 {
    ret_u64(decode::text(3).map(P::slot))
}

/// Reads a bytes argument.
#[unsafe(no_mangle)]
pub extern "C" fn arg_bytes() -> i32 {
    ret_u64(decode::text(2).map(P::slot))
}

/// Reads an argument of any type.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn arg_value(desc: Desc) -> i32 {
    ret_u64(decode::value(desc))
}

/// Reads an argument of any type without dicts and sets.
#[unsafe(no_mangle)]
pub extern "C" fn arg_value__flat(desc: Desc) -> i32 {
    ret_u64(decode::value_flat(desc))
}

/// Leaves an outcome where the canonical ABI wants it.
fn finish(out: &Buffer, failed: u32) -> u32 {
    let record = OUTCOME.address();
    OUTCOME.set(failed);
    OUTCOME_BYTES.set(out.start);
    OUTCOME_LENGTH.set(out.length);
    OUTCOME_CAPACITY.set(out.capacity);
    record
}

/// Hands over a result, or the exception that writing it met.
fn finish_with(write: impl FnOnce(&mut Buffer) -> Option<()>) -> u32 {
    let mut out = Buffer::new();
    match write(&mut out) {
        Some(()) => finish(&out, 0),
        None => result_raised(),
    }
}

/// Hands over an int.
#[unsafe(no_mangle)]
pub extern "C" fn result_int(value: i64) -> u32 {
    finish_with(|out| encode::int(out, value))
}

/// Hands over a float.
#[unsafe(no_mangle)]
pub extern "C" fn result_float(value: f64) -> u32 {
    finish_with(|out| encode::float(out, value.to_bits()))
}

/// Hands over a bool.
#[unsafe(no_mangle)]
pub extern "C" fn result_bool(value: u32) -> u32 {
    finish_with(|out| out.byte(0xf4 + (value != 0) as u8))
}

/// Hands over `None`.
#[unsafe(no_mangle)]
pub extern "C" fn result_none() -> u32 {
    finish_with(|out| out.byte(0xf6))
}

/// Hands over a str.
#[unsafe(no_mangle)]
pub extern "C" fn result_str(value: P) -> u32 {
    finish_with(|out| encode::text(out, content(value)))
}

/// Hands over a bytes.
#[unsafe(no_mangle)]
pub extern "C" fn result_bytes(value: P) -> u32 {
    finish_with(|out| encode::byte_string(out, content(value)))
}

/// Hands over a value of any type.
#[unsafe(no_mangle)]
pub extern "C" fn result_value(value: u64, desc: Desc) -> u32 {
    finish_with(|out| encode::value(out, value, desc))
}

/// Hands over an exception's record.
pub fn finish_raised(write: impl FnOnce(&mut Buffer) -> Option<()>) -> u32 {
    let mut out = Buffer::new();
    match write(&mut out) {
        Some(()) => finish(&out, 1),
        None => result_raised(),
    }
}

/// Hands over the pending exception.
#[unsafe(no_mangle)]
pub extern "C" fn result_raised() -> u32 {
    let mut out = Buffer::new();
    match encode_pending(&mut out) {
        Some(()) => finish(&out, 1),
        None => core::arch::wasm32::unreachable(),
    }
}
