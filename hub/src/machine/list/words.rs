//! What a run is told, and what it says.

use bytes::Bytes;
use spm_protocol::frame::{Answer, HostWork, Task};
use spm_protocol::{ContentId, PeerId, TaskId};

use crate::completion::Delivery;
use crate::machine::HostId;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The point is in force on a host.
    HostOnline {
        /// The host.
        host: HostId,
        /// Who it is.
        peer: PeerId,
        /// How many tasks it may have.
        credits: u32,
        /// How many of them it runs at once.
        slots: u32,
    },
    /// A host was lost, and the tasks it had.
    HostOffline {
        /// The host.
        host: HostId,
        /// Why.
        reason: String,
    },
    /// No host is left, and none is on its way.
    NoHosts {
        /// Why, for each host.
        reasons: Vec<(PeerId, String)>,
    },
    /// A frame came from a host that is online.
    Work {
        /// The host.
        host: HostId,
        /// The frame.
        frame: HostWork,
    },
    /// An [`Action::Fetch`] was carried out.
    Fetched {
        /// The task.
        task: TaskId,
        /// The attempt.
        attempt: u32,
        /// The number of the question whose value it is; 0 for the result.
        number: u64,
        /// The content, or why there is none.
        result: Result<Bytes, String>,
    },
    /// A task is not wanted any more.
    Cancel {
        /// The task.
        task: TaskId,
    },
    /// No task is wanted any more, and none follows.
    CancelAll,
    /// No task follows.
    CloseInput,
    /// So many completions were taken since the last event that said so.
    Taken {
        /// How many.
        count: usize,
    },
    /// Whoever takes completions is about to wait: what is held back to fill frames should go out.
    Flush,
    /// Time passed; due at [`super::List::wake_ms`].
    Tick,
}

/// What the driver is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send these tasks to a host.
    Send {
        /// The host.
        host: HostId,
        /// The tasks.
        tasks: Vec<Task>,
    },
    /// Ask a host for those of these tasks that it has not started.
    Recall {
        /// The host.
        host: HostId,
        /// The tasks.
        tasks: Vec<TaskId>,
    },
    /// Tell a host to stop these tasks.
    Cancel {
        /// The host.
        host: HostId,
        /// The tasks.
        tasks: Vec<TaskId>,
    },
    /// Give a task the answer to a question.
    Answer {
        /// The host it runs on.
        host: HostId,
        /// The task.
        task: TaskId,
        /// The attempt.
        attempt: u32,
        /// The number of its question.
        number: u64,
        /// The answer.
        answer: Answer,
    },
    /// Tell a host of the least value that a task has found.
    Bound {
        /// The host.
        host: HostId,
        /// Bits of an `f64`.
        bound: u64,
    },
    /// Tell a host what it need not keep.
    Free {
        /// The host.
        host: HostId,
        /// The blobs.
        blobs: Vec<ContentId>,
    },
    /// Fetch a result, or a question, from a host, then give [`Event::Fetched`].
    Fetch {
        /// The host.
        host: HostId,
        /// The task.
        task: TaskId,
        /// The attempt.
        attempt: u32,
        /// The number of the question whose value it is; 0 for the result.
        number: u64,
        /// The result's content id.
        id: ContentId,
        /// Its length.
        bytes: u64,
    },
    /// The arguments of an ended task were this blob, which is not needed for it any more.
    Release {
        /// The blob.
        id: ContentId,
    },
    /// Give this out.
    Deliver(Delivery),
    /// A host broke a rule: end its streams.
    Misbehaved {
        /// The host.
        host: HostId,
        /// What it did.
        reason: String,
    },
}
