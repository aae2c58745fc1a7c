//! Appends CBOR items. Low level: the caller keeps the promises of its headers.

use num_bigint::{BigInt, Sign};

use super::arrays::Number;
use super::tags;
use super::text::Text;

/// Appends items to a buffer, each in its one canonical form.
///
/// The methods cannot fail. What they do not know, the caller watches: that headers are followed by as many items as
/// they say, and the limits [`super::DEPTH_MAX`] and [`super::VALUE_BYTES_MAX`].
#[derive(Debug, Clone, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

/// A set under construction; see [`Writer::begin_set`].
#[derive(Debug)]
pub struct SetMark {
    start: usize,
    ends: Vec<usize>,
}

impl Writer {
    /// An empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes on after what `bytes` holds already, and reuses its capacity.
    pub fn append_to(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// What has been written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// What has been written so far.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How much has been written so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    #[inline]
    fn head(&mut self, major: u8, argument: u64) {
        let major = major << 5;
        match argument {
            0..24 => self.bytes.push(major | argument as u8),
            24..0x100 => self.bytes.extend_from_slice(&[major | 0x18, argument as u8]),
            0x100..0x1_0000 => {
                let [a, b] = (argument as u16).to_be_bytes();
                self.bytes.extend_from_slice(&[major | 0x19, a, b]);
            }
            0x1_0000..0x1_0000_0000 => {
                self.bytes.push(major | 0x1a);
                self.bytes.extend_from_slice(&(argument as u32).to_be_bytes());
            }
            _ => {
                self.bytes.push(major | 0x1b);
                self.bytes.extend_from_slice(&argument.to_be_bytes());
            }
        }
    }

    /// `None`.
    pub fn null(&mut self) {
        self.bytes.push(0xf6);
    }

    /// `True` or `False`.
    pub fn bool(&mut self, value: bool) {
        self.bytes.push(0xf4 | u8::from(value));
    }

    /// An int.
    #[inline]
    pub fn int(&mut self, value: i64) {
        // -1 - n is the complement of n.
        if value < 0 { self.head(1, !value as u64) } else { self.head(0, value as u64) }
    }

    /// An int that is not negative.
    pub fn uint(&mut self, value: u64) {
        self.head(0, value);
    }

    /// An int of any size.
    pub fn big(&mut self, value: &BigInt) {
        let (sign, magnitude) = value.to_bytes_be();
        if sign == Sign::Minus {
            // -1 - n: one less than the magnitude.
            let mut less_one = magnitude;
            for byte in less_one.iter_mut().rev() {
                let (digit, borrow) = byte.overflowing_sub(1);
                *byte = digit;
                if !borrow {
                    break;
                }
            }
            self.big_magnitude(true, &less_one);
        } else {
            self.big_magnitude(false, &magnitude);
        }
    }

    /// An int of any size: `magnitude`, big endian, or -1 - `magnitude`. Leading zero bytes do not matter.
    pub fn big_magnitude(&mut self, negative: bool, magnitude: &[u8]) {
        let zeros = magnitude.iter().take_while(|byte| **byte == 0).count();
        let magnitude = &magnitude[zeros..];
        if magnitude.len() <= 8 {
            let argument = magnitude.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
            self.head(u8::from(negative), argument);
        } else {
            self.tag(if negative { tags::BIGNUM_NEGATIVE } else { tags::BIGNUM });
            self.bytes(magnitude);
        }
    }

    /// A float, bit by bit.
    #[inline]
    pub fn float(&mut self, value: f64) {
        let mut item = [0xfb; 9];
        item[1..].copy_from_slice(&value.to_be_bytes());
        self.bytes.extend_from_slice(&item);
    }

    /// A str without lone surrogates.
    pub fn text(&mut self, text: &str) {
        self.head(3, text.len() as u64);
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// Any str.
    pub fn any_text(&mut self, text: &Text) {
        if let Some(text) = text.as_str() {
            self.text(text);
        } else {
            self.tag(tags::SURROGATE_TEXT);
            self.bytes(text.as_bytes());
        }
    }

    /// Bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.head(2, bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }

    /// The header of an array: `length` items follow.
    pub fn array(&mut self, length: usize) {
        self.head(4, length as u64);
    }

    /// The header of a map: `length` keys follow, each with its value after it.
    pub fn map(&mut self, length: usize) {
        self.head(5, length as u64);
    }

    /// A tag: one item follows.
    pub fn tag(&mut self, tag: u64) {
        self.head(6, tag);
    }

    /// A tuple's header: `length` items follow.
    pub fn tuple(&mut self, length: usize) {
        self.tag(tags::TUPLE);
        self.array(length);
    }

    /// A typed array of RFC 8746. `data` is whole elements in the byte order `number` names.
    pub fn typed_array(&mut self, number: Number, data: &[u8]) {
        self.tag(number.tag());
        self.bytes(data);
    }

    /// Begins a set (`tag`: [`tags::SET`] or [`tags::FROZENSET`]) of `length` elements, to be written in any order, each
    /// followed by [`Writer::end_element`], all of them by [`Writer::end_set`].
    pub fn begin_set(&mut self, tag: u64, length: usize) -> SetMark {
        self.tag(tag);
        self.array(length);
        SetMark { start: self.bytes.len(), ends: Vec::with_capacity(length) }
    }

    /// Ends one element of a set.
    pub fn end_element(&self, set: &mut SetMark) {
        set.ends.push(self.bytes.len());
    }

    /// Ends a set: puts its elements in order.
    pub fn end_set(&mut self, set: SetMark) {
        let SetMark { start, ends } = set;
        let written = self.bytes.split_off(start);
        let mut from = 0;
        let mut elements: Vec<&[u8]> = ends
            .into_iter()
            .map(|end| &written[std::mem::replace(&mut from, end - start)..end - start])
            .collect();
        elements.sort_unstable();
        for element in elements {
            self.bytes.extend_from_slice(element);
        }
    }
}
