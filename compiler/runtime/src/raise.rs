//! The pending exception and its traceback.
//!
//! The first failure is kept; what fails while it unwinds does not replace it, because nothing runs then but the
//! unwinding callers. A handler takes it away ([`crate::exception`]).

use crate::buffer::Buffer;
use crate::encode;
use crate::exception::{CUT, EXHAUSTED};
use crate::mem::{P, load, part, store};
use crate::object::{Desc, content};
use crate::shared::{class, common, deopt};
use crate::state::{
    AGAIN, ARGS, ARGS_CAPACITY, ARGS_LENGTH, CLASS, CONTEXT, FRAME_COUNT, FRAMES, HANDLED, TRAP,
    UNUSUAL,
};

/// Frames kept: half of them innermost, half outermost. The protocol's limit.
pub const FRAMES_MAX: u32 = 1024;
/// Bytes of arguments kept of an exception: below the protocol's limit for the whole record.
const ARGS_BYTES_MAX: usize = 512 * 1024;

/// Sets the pending exception, its arguments being a CBOR array.
pub fn set_pending(class: u32, args: Option<Buffer>) -> i32 {
    CLASS.set(class);
    TRAP.set(0);
    FRAME_COUNT.set(0);
    UNUSUAL.set(0);
    let handled = HANDLED.get();
    if handled != 0 {
        store(handled, load::<u32>(handled) + 1);
    }
    CONTEXT.set(handled);
    AGAIN.set(0);
    ARGS_LENGTH.set(0);
    match args {
        Some(args) if args.length as usize <= ARGS_BYTES_MAX + 64 => {
            ARGS.set(args.start);
            ARGS_LENGTH.set(args.length);
            ARGS_CAPACITY.set(args.capacity);
        }
        Some(_) => UNUSUAL.set(CUT),
        None => {}
    }
    1
}

fn with_text(class: u32, text: &[u8]) -> i32 {
    let mut kept = text.len();
    if kept > ARGS_BYTES_MAX {
        kept = ARGS_BYTES_MAX;
        while kept > 0 && !crate::text::is_start(crate::mem::byte(text, kept)) {
            kept -= 1;
        }
    }
    let mut args = Buffer::new();
    let done = args.byte(0x81).and_then(|()| encode::text(&mut args, part(text, 0, kept)));
    if done.is_none() {
        return 1;
    }
    set_pending(class, Some(args));
    if kept < text.len() {
        UNUSUAL.set(CUT);
    }
    1
}

/// Raises `class(text)`, and frees the text.
#[cold]
pub fn fail_text<T>(class: u32, text: Buffer) -> Option<T> {
    with_text(class, text.bytes());
    text.free();
    None
}

/// Raises `class(text)`, for a function that returns an `Option`.
#[cold]
#[inline(never)]
pub fn fail<T>(class: u32, text: &[u8]) -> Option<T> {
    with_text(class, text);
    None
}

/// Raises `ValueError(text)`.
#[cold]
pub fn value_error<T>(text: &[u8]) -> Option<T> {
    fail(class::VALUE_ERROR, text)
}

/// Raises `MemoryError()`.
#[cold]
#[inline(never)]
pub fn memory_error<T>() -> Option<T> {
    set_pending(class::MEMORY_ERROR, None);
    UNUSUAL.set(EXHAUSTED);
    None
}

/// Raises an exception of `common`.
#[cold]
pub fn fail_common<T>(which: u32) -> Option<T> {
    raise_common(which);
    None
}

/// Leaves native code.
#[cold]
pub fn leave<T>(reason: u32) -> Option<T> {
    raise_deopt(reason);
    None
}

/// Leaves native code because an int needs more than 64 bits.
#[cold]
#[inline(never)]
pub fn overflow<T>() -> Option<T> {
    leave(deopt::INTEGER_OVERFLOW)
}

/// Raises `class(value)`.
#[cold]
pub fn fail_value<T>(class: u32, value: u64, desc: Desc) -> Option<T> {
    raise_value(class, value, desc);
    None
}

/// Raises `class(message)`.
#[unsafe(no_mangle)]
pub extern "C" fn raise_str(class: u32, message: P) -> i32 {
    with_text(class, content(message))
}

/// Raises `class()`.
#[unsafe(no_mangle)]
pub extern "C" fn raise_none(class: u32) -> i32 {
    set_pending(class, None)
}

/// Raises `class(value)`.
#[unsafe(no_mangle)]
pub extern "C" fn raise_value(class: u32, value: u64, desc: Desc) -> i32 {
    let mut args = Buffer::new();
    match args.byte(0x81).and_then(|()| encode::value(&mut args, value, desc)) {
        Some(()) => set_pending(class, Some(args)),
        None => 1,
    }
}

/// Raises `class(*args)`.
#[unsafe(no_mangle)]
pub extern "C" fn raise_args(class: u32, tuple: P, desc: Desc) -> i32 {
    let mut args = Buffer::new();
    match encode::items(&mut args, tuple, desc) {
        Some(()) => set_pending(class, Some(args)),
        None => 1,
    }
}

/// Raises `OverflowError(34, "Numerical result out of range")`, as `float.__pow__` does.
#[cold]
pub fn fail_erange<T>() -> Option<T> {
    let mut args = Buffer::new();
    let done = args
        .text(b"\x82\x18\x22")
        .and_then(|()| encode::text(&mut args, b"Numerical result out of range"));
    set_pending(class::OVERFLOW_ERROR, done.map(|()| args));
    None
}

/// Leaves native code for a reason in `deopt`.
#[unsafe(no_mangle)]
pub extern "C" fn raise_deopt(reason: u32) -> i32 {
    let class =
        if reason == deopt::INTEGER_OVERFLOW { class::OVERFLOW_ERROR } else { class::TYPE_ERROR };
    set_pending(class, None);
    TRAP.set(reason);
    1
}

/// Adds a frame to the traceback, innermost first.
#[unsafe(no_mangle)]
pub extern "C" fn frame(site: u32) {
    let count = FRAME_COUNT.get();
    let Some(area) = frames_area() else { return };
    store(area + ring(count) * 4, site);
    FRAME_COUNT.set(count + 1);
}

/// Where frames are kept. Without memory for it, memory being exhausted is what is pending.
pub fn frames_area() -> Option<u32> {
    if FRAMES.get() == 0 {
        FRAMES.set(crate::alloc::alloc(u64::from(FRAMES_MAX) * 4)?);
    }
    Some(FRAMES.get())
}

/// Of so many frames, how many are kept and how many are left out.
pub fn kept(frames: u32) -> (u32, u32) {
    let left_out = frames.saturating_sub(FRAMES_MAX);
    (frames - left_out, left_out)
}

/// Writes the sites of frames that were kept at an address.
pub fn write_frames(out: &mut Buffer, area: u32, frames: u32) -> Option<()> {
    let (_, left_out) = kept(frames);
    for index in 0..frames {
        if index < FRAMES_MAX / 2 || index >= FRAMES_MAX / 2 + left_out {
            let site: u32 = load(area + ring(index) * 4);
            encode::head(out, 0, u64::from(site))?;
        }
    }
    Some(())
}

/// Where frame `index` is kept: the later half of the area is a ring.
fn ring(index: u32) -> u32 {
    const HALF: u32 = FRAMES_MAX / 2;
    if index < FRAMES_MAX { index } else { HALF + index % HALF }
}

/// Writes the record of the pending exception.
pub fn encode_pending(out: &mut Buffer) -> Option<()> {
    let frames = FRAME_COUNT.get();
    let (kept, left_out) = kept(frames);
    let (args, trap) = (ARGS_LENGTH.get(), TRAP.get());
    let entries =
        1 + (args != 0) as u8 + (frames != 0) as u8 + (trap != 0) as u8 + (left_out != 0) as u8;
    out.byte(0xa0 + entries)?;
    out.byte(0)?;
    encode::head(out, 0, u64::from(CLASS.get()))?;
    if args != 0 {
        out.byte(1)?;
        out.copy(ARGS.get(), args)?;
    }
    if frames != 0 {
        out.byte(8)?;
        encode::head(out, 4, u64::from(kept))?;
        write_frames(out, FRAMES.get(), frames)?;
    }
    if trap != 0 {
        out.byte(9)?;
        encode::head(out, 0, u64::from(trap))?;
    }
    if left_out != 0 {
        out.byte(10)?;
        encode::head(out, 0, u64::from(left_out))?;
    }
    Some(())
}

/// Raises one of the exceptions in `common`.
#[unsafe(no_mangle)]
pub extern "C" fn raise_common(which: u32) -> i32 {
    use class::{INDEX_ERROR, OVERFLOW_ERROR, RUNTIME_ERROR, VALUE_ERROR, ZERO_DIVISION_ERROR};
    let (class, text): (u32, &[u8]) = match which {
        common::LIST_INDEX => (INDEX_ERROR, b"list index out of range"),
        common::LIST_ASSIGN_INDEX => (INDEX_ERROR, b"list assignment index out of range"),
        common::TUPLE_INDEX => (INDEX_ERROR, b"tuple index out of range"),
        common::STR_INDEX => (INDEX_ERROR, b"string index out of range"),
        common::BYTES_INDEX => (INDEX_ERROR, b"index out of range"),
        common::RANGE_INDEX => (INDEX_ERROR, b"range object index out of range"),
        common::DIVISION => (ZERO_DIVISION_ERROR, b"division by zero"),
        common::INT_FLOORDIV => (ZERO_DIVISION_ERROR, b"integer division or modulo by zero"),
        common::INT_MODULO => (ZERO_DIVISION_ERROR, b"integer modulo by zero"),
        common::FLOAT_DIVISION => (ZERO_DIVISION_ERROR, b"float division by zero"),
        common::FLOAT_FLOORDIV => (ZERO_DIVISION_ERROR, b"float floor division by zero"),
        common::FLOAT_MODULO => (ZERO_DIVISION_ERROR, b"float modulo"),
        common::FLOAT_DIVMOD => (ZERO_DIVISION_ERROR, b"float divmod()"),
        common::NEGATIVE_SHIFT => (VALUE_ERROR, b"negative shift count"),
        common::MATH_DOMAIN => (VALUE_ERROR, b"math domain error"),
        common::MATH_RANGE => (OVERFLOW_ERROR, b"math range error"),
        common::RANGE_STEP => (VALUE_ERROR, b"range() arg 3 must not be zero"),
        common::SLICE_STEP => (VALUE_ERROR, b"slice step cannot be zero"),
        common::MIN_EMPTY => (VALUE_ERROR, b"min() arg is an empty sequence"),
        common::MAX_EMPTY => (VALUE_ERROR, b"max() arg is an empty sequence"),
        common::RECURSION => (class::RECURSION_ERROR, b"maximum recursion depth exceeded"),
        common::DICT_CHANGED => (RUNTIME_ERROR, b"dictionary changed size during iteration"),
        common::SET_CHANGED => (RUNTIME_ERROR, b"Set changed size during iteration"),
        common::MIN_EMPTY_312 => (VALUE_ERROR, b"min() iterable argument is empty"),
        common::MAX_EMPTY_312 => (VALUE_ERROR, b"max() iterable argument is empty"),
        common::INT_TOO_LARGE => (OVERFLOW_ERROR, b"int too large to convert to float"),
        common::POP_EMPTY => (INDEX_ERROR, b"pop from empty list"),
        common::POP_INDEX => (INDEX_ERROR, b"pop index out of range"),
        common::MEMORY => return memory_error::<()>().is_none() as i32,
        _ => return set_pending(class::ASSERTION_ERROR, None),
    };
    with_text(class, text)
}
