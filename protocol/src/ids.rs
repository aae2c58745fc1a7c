//! Identifiers. Each is its own type, so that one cannot stand in for another.

use std::fmt;
use std::str::FromStr;

use cid::Cid;
use cid::multihash::Multihash;
use minicbor::{Decode, Encode};

/// Multicodec of raw bytes.
const CODEC_RAW: u64 = 0x55;
/// Multicodec of a BLAKE3 hash.
const HASH_BLAKE3: u64 = 0x1e;

/// The content address of a blob: `CIDv1`, raw codec, BLAKE3-256. Equal ids mean equal bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct ContentId(#[cbor(n(0), with = "minicbor::bytes")] [u8; 32]);

impl ContentId {
    /// The id of `content`.
    pub fn of(content: &[u8]) -> Self {
        Self(*blake3::hash(content).as_bytes())
    }

    /// The id whose BLAKE3 digest is `digest`.
    pub const fn from_digest(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The BLAKE3 digest of the content.
    pub const fn digest(&self) -> &[u8; 32] {
        &self.0
    }

    /// The same id as a `CIDv1`, as other tools know it.
    pub fn cid(&self) -> Cid {
        let multihash =
            Multihash::wrap(HASH_BLAKE3, &self.0).expect("32 bytes fit a 64-byte multihash");
        Cid::new_v1(CODEC_RAW, multihash)
    }
}

impl fmt::Display for ContentId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cid().fmt(formatter)
    }
}

impl fmt::Debug for ContentId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ContentId({self})")
    }
}

/// Why a text is not a [`ContentId`].
#[derive(Debug, thiserror::Error)]
pub enum ParseContentIdError {
    /// Not a CID at all.
    #[error("`{text}` is not a CID")]
    Syntax {
        /// What was given.
        text: String,
        /// What the parser said.
        source: cid::Error,
    },
    /// A CID, but not of raw bytes under BLAKE3-256.
    #[error("`{text}` is not a raw BLAKE3-256 CID")]
    Kind {
        /// What was given.
        text: String,
    },
}

impl FromStr for ContentId {
    type Err = ParseContentIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let cid = Cid::from_str(text)
            .map_err(|source| ParseContentIdError::Syntax { text: text.to_owned(), source })?;
        let kind = || ParseContentIdError::Kind { text: text.to_owned() };
        if cid.codec() != CODEC_RAW || cid.hash().code() != HASH_BLAKE3 {
            return Err(kind());
        }
        let digest: [u8; 32] = cid.hash().digest().try_into().map_err(|_| kind())?;
        Ok(Self(digest))
    }
}

/// One hub's conversation with its hosts; drawn at random by the hub.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct SessionId(#[cbor(n(0), with = "minicbor::bytes")] [u8; 16]);

impl SessionId {
    /// The session whose random id is `bytes`.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The random id.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            write!(formatter, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SessionId({self})")
    }
}

macro_rules! number {
    ($($(#[$doc:meta])* $name:ident;)+) => {
        $(
            $(#[$doc])*
            #[derive(
                Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode,
            )]
            #[cbor(transparent)]
            pub struct $name(#[n(0)] pub u64);

            impl fmt::Display for $name {
                fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                    self.0.fmt(formatter)
                }
            }
        )+
    };
}

number! {
    /// The `n` of a sequence point `(session, n)`. The first one of a session is 1.
    Point;
    /// A task, unique within its session; results echo it.
    TaskId;
    /// One life of a host process. A host that restarts, or whose stream broke, has a new one.
    Incarnation;
}
