//! The value codec: Python values as CBOR, closed and pickle-free in both directions.

pub mod tags;
