//! WASI preview 2 (0.2) for programs that call it themselves, by the core functions that the canonical ABI makes of it.
//!
//! They are exported as `interface.function`, without the version: `programs/src/adapt.rs` finds them by that. Layouts of
//! results are those of `CanonicalABI.md` in the component model's repository.

mod cli;
mod clocks;
mod filesystem;
mod handles;
mod layout;
mod random;
mod sockets;
mod streams;

pub use handles::Handles;
