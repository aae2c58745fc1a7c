//! Why a value cannot be read or written.

use std::fmt::{self, Display};

use serde::de::{self, Expected, Unexpected};

/// Why a value cannot be read or written.
#[derive(Debug)]
pub struct Error(Box<str>);

impl Error {
    #[cold]
    pub(crate) fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// Says what was found in Python's words, and not how a float looks: the code for that takes as much room as a small
    /// guest.
    #[cold]
    fn expected(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match found {
            Unexpected::Bool(true) => "True",
            Unexpected::Bool(false) => "False",
            Unexpected::Unsigned(value) => return Self::number(expected, &value),
            Unexpected::Signed(value) => return Self::number(expected, &value),
            Unexpected::Float(_) => "a float",
            Unexpected::Char(_) | Unexpected::Str(_) => "a str",
            Unexpected::Bytes(_) => "bytes",
            Unexpected::Unit | Unexpected::Option => "None",
            Unexpected::Seq => "a list",
            Unexpected::Map => "a dict",
            _ => "something else",
        };
        Self(format!("expected {expected}, not {found}").into())
    }

    #[cold]
    fn number(expected: &dyn Expected, found: &dyn Display) -> Self {
        Self(format!("expected {expected}, not the int {found}").into())
    }
}

impl Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl serde::ser::Error for Error {
    #[cold]
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string().into())
    }
}

impl de::Error for Error {
    #[cold]
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string().into())
    }

    #[cold]
    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::expected(found, expected)
    }

    #[cold]
    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::expected(found, expected)
    }
}
