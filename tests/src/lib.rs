//! Tests that need two crates or more.
