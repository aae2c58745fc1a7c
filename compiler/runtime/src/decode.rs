//! Arguments from CBOR, by type descriptor.
//!
//! A value of another type than was compiled for is no error of the user's: it leaves native code.

use crate::mem::{P, bytes, load, set_slot, store};
use crate::object::{Desc, blank_list, blank_str, data, tuple_new, tuple_slots};
use crate::raise::{leave, overflow};
use crate::shared::{deopt, kind, layout, object};
use crate::state::{INPUT, INPUT_END};
use crate::{dict, set, text};

const TUPLE_TAG: u64 = 0xb100;
const ENUM_TAG: u64 = 0xb120;
const INSTANCE_TAG: u64 = 0xb122;
const NAMED_TAG: u64 = 0xb123;
const FROZENSET_TAG: u64 = 0xb104;
const SET_TAG: u64 = 258;

fn mismatch<T>() -> Option<T> {
    leave(deopt::TYPE_NOT_PROVED)
}

/// The next byte.
#[inline(never)]
fn byte() -> Option<u8> {
    let at = INPUT.get();
    if at >= INPUT_END.get() {
        return mismatch();
    }
    INPUT.set(at + 1);
    Some(load(at))
}

/// Takes `length` bytes and says where they are.
#[inline(never)]
fn take(length: u64) -> Option<u32> {
    let at = INPUT.get();
    if length > u64::from(INPUT_END.get() - at) {
        return mismatch();
    }
    INPUT.set(at + length as u32);
    Some(at)
}

/// The next `length` bytes.
pub fn bytes_of(length: u64) -> Option<&'static [u8]> {
    Some(bytes(take(length)?, length as u32))
}

/// The next item's major type and argument. Only definite forms.
#[inline(never)]
pub fn head() -> Option<(u8, u64)> {
    let first = byte()?;
    let argument = match first & 0x1f {
        small @ 0..24 => u64::from(small),
        24 => u64::from(byte()?),
        25 => u64::from(u16::from_be(load(take(2)?))),
        26 => u64::from(u32::from_be(load(take(4)?))),
        27 => u64::from_be(load(take(8)?)),
        _ => return mismatch(),
    };
    Some((first >> 5, argument))
}

/// The argument of an item that has to be of this major type.
fn expect(major: u8) -> Option<u64> {
    let (found, argument) = head()?;
    if found != major {
        return mismatch();
    }
    Some(argument)
}

/// The length of an array or map, of whose items each takes a byte at least.
pub fn length(major: u8) -> Option<u32> {
    let length = expect(major)?;
    if length > u64::from(INPUT_END.get() - INPUT.get()) {
        return mismatch();
    }
    Some(length as u32)
}

fn expect_tag(tag: u64) -> Option<()> {
    if expect(6)? != tag {
        return mismatch();
    }
    Some(())
}

/// Reads an int.
#[inline(never)]
pub fn int() -> Option<i64> {
    let (major, argument) = head()?;
    let negative = match major {
        0 => false,
        1 => true,
        6 if argument == 2 || argument == 3 => return overflow(),
        _ => return mismatch(),
    };
    if argument > i64::MAX as u64 {
        return overflow();
    }
    Some(if negative { !(argument as i64) } else { argument as i64 })
}

/// Reads the bits of a float.
pub fn float() -> Option<u64> {
    let at = INPUT.get();
    if INPUT_END.get() - at < 9 || load::<u8>(at) != 0xfb {
        return mismatch();
    }
    INPUT.set(at + 9);
    Some(u64::from_be(load(at + 1)))
}

/// Reads a bool.
pub fn bool() -> Option<u64> {
    match byte()? {
        0xf4 => Some(0),
        0xf5 => Some(1),
        _ => mismatch(),
    }
}

/// Reads `None`.
pub fn none() -> Option<u64> {
    if byte()? != 0xf6 {
        return mismatch();
    }
    Some(0)
}

/// Reads a str or bytes.
pub fn text(major: u8) -> Option<P> {
    let length = expect(major)?;
    let from = take(length)?;
    let content = bytes(from, length as u32);
    let mut chars = length as u32;
    if major == 3 {
        if !text::is_utf8(content) {
            return mismatch();
        }
        chars = text::count_chars(content);
    }
    let object = blank_str(length, chars)?;
    crate::mem::copy(data(object), from, length as u32);
    Some(object)
}

/// Reads any value.
pub fn value(desc: Desc) -> Option<u64> {
    any::<true>(desc)
}

/// Reads any value where there are no dicts and sets.
pub fn value_flat(desc: Desc) -> Option<u64> {
    any::<false>(desc)
}

fn any<const TABLES: bool>(desc: Desc) -> Option<u64> {
    Some(match desc.kind() {
        kind::NONE => none()?,
        kind::BOOL => bool()?,
        kind::INT => int()? as u64,
        kind::FLOAT => float()?,
        kind::STR => decode_text(3)?.slot(),
        kind::BYTES => decode_text(2)?.slot(),
        kind::LIST => list::<TABLES>(desc.element(0))?.slot(),
        kind::VTUPLE => {
            expect_tag(TUPLE_TAG)?;
            list::<TABLES>(desc.element(0))?.slot()
        }
        kind::TUPLE => {
            expect_tag(TUPLE_TAG)?;
            if length(4)? != desc.count() {
                return mismatch();
            }
            let tuple = tuple_new(desc.count())?;
            for index in 0..desc.count() {
                let item = any::<TABLES>(desc.element(index))?;
                set_slot(tuple_slots(tuple), index, item);
            }
            tuple.slot()
        }
        kind::OPTIONAL => optional::<TABLES>(desc.element(0))?,
        kind::UNION => decode_union(desc)?.slot(),
        kind::OBJECT.. => crate::objects::object_decode(desc)?.slot(),
        _ if !TABLES => return mismatch(),
        kind::DICT => {
            let count = length(5)?;
            let object = dict::dict_new()?;
            for _ in 0..count {
                let key = any::<TABLES>(desc.element(0))?;
                let item = any::<TABLES>(desc.element(1))?;
                dict::set(object, desc, key, item)?;
            }
            object.slot()
        }
        found => {
            expect_tag(if found == kind::SET { SET_TAG } else { FROZENSET_TAG })?;
            let count = length(4)?;
            let object = set::set_new()?;
            for _ in 0..count {
                let item = any::<TABLES>(desc.element(0))?;
                set::add(object, desc, item)?;
            }
            object.slot()
        }
    })
}

/// Reads a str or bytes, where there are such values.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn decode_text(major: u32) -> Option<P> {
    text(major as u8)
}

/// Where there are none.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn decode_text__mute(_: u32) -> Option<P> {
    mismatch()
}

/// Reads a value of one of several kinds, told apart by its first bytes.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn decode_union(desc: Desc) -> Option<P> {
    let found = peek_kind(desc)?;
    for index in 0..desc.count() {
        let element = desc.element(index);
        let kind = if element.kind() == kind::VTUPLE { kind::TUPLE } else { element.kind() };
        if kind == found {
            let value = any_value(element)?;
            let object = tuple_new(2)?;
            set_slot(tuple_slots(object), 0, u64::from(element.kind()));
            set_slot(tuple_slots(object), 1, value);
            return Some(object);
        }
    }
    mismatch()
}

/// Where there are no such values.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn decode_union__sole(_: Desc) -> Option<P> {
    mismatch()
}

/// The kind of the next value, which is not consumed.
fn peek_kind(desc: Desc) -> Option<u32> {
    let start = INPUT.get();
    let first = byte()?;
    let mut kind = match first >> 5 {
        0 | 1 => kind::INT,
        2 => kind::BYTES,
        3 => kind::STR,
        4 => kind::LIST,
        5 => kind::DICT,
        6 => kind::TUPLE,
        _ if first == 0xfb => kind::FLOAT,
        _ if first == 0xf6 => kind::NONE,
        _ => kind::BOOL,
    };
    INPUT.set(start);
    if kind == kind::TUPLE {
        let tag = expect(6)?;
        INPUT.set(start);
        kind = match tag {
            INSTANCE_TAG | ENUM_TAG | NAMED_TAG => {
                kind = peek_class(desc)?;
                INPUT.set(start);
                kind
            }
            // An int of more than 64 bits: reading it as an int says so.
            2 | 3 => kind::INT,
            SET_TAG => kind::SET,
            FROZENSET_TAG => kind::FROZENSET,
            _ => kind::TUPLE,
        };
    }
    Some(kind)
}

/// The kind of the family of the next value, an instance. It is consumed in part.
#[inline(never)]
fn peek_class(desc: Desc) -> Option<u32> {
    let (number, _) = class_number()?;
    for index in 0..desc.count() {
        let element = desc.element(index);
        if crate::objects::is_instance(element)
            && crate::objects::class_of(element, number).is_some()
        {
            return Some(element.kind());
        }
    }
    mismatch()
}

/// The beginning of an instance: the number of its class, and the form of that.
#[inline(never)]
pub fn class_number() -> Option<(u64, u32)> {
    let form = match expect(6)? {
        INSTANCE_TAG => object::PLAIN,
        ENUM_TAG => object::ENUMERATION,
        NAMED_TAG => object::NAMED_TUPLE,
        _ => return mismatch(),
    };
    if length(4)? != 2 {
        return mismatch();
    }
    Some((expect(0)?, form))
}

/// Reads any value, by way of the function that the linker may replace by the one without tables.
pub fn any_value(desc: Desc) -> Option<u64> {
    if crate::call::arg_value(desc) == 0 { Some(load(crate::shared::cell::RET)) } else { None }
}

fn list<const TABLES: bool>(element: Desc) -> Option<P> {
    let count = length(4)?;
    let list = blank_list(u64::from(count))?;
    let start = list.u32(layout::LIST_DATA);
    for index in 0..count {
        let item = match element.kind() {
            kind::INT => int()? as u64,
            kind::FLOAT => float()?,
            _ => any::<TABLES>(element)?,
        };
        set_slot(start, index, item);
    }
    list.set_u32(layout::LEN, count);
    Some(list)
}

fn optional<const TABLES: bool>(element: Desc) -> Option<u64> {
    let at = INPUT.get();
    if at < INPUT_END.get() && load::<u8>(at) == 0xf6 {
        INPUT.set(at + 1);
        return Some(0);
    }
    let value = any::<TABLES>(element)?;
    if element.is_object() {
        return Some(value);
    }
    let cell = tuple_new(1)?;
    store(tuple_slots(cell), value);
    Some(cell.slot())
}
