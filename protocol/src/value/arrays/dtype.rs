//! The dtypes of numpy that travel. Structured and object dtypes do not.

use super::number::Number;
use crate::value::calendar::ensure;
use crate::value::error::{DecodeError, Fault};
use crate::value::reader::Reader;
use crate::value::tags;
use crate::value::writer::Writer;

/// What the elements of an array are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dtype {
    /// `bool`: a byte of 0 or 1 each.
    Bool,
    /// Integers and floats.
    Number(Number),
    /// `complex64` or `complex128`: two floats of this kind each.
    Complex(Number),
    /// `datetime64`: ints since 1970-01-01.
    Datetime(TimeUnit),
    /// `timedelta64`.
    Timedelta(TimeUnit),
    /// `str_` of fixed width: 4 bytes for each code point, padded with zeros.
    Text {
        /// Width in code points.
        width: u32,
        /// Byte order.
        big_endian: bool,
    },
    /// `bytes_` of fixed width, padded with zeros.
    Bytes {
        /// Width in bytes.
        width: u32,
    },
}

/// The unit of `datetime64` and `timedelta64`: `count` of `name`, as `numpy.datetime_data` has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeUnit {
    /// One of [`TimeUnit::NAMES`].
    pub name: &'static str,
    /// At least 1; 1 if the unit is `generic`.
    pub count: u32,
    /// Byte order of the ints.
    pub big_endian: bool,
}

impl TimeUnit {
    /// The units numpy knows.
    pub const NAMES: [&'static str; 14] =
        ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as", "generic"];

    /// The name as this table has it.
    pub fn name(name: &str) -> Option<&'static str> {
        Self::NAMES.into_iter().find(|known| *known == name)
    }

    fn check(self) -> Result<(), Fault> {
        let count = if self.name == "generic" { 1..=1 } else { 1..=i32::MAX as u32 };
        let known = Self::name(self.name).is_some() && count.contains(&self.count);
        ensure(known, "a unit of time is none of numpy's")
    }

    fn number(self) -> Number {
        ordered(Number::I64, self.big_endian)
    }

    fn write(self, data: &[u8], writer: &mut Writer) {
        writer.array(3);
        writer.text(self.name);
        writer.uint(self.count.into());
        writer.typed_array(self.number(), data);
    }

    fn read<'a>(reader: &mut Reader<'a>) -> Result<(Self, &'a [u8]), DecodeError> {
        reader.array_of(3)?;
        let name = Self::name(reader.text()?)
            .ok_or_else(|| reader.error(Fault::Expected("a unit of time")))?;
        let count = reader.small()?;
        let (number, data) = reader.typed_array()?;
        let unit = Self { name, count, big_endian: !number.is_little_endian() };
        if number == unit.number() {
            Ok((unit, data))
        } else {
            Err(reader.error(Fault::Expected("a typed array of int64")))
        }
    }
}

impl Dtype {
    /// Bytes of one element. 0 only for text and bytes of no width.
    pub fn size(self) -> usize {
        match self {
            Self::Bool => 1,
            Self::Number(number) => number.size(),
            Self::Complex(number) => 2 * number.size(),
            Self::Datetime(_) | Self::Timedelta(_) => 8,
            Self::Text { width, .. } => 4 * width as usize,
            Self::Bytes { width } => width as usize,
        }
    }
}

/// Elements of one dtype, side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elements {
    /// What they are.
    pub dtype: Dtype,
    /// Their bytes, as numpy has them in memory.
    pub data: Vec<u8>,
}

impl Elements {
    pub(in crate::value) fn check(&self) -> Result<(), Fault> {
        let size = self.dtype.size();
        let whole =
            if size == 0 { self.data.is_empty() } else { self.data.len().is_multiple_of(size) };
        ensure(whole, "the elements of an array are cut off")?;
        match self.dtype {
            Dtype::Bool => ensure(self.data.iter().all(|byte| *byte < 2), "a bool is not 0 or 1"),
            Dtype::Complex(number) => {
                let known = number.is_float() && number.size() >= 4;
                ensure(known, "a complex number has parts of another type")
            }
            Dtype::Datetime(unit) | Dtype::Timedelta(unit) => unit.check(),
            Dtype::Text { big_endian, .. } => {
                let points = self.data.as_chunks::<4>().0.iter().map(|point| {
                    if big_endian { u32::from_be_bytes(*point) } else { u32::from_le_bytes(*point) }
                });
                let known = points.max().is_none_or(|point| point <= u32::from(char::MAX));
                ensure(known, "a code point is out of range")
            }
            Dtype::Number(_) | Dtype::Bytes { .. } => Ok(()),
        }
    }

    /// How deep its arrays are nested.
    pub(in crate::value) fn levels(&self) -> usize {
        match self.dtype {
            Dtype::Bool | Dtype::Number(_) | Dtype::Complex(_) => 0,
            Dtype::Datetime(_) | Dtype::Timedelta(_) | Dtype::Text { .. } | Dtype::Bytes { .. } => {
                1
            }
        }
    }

    /// Checks that this is one element: a numpy scalar.
    pub(in crate::value) fn check_scalar(&self) -> Result<(), Fault> {
        self.check()?;
        ensure(self.data.len() == self.dtype.size(), "a numpy scalar is not one element")
    }

    pub(in crate::value) fn write(&self, writer: &mut Writer) {
        match self.dtype {
            Dtype::Bool => {
                writer.tag(tags::NUMPY_BOOL);
                writer.bytes(&self.data);
            }
            Dtype::Number(number) => writer.typed_array(number, &self.data),
            Dtype::Complex(number) => {
                writer.tag(tags::NUMPY_COMPLEX);
                writer.typed_array(number, &self.data);
            }
            Dtype::Datetime(unit) => {
                writer.tag(tags::NUMPY_DATETIME);
                unit.write(&self.data, writer);
            }
            Dtype::Timedelta(unit) => {
                writer.tag(tags::NUMPY_TIMEDELTA);
                unit.write(&self.data, writer);
            }
            Dtype::Text { width, big_endian } => {
                writer.tag(tags::NUMPY_TEXT);
                writer.array(2);
                writer.uint(width.into());
                writer.typed_array(ordered(Number::U32, big_endian), &self.data);
            }
            Dtype::Bytes { width } => {
                writer.tag(tags::NUMPY_BYTES);
                writer.array(2);
                writer.uint(width.into());
                writer.bytes(&self.data);
            }
        }
    }

    pub(in crate::value) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (dtype, data) = match reader.tag_number()? {
            tags::NUMPY_BOOL => (Dtype::Bool, reader.bytes()?),
            tags::NUMPY_COMPLEX => {
                let (number, data) = reader.typed_array()?;
                (Dtype::Complex(number), data)
            }
            tags::NUMPY_DATETIME => {
                let (unit, data) = TimeUnit::read(reader)?;
                (Dtype::Datetime(unit), data)
            }
            tags::NUMPY_TIMEDELTA => {
                let (unit, data) = TimeUnit::read(reader)?;
                (Dtype::Timedelta(unit), data)
            }
            tags::NUMPY_TEXT => {
                reader.array_of(2)?;
                let width = reader.small()?;
                let (number, data) = reader.typed_array()?;
                let big_endian = number == Number::U32.byte_swapped();
                if !big_endian && number != Number::U32 {
                    return Err(reader.error(Fault::Expected("a typed array of uint32")));
                }
                (Dtype::Text { width, big_endian }, data)
            }
            tags::NUMPY_BYTES => {
                reader.array_of(2)?;
                let width = reader.small()?;
                (Dtype::Bytes { width }, reader.bytes()?)
            }
            tag => {
                let (number, data) = reader.typed_array_tagged(tag)?;
                (Dtype::Number(number), data)
            }
        };
        let elements = Self { dtype, data: data.to_vec() };
        elements.check().map_err(|fault| reader.error(fault))?;
        Ok(elements)
    }
}

fn ordered(number: Number, big_endian: bool) -> Number {
    if big_endian { number.byte_swapped() } else { number }
}
