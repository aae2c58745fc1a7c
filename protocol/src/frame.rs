//! The frames of `/spm/session/1`: one control stream and one work stream for each session and
//! host. A stream is one session's, so frames name only its point.

mod checks;
mod task;

use libp2p_identity::PeerId;
use minicbor::{Decode, Encode};

use crate::ids::{ContentId, Incarnation, Point, TaskId};
use crate::limits::FRAME_BYTES_MAX;
use crate::manifest::SignedManifest;

pub use task::{Answer, Question, Returns, Role, Spawned, Task, TaskResult};

/// Version of the frames below. Peers of another version are refused with both numbers.
pub const PROTOCOL_VERSION: u32 = 2;

/// A peer id as it crosses the wire.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(transparent)]
pub struct Member(#[cbor(n(0), with = "minicbor::bytes")] Vec<u8>);

impl Member {
    /// The peer, if these bytes are one.
    pub fn peer(&self) -> Option<PeerId> {
        PeerId::from_bytes(&self.0).ok()
    }
}

impl From<PeerId> for Member {
    fn from(peer: PeerId) -> Self {
        Self(peer.to_bytes())
    }
}

/// Who has a blob.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Provider {
    /// The blob.
    #[n(0)]
    pub id: ContentId,
    /// Its length.
    #[n(1)]
    pub bytes: u64,
    /// Members that hold it.
    #[n(2)]
    pub peers: Vec<Member>,
}

/// Where a member listens.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct MemberAddress {
    /// The member.
    #[n(0)]
    pub member: Member,
    /// A multiaddress, in its binary form.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub address: Vec<u8>,
}

/// What the hub says on the control stream.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum HubControl {
    /// Opens the stream.
    #[n(0)]
    Hello {
        /// [`PROTOCOL_VERSION`].
        #[n(0)]
        version: u32,
        /// Optional parts of the protocol this hub knows.
        #[n(1)]
        features: Vec<String>,
    },
    /// Asks the host to fetch, verify and define closures.
    #[n(1)]
    Prepare {
        /// The point they are to be in force from.
        #[n(0)]
        point: Point,
        /// The closures, by their index in tasks.
        #[n(1)]
        closures: Vec<SignedManifest>,
        /// Every host of the pool and the hub.
        #[n(2)]
        members: Vec<Member>,
        /// Who has their blobs.
        #[n(3)]
        providers: Vec<Provider>,
        /// How long the host may take, in milliseconds from when this arrives.
        #[n(4)]
        deadline_ms: u64,
        /// Where members listen, so that hosts reach one another.
        #[n(5)]
        addresses: Vec<MemberAddress>,
        /// Members that the host has to reach, or to refuse: values will go between it and them.
        #[n(6)]
        meet: Vec<Member>,
    },
    /// The point is in force on these members. Said again to those that are in when another joins.
    #[n(2)]
    Commit {
        /// The point.
        #[n(0)]
        point: Point,
        /// Who is in.
        #[n(1)]
        members: Vec<Member>,
        /// Where they listen.
        #[n(2)]
        addresses: Vec<MemberAddress>,
    },
    /// The point is over: stop and drop everything of it.
    #[n(3)]
    Conclude {
        /// The point.
        #[n(0)]
        point: Point,
    },
    /// Stop these tasks, whatever they are doing.
    #[n(4)]
    Cancel {
        /// The point they belong to.
        #[n(0)]
        point: Point,
        /// The tasks.
        #[n(1)]
        tasks: Vec<TaskId>,
    },
    /// Answers a [`HostControl::LeaseRequest`].
    #[n(5)]
    Lease {
        /// The request's number.
        #[n(0)]
        request: u64,
        /// How long the lease lasts, from when the host *sent* the request.
        #[n(1)]
        lease_ms: u64,
    },
    /// Nothing follows: the session is over.
    #[n(6)]
    Bye,
}

/// What a host is.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct HostInfo {
    /// This life of the host.
    #[n(0)]
    pub incarnation: Incarnation,
    /// A name for people.
    #[n(1)]
    pub name: String,
    /// Tasks it runs at the same time.
    #[n(2)]
    pub slots: u32,
    /// Memory for all of them, in bytes.
    #[n(3)]
    pub memory_bytes: u64,
    /// Names of the engines it can run.
    #[n(4)]
    pub engines: Vec<String>,
    /// Its labels.
    #[n(5)]
    pub labels: Vec<(String, String)>,
    /// Its process id, for hosts on this machine.
    #[n(6)]
    pub pid: u32,
}

/// What takes a host a while before it has a point prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum PrepareStep {
    /// It fetches blobs.
    #[n(0)]
    Fetching,
    /// It compiles a component.
    #[n(1)]
    Compiling,
}

/// What a refusal says of members that were to be met, and could not.
pub const UNMET: &str = "does not reach";

/// How the reason of a host fault begins if the host could not fetch what another keeps.
pub const UNFETCHED: &str = "cannot fetch the arguments";

/// Why a host does not take a point into use.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Refusal {
    /// The closure it is about, if it is about one.
    #[n(0)]
    pub closure: Option<u32>,
    /// What is wrong, and what to do.
    #[cbor(n(1), with = "crate::reason")]
    pub reason: String,
}

/// What a host says on the control stream.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum HostControl {
    /// Answers the hub's Hello.
    #[n(0)]
    Hello {
        /// [`PROTOCOL_VERSION`].
        #[n(0)]
        version: u32,
        /// Optional parts of the protocol this host knows.
        #[n(1)]
        features: Vec<String>,
        /// What it is.
        #[n(2)]
        info: HostInfo,
    },
    /// All closures of the point are defined here.
    #[n(1)]
    Prepared {
        /// The point.
        #[n(0)]
        point: Point,
        /// How long fetching took, in microseconds.
        #[n(1)]
        fetch_us: u64,
        /// How long verifying and compiling took, in microseconds.
        #[n(2)]
        compile_us: u64,
    },
    /// The host stays out of the point.
    #[n(2)]
    Refused {
        /// The point.
        #[n(0)]
        point: Point,
        /// Why.
        #[n(1)]
        refusals: Vec<Refusal>,
    },
    /// The point is in force here.
    #[n(3)]
    Online {
        /// The point.
        #[n(0)]
        point: Point,
        /// How many tasks the hub may have here at once. Every result gives one back.
        #[n(1)]
        credits: u32,
    },
    /// Nothing of the point is left here.
    #[n(4)]
    Concluded {
        /// The point.
        #[n(0)]
        point: Point,
    },
    /// Asks to go on.
    #[n(5)]
    LeaseRequest {
        /// Numbers the requests of this stream.
        #[n(0)]
        request: u64,
    },
    /// Nothing follows, and this is why.
    #[n(6)]
    Bye {
        /// For people.
        #[cbor(n(0), with = "crate::reason")]
        reason: String,
    },
    /// The host is busy with a point that it was asked to prepare, or, online, with a fallback that tasks wait for.
    /// Only for people: it changes nothing, and a host that is quick need not send it.
    #[n(7)]
    Preparing {
        /// The point.
        #[n(0)]
        point: Point,
        /// Index of the closure that it is busy with.
        #[n(1)]
        closure: u32,
        /// What it does.
        #[n(2)]
        step: PrepareStep,
        /// How far it is with that, in thousandths, if it knows. A fallback that was compiled to the last of them is
        /// not waited for any more.
        #[n(3)]
        permille: Option<u32>,
    },
}

/// What the hub says on the work stream.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum HubWork {
    /// Tasks to run, in this order.
    #[n(0)]
    Tasks {
        /// The point they belong to.
        #[n(0)]
        point: Point,
        /// The tasks.
        #[n(1)]
        tasks: Vec<Task>,
    },
    /// Tasks to be given back if they have not started, so that others can run them. Answered by
    /// [`HostWork::Unstarted`].
    #[n(1)]
    Recall {
        /// The point they belong to.
        #[n(0)]
        point: Point,
        /// The tasks.
        #[n(1)]
        tasks: Vec<TaskId>,
    },
    /// The answer to a [`HostWork::Asked`]. Dropped if the task is gone.
    #[n(2)]
    Answered {
        /// The point the task belongs to.
        #[n(0)]
        point: Point,
        /// The task.
        #[n(1)]
        id: TaskId,
        /// The attempt that asked.
        #[n(2)]
        attempt: u32,
        /// The number of its question.
        #[n(3)]
        number: u64,
        /// The answer.
        #[n(4)]
        answer: Answer,
    },
    /// The least value that a task of the run is known to have found, an `f64` of these bits.
    #[n(3)]
    Bound {
        /// The point the run is at.
        #[n(0)]
        point: Point,
        /// Bits of the value.
        #[n(1)]
        bound: u64,
    },
    /// Kept results and messages that nobody needs any more.
    #[n(4)]
    Free {
        /// The point they belong to.
        #[n(0)]
        point: Point,
        /// The blobs. One that was kept twice is named twice.
        #[n(1)]
        blobs: Vec<ContentId>,
    },
}

/// What a host says on the work stream.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum HostWork {
    /// Tasks that ended.
    #[n(0)]
    Results {
        /// The point they belong to.
        #[n(0)]
        point: Point,
        /// The results.
        #[n(1)]
        results: Vec<TaskResult>,
    },
    /// What a running task printed.
    #[n(1)]
    Output {
        /// The point it belongs to.
        #[n(0)]
        point: Point,
        /// The task.
        #[n(1)]
        id: TaskId,
        /// The attempt.
        #[n(2)]
        attempt: u32,
        /// UTF-8.
        #[cbor(n(3), with = "minicbor::bytes")]
        output: Vec<u8>,
    },
    /// Which of the tasks of a [`HubWork::Recall`] had not started. The host has forgotten these.
    #[n(2)]
    Unstarted {
        /// The point they belong to.
        #[n(0)]
        point: Point,
        /// The tasks, and the attempt each was to be.
        #[n(1)]
        tasks: Vec<(TaskId, u32)>,
    },
    /// What a running task wants of its manager.
    #[n(3)]
    Asked {
        /// The point it belongs to.
        #[n(0)]
        point: Point,
        /// The task.
        #[n(1)]
        id: TaskId,
        /// The attempt.
        #[n(2)]
        attempt: u32,
        /// Counts the questions of the attempt.
        #[n(3)]
        number: u64,
        /// The question.
        #[n(4)]
        question: Question,
    },
}

/// Why a frame was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Longer than [`FRAME_BYTES_MAX`].
    #[error("frame of {bytes} bytes is over the limit of {FRAME_BYTES_MAX}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Not a frame.
    #[error("frame cannot be read")]
    Malformed(#[source] minicbor::decode::Error),
    /// Bytes after the frame.
    #[error("frame ends after {read} of {bytes} bytes")]
    Trailing {
        /// Where it ends.
        read: usize,
        /// How many bytes there are.
        bytes: usize,
    },
    /// More entries, or longer ones, than its kind may have.
    #[error("frame has {count} {what}, over the limit of {limit}")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// How many.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
}

/// A kind of frame: what a stream carries one way.
pub trait Frame: Sized + Encode<()> + for<'b> Decode<'b, ()> {
    /// Fails if a list or a text in the frame is longer than it may be.
    ///
    /// # Errors
    /// [`FrameError::TooMany`] for the first of them.
    fn check(&self) -> Result<(), FrameError>;

    /// The frame's bytes, without a length before them.
    fn to_bytes(&self) -> Vec<u8> {
        minicbor::to_vec(self).expect("writing to a Vec does not fail")
    }

    /// Reads a frame and checks its limits.
    ///
    /// # Errors
    /// If it is too long, is no such frame, or holds more than it may.
    fn from_bytes(bytes: &[u8]) -> Result<Self, FrameError> {
        if bytes.len() > FRAME_BYTES_MAX {
            return Err(FrameError::TooLong { bytes: bytes.len() });
        }
        let mut decoder = minicbor::Decoder::new(bytes);
        let frame: Self = decoder.decode().map_err(FrameError::Malformed)?;
        if decoder.position() < bytes.len() {
            return Err(FrameError::Trailing { read: decoder.position(), bytes: bytes.len() });
        }
        frame.check()?;
        Ok(frame)
    }
}
