//! Sessions, sequence points, the tracker and the task managers.
//!
//! A [`Hub`] is the submitting process. It makes a [`Pool`] of hosts, each reached through a [`Connect`]. A
//! [`Session`] on a pool defines closures at a sequence point, and a [`ListRun`] runs tasks on them:
//!
//! ```text
//! let pool = hub.pool(connectors);
//! let session = pool.open_session();
//! session.define(closures, DefineOptions::default())?.wait(None)?;
//! let run = session.list(ListOptions::default())?;
//! run.submit(request)?;            // from any thread; more may be submitted while tasks run
//! run.close_input();
//! while let Next::Completion(completion) = run.next(None) { .. }
//! session.conclude()?.wait(None);  // nothing of the point is left anywhere
//! ```
//!
//! What happens is decided by state machines without I/O or clocks ([`machine`]); the driver around them owns
//! streams, timers and locks. One lock guards one session, and whoever brings an event, a submitting thread or
//! a stream's task, applies it under that lock and sends what follows: there is no hub thread in between.

mod closure;
mod completion;
mod connect;
mod driver;
mod error;
pub mod limits;
pub mod machine;
mod options;

pub use closure::{Blob, ClosureDefinition, Content};
pub use completion::{
    Ask, Completion, Delivery, Deopt, HostRunStats, HostSnapshot, HostState, Kept, Next, RunStats,
    TaskOutcome, TaskOutput,
};
pub use connect::{Blobs, Connect, ConnectError, FetchError, SessionChannel};
pub use driver::{CompletionQueue, Concluding, Defining, Hub, ListRun, Pool, Session};
pub use error::{BeginDefineError, DefineError, SequenceError, SubmitError};
pub use machine::TaskPiece;
pub use machine::host::Busy;
pub use options::{DefineOptions, ListOptions, TaskRequest, Wait, priority_of, seed_of};
