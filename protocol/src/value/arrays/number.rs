//! The number formats of RFC 8746.

/// A fixed-width number format, as a tag of RFC 8746 names it: `0b010_f_s_e_ll`, that is float, signed, little endian and
/// the width's logarithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number(u8);

impl Number {
    /// `uint8`.
    pub const U8: Self = Self(64);
    /// `uint16`, little endian.
    pub const U16: Self = Self(69);
    /// `uint32`, little endian.
    pub const U32: Self = Self(70);
    /// `uint64`, little endian.
    pub const U64: Self = Self(71);
    /// `int8`.
    pub const I8: Self = Self(72);
    /// `int16`, little endian.
    pub const I16: Self = Self(77);
    /// `int32`, little endian.
    pub const I32: Self = Self(78);
    /// `int64`, little endian.
    pub const I64: Self = Self(79);
    /// `float16`, little endian.
    pub const F16: Self = Self(84);
    /// `float32`, little endian.
    pub const F32: Self = Self(85);
    /// `float64`, little endian.
    pub const F64: Self = Self(86);

    /// The format that `tag` names. Clamped bytes and floats of 16 bytes, which no Python type has everywhere, are none.
    pub fn from_tag(tag: u64) -> Option<Self> {
        match tag {
            64..=67 | 69..=75 | 77..=82 | 84..=86 => Some(Self(tag as u8)),
            _ => None,
        }
    }

    /// The tag of a typed array of these.
    pub fn tag(self) -> u64 {
        self.0.into()
    }

    /// Bytes of one number.
    pub fn size(self) -> usize {
        let log2 = self.0 & 3;
        1 << if self.is_float() { log2 + 1 } else { log2 }
    }

    /// Whether these are floats.
    pub fn is_float(self) -> bool {
        self.0 & 16 != 0
    }

    /// Whether these are ints that may be negative.
    pub fn is_signed(self) -> bool {
        self.0 & 8 != 0
    }

    /// Whether the least significant byte comes first. Numbers of one byte have no order, and say no.
    pub fn is_little_endian(self) -> bool {
        self.0 & 4 != 0
    }

    /// The same number the other way round; itself if it has one byte.
    #[must_use]
    pub fn byte_swapped(self) -> Self {
        if self.size() == 1 { self } else { Self(self.0 ^ 4) }
    }

    /// The dtype as numpy writes it, without the byte order: `i8`, `f4`.
    pub fn numpy_code(self) -> &'static str {
        match (self.is_float(), self.is_signed(), self.size()) {
            (true, _, 2) => "f2",
            (true, _, 4) => "f4",
            (true, _, _) => "f8",
            (false, false, 1) => "u1",
            (false, false, 2) => "u2",
            (false, false, 4) => "u4",
            (false, false, _) => "u8",
            (false, true, 1) => "i1",
            (false, true, 2) => "i2",
            (false, true, 4) => "i4",
            (false, true, _) => "i8",
        }
    }

    /// The format numpy writes as `code` (see [`Number::numpy_code`]) in little endian.
    pub fn from_numpy_code(code: &str) -> Option<Self> {
        const ALL: [Number; 11] = [
            Number::U8,
            Number::U16,
            Number::U32,
            Number::U64,
            Number::I8,
            Number::I16,
            Number::I32,
            Number::I64,
            Number::F16,
            Number::F32,
            Number::F64,
        ];
        ALL.into_iter().find(|number| number.numpy_code() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_those_of_rfc_8746() {
        let expected = [
            (Number::U8, 1, "u1"),
            (Number::U16, 2, "u2"),
            (Number::U32, 4, "u4"),
            (Number::U64, 8, "u8"),
            (Number::I8, 1, "i1"),
            (Number::I16, 2, "i2"),
            (Number::I32, 4, "i4"),
            (Number::I64, 8, "i8"),
            (Number::F16, 2, "f2"),
            (Number::F32, 4, "f4"),
            (Number::F64, 8, "f8"),
        ];
        for (number, size, code) in expected {
            assert_eq!((number.size(), number.numpy_code()), (size, code));
            assert_eq!(Number::from_tag(number.tag()), Some(number));
            assert_eq!(Number::from_numpy_code(code), Some(number));
            assert_eq!(number.is_little_endian(), size > 1);
            let swapped = number.byte_swapped();
            assert_eq!(Number::from_tag(swapped.tag()), Some(swapped));
            assert_eq!((swapped.size(), swapped.byte_swapped()), (size, number));
        }
        let big_endian =
            [(65, 2), (66, 4), (67, 8), (73, 2), (74, 4), (75, 8), (80, 2), (81, 4), (82, 8)];
        for (tag, size) in big_endian {
            let number = Number::from_tag(tag).unwrap();
            assert_eq!((number.size(), number.is_little_endian()), (size, false));
        }
        for tag in [0, 63, 68, 76, 83, 87, 88, 64 + 256] {
            assert_eq!(Number::from_tag(tag), None);
        }
    }
}
