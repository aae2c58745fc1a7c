//! Why a value cannot cross the sandbox, and where in the value.

use std::fmt::Write as _;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

/// One step from a value to a part of it.
#[derive(Debug)]
pub(crate) enum Step {
    /// An item of a sequence.
    Index(usize),
    /// The value of a key, by the key's `repr`.
    Key(String),
    /// A key itself.
    KeyItself(String),
    /// An attribute.
    Attribute(String),
    /// An element of a set, by its `repr`.
    Element(String),
}

/// Why a value was refused. Boxed: the way of success should stay narrow.
#[derive(Debug)]
pub(crate) struct Refusal(Box<Detail>);

#[derive(Debug)]
enum Detail {
    /// It is not one of the codec's types, or breaks a limit. Steps are innermost first.
    Refused { why: String, steps: Vec<Step> },
    /// Python code that belongs to the value raised.
    Raised(PyErr),
}

pub(crate) type Encoded<T = ()> = Result<T, Refusal>;

impl Refusal {
    /// A value that is refused because it `why`: "a function cannot cross the sandbox".
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self(Box::new(Detail::Refused { why: why.into(), steps: Vec::new() }))
    }

    /// The same refusal, seen from the container.
    #[cold]
    pub(crate) fn within(mut self, step: Step) -> Self {
        if let Detail::Refused { steps, .. } = &mut *self.0 {
            steps.push(step);
        }
        self
    }

    /// The exception for the user. `root` is what the outermost value is called.
    pub(crate) fn into_error(self, root: &str) -> PyErr {
        match *self.0 {
            Detail::Raised(error) => error,
            Detail::Refused { why, steps } => {
                let mut text = root.to_owned();
                for step in steps.iter().rev().take(STEPS_MAX) {
                    // Writing to a String does not fail.
                    let _ = match step {
                        Step::Index(index) => write!(text, "[{index}]"),
                        Step::Key(key) => write!(text, "[{key}]"),
                        Step::KeyItself(key) => write!(text, ", key {key}"),
                        Step::Attribute(name) => write!(text, ".{name}"),
                        Step::Element(element) => write!(text, ", element {element}"),
                    };
                }
                if steps.len() > STEPS_MAX {
                    text.push_str("...");
                }
                PyTypeError::new_err(format!("{text}: {why}"))
            }
        }
    }
}

impl From<PyErr> for Refusal {
    #[cold]
    fn from(error: PyErr) -> Self {
        Self(Box::new(Detail::Raised(error)))
    }
}

/// Steps of a path that a message shows: a cycle has hundreds.
const STEPS_MAX: usize = 12;

/// Characters of a `repr` in a path.
const REPR_CHARS_MAX: usize = 40;

/// A short `repr`, for paths.
#[cold]
pub(crate) fn short_repr(value: &Bound<'_, PyAny>) -> String {
    let text = match value.repr() {
        Ok(text) => text.to_string_lossy().into_owned(),
        Err(_) => return "...".to_owned(),
    };
    if text.chars().count() <= REPR_CHARS_MAX {
        return text;
    }
    let cut: String = text.chars().take(REPR_CHARS_MAX - 3).collect();
    format!("{cut}...")
}
