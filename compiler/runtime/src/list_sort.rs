//! `list.sort`: a stable merge sort.
//!
//! With a total order every stable sort gives CPython's result. NaNs are not ordered, and where they go
//! depends on the algorithm: a list that holds one leaves native code.

use crate::alloc::{alloc, free};
use crate::compare::{has_nan, values};
use crate::mem::{P, copy, load, slot, store};
use crate::object::{Desc, content, len, slots};
use crate::raise::leave;
use crate::shared::{deopt, kind, op};
use crate::state::status;

/// Runs of this length are sorted by insertion.
const RUN: u32 = 8;

/// `list.sort(reverse=)`.
#[unsafe(no_mangle)]
pub extern "C" fn list_sort(list: P, desc: Desc, reverse: u32) -> i32 {
    status(sort::<8>(slots(list), len(list), desc.element(0), reverse != 0))
}

/// `list.sort(key=, reverse=)`.
#[unsafe(no_mangle)]
pub extern "C" fn list_sort_by(list: P, keys: P, keys_desc: Desc, reverse: u32) -> i32 {
    status(sort_by(list, keys, keys_desc, reverse != 0))
}

fn sort_by(list: P, keys: P, keys_desc: Desc, reverse: bool) -> Option<()> {
    let count = len(list);
    let bytes = count * 16;
    let pairs = alloc(u64::from(count) * 16)?;
    for index in 0..count {
        store(pairs + index * 16, slot(slots(keys), index));
        store(pairs + index * 16 + 8, slot(slots(list), index));
    }
    sort::<16>(pairs, count, keys_desc.element(0), reverse)?;
    for index in 0..count {
        store(slots(keys) + index * 8, load::<u64>(pairs + index * 16));
        store(slots(list) + index * 8, load::<u64>(pairs + index * 16 + 8));
    }
    free(pairs, bytes);
    Some(())
}

/// Sorts entries of `WIDTH` bytes that begin with their key.
fn sort<const WIDTH: u32>(start: u32, count: u32, desc: Desc, reverse: bool) -> Option<()> {
    for index in 0..count {
        if has_nan(load(start + index * WIDTH), desc) {
            return leave(deopt::TYPE_NOT_PROVED);
        }
    }
    match (desc.kind(), reverse) {
        (kind::INT, false) => merge_sort::<WIDTH>(start, count, |a, b| Some((a as i64) < b as i64)),
        (kind::INT, true) => merge_sort::<WIDTH>(start, count, |a, b| Some(a as i64 > b as i64)),
        (kind::FLOAT, _) => merge_sort::<WIDTH>(start, count, |a, b| {
            let (a, b) = (f64::from_bits(a), f64::from_bits(b));
            Some(if reverse { a > b } else { a < b })
        }),
        (kind::STR | kind::BYTES, _) => merge_sort::<WIDTH>(start, count, |a, b| {
            let order = content(P::from_slot(a)).cmp(content(P::from_slot(b)));
            Some(if reverse { order.is_gt() } else { order.is_lt() })
        }),
        _ => merge_sort::<WIDTH>(start, count, |a, b| {
            let (a, b) = if reverse { (b, a) } else { (a, b) };
            values(a, desc, b, desc, op::LT)
        }),
    }
}

/// Sorts by `before`, which says whether the first key has to come before the second.
#[inline]
fn merge_sort<const WIDTH: u32>(
    start: u32,
    count: u32,
    before: impl Fn(u64, u64) -> Option<bool>,
) -> Option<()> {
    let key = |index: u32| load::<u64>(start + index * WIDTH);
    let mut sorted = 1;
    while sorted < count && !before(key(sorted), key(sorted - 1))? {
        sorted += 1;
    }
    if sorted >= count {
        return Some(());
    }
    let mut from = 0;
    while from < count {
        let to = if count - from < RUN { count } else { from + RUN };
        insertion_sort::<WIDTH>(start, from, to, &before)?;
        from = to;
    }
    let bytes = count * WIDTH;
    let spare = alloc(u64::from(bytes))?;
    let (mut source, mut target) = (start, spare);
    let mut run = RUN;
    while run < count {
        let mut from = 0;
        while from < count {
            let middle = if count - from < run { count } else { from + run };
            let to = if count - middle < run { count } else { middle + run };
            merge::<WIDTH>(source, target, from, middle, to, &before)?;
            from = to;
        }
        core::mem::swap(&mut source, &mut target);
        run *= 2;
    }
    if source != start {
        copy(start, source, bytes);
    }
    free(spare, bytes);
    Some(())
}

fn move_entry<const WIDTH: u32>(to: u32, from: u32) {
    store(to, load::<u64>(from));
    if WIDTH == 16 {
        store(to + 8, load::<u64>(from + 8));
    }
}

#[inline]
fn insertion_sort<const WIDTH: u32>(
    start: u32,
    from: u32,
    to: u32,
    before: &impl Fn(u64, u64) -> Option<bool>,
) -> Option<()> {
    for index in from + 1..to {
        let place = start + index * WIDTH;
        let (key, value) = (load::<u64>(place), if WIDTH == 16 { load(place + 8) } else { 0u64 });
        let mut at = place;
        while at > start + from * WIDTH && before(key, load(at - WIDTH))? {
            move_entry::<WIDTH>(at, at - WIDTH);
            at -= WIDTH;
        }
        store(at, key);
        if WIDTH == 16 {
            store(at + 8, value);
        }
    }
    Some(())
}

#[inline]
fn merge<const WIDTH: u32>(
    source: u32,
    target: u32,
    from: u32,
    middle: u32,
    to: u32,
    before: &impl Fn(u64, u64) -> Option<bool>,
) -> Option<()> {
    let (mut left, left_end) = (source + from * WIDTH, source + middle * WIDTH);
    let (mut right, right_end) = (left_end, source + to * WIDTH);
    let mut out = target + from * WIDTH;
    while left < left_end && right < right_end {
        if before(load(right), load(left))? {
            move_entry::<WIDTH>(out, right);
            right += WIDTH;
        } else {
            move_entry::<WIDTH>(out, left);
            left += WIDTH;
        }
        out += WIDTH;
    }
    copy(out, left, left_end - left);
    copy(out + (left_end - left), right, right_end - right);
    Some(())
}
