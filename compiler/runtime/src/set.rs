//! `set` and `frozenset`. They iterate in insertion order, where CPython's order depends on hashes.

use crate::mem::{P, slot};
use crate::object::{Desc, len, release_slot, retain_slot, slots};
use crate::raise::{fail, fail_value};
use crate::shared::{class, setop};
use crate::state::{ret_u64, status};
use crate::table::{Entry, entries, find, insert, insertion_hash, lookup, new_table, remove};

/// `set()`.
#[unsafe(no_mangle)]
pub extern "C" fn set_new() -> Option<P> {
    new_table()
}

/// `s.add(value)`; takes it over.
pub fn add(set: P, desc: Desc, value: u64) -> Option<()> {
    let hash = insertion_hash(value, desc.element(0))?;
    if find(set, value, hash, desc.element(0)).is_some() {
        release_slot(value, desc.element(0));
        return Some(());
    }
    insert(set, value, 0, hash)
}

/// Adds an element of another set.
fn add_entry(set: P, desc: Desc, entry: Entry) -> Option<()> {
    if find(set, entry.key(), entry.hash(), desc.element(0)).is_some() {
        return Some(());
    }
    retain_slot(entry.key(), desc.element(0));
    insert(set, entry.key(), 0, entry.hash())
}

fn has(set: P, desc: Desc, entry: Entry) -> bool {
    find(set, entry.key(), entry.hash(), desc.element(0)).is_some()
}

/// `s.add(value)`.
#[unsafe(no_mangle)]
pub extern "C" fn set_add(set: P, desc: Desc, value: u64) -> i32 {
    status(add(set, desc, value))
}

/// `value in s`.
#[unsafe(no_mangle)]
pub extern "C" fn set_contains(set: P, desc: Desc, value: u64) -> u32 {
    lookup(set, value, desc.element(0)).is_some() as u32
}

/// `s.discard(value)`.
#[unsafe(no_mangle)]
pub extern "C" fn set_discard(set: P, desc: Desc, value: u64) -> u32 {
    let Some(entry) = lookup(set, value, desc.element(0)) else { return 0 };
    let key = entry.key();
    remove(set, entry);
    release_slot(key, desc.element(0));
    1
}

/// `s.remove(value)`.
#[unsafe(no_mangle)]
pub extern "C" fn set_remove(set: P, desc: Desc, value: u64) -> i32 {
    if set_discard(set, desc, value) == 1 {
        return 0;
    }
    status(fail_value(class::KEY_ERROR, value, desc.element(0)))
}

/// `s.pop()`: the oldest element.
#[unsafe(no_mangle)]
pub extern "C" fn set_pop(set: P, _desc: Desc) -> i32 {
    let Some(entry) = entries(set).next() else {
        return status(fail(class::KEY_ERROR, b"pop from an empty set"));
    };
    let value = entry.key();
    remove(set, entry);
    ret_u64(Some(value))
}

/// `a | b` and its kin.
#[unsafe(no_mangle)]
pub extern "C" fn set_op(a: P, desc: Desc, b: P, op: u32) -> Option<P> {
    let result = new_table()?;
    for entry in entries(a) {
        let keep = match op {
            setop::UNION => true,
            setop::INTERSECTION => has(b, desc, entry),
            _ => !has(b, desc, entry),
        };
        if keep {
            add_entry(result, desc, entry)?;
        }
    }
    if op == setop::UNION || op == setop::SYMMETRIC {
        for entry in entries(b) {
            if op == setop::UNION || !has(a, desc, entry) {
                add_entry(result, desc, entry)?;
            }
        }
    }
    Some(result)
}

/// `a |= b` and its kin.
#[unsafe(no_mangle)]
pub extern "C" fn set_update(a: P, desc: Desc, b: P, op: u32) -> i32 {
    if op == setop::UNION {
        if a != b {
            for entry in entries(b) {
                if add_entry(a, desc, entry).is_none() {
                    return 1;
                }
            }
        }
        return 0;
    }
    let Some(result) = set_op(a, desc, b, op) else { return 1 };
    crate::table::swap(a, result);
    crate::object::release(Some(result), desc);
    0
}

/// `a.isdisjoint(b)`.
#[unsafe(no_mangle)]
pub extern "C" fn set_isdisjoint(a: P, desc: Desc, b: P) -> u32 {
    !entries(a).any(|entry| has(b, desc, entry)) as u32
}

/// Whether every element of `a` is in `b`.
pub fn is_subset(a: P, b: P, desc: Desc) -> bool {
    len(a) <= len(b) && entries(a).all(|entry| has(b, desc, entry))
}

/// `set(list)`.
#[unsafe(no_mangle)]
pub extern "C" fn set_from_list(list: P, desc: Desc) -> Option<P> {
    let set = new_table()?;
    for index in 0..len(list) {
        let value = slot(slots(list), index);
        retain_slot(value, desc.element(0));
        add(set, desc, value)?;
    }
    Some(set)
}
