//! `list`: elements one at a time.

use crate::alloc::{alloc, resize};
use crate::mem::{P, copy, set_slot, slot, zero};
use crate::object::{
    Desc, blank_list, free_slots, len, release_slot, release_slots, retain_slots, slots,
};
use crate::raise::{fail_common, memory_error};
use crate::range::{clamp, position};
use crate::shared::{common, layout};
use crate::state::{ret_int, ret_u64, status};

/// Slots of a list that has just got its first element.
const CAPACITY_MIN: u64 = 8;

/// An empty list with room for `capacity` elements.
#[unsafe(no_mangle)]
pub extern "C" fn list_new(capacity: u32) -> Option<P> {
    blank_list(u64::from(capacity))
}

/// A list of `count` zero slots.
#[unsafe(no_mangle)]
pub extern "C" fn list_zeros(count: u32) -> Option<P> {
    let list = blank_list(u64::from(count))?;
    zero(slots(list), count * 8);
    list.set_u32(layout::LEN, count);
    Some(list)
}

/// Makes room for `more` elements; grows by half at least, so that appending is linear.
#[inline(never)]
pub fn reserve(list: P, more: u64) -> Option<()> {
    let capacity = u64::from(list.u32(layout::LIST_CAP));
    let needed = u64::from(len(list)) + more;
    if needed <= capacity {
        return Some(());
    }
    if needed > u64::from(u32::MAX / 8) {
        return memory_error();
    }
    let grown = capacity + capacity / 2;
    let wanted = if needed > grown { needed } else { grown };
    let wanted = if wanted < CAPACITY_MIN { CAPACITY_MIN } else { wanted };
    let start = if capacity == 0 {
        alloc(wanted * 8)?
    } else {
        resize(slots(list), capacity as u32 * 8, wanted * 8)?
    };
    list.set_u32(layout::LIST_DATA, start);
    list.set_u32(layout::LIST_CAP, wanted as u32);
    Some(())
}

/// Appends; takes the value over.
#[inline]
pub fn push(list: P, value: u64) -> Option<()> {
    let length = len(list);
    if length == list.u32(layout::LIST_CAP) {
        reserve(list, 1)?;
    }
    set_slot(slots(list), length, value);
    list.set_u32(layout::LEN, length + 1);
    Some(())
}

/// Makes room for one more element at least.
#[unsafe(no_mangle)]
pub extern "C" fn list_grow(list: P) -> i32 {
    status(reserve(list, 1))
}

/// `list.append(value)`.
#[unsafe(no_mangle)]
pub extern "C" fn list_append(list: P, value: u64) -> i32 {
    status(push(list, value))
}

/// Appends elements of another list, which may be the same.
pub fn extend(list: P, other: P, element: Desc) -> Option<()> {
    let (length, count) = (len(list), len(other));
    reserve(list, u64::from(count))?;
    copy(slots(list) + length * 8, slots(other), count * 8);
    retain_slots(slots(list) + length * 8, count, element);
    list.set_u32(layout::LEN, length + count);
    Some(())
}

/// `list.extend(other)`.
#[unsafe(no_mangle)]
pub extern "C" fn list_extend(list: P, desc: Desc, other: P) -> i32 {
    status(extend(list, other, desc.element(0)))
}

/// `list.insert(index, value)`.
#[unsafe(no_mangle)]
pub extern "C" fn list_insert(list: P, index: i64, value: u64) -> i32 {
    if reserve(list, 1).is_none() {
        return 1;
    }
    let length = i64::from(len(list));
    let at = if index < 0 { index.saturating_add(length) } else { index };
    let at = clamp(at, 0, length) as u32;
    let place = slots(list) + at * 8;
    copy(place + 8, place, (length as u32 - at) * 8);
    set_slot(slots(list), at, value);
    list.set_u32(layout::LEN, length as u32 + 1);
    0
}

/// Takes an element out.
pub fn take(list: P, at: u32) -> u64 {
    let value = slot(slots(list), at);
    let length = len(list) - 1;
    let place = slots(list) + at * 8;
    copy(place, place + 8, (length - at) * 8);
    list.set_u32(layout::LEN, length);
    value
}

/// `list.pop(index)`.
#[unsafe(no_mangle)]
pub extern "C" fn list_pop(list: P, index: i64) -> i32 {
    ret_u64(match position(index, len(list)) {
        Some(at) => Some(take(list, at)),
        None if len(list) == 0 => fail_common(common::POP_EMPTY),
        None => fail_common(common::POP_INDEX),
    })
}

/// `list[index]`.
#[unsafe(no_mangle)]
pub extern "C" fn list_get(list: P, index: i64) -> i32 {
    ret_u64(match position(index, len(list)) {
        Some(at) => Some(slot(slots(list), at)),
        None => fail_common(common::LIST_INDEX),
    })
}

/// `list[index] = value`.
#[unsafe(no_mangle)]
pub extern "C" fn list_set(list: P, desc: Desc, index: i64, value: u64) -> i32 {
    let Some(at) = position(index, len(list)) else {
        return status(fail_common(common::LIST_ASSIGN_INDEX));
    };
    let old = slot(slots(list), at);
    set_slot(slots(list), at, value);
    release_slot(old, desc.element(0));
    0
}

/// `del list[index]`.
#[unsafe(no_mangle)]
pub extern "C" fn list_del(list: P, desc: Desc, index: i64) -> i32 {
    let Some(at) = position(index, len(list)) else {
        return status(fail_common(common::LIST_ASSIGN_INDEX));
    };
    release_slot(take(list, at), desc.element(0));
    0
}

/// `list.reverse()`.
#[unsafe(no_mangle)]
pub extern "C" fn list_reverse(list: P) {
    let (start, count) = (slots(list), len(list));
    for index in 0..count / 2 {
        let other = count - 1 - index;
        let kept = slot(start, index);
        set_slot(start, index, slot(start, other));
        set_slot(start, other, kept);
    }
}

/// `list.clear()`.
#[unsafe(no_mangle)]
pub extern "C" fn list_clear(list: P, desc: Desc) {
    let (start, count) = (slots(list), len(list));
    list.set_u32(layout::LEN, 0);
    release_slots(start, count, desc.element(0));
    free_slots(list);
    list.set_u32(layout::LIST_DATA, 0);
    list.set_u32(layout::LIST_CAP, 0);
}

/// `sum(list of int, start)`. CPython's order of additions decides whether it leaves 64 bits only
/// for sums that come back; those leave native code, too.
#[unsafe(no_mangle)]
pub extern "C" fn list_sum_int(list: P, start: i64) -> i32 {
    let (from, count) = (slots(list), len(list));
    let mut sum = start;
    for index in 0..count {
        match sum.checked_add(slot(from, index) as i64) {
            Some(next) => sum = next,
            None => return ret_int(crate::raise::overflow()),
        }
    }
    ret_int(Some(sum))
}

/// `sum(list of float, start)`.
#[unsafe(no_mangle)]
pub extern "C" fn list_sum_float(list: P, start: f64, compensated: u32) -> f64 {
    let (from, count) = (slots(list), len(list));
    let (mut sum, mut correction) = (start, 0.0);
    for index in 0..count {
        let term = f64::from_bits(slot(from, index));
        let next = sum + term;
        if compensated != 0 {
            // Neumaier's variant of Kahan's summation, as CPython has it.
            correction += if libm::fabs(sum) >= libm::fabs(term) {
                (sum - next) + term
            } else {
                (term - next) + sum
            };
        }
        sum = next;
    }
    if compensated != 0 && correction != 0.0 && correction.is_finite() {
        sum + correction
    } else {
        sum
    }
}
