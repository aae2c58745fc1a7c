//! Streams, timers and locks around the state machines, and the handles callers hold.

mod hub;
mod pool;
mod queue;
mod run;
mod session;

pub use hub::Hub;
pub use pool::Pool;
pub use queue::CompletionQueue;
pub use run::ListRun;
pub use session::{Concluding, Defining, Session};
