//! Values on their way to a manager and back.

use crate::alloc::free;
use crate::buffer::Buffer;
use crate::decode;
use crate::encode;
use crate::mem::load;
use crate::object::Desc;
use crate::raise::leave;
use crate::shared::{cell, deopt};
use crate::state::{INPUT, INPUT_END, ret_u64};

/// Numbers of managers: those of `host/src/sandbox/channel.rs`.
pub const FARM: u32 = 1;
/// Tasks that make tasks.
pub const TEMPLATE: u32 = 2;
/// Ranks.
pub const TEAM: u32 = 3;

#[link(wasm_import_module = "spm:closure/task@0.1.0")]
unsafe extern "C" {
    #[link_name = "manager"]
    safe fn host_manager() -> u32;
}

/// Whether the task is one of this manager's.
pub fn is_of(manager: u32) -> bool {
    host_manager() == manager
}

/// A value as bytes.
pub fn written(value: u64, desc: Desc) -> Option<Buffer> {
    let mut out = Buffer::new();
    encode::value(&mut out, value, desc)?;
    Some(out)
}

/// Reads a value and frees its bytes. Arguments have been read when this is called, so the decoder's place is free.
pub fn read(message: Buffer, desc: Desc) -> Option<u64> {
    INPUT.set(message.start);
    INPUT_END.set(message.start + message.length);
    if decode_value(desc) != 0 {
        return None;
    }
    let value = load(cell::RET);
    if INPUT.get() != INPUT_END.get() {
        return leave(deopt::TYPE_NOT_PROVED);
    }
    message.free();
    Some(value)
}

/// Bytes that the host has put in memory.
#[repr(C)]
pub struct Bytes {
    /// Where.
    pub start: u32,
    /// How many.
    pub length: u32,
}

impl Bytes {
    /// As a buffer, which is freed by whoever reads it.
    pub fn buffer(&self) -> Buffer {
        Buffer { start: self.start, length: self.length, capacity: self.length }
    }

    /// Frees them unread.
    pub fn free(&self) {
        free(self.start, self.length);
    }
}

/// By way of a function that the linker may replace by the one without tables.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn decode_value(desc: Desc) -> i32 {
    ret_u64(decode::value(desc))
}

/// `decode_value` where there are no dicts and sets.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn decode_value__flat(desc: Desc) -> i32 {
    ret_u64(decode::value_flat(desc))
}
