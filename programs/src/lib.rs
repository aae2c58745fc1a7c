//! Makes a component of a stand-alone program: a core module for WASI preview 1, or a component of one module for preview 2,
//! as compilers for C, Rust, Go and others make them.
//!
//! It is joined with an adapter (`adapter/`, Rust without `std`), which is WASI for it, over files in memory, and the
//! closure world around it. Preview 2 is given by the core functions that the canonical ABI makes of it, so that no second
//! component is needed. One module remains, with two memories: what a program does to its own does not reach the
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
