//! Why bytes are not a value, and why a value has no bytes.

use std::fmt;

/// Bytes that are not a value of this codec.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} at byte {}{}", .0.fault, .0.offset, Within(&.0.path))]
pub struct DecodeError(Box<Detail>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Detail {
    fault: Fault,
    offset: usize,
    path: String,
}

impl DecodeError {
    pub(super) fn new(fault: Fault, offset: usize, path: String) -> Self {
        Self(Box::new(Detail { fault, offset, path }))
    }

    /// What is wrong.
    pub fn fault(&self) -> &Fault {
        &self.0.fault
    }

    /// Where the item begins that is wrong, in bytes.
    pub fn offset(&self) -> usize {
        self.0.offset
    }

    /// The way to it through arrays and maps, outermost first: `[3].value(0)`. Empty at the root.
    pub fn path(&self) -> &str {
        &self.0.path
    }
}

struct Within<'a>(&'a str);

impl fmt::Display for Within<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(formatter, ", in `{}`", self.0) }
    }
}

/// What is wrong with an item.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The input ends inside an item, or promises more than it holds.
    #[error("the input ends too early")]
    Truncated,
    /// An array or map promises more items than there are bytes left.
    #[error("a length of {0} promises more than there is")]
    Promise(u64),
    /// Bytes after the value.
    #[error("there are bytes after the value")]
    Trailing,
    /// A longer form where a shorter exists.
    #[error("not the shortest encoding")]
    NotShortest,
    /// An indefinite length, or the break that ends one.
    #[error("indefinite lengths are not used")]
    Indefinite,
    /// Additional information 28 to 30.
    #[error("reserved initial byte `{0:#04x}`")]
    Reserved(u8),
    /// `undefined` or another simple value.
    #[error("simple value {0} has no meaning here")]
    Simple(u8),
    /// A float in two or four bytes.
    #[error("floats take eight bytes")]
    NarrowFloat,
    /// Text that is not UTF-8.
    #[error("text is not UTF-8")]
    NotUtf8,
    /// A tag outside the table.
    #[error("unknown tag {0}")]
    UnknownTag(u64),
    /// Nested too deep.
    #[error("nested deeper than {}", super::DEPTH_MAX)]
    TooDeep,
    /// The whole is too long.
    #[error("longer than {} bytes", super::VALUE_BYTES_MAX)]
    TooLong,
    /// An int, or the coefficient of a `Decimal`, is too long.
    #[error("an int has {0} bytes, which is too many")]
    IntTooLong(usize),
    /// A key of a dict, or an element of a set, comes twice.
    #[error("an entry comes twice")]
    Duplicate,
    /// The elements of a set are not in order.
    #[error("the elements of a set are out of order")]
    Unordered,
    /// Another kind of item is wanted here.
    #[error("{0} expected")]
    Expected(&'static str),
    /// The parts are well formed, and do not make a value.
    #[error("{0}")]
    Invalid(&'static str),
}

/// A value that has no encoding: its parts contradict one another, or a limit is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the value cannot be encoded: {0}")]
pub struct EncodeError(pub Fault);

impl From<Fault> for EncodeError {
    fn from(fault: Fault) -> Self {
        Self(fault)
    }
}
