//! Properties of characters, as CPython's `str` knows them.

use crate::mem::byte;
use crate::text::char_at;
use crate::unicode_tables as tables;

/// The stretch a character is in: whether it has the property, and where the stretch begins.
fn stretch(table: &[u8], char: u32) -> (bool, u32) {
    let (mut at, mut start, mut inside) = (0, 0u32, false);
    while at < table.len() {
        let mut length = 0u32;
        loop {
            let group = byte(table, at);
            at += 1;
            length = length << 7 | u32::from(group & 0x7f);
            if group & 0x80 == 0 || at >= table.len() {
                break;
            }
        }
        if char - start < length {
            return (inside, start);
        }
        start += length;
        inside = !inside;
    }
    (false, start)
}

/// `isspace`.
pub fn is_space(char: u32) -> bool {
    matches!(char,
        0x09..=0x0d | 0x1c..=0x20 | 0x85 | 0xa0 | 0x1680 | 0x2000..=0x200a | 0x2028 | 0x2029
        | 0x202f | 0x205f | 0x3000)
}

/// `isprintable`.
pub fn is_printable(char: u32) -> bool {
    if char < 0x7f { char >= 0x20 } else { stretch(tables::PRINTABLE, char).0 }
}

/// `isalpha`.
pub fn is_alpha(char: u32) -> bool {
    if char < 0x80 { matches!(char | 0x20, 0x61..=0x7a) } else { stretch(tables::ALPHA, char).0 }
}

/// Value of a decimal digit of any script.
pub fn decimal_value(char: u32) -> Option<u8> {
    let (is_decimal, start) = stretch(tables::DECIMAL, char);
    if is_decimal { Some(((char - start) % 10) as u8) } else { None }
}

/// `isdecimal`.
pub fn is_decimal(char: u32) -> bool {
    if char < 0x80 { matches!(char, 0x30..=0x39) } else { stretch(tables::DECIMAL, char).0 }
}

/// `isdigit`.
pub fn is_digit(char: u32) -> bool {
    if char < 0x80 { matches!(char, 0x30..=0x39) } else { stretch(tables::DIGIT, char).0 }
}

/// `isnumeric`.
pub fn is_numeric(char: u32) -> bool {
    if char < 0x80 { matches!(char, 0x30..=0x39) } else { stretch(tables::NUMERIC, char).0 }
}

/// Has the property Lowercase.
pub fn is_lower(char: u32) -> bool {
    if char < 0x80 { matches!(char, 0x61..=0x7a) } else { stretch(tables::LOWER, char).0 }
}

/// Has the property Uppercase.
pub fn is_upper(char: u32) -> bool {
    if char < 0x80 { matches!(char, 0x41..=0x5a) } else { stretch(tables::UPPER, char).0 }
}

/// Is a title-case letter such as U+01C5.
pub fn is_title(char: u32) -> bool {
    char >= 0x80 && stretch(tables::TITLE, char).0
}

/// Whether the search for what is before or after a sigma looks past this character.
pub fn is_case_ignorable(char: u32) -> bool {
    stretch(tables::IGNORABLE, char).0
}

/// The title case of a character if it is not its upper case: UTF-8 of up to three characters.
pub fn title_exception(char: u32) -> Option<&'static [u8]> {
    let table = tables::TITLE_CASE.as_bytes();
    let mut at = 0;
    while at < table.len() {
        let (found, width) = char_at(table, at);
        let from = at + width;
        let mut to = from;
        while byte(table, to) != 0 {
            to += 1;
        }
        if found == char {
            return Some(crate::mem::part(table, from, to));
        }
        at = to + 1;
    }
    None
}
