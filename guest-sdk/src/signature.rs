//! What a closure is called with.

use std::sync::OnceLock;

use serde::Deserialize;

use crate::codec::Decoder;
use crate::exception::Exception;

/// The function that a module is made of.
#[derive(Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// Where it is.
    pub file: &'static str,
    /// The line of its attribute.
    pub line: u32,
    /// How many parameters it has.
    pub parameters: usize,
}

static FUNCTION: OnceLock<&'static Function> = OnceLock::new();

impl Function {
    /// The function that runs, where one does.
    pub(crate) fn running() -> Option<&'static Self> {
        FUNCTION.get().copied()
    }

    /// This is what runs.
    pub(crate) fn enter(&'static self) {
        // The second call in an instance says the same.
        let _ = FUNCTION.set(self);
    }
}

/// The arguments of one call.
pub struct Arguments<'de> {
    decoder: Decoder<'de>,
    function: &'static Function,
}

impl<'de> Arguments<'de> {
    /// Begins to read.
    ///
    /// # Errors
    /// If it is another number of arguments.
    pub fn new(bytes: &'de [u8], function: &'static Function) -> Result<Self, Exception> {
        let mut decoder = Decoder::new(bytes);
        let count = decoder.array().map_err(|error| Exception::at(function, &error))?;
        if count == function.parameters as u64 {
            return Ok(Self { decoder, function });
        }
        let (name, wanted) = (function.name, function.parameters);
        let text = format!("{name}() takes {wanted} arguments, and {count} were given");
        Err(Exception::at(function, &text))
    }

    /// The next argument.
    ///
    /// # Errors
    /// If it is not of the type.
    pub fn next<T: Deserialize<'de>>(&mut self, parameter: &str) -> Result<T, Exception> {
        T::deserialize(&mut self.decoder).map_err(|error| {
            let text = format!("{}() argument `{parameter}`: {error}", self.function.name);
            Exception::at(self.function, &text)
        })
    }
}
