//! Searching in `str` and `bytes`, comparing, and replacing.

use crate::buffer::Buffer;
use crate::mem::{P, byte, part};
use crate::object::{chars, content, is_ascii, new_str, retain, tuple_new, tuple_slots};
use crate::raise::{fail_common, value_error};
use crate::range::{position, search_bounds};
use crate::shared::common;
use crate::state::{ret_int, truth};
use crate::text::{count_chars, offset_of, width};

/// Byte offset of the first `needle` in `text` from an offset on.
pub fn find_from(text: &[u8], needle: &[u8], mut at: usize) -> Option<usize> {
    let Some(&first) = needle.first() else {
        return if at <= text.len() { Some(at) } else { None };
    };
    while at + needle.len() <= text.len() {
        if crate::mem::byte(text, at) == first && part(text, at, at + needle.len()) == needle {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// Byte offset of the last `needle` that ends at an offset or before it.
pub fn find_back(text: &[u8], needle: &[u8], end: usize) -> Option<usize> {
    let mut at = (end + 1).checked_sub(needle.len())?;
    while at > 0 {
        at -= 1;
        if part(text, at, at + needle.len()) == needle {
            return Some(at);
        }
    }
    None
}

/// Number of occurrences that do not overlap; between all characters for an empty needle.
fn count(text: &[u8], needle: &[u8]) -> u64 {
    if needle.is_empty() {
        return u64::from(count_chars(text)) + 1;
    }
    let (mut found, mut at) = (0, 0);
    while let Some(next) = find_from(text, needle, at) {
        found += 1;
        at = next + needle.len();
    }
    found
}

/// `a == b`.
#[unsafe(no_mangle)]
pub extern "C" fn str_eq(a: P, b: P) -> i32 {
    (a == b || content(a) == content(b)) as i32
}

/// Whether a `str` is one character of ASCII.
#[unsafe(no_mangle)]
pub extern "C" fn str_is_letter(s: P, code: u32) -> i32 {
    (content(s).len() == 1 && u32::from(byte(content(s), 0)) == code) as i32
}

/// Whether `s[index]` is a character of ASCII.
#[unsafe(no_mangle)]
pub extern "C" fn str_letter_at(s: P, index: i64, code: u32) -> i32 {
    let Some(at) = position(index, chars(s)) else {
        return truth(fail_common(common::STR_INDEX));
    };
    let text = content(s);
    let at = if is_ascii(s) { at as usize } else { offset_of(text, at as usize) };
    // The first byte of any other character is not of ASCII.
    (u32::from(byte(text, at)) == code) as i32
}

/// -1, 0 or 1. The order of UTF-8 is that of code points.
#[unsafe(no_mangle)]
pub extern "C" fn str_compare(a: P, b: P) -> i32 {
    content(a).cmp(content(b)) as i32
}

/// `part in s`.
#[unsafe(no_mangle)]
pub extern "C" fn str_contains(s: P, needle: P) -> i32 {
    find_from(content(s), content(needle), 0).is_some() as i32
}

/// The part of `s` within bounds in code points, its offset in code points and bytes.
fn window(s: P, start: i64, stop: i64, given: u32) -> Option<(&'static [u8], i64, usize)> {
    let (from, to) = search_bounds(chars(s), start, stop, given);
    if from > to {
        return None;
    }
    let text = content(s);
    if is_ascii(s) {
        return Some((part(text, from as usize, to as usize), from, from as usize));
    }
    let start = offset_of(text, from as usize);
    let end = start + offset_of(part(text, start, text.len()), (to - from) as usize);
    Some((part(text, start, end), from, start))
}

fn find(s: P, needle: P, start: i64, stop: i64, given: u32, reverse: u32) -> Option<i64> {
    let (text, from, _) = window(s, start, stop, given)?;
    let found = if reverse == 0 {
        find_from(text, content(needle), 0)
    } else {
        find_back(text, content(needle), text.len())
    }?;
    Some(
        from + if is_ascii(s) {
            found as i64
        } else {
            i64::from(count_chars(part(text, 0, found)))
        },
    )
}

/// `s.find(part, start, stop)` and `rfind`.
#[unsafe(no_mangle)]
pub extern "C" fn str_find(
    s: P,
    needle: P,
    start: i64,
    stop: i64,
    given: u32,
    reverse: u32,
) -> i64 {
    find(s, needle, start, stop, given, reverse).unwrap_or(-1)
}

/// `s.index(part, start, stop)` and `rindex`.
#[unsafe(no_mangle)]
pub extern "C" fn str_index_of(
    s: P,
    needle: P,
    start: i64,
    stop: i64,
    given: u32,
    reverse: u32,
) -> i32 {
    ret_int(match find(s, needle, start, stop, given, reverse) {
        Some(at) => Some(at),
        None => value_error(b"substring not found"),
    })
}

/// `s.count(part, start, stop)`.
#[unsafe(no_mangle)]
pub extern "C" fn str_count(s: P, needle: P, start: i64, stop: i64, given: u32) -> i64 {
    match window(s, start, stop, given) {
        Some((text, _, _)) => count(text, content(needle)) as i64,
        None => 0,
    }
}

/// `s.startswith(prefix)`.
#[unsafe(no_mangle)]
pub extern "C" fn str_startswith(s: P, prefix: P) -> i32 {
    let (text, prefix) = (content(s), content(prefix));
    (prefix.len() <= text.len() && part(text, 0, prefix.len()) == prefix) as i32
}

/// `s.endswith(suffix)`.
#[unsafe(no_mangle)]
pub extern "C" fn str_endswith(s: P, suffix: P) -> i32 {
    let (text, suffix) = (content(s), content(suffix));
    (suffix.len() <= text.len() && part(text, text.len() - suffix.len(), text.len()) == suffix)
        as i32
}

/// `s.removeprefix(prefix)`.
#[unsafe(no_mangle)]
pub extern "C" fn str_removeprefix(s: P, prefix: P) -> Option<P> {
    let text = content(s);
    if str_startswith(s, prefix) == 0 {
        return Some(retain(s));
    }
    new_str(part(text, content(prefix).len(), text.len()))
}

/// `s.removesuffix(suffix)`.
#[unsafe(no_mangle)]
pub extern "C" fn str_removesuffix(s: P, suffix: P) -> Option<P> {
    let text = content(s);
    if str_endswith(s, suffix) == 0 {
        return Some(retain(s));
    }
    new_str(part(text, 0, text.len() - content(suffix).len()))
}

/// `s.partition(separator)` and `rpartition`.
#[unsafe(no_mangle)]
pub extern "C" fn str_partition(s: P, separator: P, reverse: u32) -> Option<P> {
    let (text, needle) = (content(s), content(separator));
    if needle.is_empty() {
        return value_error(b"empty separator");
    }
    let found =
        if reverse == 0 { find_from(text, needle, 0) } else { find_back(text, needle, text.len()) };
    let tuple = tuple_new(3)?;
    let items = match found {
        Some(at) => [
            new_str(part(text, 0, at))?,
            retain(separator),
            new_str(part(text, at + needle.len(), text.len()))?,
        ],
        None if reverse == 0 => [retain(s), new_str(b"")?, new_str(b"")?],
        None => [new_str(b"")?, new_str(b"")?, retain(s)],
    };
    let mut to = tuple_slots(tuple);
    for item in items {
        crate::mem::store(to, item.slot());
        to += 8;
    }
    Some(tuple)
}

/// `s.replace(old, new, count)`.
#[unsafe(no_mangle)]
pub extern "C" fn str_replace(s: P, old: P, new: P, count: i64) -> Option<P> {
    let (text, old, new) = (content(s), content(old), content(new));
    let mut left = if count < 0 { u64::MAX } else { count as u64 };
    let mut out = Buffer::new();
    let mut at = 0;
    if old.is_empty() {
        while left > 0 && at <= text.len() {
            out.text(new)?;
            left -= 1;
            if at == text.len() {
                return out.into_str();
            }
            let next = at + width(crate::mem::byte(text, at));
            out.text(part(text, at, next))?;
            at = next;
        }
    } else {
        while left > 0 {
            let Some(found) = find_from(text, old, at) else { break };
            out.text(part(text, at, found))?;
            out.text(new)?;
            at = found + old.len();
            left -= 1;
        }
        if at == 0 {
            return Some(retain(s));
        }
    }
    out.text(part(text, at, text.len()))?;
    out.into_str()
}

/// `part in b` of bytes.
#[unsafe(no_mangle)]
pub extern "C" fn bytes_contains(b: P, needle: P) -> i32 {
    str_contains(b, needle)
}

/// `b.find(part)` and `rfind` of bytes.
#[unsafe(no_mangle)]
pub extern "C" fn bytes_find(b: P, needle: P, reverse: u32) -> i64 {
    let text = content(b);
    let found = if reverse == 0 {
        find_from(text, content(needle), 0)
    } else {
        find_back(text, content(needle), text.len())
    };
    match found {
        Some(at) => at as i64,
        None => -1,
    }
}
