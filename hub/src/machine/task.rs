//! A task on the hub: what is needed to send it (again), and what was shown of it.

use bytes::Bytes;
use spm_protocol::frame::{Returns, Role, Task};
use spm_protocol::parts::spawned;
use spm_protocol::{ContentId, Outcome, Payload, TaskId};

use super::HostId;
use super::talk::{TaskArguments, travelling};
use crate::completion::TaskOutcome;

/// What of a task the machine is given: everything but its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTask {
    /// Index of its closure in the point.
    pub closure: u32,
    /// What `spm.task.index` is.
    pub index: u64,
    /// What `spm.task.seed` is.
    pub seed: u64,
    /// Milliseconds it may run, if not the run's or the closure's.
    pub deadline_ms: Option<u64>,
    /// Its arguments.
    pub arguments: TaskArguments,
    /// Where what it returns goes.
    pub returns: Returns,
    /// What it is to its manager.
    pub role: Role,
    /// Fresh tasks of a higher priority are sent first.
    pub priority: i64,
    /// The one host that may run it.
    pub pinned: Option<HostId>,
    /// Attempts at it in earlier submissions: its own go on from there.
    pub attempts_before: u32,
}

impl NewTask {
    /// An independent task with these arguments and nothing special.
    pub fn new(closure: u32, index: u64, arguments: Vec<u8>) -> Self {
        Self {
            closure,
            index,
            seed: 0,
            deadline_ms: None,
            arguments: TaskArguments::Whole(Payload::Inline(arguments)),
            returns: Returns::Sent,
            role: Role::Independent,
            priority: 0,
            pinned: None,
            attempts_before: 0,
        }
    }
}

/// Where a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Here, to be sent.
    Waiting,
    /// At a host.
    Running(HostId),
    /// Over at this host, which still has the result.
    Fetching(HostId),
}

/// The attempt by which a task left its closure.
#[derive(Debug)]
pub(super) struct Left {
    pub closure: u32,
    /// Attempts up to then.
    pub attempts: u32,
    pub record: Bytes,
}

/// A task that has not ended.
#[derive(Debug)]
pub(super) struct TaskState {
    pub task: NewTask,
    pub place: Place,
    /// Attempts so far. The current one, if it is at a host, is the last.
    pub attempts: u32,
    /// How it left its closure for the fallback, which is its closure now. That happens once at most.
    pub left: Option<Left>,
    /// Why no host can prepare that fallback.
    pub unbacked: Option<String>,
    /// The host of the last attempt, which the next one avoids.
    pub last: Option<HostId>,
    /// How the last attempt failed.
    pub failure: Option<TaskOutcome>,
    /// Bytes of output that were given out, of whichever attempt.
    pub shown_bytes: u64,
    /// Bytes of output that the current attempt has printed.
    pub printed_bytes: u64,
    pub submitted_ms: u64,
    /// When the current attempt was sent.
    pub sent_ms: u64,
    pub run_us: u64,
    pub pure: bool,
    /// The end of its output, kept while its result is fetched.
    pub output: Vec<u8>,
    /// What the result is that is fetched.
    pub fetching: ValueKind,
    /// The number of the question that its manager has not answered.
    pub asking: Option<u64>,
    /// It has asked or sent something, so that it is not to be run again alone.
    pub has_talked: bool,
    /// Blobs of the hub's that it was given as answers.
    pub answers: Vec<ContentId>,
}

impl TaskState {
    pub(super) fn new(task: NewTask, now_ms: u64) -> Self {
        let attempts = task.attempts_before;
        Self {
            task,
            place: Place::Waiting,
            attempts,
            left: None,
            unbacked: None,
            last: None,
            failure: None,
            shown_bytes: 0,
            printed_bytes: 0,
            submitted_ms: now_ms,
            sent_ms: now_ms,
            run_us: 0,
            pure: false,
            output: Vec::new(),
            fetching: ValueKind::Returned,
            asking: None,
            has_talked: false,
            answers: Vec::new(),
        }
    }

    /// Notes the next attempt, and what is to be sent for it.
    pub(super) fn start(&mut self, id: TaskId, host: HostId, deadline_ms: Option<u64>) -> Task {
        self.attempts += 1;
        self.place = Place::Running(host);
        self.last = Some(host);
        self.printed_bytes = 0;
        self.asking = None;
        Task {
            id,
            attempt: self.attempts,
            closure: self.task.closure,
            index: self.task.index,
            seed: self.task.seed,
            deadline_ms: self.task.deadline_ms.or(deadline_ms),
            arguments: travelling(&self.task.arguments),
            returns: self.task.returns,
            role: self.task.role,
        }
    }

    /// Attempts that were lost or failed, all but the one that left its closure.
    pub(super) fn failed_attempts(&self) -> u32 {
        self.attempts - self.task.attempts_before - u32::from(self.left.is_some())
    }

    /// Waits again, for `reason` or for none. What it printed at its end is shown by the attempt that comes through.
    pub(super) fn wait_again(&mut self, failure: Option<TaskOutcome>) {
        self.place = Place::Waiting;
        self.failure = failure;
        self.shown_bytes -= self.output.len() as u64;
        self.output = Vec::new();
    }

    /// The part of `output` that was not given out yet. A retry prints the same again, if it is deterministic.
    pub(super) fn show(&mut self, mut output: Vec<u8>) -> Vec<u8> {
        let start = self.printed_bytes;
        self.printed_bytes = start.saturating_add(output.len() as u64);
        if self.printed_bytes <= self.shown_bytes {
            return Vec::new();
        }
        let known = self.shown_bytes.saturating_sub(start) as usize;
        self.shown_bytes = self.printed_bytes;
        if known > 0 {
            output.drain(..known);
        }
        output
    }
}

/// A result as a host gave it: at hand, or still to be fetched.
pub(super) enum Arrived {
    Outcome(TaskOutcome),
    Blob {
        id: ContentId,
        bytes: u64,
        kind: ValueKind,
    },
    /// The result stays at the host.
    Kept(Vec<Payload>),
    /// The host cannot prepare the task's closure.
    Unprepared(String),
}

/// What a value is that a host gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueKind {
    Returned,
    Raised,
    /// What was returned, behind the tasks that were made.
    Grown,
}

/// Bytes of what a task returned or raised, wherever they are.
pub(super) fn outcome_bytes(outcome: &Outcome) -> u64 {
    let bytes = |payload: &Payload| match payload {
        Payload::Inline(value) => value.len() as u64,
        Payload::Blob { bytes, .. } => *bytes,
    };
    match outcome {
        Outcome::Returned(value) | Outcome::Raised(value) | Outcome::Grown(value) => bytes(value),
        Outcome::Kept(parts) => parts.iter().map(bytes).sum(),
        _ => 0,
    }
}

pub(super) fn arrive(outcome: Outcome) -> Arrived {
    let value = |payload, kind| match payload {
        Payload::Inline(bytes) => Arrived::Outcome(value_outcome(bytes.into(), kind)),
        Payload::Blob { id, bytes } => Arrived::Blob { id, bytes, kind },
    };
    Arrived::Outcome(match outcome {
        Outcome::Returned(payload) => return value(payload, ValueKind::Returned),
        Outcome::Raised(payload) => return value(payload, ValueKind::Raised),
        Outcome::Grown(payload) => return value(payload, ValueKind::Grown),
        Outcome::Kept(parts) => return Arrived::Kept(parts),
        Outcome::Trapped(code, frames) => TaskOutcome::Trapped(code, frames),
        Outcome::OutOfFuel(frames) => TaskOutcome::OutOfFuel(frames),
        Outcome::OutOfMemory(frames) => TaskOutcome::OutOfMemory(frames),
        Outcome::DeadlineHit(frames) => TaskOutcome::DeadlineHit(frames),
        Outcome::HostFault(reason) => TaskOutcome::HostFault(reason),
        Outcome::Refused(reason) => TaskOutcome::Refused(reason),
        Outcome::Unprepared(reason) => return Arrived::Unprepared(reason),
        // We asked for no such thing, or would not listen: the host dropped it by itself.
        Outcome::Cancelled => TaskOutcome::HostLost("the host gave the task up".to_owned()),
    })
}

pub(super) fn value_outcome(value: Bytes, kind: ValueKind) -> TaskOutcome {
    match kind {
        ValueKind::Returned => TaskOutcome::Returned(value),
        ValueKind::Raised => TaskOutcome::Raised(value),
        ValueKind::Grown => match spawned(&value) {
            Ok((tasks, at)) => TaskOutcome::Grown(value.slice(at..), tasks),
            Err(reason) => TaskOutcome::HostFault(reason),
        },
    }
}
