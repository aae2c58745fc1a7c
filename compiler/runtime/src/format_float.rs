//! `format` of floats.

use crate::buffer::Buffer;
use crate::decimal::Decimal;
use crate::float_text::{write_digits, write_exponent};
use crate::format::{Number, number, sign_text};
use crate::format_spec::{Spec, parse, unknown_kind};
use crate::mem::{P, part};
use crate::object::content;
use crate::raise::value_error;

/// `format(x, spec)` of a float.
#[unsafe(no_mangle)]
pub extern "C" fn format_float(x: f64, spec: P) -> Option<P> {
    if content(spec).is_empty() {
        return crate::float_text::float_repr(x);
    }
    let spec = parse(content(spec), b'>', b"float")?;
    let kind = if spec.kind < 0x80 { spec.kind as u8 } else { 0xff };
    if !matches!(kind, 0 | b'e' | b'E' | b'f' | b'F' | b'g' | b'G' | b'n' | b'%') {
        return unknown_kind(spec.kind, b"float");
    }
    let mut out = Buffer::new();
    write(&mut out, x, &spec)?;
    out.into_str()
}

/// Appends a float by a specification whose type is one for floats.
pub fn write(out: &mut Buffer, x: f64, spec: &Spec) -> Option<()> {
    if spec.precision > i64::from(i32::MAX) {
        return value_error(b"precision too big");
    }
    let kind = spec.kind as u8;
    let upper = kind.is_ascii_uppercase();
    let percent = kind == b'%';
    let x = if percent { x * 100.0 } else { x };
    let mut text = Buffer::new();
    let mut negative = x.is_sign_negative() && !x.is_nan();
    if x.is_finite() {
        let is_zero = write_number(&mut text, x, spec, kind)?;
        negative = negative && !(spec.no_negative_zero && is_zero);
    } else {
        text.text(match (x.is_nan(), upper) {
            (true, false) => b"nan",
            (true, true) => b"NAN",
            (false, false) => b"inf",
            (false, true) => b"INF",
        })?;
    }
    if percent {
        text.byte(b'%')?;
    }
    let bytes = text.bytes();
    let mut whole = 0;
    while whole < bytes.len() && crate::mem::byte(bytes, whole).is_ascii_digit() {
        whole += 1;
    }
    let parts = Number {
        sign: sign_text(negative, spec),
        prefix: b"",
        digits: part(bytes, 0, whole),
        rest: part(bytes, whole, bytes.len()),
    };
    number(out, &parts, spec, 3)?;
    text.free();
    Some(())
}

/// Appends the size of a finite float; whether all digits shown are 0.
fn write_number(out: &mut Buffer, x: f64, spec: &Spec, kind: u8) -> Option<bool> {
    let size = libm::fabs(x);
    // Without a type the result is `repr`'s, or `g` with a digit after the point.
    let add_dot = kind == 0;
    let style = match kind | 0x20 {
        b'e' => b'e',
        b'f' | b'%' => b'f',
        _ => b'g',
    };
    let shortest = kind == 0 && spec.precision < 0;
    let mut precision = if spec.precision < 0 { 6 } else { spec.precision as i32 };
    if style == b'g' && precision == 0 {
        precision = 1;
    }
    let mut decimal = if shortest { Decimal::shortest(size) } else { Decimal::exact(size) };
    if !shortest {
        match style {
            b'e' => decimal.round_digits(precision.saturating_add(1)),
            b'f' => decimal.round_places(precision),
            _ => decimal.round_digits(precision),
        }
    }
    let is_zero = decimal.count == 0;
    if is_zero {
        decimal.point = 1;
    }
    let count = if is_zero { 1 } else { decimal.count as i32 };
    let point = decimal.point;
    let (exponential, mut end) = match style {
        b'e' => (true, precision.saturating_add(1)),
        b'f' => (false, point.saturating_add(precision)),
        _ if shortest => (point <= -4 || point > 16, count),
        _ => (
            point <= -4 || point > precision - add_dot as i32,
            if spec.alternate { precision } else { count },
        ),
    };
    let point = if exponential { 1 } else { point };
    let start = if point <= 0 { point - 1 } else { 0 };
    let least = if !exponential && add_dot { point + 1 } else { point };
    if end < least {
        end = least;
    }
    write_digits(out, &decimal, start, point)?;
    if end > point || spec.alternate {
        out.byte(b'.')?;
    }
    write_digits(out, &decimal, point, end)?;
    if exponential {
        let letter = if kind.is_ascii_uppercase() { b'E' } else { b'e' };
        write_exponent(out, decimal.point - 1, letter)?;
    }
    Some(is_zero)
}
