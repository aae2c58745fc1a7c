//! UTF-8: counting, reading, writing and walking characters.

use crate::mem::{byte, store};

/// Whether a byte begins a character.
#[inline(always)]
pub fn is_start(byte: u8) -> bool {
    byte & 0xc0 != 0x80
}

/// Number of code points.
pub fn count_chars(text: &[u8]) -> u32 {
    let mut count = 0;
    for &byte in text {
        count += is_start(byte) as u32;
    }
    count
}

/// Bytes of the character that a start byte begins.
#[inline(always)]
pub fn width(start: u8) -> usize {
    match start {
        0..0x80 => 1,
        0x80..0xe0 => 2,
        0xe0..0xf0 => 3,
        _ => 4,
    }
}

/// The character at a byte offset, which begins one, and its width.
#[inline]
pub fn char_at(text: &[u8], offset: usize) -> (u32, usize) {
    let first = byte(text, offset);
    let rest = |index: usize| u32::from(byte(text, offset + index) & 0x3f);
    match width(first) {
        1 => (u32::from(first), 1),
        2 => (u32::from(first & 0x1f) << 6 | rest(1), 2),
        3 => (u32::from(first & 0x0f) << 12 | rest(1) << 6 | rest(2), 3),
        _ => (u32::from(first & 0x07) << 18 | rest(1) << 12 | rest(2) << 6 | rest(3), 4),
    }
}

/// The character that ends at a byte offset above 0, and its width.
pub fn char_before(text: &[u8], end: usize) -> (u32, usize) {
    let mut start = end - 1;
    while start > 0 && !is_start(byte(text, start)) {
        start -= 1;
    }
    char_at(text, start)
}

/// Byte offset of a code point; the end for the number of all.
pub fn offset_of(text: &[u8], mut index: usize) -> usize {
    let mut offset = 0;
    while index > 0 && offset < text.len() {
        offset += width(byte(text, offset));
        index -= 1;
    }
    offset
}

/// Writes a character at an address, and returns its width.
#[inline]
pub fn write_char(to: u32, char: u32) -> u32 {
    let tail = |shift: u32| (char >> shift) as u8 & 0x3f | 0x80;
    match char {
        0..0x80 => {
            store(to, char as u8);
            1
        }
        0x80..0x800 => {
            store(to, (char >> 6) as u8 | 0xc0);
            store(to + 1, tail(0));
            2
        }
        0x800..0x1_0000 => {
            store(to, (char >> 12) as u8 | 0xe0);
            store(to + 1, tail(6));
            store(to + 2, tail(0));
            3
        }
        _ => {
            store(to, (char >> 18) as u8 | 0xf0);
            store(to + 1, tail(12));
            store(to + 2, tail(6));
            store(to + 3, tail(0));
            4
        }
    }
}

/// Whether bytes are UTF-8.
pub fn is_utf8(text: &[u8]) -> bool {
    let mut offset = 0;
    while offset < text.len() {
        let first = byte(text, offset);
        if first < 0x80 {
            offset += 1;
            continue;
        }
        let width = width(first);
        if !(0xc2..0xf5).contains(&first) || offset + width > text.len() {
            return false;
        }
        for index in 1..width {
            if is_start(byte(text, offset + index)) {
                return false;
            }
        }
        let (char, _) = char_at(text, offset);
        let shortest = match width {
            2 => 0x80,
            3 => 0x800,
            _ => 0x1_0000,
        };
        if char < shortest || char > 0x10_ffff || (0xd800..0xe000).contains(&char) {
            return false;
        }
        offset += width;
    }
    true
}
