//! `set` and `frozenset`, whose elements come in CPython's order.
//!
//! That order is the order of the table, so the table is that of CPython's `setobject.c`: the same
//! hashes, probes and sizes, and the same choice of what is copied and what is inserted.
//!
//! An object is `{rc, len, entries, size, size, fill, finger, _}`, its entries as wide as a dict's and
//! live where a dict's are, so that what walks one walks the other. An entry is `{key, hash, taken,
//! live}`; one that is taken and not live was removed, and still leads to those behind it. The table
//! is made with the first element; until then it counts as one of the least size.

use crate::alloc::{alloc, free};
use crate::compare::equal;
use crate::hash::{insertion_hash, python_hash};
use crate::mem::{P, load, store, zero};
use crate::object::{Desc, len, release, release_slot, retain_slot};
use crate::raise::{fail, fail_value, memory_error};
use crate::shared::{class, kind, layout, setop};
use crate::state::{ret_u64, status};
use crate::table::{CAPACITY, ENTRIES, ENTRY_BYTES, Entry, LIVE, USED, entries, new_table};

/// Entries that are not unused: those of elements and of removed ones.
const FILL: u32 = 20;
/// Where `pop` goes on.
const FINGER: u32 = 24;
/// Offset in an entry: whether there is or was an element.
const TAKEN: u32 = 16;

const SIZE_MIN: u32 = 8;
/// Most entries: their area stays below 2 GiB.
const SIZE_MAX: u32 = 1 << 26;
/// How many neighbours are looked at before the probe jumps.
const NEIGHBOURS: u32 = 9;
const PERTURB_SHIFT: u32 = 5;

fn is_taken(entry: Entry) -> bool {
    load::<u32>(entry.0 + TAKEN) != 0
}

/// The hash of an element; it is kept where a dict has the value.
fn hash_of(entry: Entry) -> u64 {
    entry.value()
}

fn fill_in(entry: Entry, key: u64, hash: u64) {
    store(entry.0 + layout::ENTRY_KEY, key);
    store(entry.0 + layout::ENTRY_VALUE, hash);
    store(entry.0 + TAKEN, 1u32);
    store(entry.0 + LIVE, 1u32);
}

/// The number of entries less one.
fn mask(set: P) -> u32 {
    let size = set.u32(CAPACITY);
    (if size == 0 { SIZE_MIN } else { size }) - 1
}

/// Calls `done` with entries in the order in which they are probed, until it is true.
#[inline(always)]
fn probe(set: P, hash: u64, mut done: impl FnMut(Entry) -> bool) -> Entry {
    let (table, mask) = (set.u32(ENTRIES), set.u32(CAPACITY) - 1);
    let mut perturb = hash;
    let mut at = hash as u32 & mask;
    loop {
        let mut entry = table + at * ENTRY_BYTES;
        let last = if at + NEIGHBOURS <= mask { entry + NEIGHBOURS * ENTRY_BYTES } else { entry };
        while entry <= last {
            if done(Entry(entry)) {
                return Entry(entry);
            }
            entry += ENTRY_BYTES;
        }
        perturb >>= PERTURB_SHIFT;
        at = at.wrapping_mul(5).wrapping_add(1).wrapping_add(perturb as u32) & mask;
    }
}

/// The entry of a key, or that where it would be put: the last one on the way that was an element's,
/// or else an unused one. The table has been made.
fn seek(set: P, key: u64, hash: u64, desc: Desc) -> Entry {
    let kind = desc.kind();
    let mut removed = None;
    let found = probe(set, hash, |entry| {
        if !is_taken(entry) {
            return true;
        }
        if !entry.is_live() {
            removed = Some(entry);
            return false;
        }
        hash_of(entry) == hash
            && (entry.key() == key && kind != kind::FLOAT
                || kind != kind::INT && equal(entry.key(), desc, key, desc) == Some(true))
    });
    match removed {
        Some(removed) if !found.is_live() => removed,
        _ => found,
    }
}

/// The entry of an element.
fn find(set: P, key: u64, hash: u64, desc: Desc) -> Option<Entry> {
    if len(set) == 0 {
        return None;
    }
    let entry = seek(set, key, hash, desc.element(0));
    entry.is_live().then_some(entry)
}

pub fn lookup(set: P, key: u64, desc: Desc) -> Option<Entry> {
    find(set, key, python_hash(key, desc.element(0))?, desc)
}

pub fn has(set: P, desc: Desc, entry: Entry) -> bool {
    find(set, entry.key(), hash_of(entry), desc).is_some()
}

/// Puts an element that is not there where no element was removed.
fn insert_clean(set: P, key: u64, hash: u64) {
    fill_in(probe(set, hash, |entry| !is_taken(entry)), key, hash);
}

/// A new table with room for more than `above` entries, without removed ones.
fn resize(set: P, above: u32) -> Option<()> {
    let mut size = SIZE_MIN;
    while size <= above {
        if size == SIZE_MAX {
            return memory_error();
        }
        size <<= 1;
    }
    let (old, old_table, old_size) = (entries(set), set.u32(ENTRIES), set.u32(CAPACITY));
    let table = alloc(u64::from(size) * u64::from(ENTRY_BYTES))?;
    zero(table, size * ENTRY_BYTES);
    set.set_u32(ENTRIES, table);
    set.set_u32(USED, size);
    set.set_u32(CAPACITY, size);
    set.set_u32(FILL, len(set));
    for entry in old {
        insert_clean(set, entry.key(), hash_of(entry));
    }
    free_area(old_table, old_size);
    Some(())
}

fn free_area(table: u32, size: u32) {
    if size != 0 {
        free(table, size * ENTRY_BYTES);
    }
}

/// What a set that has become too full, or lost too much, grows or shrinks to.
fn resize_to_content(set: P) -> Option<()> {
    let count = len(set);
    resize(set, if count > 50_000 { count * 2 } else { count * 4 })
}

/// Makes room for `more` elements at once, if that many may be too many.
pub fn reserve(set: P, more: u32) -> Option<()> {
    if (set.u32(FILL) + more) * 5 >= mask(set) * 3 {
        resize(set, (len(set) + more) * 2)?;
    }
    Some(())
}

/// Adds an element unless it is there; says whether it was added. The reference is the caller's.
fn put(set: P, desc: Desc, key: u64, hash: u64) -> Option<bool> {
    if set.u32(CAPACITY) == 0 {
        resize(set, 0)?;
    }
    let entry = seek(set, key, hash, desc.element(0));
    if entry.is_live() {
        return Some(false);
    }
    let was_taken = is_taken(entry);
    fill_in(entry, key, hash);
    set.set_u32(layout::LEN, len(set) + 1);
    if was_taken {
        return Some(true);
    }
    let fill = set.u32(FILL) + 1;
    set.set_u32(FILL, fill);
    if fill * 5 >= mask(set) * 3 {
        resize_to_content(set)?;
    }
    Some(true)
}

/// Adds an element of another set.
pub fn put_entry(set: P, desc: Desc, entry: Entry) -> Option<()> {
    if put(set, desc, entry.key(), hash_of(entry))? {
        retain_slot(entry.key(), desc.element(0));
    }
    Some(())
}

/// Takes an element out; its reference is the caller's.
fn take_out(set: P, entry: Entry) -> u64 {
    store(entry.0 + LIVE, 0u32);
    set.set_u32(layout::LEN, len(set) - 1);
    entry.key()
}

/// Removes an element; false if it is not there.
pub fn discard(set: P, desc: Desc, found: Option<Entry>) -> bool {
    let Some(entry) = found else { return false };
    release_slot(take_out(set, entry), desc.element(0));
    true
}

/// Adds all elements of another set.
fn merge(set: P, desc: Desc, other: P) -> Option<()> {
    if set == other || len(other) == 0 {
        return Some(());
    }
    reserve(set, len(other))?;
    if set.u32(FILL) != 0 {
        for entry in entries(other) {
            put_entry(set, desc, entry)?;
        }
        return Some(());
    }
    if set.u32(CAPACITY) == 0 {
        resize(set, 0)?;
    }
    // Tables of one size are copied as they are. To insert in their order could give another one.
    let copies = mask(set) == mask(other) && other.u32(FILL) == len(other);
    for entry in entries(other) {
        retain_slot(entry.key(), desc.element(0));
        if copies {
            let at = set.u32(ENTRIES) + (entry.0 - other.u32(ENTRIES));
            fill_in(Entry(at), entry.key(), hash_of(entry));
        } else {
            insert_clean(set, entry.key(), hash_of(entry));
        }
    }
    set.set_u32(FILL, len(other));
    set.set_u32(layout::LEN, len(other));
    Some(())
}

/// The elements of both, by going through the smaller one.
fn intersection(a: P, desc: Desc, b: P) -> Option<P> {
    if a == b {
        return set_copy(a, desc);
    }
    let result = new_table()?;
    let (large, small) = if len(b) > len(a) { (b, a) } else { (a, b) };
    for entry in entries(small) {
        if has(large, desc, entry) {
            put_entry(result, desc, entry)?;
        }
    }
    Some(result)
}

/// `a -= b`.
fn subtract(a: P, desc: Desc, b: P) -> Option<()> {
    if a == b {
        set_clear(a, desc);
        return Some(());
    }
    let shared = if len(b) >> 3 > len(a) { Some(intersection(a, desc, b)?) } else { None };
    for entry in entries(shared.unwrap_or(b)) {
        discard(a, desc, find(a, entry.key(), hash_of(entry), desc));
    }
    release(shared, desc);
    drop_removed(a)
}

/// Makes the table anew if more than a quarter of it are removed elements.
pub fn drop_removed(set: P) -> Option<()> {
    if set.u32(FILL) - len(set) <= mask(set) / 4 {
        return Some(());
    }
    resize_to_content(set)
}

/// Adds the elements that are not there, and removes those that are.
pub fn toggle(set: P, desc: Desc, other: P) -> Option<()> {
    for entry in entries(other) {
        if !discard(set, desc, find(set, entry.key(), hash_of(entry), desc)) {
            put_entry(set, desc, entry)?;
        }
    }
    Some(())
}

/// Gives a set what another holds, which is freed.
pub fn replace(set: P, desc: Desc, other: P) {
    for offset in [layout::LEN, ENTRIES, USED, CAPACITY, FILL] {
        let kept = set.u32(offset);
        set.set_u32(offset, other.u32(offset));
        other.set_u32(offset, kept);
    }
    release(Some(other), desc);
}

/// `set()`.
#[unsafe(no_mangle)]
pub extern "C" fn set_new() -> Option<P> {
    new_table()
}

/// `s.add(value)`; takes it over.
pub fn add(set: P, desc: Desc, value: u64) -> Option<()> {
    let hash = insertion_hash(value, desc.element(0))?;
    if !put(set, desc, value, hash)? {
        release_slot(value, desc.element(0));
    }
    Some(())
}

/// `s.add(value)`.
#[unsafe(no_mangle)]
pub extern "C" fn set_add(set: P, desc: Desc, value: u64) -> i32 {
    status(add(set, desc, value))
}

/// `value in s`.
#[unsafe(no_mangle)]
pub extern "C" fn set_contains(set: P, desc: Desc, value: u64) -> u32 {
    lookup(set, value, desc).is_some() as u32
}

/// `s.discard(value)`.
#[unsafe(no_mangle)]
pub extern "C" fn set_discard(set: P, desc: Desc, value: u64) -> u32 {
    discard(set, desc, lookup(set, value, desc)) as u32
}

/// `s.remove(value)`.
#[unsafe(no_mangle)]
pub extern "C" fn set_remove(set: P, desc: Desc, value: u64) -> i32 {
    if set_discard(set, desc, value) == 1 {
        return 0;
    }
    status(fail_value(class::KEY_ERROR, value, desc.element(0)))
}

/// `s.pop()`: the first element from where the last one was.
#[unsafe(no_mangle)]
pub extern "C" fn set_pop(set: P, _desc: Desc) -> i32 {
    if len(set) == 0 {
        return status(fail(class::KEY_ERROR, b"pop from an empty set"));
    }
    let mut at = set.u32(FINGER) & mask(set);
    loop {
        let entry = Entry(set.u32(ENTRIES) + at * ENTRY_BYTES);
        at += 1;
        if entry.is_live() {
            set.set_u32(FINGER, at);
            return ret_u64(Some(take_out(set, entry)));
        }
        if at > mask(set) {
            at = 0;
        }
    }
}

/// `s.copy()`.
#[unsafe(no_mangle)]
pub extern "C" fn set_copy(set: P, desc: Desc) -> Option<P> {
    let copied = new_table()?;
    merge(copied, desc, set)?;
    Some(copied)
}

/// `s.clear()`.
#[unsafe(no_mangle)]
pub extern "C" fn set_clear(set: P, desc: Desc) {
    let (old, table, size) = (entries(set), set.u32(ENTRIES), set.u32(CAPACITY));
    for offset in [layout::LEN, ENTRIES, USED, CAPACITY, FILL] {
        set.set_u32(offset, 0);
    }
    for entry in old {
        release_slot(entry.key(), desc.element(0));
    }
    free_area(table, size);
}

/// `a | b` and its kin.
#[unsafe(no_mangle)]
pub extern "C" fn set_op(a: P, desc: Desc, b: P, op: u32) -> Option<P> {
    match op {
        setop::UNION => {
            let result = set_copy(a, desc)?;
            if a != b {
                merge(result, desc, b)?;
            }
            Some(result)
        }
        setop::INTERSECTION => intersection(a, desc, b),
        setop::DIFFERENCE => difference(a, desc, b),
        _ => {
            let result = set_copy(b, desc)?;
            toggle(result, desc, a)?;
            Some(result)
        }
    }
}

fn difference(a: P, desc: Desc, b: P) -> Option<P> {
    if len(a) >> 2 > len(b) {
        let result = set_copy(a, desc)?;
        subtract(result, desc, b)?;
        return Some(result);
    }
    let result = new_table()?;
    for entry in entries(a) {
        if !has(b, desc, entry) {
            put_entry(result, desc, entry)?;
        }
    }
    Some(result)
}

/// `a |= b` and its kin.
#[unsafe(no_mangle)]
pub extern "C" fn set_update(a: P, desc: Desc, b: P, op: u32) -> i32 {
    status(match op {
        setop::UNION => merge(a, desc, b),
        setop::INTERSECTION => intersection(a, desc, b).map(|result| replace(a, desc, result)),
        setop::DIFFERENCE => subtract(a, desc, b),
        _ if a == b => {
            set_clear(a, desc);
            Some(())
        }
        _ => toggle(a, desc, b),
    })
}

/// `a.isdisjoint(b)`.
#[unsafe(no_mangle)]
pub extern "C" fn set_isdisjoint(a: P, desc: Desc, b: P) -> u32 {
    !entries(a).any(|entry| has(b, desc, entry)) as u32
}

/// CPython's hash of a `frozenset`, which does not depend on the order.
pub fn frozen_hash(set: P) -> u64 {
    let mut sum = 0;
    for entry in entries(set) {
        let hash = hash_of(entry);
        sum ^= (hash ^ 0x055b_4db3 ^ hash << 16).wrapping_mul(3_644_798_167);
    }
    sum ^= (u64::from(len(set)) + 1).wrapping_mul(1_927_868_237);
    sum ^= sum >> 11 ^ sum >> 25;
    sum = sum.wrapping_mul(69_069).wrapping_add(907_133_923);
    if sum == u64::MAX { 590_923_713 } else { sum }
}

/// Whether every element of `a` is in `b`.
pub fn is_subset(a: P, b: P, desc: Desc) -> bool {
    len(a) <= len(b) && entries(a).all(|entry| has(b, desc, entry))
}

/// Frees a set that nothing refers to any more.
pub fn free_set(set: P, desc: Desc) {
    set_clear(set, desc);
    crate::table::free_object(set);
}
