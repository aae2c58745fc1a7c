//! Why an operation of the hub failed: one enum for each kind of operation.

use std::fmt::Write;

use spm_protocol::{PeerId, Point};

/// An operation at the wrong moment. The message says what to do instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SequenceError {
    /// Closures were to be defined while a point is in force.
    #[error(
        "closures cannot be defined while point {point} is online; conclude its task manager first"
    )]
    DefineOnline {
        /// The point in force.
        point: Point,
    },
    /// A definition is under way already.
    #[error("point {point} is still being prepared; wait for it first")]
    Preparing {
        /// The point being prepared.
        point: Point,
    },
    /// The point is being concluded.
    #[error("point {point} is still being concluded; wait for it first")]
    Concluding {
        /// The point being concluded.
        point: Point,
    },
    /// A manager was to start with no point in force.
    #[error("no closures are in force; define them before starting a task manager")]
    Offline,
    /// A second manager was to start.
    #[error(
        "a task manager is already online at point {point}; conclude it, or use a pool of its own from `select()`"
    )]
    ManagerOnline {
        /// The point in force.
        point: Point,
    },
    /// The session is over.
    #[error("the session is closed; open another")]
    Closed,
}

/// Why no point came into force.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DefineError {
    /// At least one host would not take the closures, and without it there are too few.
    #[error("closures were refused{}", reasons_text(.reasons))]
    Refused {
        /// Why each host that is out is out.
        reasons: Vec<(PeerId, String)>,
    },
    /// No host could be reached in time.
    #[error("no host is left{}", reasons_text(.reasons))]
    NoHosts {
        /// Why, for each host.
        reasons: Vec<(PeerId, String)>,
    },
    /// It was concluded before it came into force.
    #[error("definition was given up before it came into force")]
    Abandoned,
    /// The session was closed meanwhile.
    #[error(transparent)]
    Sequence(#[from] SequenceError),
}

fn reasons_text(reasons: &[(PeerId, String)]) -> String {
    let mut text = String::new();
    for (peer, reason) in reasons {
        text.push_str(if text.is_empty() { ": " } else { "; " });
        // Writing to a text does not fail.
        let _ = write!(text, "`{peer}`: {reason}");
    }
    text
}

/// Why a definition was not even started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BeginDefineError {
    /// Not now.
    #[error(transparent)]
    Sequence(#[from] SequenceError),
    /// More closures than a point may have, or none.
    #[error("{count} closures in one point, which takes 1 to {limit}")]
    ClosureCount {
        /// How many were given.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A fallback that is not there, or has one itself, as a closure that is its own would.
    #[error(
        "`{name}` falls back to closure {fallback}, which is none of the point's that have no fallback themselves"
    )]
    Fallback {
        /// The closure.
        name: String,
        /// What was to be its fallback.
        fallback: u32,
    },
    /// A component or payload is larger than a host accepts.
    #[error("`{name}` has a blob of {bytes} bytes, over the limit of {limit}")]
    BlobTooLarge {
        /// The closure.
        name: String,
        /// The blob's length.
        bytes: usize,
        /// What hosts accept.
        limit: usize,
    },
}

/// Why a task was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// The window is full: take completions first.
    #[error("window of {window_tasks} tasks is full; take completions first")]
    Full {
        /// The window.
        window_tasks: usize,
    },
    /// The run takes no more tasks.
    #[error("run takes no more tasks: its input is closed")]
    Closed,
    /// Its closure is not in the point.
    #[error("closure {closure} is not among the {count} of the point")]
    NoSuchClosure {
        /// The index given.
        closure: u32,
        /// How many closures the point has.
        count: usize,
    },
    /// A team has more ranks than the hosts take.
    #[error(
        "a team of {size} ranks is too large for {slots} slots, which take {limit} ranks at most; make \
         `size` smaller, or the pool larger"
    )]
    TeamTooLarge {
        /// Its ranks.
        size: u32,
        /// The slots of all hosts.
        slots: usize,
        /// How many ranks they take.
        limit: usize,
    },
    /// It needs what too many other tasks have returned.
    #[error(
        "arguments of {count} pieces are too many: {limit} may be what other tasks returned, and the \
         rest must be short"
    )]
    TooManyPieces {
        /// How many pieces.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// Its arguments are too large.
    #[error("arguments of {bytes} bytes are over the limit of {limit}")]
    TooLarge {
        /// Their length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
}
