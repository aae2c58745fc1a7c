//! `list`: slices and whole copies.

use crate::list::{extend, reserve};
use crate::mem::{P, copy, set_slot, slot};
use crate::object::{Desc, blank_list, len, release_slots, retain_slot, retain_slots, slots};
use crate::raise::{fail_text, memory_error};
use crate::range::{Span, span};
use crate::shared::{class, given, layout};
use crate::state::status;

/// `list[start:stop:step]`.
#[unsafe(no_mangle)]
pub extern "C" fn list_slice(
    list: P,
    desc: Desc,
    start: i64,
    stop: i64,
    step: i64,
    given: u32,
) -> Option<P> {
    let span = span(len(list), start, stop, step, given)?;
    taken(list, desc.element(0), &span)
}

/// A new list of the elements of a span.
fn taken(list: P, element: Desc, span: &Span) -> Option<P> {
    let result = blank_list(u64::from(span.count))?;
    if span.step == 1 {
        copy(slots(result), slots(list) + span.start as u32 * 8, span.count * 8);
    } else {
        let mut at = span.start;
        for index in 0..span.count {
            set_slot(slots(result), index, slot(slots(list), at as u32));
            at = at.wrapping_add(span.step);
        }
    }
    retain_slots(slots(result), span.count, element);
    result.set_u32(layout::LEN, span.count);
    Some(result)
}

/// `list.copy()`.
#[unsafe(no_mangle)]
pub extern "C" fn list_copy(list: P, desc: Desc) -> Option<P> {
    let result = blank_list(u64::from(len(list)))?;
    extend(result, list, desc.element(0))?;
    Some(result)
}

/// `a + b`.
#[unsafe(no_mangle)]
pub extern "C" fn list_concat(a: P, desc: Desc, b: P) -> Option<P> {
    let result = blank_list(u64::from(len(a)) + u64::from(len(b)))?;
    extend(result, a, desc.element(0))?;
    extend(result, b, desc.element(0))?;
    Some(result)
}

/// `list * count`.
#[unsafe(no_mangle)]
pub extern "C" fn list_repeat(list: P, desc: Desc, count: i64) -> Option<P> {
    let count = if count < 0 { 0 } else { count as u64 };
    let total = count.saturating_mul(u64::from(len(list)));
    if total > u64::from(u32::MAX / 8) {
        return memory_error();
    }
    let result = blank_list(total)?;
    fill(result, list, total as u32);
    retain_slots(slots(result), total as u32, desc.element(0));
    Some(result)
}

/// Fills a list with the elements of another, again and again.
fn fill(result: P, list: P, total: u32) {
    let length = len(list);
    if length == 1 {
        let value = slot(slots(list), 0);
        for index in 0..total {
            set_slot(slots(result), index, value);
        }
    } else {
        let mut at = 0;
        while at < total {
            copy(slots(result) + at * 8, slots(list), length * 8);
            at += length;
        }
    }
    result.set_u32(layout::LEN, total);
}

/// `list *= count`.
#[unsafe(no_mangle)]
pub extern "C" fn list_repeat_in_place(list: P, desc: Desc, count: i64) -> i32 {
    let Some(result) = list_repeat(list, desc, count) else { return 1 };
    exchange(list, result);
    crate::object::release(Some(result), desc);
    0
}

/// Exchanges what two lists hold.
fn exchange(a: P, b: P) {
    for offset in [layout::LEN, layout::LIST_CAP, layout::LIST_DATA] {
        let kept = a.u32(offset);
        a.set_u32(offset, b.u32(offset));
        b.set_u32(offset, kept);
    }
}

/// `list[start:stop:step] = other`.
#[unsafe(no_mangle)]
pub extern "C" fn list_set_slice(
    list: P,
    desc: Desc,
    start: i64,
    stop: i64,
    step: i64,
    given: u32,
    other: P,
) -> i32 {
    status(set_slice(list, desc, start, stop, step, given, other))
}

fn set_slice(
    list: P,
    desc: Desc,
    start: i64,
    stop: i64,
    step: i64,
    given: u32,
    other: P,
) -> Option<()> {
    let element = desc.element(0);
    let span = span(len(list), start, stop, step, given)?;
    // What is put in may be the list itself, so a copy is made first.
    let items = list_copy(other, desc)?;
    if given & given::STEP != 0 && span.step != 1 {
        if len(items) != span.count {
            return wrong_size(len(items), span.count);
        }
        let mut at = span.start;
        for index in 0..span.count {
            let old = slot(slots(list), at as u32);
            let new = slot(slots(items), index);
            set_slot(slots(list), at as u32, new);
            set_slot(slots(items), index, old);
            at = at.wrapping_add(span.step);
        }
        crate::object::release(Some(items), desc);
        return Some(());
    }
    replace(list, element, span.start as u32, span.count, items)?;
    crate::object::release(Some(items), desc);
    Some(())
}

/// Replaces `count` elements from `at` on by those of `items`.
fn replace(list: P, element: Desc, at: u32, count: u32, items: P) -> Option<()> {
    let length = len(list);
    let added = len(items);
    reserve(list, u64::from(added.saturating_sub(count)))?;
    release_slots(slots(list) + at * 8, count, element);
    let place = slots(list) + at * 8;
    copy(place + added * 8, place + count * 8, (length - at - count) * 8);
    copy(place, slots(items), added * 8);
    for index in 0..added {
        retain_slot(slot(slots(items), index), element);
    }
    list.set_u32(layout::LEN, length - count + added);
    Some(())
}

fn wrong_size(found: u32, wanted: u32) -> Option<()> {
    let mut message = crate::buffer::Buffer::new();
    message.text(b"attempt to assign sequence of size ")?;
    crate::int_text::write(&mut message, i64::from(found))?;
    message.text(b" to extended slice of size ")?;
    crate::int_text::write(&mut message, i64::from(wanted))?;
    fail_text(class::VALUE_ERROR, message)
}

/// `del list[start:stop:step]`.
#[unsafe(no_mangle)]
pub extern "C" fn list_del_slice(
    list: P,
    desc: Desc,
    start: i64,
    stop: i64,
    step: i64,
    given: u32,
) -> i32 {
    status(del_slice(list, desc, start, stop, step, given))
}

fn del_slice(list: P, desc: Desc, start: i64, stop: i64, step: i64, given: u32) -> Option<()> {
    let mut span = span(len(list), start, stop, step, given)?;
    if span.count == 0 {
        return Some(());
    }
    if span.step < 0 {
        // The same positions from the other end.
        span.start += span.step * i64::from(span.count - 1);
        span.step = span.step.checked_neg().unwrap_or(i64::MAX);
    }
    let (mut next, mut left) = (span.start as u32, span.count);
    let (start, length) = (slots(list), len(list));
    let first = next;
    let mut to = first;
    for from in first..length {
        let value = slot(start, from);
        if left > 0 && from == next {
            crate::object::release_slot(value, desc.element(0));
            left -= 1;
            next = next.wrapping_add(span.step as u32);
        } else {
            set_slot(start, to, value);
            to += 1;
        }
    }
    list.set_u32(layout::LEN, to);
    Some(())
}
