//! Serde's data as SPM's value codec: what Python sees of Rust's values, and the other way.
//!
//! | Rust | Python |
//! | --- | --- |
//! | `()`, unit structs, `None` | `None` |
//! | `bool`, integers up to 128 bits | `bool`, `int` |
//! | `f64`, `f32` | `float` (an `int` is taken for one) |
//! | `String`, `char` | `str` |
//! | `Vec`, sets | `list` (also taken: `tuple`, `set`, `frozenset`, `deque`, `array.array`, numpy vectors, `bytes`) |
//! | tuples, arrays, tuple structs | `tuple` (also taken: what a `Vec` is made of) |
//! | maps | `dict` (also taken: `Counter`, `OrderedDict`, `defaultdict`) |
//! | structs | `dict`, or the dataclass of that name in `spm.load(.., classes=..)` (any dataclass is taken) |
//! | enums | `"Name"`, or `{"Name": content}` (a Python `Enum` member is taken by its name) |
//! | `serde_bytes::ByteBuf` | `bytes` (also taken: `bytearray`) |
//!
//! The format is that of `spm-protocol`'s `value::tags`.

mod access;
mod decode;
mod encode;
mod error;
pub(crate) mod head;
mod numbers;

pub use error::Error;

use serde::{Deserialize, Serialize};

pub(crate) use decode::Decoder;
pub(crate) use encode::Encoder;

/// Containers in one another: what the other end of the codec takes.
const DEPTH_MAX: u32 = 256;

/// The class table of what is written: names of structs that Python has a dataclass for, with their index.
pub(crate) type ClassTable = [(String, u32)];

/// A value in SPM's codec.
///
/// # Errors
/// If the value is nested too deep, or says that it cannot be written.
pub fn to_bytes<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Error> {
    let mut encoder = Encoder::new(crate::abi::class_table());
    value.serialize(&mut encoder)?;
    Ok(encoder.into_bytes())
}

/// Reads a value of SPM's codec, from end to end.
///
/// # Errors
/// If it is not of the type, or none at all.
pub fn from_bytes<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Error> {
    let mut decoder = Decoder::new(bytes);
    let value = T::deserialize(&mut decoder)?;
    decoder.finish()?;
    Ok(value)
}
