//! Verifies, compiles and runs components in sandboxes.

pub mod sandbox;
pub mod session;
