//! Verifies, compiles and runs components in sandboxes.
