//! Why a value cannot be read or written.

use std::fmt::{self, Display};

/// Why a value cannot be read or written.
#[derive(Debug)]
pub struct Error(Box<str>);

impl Error {
    #[cold]
    pub(crate) fn new(text: &str) -> Self {
        Self(text.into())
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

impl serde::de::Error for Error {
    #[cold]
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string().into())
    }
}
