//! `zip(*rows)`: columns of a list of lists.

use crate::mem::{P, set_slot, slot};
use crate::object::{Desc, blank_list, len, retain_slots, slots};
use crate::shared::layout;

/// A row by its number.
fn row(rows: P, index: u32) -> Option<P> {
    P::at(slot(slots(rows), index) as u32)
}

/// Whether there are rows, and each has an element at `index`.
#[unsafe(no_mangle)]
pub extern "C" fn list_has_column(rows: P, index: i64) -> u32 {
    let count = len(rows);
    let has = |number| row(rows, number).is_some_and(|row| index < i64::from(len(row)));
    u32::from(count > 0 && (0..count).all(has))
}

/// The elements at `index` of all rows, which have it.
#[unsafe(no_mangle)]
pub extern "C" fn list_column(rows: P, desc: Desc, index: i64) -> Option<P> {
    let count = len(rows);
    let column = blank_list(u64::from(count))?;
    for number in 0..count {
        let row = row(rows, number)?;
        set_slot(slots(column), number, slot(slots(row), index as u32));
    }
    retain_slots(slots(column), count, desc.element(0).element(0));
    column.set_u32(layout::LEN, count);
    Some(column)
}
