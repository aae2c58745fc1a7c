//! The value codec: Python values as CBOR, closed and pickle-free in both directions.
//!
//! [`tags`] is the wire format. [`Value`] is a model of every supported kind, for tests, tools and whatever is not
//! worth a short cut. [`Writer`] and [`Reader`] are the level below, for code that turns Python objects into bytes and
//! back without a model in between: a pull parser whose every answer has been checked against the format's rules, the
//! limits and the bytes that are there.
//!
//! The encoding is deterministic (RFC 8949, 4.2) but for the order of a dict, which is its own, and floats, which always
//! take eight bytes: their bits survive, and guests need one form only. For all bytes that decode,
//! `encode(decode(bytes)) == bytes`.
//!
//! **Absent on purpose:** classes by name, references between values, anything that runs code.

mod arrays;
mod calendar;
mod decode;
mod encode;
mod entries;
mod error;
mod model;
mod reader;
pub mod tags;
mod text;
mod writer;

pub use arrays::{Array, ArrayItems, Dtype, Elements, Memoryview, Ndarray, Number, TimeUnit};
pub use calendar::{Date, DateTime, Time, Timedelta, Zone};
pub use decode::{decode, read, read_tagged};
pub use encode::{encode, write};
pub use error::{DecodeError, EncodeError, Fault};
pub use model::{
    Complex, Dataclass, Decimal, DecimalExponent, DefaultDict, Deque, EnumKey, EnumMember,
    FACTORIES, Float, Fraction, Namedtuple, Path, PathFlavour, Range, Value,
};
pub use reader::{Item, Reader};
pub use text::Text;
pub use writer::{SetMark, Writer};

/// Arrays and maps open at once. Bounds the stack of whoever recurses over a value; Python's own `pickle` and `json`
/// give up at a few hundred.
pub const DEPTH_MAX: usize = 256;

pub use crate::limits::VALUE_BYTES_MAX;

/// Bytes of one int's magnitude: 134 million bits. Conversions of ints from bytes are linear, so this bounds memory.
pub const INT_BYTES_MAX: usize = 16 << 20;

/// Bytes of a `Decimal`'s coefficient: 157 000 digits. Its conversion to decimal is not linear, so this bounds time.
pub const DECIMAL_BYTES_MAX: usize = 64 << 10;

/// Dimensions of an ndarray or a memoryview: what `numpy` and `CPython` allow.
pub const DIMENSIONS_MAX: usize = 64;
