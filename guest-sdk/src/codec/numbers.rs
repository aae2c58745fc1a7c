//! Sequences of numbers that are no arrays of CBOR: typed arrays, and bytes.

use serde::de::value::{F64Deserializer, I64Deserializer, U8Deserializer, U64Deserializer};
use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};

use super::Error;

/// `bytes` as a sequence of numbers.
pub(super) struct Bytes<'de>(std::slice::Iter<'de, u8>);

impl<'de> Bytes<'de> {
    pub(super) fn new(bytes: &'de [u8]) -> Self {
        Self(bytes.iter())
    }

    pub(super) fn visit<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        let value = visitor.visit_seq(&mut self)?;
        if self.0.len() == 0 { Ok(value) } else { Err(Error::new("more bytes than expected")) }
    }
}

impl<'de> de::SeqAccess<'de> for &mut Bytes<'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let Some(byte) = self.0.next() else { return Ok(None) };
        let number: U8Deserializer<Error> = (*byte).into_deserializer();
        seed.deserialize(number).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

/// A typed array of RFC 8746.
pub(super) struct Numbers<'de> {
    left: &'de [u8],
    size: usize,
    is_float: bool,
    is_signed: bool,
    is_little: bool,
}

/// A number.
pub(super) enum Number {
    Float(f64),
    Signed(i64),
    Unsigned(u64),
}

impl Number {
    #[inline]
    pub(super) fn visit<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Float(value) => visitor.visit_f64(value),
            Self::Signed(value) => visitor.visit_i64(value),
            Self::Unsigned(value) => visitor.visit_u64(value),
        }
    }
}

impl<'de> Numbers<'de> {
    /// Takes what the tag says: `0b010_f_s_e_ll`, the length being `2 ** (f + ll)`.
    pub(super) fn new(tag: u64, left: &'de [u8]) -> Result<Self, Error> {
        let (is_float, is_signed, is_little) = (tag & 16 != 0, tag & 8 != 0, tag & 4 != 0);
        let size = 1 << ((tag & 3) + u64::from(is_float));
        let is_one = (64..=86).contains(&tag)
            && !(is_float && is_signed)
            && (!is_float || size == 4 || size == 8)
            && left.len().is_multiple_of(size);
        if !is_one {
            return Err(Error::new("an array of elements that guests do not know"));
        }
        Ok(Self { left, size, is_float, is_signed, is_little })
    }

    pub(super) fn visit<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        let value = visitor.visit_seq(&mut self)?;
        if self.left.is_empty() { Ok(value) } else { Err(Error::new("more items than expected")) }
    }

    /// The next number.
    pub(super) fn next(&mut self) -> Option<Number> {
        let (element, rest) = self.left.split_at_checked(self.size)?;
        self.left = rest;
        let mut bytes = [0; 8];
        let unused = 8 - element.len();
        bytes[unused..].copy_from_slice(element);
        if self.is_little {
            bytes[unused..].reverse();
        }
        let bits = u64::from_be_bytes(bytes);
        Some(if self.is_float {
            Number::Float(match self.size {
                4 => f32::from_bits(bits as u32).into(),
                _ => f64::from_bits(bits),
            })
        } else if self.is_signed {
            let shift = 8 * unused as u32;
            Number::Signed((bits << shift).cast_signed() >> shift)
        } else {
            Number::Unsigned(bits)
        })
    }
}

impl<'de> de::SeqAccess<'de> for &mut Numbers<'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        match self.next() {
            None => return Ok(None),
            Some(Number::Float(value)) => seed.deserialize(F64Deserializer::new(value)),
            Some(Number::Signed(value)) => seed.deserialize(I64Deserializer::new(value)),
            Some(Number::Unsigned(value)) => seed.deserialize(U64Deserializer::new(value)),
        }
        .map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.len() / self.size)
    }
}
