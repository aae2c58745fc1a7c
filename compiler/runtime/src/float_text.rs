//! Floats to text and back, as `repr` and `float` do it.

use crate::buffer::Buffer;
use crate::decimal::Decimal;
use crate::int_text::trimmed;
use crate::mem::{P, byte};
use crate::object::content;
use crate::raise::fail_text;
use crate::shared::class;
use crate::state::ret_float;
use crate::text::char_at;
use crate::unicode;

/// Appends `repr(x)`.
pub fn write(out: &mut Buffer, x: f64) -> Option<()> {
    if x.is_nan() {
        return out.text(b"nan");
    }
    if x.is_sign_negative() {
        out.byte(b'-')?;
    }
    if x.is_infinite() {
        return out.text(b"inf");
    }
    if x == 0.0 {
        return out.text(b"0.0");
    }
    let decimal = Decimal::shortest(libm::fabs(x));
    if decimal.point > 16 || decimal.point < -3 {
        write_digits(out, &decimal, 0, 1)?;
        if decimal.count > 1 {
            out.byte(b'.')?;
            write_digits(out, &decimal, 1, decimal.count as i32)?;
        }
        return write_exponent(out, decimal.point - 1, b'e');
    }
    write_fixed(
        out,
        &decimal,
        if decimal.count as i32 > decimal.point { decimal.count as i32 - decimal.point } else { 1 },
    )
}

/// Appends digits `from` to `to` of a number; those before its first or after its last are 0.
pub fn write_digits(out: &mut Buffer, decimal: &Decimal, from: i32, to: i32) -> Option<()> {
    for index in from..to {
        let digit = if index < 0 { 0 } else { decimal.digit(index as usize) };
        out.byte(b'0' + digit)?;
    }
    Some(())
}

/// Appends a number with `places` digits after the point, and no point if there are none.
pub fn write_fixed(out: &mut Buffer, decimal: &Decimal, places: i32) -> Option<()> {
    if decimal.point <= 0 {
        out.byte(b'0')?;
    } else {
        write_digits(out, decimal, 0, decimal.point)?;
    }
    if places > 0 {
        out.byte(b'.')?;
        write_digits(out, decimal, decimal.point, decimal.point.saturating_add(places))?;
    }
    Some(())
}

/// Appends an exponent: a sign, and two digits or more.
pub fn write_exponent(out: &mut Buffer, exponent: i32, letter: u8) -> Option<()> {
    out.byte(letter)?;
    out.byte(if exponent < 0 { b'-' } else { b'+' })?;
    let exponent = exponent.unsigned_abs();
    if exponent < 10 {
        out.byte(b'0')?;
    }
    crate::int_text::write(out, i64::from(exponent))
}

/// `repr(x)`.
#[unsafe(no_mangle)]
pub extern "C" fn float_repr(x: f64) -> Option<P> {
    let mut out = Buffer::new();
    write(&mut out, x)?;
    out.into_str()
}

/// `float(text)`.
#[unsafe(no_mangle)]
pub extern "C" fn float_parse(text: P) -> i32 {
    ret_float(match parse(trimmed(content(text))) {
        Some(value) => Some(value),
        None => invalid(text),
    })
}

fn invalid(text: P) -> Option<f64> {
    let mut message = Buffer::new();
    message.text(b"could not convert string to float: ")?;
    crate::repr::write_str(&mut message, content(text))?;
    fail_text(class::VALUE_ERROR, message)
}

/// Whether `text` from `at` on is `word` in any case.
fn is_word(text: &[u8], at: usize, word: &[u8]) -> bool {
    if text.len() != at + word.len() {
        return false;
    }
    for index in 0..word.len() {
        if byte(text, at + index) | 0x20 != byte(word, index) {
            return false;
        }
    }
    true
}

fn parse(text: &[u8]) -> Option<f64> {
    let mut at = 0;
    let mut negative = false;
    if let Some(&sign @ (b'+' | b'-')) = text.first() {
        negative = sign == b'-';
        at = 1;
    }
    let signed = |value: f64| if negative { -value } else { value };
    if is_word(text, at, b"inf") || is_word(text, at, b"infinity") {
        return Some(signed(f64::INFINITY));
    }
    if is_word(text, at, b"nan") {
        return Some(libm::copysign(f64::NAN, signed(1.0)));
    }
    let mut decimal = Decimal::zero();
    let mut point = 0i32;
    let (mut any, mut after_point) = (false, false);
    // Underscores may stand between digits only.
    let mut last = 0u32;
    let mut exponent = 0i32;
    while at < text.len() {
        let (char, width) = char_at(text, at);
        at += width;
        if char == u32::from(b'_') {
            if !is_digit(last) {
                return None;
            }
        } else if char == u32::from(b'.') && !after_point {
            if last == u32::from(b'_') {
                return None;
            }
            after_point = true;
        } else if char | 0x20 == u32::from(b'e') && any {
            if last == u32::from(b'_') {
                return None;
            }
            exponent = parse_exponent(text, at)?;
            last = 0;
            break;
        } else {
            let digit = decimal_digit(char)?;
            if last == u32::from(b'_') && !any {
                return None;
            }
            any = true;
            if decimal.count > 0 || digit != 0 {
                decimal.push(digit);
                point = point.saturating_add(!after_point as i32);
            } else if after_point {
                point = point.saturating_sub(1);
            }
        }
        last = char;
    }
    if !any || last == u32::from(b'_') {
        return None;
    }
    decimal.point = point.saturating_add(exponent);
    decimal.trim();
    Some(signed(decimal.to_float()))
}

/// The exponent from `at` to the end, capped far beyond any that matters.
fn parse_exponent(text: &[u8], mut at: usize) -> Option<i32> {
    let mut negative = false;
    if at < text.len() && matches!(byte(text, at), b'+' | b'-') {
        negative = byte(text, at) == b'-';
        at += 1;
    }
    let mut exponent = 0i32;
    let mut last = 0;
    while at < text.len() {
        let (char, width) = char_at(text, at);
        at += width;
        if char == u32::from(b'_') {
            if !is_digit(last) {
                return None;
            }
        } else {
            let digit = decimal_digit(char)?;
            exponent = exponent.saturating_mul(10).saturating_add(i32::from(digit));
        }
        last = char;
    }
    if !is_digit(last) {
        return None;
    }
    let exponent = if exponent > 1_000_000_000 { 1_000_000_000 } else { exponent };
    Some(if negative { -exponent } else { exponent })
}

fn decimal_digit(char: u32) -> Option<u8> {
    if char < 0x80 {
        let byte = char as u8;
        return if byte.is_ascii_digit() { Some(byte - b'0') } else { None };
    }
    unicode::decimal_value(char)
}

fn is_digit(char: u32) -> bool {
    decimal_digit(char).is_some()
}
