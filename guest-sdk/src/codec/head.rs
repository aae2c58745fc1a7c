//! Heads of CBOR items, and the tags that guests know. `tests/codec.rs` compares them with the protocol's.

/// Major types, as the upper three bits of an item's first byte have them.
pub const UNSIGNED: u8 = 0;
pub const NEGATIVE: u8 = 1;
pub const BYTES: u8 = 2;
pub const TEXT: u8 = 3;
pub const ARRAY: u8 = 4;
pub const MAP: u8 = 5;
pub const TAG: u8 = 6;

/// `False`, `True`, `None`, and the first byte of a float.
pub const FALSE: u8 = 0xf4;
pub const TRUE: u8 = 0xf5;
pub const NONE: u8 = 0xf6;
pub const FLOAT: u8 = 0xfb;

/// Tags: see `spm_protocol::value::tags`.
pub const BIGNUM: u64 = 2;
pub const BIGNUM_NEGATIVE: u64 = 3;
pub const NDARRAY: u64 = 40;
pub const SET: u64 = 258;
pub const TUPLE: u64 = 0xb100;
pub const BYTEARRAY: u64 = 0xb103;
pub const FROZENSET: u64 = 0xb104;
pub const DEQUE: u64 = 0xb107;
pub const COUNTER: u64 = 0xb108;
pub const ORDERED_DICT: u64 = 0xb109;
pub const DEFAULT_DICT: u64 = 0xb10a;
pub const ENUM_NAME: u64 = 0xb120;
pub const DATACLASS: u64 = 0xb122;
pub const NAMEDTUPLE: u64 = 0xb123;
pub const PYTHON_ARRAY: u64 = 0xb128;
pub const NUMPY_SCALAR: u64 = 0xb130;

/// Writes the head of an item, its argument in the shortest form.
pub fn write(out: &mut Vec<u8>, major: u8, argument: u64) {
    let major = major << 5;
    if argument < 24 {
        out.push(major | argument as u8);
    } else if let Ok(argument) = u8::try_from(argument) {
        out.extend_from_slice(&[major | 0x18, argument]);
    } else if let Ok(argument) = u16::try_from(argument) {
        out.push(major | 0x19);
        out.extend_from_slice(&argument.to_be_bytes());
    } else if let Ok(argument) = u32::try_from(argument) {
        out.push(major | 0x1a);
        out.extend_from_slice(&argument.to_be_bytes());
    } else {
        out.push(major | 0x1b);
        out.extend_from_slice(&argument.to_be_bytes());
    }
}

/// Writes a text.
pub fn write_text(out: &mut Vec<u8>, text: &str) {
    write(out, TEXT, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}
