//! The signed record that says what a closure is and what it may use.

use libp2p_identity::{Keypair, PeerId, PublicKey};
use minicbor::{Decode, Encode};

use crate::ids::{ContentId, SessionId};
use crate::limits::CLOCK_SKEW_MS;

/// Separates these signatures from all others made with the same key.
const DOMAIN: &[u8] = b"spm manifest 1\0";

/// What made a Python function a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum Engine {
    /// SPM's own compiler.
    #[n(0)]
    Native,
    /// `CPython` in Wasm.
    #[n(1)]
    Python,
    /// `CPython` with `NumPy`, `SciPy` and pandas in Wasm.
    #[n(2)]
    Scientific,
    /// Any other language, through the guest SDK.
    #[n(3)]
    Guest,
}

impl Engine {
    /// Its name in Python and in logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Python => "python",
            Self::Scientific => "scientific",
            Self::Guest => "guest",
        }
    }
}

/// What a closure asks for beyond computing. Hosts grant or refuse it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum Capability {
    /// Wall and monotonic clocks.
    #[n(0)]
    Clock,
    /// Random bytes from the host.
    #[n(1)]
    Random,
    /// One environment variable of the host.
    #[n(2)]
    Environment(#[n(0)] String),
    /// A folder of the host, read-only.
    #[n(3)]
    ReadOnlyFolder(#[n(0)] String),
}

/// A text that names no capability.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no capability: there are `clock`, `random`, `env:NAME` and `fs:ro:/PATH`")]
pub struct UnknownCapability {
    text: String,
}

impl std::str::FromStr for Capability {
    type Err = UnknownCapability;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let folder = text.strip_prefix("fs:ro:").filter(|folder| folder.starts_with('/'));
        let variable = text.strip_prefix("env:").filter(|name| !name.is_empty());
        match (text, variable, folder) {
            ("clock", ..) => Ok(Self::Clock),
            ("random", ..) => Ok(Self::Random),
            (_, Some(name), _) => Ok(Self::Environment(name.to_owned())),
            (_, _, Some(folder)) => Ok(Self::ReadOnlyFolder(folder.to_owned())),
            _ => Err(UnknownCapability { text: text.to_owned() }),
        }
    }
}

impl std::fmt::Display for Capability {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Clock => formatter.write_str("clock"),
            Self::Random => formatter.write_str("random"),
            Self::Environment(name) => write!(formatter, "env:{name}"),
            Self::ReadOnlyFolder(folder) => write!(formatter, "fs:ro:{folder}"),
        }
    }
}

/// Whether instances are thrown away after each task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Isolation {
    /// Every task gets a fresh instance.
    #[n(0)]
    Task,
    /// One instance for each slot, for the length of the session.
    #[n(1)]
    Session,
}

/// What one task may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct TaskLimits {
    /// Linear memory, in bytes.
    #[n(0)]
    pub memory_bytes: u64,
    /// Units of fuel, if they are counted at all.
    #[n(1)]
    pub fuel: Option<u64>,
    /// Milliseconds a task may run, unless the task says otherwise.
    #[n(2)]
    pub deadline_ms: Option<u64>,
}

/// What a closure is.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Manifest {
    /// Its qualified name in Python, for messages.
    #[n(0)]
    pub name: String,
    /// The component.
    #[n(1)]
    pub component: ContentId,
    /// Length of the component.
    #[n(2)]
    pub component_bytes: u64,
    /// What made it.
    #[n(3)]
    pub engine: Engine,
    /// What `define` is to be given, and its length.
    #[n(4)]
    pub payload: Option<(ContentId, u64)>,
    /// Index, in the same sequence point, of the closure that runs what this one cannot.
    #[n(5)]
    pub fallback: Option<u32>,
    /// Names of the classes that values and exceptions name by index. Only the submitter gives
    /// them a meaning.
    #[n(6)]
    pub classes: Vec<String>,
    /// What a task may use.
    #[n(7)]
    pub limits: TaskLimits,
    /// What it asks for.
    #[n(8)]
    pub capabilities: Vec<Capability>,
    /// Whether instances outlive a task.
    #[n(9)]
    pub isolation: Isolation,
    /// Digest of the Python source it was made from.
    #[n(10)]
    pub source: ContentId,
    /// Version of the compiler that made it.
    #[n(11)]
    pub compiler: String,
    /// The session it is for.
    #[n(12)]
    pub session: SessionId,
    /// When it stops being valid, in milliseconds of Unix time.
    #[n(13)]
    pub expires_unix_ms: u64,
}

/// A manifest and its submitter's signature.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SignedManifest {
    #[cbor(n(0), with = "minicbor::bytes")]
    manifest: Vec<u8>,
    #[cbor(n(1), with = "minicbor::bytes")]
    signature: Vec<u8>,
}

/// Why a signed manifest is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not a manifest.
    #[error("manifest cannot be read")]
    Malformed(#[source] minicbor::decode::Error),
    /// Not signed by the submitter.
    #[error("manifest's signature is wrong")]
    BadSignature,
    /// Made for another session.
    #[error("manifest of `{name}` is for session {session}")]
    OtherSession {
        /// The closure.
        name: String,
        /// The session it is for.
        session: SessionId,
    },
    /// Its time has passed.
    #[error("manifest of `{name}` expired at {expires_unix_ms} ms of Unix time")]
    Expired {
        /// The closure.
        name: String,
        /// When it did.
        expires_unix_ms: u64,
    },
}

impl SignedManifest {
    /// Signs `manifest` with the submitter's transport key.
    ///
    /// # Panics
    /// Never for Ed25519 keys, the only kind SPM makes.
    pub fn sign(manifest: &Manifest, key: &Keypair) -> Self {
        let manifest = minicbor::to_vec(manifest).expect("writing to a Vec does not fail");
        let signature =
            key.sign(&[DOMAIN, &manifest].concat()).expect("Ed25519 signing does not fail");
        Self { manifest, signature }
    }

    /// Checks as [`Self::verify`] does, with the key that the id of an Ed25519 peer holds.
    ///
    /// # Errors
    /// Says which check fails; an id that holds no key has signed nothing.
    pub fn verify_by(
        &self,
        peer: PeerId,
        session: SessionId,
        now_unix_ms: u64,
    ) -> Result<Manifest, ManifestError> {
        let key = PublicKey::try_decode_protobuf(peer.as_ref().digest())
            .ok()
            .filter(|key| key.to_peer_id() == peer)
            .ok_or(ManifestError::BadSignature)?;
        self.verify(&key, session, now_unix_ms)
    }

    /// Checks signature, session and expiry.
    ///
    /// # Errors
    /// Says which of these fails.
    pub fn verify(
        &self,
        key: &PublicKey,
        session: SessionId,
        now_unix_ms: u64,
    ) -> Result<Manifest, ManifestError> {
        if !key.verify(&[DOMAIN, &self.manifest].concat(), &self.signature) {
            return Err(ManifestError::BadSignature);
        }
        let manifest: Manifest =
            minicbor::decode(&self.manifest).map_err(ManifestError::Malformed)?;
        if manifest.session != session {
            return Err(ManifestError::OtherSession {
                name: manifest.name,
                session: manifest.session,
            });
        }
        if manifest.expires_unix_ms.saturating_add(CLOCK_SKEW_MS) <= now_unix_ms {
            return Err(ManifestError::Expired {
                name: manifest.name,
                expires_unix_ms: manifest.expires_unix_ms,
            });
        }
        Ok(manifest)
    }
}
