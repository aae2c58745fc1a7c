//! `repr` and `str` of values of any type.

use crate::buffer::Buffer;
use crate::bytes::hex;
use crate::mem::{P, byte, load, slot};
use crate::object::{Desc, content, len, new_str, retain, slots, tuple_slots};
use crate::shared::kind;
use crate::table::entries;
use crate::text::char_at;
use crate::{float_text, int_text, unicode};

/// Appends the `repr` of a str.
pub fn write_str(out: &mut Buffer, text: &[u8]) -> Option<()> {
    let quote = if text.contains(&b'\'') && !text.contains(&b'"') { b'"' } else { b'\'' };
    out.byte(quote)?;
    let mut at = 0;
    while at < text.len() {
        let (char, width) = char_at(text, at);
        at += width;
        if char < 0x80 {
            write_ascii(out, char as u8, quote)?;
        } else if unicode::is_printable(char) {
            out.char(char)?;
        } else {
            write_escape(out, char)?;
        }
    }
    out.byte(quote)
}

/// Appends an ASCII character, escaped where `repr` does.
fn write_ascii(out: &mut Buffer, byte: u8, quote: u8) -> Option<()> {
    let letter = match byte {
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        b'\\' => b'\\',
        _ if byte == quote => quote,
        0x20..0x7f => return out.byte(byte),
        _ => return write_escape(out, u32::from(byte)),
    };
    out.byte(b'\\')?;
    out.byte(letter)
}

/// Appends `\xhh`, `\uhhhh` or `\Uhhhhhhhh`.
fn write_escape(out: &mut Buffer, char: u32) -> Option<()> {
    let (letter, bytes) = match char {
        0..0x100 => (b'x', 1),
        0x100..0x1_0000 => (b'u', 2),
        _ => (b'U', 4),
    };
    out.byte(b'\\')?;
    out.byte(letter)?;
    for index in (0..bytes).rev() {
        hex(out, (char >> (index * 8)) as u8)?;
    }
    Some(())
}

/// Appends the `repr` of a bytes.
pub fn write_bytes(out: &mut Buffer, content: &[u8]) -> Option<()> {
    let quote = if content.contains(&b'\'') && !content.contains(&b'"') { b'"' } else { b'\'' };
    out.byte(b'b')?;
    out.byte(quote)?;
    for index in 0..content.len() {
        write_ascii(out, byte(content, index), quote)?;
    }
    out.byte(quote)
}

/// Appends the `repr` of any value.
fn write<const TABLES: bool>(out: &mut Buffer, value: u64, desc: Desc) -> Option<()> {
    let object = P::from_slot(value);
    match desc.kind() {
        kind::NONE => out.text(b"None"),
        kind::BOOL => out.text(bool_text(value != 0)),
        kind::INT => int_text::write(out, value as i64),
        kind::FLOAT => float_text::write(out, f64::from_bits(value)),
        kind::STR => write_str(out, content(object)),
        kind::BYTES => write_bytes(out, content(object)),
        kind::LIST => {
            out.byte(b'[')?;
            let elements = desc.element(0);
            items::<TABLES>(out, slots(object), len(object), |_| elements)?;
            out.byte(b']')
        }
        kind::TUPLE | kind::VTUPLE => {
            let fixed = desc.kind() == kind::TUPLE;
            let (start, count) = if fixed {
                (tuple_slots(object), desc.count())
            } else {
                (slots(object), len(object))
            };
            out.byte(b'(')?;
            items::<TABLES>(out, start, count, |index| {
                desc.element(if fixed { index } else { 0 })
            })?;
            out.text(if count == 1 { b",)" } else { b")" })
        }
        kind::OPTIONAL => match P::at(value as u32) {
            None => out.text(b"None"),
            Some(_) if desc.element(0).is_object() => write::<TABLES>(out, value, desc.element(0)),
            Some(cell) => write::<TABLES>(out, load(tuple_slots(cell)), desc.element(0)),
        },
        kind::UNION => {
            let (value, member) = crate::object::member(object, desc);
            write::<TABLES>(out, value, member)
        }
        kind::OBJECT.. => instance(out, value, desc, false),
        _ if !TABLES => Some(()),
        kind::DICT => dict(out, object, desc),
        _ => set(out, object, desc),
    }
}

/// Appends the text of an instance of the user's class.
fn instance(out: &mut Buffer, value: u64, desc: Desc, is_str: bool) -> Option<()> {
    match crate::objects::object_text(out, value as u32, desc.kind(), is_str as u32) {
        0 => Some(()),
        _ => None,
    }
}

fn items<const TABLES: bool>(
    out: &mut Buffer,
    start: u32,
    count: u32,
    element: impl Fn(u32) -> Desc,
) -> Option<()> {
    for index in 0..count {
        if index > 0 {
            out.text(b", ")?;
        }
        write::<TABLES>(out, slot(start, index), element(index))?;
    }
    Some(())
}

fn dict(out: &mut Buffer, dict: P, desc: Desc) -> Option<()> {
    out.byte(b'{')?;
    let mut first = true;
    for entry in entries(dict) {
        if !first {
            out.text(b", ")?;
        }
        first = false;
        write::<true>(out, entry.key(), desc.element(0))?;
        out.text(b": ")?;
        write::<true>(out, entry.value(), desc.element(1))?;
    }
    out.byte(b'}')
}

fn set(out: &mut Buffer, set: P, desc: Desc) -> Option<()> {
    let frozen = desc.kind() == kind::FROZENSET;
    if len(set) == 0 {
        return out.text(if frozen { b"frozenset()" } else { b"set()" });
    }
    out.text(if frozen { b"frozenset({" } else { b"{" })?;
    let mut first = true;
    for entry in entries(set) {
        if !first {
            out.text(b", ")?;
        }
        first = false;
        write::<true>(out, entry.key(), desc.element(0))?;
    }
    out.text(if frozen { b"})" } else { b"}" })
}

fn bool_text(value: bool) -> &'static [u8] {
    if value { b"True" } else { b"False" }
}

fn repr_any<const TABLES: bool>(value: u64, desc: Desc) -> Option<P> {
    let mut out = Buffer::new();
    write::<TABLES>(&mut out, value, desc)?;
    out.into_str()
}

fn str_any<const TABLES: bool>(value: u64, mut desc: Desc) -> Option<P> {
    if desc.kind() == kind::OPTIONAL && value != 0 && desc.element(0).is_object() {
        desc = desc.element(0);
    }
    if desc.kind() == kind::UNION {
        let (value, member) = crate::object::member(P::from_slot(value), desc);
        return str_any::<TABLES>(value, member);
    }
    if crate::objects::is_instance(desc) {
        let mut out = Buffer::new();
        instance(&mut out, value, desc, true)?;
        return out.into_str();
    }
    if desc.kind() == kind::STR {
        return Some(retain(P::from_slot(value)));
    }
    repr_any::<TABLES>(value, desc)
}

/// `repr(x)`.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn value_repr(value: u64, desc: Desc) -> Option<P> {
    repr_any::<true>(value, desc)
}

/// `repr(x)` where there are no dicts and sets.
#[unsafe(no_mangle)]
pub extern "C" fn value_repr__flat(value: u64, desc: Desc) -> Option<P> {
    repr_any::<false>(value, desc)
}

/// `str(x)`.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn value_str(value: u64, desc: Desc) -> Option<P> {
    str_any::<true>(value, desc)
}

/// `str(x)` where there are no dicts and sets.
#[unsafe(no_mangle)]
pub extern "C" fn value_str__flat(value: u64, desc: Desc) -> Option<P> {
    str_any::<false>(value, desc)
}

/// `repr` of a str.
#[unsafe(no_mangle)]
pub extern "C" fn str_repr(s: P) -> Option<P> {
    let mut out = Buffer::new();
    write_str(&mut out, content(s))?;
    out.into_str()
}

/// `repr` of a bytes.
#[unsafe(no_mangle)]
pub extern "C" fn bytes_repr(b: P) -> Option<P> {
    let mut out = Buffer::new();
    write_bytes(&mut out, content(b))?;
    out.into_str()
}

/// `str` of a bool.
#[unsafe(no_mangle)]
pub extern "C" fn bool_str(x: u32) -> Option<P> {
    new_str(bool_text(x != 0))
}
