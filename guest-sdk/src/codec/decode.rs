//! Bytes to Rust's values.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, Unexpected, Visitor};

use super::access::{Content, Items};
use super::numbers::{Bytes, Number, Numbers};
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

/// A value, or what it begins with: containers of Python's that are one to serde are one here.
enum Item<'de> {
    None,
    Bool(bool),
    Number(Number),
    Wide(i128),
    Widest(u128),
    Text(&'de str),
    Bytes(&'de [u8]),
    Sequence(u64),
    Mapping(u64),
    Numbers(Numbers<'de>),
}

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

    /// The next value, or what it begins with.
    fn item(&mut self) -> Result<Item<'de>, Error> {
        Ok(match self.head()? {
            (head::UNSIGNED, argument) => Item::Number(Number::Unsigned(argument)),
            (head::NEGATIVE, argument) => match i64::try_from(argument) {
                Ok(argument) => Item::Number(Number::Signed(!argument)),
                Err(_) => Item::Wide(!i128::from(argument)),
            },
            (head::BYTES, length) => Item::Bytes(self.take(length)?),
            (head::TEXT, length) => Item::Text(self.text(length)?),
            (head::ARRAY, length) => Item::Sequence(length),
            (head::MAP, length) => Item::Mapping(length),
            (head::TAG, tag) => self.tagged(tag)?,
            (_, FLOAT) => Item::Number(Number::Float(self.float()?)),
            (_, 20) => Item::Bool(false),
            (_, 21) => Item::Bool(true),
            (_, 22) => Item::None,
            _ => return Err(Error::new("a simple value that is none")),
        })
    }

    fn tagged(&mut self, tag: u64) -> Result<Item<'de>, Error> {
        Ok(match tag {
            head::TUPLE | head::SET | head::FROZENSET => Item::Sequence(self.expect(head::ARRAY)?),
            head::DEQUE | head::NAMEDTUPLE => {
                self.second()?;
                Item::Sequence(self.expect(head::ARRAY)?)
            }
            head::COUNTER | head::ORDERED_DICT => Item::Mapping(self.expect(head::MAP)?),
            head::DEFAULT_DICT | head::DATACLASS => {
                self.second()?;
                Item::Mapping(self.expect(head::MAP)?)
            }
            head::ENUM_NAME => {
                self.second()?;
                let length = self.expect(head::TEXT)?;
                Item::Text(self.text(length)?)
            }
            head::BYTEARRAY => Item::Bytes(self.byte_string()?),
            head::BIGNUM | head::BIGNUM_NEGATIVE => self.wide(tag == head::BIGNUM_NEGATIVE)?,
            head::PYTHON_ARRAY => {
                self.second()?;
                Item::Numbers(self.typed_array()?)
            }
            head::NDARRAY => {
                if self.expect(head::ARRAY)? != 2 || self.expect(head::ARRAY)? != 1 {
                    return Err(Error::new("a numpy array of more than one dimension"));
                }
                self.expect(head::UNSIGNED)?;
                Item::Numbers(self.typed_array()?)
            }
            head::NUMPY_SCALAR => match self.typed_array()?.next() {
                Some(number) => Item::Number(number),
                None => return Err(Error::new("a numpy scalar without a value")),
            },
            _ => return Err(Error::new("a value of a class that guests do not know")),
        })
    }

    /// An int of more than 64 bits.
    fn wide(&mut self, is_negative: bool) -> Result<Item<'de>, Error> {
        let bytes = self.byte_string()?;
        if bytes.len() > size_of::<u128>() {
            return Err(Error::new("an int of more than 128 bits"));
        }
        let magnitude = bytes.iter().fold(0, |value, byte| value << 8 | u128::from(*byte));
        match i128::try_from(magnitude) {
            Ok(magnitude) => Ok(Item::Wide(if is_negative { !magnitude } else { magnitude })),
            Err(_) if is_negative => Err(Error::new("an int of more than 128 bits")),
            Err(_) => Ok(Item::Widest(magnitude)),
        }
    }

    fn typed_array(&mut self) -> Result<Numbers<'de>, Error> {
        let tag = self.expect(head::TAG)?;
        Numbers::new(tag, self.byte_string()?)
    }

    fn visit<V: Visitor<'de>>(&mut self, item: Item<'de>, visitor: V) -> Result<V::Value, Error> {
        match item {
            Item::None => visitor.visit_unit(),
            Item::Bool(value) => visitor.visit_bool(value),
            Item::Number(number) => number.visit(visitor),
            Item::Wide(value) => visitor.visit_i128(value),
            Item::Widest(value) => visitor.visit_u128(value),
            Item::Text(text) => visitor.visit_borrowed_str(text),
            Item::Bytes(bytes) => visitor.visit_borrowed_bytes(bytes),
            Item::Sequence(length) => self.sequence(length, visitor),
            Item::Mapping(length) => self.mapping(length, visitor),
            Item::Numbers(numbers) => numbers.visit(visitor),
        }
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
        let item = self.item()?;
        self.visit(item, visitor)
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
        match self.item()? {
            Item::Text(name) => visitor.visit_enum(BorrowedStrDeserializer::new(name)),
            Item::Mapping(1) => self.nested(|decoder| visitor.visit_enum(Content { decoder })),
            _ => Err(Error::new("expected the name of a variant, or a dict of it and its content")),
        }
    }

    // Serde would take a str for bytes, and bytes for a str. Python does not.

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.item()? {
            Item::Text(text) => visitor.visit_borrowed_str(text),
            Item::Bytes(bytes) => Err(de::Error::invalid_type(Unexpected::Bytes(bytes), &visitor)),
            item => self.visit(item, visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.item()? {
            Item::Bytes(bytes) => visitor.visit_borrowed_bytes(bytes),
            Item::Text(text) => Err(de::Error::invalid_type(Unexpected::Str(text), &visitor)),
            item => self.visit(item, visitor),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_bytes(visitor)
    }

    fn is_human_readable(&self) -> bool {
        // Formats such as dates and addresses are texts then, which Python can read.
        true
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char unit unit_struct tuple tuple_struct map struct identifier ignored_any
    }
}
