//! What a run gives back: completions, output, and how they are waited for.

use bytes::Bytes;
use spm_protocol::frame::{HostInfo, Spawned};
use spm_protocol::outcome::CodePoint;
use spm_protocol::{ContentId, PeerId, TaskId, TrapCode};

use crate::machine::HostId;

/// What finally became of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskOutcome {
    /// The closure returned this value, in CBOR.
    Returned(Bytes),
    /// The closure raised this [`spm_protocol::Raised`] record, in CBOR.
    Raised(Bytes),
    /// The instance trapped. Frames are innermost first.
    Trapped(TrapCode, Vec<CodePoint>),
    /// The task used all its fuel.
    OutOfFuel(Vec<CodePoint>),
    /// The task reached its own memory limit.
    OutOfMemory(Vec<CodePoint>),
    /// The task's own deadline passed while it ran.
    DeadlineHit(Vec<CodePoint>),
    /// The last host that tried it failed.
    HostFault(String),
    /// The last host that was asked would not run it.
    Refused(String),
    /// The last host that had it was lost, for this reason.
    HostLost(String),
    /// It was cancelled.
    Cancelled,
    /// The run's deadline passed first.
    RunDeadline,
    /// It was for a fallback that no host can prepare, for this reason.
    Unprepared(String),
    /// There was no host left to run it. Says why, for each host.
    NoHosts(Vec<(PeerId, String)>),
    /// It returned, and what it returned is kept, as one value or item by item.
    Kept(Vec<Kept>),
    /// It returned this value, and made these tasks.
    Grown(Bytes, Vec<Spawned>),
    /// What another task had returned, and this one needs, was lost with its host.
    ArgumentLost(String),
    /// The ranks of its team wait for one another, as this says.
    Deadlock(String),
}

/// A value that a task returned and the manager has not seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// It is so small that it is here, in CBOR.
    Here(Bytes),
    /// A host keeps it.
    There {
        /// The host.
        host: HostId,
        /// Which time that host is online.
        life: u64,
        /// Who it is.
        peer: PeerId,
        /// The content id.
        id: ContentId,
        /// The length.
        bytes: u64,
    },
}

impl Kept {
    /// How many bytes it has.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Here(value) => value.len() as u64,
            Self::There { bytes, .. } => *bytes,
        }
    }
}

/// A question of a task of a `Farm`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The task.
    pub task: TaskId,
    /// The index it was submitted with.
    pub index: u64,
    /// The attempt.
    pub attempt: u32,
    /// Which of its questions.
    pub number: u64,
    /// The index of the closure that asks.
    pub closure: u32,
    /// The host it runs on.
    pub host: Option<PeerId>,
    /// The value, in CBOR.
    pub value: Bytes,
}

/// One task's end. Every submitted task has exactly one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// The task.
    pub task: TaskId,
    /// The index it was submitted with.
    pub index: u64,
    /// The index of the closure that ended it: the one it was submitted for, or that one's fallback.
    pub closure: u32,
    /// The host it ran on last, if any.
    pub host: Option<PeerId>,
    /// How many attempts were made.
    pub attempts: u32,
    /// One of them left what its closure had proved, and the others were the fallback's.
    pub is_deopt: bool,
    /// It left what its closure had proved, and this is why no host can prepare the fallback. The outcome is that of
    /// the attempt that left.
    pub unbacked: Option<String>,
    /// What became of it.
    pub outcome: TaskOutcome,
    /// Microseconds from instantiation to the end, on the host.
    pub run_us: u64,
    /// Milliseconds from submission to the end, as the hub saw it.
    pub total_ms: u64,
    /// The end of what it printed: what came with its result, in UTF-8.
    pub output: Vec<u8>,
    /// Whether it used no non-deterministic import.
    pub pure: bool,
}

/// What a task printed while it ran. No part of it is given out twice, however often a task is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskOutput {
    /// The task.
    pub task: TaskId,
    /// The index it was submitted with.
    pub index: u64,
    /// UTF-8; a character may be split between two pieces.
    pub output: Vec<u8>,
}

/// The first time in a run that a task left what `closure` had proved; the fallback runs it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deopt {
    /// The task.
    pub task: TaskId,
    /// The index it was submitted with.
    pub index: u64,
    /// The index of the closure that it left.
    pub closure: u32,
    /// The [`spm_protocol::Raised`] record that says where and why, in CBOR.
    pub record: Bytes,
}

/// What waits to be taken from a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// A task ended.
    Completion(Completion),
    /// A task printed.
    Output(TaskOutput),
    /// A task left its closure, as the first to do so.
    Deopt(Deopt),
    /// A task asks.
    Ask(Ask),
    /// The input is closed and every completion was delivered before this.
    Finished,
}

/// What [`ListRun::next`](crate::ListRun::next) found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// A task ended.
    Completion(Completion),
    /// A task printed.
    Output(TaskOutput),
    /// A task left its closure, as the first to do so.
    Deopt(Deopt),
    /// A task asks.
    Ask(Ask),
    /// Nothing came in time.
    TimedOut,
    /// The input is closed and every completion was taken.
    Finished,
}

/// Counts of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunStats {
    /// Tasks submitted.
    pub submitted: u64,
    /// Tasks that ended, in whatever way.
    pub completed: u64,
    /// Attempts beyond each task's first, and beyond the first of its fallback.
    pub retries: u64,
    /// Tasks that left what their closure had proved, and were given to its fallback.
    pub deopts: u64,
    /// Results that came too late or twice, and were dropped.
    pub dropped: u64,
    /// Bytes of arguments submitted.
    pub argument_bytes: u64,
    /// Bytes of results given out.
    pub result_bytes: u64,
    /// Output that was not read in time, and was dropped.
    pub output_dropped_bytes: u64,
    /// Tasks waiting on the hub now.
    pub waiting: usize,
    /// Tasks sent to hosts now.
    pub running: usize,
    /// For each host that ever got a task.
    pub hosts: Vec<HostRunStats>,
}

/// Counts of one run on one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostRunStats {
    /// The host.
    pub peer: PeerId,
    /// Attempts sent to it.
    pub sent: u64,
    /// Results it gave.
    pub results: u64,
    /// Attempts lost with it.
    pub lost: u64,
    /// Attempts there that left what their closure had proved.
    pub deopts: u64,
    /// Time its tasks ran, in microseconds.
    pub run_us: u64,
    /// Time its tasks had waited at the hub when they were sent, in milliseconds.
    pub queue_ms: u64,
    /// Time its tasks were away without running, in milliseconds: on their way, or waiting for a slot.
    pub ship_ms: u64,
    /// Bytes of arguments sent to it.
    pub argument_bytes: u64,
    /// Bytes of results it gave or kept.
    pub result_bytes: u64,
}

/// Whether a host can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostState {
    /// Being connected to for the first time.
    Connecting,
    /// It answers.
    Up,
    /// It does not (any more); it is tried again.
    Lost {
        /// Why.
        reason: String,
    },
    /// It will not talk to us.
    Refused {
        /// Why.
        reason: String,
    },
}

/// What the tracker knows of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostSnapshot {
    /// The host.
    pub peer: PeerId,
    /// What it says it is, once it has answered.
    pub info: Option<HostInfo>,
    /// Whether it can be used.
    pub state: HostState,
    /// How many times it was lost.
    pub losses: u64,
}
