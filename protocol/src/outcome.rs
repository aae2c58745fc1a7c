//! What became of a task, as a host reports it.

use minicbor::{Decode, Encode};

use crate::frame::Member;
use crate::ids::ContentId;
use crate::trap::TrapCode;

/// A value on its way: in the frame if it is small, as a session blob if it is not, so that
/// control never waits behind data.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Payload {
    /// The CBOR itself; at most [`crate::limits::INLINE_BYTES_MAX`].
    #[n(0)]
    Inline(#[cbor(n(0), with = "minicbor::bytes")] Vec<u8>),
    /// Where the CBOR is to be fetched.
    #[n(1)]
    Blob {
        /// Its content id.
        #[n(0)]
        id: ContentId,
        /// Its length, so that a fetch can be bounded.
        #[n(1)]
        bytes: u64,
    },
}

/// Arguments on their way to a task.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Arguments {
    /// As one value.
    #[n(0)]
    Whole(#[n(0)] Payload),
    /// As pieces, which a host puts together: what other tasks returned is taken from where it is.
    #[n(1)]
    Pieces(#[n(0)] Vec<Piece>),
}

/// A piece of arguments.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Piece {
    /// Bytes.
    #[n(0)]
    Bytes(#[cbor(n(0), with = "minicbor::bytes")] Vec<u8>),
    /// A blob of the session.
    #[n(1)]
    Blob {
        /// Its content id.
        #[n(0)]
        id: ContentId,
        /// Its length.
        #[n(1)]
        bytes: u64,
        /// The member that keeps it; the hub, if none is named.
        #[n(2)]
        holder: Option<Member>,
    },
}

impl Arguments {
    /// Arguments that are at hand.
    pub fn inline(value: Vec<u8>) -> Self {
        Self::Whole(Payload::Inline(value))
    }

    /// How many bytes there are, wherever they are.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Whole(Payload::Inline(value)) => value.len() as u64,
            Self::Whole(Payload::Blob { bytes, .. }) => *bytes,
            Self::Pieces(pieces) => pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Bytes(bytes) => bytes.len() as u64,
                    Piece::Blob { bytes, .. } => *bytes,
                })
                .fold(0, u64::saturating_add),
        }
    }

    /// How many of them travel in the frame.
    pub fn inline_bytes(&self) -> usize {
        match self {
            Self::Whole(Payload::Inline(value)) => value.len(),
            Self::Whole(Payload::Blob { .. }) => 0,
            Self::Pieces(pieces) => pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Bytes(bytes) => bytes.len(),
                    Piece::Blob { .. } => PIECE_BYTES,
                })
                .sum(),
        }
    }
}

/// What a piece that is a blob takes in a frame, about.
const PIECE_BYTES: usize = 96;

/// A place in a component's code, for the line table: the core function's index and the offset of
/// the instruction within its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct CodePoint {
    /// Index of the function in its core module, imports counted.
    #[n(0)]
    pub function: u32,
    /// Bytes from the start of the function's body.
    #[n(1)]
    pub offset: u32,
}

/// What became of one attempt at a task. `HostLost` is not here: no host can report it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Outcome {
    /// The closure returned this value.
    #[n(0)]
    Returned(#[n(0)] Payload),
    /// The closure raised; the payload is a [`crate::raised::Raised`] record, which the host
    /// passes on unread.
    #[n(1)]
    Raised(#[n(0)] Payload),
    /// The instance trapped. Frames are innermost first.
    #[n(2)]
    Trapped(#[n(0)] TrapCode, #[n(1)] Vec<CodePoint>),
    /// The task used all its fuel.
    #[n(3)]
    OutOfFuel(#[n(0)] Vec<CodePoint>),
    /// The task reached its own memory limit.
    #[n(4)]
    OutOfMemory(#[n(0)] Vec<CodePoint>),
    /// The host failed, not the task: its stack, pool or memory was exhausted, or a bug of ours.
    #[n(5)]
    HostFault(#[cbor(n(0), with = "crate::reason")] String),
    /// The host would not run the task at all.
    #[n(6)]
    Refused(#[cbor(n(0), with = "crate::reason")] String),
    /// The task's deadline passed while it ran.
    #[n(7)]
    DeadlineHit(#[n(0)] Vec<CodePoint>),
    /// The hub asked for the task to stop.
    #[n(8)]
    Cancelled,
    /// The task's closure is another's fallback, and this host cannot prepare it.
    #[n(9)]
    Unprepared(#[cbor(n(0), with = "crate::reason")] String),
    /// The closure returned, and what it returned stays here, as one piece or as the items of a list.
    #[n(10)]
    Kept(#[n(0)] Vec<Payload>),
    /// The closure returned, and made tasks: the payload is an array of [`crate::frame::Spawned`], followed by the value.
    #[n(11)]
    Grown(#[n(0)] Payload),
}

/// How an outcome may be treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutcomeClass {
    /// The same on every host: final, may be cached and replayed.
    Deterministic,
    /// Says nothing about the closure: may be tried again elsewhere, never cached.
    Infrastructure,
}

impl Outcome {
    /// Whether the outcome says something about the closure, or about the host.
    pub fn class(&self) -> OutcomeClass {
        match self {
            Self::Returned(_)
            | Self::Raised(_)
            | Self::Trapped(..)
            | Self::OutOfFuel(_)
            | Self::OutOfMemory(_)
            | Self::Kept(_)
            | Self::Grown(_) => OutcomeClass::Deterministic,
            Self::HostFault(_)
            | Self::Refused(_)
            | Self::DeadlineHit(_)
            | Self::Cancelled
            | Self::Unprepared(_) => OutcomeClass::Infrastructure,
        }
    }

    /// Whether the hub should try the task on another host without being asked.
    pub fn is_retried(&self) -> bool {
        matches!(self, Self::HostFault(_) | Self::Refused(_) | Self::Unprepared(_))
    }
}
