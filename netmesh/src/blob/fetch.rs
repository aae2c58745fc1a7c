//! Fetches a blob from providers, one after the other, verified piece by piece.

use futures::AsyncRead;
use libp2p::PeerId;
use spm_protocol::{ContentId, SessionId};
use tokio::time::{error::Elapsed, timeout};

use super::{
    PutError,
    verify::{DecodeError, Decoder, chunk_at},
    wire::{Answer, Request},
};
use crate::{
    limits::{BLOB_PREALLOCATION_BYTES_MAX, BLOB_STALL_TIMEOUT},
    mesh::{DialError, OpenStreamError},
    message::{self, MessageError},
};

/// Why a blob was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Nobody provided it.
    #[error("no provider sent blob `{id}` ({})", list(tried))]
    NoProvider {
        /// The blob.
        id: ContentId,
        /// What became of each provider, in order.
        tried: Vec<(PeerId, ProviderError)>,
    },
    /// It does not fit in the store.
    #[error("blob `{id}` cannot be kept")]
    Store {
        /// The blob.
        id: ContentId,
        /// Why not.
        source: PutError,
    },
    /// It is here, but longer than expected.
    #[error("blob `{id}` has {bytes} bytes, more than the {bytes_max} expected")]
    TooLarge {
        /// The blob.
        id: ContentId,
        /// Its length.
        bytes: u64,
        /// What was expected.
        bytes_max: u64,
    },
    /// The mesh was stopped.
    #[error("mesh is stopped")]
    Stopped,
}

/// Why one provider did not provide.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// It cannot be reached.
    #[error("cannot be reached")]
    Unreachable(#[from] DialError),
    /// No stream could be opened.
    #[error("opens no stream")]
    Stream(#[from] OpenStreamError),
    /// It did not say what it should.
    #[error("broke off: {0}")]
    Message(#[from] MessageError),
    /// It does not share the blob with us in this session.
    #[error("does not share it with us")]
    NotShared,
    /// It serves others now.
    #[error("is busy")]
    Busy,
    /// It announces more bytes than expected.
    #[error("announces {bytes} bytes, more than the {bytes_max} expected")]
    TooLarge {
        /// What it announces.
        bytes: u64,
        /// What was expected.
        bytes_max: u64,
    },
    /// It announces fewer bytes than were verified already.
    #[error("announces {bytes} bytes, fewer than the {verified_bytes} already verified")]
    TooSmall {
        /// What it announces.
        bytes: u64,
        /// What had been verified.
        verified_bytes: u64,
    },
    /// It sent bytes that are not the blob's.
    #[error("sent bytes at {offset} that are not the blob's")]
    Tampered {
        /// Where.
        offset: u64,
    },
    /// The stream broke.
    #[error("broke off")]
    Broken(#[source] std::io::Error),
    /// It sent nothing for too long.
    #[error("sent nothing for {} s", BLOB_STALL_TIMEOUT.as_secs())]
    Stalled,
}

impl From<DecodeError> for ProviderError {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::Io(error) => Self::Broken(error),
            DecodeError::Bad { offset } => Self::Tampered { offset },
        }
    }
}

impl From<Elapsed> for ProviderError {
    fn from(_: Elapsed) -> Self {
        Self::Stalled
    }
}

/// Each provider and its reason, as one line.
fn list(tried: &[(PeerId, ProviderError)]) -> String {
    if tried.is_empty() {
        return "none was named".to_owned();
    }
    let each: Vec<_> = tried.iter().map(|(peer, error)| format!("`{peer}` {error}")).collect();
    each.join("; ")
}

/// Reads the rest of a blob from one provider's stream. `verified` grows by verified bytes alone, and is
/// where the next provider goes on if this one fails.
pub(crate) async fn fetch_from(
    stream: &mut (impl AsyncRead + futures::AsyncWrite + Unpin),
    session: SessionId,
    id: ContentId,
    bytes_max: u64,
    verified: &mut Vec<u8>,
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<(), ProviderError> {
    let first_chunk = chunk_at(verified.len());
    let request = Request { session, id, first_chunk };
    timeout(BLOB_STALL_TIMEOUT, message::write(stream, &request)).await??;
    let bytes = match timeout(BLOB_STALL_TIMEOUT, message::read(stream)).await?? {
        Answer::Follows { bytes } => bytes,
        Answer::NotShared => return Err(ProviderError::NotShared),
        Answer::Busy => return Err(ProviderError::Busy),
    };
    if bytes > bytes_max {
        return Err(ProviderError::TooLarge { bytes, bytes_max });
    }
    let verified_bytes = verified.len() as u64;
    if verified_bytes > 0 && bytes <= verified_bytes {
        return Err(ProviderError::TooSmall { bytes, verified_bytes });
    }
    let mut decoder = Decoder::new(*id.digest(), bytes, first_chunk);
    while let Some(leaf) = timeout(BLOB_STALL_TIMEOUT, decoder.next(stream)).await?? {
        if verified.capacity() - verified.len() < leaf.len() {
            // Twice the verified bytes, not what is announced; but never more than that.
            let left = bytes as usize - verified.len();
            verified.reserve_exact(left.min(verified.len().max(BLOB_PREALLOCATION_BYTES_MAX)));
        }
        verified.extend_from_slice(leaf);
        progress(verified.len() as u64, bytes);
    }
    Ok(())
}
