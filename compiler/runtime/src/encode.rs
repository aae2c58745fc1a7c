//! Values as CBOR, in the deterministic form that `protocol/src/value` defines.

use crate::buffer::Buffer;
use crate::mem::{P, bytes, load, slot, store};
use crate::object::{Desc, content, len, slots, tuple_slots};
use crate::shared::kind;
use crate::state::status;
use crate::table::entries;

/// The prefix of a tuple: tag 0xb100.
const TUPLE_TAG: &[u8] = b"\xd9\xb1\x00";
/// The prefix of a frozenset: tag 0xb104.
const FROZENSET_TAG: &[u8] = b"\xd9\xb1\x04";
/// The prefix of a set: tag 258.
const SET_TAG: &[u8] = b"\xd9\x01\x02";

/// Writes a major type with its argument in the shortest form.
#[inline(never)]
pub fn head(out: &mut Buffer, major: u8, argument: u64) -> Option<()> {
    out.reserve(9)?;
    let at = out.start + out.length;
    let major = major << 5;
    out.length += match argument {
        0..24 => {
            store(at, major | argument as u8);
            1
        }
        24..0x100 => {
            store(at, major | 0x18);
            store(at + 1, argument as u8);
            2
        }
        0x100..0x1_0000 => {
            store(at, major | 0x19);
            store(at + 1, (argument as u16).to_be());
            3
        }
        0x1_0000..0x1_0000_0000 => {
            store(at, major | 0x1a);
            store(at + 1, (argument as u32).to_be());
            5
        }
        _ => {
            store(at, major | 0x1b);
            store(at + 1, argument.to_be());
            9
        }
    };
    Some(())
}

/// Writes an int.
pub fn int(out: &mut Buffer, value: i64) -> Option<()> {
    if value >= 0 { head(out, 0, value as u64) } else { head(out, 1, !value as u64) }
}

/// Writes a float by its bits.
pub fn float(out: &mut Buffer, bits: u64) -> Option<()> {
    out.reserve(9)?;
    store(out.start + out.length, 0xfb_u8);
    store(out.start + out.length + 1, bits.to_be());
    out.length += 9;
    Some(())
}

/// Writes text.
pub fn text(out: &mut Buffer, text: &[u8]) -> Option<()> {
    head(out, 3, text.len() as u64)?;
    out.text(text)
}

/// Writes a byte string.
pub fn byte_string(out: &mut Buffer, content: &[u8]) -> Option<()> {
    head(out, 2, content.len() as u64)?;
    out.text(content)
}

/// Writes any value.
pub fn value(out: &mut Buffer, slot: u64, desc: Desc) -> Option<()> {
    // By way of the function that the linker may replace by the one without tables.
    if encode_value(out, slot, desc) == 0 { Some(()) } else { None }
}

/// Writes any value; 0 if it was done.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn encode_value(out: &mut Buffer, slot: u64, desc: Desc) -> i32 {
    status(any::<true>(out, slot, desc))
}

/// `encode_value` where there are no dicts and sets.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn encode_value__flat(out: &mut Buffer, slot: u64, desc: Desc) -> i32 {
    status(any::<false>(out, slot, desc))
}

/// Writes the items of a tuple as an array without its tag.
pub fn items(out: &mut Buffer, tuple: P, desc: Desc) -> Option<()> {
    head(out, 4, u64::from(desc.count()))?;
    for index in 0..desc.count() {
        value(out, slot(tuple_slots(tuple), index), desc.element(index))?;
    }
    Some(())
}

fn any<const TABLES: bool>(out: &mut Buffer, value: u64, desc: Desc) -> Option<()> {
    let object = P::from_slot(value);
    match desc.kind() {
        kind::NONE => out.byte(0xf6),
        kind::BOOL => out.byte(0xf4 + (value != 0) as u8),
        kind::INT => int(out, value as i64),
        kind::FLOAT => float(out, value),
        kind::STR => text(out, content(object)),
        kind::BYTES => byte_string(out, content(object)),
        kind::LIST => list_items::<TABLES>(out, object, desc.element(0)),
        kind::VTUPLE => {
            out.text(TUPLE_TAG)?;
            list_items::<TABLES>(out, object, desc.element(0))
        }
        kind::TUPLE => {
            out.text(TUPLE_TAG)?;
            tuple_items::<TABLES>(out, object, desc)
        }
        kind::OPTIONAL => match P::at(value as u32) {
            None => out.byte(0xf6),
            Some(_) if desc.element(0).is_object() => any::<TABLES>(out, value, desc.element(0)),
            Some(cell) => any::<TABLES>(out, load(tuple_slots(cell)), desc.element(0)),
        },
        kind::UNION => {
            let (value, member) = crate::object::member(object, desc);
            any::<TABLES>(out, value, member)
        }
        kind::OBJECT.. => {
            if crate::objects::object_encode(out, object) == 0 {
                Some(())
            } else {
                None
            }
        }
        _ if !TABLES => Some(()),
        kind::DICT => dict(out, object, desc),
        _ => set(out, object, desc),
    }
}

fn list_items<const TABLES: bool>(out: &mut Buffer, list: P, element: Desc) -> Option<()> {
    let count = len(list);
    let start = slots(list);
    head(out, 4, u64::from(count))?;
    match element.kind() {
        kind::INT => {
            for index in 0..count {
                int(out, slot(start, index) as i64)?;
            }
        }
        kind::FLOAT => {
            out.reserve(u64::from(count) * 9)?;
            for index in 0..count {
                float(out, slot(start, index))?;
            }
        }
        _ => {
            for index in 0..count {
                any::<TABLES>(out, slot(start, index), element)?;
            }
        }
    }
    Some(())
}

fn tuple_items<const TABLES: bool>(out: &mut Buffer, tuple: P, desc: Desc) -> Option<()> {
    head(out, 4, u64::from(desc.count()))?;
    for index in 0..desc.count() {
        any::<TABLES>(out, slot(tuple_slots(tuple), index), desc.element(index))?;
    }
    Some(())
}

fn dict(out: &mut Buffer, dict: P, desc: Desc) -> Option<()> {
    head(out, 5, u64::from(len(dict)))?;
    for entry in entries(dict) {
        any::<true>(out, entry.key(), desc.element(0))?;
        any::<true>(out, entry.value(), desc.element(1))?;
    }
    Some(())
}

/// A set: elements in ascending order of their encoded bytes.
fn set(out: &mut Buffer, set: P, desc: Desc) -> Option<()> {
    out.text(if desc.kind() == kind::SET { SET_TAG } else { FROZENSET_TAG })?;
    let count = len(set);
    head(out, 4, u64::from(count))?;
    let mut encoded = Buffer::new();
    let mut places = Buffer::new();
    places.reserve(u64::from(count) * 8)?;
    for entry in entries(set) {
        let from = encoded.length;
        any::<true>(&mut encoded, entry.key(), desc.element(0))?;
        let place = u64::from(encoded.length - from) << 32 | u64::from(from);
        store(places.start + places.length, place);
        places.length += 8;
    }
    sort_places(places.start, count, encoded.start);
    for index in 0..count {
        let place = slot(places.start, index);
        out.copy(encoded.start + place as u32, (place >> 32) as u32)?;
    }
    encoded.free();
    places.free();
    Some(())
}

/// Heap sort of (length, offset) pairs by the bytes they mean.
fn sort_places(places: u32, count: u32, base: u32) {
    let less = |a: u64, b: u64| {
        bytes(base + a as u32, (a >> 32) as u32) < bytes(base + b as u32, (b >> 32) as u32)
    };
    let sift = |mut root: u32, end: u32| {
        let moved = slot(places, root);
        loop {
            let mut child = root * 2 + 1;
            if child >= end {
                break;
            }
            if child + 1 < end && less(slot(places, child), slot(places, child + 1)) {
                child += 1;
            }
            if !less(moved, slot(places, child)) {
                break;
            }
            store(places + root * 8, slot(places, child));
            root = child;
        }
        store(places + root * 8, moved);
    };
    for root in (0..count / 2).rev() {
        sift(root, count);
    }
    for end in (1..count).rev() {
        let last = slot(places, end);
        store(places + end * 8, slot(places, 0));
        store(places, last);
        sift(0, end);
    }
}
