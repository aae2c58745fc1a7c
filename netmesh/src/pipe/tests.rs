//! Pipes in process and over streams.
