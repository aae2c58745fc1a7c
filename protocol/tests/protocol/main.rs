//! Tests of the crate from outside: everything a peer may send, and everything it may send instead.

mod arbitrary;
mod interop;
mod values;
