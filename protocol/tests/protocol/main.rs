//! Tests of the crate from outside: everything a peer may send, and everything it may send instead.

mod allocation;
mod arbitrary;
mod arbitrary_frames;
#[path = "../../../fuzz/src/lib.rs"]
mod bodies;
mod frames;
mod fuzzed;
mod interop;
mod records;
mod signatures;
mod values;
