//! Types of Python values, as callers and diagnostics name them.

use std::fmt;

/// The type of a value that the native engine can hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValueType {
    /// `None`.
    None,
    /// `bool`.
    Bool,
    /// `int`, of 64 bits until proved otherwise.
    Int,
    /// `float`.
    Float,
    /// `str`.
    Str,
    /// `bytes`.
    Bytes,
    /// `list[T]`.
    List(Box<ValueType>),
    /// `tuple[A, B]`.
    Tuple(Vec<ValueType>),
    /// `tuple[T, ...]`.
    VariadicTuple(Box<ValueType>),
    /// `dict[K, V]`.
    Dict(Box<ValueType>, Box<ValueType>),
    /// `set[T]`.
    Set(Box<ValueType>),
    /// One of several, told apart when the closure runs: `int | float`, `float | None`.
    Union(Vec<ValueType>),
    /// An instance of a class of the user's, or of one that derives from it.
    Object {
        /// Index into [`Request::classes`](crate::Request::classes).
        class: u32,
        /// Its `__qualname__`.
        name: String,
    },
    /// The element of a container that is always empty; nothing has this type.
    Never,
}

impl fmt::Display for ValueType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => formatter.write_str("None"),
            Self::Object { name, .. } => formatter.write_str(name),
            Self::Bool => formatter.write_str("bool"),
            Self::Int => formatter.write_str("int"),
            Self::Float => formatter.write_str("float"),
            Self::Str => formatter.write_str("str"),
            Self::Bytes => formatter.write_str("bytes"),
            Self::List(element) => write!(formatter, "list[{element}]"),
            Self::Tuple(items) if items.is_empty() => formatter.write_str("tuple[()]"),
            Self::Tuple(items) => {
                formatter.write_str("tuple[")?;
                for (index, item) in items.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(formatter, "{comma}{item}")?;
                }
                formatter.write_str("]")
            }
            Self::VariadicTuple(element) => write!(formatter, "tuple[{element}, ...]"),
            Self::Dict(key, value) => write!(formatter, "dict[{key}, {value}]"),
            Self::Set(element) => write!(formatter, "set[{element}]"),
            Self::Union(members) => {
                for (index, member) in members.iter().enumerate() {
                    let bar = if index == 0 { "" } else { " | " };
                    write!(formatter, "{bar}{member}")?;
                }
                Ok(())
            }
            Self::Never => formatter.write_str("Never"),
        }
    }
}
