//! Closures of SPM in Rust.
//!
//! ```
//! /// The mean of some numbers.
//! #[spm_guest::closure]
//! fn mean(xs: Vec<f64>) -> spm_guest::Result<f64> {
//!     if xs.is_empty() {
//!         return Err(spm_guest::Exception::value_error("no numbers"));
//!     }
//!     Ok(xs.iter().sum::<f64>() / xs.len() as f64)
//! }
//! ```
//!
//! Compiled with `cargo build --release --target wasm32-unknown-unknown` as a `cdylib`, it is a closure that Python has
//! from `spm.load(path)`. Arguments and results are what serde can read and write; see [`to_bytes`] for what is what in
//! Python. An `Err` and a panic are exceptions in Python. A crate has one closure; on any other target it is an ordinary
//! function, to be tested as one.

mod abi;
mod codec;
mod exception;
#[cfg(any(test, all(target_arch = "wasm32", feature = "allocator")))]
mod heap;
pub mod hub;
mod imports;
pub mod log;
mod panic;
mod signature;
pub mod task;
pub mod team;

pub use codec::{Error, from_bytes, to_bytes};
pub use exception::{Class, Exception};
pub use spm_guest_macros::closure;

/// What closures return that may fail.
pub type Result<T, E = Exception> = std::result::Result<T, E>;

/// What the attribute writes. Not for people.
#[doc(hidden)]
pub mod generated {
    pub use crate::abi::{call, define, free_returned, returned};
    pub use crate::signature::{Arguments, Function};
}
