//! Heap objects: making, reading, counting and freeing them.

use crate::alloc::{alloc, free};
use crate::mem::{P, bytes, load, put, slot, store, zero_slots};
use crate::shared::{kind, layout};
use crate::table;

/// Address of a type descriptor.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct Desc(pub u32);

impl Desc {
    /// Its kind.
    #[inline(always)]
    pub fn kind(self) -> u32 {
        load(self.0)
    }

    /// How many elements it has: for tuples, their length.
    #[inline(always)]
    pub fn count(self) -> u32 {
        load(self.0 + 4)
    }

    /// Descriptor of element `index`.
    #[inline(always)]
    pub fn element(self, index: u32) -> Self {
        Self(load(self.0 + 8 + index * 4))
    }

    /// Whether slots of this type hold addresses.
    #[inline(always)]
    pub fn is_object(self) -> bool {
        self.kind() >= kind::STR
    }
}

/// A new `str` or `bytes` of given lengths, its data not yet written.
#[inline(never)]
pub fn blank_str(length: u64, chars: u32) -> Option<P> {
    let address = alloc(length.saturating_add(u64::from(layout::STR_DATA)))?;
    store(address, 1u32);
    store(address + layout::STR_BYTES, length as u32);
    store(address + layout::STR_CHARS, chars);
    store(address + layout::STR_CHARS + 4, 0u32);
    P::at(address)
}

/// A new `str` of UTF-8.
#[inline(never)]
pub fn new_str(text: &[u8]) -> Option<P> {
    let object = blank_str(text.len() as u64, crate::text::count_chars(text))?;
    put(data(object), text);
    Some(object)
}

/// A new `bytes`.
pub fn new_bytes(content: &[u8]) -> Option<P> {
    let object = blank_str(content.len() as u64, content.len() as u32)?;
    put(data(object), content);
    Some(object)
}

/// Address of the data of a `str` or `bytes`.
#[inline(always)]
pub fn data(text: P) -> u32 {
    text.address() + layout::STR_DATA
}

/// The bytes of a `str` or `bytes`.
#[inline(always)]
pub fn content(text: P) -> &'static [u8] {
    bytes(data(text), text.u32(layout::STR_BYTES))
}

/// Length of a `str` in code points.
#[inline(always)]
pub fn chars(text: P) -> u32 {
    text.u32(layout::STR_CHARS)
}

/// Whether a `str` is all ASCII.
#[inline(always)]
pub fn is_ascii(text: P) -> bool {
    text.u32(layout::STR_BYTES) == text.u32(layout::STR_CHARS)
}

/// Number of elements of a list, dict or set.
#[inline(always)]
pub fn len(object: P) -> u32 {
    object.u32(layout::LEN)
}

/// Address of the slots of a list.
#[inline(always)]
pub fn slots(list: P) -> u32 {
    list.u32(layout::LIST_DATA)
}

/// An empty list with room for `capacity` elements.
pub fn blank_list(capacity: u64) -> Option<P> {
    let address = alloc(16)?;
    let start = if capacity == 0 { 0 } else { alloc(capacity.saturating_mul(8))? };
    store(address, 1u32);
    store(address + layout::LEN, 0u32);
    store(address + layout::LIST_CAP, capacity as u32);
    store(address + layout::LIST_DATA, start);
    P::at(address)
}

/// A tuple of `count` zero slots.
#[unsafe(no_mangle)]
pub extern "C" fn tuple_new(count: u32) -> Option<P> {
    let size = layout::TUPLE_SLOTS + count * 8;
    let address = alloc(u64::from(size))?;
    zero_slots(address, count + 1);
    store(address, 1u32);
    P::at(address)
}

/// Address of the slots of a tuple of fixed length.
#[inline(always)]
pub fn tuple_slots(tuple: P) -> u32 {
    tuple.address() + layout::TUPLE_SLOTS
}

/// A tuple of two slots.
pub fn pair(first: u64, second: u64) -> Option<P> {
    let tuple = tuple_new(2)?;
    store(tuple_slots(tuple), first);
    store(tuple_slots(tuple) + 8, second);
    Some(tuple)
}

/// Takes a reference.
#[inline(always)]
pub fn retain(object: P) -> P {
    let count = object.u32(0) as i32;
    if count >= 0 {
        object.set_u32(0, (count + 1) as u32);
    }
    object
}

/// Takes a reference to what is in a slot.
#[inline(always)]
pub fn retain_slot(value: u64, desc: Desc) {
    if desc.is_object() {
        incref(P::at(value as u32));
    }
}

/// Takes references to `count` slots.
pub fn retain_slots(start: u32, count: u32, desc: Desc) {
    if desc.is_object() {
        for index in 0..count {
            incref(P::at(slot(start, index) as u32));
        }
    }
}

/// Gives back references in `count` slots.
pub fn release_slots(start: u32, count: u32, desc: Desc) {
    if desc.is_object() {
        for index in 0..count {
            release(P::at(slot(start, index) as u32), desc);
        }
    }
}

/// Gives back the reference in a slot.
#[inline]
pub fn release_slot(value: u64, desc: Desc) {
    if desc.is_object() {
        release(P::at(value as u32), desc);
    }
}

/// Takes a reference; 0 is let pass.
#[unsafe(no_mangle)]
pub extern "C" fn incref(object: Option<P>) {
    if let Some(object) = object {
        retain(object);
    }
}

/// Counts down; true if that was the last reference.
#[inline(always)]
fn was_last(object: P) -> bool {
    let count = object.u32(0) as i32;
    if count < 0 {
        return false;
    }
    object.set_u32(0, (count - 1) as u32);
    count == 1
}

/// Gives a reference to a str or bytes back; 0 is let pass.
#[unsafe(no_mangle)]
pub extern "C" fn release_str(object: Option<P>) {
    if let Some(object) = object
        && was_last(object)
    {
        free_str(object);
    }
}

/// What a union holds: its slot, and the descriptor of its kind.
pub fn member(object: P, desc: Desc) -> (u64, Desc) {
    let kind = slot(tuple_slots(object), 0) as u32;
    let mut found = desc.element(0);
    for index in 1..desc.count() {
        if desc.element(index).kind() == kind {
            found = desc.element(index);
        }
    }
    (slot(tuple_slots(object), 1), found)
}

fn free_str(text: P) {
    free(text.address(), text.u32(layout::STR_BYTES) + layout::STR_DATA);
}

/// Frees what a list holds its elements in.
pub fn free_slots(list: P) {
    if slots(list) != 0 {
        free(slots(list), list.u32(layout::LIST_CAP) * 8);
    }
}

/// Gives a reference back, and frees the object with the last one; 0 is let pass.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn release(object: Option<P>, desc: Desc) {
    release_any::<true>(object, desc);
}

/// `release` where there are no dicts and sets.
#[unsafe(no_mangle)]
pub extern "C" fn release__flat(object: Option<P>, desc: Desc) {
    release_any::<false>(object, desc);
}

/// Most references are not the last: then nothing has to be known of the object.
#[inline(always)]
fn release_any<const TABLES: bool>(object: Option<P>, desc: Desc) {
    if let Some(object) = object
        && was_last(object)
    {
        free_any::<TABLES>(object, desc);
    }
}

/// Frees an object, with what only it refers to.
#[inline(never)]
fn free_any<const TABLES: bool>(object: P, desc: Desc) {
    match desc.kind() {
        kind::STR | kind::BYTES => free_str(object),
        kind::LIST | kind::VTUPLE => {
            let element = desc.element(0);
            if element.is_object() {
                for index in 0..len(object) {
                    let value = slot(slots(object), index);
                    release_any::<TABLES>(P::at(value as u32), element);
                }
            }
            free_slots(object);
            free(object.address(), 16);
        }
        kind::TUPLE => {
            for index in 0..desc.count() {
                let element = desc.element(index);
                if element.is_object() {
                    let value = slot(tuple_slots(object), index);
                    release_any::<TABLES>(P::at(value as u32), element);
                }
            }
            free(object.address(), layout::TUPLE_SLOTS + desc.count() * 8);
        }
        kind::OBJECT.. => crate::objects::object_free(object),
        // It is the object, or nothing.
        kind::OPTIONAL if desc.element(0).is_object() => {
            free_any::<TABLES>(object, desc.element(0));
        }
        kind::OPTIONAL => free(object.address(), layout::TUPLE_SLOTS + 8),
        kind::UNION => {
            let (value, member) = member(object, desc);
            if member.is_object() {
                release_any::<TABLES>(P::at(value as u32), member);
            }
            free(object.address(), layout::TUPLE_SLOTS + 16);
        }
        _ => {
            if TABLES {
                table::free_table(object, desc);
            }
        }
    }
}
