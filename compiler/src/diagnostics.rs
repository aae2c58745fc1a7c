//! Problems in the user's Python, as data.

use std::fmt;

/// Declares the codes once: variant and stable name cannot drift apart.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)+) => {
        /// What kind of problem a [`Diagnostic`] is. Names are stable: never renamed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[$doc])* $name),+ }

        impl Code {
            /// The stable name: `unsupported-statement`.
            pub fn name(self) -> &'static str { match self { $(Self::$name => $text),+ } }
        }
    };
}

codes! {
    /// The source is not Python.
    Syntax = "syntax-error";
    /// A statement outside the language.
    Statement = "unsupported-statement";
    /// An expression outside the language.
    Expression = "unsupported-expression";
    /// `*args`, `**kwargs`, or parameters that cannot be passed by position.
    Parameters = "unsupported-parameters";
    /// An annotation that names no type the compiler knows.
    Annotation = "unsupported-annotation";
    /// A builtin, module member or method that is not there.
    Function = "unsupported-function";
    /// A free name whose value cannot travel.
    Global = "unsupported-global";
    /// A name that stands for nothing.
    UndefinedName = "undefined-name";
    /// A call with arguments that do not fit the parameters.
    Arguments = "wrong-arguments";
    /// An operation that its operands' types do not have.
    Operand = "unsupported-operand";
    /// A list, set or dict that would hold values of different types.
    MixedElements = "mixed-elements";
    /// A variable whose possible types cannot be told apart.
    MixedTypes = "mixed-types";
    /// A constant beyond 64 bits.
    IntegerSize = "integer-too-large";
    /// A type that could not be found out.
    UnknownType = "unknown-type";
    /// A limit of the compiler.
    TooComplex = "too-complex";
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A problem in the user's Python, ready for any renderer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// The file, as Python names it.
    pub file: String,
    /// First line, from 1.
    pub line: u32,
    /// First column in UTF-8 bytes, from 0.
    pub column: u32,
    /// Last line.
    pub end_line: u32,
    /// Column after the last.
    pub end_column: u32,
    /// What kind of problem.
    pub code: Code,
    /// One line that stands alone.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The line of the user's file that `line` names.
    pub source_line: String,
}
