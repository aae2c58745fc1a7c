//! Makes a component of a stand-alone program: a core module for WASI preview 1, as compilers for C, Rust, Go and others
//! make it.
//!
//! It is joined with an adapter (`adapter/`, Rust without `std`), which is preview 1 for it, over files in memory, and the
//! closure world around it. One module remains, with two memories: what a program does to its own does not reach the
//! adapter's. The component imports nothing of a host's but the interfaces of closures.
//!
//! Equal programs make equal components.

mod adapt;
mod error;
mod join;
mod module;
mod world;

pub use adapt::{Adapted, adapt};
pub use error::AdaptError;

#[cfg(test)]
mod tests;
