//! Streams, timers and locks around the state machines, and the handles callers hold.

mod core;
mod hub;
mod outgoing;
mod pool;
mod queue;
mod run;
mod session;
mod tracking;

pub use hub::Hub;
pub use pool::Pool;
pub use queue::CompletionQueue;
pub use run::ListRun;
pub use session::{Concluding, Defining, Session};

#[cfg(test)]
mod tests;
