//! The mini-language of `format`.

use crate::mem::byte;
use crate::raise::{fail_text, value_error};
use crate::shared::class;
use crate::text::char_at;

/// A parsed specification.
pub struct Spec {
    /// Fill character.
    pub fill: u32,
    /// `<`, `>`, `^` or `=`.
    pub align: u8,
    /// `+`, `-` or space; 0 if not given.
    pub sign: u8,
    /// `z`
    pub no_negative_zero: bool,
    /// `#`
    pub alternate: bool,
    /// Least width; -1 if not given.
    pub width: i64,
    /// `,` or `_`; 0 if not given.
    pub grouping: u8,
    /// Digits after the point, or characters of a str; -1 if not given.
    pub precision: i64,
    /// Presentation type; 0 if not given.
    pub kind: u32,
}

fn is_align(char: u32) -> bool {
    matches!(char, 0x3c | 0x3d | 0x3e | 0x5e)
}

/// Reads digits; the number, -1 if there are none.
fn number(spec: &[u8], at: &mut usize) -> Option<i64> {
    let mut value = -1i64;
    while *at < spec.len() && byte(spec, *at).is_ascii_digit() {
        let digit = i64::from(byte(spec, *at) - b'0');
        let shifted = if value < 0 { Some(0) } else { value.checked_mul(10) };
        match shifted.and_then(|shifted| shifted.checked_add(digit)) {
            Some(next) => value = next,
            None => return value_error(b"Too many decimal digits in format string"),
        }
        *at += 1;
    }
    Some(value)
}

/// Reads a specification for a type by its name, whose default alignment this is.
pub fn parse(spec: &[u8], default_align: u8, type_name: &[u8]) -> Option<Spec> {
    let mut found = Spec {
        fill: u32::from(b' '),
        align: default_align,
        sign: 0,
        no_negative_zero: false,
        alternate: false,
        width: -1,
        grouping: 0,
        precision: -1,
        kind: 0,
    };
    let mut at = 0;
    let (mut has_fill, mut has_align) = (false, false);
    if !spec.is_empty() {
        let (first, width) = char_at(spec, 0);
        if width < spec.len() && is_align(u32::from(byte(spec, width))) {
            found.fill = first;
            found.align = byte(spec, width);
            (has_fill, has_align) = (true, true);
            at = width + 1;
        } else if is_align(first) {
            found.align = first as u8;
            has_align = true;
            at = 1;
        }
    }
    let next = |at: usize| if at < spec.len() { byte(spec, at) } else { 0 };
    if matches!(next(at), b' ' | b'+' | b'-') {
        found.sign = next(at);
        at += 1;
    }
    if next(at) == b'z' {
        found.no_negative_zero = true;
        at += 1;
    }
    if next(at) == b'#' {
        found.alternate = true;
        at += 1;
    }
    if !has_fill && next(at) == b'0' {
        found.fill = u32::from(b'0');
        if !has_align && default_align == b'>' {
            found.align = b'=';
        }
        at += 1;
    }
    found.width = number(spec, &mut at)?;
    if next(at) == b',' {
        found.grouping = b',';
        at += 1;
    }
    if next(at) == b'_' {
        if found.grouping != 0 {
            return value_error(b"Cannot specify both ',' and '_'.");
        }
        found.grouping = b'_';
        at += 1;
    }
    if next(at) == b',' && found.grouping == b'_' {
        return value_error(b"Cannot specify both ',' and '_'.");
    }
    if next(at) == b'.' {
        at += 1;
        found.precision = number(spec, &mut at)?;
        if found.precision < 0 {
            return value_error(b"Format specifier missing precision");
        }
    }
    if at < spec.len() {
        let (kind, width) = char_at(spec, at);
        if at + width < spec.len() {
            return invalid(spec, type_name);
        }
        found.kind = kind;
    }
    // A str's type is `s` if none is given, and that cannot be grouped.
    let implied = if default_align == b'<' { u32::from(b's') } else { 0 };
    check_grouping(&found, implied)?;
    Some(found)
}

fn invalid(spec: &[u8], type_name: &[u8]) -> Option<Spec> {
    let mut message = crate::buffer::Buffer::new();
    message.text(b"Invalid format specifier '")?;
    message.text(spec)?;
    message.text(b"' for object of type '")?;
    message.text(type_name)?;
    message.byte(b'\'')?;
    fail_text(class::VALUE_ERROR, message)
}

fn check_grouping(spec: &Spec, implied: u32) -> Option<()> {
    if spec.grouping == 0 {
        return Some(());
    }
    let given = if spec.kind == 0 { implied } else { spec.kind };
    let kind = if given < 0x80 { given as u8 } else { 0xff };
    match kind {
        0 | b'd' | b'e' | b'f' | b'g' | b'E' | b'G' | b'%' | b'F' => Some(()),
        b'b' | b'o' | b'x' | b'X' if spec.grouping == b'_' => Some(()),
        _ => {
            let mut message = crate::buffer::Buffer::new();
            message.text(b"Cannot specify '")?;
            message.byte(spec.grouping)?;
            message.text(b"' with '")?;
            write_kind(&mut message, given)?;
            message.text(b"'.")?;
            fail_text(class::VALUE_ERROR, message)
        }
    }
}

fn write_kind(message: &mut crate::buffer::Buffer, kind: u32) -> Option<()> {
    if (0x21..0x80).contains(&kind) {
        return message.char(kind);
    }
    message.text(b"\\x")?;
    message.text(crate::int_text::Digits::new(u64::from(kind), 16, false).bytes())
}

/// Raises the error for a presentation type that a type does not know.
pub fn unknown_kind<T>(kind: u32, type_name: &[u8]) -> Option<T> {
    let mut message = crate::buffer::Buffer::new();
    message.text(b"Unknown format code '")?;
    write_kind(&mut message, kind)?;
    message.text(b"' for object of type '")?;
    message.text(type_name)?;
    message.byte(b'\'')?;
    fail_text(class::VALUE_ERROR, message)
}
