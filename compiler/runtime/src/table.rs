//! The hash table under dict: entries in insertion order, and an index of 32-bit words with
//! open addressing, as CPython's dict has. A set has a table of its own, whose entries are walked as
//! these are.
//!
//! An object is `{rc, len, entries, used, capacity, index, index size, _}`; an entry `{key, value,
//! hash, live}`. Removing leaves a dead entry, which the next rebuild drops. A key with a NaN in it
//! never gets in, because Python would look at its identity; so finding one cannot succeed.

use crate::alloc::{alloc, free};
use crate::compare::{equal, hash, hash_bits, hash_text};
use crate::mem::{P, load, store, zero};
use crate::object::{Desc, content, len, release_slot};
use crate::raise::leave;
use crate::shared::{deopt, kind, layout};

/// Where a table has its entries.
pub const ENTRIES: u32 = 8;
/// How many of them there are to walk.
pub const USED: u32 = 12;
/// How many there is room for.
pub const CAPACITY: u32 = 16;
const INDEX: u32 = 20;
const INDEX_SIZE: u32 = 24;
const OBJECT_BYTES: u32 = 32;

const HASH: u32 = 16;
/// Offset in an entry: 1 if it was not removed.
pub const LIVE: u32 = 20;
/// Bytes of an entry.
pub const ENTRY_BYTES: u32 = 24;
/// Index words of a table that has just got its first entry.
const INDEX_SIZE_MIN: u32 = 8;
/// Most entries: their area stays below 2 GiB.
const ENTRIES_MAX: u32 = 1 << 26;
/// Bits of an index word that are those of the hash; the others are the number of the entry, from 1.
const TAG: u32 = 0xf800_0000;

/// An entry, by address.
#[derive(Clone, Copy)]
pub struct Entry(pub u32);

impl Entry {
    /// Its key.
    #[inline(always)]
    pub fn key(self) -> u64 {
        load(self.0 + layout::ENTRY_KEY)
    }

    /// Its value; in a set, its hash.
    #[inline(always)]
    pub fn value(self) -> u64 {
        load(self.0 + layout::ENTRY_VALUE)
    }

    /// Changes its value.
    #[inline(always)]
    pub fn set_value(self, value: u64) {
        store(self.0 + layout::ENTRY_VALUE, value);
    }

    /// The hash of a dict's key.
    #[inline(always)]
    pub fn hash(self) -> u32 {
        load(self.0 + HASH)
    }

    /// Whether it was not removed.
    #[inline(always)]
    pub fn is_live(self) -> bool {
        load::<u32>(self.0 + LIVE) != 0
    }
}

/// Walks the entries of a table in order.
pub struct Entries {
    at: u32,
    end: u32,
}

impl Iterator for Entries {
    type Item = Entry;

    #[inline]
    fn next(&mut self) -> Option<Entry> {
        while self.at < self.end {
            let entry = Entry(self.at);
            self.at += ENTRY_BYTES;
            if entry.is_live() {
                return Some(entry);
            }
        }
        None
    }
}

/// The entries of a table.
#[inline]
pub fn entries(table: P) -> Entries {
    let at = table.u32(ENTRIES);
    Entries { at, end: at + table.u32(USED) * ENTRY_BYTES }
}

/// An empty table.
pub fn new_table() -> Option<P> {
    let address = alloc(u64::from(OBJECT_BYTES))?;
    zero(address, OBJECT_BYTES);
    store(address, 1u32);
    P::at(address)
}

/// The entry of a key.
#[inline]
pub fn find(table: P, key: u64, hash: u32, desc: Desc) -> Option<Entry> {
    match probe(table, key, hash, desc) {
        0 => None,
        entry => Some(Entry(entry)),
    }
}

/// Address of a key's entry, or 0.
#[inline(never)]
fn probe(table: P, key: u64, hash: u32, desc: Desc) -> u32 {
    let size = table.u32(INDEX_SIZE);
    if size == 0 {
        return 0;
    }
    let index = table.u32(INDEX);
    let entries = table.u32(ENTRIES);
    let mut at = hash & (size - 1);
    loop {
        let found: u32 = load(index + at * 4);
        if found == 0 {
            return 0;
        }
        if (found ^ hash) & TAG == 0 {
            let entry = Entry(entries + ((found & !TAG) - 1) * ENTRY_BYTES);
            if entry.hash() == hash && entry.is_live() && is_same(entry.key(), key, desc) {
                return entry.0;
            }
        }
        at = (at + 1) & (size - 1);
    }
}

/// Whether two keys of equal hashes are equal. There is no NaN among those of a table.
#[inline(always)]
fn is_same(a: u64, b: u64, desc: Desc) -> bool {
    a == b || desc.kind() != kind::INT && is_equal(a, b, desc)
}

#[inline(never)]
fn is_equal(a: u64, b: u64, desc: Desc) -> bool {
    if desc.kind() == kind::STR {
        return content(P::from_slot(a)) == content(P::from_slot(b));
    }
    equal(a, desc, b, desc) == Some(true)
}

/// The entry of a key, whose hash is not known yet.
#[inline]
pub fn lookup(table: P, key: u64, desc: Desc) -> Option<Entry> {
    find(table, key, key_hash(key, desc)?, desc)
}

/// The hash of a key: at once for most.
#[inline(always)]
fn key_hash(key: u64, desc: Desc) -> Option<u32> {
    match desc.kind() {
        kind::INT => Some(hash_bits(key)),
        kind::STR => Some(hash_text(P::from_slot(key))),
        _ => hash(key, desc),
    }
}

/// Hash of a key that is to be inserted; one with a NaN leaves native code.
pub fn insertion_hash(key: u64, desc: Desc) -> Option<u32> {
    match key_hash(key, desc) {
        Some(hash) => Some(hash),
        None => leave(deopt::TYPE_NOT_PROVED),
    }
}

/// Adds an entry for a key that is not there.
pub fn insert(table: P, key: u64, value: u64, hash: u32) -> Option<()> {
    let used = table.u32(USED);
    if used == table.u32(CAPACITY) {
        rebuild(table, len(table) + 1)?;
    }
    let used = table.u32(USED);
    append(table, used, key, value, hash);
    table.set_u32(USED, used + 1);
    table.set_u32(layout::LEN, len(table) + 1);
    Some(())
}

fn append(table: P, at: u32, key: u64, value: u64, hash: u32) {
    let entry = table.u32(ENTRIES) + at * ENTRY_BYTES;
    store(entry + layout::ENTRY_KEY, key);
    store(entry + layout::ENTRY_VALUE, value);
    store(entry + HASH, hash);
    store(entry + LIVE, 1u32);
    let mask = table.u32(INDEX_SIZE) - 1;
    let index = table.u32(INDEX);
    let mut slot = hash & mask;
    while load::<u32>(index + slot * 4) != 0 {
        slot = (slot + 1) & mask;
    }
    store(index + slot * 4, (at + 1) | hash & TAG);
}

/// Makes room for `needed` entries, and as many again, without dead ones.
pub fn rebuild(table: P, needed: u32) -> Option<()> {
    if needed > ENTRIES_MAX {
        return crate::raise::memory_error();
    }
    let mut size = INDEX_SIZE_MIN;
    while size * 2 / 3 < needed + needed / 2 {
        size *= 2;
    }
    let capacity = size * 2 / 3;
    let old = entries(table);
    let (old_entries, old_capacity) = (table.u32(ENTRIES), table.u32(CAPACITY));
    let (old_index, old_size) = (table.u32(INDEX), table.u32(INDEX_SIZE));
    let area = alloc(u64::from(capacity) * u64::from(ENTRY_BYTES))?;
    let index = alloc(u64::from(size) * 4)?;
    zero(index, size * 4);
    table.set_u32(ENTRIES, area);
    table.set_u32(CAPACITY, capacity);
    table.set_u32(INDEX, index);
    table.set_u32(INDEX_SIZE, size);
    let mut used = 0;
    for entry in old {
        append(table, used, entry.key(), entry.value(), entry.hash());
        used += 1;
    }
    table.set_u32(USED, used);
    if old_capacity != 0 {
        free(old_entries, old_capacity * ENTRY_BYTES);
        free(old_index, old_size * 4);
    }
    Some(())
}

/// Removes an entry; its key and value are the caller's now.
pub fn remove(table: P, entry: Entry) {
    store(entry.0 + LIVE, 0u32);
    let length = len(table) - 1;
    table.set_u32(layout::LEN, length);
    if length == 0 {
        forget(table);
    }
}

/// Drops the record of entries, not what they hold.
fn forget(table: P) {
    table.set_u32(layout::LEN, 0);
    table.set_u32(USED, 0);
    if table.u32(INDEX_SIZE) != 0 {
        zero(table.u32(INDEX), table.u32(INDEX_SIZE) * 4);
    }
}

/// Gives back what the entries hold.
fn release_entries(table: P, desc: Desc) {
    for entry in entries(table) {
        release_slot(entry.key(), desc.element(0));
        release_slot(entry.value(), desc.element(1));
    }
}

/// Frees a dict or set that nothing refers to any more.
pub fn free_table(table: P, desc: Desc) {
    if desc.kind() != kind::DICT {
        return crate::set::free_set(table, desc);
    }
    release_entries(table, desc);
    if table.u32(CAPACITY) != 0 {
        free(table.u32(ENTRIES), table.u32(CAPACITY) * ENTRY_BYTES);
        free(table.u32(INDEX), table.u32(INDEX_SIZE) * 4);
    }
    free_object(table);
}

/// Frees a table without its entries.
pub fn free_object(table: P) {
    free(table.address(), OBJECT_BYTES);
}

/// `d.clear()`.
#[unsafe(no_mangle)]
pub extern "C" fn table_clear(table: P, desc: Desc) {
    release_entries(table, desc);
    forget(table);
}

/// The cursor of the next entry after `cursor`, 0 at the end.
#[unsafe(no_mangle)]
pub extern "C" fn table_next(table: P, mut cursor: u32) -> u32 {
    while cursor < table.u32(USED) {
        cursor += 1;
        if Entry(table_entry(table, cursor)).is_live() {
            return cursor;
        }
    }
    0
}

/// The cursor of the entry before `cursor` (0: the last), 0 at the end.
#[unsafe(no_mangle)]
pub extern "C" fn table_previous(table: P, cursor: u32) -> u32 {
    let mut cursor = if cursor == 0 { table.u32(USED) + 1 } else { cursor };
    while cursor > 1 {
        cursor -= 1;
        if Entry(table_entry(table, cursor)).is_live() {
            return cursor;
        }
    }
    0
}

/// Address of the entry at a cursor.
#[unsafe(no_mangle)]
pub extern "C" fn table_entry(table: P, cursor: u32) -> u32 {
    table.u32(ENTRIES) + (cursor - 1) * ENTRY_BYTES
}
