//! Exceptions of Python: what a closure's `Err` becomes.

use std::any::TypeId;
use std::fmt::{self, Debug, Display};
use std::panic::Location;

use serde::Serialize;

use crate::codec::head;
use crate::signature::Function;

/// Longest text of an exception, and how many of its sources come with it: hosts limit the whole.
const TEXT_BYTES_MAX: usize = 64 << 10;
const SOURCES_MAX: usize = 8;

/// Builtin exception classes, by their number in `spm-protocol`, with a constructor for each.
macro_rules! classes {
    ($($name:ident = $number:literal, $make:ident;)+) => {
        /// A builtin exception class of Python.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs, reason = "Python documents them")]
        #[repr(u32)]
        pub enum Class { $($name = $number),+ }

        impl Class {
            /// Every class.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];
        }

        impl Exception {
            $(
                #[doc = concat!("A `", stringify!($name), "` with this text.")]
                #[track_caller]
                pub fn $make(text: impl Display) -> Self {
                    Self::new(Class::$name, text)
                }
            )+
        }
    };
}

classes! {
    ArithmeticError = 2, arithmetic_error;
    AssertionError = 3, assertion_error;
    AttributeError = 4, attribute_error;
    EOFError = 16, eof_error;
    FileNotFoundError = 20, file_not_found_error;
    IndexError = 27, index_error;
    KeyError = 30, key_error;
    LookupError = 32, lookup_error;
    MemoryError = 33, memory_error;
    NotImplementedError = 37, not_implemented_error;
    OSError = 38, os_error;
    OverflowError = 39, overflow_error;
    PermissionError = 41, permission_error;
    RuntimeError = 46, runtime_error;
    TimeoutError = 55, timeout_error;
    TypeError = 56, type_error;
    UnicodeError = 60, unicode_error;
    ValueError = 64, value_error;
    ZeroDivisionError = 66, zero_division_error;
}

/// First number of the classes that `spm.load(.., classes=..)` was given.
const CLASS_TABLE_BASE: u32 = 1000;

/// An exception of Python, on its way there.
///
/// Anything that is a [`std::error::Error`] becomes a `RuntimeError` with its text and its sources as causes, by `?` or
/// `into()`; what cannot be parsed or converted, a `ValueError` or an `OverflowError`. An error type of your own that names
/// another class implements `From<MyError> for Exception`, and not `std::error::Error`.
pub struct Exception(Box<Content>);

struct Content {
    class: u32,
    text: String,
    args: Option<Vec<u8>>,
    notes: Vec<String>,
    sources: Vec<String>,
    file: String,
    line: u32,
    column: u32,
}

impl Exception {
    /// An exception of a builtin class. It comes from the line that calls this.
    #[track_caller]
    pub fn new(class: Class, text: impl Display) -> Self {
        Self::made(class as u32, text.to_string(), Location::caller())
    }

    /// An exception of a class of yours, by its name in `spm.load(.., classes=..)`; a `RuntimeError` if there is none of
    /// that name.
    #[track_caller]
    pub fn of(class: &str, text: impl Display) -> Self {
        let known = crate::abi::class_table().iter().find(|(name, _)| name == class);
        let number =
            known.map_or(Class::RuntimeError as u32, |(_, index)| CLASS_TABLE_BASE + index);
        let text = match known {
            Some(_) => text.to_string(),
            None => format!("{class}: {text}"),
        };
        Self::made(number, text, Location::caller())
    }

    pub(crate) fn made(class: u32, text: String, location: &Location<'_>) -> Self {
        Self(Box::new(Content {
            class,
            text,
            args: None,
            notes: Vec::new(),
            sources: Vec::new(),
            file: location.file().to_owned(),
            line: location.line(),
            column: location.column().saturating_sub(1),
        }))
    }

    /// A `TypeError` of the call itself.
    #[cold]
    pub(crate) fn at(function: &Function, text: &dyn Display) -> Self {
        Self(Box::new(Content {
            class: Class::TypeError as u32,
            text: text.to_string(),
            args: None,
            notes: Vec::new(),
            sources: Vec::new(),
            file: function.file.to_owned(),
            line: function.line,
            column: 0,
        }))
    }

    /// The same with other `args`: those of a tuple. Without this, its text is all of them.
    #[must_use]
    pub fn with_args<T: Serialize>(mut self, args: T) -> Self {
        // What cannot be written leaves the text.
        self.0.args = crate::task::arguments(&args).ok();
        self
    }

    /// The same with a note, which Python shows below it.
    #[must_use]
    pub fn with_note(mut self, note: impl Display) -> Self {
        self.0.notes.push(note.to_string());
        self
    }

    /// What it says.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The record of `spm_protocol::raised`.
    pub fn to_record(&self) -> Vec<u8> {
        let content = &*self.0;
        let mut out = Vec::new();
        let entries =
            3 + u64::from(!content.notes.is_empty()) + u64::from(!content.sources.is_empty());
        head::write(&mut out, head::MAP, entries);
        unsigned(&mut out, &[0, content.class, 1]);
        match &content.args {
            Some(args) => out.extend_from_slice(args),
            None => only(&mut out, &content.text),
        }
        if !content.notes.is_empty() {
            unsigned(&mut out, &[3]);
            head::write(&mut out, head::ARRAY, content.notes.len() as u64);
            for note in &content.notes {
                head::write_text(&mut out, cut(note));
            }
        }
        if !content.sources.is_empty() {
            unsigned(&mut out, &[4]);
            causes(&mut out, &content.sources);
        }
        unsigned(&mut out, &[8]);
        head::write(&mut out, head::ARRAY, 1);
        head::write(&mut out, head::ARRAY, 7);
        head::write_text(&mut out, &content.file);
        let (line, column) = (content.line, content.column);
        unsigned(&mut out, &[line, column, line, column]);
        head::write_text(&mut out, Function::running().map_or("", |function| function.name));
        head::write_text(&mut out, "");
        out
    }
}

fn unsigned(out: &mut Vec<u8>, values: &[u32]) {
    for value in values {
        head::write(out, head::UNSIGNED, (*value).into());
    }
}

/// An array of one text.
fn only(out: &mut Vec<u8>, text: &str) {
    head::write(out, head::ARRAY, 1);
    head::write_text(out, cut(text));
}

/// A chain of `RuntimeError`s.
fn causes(out: &mut Vec<u8>, sources: &[String]) {
    for (index, source) in sources.iter().enumerate() {
        let is_last = index + 1 == sources.len();
        head::write(out, head::MAP, if is_last { 2 } else { 3 });
        unsigned(out, &[0, Class::RuntimeError as u32, 1]);
        only(out, source);
        if !is_last {
            unsigned(out, &[4]);
        }
    }
}

fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(TEXT_BYTES_MAX)).unwrap_or(text)
}

impl<E: std::error::Error + 'static> From<E> for Exception {
    #[track_caller]
    fn from(error: E) -> Self {
        let type_id = TypeId::of::<E>();
        let class = if type_id == TypeId::of::<std::num::ParseIntError>()
            || type_id == TypeId::of::<std::num::ParseFloatError>()
            || type_id == TypeId::of::<std::string::FromUtf8Error>()
            || type_id == TypeId::of::<std::str::Utf8Error>()
        {
            Class::ValueError
        } else if type_id == TypeId::of::<std::num::TryFromIntError>() {
            Class::OverflowError
        } else if type_id == TypeId::of::<crate::Error>() {
            Class::TypeError
        } else {
            Class::RuntimeError
        };
        let mut made = Self::new(class, &error);
        let mut source = error.source();
        while let Some(found) = source
            && made.0.sources.len() < SOURCES_MAX
        {
            made.0.sources.push(found.to_string());
            source = found.source();
        }
        made
    }
}

impl Display for Exception {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.text)
    }
}

impl Debug for Exception {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Content { file, line, text, .. } = &*self.0;
        write!(formatter, "{text} ({file}:{line})")
    }
}
