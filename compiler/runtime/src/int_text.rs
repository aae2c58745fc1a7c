//! Ints to text and back.

use crate::buffer::Buffer;
use crate::mem::{P, byte, part, store};
use crate::object::{blank_str, content, data, new_str};
use crate::raise::{fail_text, overflow, value_error};
use crate::shared::class;
use crate::state::ret_int;
use crate::text::{char_at, char_before};
use crate::unicode;

/// Most digits of an int in base 2, with a sign.
const DIGITS_MAX: usize = 68;

/// Digits of an int, written from the right.
pub struct Digits {
    bytes: [u8; DIGITS_MAX],
    start: usize,
}

impl Digits {
    /// The digits of `value` in a base up to 36.
    pub fn new(mut value: u64, base: u64, upper: bool) -> Self {
        let mut digits = Self { bytes: [0; DIGITS_MAX], start: DIGITS_MAX };
        let letters = if upper { b'A' } else { b'a' } - 10;
        loop {
            let digit = (value % base) as u8;
            digits.push_front(digit + if digit < 10 { b'0' } else { letters });
            value /= base;
            if value == 0 {
                return digits;
            }
        }
    }

    /// Puts a byte in front.
    pub fn push_front(&mut self, byte: u8) {
        if self.start > 0 && self.start <= DIGITS_MAX {
            self.start -= 1;
            self.bytes[self.start] = byte;
        }
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        part(&self.bytes, self.start, DIGITS_MAX)
    }
}

/// Appends an int in decimal.
pub fn write(out: &mut Buffer, value: i64) -> Option<()> {
    let mut digits = Digits::new(value.unsigned_abs(), 10, false);
    if value < 0 {
        digits.push_front(b'-');
    }
    out.text(digits.bytes())
}

/// `str(a)`.
#[unsafe(no_mangle)]
pub extern "C" fn int_str(a: i64) -> Option<P> {
    let (sign, mut rest) = (u32::from(a < 0), a.unsigned_abs());
    let length = sign + rest.checked_ilog10().unwrap_or(0) + 1;
    let object = blank_str(u64::from(length), length)?;
    let start = data(object);
    if a < 0 {
        store(start, b'-');
    }
    let mut end = start + length;
    while end > start + sign {
        end -= 1;
        store(end, b'0' + (rest % 10) as u8);
        rest /= 10;
    }
    Some(object)
}

/// `bin`, `oct` or `hex` of `a`.
#[unsafe(no_mangle)]
pub extern "C" fn int_base_str(a: i64, base: u32) -> Option<P> {
    let mut digits = Digits::new(a.unsigned_abs(), u64::from(base), false);
    digits.push_front(match base {
        2 => b'b',
        8 => b'o',
        _ => b'x',
    });
    digits.push_front(b'0');
    if a < 0 {
        digits.push_front(b'-');
    }
    new_str(digits.bytes())
}

/// Text without the white space around it.
pub fn trimmed(text: &[u8]) -> &[u8] {
    let (mut from, mut to) = (0, text.len());
    while from < to {
        let (char, width) = char_at(text, from);
        if !unicode::is_space(char) {
            break;
        }
        from += width;
    }
    while to > from {
        let (char, width) = char_before(part(text, from, to), to - from);
        if !unicode::is_space(char) {
            break;
        }
        to -= width;
    }
    part(text, from, to)
}

/// `int(text, base)`.
#[unsafe(no_mangle)]
pub extern "C" fn int_parse(text: P, base: i64) -> i32 {
    ret_int(if base != 0 && !(2..=36).contains(&base) {
        value_error(b"int() base must be >= 2 and <= 36, or 0")
    } else {
        match parse(trimmed(content(text)), base as u64) {
            Ok(value) => Some(value),
            Err(Reason::Overflow) => overflow(),
            Err(Reason::Syntax) => invalid(text, base),
        }
    })
}

enum Reason {
    Syntax,
    Overflow,
}

fn invalid(text: P, base: i64) -> Option<i64> {
    let mut message = Buffer::new();
    message.text(b"invalid literal for int() with base ")?;
    write(&mut message, base)?;
    message.text(b": ")?;
    crate::repr::write_str(&mut message, content(text))?;
    fail_text(class::VALUE_ERROR, message)
}

fn parse(text: &[u8], mut base: u64) -> Result<i64, Reason> {
    let mut at = 0;
    let mut negative = false;
    if let Some(&sign @ (b'+' | b'-')) = text.first() {
        negative = sign == b'-';
        at = 1;
    }
    let prefix = if at + 2 <= text.len() && byte(text, at) == b'0' {
        match byte(text, at + 1) | 0x20 {
            b'b' => 2,
            b'o' => 8,
            b'x' => 16,
            _ => 0,
        }
    } else {
        0
    };
    // After a prefix an underscore may come first.
    let mut after_digit = false;
    let mut zeros_only = false;
    if prefix != 0 && (base == 0 || base == prefix) {
        base = prefix;
        at += 2;
        after_digit = true;
    } else if base == 0 {
        base = 10;
        // Without a prefix a leading zero is allowed only for zero itself.
        zeros_only = at < text.len() && byte(text, at) == b'0';
    }
    let mut value = 0u64;
    let mut too_large = false;
    let mut any = false;
    let mut last_was_underscore = false;
    while at < text.len() {
        let (char, width) = char_at(text, at);
        at += width;
        if char == u32::from(b'_') {
            if last_was_underscore || !after_digit {
                return Err(Reason::Syntax);
            }
            last_was_underscore = true;
            continue;
        }
        let Some(digit) = digit_value(char) else { return Err(Reason::Syntax) };
        if digit >= base || zeros_only && digit != 0 {
            return Err(Reason::Syntax);
        }
        any = true;
        after_digit = true;
        last_was_underscore = false;
        match value.checked_mul(base).and_then(|shifted| shifted.checked_add(digit)) {
            Some(next) => value = next,
            None => too_large = true,
        }
    }
    if !any || last_was_underscore {
        return Err(Reason::Syntax);
    }
    if too_large || value > i64::MAX as u64 + negative as u64 {
        return Err(Reason::Overflow);
    }
    let value = value as i64;
    Ok(if negative { value.wrapping_neg() } else { value })
}

/// What a digit of any script, or a letter, stands for.
fn digit_value(char: u32) -> Option<u64> {
    let byte = (char & 0xff) as u8;
    if char < 0x80 {
        return match byte {
            b'0'..=b'9' => Some(u64::from(byte - b'0')),
            b'a'..=b'z' => Some(u64::from(byte - b'a') + 10),
            b'A'..=b'Z' => Some(u64::from(byte - b'A') + 10),
            _ => None,
        };
    }
    unicode::decimal_value(char).map(u64::from)
}
