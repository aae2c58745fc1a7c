//! Functions that the `libm` crate does not compute closely enough.

pub use libm::{acosh, asinh, atanh, cosh, log10, sinh, tanh};
