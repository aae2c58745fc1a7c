//! What ranks do together. Algorithms, tags and orders are those of `python-bridge/python/spm/_collectives.py`, which says why.

use crate::buffer::Buffer;
use crate::compare;
use crate::list_slice::list_concat;
use crate::mem::{P, set_slot, slot};
use crate::message::{read, written};
use crate::object::{
    Desc, blank_list, len, member, release_slot, retain_slot, slots, tuple_new, tuple_slots,
};
use crate::raise::{fail_text, leave, overflow};
use crate::shared::{class, deopt, kind, layout, op, reduction};
use crate::state::{ret_u64, status};
use crate::str_make::str_concat;
use crate::team::{COLLECTIVE_TAGS, checked_rank, number, rank, receive, send_bytes, size};

const BCAST: u32 = COLLECTIVE_TAGS;
const SCATTER: u32 = COLLECTIVE_TAGS + 1;
const GATHER: u32 = COLLECTIVE_TAGS + 2;
const REDUCE: u32 = COLLECTIVE_TAGS + 3;
const BARRIER: u32 = COLLECTIVE_TAGS + 7;

/// `None`, as bytes.
const NONE: u8 = 0xf6;

fn take(source: u32, tag: u32) -> Option<Buffer> {
    receive(i64::from(source), i64::from(tag))
}

fn send_value(value: u64, desc: Desc, destination: u32, tag: u32) -> Option<()> {
    let content = written(value, desc)?;
    send_bytes(destination, tag, &content);
    content.free();
    Some(())
}

/// The rank that is `place` places behind the root.
fn behind(root: u32, place: u32, size: u32) -> u32 {
    let rank = u64::from(root) + u64::from(place);
    (if rank >= u64::from(size) { rank - u64::from(size) } else { rank }) as u32
}

/// Hands the root's bytes along a binomial tree, in which a rank's parent lacks its lowest bit. Others than the root
/// come without any.
fn hand_on(root: u32, tag: u32, own: Option<Buffer>) -> Option<Buffer> {
    let (rank, size) = (rank(), size());
    let place = behind(rank, if root == 0 { 0 } else { size - root }, size);
    let mut bit = 1u64;
    while bit < u64::from(size) && u64::from(place) & bit == 0 {
        bit <<= 1;
    }
    let content = match own {
        Some(content) => content,
        None => take(behind(root, place - bit as u32, size), tag)?,
    };
    while bit > 1 {
        bit >>= 1;
        if u64::from(place) + bit < u64::from(size) {
            send_bytes(behind(root, place + bit as u32, size), tag, &content);
        }
    }
    Some(content)
}

/// Gives every rank the root's value, which the root hands over, and then has again.
fn bcast(value: Option<u64>, desc: Desc, root: u32, tag: u32) -> Option<u64> {
    match value {
        Some(value) => {
            if size() > 1 {
                hand_on(root, tag, Some(written(value, desc)?))?.free();
            }
            Some(value)
        }
        None => read(hand_on(root, tag, None)?, desc),
    }
}

/// A value as one of the type that was annotated: itself, or what its union holds.
fn narrowed(value: u64, desc: Desc, result: Desc) -> Option<u64> {
    if desc.kind() != kind::UNION || result.kind() == kind::UNION {
        return Some(value);
    }
    let (value, found) = member(P::from_slot(value), desc);
    if found.kind() == result.kind() { Some(value) } else { leave(deopt::TYPE_NOT_PROVED) }
}

/// `spm.team.bcast(value, root)`.
#[unsafe(no_mangle)]
pub extern "C" fn team_bcast(value: u64, desc: Desc, result: Desc, root: i64) -> i32 {
    let found = checked_rank(b"root", root).and_then(|root| {
        if rank() != root {
            return bcast(None, result, root, BCAST);
        }
        let value = narrowed(value, desc, result)?;
        retain_slot(value, result);
        bcast(Some(value), result, root, BCAST)
    });
    ret_u64(found)
}

fn scatter(values: u64, desc: Desc, item: Desc, root: u32) -> Option<u64> {
    if rank() != root {
        return read(take(root, SCATTER)?, item);
    }
    let (values, found) = if desc.kind() == kind::UNION {
        member(P::from_slot(values), desc)
    } else {
        (values, desc)
    };
    let size = size();
    let is_list = found.kind() == kind::LIST || found.kind() == kind::VTUPLE;
    let list = P::from_slot(values);
    if !is_list || len(list) != size {
        let mut text = Buffer::new();
        text.text(b"`scatter` takes a sequence of one item for each of ")?;
        number(&mut text, i64::from(size))?;
        text.text(b" ranks, not ")?;
        if is_list {
            number(&mut text, i64::from(len(list)))?;
        } else {
            text.text(b"None")?;
        }
        return fail_text(class::VALUE_ERROR, text);
    }
    for rank in 0..size {
        if rank != root {
            send_value(slot(slots(list), rank), item, rank, SCATTER)?;
        }
    }
    let own = slot(slots(list), root);
    retain_slot(own, item);
    Some(own)
}

/// `spm.team.scatter(values, root)`.
#[unsafe(no_mangle)]
pub extern "C" fn team_scatter(values: u64, desc: Desc, item: Desc, root: i64) -> i32 {
    let root = checked_rank(b"root", root);
    ret_u64(root.and_then(|root| scatter(values, desc, item, root)))
}

/// The list of all ranks' values on the root; elsewhere nothing, once it is sent.
fn gather(value: u64, desc: Desc, root: u32) -> Option<Option<P>> {
    if rank() != root {
        send_value(value, desc, root, GATHER)?;
        return Some(None);
    }
    let size = size();
    let list = blank_list(u64::from(size))?;
    for rank in 0..size {
        let item = if rank == root {
            retain_slot(value, desc);
            value
        } else {
            read(take(rank, GATHER)?, desc)?
        };
        set_slot(slots(list), rank, item);
        list.set_u32(layout::LEN, rank + 1);
    }
    Some(Some(list))
}

/// A value, or `None`, as their union.
fn optional(value: Option<u64>, result: Desc) -> Option<u64> {
    let object = tuple_new(2)?;
    if let Some(value) = value {
        // Kinds are in order, and None is the first.
        set_slot(tuple_slots(object), 0, u64::from(result.element(1).kind()));
        set_slot(tuple_slots(object), 1, value);
    }
    Some(object.slot())
}

/// `spm.team.gather(value, root)`.
#[unsafe(no_mangle)]
pub extern "C" fn team_gather(value: u64, desc: Desc, result: Desc, root: i64) -> i32 {
    let root = checked_rank(b"root", root);
    let found = root.and_then(|root| gather(value, desc, root));
    ret_u64(found.and_then(|list| optional(list.map(P::slot), result)))
}

/// `spm.team.allgather(value)`.
#[unsafe(no_mangle)]
pub extern "C" fn team_allgather(value: u64, desc: Desc, list: Desc) -> Option<P> {
    let gathered = gather(value, desc, 0)?;
    Some(P::from_slot(bcast(gathered.map(P::slot), list, 0, GATHER)?))
}

/// The bits of a float, those of a NaN that was computed replaced. Written so that it becomes the very instructions by which a
/// host sees that it does not have to (`host/src/sandbox/nans.rs`).
#[inline(always)]
fn hidden(result: f64) -> u64 {
    #[expect(clippy::eq_op, reason = "a NaN is what is not equal to itself")]
    let is_number = result == result;
    (if is_number { result } else { f64::NAN }).to_bits()
}

/// Apart, so that nothing else is mixed with these instructions.
#[inline(never)]
fn float_sum(a: u64, b: u64) -> u64 {
    hidden(f64::from_bits(a) + f64::from_bits(b))
}

/// Likewise.
#[inline(never)]
fn float_product(a: u64, b: u64) -> u64 {
    hidden(f64::from_bits(a) * f64::from_bits(b))
}

/// Combines numbers.
fn combine_numbers(operation: u32, left: u64, right: u64, kind: u32) -> Option<u64> {
    let is_float = kind == kind::FLOAT;
    let (a, b) = (left as i64, right as i64);
    let (x, y) = (f64::from_bits(left), f64::from_bits(right));
    let int = |result: Option<i64>| match result {
        Some(result) => Some(result as u64),
        None => overflow(),
    };
    match operation {
        reduction::SUM if is_float => Some(float_sum(left, right)),
        reduction::SUM => int(a.checked_add(b)),
        reduction::PROD if is_float => Some(float_product(left, right)),
        reduction::PROD => int(crate::int::product(a, b)),
        reduction::MAX => Some(if if is_float { y > x } else { b > a } { right } else { left }),
        reduction::MIN => Some(if if is_float { y < x } else { b < a } { right } else { left }),
        reduction::BAND => Some(left & right),
        _ => Some(left | right),
    }
}

/// Combines objects, and gives back what is not part of the result.
fn combine_objects(operation: u32, left: u64, right: u64, desc: Desc) -> Option<u64> {
    let comparison = if operation == reduction::MAX { op::GT } else { op::LT };
    let keep = if operation == reduction::SUM {
        let (a, b) = (P::from_slot(left), P::from_slot(right));
        let joined =
            if desc.kind() == kind::STR { str_concat(a, b)? } else { list_concat(a, desc, b)? };
        release_slot(left, desc);
        release_slot(right, desc);
        return Some(joined.slot());
    } else {
        compare::values(right, desc, left, desc, comparison)?
    };
    release_slot(if keep { left } else { right }, desc);
    Some(if keep { right } else { left })
}

/// All ranks' values, combined in the order of ranks, on the root; elsewhere nothing, once it is sent.
#[inline(always)]
fn reduce<const OBJECTS: bool>(
    value: u64,
    desc: Desc,
    operation: u32,
    root: u32,
) -> Option<Option<u64>> {
    if rank() != root {
        send_value(value, desc, root, REDUCE)?;
        return Some(None);
    }
    let of = |rank: u32| {
        if rank != root {
            return read(take(rank, REDUCE)?, desc);
        }
        retain_slot(value, desc);
        Some(value)
    };
    let mut total = of(0)?;
    for rank in 1..size() {
        let next = of(rank)?;
        total = if OBJECTS {
            combine_objects(operation, total, next, desc)?
        } else {
            combine_numbers(operation, total, next, desc.kind())?
        };
    }
    Some(Some(total))
}

#[inline(always)]
fn reduce_to<const OBJECTS: bool>(
    value: u64,
    desc: Desc,
    result: Desc,
    operation: u32,
    root: i64,
) -> i32 {
    let root = checked_rank(b"root", root);
    let found = root.and_then(|root| reduce::<OBJECTS>(value, desc, operation, root));
    ret_u64(found.and_then(|total| optional(total, result)))
}

#[inline(always)]
fn reduce_all<const OBJECTS: bool>(value: u64, desc: Desc, operation: u32) -> i32 {
    let found = reduce::<OBJECTS>(value, desc, operation, 0);
    ret_u64(found.and_then(|total| bcast(total, desc, 0, REDUCE)))
}

/// `spm.team.reduce(value, op, root)` of numbers.
#[unsafe(no_mangle)]
pub extern "C" fn team_reduce(
    value: u64,
    desc: Desc,
    result: Desc,
    operation: u32,
    root: i64,
) -> i32 {
    reduce_to::<false>(value, desc, result, operation, root)
}

/// `spm.team.reduce(value, op, root)` of strs and lists.
#[unsafe(no_mangle)]
pub extern "C" fn team_reduce_objects(
    value: u64,
    desc: Desc,
    result: Desc,
    operation: u32,
    root: i64,
) -> i32 {
    reduce_to::<true>(value, desc, result, operation, root)
}

/// `spm.team.allreduce(value, op)` of numbers.
#[unsafe(no_mangle)]
pub extern "C" fn team_allreduce(value: u64, desc: Desc, operation: u32) -> i32 {
    reduce_all::<false>(value, desc, operation)
}

/// `spm.team.allreduce(value, op)` of strs and lists.
#[unsafe(no_mangle)]
pub extern "C" fn team_allreduce_objects(value: u64, desc: Desc, operation: u32) -> i32 {
    reduce_all::<true>(value, desc, operation)
}

fn barrier() -> Option<()> {
    let mut here = Buffer::new();
    here.byte(NONE)?;
    if rank() != 0 {
        send_bytes(0, BARRIER, &here);
        here.free();
        hand_on(0, BARRIER, None)?.free();
        return Some(());
    }
    for rank in 1..size() {
        take(rank, BARRIER)?.free();
    }
    hand_on(0, BARRIER, Some(here))?.free();
    Some(())
}

/// `spm.team.barrier()`.
#[unsafe(no_mangle)]
pub extern "C" fn team_barrier() -> i32 {
    status(barrier())
}
