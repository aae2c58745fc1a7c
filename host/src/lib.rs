//! Verifies, compiles and runs components in sandboxes.
//!
//! A [`Host`] has slots and serves sessions over pipes. In the order in which a closure meets them: [`verify`] says
//! whether it is taken at all, [`define`] compiles it ([`compile_child`] and [`cache`] help), and [`sandbox`] runs one
//! task in a fresh instance. [`session`] is the state machine that says when any of this may happen; it does no I/O.
//!
//! **Absent on purpose:** scheduling, retries, other hosts. A host never reads arguments, results or exceptions.

pub mod cache;
pub mod clock;
pub mod compile_child;
pub mod define;
pub mod host;
mod runtimes;
pub mod sandbox;
pub mod scientific;
pub mod session;
pub mod verify;

pub use define::{CompileMode, Definer};
pub use host::{Blobs, Host, HostError, HostOptions, HostStatus, RuntimeStatus, ServedSession};
pub use verify::{Grants, Submitters};
