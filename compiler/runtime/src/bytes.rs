//! `bytes`.

use crate::buffer::Buffer;
use crate::mem::{P, byte, copy, fill, set_slot, slot, store, zero};
use crate::object::{blank_list, blank_str, content, data, len, new_str, slots};
use crate::raise::{fail_common, leave, memory_error, value_error};
use crate::range::{position, span};
use crate::shared::{common, deopt, layout};
use crate::state::{ret_int, truth};
use crate::text::is_utf8;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// `b[index]`.
#[unsafe(no_mangle)]
pub extern "C" fn bytes_index(b: P, index: i64) -> i32 {
    let text = content(b);
    ret_int(match position(index, text.len() as u32) {
        Some(at) => Some(i64::from(byte(text, at as usize))),
        None => fail_common(common::BYTES_INDEX),
    })
}

/// `b[start:stop:step]`.
#[unsafe(no_mangle)]
pub extern "C" fn bytes_slice(b: P, start: i64, stop: i64, step: i64, given: u32) -> Option<P> {
    let text = content(b);
    let span = span(text.len() as u32, start, stop, step, given)?;
    let object = blank_str(u64::from(span.count), span.count)?;
    let mut at = span.start;
    for index in 0..span.count {
        store(data(object) + index, byte(text, at as usize));
        at = at.wrapping_add(span.step);
    }
    Some(object)
}

/// `a + b`.
#[unsafe(no_mangle)]
pub extern "C" fn bytes_concat(a: P, b: P) -> Option<P> {
    let (left, right) = (content(a).len() as u32, content(b).len() as u32);
    let total = u64::from(left) + u64::from(right);
    let object = blank_str(total, total as u32)?;
    copy(data(object), data(a), left);
    copy(data(object) + left, data(b), right);
    Some(object)
}

/// `b * count`.
#[unsafe(no_mangle)]
pub extern "C" fn bytes_repeat(b: P, count: i64) -> Option<P> {
    let length = content(b).len() as u64;
    let count = if count < 0 || length == 0 { 0 } else { count as u64 };
    let total = length.saturating_mul(count);
    if total > 1 << 31 {
        return memory_error();
    }
    let object = blank_str(total, total as u32)?;
    if let [byte] = content(b) {
        fill(data(object), total as u32, *byte);
        return Some(object);
    }
    for index in 0..count as u32 {
        copy(data(object) + index * length as u32, data(b), length as u32);
    }
    Some(object)
}

/// `byte in b`.
#[unsafe(no_mangle)]
pub extern "C" fn bytes_contains_int(b: P, value: i64) -> i32 {
    truth(if (0..256).contains(&value) {
        Some(content(b).contains(&(value as u8)))
    } else {
        value_error(b"byte must be in range(0, 256)")
    })
}

/// `b.hex()`.
#[unsafe(no_mangle)]
pub extern "C" fn bytes_hex(b: P) -> Option<P> {
    let mut out = Buffer::new();
    for &byte in content(b) {
        hex(&mut out, byte)?;
    }
    out.into_str()
}

/// Appends a byte in two hexadecimal digits.
pub fn hex(out: &mut Buffer, byte: u8) -> Option<()> {
    out.byte(HEX[(byte >> 4) as usize])?;
    out.byte(HEX[(byte & 15) as usize])
}

/// `bytes(list of int)`.
#[unsafe(no_mangle)]
pub extern "C" fn bytes_from_list(list: P) -> Option<P> {
    let count = len(list);
    let object = blank_str(u64::from(count), count)?;
    for index in 0..count {
        let value = slot(slots(list), index);
        if value > 255 {
            crate::object::release_str(Some(object));
            return value_error(b"bytes must be in range(0, 256)");
        }
        store(data(object) + index, value as u8);
    }
    Some(object)
}

/// `bytes(count)`.
#[unsafe(no_mangle)]
pub extern "C" fn bytes_zeros(count: i64) -> Option<P> {
    if count < 0 {
        return value_error(b"negative count");
    }
    let object = blank_str(count as u64, count as u32)?;
    zero(data(object), count as u32);
    Some(object)
}

/// `list(b)`.
#[unsafe(no_mangle)]
pub extern "C" fn bytes_to_list(b: P) -> Option<P> {
    let text = content(b);
    let list = blank_list(text.len() as u64)?;
    for index in 0..text.len() {
        set_slot(slots(list), index as u32, u64::from(byte(text, index)));
    }
    list.set_u32(layout::LEN, text.len() as u32);
    Some(list)
}

/// `b.decode()`.
#[unsafe(no_mangle)]
pub extern "C" fn bytes_decode(b: P) -> Option<P> {
    if !is_utf8(content(b)) {
        return leave(deopt::TYPE_NOT_PROVED);
    }
    new_str(content(b))
}
