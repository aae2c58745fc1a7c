//! Compiles typed Python functions to WebAssembly components.
//!
//! [`compile`] is a pure function: the same [`Request`] gives the same bytes. What it cannot
//! compile comes back as [`Diagnostic`]s, all of them at once; [`render`] makes text of them.

pub mod abi;
mod ast;
mod compile;
mod diagnostics;
mod emit;
mod explain;
mod ir;
pub mod link;
mod lower;
mod names;
mod parse;
mod range;
mod render;
mod request;
mod source;
mod ty;
mod types;
mod visit;

pub use compile::compile;
pub use diagnostics::{Code, Diagnostic};
pub use names::{annotations, free_names};
pub use render::render;
pub use request::{Captured, Compiled, FunctionSource, Literal, ParameterType, Request};
pub use types::ValueType;
