//! Rust's values to bytes.

use serde::ser::{self, Serialize};

use super::{ClassTable, DEPTH_MAX, Error, head};

/// Writes one value.
pub(crate) struct Encoder<'c> {
    out: Vec<u8>,
    depth: u32,
    classes: &'c ClassTable,
}

impl<'c> Encoder<'c> {
    pub(crate) fn new(classes: &'c ClassTable) -> Self {
        Self { out: Vec::new(), depth: 0, classes }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    fn head(&mut self, major: u8, argument: usize) {
        head::write(&mut self.out, major, argument as u64);
    }

    fn int(&mut self, value: i64) {
        if value < 0 {
            head::write(&mut self.out, head::NEGATIVE, !value as u64);
        } else {
            head::write(&mut self.out, head::UNSIGNED, value as u64);
        }
    }

    /// An int whose magnitude, or -1 minus it, is this.
    fn wide(&mut self, is_negative: bool, magnitude: u128) {
        if let Ok(magnitude) = u64::try_from(magnitude) {
            let major = if is_negative { head::NEGATIVE } else { head::UNSIGNED };
            return head::write(&mut self.out, major, magnitude);
        }
        let tag = if is_negative { head::BIGNUM_NEGATIVE } else { head::BIGNUM };
        head::write(&mut self.out, head::TAG, tag);
        let bytes = magnitude.to_be_bytes();
        let shortest = &bytes[(magnitude.leading_zeros() / 8) as usize..];
        self.head(head::BYTES, shortest.len());
        self.out.extend_from_slice(shortest);
    }

    /// Begins a container of so many items, or of as many as there will be.
    fn open(&mut self, major: u8, length: Option<usize>) -> Result<Container<'_, 'c>, Error> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Error::new("nested too deep"));
        }
        let start = self.out.len();
        if let Some(length) = length {
            self.head(major, length);
        }
        Ok(Container { encoder: self, depth: 1, major, length, start, count: 0 })
    }

    fn tuple(&mut self, length: usize) -> Result<Container<'_, 'c>, Error> {
        head::write(&mut self.out, head::TAG, head::TUPLE);
        self.open(head::ARRAY, Some(length))
    }

    /// `{"Name": ` of an enum's variant with content. What ends the content ends this.
    fn variant(&mut self, name: &str) -> Result<(), Error> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Error::new("nested too deep"));
        }
        self.head(head::MAP, 1);
        head::write_text(&mut self.out, name);
        Ok(())
    }
}

/// A container that is being written.
pub(crate) struct Container<'e, 'c> {
    encoder: &'e mut Encoder<'c>,
    /// Levels that end with it.
    depth: u32,
    major: u8,
    length: Option<usize>,
    start: usize,
    count: usize,
}

impl Container<'_, '_> {
    fn add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.count += 1;
        value.serialize(&mut *self.encoder)
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Error> {
        head::write_text(&mut self.encoder.out, name);
        self.add(value)
    }

    fn close(self) -> Result<(), Error> {
        self.encoder.depth -= self.depth;
        match self.length {
            None => {
                let mut head = Vec::new();
                head::write(&mut head, self.major, self.count as u64);
                self.encoder.out.splice(self.start..self.start, head);
                Ok(())
            }
            Some(length) if length == self.count => Ok(()),
            Some(_) => Err(Error::new("a container has another length than it said")),
        }
    }
}

impl<'e, 'c> ser::Serializer for &'e mut Encoder<'c> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Container<'e, 'c>;
    type SerializeTuple = Container<'e, 'c>;
    type SerializeTupleStruct = Container<'e, 'c>;
    type SerializeTupleVariant = Container<'e, 'c>;
    type SerializeMap = Container<'e, 'c>;
    type SerializeStruct = Container<'e, 'c>;
    type SerializeStructVariant = Container<'e, 'c>;

    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.out.push(if value { head::TRUE } else { head::FALSE });
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Result<(), Error> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), Error> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), Error> {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<(), Error> {
        self.int(value);
        Ok(())
    }

    fn serialize_i128(self, value: i128) -> Result<(), Error> {
        let is_negative = value < 0;
        self.wide(is_negative, if is_negative { !value } else { value } as u128);
        Ok(())
    }

    fn serialize_u8(self, value: u8) -> Result<(), Error> {
        self.serialize_u64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), Error> {
        self.serialize_u64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), Error> {
        self.serialize_u64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), Error> {
        head::write(&mut self.out, head::UNSIGNED, value);
        Ok(())
    }

    fn serialize_u128(self, value: u128) -> Result<(), Error> {
        self.wide(false, value);
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        self.out.push(head::FLOAT);
        self.out.extend_from_slice(&value.to_be_bytes());
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Error> {
        head::write_text(&mut self.out, value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Error> {
        self.head(head::BYTES, value.len());
        self.out.extend_from_slice(value);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.out.push(head::NONE);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.serialize_none()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.serialize_none()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), Error> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.variant(variant)?;
        value.serialize(&mut *self)?;
        self.depth -= 1;
        Ok(())
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Container<'e, 'c>, Error> {
        self.open(head::ARRAY, length)
    }

    fn serialize_tuple(self, length: usize) -> Result<Container<'e, 'c>, Error> {
        self.tuple(length)
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        length: usize,
    ) -> Result<Container<'e, 'c>, Error> {
        self.tuple(length)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Container<'e, 'c>, Error> {
        self.variant(variant)?;
        let mut container = self.tuple(length)?;
        container.depth += 1;
        Ok(container)
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Container<'e, 'c>, Error> {
        self.open(head::MAP, length)
    }

    fn serialize_struct(
        self,
        name: &'static str,
        length: usize,
    ) -> Result<Container<'e, 'c>, Error> {
        let class = self.classes.iter().find(|(known, _)| known == name);
        let Some((_, index)) = class else {
            return self.open(head::MAP, Some(length));
        };
        head::write(&mut self.out, head::TAG, head::DATACLASS);
        self.head(head::ARRAY, 2);
        self.head(head::UNSIGNED, *index as usize);
        self.depth += 1;
        let mut container = self.open(head::MAP, Some(length))?;
        container.depth += 1;
        Ok(container)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Container<'e, 'c>, Error> {
        self.variant(variant)?;
        let mut container = self.open(head::MAP, Some(length))?;
        container.depth += 1;
        Ok(container)
    }
}

impl ser::SerializeMap for Container<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        key.serialize(&mut *self.encoder)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.add(value)
    }

    fn end(self) -> Result<(), Error> {
        self.close()
    }
}

/// Containers whose items follow one another.
macro_rules! items {
    ($($kind:ident $add:ident;)+) => {$(
        impl ser::$kind for Container<'_, '_> {
            type Ok = ();
            type Error = Error;

            fn $add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.add(value)
            }

            fn end(self) -> Result<(), Error> {
                self.close()
            }
        }
    )+};
}

/// Containers of named fields.
macro_rules! fields {
    ($($kind:ident)+) => {$(
        impl ser::$kind for Container<'_, '_> {
            type Ok = ();
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), Error> {
                self.field(name, value)
            }

            fn end(self) -> Result<(), Error> {
                self.close()
            }
        }
    )+};
}

items! {
    SerializeSeq serialize_element;
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
    SerializeTupleVariant serialize_field;
}
fields! { SerializeStruct SerializeStructVariant }
