//! Instances of the user's classes. What they hold is in the descriptors of their classes; how they compare and what they
//! look like is for their methods to say, which the linker puts in the place of imports.

use crate::alloc::free;
use crate::buffer::Buffer;
use crate::mem::{P, load, set_slot, slot};
use crate::object::{Desc, content, release, tuple_new, tuple_slots};
use crate::raise::leave;
use crate::shared::{cell, deopt, kind, layout, object, op};
use crate::state::{DEAD, FREEING, NESTED, status, truth};
use crate::{decode, encode};

#[link(wasm_import_module = "spm:own")]
unsafe extern "C" {
    #[link_name = "compare"]
    safe fn own_compare(a: u32, b: u32, kind: u32, operator: u32) -> i32;
    #[link_name = "repr"]
    safe fn own_repr(a: u32, kind: u32) -> u32;
    #[link_name = "str"]
    safe fn own_str(a: u32, kind: u32) -> u32;
    #[link_name = "hash"]
    safe fn own_hash(a: u32, kind: u32) -> i32;
}

/// The prefix of an instance: tag 0xb122, and an array of two.
const INSTANCE_TAG: &[u8] = b"\xd9\xb1\x22\x82";
/// The prefix of a named tuple.
const NAMED_TAG: &[u8] = b"\xd9\xb1\x23\x82";
/// The prefix of a member of an enumeration.
const ENUM_TAG: &[u8] = b"\xd9\xb1\x20\x82";

/// Whether values of a type are instances of the user's classes.
#[inline(always)]
pub fn is_instance(desc: Desc) -> bool {
    desc.kind() >= kind::OBJECT
}

/// What comes after the descriptors of a class's slots.
fn tail(class: Desc) -> u32 {
    class.0 + 8 + class.count() * 4
}

/// Does something with what is in an object, unless that is too deep.
fn nested<T>(action: impl FnOnce() -> Option<T>) -> Option<T> {
    let depth = NESTED.get();
    if depth == object::NESTED_MAX {
        return leave(deopt::TYPE_NOT_PROVED);
    }
    NESTED.set(depth + 1);
    let result = action();
    NESTED.set(depth);
    result
}

/// Frees an object that nobody refers to any more, and what goes with it: one after the other, as they may be long
/// chains.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn object_free(dead: P) {
    dead.set_u32(0, DEAD.get());
    DEAD.set(dead.address());
    if FREEING.get() != 0 {
        return;
    }
    FREEING.set(1);
    while let Some(next) = P::at(DEAD.get()) {
        DEAD.set(next.u32(0));
        let class = Desc(next.u32(object::CLASS));
        for index in 0..class.count() {
            let element = class.element(index);
            if element.is_object() {
                release(P::at(slot(tuple_slots(next), index) as u32), element);
            }
        }
        free(next.address(), layout::TUPLE_SLOTS + class.count() * 8);
    }
    FREEING.set(0);
}

/// Where there are no classes, there are no objects.
#[unsafe(no_mangle)]
pub extern "C" fn object_free__plain(_: P) {}

/// Compares what may be objects by an operator of `op`; -1 if that raised.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn object_compare(a: u64, a_desc: Desc, b: u64, b_desc: Desc, operator: u32) -> i32 {
    if a_desc.0 != b_desc.0 {
        let equality = operator == op::EQ || operator == op::NE;
        if !equality || decides(a, a_desc) || decides(b, b_desc) {
            return truth(leave(deopt::TYPE_NOT_PROVED));
        }
        return (operator == op::NE) as i32;
    }
    // In containers an object is equal to itself, whatever its class says.
    if a == b && operator == op::EQ {
        return 1;
    }
    truth(nested(|| match own_compare(a as u32, b as u32, a_desc.kind(), operator) {
        -1 => None,
        found => Some(found != 0),
    }))
}

/// Whether a value's class decides about values of other types.
fn decides(value: u64, desc: Desc) -> bool {
    if !is_instance(desc) {
        return false;
    }
    let class = Desc(P::from_slot(value).u32(object::CLASS));
    load::<u32>(tail(class)) & object::OWN_EQ != 0
}

/// Where there are no classes, there are no objects.
#[unsafe(no_mangle)]
pub extern "C" fn object_compare__plain(_: u64, _: Desc, _: u64, _: Desc, _: u32) -> i32 {
    0
}

/// Python's hash of an object.
pub fn hash(value: u64, desc: Desc) -> Option<u64> {
    if object_hash(value as u32, desc.kind()) == 0 { Some(load(cell::RET)) } else { None }
}

/// Leaves the hash for the caller; 0 if it was done.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn object_hash(value: u32, kind: u32) -> i32 {
    status(nested(|| if own_hash(value, kind) == 0 { Some(()) } else { None }))
}

/// Where there are no classes, there are no objects.
#[unsafe(no_mangle)]
pub extern "C" fn object_hash__plain(_: u32, _: u32) -> i32 {
    0
}

/// Appends the `repr` of an object, or its `str`; 0 if it was done.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn object_text(out: &mut Buffer, value: u32, kind: u32, is_str: u32) -> i32 {
    status(nested(|| {
        let text = if is_str != 0 { own_str(value, kind) } else { own_repr(value, kind) };
        let text = P::at(text)?;
        out.text(content(text))?;
        crate::object::release_str(Some(text));
        Some(())
    }))
}

/// Where there are no classes, there are no objects.
#[unsafe(no_mangle)]
pub extern "C" fn object_text__plain(_: &mut Buffer, _: u32, _: u32, _: u32) -> i32 {
    0
}

/// Writes an object; 0 if it was done.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn object_encode(out: &mut Buffer, value: P) -> i32 {
    status(nested(|| write(out, value)))
}

/// Where there are no classes, there are no objects.
#[unsafe(no_mangle)]
pub extern "C" fn object_encode__plain(_: &mut Buffer, _: P) -> i32 {
    0
}

/// The attributes of a class: text of the name, slot, slot of the flag.
fn attributes(class: Desc) -> impl Iterator<Item = (P, u32, u32)> {
    let start = tail(class) + 8;
    let count: u32 = load(tail(class) + 4);
    (0..count).map(move |index| {
        let at = start + index * 12;
        (P::from_slot(u64::from(load::<u32>(at))), load(at + 4), load(at + 8))
    })
}

/// The members of an enumeration: text of the name, and the member.
fn members(class: Desc) -> impl Iterator<Item = (P, P)> {
    let start = tail(class) + 8;
    let count: u32 = load(tail(class) + 4);
    (0..count).map(move |index| {
        let at = start + index * 8;
        let word = |at| P::from_slot(u64::from(load::<u32>(at)));
        (word(at), word(at + 4))
    })
}

fn is_set(value: P, flag: u32) -> bool {
    flag == object::ALWAYS || slot(tuple_slots(value), flag) != 0
}

fn write(out: &mut Buffer, value: P) -> Option<()> {
    let class = Desc(value.u32(object::CLASS));
    let number = load::<u32>(tail(class)) & !object::OWN_EQ;
    if load::<u32>(class.0) == object::ENUMERATION {
        out.text(ENUM_TAG)?;
        encode::head(out, 0, u64::from(number))?;
        for (name, member) in members(class) {
            if member == value {
                return encode::text(out, content(name));
            }
        }
        return leave(deopt::TYPE_NOT_PROVED);
    }
    if load::<u32>(class.0) == object::NAMED_TUPLE {
        out.text(NAMED_TAG)?;
        encode::head(out, 0, u64::from(number))?;
        encode::head(out, 4, u64::from(load::<u32>(tail(class) + 4)))?;
        for (_, at, _) in attributes(class) {
            encode::value(out, slot(tuple_slots(value), at), class.element(at))?;
        }
        return Some(());
    }
    out.text(INSTANCE_TAG)?;
    encode::head(out, 0, u64::from(number))?;
    let mut count = 0;
    for (_, _, flag) in attributes(class) {
        count += u64::from(is_set(value, flag));
    }
    encode::head(out, 5, count)?;
    for (name, at, flag) in attributes(class) {
        if is_set(value, flag) {
            encode::text(out, content(name))?;
            encode::value(out, slot(tuple_slots(value), at), class.element(at))?;
        }
    }
    Some(())
}

/// Reads an object of a family; 0 if it was no such object.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn object_decode(family: Desc) -> Option<P> {
    nested(|| read(family))
}

/// Where there are no classes, there are no objects.
#[unsafe(no_mangle)]
pub extern "C" fn object_decode__plain(_: Desc) -> Option<P> {
    leave(deopt::TYPE_NOT_PROVED)
}

/// The class of a family that values name by a number.
pub fn class_of(family: Desc, number: u64) -> Option<Desc> {
    for index in 0..family.count() {
        let class = family.element(index);
        if u64::from(load::<u32>(tail(class)) & !object::OWN_EQ) == number {
            return Some(class);
        }
    }
    None
}

fn read(family: Desc) -> Option<P> {
    let (number, form) = decode::class_number()?;
    let Some(class) = class_of(family, number) else { return leave(deopt::TYPE_NOT_PROVED) };
    if form != load::<u32>(class.0) {
        return leave(deopt::TYPE_NOT_PROVED);
    }
    if form == object::ENUMERATION {
        let name = decode::text(3)?;
        for (known, member) in members(class) {
            if content(known) == content(name) {
                crate::object::release_str(Some(name));
                return Some(member);
            }
        }
        return leave(deopt::TYPE_NOT_PROVED);
    }
    let made = tuple_new(class.count())?;
    made.set_u32(object::CLASS, class.0);
    if form == object::NAMED_TUPLE {
        if decode::length(4)? != load::<u32>(tail(class) + 4) {
            return leave(deopt::TYPE_NOT_PROVED);
        }
        for (_, at, _) in attributes(class) {
            let value = decode::any_value(class.element(at))?;
            set_slot(tuple_slots(made), at, value);
        }
        return Some(made);
    }
    let mut count = decode::length(5)?;
    // Python wrote them in the order in which they were set, mostly that of the class.
    let mut seen = 0;
    while count > 0 {
        count -= 1;
        let name = decode::text(3)?;
        let mut index = 0;
        let mut found = None;
        for attribute in attributes(class) {
            if content(attribute.0) == content(name) {
                found = Some((index, attribute));
            }
            index += 1;
        }
        crate::object::release_str(Some(name));
        let Some((index, (_, at, flag))) = found else { return leave(deopt::TYPE_NOT_PROVED) };
        let bit = 1_u64 << (index & 63);
        if index > 63 || seen & bit != 0 {
            return leave(deopt::TYPE_NOT_PROVED);
        }
        seen |= bit;
        let value = decode::any_value(class.element(at))?;
        set_slot(tuple_slots(made), at, value);
        if flag != object::ALWAYS {
            set_slot(tuple_slots(made), flag, 1);
        }
    }
    let mut index = 0;
    for (_, _, flag) in attributes(class) {
        if flag == object::ALWAYS && (index > 63 || seen & 1_u64 << index == 0) {
            return leave(deopt::TYPE_NOT_PROVED);
        }
        index += 1;
    }
    Some(made)
}

/// `hash(value)`.
#[unsafe(no_mangle)]
pub extern "C" fn value_hash(value: u64, desc: Desc) -> i32 {
    crate::state::ret_u64(crate::hash::insertion_hash(value, desc))
}

/// What identifies an object, for its hash: its address, mixed as `CPython` does.
#[unsafe(no_mangle)]
pub extern "C" fn object_address(value: P) -> i64 {
    i64::from(value.address().rotate_right(4))
}
