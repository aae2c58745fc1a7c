//! Exceptions as objects: what a handler caught, and what is raised from it again.
//!
//! Arguments stay the CBOR that the record of an exception has, so an exception refers to no object but other
//! exceptions: its cause and its context.

use crate::alloc::{alloc, free};
use crate::buffer::Buffer;
use crate::cbor_text;
use crate::decode;
use crate::encode::head;
use crate::mem::{P, byte, copy};
use crate::object::{Desc, content, incref, new_str};
use crate::raise::{self, fail, frames_area, leave};
use crate::shared::{class, deopt};
use crate::state::{
    AGAIN, ARGS, ARGS_CAPACITY, ARGS_LENGTH, CLASS, CONTEXT, FRAME_COUNT, FRAMES, HANDLED, INPUT,
    INPUT_END, TRAP, UNUSUAL, ret_u64,
};

const CLASS_AT: u32 = 4;
/// The arguments: address, bytes in use, bytes allocated.
const ARGS_AT: u32 = 8;
const ARGS_LENGTH_AT: u32 = 12;
const ARGS_CAPACITY_AT: u32 = 16;
/// The traceback so far: address of the sites that are kept, and how many there were.
const FRAMES_AT: u32 = 20;
const FRAME_COUNT_AT: u32 = 24;
const CAUSE_AT: u32 = 28;
const CONTEXT_AT: u32 = 32;
/// Whether `raise ... from` hides the context.
const SUPPRESSES_AT: u32 = 36;
const SIZE: u32 = 40;

/// Classes from here on are those of the user's.
const USERS: u32 = 1000;
/// Where those are in a set of classes.
const USERS_BIT: u32 = 128;

/// Memory ran out: no handler sees that.
pub const EXHAUSTED: u32 = 1;
/// The arguments are longer than what is kept of them.
pub const CUT: u32 = 2;

/// Exceptions chained deeper than this are left out; the protocol's limit.
const DEPTH_MAX: u32 = 60;
/// Exceptions in one record; half of the protocol's limit.
const RECORDS_MAX: u32 = 2048;

/// Bytes of the sites that are kept of so many frames.
fn frames_size(count: u32) -> u32 {
    (if count < raise::FRAMES_MAX { count } else { raise::FRAMES_MAX }) * 4
}

fn object_at(object: P, offset: u32) -> Option<P> {
    P::at(object.u32(offset))
}

fn address(object: Option<P>) -> u32 {
    object.map_or(0, P::address)
}

/// Catches what is pending, as an object. What no handler may see stays pending.
#[unsafe(no_mangle)]
pub extern "C" fn exception_take() -> Option<P> {
    if TRAP.get() != 0 || UNUSUAL.get() & EXHAUSTED != 0 {
        return None;
    }
    if UNUSUAL.get() & CUT != 0 {
        return leave(deopt::TYPE_NOT_PROVED);
    }
    let object = if let Some(again) = P::at(AGAIN.get()) {
        AGAIN.set(0);
        free_frames(again);
        again
    } else {
        let object = P::at(alloc(u64::from(SIZE))?)?;
        object.set_u32(0, 1);
        object.set_u32(CLASS_AT, CLASS.get());
        object.set_u32(ARGS_AT, if ARGS_LENGTH.get() == 0 { 0 } else { ARGS.get() });
        object.set_u32(ARGS_LENGTH_AT, ARGS_LENGTH.get());
        object.set_u32(ARGS_CAPACITY_AT, ARGS_CAPACITY.get());
        object.set_u32(CAUSE_AT, 0);
        object.set_u32(CONTEXT_AT, CONTEXT.get());
        object.set_u32(SUPPRESSES_AT, 0);
        CONTEXT.set(0);
        ARGS_LENGTH.set(0);
        object
    };
    let count = FRAME_COUNT.get();
    object.set_u32(FRAME_COUNT_AT, 0);
    if count != 0 {
        let size = frames_size(count);
        let kept = alloc(u64::from(size))?;
        copy(kept, FRAMES.get(), size);
        object.set_u32(FRAMES_AT, kept);
        object.set_u32(FRAME_COUNT_AT, count);
        FRAME_COUNT.set(0);
    }
    Some(object)
}

/// An exception that is made and not raised, from what was just set pending.
#[unsafe(no_mangle)]
pub extern "C" fn exception_made() -> Option<P> {
    let object = exception_take()?;
    exception_release(object_at(object, CONTEXT_AT));
    object.set_u32(CONTEXT_AT, 0);
    Some(object)
}

fn free_frames(object: P) {
    let count = object.u32(FRAME_COUNT_AT);
    if count != 0 {
        free(object.u32(FRAMES_AT), frames_size(count));
        object.set_u32(FRAME_COUNT_AT, 0);
    }
}

/// Gives a reference back; 0 is let pass.
#[unsafe(no_mangle)]
pub extern "C" fn exception_release(object: Option<P>) {
    let mut next = object;
    while let Some(object) = next {
        let count = object.u32(0);
        object.set_u32(0, count - 1);
        if count != 1 {
            return;
        }
        if object.u32(ARGS_AT) != 0 {
            free(object.u32(ARGS_AT), object.u32(ARGS_CAPACITY_AT));
        }
        free_frames(object);
        exception_release(object_at(object, CAUSE_AT));
        next = object_at(object, CONTEXT_AT);
        free(object.address(), SIZE);
    }
}

/// Raises what was caught again, with the traceback it has.
#[unsafe(no_mangle)]
pub extern "C" fn exception_again(object: P) -> i32 {
    raise::set_pending(object.u32(CLASS_AT), None);
    exception_release(P::at(CONTEXT.get()));
    CONTEXT.set(0);
    incref(Some(object));
    AGAIN.set(object.address());
    let count = object.u32(FRAME_COUNT_AT);
    if count != 0
        && let Some(area) = frames_area()
    {
        copy(area, object.u32(FRAMES_AT), frames_size(count));
        FRAME_COUNT.set(count);
    }
    1
}

/// Raises what a handler handles again; a `RuntimeError`, and 2, if there is none.
#[unsafe(no_mangle)]
pub extern "C" fn exception_reraise() -> i32 {
    match P::at(HANDLED.get()) {
        Some(handled) => exception_again(handled),
        None => {
            let _: Option<()> = fail(class::RUNTIME_ERROR, b"No active exception to reraise");
            2
        }
    }
}

/// `raise object`: its context is what is being handled, if that is another.
#[unsafe(no_mangle)]
pub extern "C" fn exception_raise(object: P) -> i32 {
    if let Some(handled) = P::at(HANDLED.get())
        && handled != object
    {
        // As in CPython, the chain ends before it comes back to the object.
        let mut at = handled;
        while let Some(context) = object_at(at, CONTEXT_AT) {
            if context == object {
                at.set_u32(CONTEXT_AT, 0);
                exception_release(Some(object));
                break;
            }
            at = context;
        }
        let old = object_at(object, CONTEXT_AT);
        incref(Some(handled));
        object.set_u32(CONTEXT_AT, handled.address());
        exception_release(old);
    }
    exception_again(object)
}

/// `raise object from cause`, of which this is the second half; no cause is `None`.
#[unsafe(no_mangle)]
pub extern "C" fn exception_from(object: P, cause: Option<P>) {
    let old = object_at(object, CAUSE_AT);
    // An exception that is its own cause would never be freed: the reader of a record sees it once.
    let cause = cause.filter(|cause| *cause != object);
    incref(cause);
    object.set_u32(CAUSE_AT, address(cause));
    object.set_u32(SUPPRESSES_AT, 1);
    exception_release(old);
}

/// Notes what is being handled from here on; gives what was before.
#[unsafe(no_mangle)]
pub extern "C" fn exception_handle(object: u32) -> u32 {
    let before = HANDLED.get();
    HANDLED.set(object);
    before
}

/// Whether the class is in a set of classes, which is a `bytes` of bits.
#[unsafe(no_mangle)]
pub extern "C" fn exception_is(object: P, classes: P) -> u32 {
    let class = object.u32(CLASS_AT);
    let bit = if class < USERS { class } else { class - USERS + USERS_BIT };
    let set = content(classes);
    let at = (bit >> 3) as usize;
    (at < set.len() && byte(set, at) >> (bit & 7) & 1 != 0) as u32
}

/// `len(object.args)`
#[unsafe(no_mangle)]
pub extern "C" fn exception_length(object: P) -> i64 {
    i64::from(opened(object))
}

/// Begins to read the arguments; says how many there are.
fn opened(object: P) -> u32 {
    let start = object.u32(ARGS_AT);
    INPUT.set(start);
    INPUT_END.set(start + object.u32(ARGS_LENGTH_AT));
    if start == 0 { 0 } else { decode::length(4).unwrap_or(0) }
}

/// `object.args[index]`, of a type that is a guess.
#[unsafe(no_mangle)]
pub extern "C" fn exception_argument(object: P, index: i64, desc: Desc) -> i32 {
    let count = i64::from(opened(object));
    let index = if index < 0 { index + count } else { index };
    if index < 0 || index >= count {
        return raise::raise_common(crate::shared::common::TUPLE_INDEX);
    }
    for _ in 0..index {
        cbor_text::skip();
    }
    ret_u64(decode::value(desc))
}

/// `str(object)`. Classes whose text is the `repr` of their argument are `quoting`.
#[unsafe(no_mangle)]
pub extern "C" fn exception_str(object: P, quoting: P) -> Option<P> {
    let mut out = Buffer::new();
    match opened(object) {
        0 => {}
        1 => cbor_text::write(&mut out, exception_is(object, quoting) != 0)?,
        count => cbor_text::write_tuple(&mut out, count)?,
    }
    out.into_str()
}

/// `repr(object)`
#[unsafe(no_mangle)]
pub extern "C" fn exception_repr(object: P, names: P) -> Option<P> {
    let mut out = Buffer::new();
    out.text(name(object, names))?;
    match opened(object) {
        1 => {
            out.byte(b'(')?;
            cbor_text::write(&mut out, true)?;
            out.byte(b')')?;
        }
        count => cbor_text::write_tuple(&mut out, count)?,
    }
    out.into_str()
}

/// `type(object).__name__`; the names are a `bytes` of lines.
#[unsafe(no_mangle)]
pub extern "C" fn exception_name(object: P, names: P) -> Option<P> {
    new_str(name(object, names))
}

fn name(object: P, names: P) -> &'static [u8] {
    let class = object.u32(CLASS_AT);
    let names = content(names);
    // Those of the user's come after an empty line.
    let mut left = if class < USERS { class } else { class - USERS };
    let mut start = 0;
    let mut at = 0;
    let mut is_users = false;
    while at < names.len() {
        if byte(names, at) == b'\n' {
            if at == start {
                is_users = true;
            } else if is_users == (class >= USERS) {
                if left == 0 {
                    break;
                }
                left -= 1;
            }
            start = at + 1;
        }
        at += 1;
    }
    crate::mem::part(names, start, at)
}

/// Hands over the pending exception, with what it was chained to.
#[unsafe(no_mangle)]
pub extern "C" fn result_raised_chained() -> u32 {
    match exception_take() {
        Some(object) => {
            let mut left = RECORDS_MAX;
            crate::call::finish_raised(|out| record(out, object, 0, &mut left))
        }
        None => crate::call::result_raised(),
    }
}

/// Writes the record of an exception.
fn record(out: &mut Buffer, object: P, depth: u32, left: &mut u32) -> Option<()> {
    *left -= 1;
    let count = object.u32(FRAME_COUNT_AT);
    let mut chained = [object_at(object, CAUSE_AT), object_at(object, CONTEXT_AT)];
    let is_same = chained[0].is_some() && chained[0] == chained[1];
    if is_same {
        chained[1] = None;
    }
    let wanted = chained[0].is_some() as u32 + chained[1].is_some() as u32;
    if depth == DEPTH_MAX || *left < wanted {
        chained = [None, None];
    }
    let has_args = object.u32(ARGS_AT) != 0;
    let suppresses = object.u32(SUPPRESSES_AT) != 0;
    let (kept, left_out) = raise::kept(count);
    let is_same = is_same && chained[0].is_some();
    let entries = 1
        + has_args as u8
        + chained[0].is_some() as u8
        + chained[1].is_some() as u8
        + suppresses as u8
        + (count != 0) as u8
        + (left_out != 0) as u8
        + is_same as u8;
    out.byte(0xa0 + entries)?;
    out.byte(0)?;
    head(out, 0, u64::from(object.u32(CLASS_AT)))?;
    if has_args {
        out.byte(1)?;
        out.copy(object.u32(ARGS_AT), object.u32(ARGS_LENGTH_AT))?;
    }
    for (key, chained) in [(4, chained[0]), (5, chained[1])] {
        if let Some(chained) = chained {
            out.byte(key)?;
            record(out, chained, depth + 1, left)?;
        }
    }
    if suppresses {
        out.text(b"\x06\xf5")?;
    }
    if count != 0 {
        out.byte(8)?;
        head(out, 4, u64::from(kept))?;
        raise::write_frames(out, object.u32(FRAMES_AT), count)?;
    }
    if left_out != 0 {
        out.byte(10)?;
        head(out, 0, u64::from(left_out))?;
    }
    if is_same {
        out.text(b"\x0b\xf5")?;
    }
    Some(())
}
