//! `join` and the ways to take a `str` apart.

use crate::buffer::Buffer;
use crate::list::push;
use crate::mem::{P, byte, part, slot};
use crate::object::{blank_list, content, len, new_str, retain, slots};
use crate::raise::value_error;
use crate::shared::layout;
use crate::str_find::{find_back, find_from};
use crate::text::{char_at, char_before};
use crate::unicode::is_space;

/// `separator.join(parts)`.
#[unsafe(no_mangle)]
pub extern "C" fn str_join(separator: P, parts: P) -> Option<P> {
    let count = len(parts);
    if count == 1 {
        return Some(retain(P::from_slot(slot(slots(parts), 0))));
    }
    let mut total = content(separator).len() as u64 * u64::from(count.saturating_sub(1));
    for index in 0..count {
        total += u64::from(P::from_slot(slot(slots(parts), index)).u32(layout::STR_BYTES));
    }
    let mut out = Buffer::new();
    out.reserve(total)?;
    for index in 0..count {
        if index > 0 {
            out.text(content(separator))?;
        }
        out.text(content(P::from_slot(slot(slots(parts), index))))?;
    }
    out.into_str()
}

/// Appends a piece to a list of pieces.
fn add(list: P, text: &[u8]) -> Option<()> {
    push(list, new_str(text)?.slot())
}

fn limit(maxsplit: i64) -> u64 {
    if maxsplit < 0 { u64::MAX } else { maxsplit as u64 }
}

/// Offset of the first character from `at` on for which white space is `wanted`, or the end.
fn skip(text: &[u8], mut at: usize, wanted: bool) -> usize {
    while at < text.len() {
        let (char, width) = char_at(text, at);
        if is_space(char) == wanted {
            break;
        }
        at += width;
    }
    at
}

/// End of the last character before `at` for which white space is `wanted`, or 0.
fn skip_back(text: &[u8], mut at: usize, wanted: bool) -> usize {
    while at > 0 {
        let (char, width) = char_before(text, at);
        if is_space(char) == wanted {
            break;
        }
        at -= width;
    }
    at
}

/// `s.split(separator, maxsplit)`.
#[unsafe(no_mangle)]
pub extern "C" fn str_split(s: P, separator: Option<P>, maxsplit: i64) -> Option<P> {
    let text = content(s);
    let list = blank_list(0)?;
    let mut left = limit(maxsplit);
    let Some(separator) = separator else {
        let mut at = skip(text, 0, false);
        while at < text.len() {
            let end = if left == 0 { text.len() } else { skip(text, at, true) };
            add(list, part(text, at, end))?;
            if left == 0 {
                break;
            }
            left -= 1;
            at = skip(text, end, false);
        }
        return Some(list);
    };
    let needle = content(separator);
    if needle.is_empty() {
        return value_error(b"empty separator");
    }
    let mut at = 0;
    while left > 0 {
        let Some(found) = find_from(text, needle, at) else { break };
        add(list, part(text, at, found))?;
        at = found + needle.len();
        left -= 1;
    }
    add(list, part(text, at, text.len()))?;
    Some(list)
}

/// `s.rsplit(separator, maxsplit)`.
#[unsafe(no_mangle)]
pub extern "C" fn str_rsplit(s: P, separator: Option<P>, maxsplit: i64) -> Option<P> {
    let text = content(s);
    let list = blank_list(0)?;
    let mut left = limit(maxsplit);
    if let Some(separator) = separator {
        let needle = content(separator);
        if needle.is_empty() {
            return value_error(b"empty separator");
        }
        let mut end = text.len();
        while left > 0 {
            let Some(found) = find_back(text, needle, end) else { break };
            add(list, part(text, found + needle.len(), end))?;
            end = found;
            left -= 1;
        }
        add(list, part(text, 0, end))?;
    } else {
        let mut end = skip_back(text, text.len(), false);
        while end > 0 {
            let start = if left == 0 { 0 } else { skip_back(text, end, true) };
            add(list, part(text, start, end))?;
            if left == 0 {
                break;
            }
            left -= 1;
            end = skip_back(text, start, false);
        }
    }
    crate::list::list_reverse(list);
    Some(list)
}

/// Bytes of the line end at an offset, or 0.
fn line_end(text: &[u8], at: usize) -> usize {
    if byte(text, at) == b'\r' && at + 1 < text.len() && byte(text, at + 1) == b'\n' {
        return 2;
    }
    let (char, width) = char_at(text, at);
    if matches!(char, 0x0a..=0x0d | 0x1c..=0x1e | 0x85 | 0x2028 | 0x2029) { width } else { 0 }
}

/// `s.splitlines(keepends)`.
#[unsafe(no_mangle)]
pub extern "C" fn str_splitlines(s: P, keepends: u32) -> Option<P> {
    let text = content(s);
    let list = blank_list(0)?;
    let (mut start, mut at) = (0, 0);
    while at < text.len() {
        let end = line_end(text, at);
        if end == 0 {
            at += char_at(text, at).1;
            continue;
        }
        add(list, part(text, start, if keepends != 0 { at + end } else { at }))?;
        at += end;
        start = at;
    }
    if start < text.len() {
        add(list, part(text, start, text.len()))?;
    }
    Some(list)
}
