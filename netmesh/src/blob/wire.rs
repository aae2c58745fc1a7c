//! What opens a stream of `/spm/blob/1`, before the verified chunks.

use minicbor::{Decode, Encode};
use spm_protocol::{ContentId, SessionId};

/// Asks for a blob from a chunk to its end.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Request {
    /// The session both are members of.
    #[n(0)]
    pub(crate) session: SessionId,
    #[n(1)]
    pub(crate) id: ContentId,
    /// The first chunk (of 1 KiB) wanted; the start of a chunk group.
    #[n(2)]
    pub(crate) first_chunk: u64,
}

/// Answers a [`Request`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) enum Answer {
    /// The chunks follow, as `bao-tree` encodes them.
    #[n(0)]
    Follows {
        /// Length of the whole blob.
        #[n(0)]
        bytes: u64,
    },
    /// No such blob is shared with the asker in that session; whether it exists is not said.
    #[n(1)]
    NotShared,
    /// Too many blobs are being served; ask again later or elsewhere.
    #[n(2)]
    Busy,
}
