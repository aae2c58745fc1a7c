//! Tasks, what becomes of them, and what they want of their managers meanwhile.

use minicbor::{Decode, Encode};

use super::Member;
use crate::ids::TaskId;
use crate::outcome::{Arguments, Outcome, Payload};

/// A task.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Task {
    /// Its id; results echo it.
    #[n(0)]
    pub id: TaskId,
    /// 1 for the first attempt.
    #[n(1)]
    pub attempt: u32,
    /// Index of the closure in the point.
    #[n(2)]
    pub closure: u32,
    /// What `spm.task.index` is.
    #[n(3)]
    pub index: u64,
    /// What `spm.task.seed` is.
    #[n(4)]
    pub seed: u64,
    /// Milliseconds it may run from its start, if not the closure's.
    #[n(5)]
    pub deadline_ms: Option<u64>,
    /// Its arguments: a CBOR array.
    #[n(6)]
    pub arguments: Arguments,
    /// Where what it returns goes.
    #[n(7)]
    pub returns: Returns,
    /// What it is to its manager.
    #[n(8)]
    pub role: Role,
}

/// Where what a task returns goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
pub enum Returns {
    /// To the hub.
    #[default]
    #[n(0)]
    Sent,
    /// Nowhere: the host keeps it until the hub lets go of it.
    #[n(1)]
    Kept,
    /// The same, item by item: it is a list of so many items.
    #[n(2)]
    KeptInParts(#[n(0)] u32),
}

/// What a task is to its manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
pub enum Role {
    /// It knows of no other.
    #[default]
    #[n(0)]
    Independent,
    /// It may ask the hub.
    #[n(1)]
    Asker,
    /// It may make tasks.
    #[n(2)]
    Branch,
    /// It is a rank of a team, and runs beside all others.
    #[n(3)]
    Rank {
        /// Which.
        #[n(0)]
        rank: u32,
        /// Of how many.
        #[n(1)]
        size: u32,
        /// How many of them this host has.
        #[n(2)]
        here: u32,
    },
}

/// A task that a task has made.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Spawned {
    /// Bits of its priority, an `f64`.
    #[n(0)]
    pub priority: u64,
    /// Its arguments: a CBOR array.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub arguments: Vec<u8>,
}

/// What a running task wants of its manager.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Question {
    /// An answer to this value. Answered by [`Answer::Value`].
    #[n(0)]
    Ask(#[n(0)] Payload),
    /// The first message from this rank, or any, with this tag, or any; waited for. Answered by [`Answer::Message`].
    #[n(1)]
    Receive {
        /// The rank it is from.
        #[n(0)]
        source: Option<u32>,
        /// Its tag.
        #[n(1)]
        tag: Option<u32>,
    },
    /// The same if there is one. Answered by [`Answer::Message`] or [`Answer::Nothing`].
    #[n(2)]
    Poll {
        /// The rank it is from.
        #[n(0)]
        source: Option<u32>,
        /// Its tag.
        #[n(1)]
        tag: Option<u32>,
    },
    /// Takes a message to a rank.
    #[n(3)]
    Send {
        /// The rank it is for.
        #[n(0)]
        destination: u32,
        /// Its tag.
        #[n(1)]
        tag: u32,
        /// The message.
        #[n(2)]
        message: Payload,
        /// Whether the sender waits for [`Answer::Nothing`], which says that little enough waits for its receiver.
        #[n(3)]
        confirm: bool,
    },
    /// Tells all tasks of a value, an `f64` of these bits. It is not answered.
    #[n(4)]
    Improve(#[n(0)] u64),
}

/// The answer to a [`Question`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Answer {
    /// A value.
    #[n(0)]
    Value(#[n(0)] Payload),
    /// A message.
    #[n(1)]
    Message {
        /// The rank it is from.
        #[n(0)]
        source: u32,
        /// Its tag.
        #[n(1)]
        tag: u32,
        /// The message.
        #[n(2)]
        message: Payload,
        /// The member that keeps it, if it is a blob.
        #[n(3)]
        holder: Option<Member>,
    },
    /// There is no more to say.
    #[n(2)]
    Nothing,
}

/// What became of one attempt at a task.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct TaskResult {
    /// The task.
    #[n(0)]
    pub id: TaskId,
    /// The attempt.
    #[n(1)]
    pub attempt: u32,
    /// What became of it.
    #[n(2)]
    pub outcome: Outcome,
    /// Microseconds from instantiation to the end.
    #[n(3)]
    pub run_us: u64,
    /// What it printed and has not been sent yet, in UTF-8.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub output: Vec<u8>,
    /// Whether no non-deterministic import was used.
    #[n(5)]
    pub pure: bool,
}
