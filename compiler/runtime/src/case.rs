//! `lower`, `upper`, `title`, `capitalize` and `swapcase`, also beyond ASCII.

use crate::buffer::Buffer;
use crate::mem::{P, byte, load, store};
use crate::object::{blank_str, content, data, is_ascii};
use crate::shared::case;
use crate::text::{char_at, char_before};
use crate::unicode;

const FINAL_SIGMA: u32 = 0x3c2;
const SMALL_SIGMA: u32 = 0x3c3;
const CAPITAL_SIGMA: u32 = 0x3a3;

/// A one in each of eight bytes.
const ONES: u64 = 0x0101_0101_0101_0101;

/// `s.lower()` and its kin.
#[unsafe(no_mangle)]
pub extern "C" fn str_case(s: P, mode: u32) -> Option<P> {
    let text = content(s);
    if is_ascii(s) {
        return ascii(text, mode);
    }
    let mut out = Buffer::new();
    let (mut at, mut first, mut in_word) = (0, true, false);
    while at < text.len() {
        let (char, width) = char_at(text, at);
        match mode {
            case::LOWER => lower(&mut out, text, at, char)?,
            case::UPPER => upper(&mut out, char)?,
            case::CAPITALIZE if first => title(&mut out, char)?,
            case::CAPITALIZE => lower(&mut out, text, at, char)?,
            case::TITLE => {
                if in_word {
                    lower(&mut out, text, at, char)?;
                } else {
                    title(&mut out, char)?;
                }
                in_word = is_cased(char);
            }
            _ => {
                if unicode::is_upper(char) {
                    lower(&mut out, text, at, char)?;
                } else if unicode::is_lower(char) {
                    upper(&mut out, char)?;
                } else {
                    out.char(char)?;
                }
            }
        }
        first = false;
        at += width;
    }
    out.into_str()
}

fn ascii(text: &[u8], mode: u32) -> Option<P> {
    let object = blank_str(text.len() as u64, text.len() as u32)?;
    let mut done = 0;
    if let case::LOWER | case::UPPER = mode {
        // Eight at a time: of those from `first` to `last`, and no others, exactly one of two sums has its top bit set.
        let first = if mode == case::LOWER { b'A' } else { b'a' };
        let (from, beyond) = (0x80 - u64::from(first), 0x80 - u64::from(first) - 26);
        while done + 8 <= text.len() {
            let word: u64 = load(text.as_ptr() as u32 + done as u32);
            let is_at = word.wrapping_add(from * ONES) & !word.wrapping_add(beyond * ONES);
            store(data(object) + done as u32, word ^ ((is_at & (0x80 * ONES)) >> 2));
            done += 8;
        }
    }
    let mut in_word = false;
    for index in done..text.len() {
        let byte = byte(text, index);
        let changed = match mode {
            case::LOWER => byte.to_ascii_lowercase(),
            case::UPPER => byte.to_ascii_uppercase(),
            case::TITLE if !in_word => byte.to_ascii_uppercase(),
            case::CAPITALIZE if index == 0 => byte.to_ascii_uppercase(),
            case::TITLE | case::CAPITALIZE => byte.to_ascii_lowercase(),
            _ if byte.is_ascii_uppercase() => byte | 0x20,
            _ => byte.to_ascii_uppercase(),
        };
        in_word = byte.is_ascii_alphabetic();
        store(data(object) + index as u32, changed);
    }
    Some(object)
}

fn is_cased(char: u32) -> bool {
    unicode::is_lower(char) || unicode::is_upper(char) || unicode::is_title(char)
}

fn upper(out: &mut Buffer, char: u32) -> Option<()> {
    // SAFETY: text holds Unicode scalar values only.
    for mapped in unsafe { char::from_u32_unchecked(char) }.to_uppercase() {
        out.char(mapped as u32)?;
    }
    Some(())
}

fn title(out: &mut Buffer, char: u32) -> Option<()> {
    match unicode::title_exception(char) {
        Some(mapped) => out.text(mapped),
        None => upper(out, char),
    }
}

fn lower(out: &mut Buffer, text: &[u8], at: usize, char: u32) -> Option<()> {
    if char == CAPITAL_SIGMA {
        return out.char(if is_final_sigma(text, at) { FINAL_SIGMA } else { SMALL_SIGMA });
    }
    // SAFETY: text holds Unicode scalar values only.
    for mapped in unsafe { char::from_u32_unchecked(char) }.to_lowercase() {
        out.char(mapped as u32)?;
    }
    Some(())
}

/// Whether a sigma ends a word: a cased letter before it, none after it, others let aside.
fn is_final_sigma(text: &[u8], at: usize) -> bool {
    let mut before = at;
    let preceded = loop {
        if before == 0 {
            break false;
        }
        let (char, width) = char_before(text, before);
        before -= width;
        if !unicode::is_case_ignorable(char) {
            break is_cased(char);
        }
    };
    let mut after = at + 2;
    preceded
        && loop {
            if after >= text.len() {
                break true;
            }
            let (char, width) = char_at(text, after);
            after += width;
            if !unicode::is_case_ignorable(char) {
                break !is_cased(char);
            }
        }
}
