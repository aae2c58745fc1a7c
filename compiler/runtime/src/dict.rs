//! `dict`.

use crate::mem::{P, set_slot};
use crate::object::{Desc, blank_list, len, pair, release_slot, retain_slot, slots};
use crate::raise::{fail, fail_value};
use crate::shared::{class, layout};
use crate::state::{ret_u64, status};
use crate::table::{Entry, entries, find, insert, insertion_hash, lookup, new_table, remove};

/// `{}`.
#[unsafe(no_mangle)]
pub extern "C" fn dict_new() -> Option<P> {
    new_table()
}

/// `d[key] = value`; takes both over.
pub fn set(dict: P, desc: Desc, key: u64, value: u64) -> Option<()> {
    let hash = insertion_hash(key, desc.element(0))?;
    if let Some(entry) = find(dict, key, hash, desc.element(0)) {
        let old = entry.value();
        entry.set_value(value);
        release_slot(old, desc.element(1));
        release_slot(key, desc.element(0));
        return Some(());
    }
    insert(dict, key, value, hash)
}

/// The entry of a key that has to be there.
fn get(dict: P, desc: Desc, key: u64) -> Option<Entry> {
    match lookup(dict, key, desc.element(0)) {
        Some(entry) => Some(entry),
        None => fail_value(class::KEY_ERROR, key, desc.element(0)),
    }
}

/// `d[key] = value`.
#[unsafe(no_mangle)]
pub extern "C" fn dict_set(dict: P, desc: Desc, key: u64, value: u64) -> i32 {
    status(set(dict, desc, key, value))
}

/// `d[key]`.
#[unsafe(no_mangle)]
pub extern "C" fn dict_get(dict: P, desc: Desc, key: u64) -> i32 {
    ret_u64(get(dict, desc, key).map(Entry::value))
}

/// Address of the value's slot, or 0.
#[unsafe(no_mangle)]
pub extern "C" fn dict_find(dict: P, desc: Desc, key: u64) -> u32 {
    match lookup(dict, key, desc.element(0)) {
        Some(entry) => entry.0 + layout::ENTRY_VALUE,
        None => 0,
    }
}

/// `del d[key]`.
#[unsafe(no_mangle)]
pub extern "C" fn dict_del(dict: P, desc: Desc, key: u64) -> i32 {
    let Some(entry) = get(dict, desc, key) else { return 1 };
    let (old_key, old_value) = (entry.key(), entry.value());
    remove(dict, entry);
    release_slot(old_key, desc.element(0));
    release_slot(old_value, desc.element(1));
    0
}

/// `d.pop(key)`.
#[unsafe(no_mangle)]
pub extern "C" fn dict_pop(dict: P, desc: Desc, key: u64) -> i32 {
    let Some(entry) = get(dict, desc, key) else { return 1 };
    let (old_key, value) = (entry.key(), entry.value());
    remove(dict, entry);
    release_slot(old_key, desc.element(0));
    ret_u64(Some(value))
}

/// `d.setdefault(key, value)`.
#[unsafe(no_mangle)]
pub extern "C" fn dict_setdefault(dict: P, desc: Desc, key: u64, value: u64) -> i32 {
    if let Some(entry) = lookup(dict, key, desc.element(0)) {
        release_slot(key, desc.element(0));
        release_slot(value, desc.element(1));
        return ret_u64(Some(entry.value()));
    }
    ret_u64(set(dict, desc, key, value).map(|()| value))
}

/// `d.popitem()`.
#[unsafe(no_mangle)]
pub extern "C" fn dict_popitem(dict: P, _desc: Desc) -> Option<P> {
    let cursor = crate::table::table_previous(dict, 0);
    if cursor == 0 {
        return fail(class::KEY_ERROR, b"popitem(): dictionary is empty");
    }
    let entry = Entry(crate::table::table_entry(dict, cursor));
    let item = pair(entry.key(), entry.value())?;
    remove(dict, entry);
    Some(item)
}

/// `d.update(other)`.
#[unsafe(no_mangle)]
pub extern "C" fn dict_update(dict: P, desc: Desc, other: P) -> i32 {
    if dict == other {
        return 0;
    }
    for entry in entries(other) {
        retain_slot(entry.key(), desc.element(0));
        retain_slot(entry.value(), desc.element(1));
        if set(dict, desc, entry.key(), entry.value()).is_none() {
            return 1;
        }
    }
    0
}

/// A list of one thing of each entry.
fn collect(table: P, pick: impl Fn(Entry) -> Option<u64>) -> Option<P> {
    let list = blank_list(u64::from(len(table)))?;
    let mut count = 0;
    for entry in entries(table) {
        set_slot(slots(list), count, pick(entry)?);
        count += 1;
    }
    list.set_u32(layout::LEN, count);
    Some(list)
}

/// `list(d)`.
#[unsafe(no_mangle)]
pub extern "C" fn table_keys(table: P, desc: Desc) -> Option<P> {
    collect(table, |entry| {
        retain_slot(entry.key(), desc.element(0));
        Some(entry.key())
    })
}

/// `list(d.values())`.
#[unsafe(no_mangle)]
pub extern "C" fn dict_values(dict: P, desc: Desc) -> Option<P> {
    collect(dict, |entry| {
        retain_slot(entry.value(), desc.element(1));
        Some(entry.value())
    })
}

/// `list(d.items())`.
#[unsafe(no_mangle)]
pub extern "C" fn dict_items(dict: P, desc: Desc) -> Option<P> {
    collect(dict, |entry| {
        retain_slot(entry.key(), desc.element(0));
        retain_slot(entry.value(), desc.element(1));
        pair(entry.key(), entry.value()).map(P::slot)
    })
}

/// `d.copy()`.
#[unsafe(no_mangle)]
pub extern "C" fn table_copy(table: P, desc: Desc) -> Option<P> {
    let copied = new_table()?;
    for entry in entries(table) {
        retain_slot(entry.key(), desc.element(0));
        retain_slot(entry.value(), desc.element(1));
        insert(copied, entry.key(), entry.value(), entry.hash())?;
    }
    Some(copied)
}
