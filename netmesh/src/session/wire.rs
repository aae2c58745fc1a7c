//! What opens a stream of `/spm/session/1`, before its frames.

use minicbor::{Decode, Encode};
use spm_protocol::{Certificate, SessionId};

/// Version of the preamble and of the streams' framing.
pub(crate) const VERSION: u32 = 1;

/// Which of a session's two streams this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub(crate) enum Kind {
    #[n(0)]
    Control,
    #[n(1)]
    Work,
}

/// Sent by the end that opens the stream.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Preamble {
    #[n(0)]
    pub(crate) version: u32,
    #[n(1)]
    pub(crate) session: SessionId,
    #[n(2)]
    pub(crate) kind: Kind,
    #[n(3)]
    pub(crate) certificate: Certificate,
}

/// The other end's answer, once it has both streams.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) enum Answer {
    #[n(0)]
    Accepted {
        #[n(0)]
        certificate: Certificate,
    },
    #[n(1)]
    Refused {
        #[n(0)]
        reason: String,
    },
}
