//! Making `str` from `str`.

use crate::alloc::{alloc, resize};
use crate::buffer::Buffer;
use crate::mem::{P, byte, copy, fill, load, part, put, set_slot, store, zero};
use crate::object::{
    blank_list, blank_str, chars, content, data, is_ascii, new_bytes, new_str, release_str, retain,
    slots,
};
use crate::raise::{fail, fail_common, fail_text, leave, memory_error, value_error};
use crate::range::{position, span};
use crate::shared::{class, common, deopt, just, layout, strip};
use crate::state::{LETTERS, ret_int};
use crate::text::{char_at, char_before, offset_of, width, write_char};
use crate::unicode;

/// A new `str` of bytes and a known number of characters.
fn of_parts(text: &[u8], chars: u32) -> Option<P> {
    let object = blank_str(text.len() as u64, chars)?;
    put(data(object), text);
    Some(object)
}

/// A `str` of one character. Those of ASCII are made once, and stay.
fn letter(text: &[u8]) -> Option<P> {
    if text.len() > 1 {
        return of_parts(text, 1);
    }
    if LETTERS.get() == 0 {
        let table = alloc(128 * 4)?;
        zero(table, 128 * 4);
        LETTERS.set(table);
    }
    let place = LETTERS.get() + u32::from(byte(text, 0)) * 4;
    if let Some(known) = P::at(load(place)) {
        return Some(known);
    }
    let made = of_parts(text, 1)?;
    made.set_u32(0, layout::IMMORTAL);
    store(place, made.address());
    Some(made)
}

/// `a += b`: takes `a` over, and changes it where nothing else refers to it.
#[unsafe(no_mangle)]
pub extern "C" fn str_append(a: P, b: P) -> Option<P> {
    if a.u32(layout::RC) != 1 || a == b {
        let made = str_concat(a, b)?;
        release_str(Some(a));
        return Some(made);
    }
    let (left, right) = (content(a).len() as u32, content(b).len() as u32);
    let size = u64::from(left) + u64::from(right) + u64::from(layout::STR_DATA);
    let object = P::at(resize(a.address(), left + layout::STR_DATA, size)?)?;
    copy(data(object) + left, data(b), right);
    object.set_u32(layout::STR_BYTES, left + right);
    object.set_u32(layout::STR_CHARS, chars(object).wrapping_add(chars(b)));
    // Its hash is that of the old text.
    object.set_u32(layout::STR_CHARS + 4, 0);
    Some(object)
}

/// `a + b`.
#[unsafe(no_mangle)]
pub extern "C" fn str_concat(a: P, b: P) -> Option<P> {
    let (left, right) = (content(a).len() as u32, content(b).len() as u32);
    let object = blank_str(u64::from(left) + u64::from(right), chars(a).wrapping_add(chars(b)))?;
    copy(data(object), data(a), left);
    copy(data(object) + left, data(b), right);
    Some(object)
}

/// `s * count`.
#[unsafe(no_mangle)]
pub extern "C" fn str_repeat(s: P, count: i64) -> Option<P> {
    let length = content(s).len() as u64;
    let count = if count < 0 || length == 0 { 0 } else { count as u64 };
    let total = length.saturating_mul(count);
    if total > 1 << 31 {
        return memory_error();
    }
    let object = blank_str(total, chars(s).wrapping_mul(count as u32))?;
    if length == 1 {
        fill(data(object), total as u32, byte(content(s), 0));
        return Some(object);
    }
    for index in 0..count as u32 {
        copy(data(object) + index * length as u32, data(s), length as u32);
    }
    Some(object)
}

/// The character at a code point position below the length.
fn char_text(s: P, index: u32) -> &'static [u8] {
    let text = content(s);
    let start = if is_ascii(s) { index as usize } else { offset_of(text, index as usize) };
    part(text, start, start + width(byte(text, start)))
}

/// `s[index]`.
#[unsafe(no_mangle)]
pub extern "C" fn str_index(s: P, index: i64) -> Option<P> {
    match position(index, chars(s)) {
        Some(at) => letter(char_text(s, at)),
        None => fail_common(common::STR_INDEX),
    }
}

/// The character that begins at a byte offset.
#[unsafe(no_mangle)]
pub extern "C" fn str_char_at(s: P, offset: u32) -> Option<P> {
    let text = content(s);
    let start = offset as usize;
    letter(part(text, start, start + width(byte(text, start))))
}

/// `s[start:stop:step]`.
#[unsafe(no_mangle)]
pub extern "C" fn str_slice(s: P, start: i64, stop: i64, step: i64, given: u32) -> Option<P> {
    let span = span(chars(s), start, stop, step, given)?;
    let text = content(s);
    if span.count == chars(s) && span.step == 1 {
        return Some(retain(s));
    }
    if span.step == 1 {
        let end = span.start as usize + span.count as usize;
        let (from, to) = if is_ascii(s) {
            (span.start as usize, end)
        } else {
            (offset_of(text, span.start as usize), offset_of(text, end))
        };
        return of_parts(part(text, from, to), span.count);
    }
    let mut out = Buffer::new();
    let mut at = span.start;
    for _ in 0..span.count {
        out.text(char_text(s, at as u32))?;
        at = at.wrapping_add(span.step);
    }
    out.into_str()
}

/// `list(s)`.
#[unsafe(no_mangle)]
pub extern "C" fn str_to_list(s: P) -> Option<P> {
    let list = blank_list(u64::from(chars(s)))?;
    let mut offset = 0;
    for index in 0..chars(s) {
        let char = str_char_at(s, offset)?;
        offset += char.u32(layout::STR_BYTES);
        set_slot(slots(list), index, char.slot());
    }
    list.set_u32(layout::LEN, chars(s));
    Some(list)
}

/// `s.encode()`.
#[unsafe(no_mangle)]
pub extern "C" fn str_encode(s: P) -> Option<P> {
    new_bytes(content(s))
}

/// `ord(s)`.
#[unsafe(no_mangle)]
pub extern "C" fn str_ord(s: P) -> i32 {
    ret_int(if chars(s) == 1 { Some(i64::from(char_at(content(s), 0).0)) } else { wrong_length(s) })
}

fn wrong_length(s: P) -> Option<i64> {
    let mut message = Buffer::new();
    message.text(b"ord() expected a character, but string of length ")?;
    crate::int_text::write(&mut message, i64::from(chars(s)))?;
    message.text(b" found")?;
    fail_text(class::TYPE_ERROR, message)
}

/// `chr(code)`.
#[unsafe(no_mangle)]
pub extern "C" fn str_chr(code: i64) -> Option<P> {
    if !(0..0x11_0000).contains(&code) {
        return value_error(b"chr() arg not in range(0x110000)");
    }
    if (0xd800..0xe000).contains(&code) {
        return leave(deopt::TYPE_NOT_PROVED);
    }
    // 1 to 4 bytes of text are one size class, so it does not matter that fewer may be freed.
    let object = blank_str(4, 1)?;
    let length = write_char(data(object), code as u32);
    object.set_u32(layout::STR_BYTES, length);
    Some(object)
}

/// Whether a character is to be stripped.
fn is_stripped(char: u32, chars: Option<P>) -> bool {
    let Some(chars) = chars else { return unicode::is_space(char) };
    let text = content(chars);
    let mut at = 0;
    while at < text.len() {
        let (found, width) = char_at(text, at);
        if found == char {
            return true;
        }
        at += width;
    }
    false
}

/// `s.strip(chars)` and its kin.
#[unsafe(no_mangle)]
pub extern "C" fn str_strip(s: P, set: Option<P>, mode: u32) -> Option<P> {
    let text = content(s);
    let (mut from, mut to) = (0, text.len());
    while mode & strip::LEFT != 0 && from < to {
        let (char, width) = char_at(text, from);
        if !is_stripped(char, set) {
            break;
        }
        from += width;
    }
    while mode & strip::RIGHT != 0 && to > from {
        let (char, width) = char_before(text, to);
        if !is_stripped(char, set) {
            break;
        }
        to -= width;
    }
    if to - from == text.len() {
        return Some(retain(s));
    }
    new_str(part(text, from, to))
}

/// `s.zfill(width)`.
#[unsafe(no_mangle)]
pub extern "C" fn str_zfill(s: P, width: i64) -> Option<P> {
    let missing = width.saturating_sub(i64::from(chars(s)));
    if missing <= 0 {
        return Some(retain(s));
    }
    let text = content(s);
    let sign = matches!(text.first(), Some(b'+' | b'-')) as usize;
    let mut out = Buffer::new();
    out.text(part(text, 0, sign))?;
    out.repeat(u32::from(b'0'), missing as u64)?;
    out.text(part(text, sign, text.len()))?;
    out.into_str()
}

/// `s.ljust(width, fill)` and its kin.
#[unsafe(no_mangle)]
pub extern "C" fn str_just(s: P, width: i64, fill: Option<P>, mode: u32) -> Option<P> {
    let mut char = u32::from(b' ');
    if let Some(fill) = fill {
        if chars(fill) != 1 {
            let text = b"The fill character must be exactly one character long";
            return fail(class::TYPE_ERROR, text);
        }
        char = char_at(content(fill), 0).0;
    }
    let missing = width.saturating_sub(i64::from(chars(s)));
    if missing <= 0 {
        return Some(retain(s));
    }
    let left = match mode {
        just::LEFT => 0,
        just::RIGHT => missing,
        // CPython puts the odd one on the left if the width is odd.
        _ => missing / 2 + (missing & width & 1),
    };
    let mut out = Buffer::new();
    out.repeat(char, left as u64)?;
    out.text(content(s))?;
    out.repeat(char, (missing - left) as u64)?;
    out.into_str()
}
