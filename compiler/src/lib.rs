//! Compiles typed Python functions to WebAssembly components.
//!
//! [`compile`] is a pure function: the same [`Request`] gives the same bytes. What it cannot
//! compile comes back as [`Diagnostic`]s, all of them at once; [`render`] makes text of them.

mod diagnostics;
mod render;
mod request;
mod types;

pub use diagnostics::{Code, Diagnostic};
pub use render::render;
pub use request::{Captured, Compiled, FunctionSource, Literal, ParameterType, Request};
pub use types::ValueType;

use std::collections::BTreeSet;

/// Compiles the entry and all it reaches.
pub fn compile(request: &Request) -> Result<Compiled, Vec<Diagnostic>> {
    let _ = request;
    Err(Vec::new())
}

/// The names a function reads from outside itself, sorted. A use of a module's member is the
/// dotted name (`math.sqrt`) as well as the plain one.
pub fn free_names(function: &FunctionSource) -> Result<BTreeSet<String>, Vec<Diagnostic>> {
    let _ = function;
    Err(Vec::new())
}

/// The types that a function's annotations name, for each positional parameter: its name, and its type
/// if there is an annotation the compiler knows.
pub fn annotations(
    function: &FunctionSource,
) -> Result<Vec<(String, Option<ValueType>)>, Vec<Diagnostic>> {
    let _ = function;
    Err(Vec::new())
}
