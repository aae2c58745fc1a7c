//! `format` of ints, strs and values of other types.

use crate::buffer::Buffer;
use crate::format_float;
use crate::format_spec::{Spec, parse, unknown_kind};
use crate::int_text::Digits;
use crate::mem::{P, byte, part, store};
use crate::object::{Desc, chars, content, is_ascii, retain};
use crate::raise::{fail, fail_text, value_error};
use crate::repr::value_str;
use crate::shared::{class, kind};
use crate::text::{offset_of, write_char};

/// The parts of a formatted number, from left to right.
pub struct Number<'a> {
    /// `-`, `+`, space or nothing.
    pub sign: &'a [u8],
    /// `0x` and its kin.
    pub prefix: &'a [u8],
    /// Digits before the point: what is grouped.
    pub digits: &'a [u8],
    /// All after them.
    pub rest: &'a [u8],
}

/// The sign to show for a number.
pub fn sign_text(negative: bool, spec: &Spec) -> &'static [u8] {
    match spec.sign {
        _ if negative => b"-",
        b'+' => b"+",
        b' ' => b" ",
        _ => b"",
    }
}

/// Puts a number together by its specification.
pub fn number(out: &mut Buffer, number: &Number<'_>, spec: &Spec, group: usize) -> Option<()> {
    let beside = number.sign.len() + number.prefix.len() + number.rest.len();
    let zero_filled = spec.fill == u32::from(b'0') && spec.align == b'=';
    let mut grouped = Buffer::new();
    let digits = if spec.grouping != 0 && !number.digits.is_empty() {
        let least = if zero_filled { spec.width.saturating_sub(beside as i64) } else { 0 };
        group_digits(&mut grouped, number.digits, spec.grouping, group, least)?;
        grouped.bytes()
    } else {
        number.digits
    };
    let length = (beside + digits.len()) as i64;
    let missing = if spec.width > length { (spec.width - length) as u64 } else { 0 };
    let (left, inside) = match spec.align {
        b'<' => (0, 0),
        b'^' => (missing / 2, 0),
        b'=' => (0, missing),
        _ => (missing, 0),
    };
    out.repeat(spec.fill, left)?;
    out.text(number.sign)?;
    out.text(number.prefix)?;
    out.repeat(spec.fill, inside)?;
    out.text(digits)?;
    out.text(number.rest)?;
    out.repeat(spec.fill, missing - left - inside)?;
    grouped.free();
    Some(())
}

/// Digits with separators, zeros in front up to a least length.
fn group_digits(
    out: &mut Buffer,
    digits: &[u8],
    separator: u8,
    group: usize,
    least: i64,
) -> Option<()> {
    // From the right; then the order is reversed.
    let (mut left, mut missing) = (digits.len(), least);
    loop {
        let wanted = if missing > left as i64 { missing } else { left as i64 };
        let size = if wanted < 1 { 1 } else { wanted as usize };
        let size = if size > group { group } else { size };
        for _ in 0..size {
            if left > 0 {
                left -= 1;
                out.byte(byte(digits, left))?;
            } else {
                out.byte(b'0')?;
            }
        }
        missing -= size as i64;
        if left == 0 && missing <= 0 {
            break;
        }
        missing -= 1;
        out.byte(separator)?;
    }
    let count = out.length;
    for index in 0..count / 2 {
        let (low, high) = (out.start + index, out.start + count - 1 - index);
        let kept: u8 = crate::mem::load(low);
        store(low, crate::mem::load::<u8>(high));
        store(high, kept);
    }
    Some(())
}

/// `format(x, spec)` of an int.
#[unsafe(no_mangle)]
pub extern "C" fn format_int(x: i64, spec: P) -> Option<P> {
    if content(spec).is_empty() {
        return crate::int_text::int_str(x);
    }
    let spec = parse(content(spec), b'>', b"int")?;
    let mut out = Buffer::new();
    let kind = if spec.kind < 0x80 { spec.kind as u8 } else { 0xff };
    match kind {
        0 | b'b' | b'c' | b'd' | b'o' | b'x' | b'X' | b'n' => {
            format_integer(&mut out, x, &spec, kind)?;
        }
        b'e' | b'E' | b'f' | b'F' | b'g' | b'G' | b'%' => {
            format_float::write(&mut out, x as f64, &spec)?;
        }
        _ => return unknown_kind(spec.kind, b"int"),
    }
    out.into_str()
}

fn format_integer(out: &mut Buffer, x: i64, spec: &Spec, kind: u8) -> Option<()> {
    if spec.precision >= 0 {
        return value_error(b"Precision not allowed in integer format specifier");
    }
    if spec.no_negative_zero {
        return value_error(b"Negative zero coercion (z) not allowed in integer format specifier");
    }
    if kind == b'c' {
        return format_char(out, x, spec);
    }
    let (base, prefix): (u64, &[u8]) = match kind {
        b'b' => (2, b"0b"),
        b'o' => (8, b"0o"),
        b'x' => (16, b"0x"),
        b'X' => (16, b"0X"),
        _ => (10, b""),
    };
    let digits = Digits::new(x.unsigned_abs(), base, kind == b'X');
    let parts = Number {
        sign: sign_text(x < 0, spec),
        prefix: if spec.alternate { prefix } else { b"" },
        digits: digits.bytes(),
        rest: b"",
    };
    number(out, &parts, spec, if base == 10 { 3 } else { 4 })
}

fn format_char(out: &mut Buffer, x: i64, spec: &Spec) -> Option<()> {
    if spec.sign != 0 {
        return value_error(b"Sign not allowed with integer format specifier 'c'");
    }
    if spec.alternate {
        return value_error(b"Alternate form (#) not allowed with integer format specifier 'c'");
    }
    if !(0..0x11_0000).contains(&x) {
        return fail(class::OVERFLOW_ERROR, b"%c arg not in range(0x110000)");
    }
    if (0xd800..0xe000).contains(&x) {
        return crate::raise::leave(crate::shared::deopt::TYPE_NOT_PROVED);
    }
    let mut text = [0u8; 4];
    let length = write_char(text.as_mut_ptr() as usize as u32, x as u32);
    let char = part(&text, 0, length as usize);
    // One character, whatever its bytes: the width counts characters.
    let mut wider = Spec { width: spec.width, ..*spec };
    if wider.width >= 0 {
        wider.width += i64::from(length) - 1;
    }
    number(out, &Number { sign: b"", prefix: b"", digits: b"", rest: char }, &wider, 3)
}

/// `format(x, spec)` of a str.
#[unsafe(no_mangle)]
pub extern "C" fn format_str(x: P, spec: P) -> Option<P> {
    if content(spec).is_empty() {
        return Some(retain(x));
    }
    let spec = parse(content(spec), b'<', b"str")?;
    if spec.kind != 0 && spec.kind != u32::from(b's') {
        return unknown_kind(spec.kind, b"str");
    }
    if spec.sign != 0 {
        return value_error(if spec.sign == b' ' {
            b"Space not allowed in string format specifier"
        } else {
            b"Sign not allowed in string format specifier"
        });
    }
    if spec.no_negative_zero {
        return value_error(b"Negative zero coercion (z) not allowed in string format specifier");
    }
    if spec.alternate {
        return value_error(b"Alternate form (#) not allowed in string format specifier");
    }
    if spec.align == b'=' {
        return value_error(b"'=' alignment not allowed in string format specifier");
    }
    let mut text = content(x);
    let mut length = i64::from(chars(x));
    if spec.precision >= 0 && spec.precision < length {
        length = spec.precision;
        let end = if is_ascii(x) { length as usize } else { offset_of(text, length as usize) };
        text = part(text, 0, end);
    }
    let missing = if spec.width > length { (spec.width - length) as u64 } else { 0 };
    let left = match spec.align {
        b'>' => missing,
        b'^' => missing / 2,
        _ => 0,
    };
    let mut out = Buffer::new();
    out.repeat(spec.fill, left)?;
    out.text(text)?;
    out.repeat(spec.fill, missing - left)?;
    out.into_str()
}

/// `format(x, spec)` of any value.
#[unsafe(no_mangle)]
pub extern "C" fn value_format(value: u64, desc: Desc, spec: P) -> Option<P> {
    if content(spec).is_empty() {
        return value_str(value, desc);
    }
    match desc.kind() {
        kind::INT | kind::BOOL => format_int(value as i64, spec),
        kind::FLOAT => format_float::format_float(f64::from_bits(value), spec),
        kind::STR => format_str(P::from_slot(value), spec),
        kind::OPTIONAL if value != 0 => {
            let element = desc.element(0);
            let inner = if element.is_object() {
                value
            } else {
                crate::mem::load(crate::object::tuple_slots(P::from_slot(value)))
            };
            value_format(inner, element, spec)
        }
        kind::UNION => {
            let (value, member) = crate::object::member(P::from_slot(value), desc);
            value_format(value, member, spec)
        }
        found => unsupported(found),
    }
}

fn unsupported(kind: u32) -> Option<P> {
    let name: &[u8] = match kind {
        kind::BYTES => b"bytes",
        kind::LIST => b"list",
        kind::TUPLE | kind::VTUPLE => b"tuple",
        kind::DICT => b"dict",
        kind::SET => b"set",
        kind::FROZENSET => b"frozenset",
        _ => b"NoneType",
    };
    let mut message = Buffer::new();
    message.text(b"unsupported format string passed to ")?;
    message.text(name)?;
    message.text(b".__format__")?;
    fail_text(class::TYPE_ERROR, message)
}
