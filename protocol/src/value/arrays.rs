//! Numbers in bulk: `array.array`, `memoryview` and what numpy has.

mod dtype;
mod number;

use super::calendar::ensure;
use super::error::{DecodeError, Fault};
use super::reader::{Item, Reader};
use super::text::Text;
use super::writer::Writer;
use super::{DIMENSIONS_MAX, tags};

pub use dtype::{Dtype, Elements, TimeUnit};
pub use number::Number;

/// `array.array`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Array {
    /// One of `bBhHiIlLqQfd`; `u` and `w` for text.
    pub typecode: char,
    /// What is in it.
    pub items: ArrayItems,
}

/// The items of an [`Array`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArrayItems {
    /// Little endian numbers. `l` and `L` have 4 or 8 bytes, as the sender's C compiler has it.
    Numbers(Number, Vec<u8>),
    /// Typecodes `u` and `w`.
    Text(Text),
}

impl Array {
    pub(super) fn check(&self) -> Result<(), Fault> {
        use Number as N;
        let known = match &self.items {
            ArrayItems::Text(_) => matches!(self.typecode, 'u' | 'w'),
            ArrayItems::Numbers(number, data) => {
                let numbers: &[N] = match self.typecode {
                    'b' => &[N::I8],
                    'B' => &[N::U8],
                    'h' => &[N::I16],
                    'H' => &[N::U16],
                    'i' => &[N::I32],
                    'I' => &[N::U32],
                    'l' => &[N::I32, N::I64],
                    'L' => &[N::U32, N::U64],
                    'q' => &[N::I64],
                    'Q' => &[N::U64],
                    'f' => &[N::F32],
                    'd' => &[N::F64],
                    _ => &[],
                };
                numbers.contains(number) && data.len().is_multiple_of(number.size())
            }
        };
        ensure(known, "an array's typecode does not fit its items")
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.tag(tags::ARRAY);
        writer.array(2);
        writer.text(self.typecode.encode_utf8(&mut [0; 4]));
        match &self.items {
            ArrayItems::Numbers(number, data) => writer.typed_array(*number, data),
            ArrayItems::Text(text) => writer.any_text(text),
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.array_of(2)?;
        let typecode = one_character(reader)?;
        let items = match reader.item()? {
            Item::Tag(tag) => {
                let (number, data) = reader.typed_array_tagged(tag)?;
                ArrayItems::Numbers(number, data.to_vec())
            }
            item => ArrayItems::Text(Text::read(item, reader)?),
        };
        let array = Self { typecode, items };
        array.check().map_err(|fault| reader.error(fault))?;
        Ok(array)
    }
}

/// `memoryview`: its bytes, in C order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memoryview {
    /// A native format of one character, as `memoryview.cast` takes it, pointers excluded.
    pub format: char,
    /// Its dimensions.
    pub shape: Vec<u64>,
    /// `tobytes()`.
    pub data: Vec<u8>,
}

impl Memoryview {
    pub(super) fn check(&self) -> Result<(), Fault> {
        let sizes: &[u64] = match self.format {
            'c' | 'b' | 'B' | '?' => &[1],
            'h' | 'H' | 'e' => &[2],
            'i' | 'I' | 'f' => &[4],
            'l' | 'L' | 'n' | 'N' => &[4, 8],
            'q' | 'Q' | 'd' => &[8],
            _ => &[],
        };
        let length = self.data.len() as u64;
        let fits = |size: &u64| elements_in(&self.shape, *size).is_some_and(|n| n * size == length);
        ensure(sizes.iter().any(fits), "a memoryview's format and shape do not fit its bytes")
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.tag(tags::MEMORYVIEW);
        writer.array(3);
        writer.text(self.format.encode_utf8(&mut [0; 4]));
        write_shape(&self.shape, writer);
        writer.bytes(&self.data);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.array_of(3)?;
        let format = one_character(reader)?;
        let shape = read_shape(reader)?;
        let view = Self { format, shape, data: reader.bytes()?.to_vec() };
        view.check().map_err(|fault| reader.error(fault))?;
        Ok(view)
    }
}

/// `numpy.ndarray`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ndarray {
    /// Its dimensions; none for an array of one element without axes.
    pub shape: Vec<u64>,
    /// Whether the elements are in Fortran order. Only with 2 dimensions or more.
    pub fortran: bool,
    /// The elements in that order.
    pub elements: Elements,
}

impl Ndarray {
    pub(super) fn check(&self) -> Result<(), Fault> {
        self.elements.check()?;
        let size = self.elements.dtype.size();
        ensure(size > 0, "an array's elements have no width")?;
        ensure(!self.fortran || self.shape.len() >= 2, "Fortran order takes two dimensions")?;
        let fits = elements_in(&self.shape, size as u64)
            .is_some_and(|n| n * size as u64 == self.elements.data.len() as u64);
        ensure(fits, "an array's shape does not fit its elements")
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.tag(if self.fortran { tags::NDARRAY_FORTRAN } else { tags::NDARRAY });
        writer.array(2);
        write_shape(&self.shape, writer);
        self.elements.write(writer);
    }

    pub(super) fn read(reader: &mut Reader<'_>, fortran: bool) -> Result<Self, DecodeError> {
        reader.array_of(2)?;
        let shape = read_shape(reader)?;
        let array = Self { shape, fortran, elements: Elements::read(reader)? };
        array.check().map_err(|fault| reader.error(fault))?;
        Ok(array)
    }
}

/// How many elements `shape` has, if that many of `size` bytes can exist at all. Even where one dimension is 0 the others
/// may not be absurd: numpy refuses them too.
fn elements_in(shape: &[u64], size: u64) -> Option<u64> {
    if shape.len() > DIMENSIONS_MAX {
        return None;
    }
    let product = shape.iter().try_fold(size, |sum, n| sum.checked_mul((*n).max(1)));
    product.filter(|bytes| i64::try_from(*bytes).is_ok())?;
    Some(shape.iter().product())
}

fn write_shape(shape: &[u64], writer: &mut Writer) {
    writer.array(shape.len());
    for dimension in shape {
        writer.uint(*dimension);
    }
}

fn read_shape(reader: &mut Reader<'_>) -> Result<Vec<u64>, DecodeError> {
    let dimensions = reader.array()?;
    if dimensions > DIMENSIONS_MAX {
        return Err(reader.error(Fault::Invalid("an array has too many dimensions")));
    }
    (0..dimensions).map(|_| reader.small()).collect()
}

fn one_character(reader: &mut Reader<'_>) -> Result<char, DecodeError> {
    let mut characters = reader.text()?.chars();
    match (characters.next(), characters.next()) {
        (Some(character), None) => Ok(character),
        _ => Err(reader.error(Fault::Expected("one character"))),
    }
}
