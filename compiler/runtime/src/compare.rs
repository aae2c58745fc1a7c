//! Comparing values of any type, and hashing them.
//!
//! Containers compare as Python's do, element by element. Python takes an element for equal to itself even
//! if it is a NaN; whether two NaNs are one object is not known here, so that case leaves native code.

use crate::int::int_compare_float;
use crate::mem::{P, load, slot, store};
use crate::object::{Desc, content, len, slots, tuple_slots};
use crate::objects::{is_instance, object_compare};
use crate::raise::leave;
use crate::set::is_subset;
use crate::shared::{deopt, kind, op};
use crate::state::truth;
use crate::table::{entries, find};

/// Whether an operator holds for operands that are ordered like this.
#[inline]
pub fn holds(order: core::cmp::Ordering, operator: u32) -> bool {
    match operator {
        op::LT => order.is_lt(),
        op::LE => order.is_le(),
        op::EQ => order.is_eq(),
        op::NE => order.is_ne(),
        op::GT => order.is_gt(),
        _ => order.is_ge(),
    }
}

/// Whether an operator holds for two floats.
#[inline]
pub fn floats(a: f64, b: f64, operator: u32) -> bool {
    match operator {
        op::LT => a < b,
        op::LE => a <= b,
        op::EQ => a == b,
        op::NE => a != b,
        op::GT => a > b,
        _ => a >= b,
    }
}

/// Length and slots of a sequence.
pub struct Items {
    pub start: u32,
    pub count: u32,
    desc: Desc,
    is_tuple: bool,
}

impl Items {
    pub fn of(value: u64, desc: Desc) -> Self {
        let object = P::from_slot(value);
        if desc.kind() == kind::TUPLE {
            return Self { start: tuple_slots(object), count: desc.count(), desc, is_tuple: true };
        }
        Self { start: slots(object), count: len(object), desc, is_tuple: false }
    }

    pub fn element(&self, index: u32) -> Desc {
        self.desc.element(if self.is_tuple { index } else { 0 })
    }
}

/// What two types have in common, as far as comparing goes.
fn family(kind: u32) -> u32 {
    match kind {
        kind::BOOL | kind::INT => kind::INT,
        kind::VTUPLE => kind::TUPLE,
        kind::FROZENSET => kind::SET,
        other => other,
    }
}

/// `==` within containers.
pub fn equal(a: u64, a_desc: Desc, b: u64, b_desc: Desc) -> Option<bool> {
    if a_desc.kind() == kind::FLOAT && b_desc.kind() == kind::FLOAT {
        let (x, y) = (f64::from_bits(a), f64::from_bits(b));
        if x.is_nan() && y.is_nan() {
            return leave(deopt::TYPE_NOT_PROVED);
        }
        return Some(x == y);
    }
    values(a, a_desc, b, b_desc, op::EQ)
}

/// Compares two values.
pub fn values(a: u64, a_desc: Desc, b: u64, b_desc: Desc, operator: u32) -> Option<bool> {
    // By way of the function that the linker may replace by the one without tables.
    match compare(a, a_desc, b, b_desc, operator) {
        -1 => None,
        found => Some(found != 0),
    }
}

fn compare_any<const TABLES: bool>(
    a: u64,
    a_desc: Desc,
    b: u64,
    b_desc: Desc,
    operator: u32,
) -> Option<bool> {
    if a_desc.kind() == kind::OPTIONAL || b_desc.kind() == kind::OPTIONAL {
        let (a, a_desc) = unwrap(a, a_desc);
        let (b, b_desc) = unwrap(b, b_desc);
        return match (a_desc, b_desc) {
            (Some(a_desc), Some(b_desc)) => compare_any::<TABLES>(a, a_desc, b, b_desc, operator),
            (a, b) => Some((a.is_none() && b.is_none()) == (operator == op::EQ)),
        };
    }
    if a_desc.kind() == kind::UNION {
        let (a, a_desc) = crate::object::member(P::from_slot(a), a_desc);
        return compare_any::<TABLES>(a, a_desc, b, b_desc, operator);
    }
    if b_desc.kind() == kind::UNION {
        let (b, b_desc) = crate::object::member(P::from_slot(b), b_desc);
        return compare_any::<TABLES>(a, a_desc, b, b_desc, operator);
    }
    if is_instance(a_desc) || is_instance(b_desc) {
        return match object_compare(a, a_desc, b, b_desc, operator) {
            -1 => None,
            found => Some(found != 0),
        };
    }
    let kind = family(a_desc.kind());
    let other = family(b_desc.kind());
    Some(match (kind, other) {
        (kind::INT, kind::INT) => holds((a as i64).cmp(&(b as i64)), operator),
        (kind::FLOAT, kind::FLOAT) => floats(f64::from_bits(a), f64::from_bits(b), operator),
        (kind::INT, kind::FLOAT) => int_compare_float(a as i64, f64::from_bits(b), operator) != 0,
        (kind::FLOAT, kind::INT) => {
            int_compare_float(b as i64, f64::from_bits(a), mirrored(operator)) != 0
        }
        (kind::STR, kind::STR) | (kind::BYTES, kind::BYTES) => {
            let order = content(P::from_slot(a)).cmp(content(P::from_slot(b)));
            holds(order, operator)
        }
        (kind::LIST, kind::LIST) | (kind::TUPLE, kind::TUPLE) => {
            return sequences::<TABLES>(&Items::of(a, a_desc), &Items::of(b, b_desc), operator);
        }
        (kind::NONE, kind::NONE) => operator == op::EQ,
        (kind::DICT, kind::DICT) if TABLES => {
            return Some(dicts(a, a_desc, b, b_desc)? == (operator == op::EQ));
        }
        (kind::SET, kind::SET) if TABLES => sets(a, b, a_desc, operator),
        _ => operator == op::NE,
    })
}

/// The operator with its operands exchanged.
fn mirrored(operator: u32) -> u32 {
    match operator {
        op::LT => op::GT,
        op::LE => op::GE,
        op::GT => op::LT,
        op::GE => op::LE,
        same => same,
    }
}

/// What an optional value holds; no descriptor if that is `None`.
pub fn unwrap(value: u64, desc: Desc) -> (u64, Option<Desc>) {
    match desc.kind() {
        kind::NONE => (0, None),
        kind::OPTIONAL => match P::at(value as u32) {
            None => (0, None),
            Some(_) if desc.element(0).is_object() => (value, Some(desc.element(0))),
            Some(cell) => (load(tuple_slots(cell)), Some(desc.element(0))),
        },
        _ => (value, Some(desc)),
    }
}

fn sequences<const TABLES: bool>(a: &Items, b: &Items, operator: u32) -> Option<bool> {
    if a.count != b.count && (operator == op::EQ || operator == op::NE) {
        return Some(operator == op::NE);
    }
    let common = if a.count < b.count { a.count } else { b.count };
    for index in 0..common {
        let (x, x_desc) = (slot(a.start, index), a.element(index));
        let (y, y_desc) = (slot(b.start, index), b.element(index));
        if x_desc.is_object() && x == y && x_desc.0 == y_desc.0 {
            // One object is equal to itself, whatever it holds.
            continue;
        }
        let same = if x_desc.kind() == kind::FLOAT && y_desc.kind() == kind::FLOAT {
            equal(x, x_desc, y, y_desc)?
        } else {
            compare_any::<TABLES>(x, x_desc, y, y_desc, op::EQ)?
        };
        if !same {
            if operator == op::EQ || operator == op::NE {
                return Some(operator == op::NE);
            }
            return compare_any::<TABLES>(x, x_desc, y, y_desc, operator);
        }
    }
    Some(holds(a.count.cmp(&b.count), operator))
}

fn dicts(a: u64, a_desc: Desc, b: u64, b_desc: Desc) -> Option<bool> {
    let (a, b) = (P::from_slot(a), P::from_slot(b));
    if len(a) != len(b) {
        return Some(false);
    }
    for entry in entries(a) {
        let Some(found) = find(b, entry.key(), entry.hash(), b_desc.element(0)) else {
            return Some(false);
        };
        if !equal(entry.value(), a_desc.element(1), found.value(), b_desc.element(1))? {
            return Some(false);
        }
    }
    Some(true)
}

fn sets(a: u64, b: u64, desc: Desc, operator: u32) -> bool {
    let (a, b) = (P::from_slot(a), P::from_slot(b));
    match operator {
        op::LT => len(a) < len(b) && is_subset(a, b, desc),
        op::LE => is_subset(a, b, desc),
        op::EQ => len(a) == len(b) && is_subset(a, b, desc),
        op::NE => !(len(a) == len(b) && is_subset(a, b, desc)),
        op::GT => len(b) < len(a) && is_subset(b, a, desc),
        _ => is_subset(b, a, desc),
    }
}

/// Compares two values by an operator of `op`.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn compare(a: u64, a_desc: Desc, b: u64, b_desc: Desc, operator: u32) -> i32 {
    truth(compare_any::<true>(a, a_desc, b, b_desc, operator))
}

/// `compare` where there are no dicts and sets.
#[unsafe(no_mangle)]
pub extern "C" fn compare__flat(a: u64, a_desc: Desc, b: u64, b_desc: Desc, operator: u32) -> i32 {
    truth(compare_any::<false>(a, a_desc, b, b_desc, operator))
}

/// Mixes a word into a hash.
#[inline]
fn mix(seed: u32, word: u64) -> u32 {
    let product = (word ^ u64::from(seed)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (product >> 32) as u32 ^ product as u32
}

/// Where a str keeps its hash, 0 until it is computed.
const STR_HASH: u32 = 12;

/// Hash of a str or bytes.
#[inline(always)]
pub fn hash_text(text: P) -> u32 {
    let known = text.u32(STR_HASH);
    if known != 0 { known } else { first_hash(text) }
}

#[inline(never)]
fn first_hash(text: P) -> u32 {
    let mut hash: u32 = 0x811c_9dc5;
    for &byte in content(text) {
        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    let hash = mix(0, u64::from(hash)) | 1;
    store(text.address() + STR_HASH, hash);
    hash
}

/// Hash of an int, or of another value that is its bits.
#[inline(always)]
pub fn hash_bits(value: u64) -> u32 {
    mix(2, value)
}

/// Hash of a dict's key; none if there is a NaN in it. Equal keys of one type have equal hashes.
pub fn hash(value: u64, desc: Desc) -> Option<u32> {
    let object = P::from_slot(value);
    Some(match desc.kind() {
        kind::FLOAT => {
            let float = f64::from_bits(value);
            if float.is_nan() {
                return None;
            }
            // -0.0 is equal to 0.0.
            mix(1, (float + 0.0).to_bits())
        }
        kind::STR | kind::BYTES => hash_text(object),
        kind::TUPLE | kind::VTUPLE => {
            let items = Items::of(value, desc);
            let mut hash = 7;
            for index in 0..items.count {
                let item = self::hash(slot(items.start, index), items.element(index))?;
                hash = mix(hash, u64::from(item) << 8);
            }
            hash
        }
        kind::FROZENSET => mix(3, crate::set::frozen_hash(object)),
        kind::OPTIONAL => match unwrap(value, desc) {
            (_, None) => 11,
            (value, Some(desc)) => self::hash(value, desc)?,
        },
        kind::UNION => {
            let (value, member) = crate::object::member(object, desc);
            self::hash(value, member)?
        }
        kind::OBJECT.. => mix(4, crate::objects::hash(value, desc)?),
        _ => hash_bits(value),
    })
}

/// Whether there is a NaN in a value, as far as ordering looks: not in dicts and sets.
pub fn has_nan(value: u64, desc: Desc) -> bool {
    match desc.kind() {
        kind::FLOAT => f64::from_bits(value).is_nan(),
        kind::LIST | kind::TUPLE | kind::VTUPLE => {
            let items = Items::of(value, desc);
            for index in 0..items.count {
                if has_nan(slot(items.start, index), items.element(index)) {
                    return true;
                }
            }
            false
        }
        kind::OPTIONAL => match unwrap(value, desc) {
            (value, Some(desc)) => has_nan(value, desc),
            _ => false,
        },
        kind::UNION => {
            let (value, member) = crate::object::member(P::from_slot(value), desc);
            has_nan(value, member)
        }
        _ => false,
    }
}
