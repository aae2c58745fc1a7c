//! The state machines: functions from events to actions, without I/O, clocks or randomness.
//!
//! [`Conversation`] is what a driver talks to. It joins a [`session`] machine, which brings hosts to sequence
//! points and knows their leases, with the [`list`] machine of the run at the current point, if there is one.

mod assign;
mod conversation;
mod deopt;
pub mod host;
pub mod list;
mod recall;
pub mod session;
mod talk;
mod task;
mod team;
mod tracker;

pub use conversation::{Action, Conversation, Event};
pub use talk::{TaskArguments, TaskPiece};
pub use tracker::Tracker;

/// A host's place in its pool. Never used again for another host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(pub u32);

/// One life of the streams to a host, counted by the hub. Frames of an earlier life are stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LinkId(pub u64);
