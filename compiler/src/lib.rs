//! Compiles typed Python functions to WebAssembly components.
//!
//! [`compile()`] is a pure function: the same [`Request`] gives the same bytes. What it cannot
//! compile comes back as [`Diagnostic`]s, all of them at once; [`render()`] makes text of them.

#![allow(
    clippy::similar_names,
    reason = "Python's own terms are alike: `value` and `values`, `text` and `test`"
)]
#![allow(
    clippy::unused_self,
    clippy::self_only_used_in_recursion,
    clippy::wrong_self_convention,
    reason = "methods of one family are called alike"
)]
#![allow(
    clippy::needless_pass_by_value,
    clippy::borrowed_box,
    reason = "the typed program is built from values that its nodes take over"
)]
#![allow(clippy::nonminimal_bool, reason = "conditions are written as Python's rules state them")]
#![allow(clippy::match_same_arms, reason = "tables list Python's cases one by one")]

pub mod abi;
mod assigned;
mod ast;
mod classes;
mod compile;
mod diagnostics;
mod emit;
mod exceptions;
mod explain;
mod instantiate;
mod ir;
mod library;
pub mod link;
mod lower;
mod names;
mod pack;
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
pub use link::{GuestError, append_custom, guest_component, own_sections};
pub use names::{annotations, free_names};
pub use render::render;
pub use request::{
    Captured, ClassSource, Compiled, Enumeration, FunctionSource, Literal, Member, ParameterType,
    Request,
};
pub use types::ValueType;
