//! `str` and `repr` of values that are CBOR: the arguments of exceptions.

use crate::buffer::Buffer;
use crate::decode::{bytes_of, head};
use crate::mem::load;
use crate::raise::leave;
use crate::repr::{write_bytes, write_str};
use crate::shared::deopt;
use crate::state::{INPUT, status};
use crate::{float_text, int_text};

const TUPLE_TAG: u64 = 0xb100;

/// Reads the next value, and appends its `repr`, or its `str`.
pub fn write(out: &mut Buffer, repr: bool) -> Option<()> {
    let at = INPUT.get();
    let (major, argument) = head()?;
    match major {
        0 => int_text::write(out, argument as i64),
        1 => int_text::write(out, !(argument as i64)),
        2 => write_bytes(out, bytes_of(argument)?),
        3 => {
            let text = bytes_of(argument)?;
            if repr { write_str(out, text) } else { out.text(text) }
        }
        4 => {
            out.byte(b'[')?;
            items(out, argument as u32)?;
            out.byte(b']')
        }
        5 => {
            out.byte(b'{')?;
            for index in 0..argument as u32 {
                if index > 0 {
                    out.text(b", ")?;
                }
                write(out, true)?;
                out.text(b": ")?;
                write(out, true)?;
            }
            out.byte(b'}')
        }
        6 if argument == TUPLE_TAG => {
            let (_, count) = head()?;
            write_tuple(out, count as u32)
        }
        // A set has lost its order.
        6 => leave(deopt::TYPE_NOT_PROVED),
        _ => match load::<u8>(at) {
            0xf4 => out.text(b"False"),
            0xf5 => out.text(b"True"),
            0xf6 => out.text(b"None"),
            _ if cbor_float(out, argument) == 0 => Some(()),
            _ => None,
        },
    }
}

/// Appends a float; 0 if it was done.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn cbor_float(out: &mut Buffer, bits: u64) -> i32 {
    status(float_text::write(out, f64::from_bits(bits)))
}

/// `cbor_float` where no value has floats in it.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn cbor_float__whole(_: &mut Buffer, _: u64) -> i32 {
    0
}

fn items(out: &mut Buffer, count: u32) -> Option<()> {
    for index in 0..count {
        if index > 0 {
            out.text(b", ")?;
        }
        write(out, true)?;
    }
    Some(())
}

/// Appends the next values as a tuple.
pub fn write_tuple(out: &mut Buffer, count: u32) -> Option<()> {
    out.byte(b'(')?;
    items(out, count)?;
    out.text(if count == 1 { b",)" } else { b")" })
}

/// Passes the next value over.
pub fn skip() {
    let Some((major, argument)) = head() else { return };
    match major {
        2 | 3 => {
            let _ = bytes_of(argument);
        }
        4 => (0..argument).for_each(|_| skip()),
        5 => (0..argument * 2).for_each(|_| skip()),
        6 => skip(),
        _ => {}
    }
}
