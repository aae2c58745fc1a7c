//! `list`: looking for elements.

use crate::buffer::Buffer;
use crate::compare::{equal, values};
use crate::list::take;
use crate::mem::{P, slot};
use crate::object::{Desc, content, len, release_slot, slots};
use crate::raise::{fail_text, value_error};
use crate::range::search_bounds;
use crate::repr::value_repr;
use crate::shared::{class, kind};
use crate::state::{ret_int, status, truth};

/// Position of the first element equal to `value` within bounds; `Some(None)` if there is none.
fn find(
    list: P,
    desc: Desc,
    value: u64,
    value_desc: Desc,
    from: u32,
    to: u32,
) -> Option<Option<u32>> {
    let element = desc.element(0);
    let by_bits = element.kind() == kind::INT && value_desc.kind() == kind::INT;
    for index in from..to {
        let item = slot(slots(list), index);
        if by_bits {
            if item == value {
                return Some(Some(index));
            }
        } else if element.is_object() && item == value && element.0 == value_desc.0
            || equal(item, element, value, value_desc)?
        {
            return Some(Some(index));
        }
    }
    Some(None)
}

/// `value in list`.
#[unsafe(no_mangle)]
pub extern "C" fn list_contains(list: P, desc: Desc, value: u64, value_desc: Desc) -> i32 {
    truth(find(list, desc, value, value_desc, 0, len(list)).map(|found| found.is_some()))
}

/// `list.index(value, start, stop)`.
#[unsafe(no_mangle)]
pub extern "C" fn list_index(
    list: P,
    desc: Desc,
    value: u64,
    value_desc: Desc,
    start: i64,
    stop: i64,
    given: u32,
) -> i32 {
    let (from, to) = search_bounds(len(list), start, stop, given);
    let found = if from < to {
        find(list, desc, value, value_desc, from as u32, to as u32)
    } else {
        Some(None)
    };
    ret_int(match found {
        Some(Some(at)) => Some(i64::from(at)),
        Some(None) => absent(value, value_desc, desc),
        None => None,
    })
}

fn absent(value: u64, desc: Desc, list: Desc) -> Option<i64> {
    if list.kind() == kind::VTUPLE {
        return value_error(b"tuple.index(x): x not in tuple");
    }
    let mut message = Buffer::new();
    message.text(content(value_repr(value, desc)?))?;
    message.text(b" is not in list")?;
    fail_text(class::VALUE_ERROR, message)
}

/// `list.count(value)`.
#[unsafe(no_mangle)]
pub extern "C" fn list_count(list: P, desc: Desc, value: u64, value_desc: Desc) -> i32 {
    let (mut count, mut from) = (0, 0);
    loop {
        match find(list, desc, value, value_desc, from, len(list)) {
            Some(Some(at)) => {
                count += 1;
                from = at + 1;
            }
            Some(None) => return ret_int(Some(count)),
            None => return 1,
        }
    }
}

/// `list.remove(value)`.
#[unsafe(no_mangle)]
pub extern "C" fn list_remove(list: P, desc: Desc, value: u64, value_desc: Desc) -> i32 {
    match find(list, desc, value, value_desc, 0, len(list)) {
        Some(Some(at)) => {
            release_slot(take(list, at), desc.element(0));
            0
        }
        Some(None) => status(value_error(b"list.remove(x): x not in list")),
        None => 1,
    }
}

/// Index of the least or greatest element, the first of equals.
#[unsafe(no_mangle)]
pub extern "C" fn list_extreme(list: P, desc: Desc, operator: u32) -> i32 {
    let element = desc.element(0);
    let mut best = 0;
    for index in 1..len(list) {
        let (item, kept) = (slot(slots(list), index), slot(slots(list), best));
        match values(item, element, kept, element, operator) {
            Some(true) => best = index,
            Some(false) => {}
            None => return 1,
        }
    }
    ret_int(Some(i64::from(best)))
}
