//! Bytes to Rust's values.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, Visitor};

use super::access::{Bytes, Content, Items, Numbers};
use super::{DEPTH_MAX, Error, head};

/// Reads one value after the other.
pub(crate) struct Decoder<'de> {
    input: &'de [u8],
    depth: u32,
}

/// The head of an item: its major type and its argument. A float, or a simple value, has major type 7.
type Head = (u8, u64);

const SIMPLE: u8 = 7;
const FLOAT: u64 = 27;

impl<'de> Decoder<'de> {
    pub(crate) fn new(input: &'de [u8]) -> Self {
        Self { input, depth: 0 }
    }

    /// Nothing may be left.
    pub(crate) fn finish(&self) -> Result<(), Error> {
        if self.input.is_empty() { Ok(()) } else { Err(Error::new("bytes left after the value")) }
    }

    fn take(&mut self, count: u64) -> Result<&'de [u8], Error> {
        let split =
            usize::try_from(count).ok().and_then(|count| self.input.split_at_checked(count));
        let (taken, rest) = split.ok_or_else(truncated)?;
        self.input = rest;
        Ok(taken)
    }

    fn head(&mut self) -> Result<Head, Error> {
        let (&first, rest) = self.input.split_first().ok_or_else(truncated)?;
        self.input = rest;
        let (major, info) = (first >> 5, first & 31);
        let argument = match info {
            _ if major == SIMPLE => info.into(),
            0..24 => info.into(),
            24..=27 => {
                let bytes = self.take(1 << (info - 24))?;
                bytes.iter().fold(0, |argument, byte| argument << 8 | u64::from(*byte))
            }
            _ => return Err(Error::new("a length that is none")),
        };
        Ok((major, argument))
    }

    /// The head of an item of this major type; returns its argument.
    pub(super) fn expect(&mut self, major: u8) -> Result<u64, Error> {
        match self.head()? {
            (found, argument) if found == major => Ok(argument),
            _ => Err(Error::new("a value is not encoded as its tag says")),
        }
    }

    /// The head of the array of positional arguments.
    pub(crate) fn array(&mut self) -> Result<u64, Error> {
        self.expect(head::ARRAY)
    }

    fn text(&mut self, length: u64) -> Result<&'de str, Error> {
        std::str::from_utf8(self.take(length)?).map_err(|_| Error::new("a str is not UTF-8"))
    }

    fn byte_string(&mut self) -> Result<&'de [u8], Error> {
        let length = self.expect(head::BYTES)?;
        self.take(length)
    }

    /// Runs what reads the content of a container.
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Error::new("nested too deep"));
        }
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn sequence<V: Visitor<'de>>(&mut self, length: u64, visitor: V) -> Result<V::Value, Error> {
        self.nested(|decoder| {
            let mut items = Items { decoder, left: length };
            let value = visitor.visit_seq(&mut items)?;
            items.end()?;
            Ok(value)
        })
    }

    fn mapping<V: Visitor<'de>>(&mut self, length: u64, visitor: V) -> Result<V::Value, Error> {
        self.nested(|decoder| {
            let mut items = Items { decoder, left: length };
            let value = visitor.visit_map(&mut items)?;
            items.end()?;
            Ok(value)
        })
    }

    /// The array of a tag whose content has two items, and its first item, skipped.
    fn second(&mut self) -> Result<(), Error> {
        if self.expect(head::ARRAY)? != 2 {
            return Err(Error::new("a value is not encoded as its tag says"));
        }
        de::Deserialize::deserialize(&mut *self).map(|de::IgnoredAny| ())
    }

    fn float(&mut self) -> Result<f64, Error> {
        let bytes = self.take(8)?;
        Ok(f64::from_be_bytes(bytes.try_into().map_err(|_| truncated())?))
    }

    fn negative<V: Visitor<'de>>(argument: u64, visitor: V) -> Result<V::Value, Error> {
        match i64::try_from(argument) {
            Ok(argument) => visitor.visit_i64(!argument),
            Err(_) => visitor.visit_i128(!i128::from(argument)),
        }
    }

    /// An int of more than 64 bits.
    fn wide<V: Visitor<'de>>(&mut self, is_negative: bool, visitor: V) -> Result<V::Value, Error> {
        let bytes = self.byte_string()?;
        if bytes.len() > size_of::<u128>() {
            return Err(Error::new("an int of more than 128 bits"));
        }
        let magnitude = bytes.iter().fold(0, |value, byte| value << 8 | u128::from(*byte));
        if !is_negative {
            return visitor.visit_u128(magnitude);
        }
        let magnitude = i128::try_from(magnitude);
        visitor.visit_i128(!magnitude.map_err(|_| Error::new("an int of more than 128 bits"))?)
    }

    fn tagged<V: Visitor<'de>>(&mut self, tag: u64, visitor: V) -> Result<V::Value, Error> {
        match tag {
            head::TUPLE | head::SET | head::FROZENSET => {
                let length = self.expect(head::ARRAY)?;
                self.sequence(length, visitor)
            }
            head::DEQUE | head::NAMEDTUPLE => {
                self.second()?;
                let length = self.expect(head::ARRAY)?;
                self.sequence(length, visitor)
            }
            head::COUNTER | head::ORDERED_DICT => {
                let length = self.expect(head::MAP)?;
                self.mapping(length, visitor)
            }
            head::DEFAULT_DICT | head::DATACLASS => {
                self.second()?;
                let length = self.expect(head::MAP)?;
                self.mapping(length, visitor)
            }
            head::ENUM_NAME => {
                self.second()?;
                let length = self.expect(head::TEXT)?;
                visitor.visit_borrowed_str(self.text(length)?)
            }
            head::BYTEARRAY => visitor.visit_borrowed_bytes(self.byte_string()?),
            head::BIGNUM => self.wide(false, visitor),
            head::BIGNUM_NEGATIVE => self.wide(true, visitor),
            head::PYTHON_ARRAY => {
                self.second()?;
                self.typed_array()?.visit_all(visitor)
            }
            head::NDARRAY => {
                if self.expect(head::ARRAY)? != 2 || self.expect(head::ARRAY)? != 1 {
                    return Err(Error::new("a numpy array of more than one dimension"));
                }
                self.expect(head::UNSIGNED)?;
                self.typed_array()?.visit_all(visitor)
            }
            head::NUMPY_SCALAR => self.typed_array()?.visit_one(visitor),
            _ => Err(Error::new("a value of a class that guests do not know")),
        }
    }

    fn typed_array(&mut self) -> Result<Numbers<'de>, Error> {
        let tag = self.expect(head::TAG)?;
        Numbers::new(tag, self.byte_string()?)
    }

    fn peek(&self) -> Option<u8> {
        self.input.first().copied()
    }
}

#[cold]
fn truncated() -> Error {
    Error::new("the value ends too early")
}

impl<'de> de::Deserializer<'de> for &mut Decoder<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.head()? {
            (head::UNSIGNED, argument) => visitor.visit_u64(argument),
            (head::NEGATIVE, argument) => Decoder::negative(argument, visitor),
            (head::BYTES, length) => visitor.visit_borrowed_bytes(self.take(length)?),
            (head::TEXT, length) => visitor.visit_borrowed_str(self.text(length)?),
            (head::ARRAY, length) => self.sequence(length, visitor),
            (head::MAP, length) => self.mapping(length, visitor),
            (head::TAG, tag) => self.tagged(tag, visitor),
            (_, FLOAT) => visitor.visit_f64(self.float()?),
            (_, 20) => visitor.visit_bool(false),
            (_, 21) => visitor.visit_bool(true),
            (_, 22) => visitor.visit_unit(),
            _ => Err(Error::new("a simple value that is none")),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.peek() == Some(head::NONE) {
            self.head()?;
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.peek().is_some_and(|first| first >> 5 == head::BYTES) {
            return Bytes::new(self.byte_string()?).visit(visitor);
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.head()? {
            (head::TEXT, length) => {
                visitor.visit_enum(BorrowedStrDeserializer::new(self.text(length)?))
            }
            (head::TAG, head::ENUM_NAME) => {
                self.second()?;
                let length = self.expect(head::TEXT)?;
                visitor.visit_enum(BorrowedStrDeserializer::new(self.text(length)?))
            }
            (head::MAP, 1) => self.nested(|decoder| visitor.visit_enum(Content { decoder })),
            _ => Err(Error::new("expected the name of a variant, or a dict of it and its content")),
        }
    }

    fn is_human_readable(&self) -> bool {
        // Formats such as dates and addresses are texts then, which Python can read.
        true
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct tuple tuple_struct map struct identifier ignored_any
    }
}
