//! How the hub reaches hosts and hands out blobs: two traits, so that in-process hosts and mesh peers look
//! the same.

use bytes::Bytes;
use futures::future::BoxFuture;
use spm_netmesh::Pipe;
use spm_protocol::{ContentId, PeerId, SessionId};

use crate::closure::Blob;

/// The two streams of one session on one host.
#[derive(Debug)]
pub struct SessionChannel {
    /// Carries `HubControl` and `HostControl`.
    pub control: Pipe,
    /// Carries `HubWork` and `HostWork`.
    pub work: Pipe,
}

/// Why a host could not be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// It may be reachable later.
    #[error("host cannot be reached: {reason}")]
    Unreachable {
        /// What happened.
        reason: String,
    },
    /// It will not talk to us; trying again is of no use.
    #[error("host refuses the session: {reason}")]
    Refused {
        /// What it said.
        reason: String,
    },
}

/// Why a blob could not be fetched from a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("blob {id} could not be fetched: {reason}")]
pub struct FetchError {
    /// The blob.
    pub id: ContentId,
    /// What happened.
    pub reason: String,
}

/// One way to reach one host.
pub trait Connect: Send + Sync + 'static {
    /// The host.
    fn peer(&self) -> PeerId;

    /// Where other hosts reach it, as a binary multiaddress; none for hosts of one process.
    fn address(&self) -> Option<Vec<u8>> {
        None
    }

    /// Opens the streams of `session`.
    fn connect(
        &self,
        session: SessionId,
    ) -> BoxFuture<'static, Result<SessionChannel, ConnectError>>;

    /// Fetches a result that was too large for a frame, verified against its id.
    fn fetch(
        &self,
        session: SessionId,
        id: ContentId,
        bytes: u64,
    ) -> BoxFuture<'static, Result<Bytes, FetchError>>;
}

/// Where hosts get the hub's blobs from: components, payloads and large arguments.
///
/// A blob may be added more than once, and is kept until it was removed as often.
pub trait Blobs: Send + Sync + 'static {
    /// Makes a blob available to the members of `session`.
    fn add(&self, session: SessionId, blob: &Blob);

    /// Adds a blob once more that was added before, and not removed.
    fn add_again(&self, session: SessionId, id: ContentId);

    /// Takes one addition back.
    fn remove(&self, session: SessionId, id: ContentId);

    /// Says which peers may fetch the blobs of `session` from now on.
    fn admit(&self, session: SessionId, members: &[PeerId]);

    /// Drops what is left of `session`.
    fn end(&self, session: SessionId);
}
