//! Pulls CBOR items out of bytes that nobody vouches for.

use num_bigint::{BigInt, Sign};

use super::arrays::Number;
use super::error::{DecodeError, Fault};
use super::{DEPTH_MAX, INT_BYTES_MAX, VALUE_BYTES_MAX, tags, text};

/// One item, or the header of one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Item<'a> {
    /// `None`.
    None,
    /// A bool.
    Bool(bool),
    /// An int that fits 64 bits.
    Int(i64),
    /// Any other int: `magnitude`, big endian, no leading zeros; or -1 - `magnitude`. See [`big_int`](Item::big_int).
    Big {
        /// Whether the int is -1 - `magnitude`.
        negative: bool,
        /// At least 8 bytes, at most [`INT_BYTES_MAX`].
        magnitude: &'a [u8],
    },
    /// A float.
    Float(f64),
    /// A str.
    Text(&'a str),
    /// A str with lone surrogates: `decode("utf-8", "surrogatepass")` makes it.
    SurrogateText(&'a [u8]),
    /// Bytes.
    Bytes(&'a [u8]),
    /// An array: so many items follow.
    Array(usize),
    /// A map: so many keys follow, each with its value after it.
    Map(usize),
    /// A tag other than those of [`Item::Big`] and [`Item::SurrogateText`]: its content follows.
    Tag(u64),
}

impl Item<'_> {
    /// The int that this is.
    pub fn big_int(&self) -> Option<BigInt> {
        match *self {
            Self::Int(value) => Some(value.into()),
            Self::Big { negative, magnitude } => {
                let value = BigInt::from_bytes_be(Sign::Plus, magnitude);
                Some(if negative { -value - 1 } else { value })
            }
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    /// Items not yet begun.
    left: usize,
    /// Items in all; a map has two for each entry.
    total: usize,
    map: bool,
}

/// A pull parser over one value.
///
/// Borrows; allocates only one small record for each level of nesting. It counts the items that headers promise, and
/// never promises more than there are bytes left: so a caller may reserve memory for any length it is told, and what
/// all open headers together make it reserve stays in proportion to the input.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    input: &'a [u8],
    at: usize,
    /// Where the latest item began.
    start: usize,
    /// Items promised and not yet begun, in all open frames together.
    owed: usize,
    /// A tag was read, its content was not.
    tagged: bool,
    frames: Vec<Frame>,
}

impl<'a> Reader<'a> {
    /// A reader of the value that `input` holds from end to end.
    #[inline]
    pub fn new(input: &'a [u8]) -> Result<Self, DecodeError> {
        let reader = Self { input, at: 0, start: 0, owed: 1, tagged: false, frames: Vec::new() };
        if input.len() > VALUE_BYTES_MAX {
            return Err(reader.error(Fault::TooLong));
        }
        Ok(reader)
    }

    /// Where the next item begins.
    #[inline]
    pub fn position(&self) -> usize {
        self.at
    }

    /// What has been read from `from` on: the encoding of one item, say.
    pub fn since(&self, from: usize) -> &'a [u8] {
        self.input.get(from..self.at).unwrap_or_default()
    }

    /// An error about the latest item.
    #[cold]
    pub fn error(&self, fault: Fault) -> DecodeError {
        use std::fmt::Write;
        let mut path = String::new();
        for frame in &self.frames {
            // The first item has not been begun when only the header is at fault.
            let Some(index) = (frame.total - frame.left).checked_sub(1) else { continue };
            let written = match (frame.map, index % 2) {
                (false, _) => write!(path, "[{index}]"),
                (true, 0) => write!(path, ".key({})", index / 2),
                (true, _) => write!(path, ".value({})", index / 2),
            };
            debug_assert!(written.is_ok());
        }
        DecodeError::new(fault, self.start, path)
    }

    /// The next item, or the header of one.
    #[inline]
    pub fn item(&mut self) -> Result<Item<'a>, DecodeError> {
        self.begin()?;
        let Some(&initial) = self.input.get(self.at) else {
            return Err(self.error(Fault::Truncated));
        };
        self.at += 1;
        let (major, info) = (initial >> 5, initial & 31);
        if major == 7 {
            return self.simple(info);
        }
        let argument = if info < 24 { u64::from(info) } else { self.argument(initial)? };
        match major {
            0 => Ok(i64::try_from(argument).map_or_else(|_| self.wide(false), Item::Int)),
            1 => Ok(i64::try_from(argument).map_or_else(|_| self.wide(true), |n| Item::Int(!n))),
            2 => self.take(argument).map(Item::Bytes),
            3 => {
                let bytes = self.take(argument)?;
                let text = std::str::from_utf8(bytes).map_err(|_| self.error(Fault::NotUtf8))?;
                Ok(Item::Text(text))
            }
            4 => self.open(argument, false).map(Item::Array),
            5 => self.open(argument, true).map(Item::Map),
            _ => self.tag(argument),
        }
    }

    /// Ends: nothing may be owed and nothing may be left.
    #[inline]
    pub fn finish(mut self) -> Result<(), DecodeError> {
        if self.owed > 0 || self.tagged {
            self.start = self.at;
            return Err(self.error(Fault::Truncated));
        }
        if self.at < self.input.len() {
            self.start = self.at;
            self.frames.clear();
            return Err(self.error(Fault::Trailing));
        }
        Ok(())
    }

    /// An array's header.
    #[inline]
    pub fn array(&mut self) -> Result<usize, DecodeError> {
        match self.item()? {
            Item::Array(length) => Ok(length),
            _ => Err(self.error(Fault::Expected("an array"))),
        }
    }

    /// The header of an array that has `length` items.
    pub fn array_of(&mut self, length: usize) -> Result<(), DecodeError> {
        if self.array()? == length {
            Ok(())
        } else {
            Err(self.error(Fault::Invalid("an array has the wrong length")))
        }
    }

    /// A map's header.
    pub fn map(&mut self) -> Result<usize, DecodeError> {
        match self.item()? {
            Item::Map(length) => Ok(length),
            _ => Err(self.error(Fault::Expected("a map"))),
        }
    }

    /// A tag.
    pub fn tag_number(&mut self) -> Result<u64, DecodeError> {
        match self.item()? {
            Item::Tag(tag) => Ok(tag),
            _ => Err(self.error(Fault::Expected("a tag"))),
        }
    }

    /// A bool.
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        match self.item()? {
            Item::Bool(value) => Ok(value),
            _ => Err(self.error(Fault::Expected("a bool"))),
        }
    }

    /// An int of 64 bits.
    #[inline]
    pub fn int(&mut self) -> Result<i64, DecodeError> {
        match self.item()? {
            Item::Int(value) => Ok(value),
            _ => Err(self.error(Fault::Expected("an int of 64 bits"))),
        }
    }

    /// An int that `T` can hold.
    pub fn small<T: TryFrom<i64>>(&mut self) -> Result<T, DecodeError> {
        let value = self.int()?;
        T::try_from(value).map_err(|_| self.error(Fault::Invalid("an int is out of range")))
    }

    /// An int of any size.
    pub fn big(&mut self) -> Result<BigInt, DecodeError> {
        let item = self.item()?;
        item.big_int().ok_or_else(|| self.error(Fault::Expected("an int")))
    }

    /// A float.
    pub fn float(&mut self) -> Result<f64, DecodeError> {
        match self.item()? {
            Item::Float(value) => Ok(value),
            _ => Err(self.error(Fault::Expected("a float"))),
        }
    }

    /// A str without lone surrogates.
    pub fn text(&mut self) -> Result<&'a str, DecodeError> {
        match self.item()? {
            Item::Text(text) => Ok(text),
            _ => Err(self.error(Fault::Expected("text"))),
        }
    }

    /// Bytes.
    pub fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        match self.item()? {
            Item::Bytes(bytes) => Ok(bytes),
            _ => Err(self.error(Fault::Expected("bytes"))),
        }
    }

    /// A typed array of RFC 8746: whole elements.
    pub fn typed_array(&mut self) -> Result<(Number, &'a [u8]), DecodeError> {
        let tag = self.tag_number()?;
        self.typed_array_tagged(tag)
    }

    /// A typed array whose tag has been read.
    pub fn typed_array_tagged(&mut self, tag: u64) -> Result<(Number, &'a [u8]), DecodeError> {
        let number =
            Number::from_tag(tag).ok_or_else(|| self.error(Fault::Expected("a typed array")))?;
        let data = self.bytes()?;
        if data.len().is_multiple_of(number.size()) {
            Ok((number, data))
        } else {
            Err(self.error(Fault::Invalid("a typed array ends inside an element")))
        }
    }

    /// Skips one item and all it holds.
    pub fn skip(&mut self) -> Result<(), DecodeError> {
        let mut items = 1_usize;
        while items > 0 {
            items -= 1;
            match self.item()? {
                Item::Array(length) => items += length,
                Item::Map(length) => items += 2 * length,
                Item::Tag(_) => items += 1,
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes an item out of the innermost frame that still promises one.
    #[inline]
    fn begin(&mut self) -> Result<(), DecodeError> {
        self.start = self.at;
        if self.tagged {
            self.tagged = false;
            return Ok(());
        }
        if self.owed == 0 {
            return Err(self.error(Fault::Expected("nothing more")));
        }
        self.owed -= 1;
        while let Some(frame) = self.frames.last_mut() {
            if frame.left > 0 {
                frame.left -= 1;
                return Ok(());
            }
            self.frames.pop();
        }
        Ok(())
    }

    #[inline]
    fn open(&mut self, argument: u64, map: bool) -> Result<usize, DecodeError> {
        let room = (self.input.len() - self.at).saturating_sub(self.owed);
        let length = usize::try_from(argument).unwrap_or(usize::MAX);
        let total = if map { length.saturating_mul(2) } else { length };
        if total > room {
            return Err(self.error(Fault::Promise(argument)));
        }
        if self.frames.len() >= DEPTH_MAX {
            return Err(self.error(Fault::TooDeep));
        }
        self.owed += total;
        self.frames.push(Frame { left: total, total, map });
        Ok(length)
    }

    fn tag(&mut self, tag: u64) -> Result<Item<'a>, DecodeError> {
        match tag {
            tags::BIGNUM | tags::BIGNUM_NEGATIVE => {
                let magnitude = self.tagged_bytes()?;
                if magnitude.len() > INT_BYTES_MAX {
                    return Err(self.error(Fault::IntTooLong(magnitude.len())));
                }
                if magnitude.len() <= 8 || magnitude[0] == 0 {
                    return Err(self.error(Fault::NotShortest));
                }
                Ok(Item::Big { negative: tag == tags::BIGNUM_NEGATIVE, magnitude })
            }
            tags::SURROGATE_TEXT => {
                let bytes = self.tagged_bytes()?;
                match text::surrogates(bytes) {
                    None => Err(self.error(Fault::NotUtf8)),
                    Some(0) => Err(self.error(Fault::NotShortest)),
                    Some(_) => Ok(Item::SurrogateText(bytes)),
                }
            }
            _ => {
                self.tagged = true;
                Ok(Item::Tag(tag))
            }
        }
    }

    /// The byte string after a tag. Not by way of [`Reader::item`]: a chain of tags must not recurse.
    fn tagged_bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        self.start = self.at;
        let Some(&initial) = self.input.get(self.at) else {
            return Err(self.error(Fault::Truncated));
        };
        if initial >> 5 != 2 {
            return Err(self.error(Fault::Expected("bytes")));
        }
        self.at += 1;
        let info = initial & 31;
        let length = if info < 24 { u64::from(info) } else { self.argument(initial)? };
        self.take(length)
    }

    /// The int whose 8-byte argument has just been read, too wide for an `i64`.
    fn wide(&self, negative: bool) -> Item<'a> {
        Item::Big { negative, magnitude: &self.input[self.at - 8..self.at] }
    }

    #[inline]
    fn take(&mut self, length: u64) -> Result<&'a [u8], DecodeError> {
        let left = &self.input[self.at..];
        match usize::try_from(length).ok().and_then(|length| left.get(..length)) {
            Some(bytes) => {
                self.at += bytes.len();
                Ok(bytes)
            }
            None => Err(self.error(Fault::Promise(length))),
        }
    }

    /// The argument after an initial byte whose low five bits are 24 or more.
    #[inline]
    fn argument(&mut self, initial: u8) -> Result<u64, DecodeError> {
        let (argument, least) = match initial & 31 {
            24 => (self.chunk::<1>().map(|[byte]| u64::from(byte)), 24),
            25 => (self.chunk().map(|bytes| u16::from_be_bytes(bytes).into()), 1 << 8),
            26 => (self.chunk().map(|bytes| u32::from_be_bytes(bytes).into()), 1 << 16),
            27 => (self.chunk().map(u64::from_be_bytes), 1 << 32),
            31 => return Err(self.error(Fault::Indefinite)),
            _ => return Err(self.error(Fault::Reserved(initial))),
        };
        match argument {
            Some(argument) if argument >= least => Ok(argument),
            Some(_) => Err(self.error(Fault::NotShortest)),
            None => Err(self.error(Fault::Truncated)),
        }
    }

    #[inline]
    fn chunk<const N: usize>(&mut self) -> Option<[u8; N]> {
        let chunk = *self.input.get(self.at..)?.first_chunk::<N>()?;
        self.at += N;
        Some(chunk)
    }

    #[inline]
    fn simple(&mut self, info: u8) -> Result<Item<'a>, DecodeError> {
        match info {
            20 => Ok(Item::Bool(false)),
            21 => Ok(Item::Bool(true)),
            22 => Ok(Item::None),
            27 => match self.chunk() {
                Some(bits) => Ok(Item::Float(f64::from_be_bytes(bits))),
                None => Err(self.error(Fault::Truncated)),
            },
            25 | 26 => Err(self.error(Fault::NarrowFloat)),
            28..=30 => Err(self.error(Fault::Reserved(0xe0 | info))),
            31 => Err(self.error(Fault::Indefinite)),
            24 => {
                let value = self.input.get(self.at).copied();
                Err(self.error(value.map_or(Fault::Truncated, Fault::Simple)))
            }
            _ => Err(self.error(Fault::Simple(info))),
        }
    }
}
