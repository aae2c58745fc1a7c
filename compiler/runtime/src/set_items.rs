//! Methods of sets that take any iterable: what CPython does item by item.

use crate::mem::{P, slot};
use crate::object::{Desc, len, release, retain_slot, slots};
use crate::set::{
    add, discard, drop_removed, has, lookup, put_entry, replace, reserve, set_copy, toggle,
};
use crate::shared::setop;
use crate::state::status;
use crate::table::{entries, new_table};

/// `a.union(items)` and its kin, of a list.
#[unsafe(no_mangle)]
pub extern "C" fn set_op_items(a: P, desc: Desc, items: P, op: u32) -> Option<P> {
    match op & !setop::OF_DICT {
        setop::INTERSECTION => intersection_with_items(a, desc, items),
        setop::DIFFERENCE if op & setop::OF_DICT != 0 && len(a) >> 2 <= len(items) => {
            let other = set_from_list(items, desc)?;
            let result = new_table()?;
            for entry in entries(a) {
                if !has(other, desc, entry) {
                    put_entry(result, desc, entry)?;
                }
            }
            release(Some(other), desc);
            Some(result)
        }
        setop::SYMMETRIC => {
            let result = new_table()?;
            extend(result, desc, items, op)?;
            toggle(result, desc, a)?;
            Some(result)
        }
        _ => {
            let result = set_copy(a, desc)?;
            update_items(result, desc, items, op)?;
            Some(result)
        }
    }
}

/// `a.update(items)` and its kin, of a list.
#[unsafe(no_mangle)]
pub extern "C" fn set_update_items(a: P, desc: Desc, items: P, op: u32) -> i32 {
    status(update_items(a, desc, items, op))
}

fn update_items(a: P, desc: Desc, items: P, op: u32) -> Option<()> {
    match op & !setop::OF_DICT {
        setop::UNION => extend(a, desc, items, op)?,
        setop::INTERSECTION => {
            let result = intersection_with_items(a, desc, items)?;
            replace(a, desc, result);
        }
        setop::DIFFERENCE => {
            for index in 0..len(items) {
                discard(a, desc, lookup(a, slot(slots(items), index), desc));
            }
            drop_removed(a)?;
        }
        _ if op & setop::OF_DICT != 0 => {
            for index in 0..len(items) {
                let key = slot(slots(items), index);
                if !discard(a, desc, lookup(a, key, desc)) {
                    add_item(a, desc, key)?;
                }
            }
        }
        _ => {
            let other = set_from_list(items, desc)?;
            toggle(a, desc, other)?;
            release(Some(other), desc);
        }
    }
    Some(())
}

fn intersection_with_items(a: P, desc: Desc, items: P) -> Option<P> {
    let result = new_table()?;
    for index in 0..len(items) {
        let key = slot(slots(items), index);
        if lookup(a, key, desc).is_some() {
            add_item(result, desc, key)?;
        }
    }
    Some(result)
}

/// Adds an element that a list goes on to hold.
fn add_item(set: P, desc: Desc, key: u64) -> Option<()> {
    retain_slot(key, desc.element(0));
    add(set, desc, key)
}

/// Adds the items of a list, or the keys of a dict that are in one.
fn extend(set: P, desc: Desc, items: P, op: u32) -> Option<()> {
    if op & setop::OF_DICT != 0 {
        reserve(set, len(items))?;
    }
    for index in 0..len(items) {
        add_item(set, desc, slot(slots(items), index))?;
    }
    Some(())
}

/// `set(list)`.
#[unsafe(no_mangle)]
pub extern "C" fn set_from_list(list: P, desc: Desc) -> Option<P> {
    let set = new_table()?;
    extend(set, desc, list, setop::UNION)?;
    Some(set)
}
