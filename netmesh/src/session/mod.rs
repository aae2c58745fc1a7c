//! Session channels: two streams between the same two peers, opened together, each end certified.

mod accept;
mod open;
pub(crate) mod wire;

use libp2p::PeerId;
use spm_protocol::{CertificateError, Certified, SessionId};
use tokio::sync::mpsc;

pub(crate) use accept::SessionAcceptor;
pub(crate) use open::open;

use crate::{
    mesh::{DialError, OpenStreamError},
    message::MessageError,
    pipe::Pipe,
};

/// A session's streams to one peer. Dropping a pipe closes its stream.
#[derive(Debug)]
pub struct SessionChannel {
    /// For what steers the session.
    pub control: Pipe,
    /// For tasks and results.
    pub work: Pipe,
    /// What the peer's certificate proved.
    pub remote: Certified,
}

/// A session that a peer opened.
#[derive(Debug)]
pub struct IncomingSession {
    /// The transport peer that opened it.
    pub peer: PeerId,
    /// Whom that peer acts for. Whether to trust them is for the receiver to decide.
    pub owner: PeerId,
    /// The session's id, as the peer says.
    pub session: SessionId,
    /// Its streams.
    pub channel: SessionChannel,
}

/// Sessions that peers open. While none is held, sessions are refused.
#[derive(Debug)]
pub struct IncomingSessions {
    pub(crate) receiver: mpsc::Receiver<IncomingSession>,
}

impl IncomingSessions {
    /// The next session, or `None` once the mesh has stopped or another receiver was made. Cancel safe.
    pub async fn recv(&mut self) -> Option<IncomingSession> {
        self.receiver.recv().await
    }
}

/// Why a session was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenSessionError {
    /// The peer could not be reached.
    #[error("cannot reach peer `{peer}`")]
    Unreachable {
        /// The peer.
        peer: PeerId,
        /// Why not.
        source: DialError,
    },
    /// A stream could not be opened.
    #[error("cannot open a stream to peer `{peer}`")]
    Stream {
        /// The peer.
        peer: PeerId,
        /// Why not.
        source: OpenStreamError,
    },
    /// The peer did not say what it should.
    #[error("peer `{peer}` broke off opening the session")]
    Preamble {
        /// The peer.
        peer: PeerId,
        /// How.
        source: MessageError,
    },
    /// The peer's certificate is not good.
    #[error("certificate of peer `{peer}` is refused")]
    Certificate {
        /// The peer.
        peer: PeerId,
        /// What is wrong with it.
        source: CertificateError,
    },
    /// The peer showed certificates of two owners.
    #[error("peer `{peer}` acts for two owners in one session")]
    TwoOwners {
        /// The peer.
        peer: PeerId,
    },
    /// The peer refused.
    #[error("peer `{peer}` refused the session: {reason}")]
    Refused {
        /// The peer.
        peer: PeerId,
        /// Its reason, in its words.
        reason: String,
    },
    /// The peer did not answer in time.
    #[error("peer `{peer}` did not answer in time")]
    TimedOut {
        /// The peer.
        peer: PeerId,
    },
    /// The mesh was stopped.
    #[error("mesh is stopped")]
    Stopped,
}
