//! Verifies, compiles and runs components in sandboxes.

pub mod session;
