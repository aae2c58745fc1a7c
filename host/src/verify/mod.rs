//! What a closure must be before any of it is compiled: signed by who sent it, what it says it is, and within
//! this host's bounds.
//!
//! Pure functions. Each refusal is one sentence that says what is wrong and, where the host's owner can do
//! something about it, what.

mod component;
mod contents;

use std::collections::BTreeSet;

use spm_protocol::limits::{COMPONENT_BYTES_MAX, MIB, VALUE_BYTES_MAX};
use spm_protocol::manifest::Capability;
use spm_protocol::manifest::ManifestError;
use spm_protocol::{Certified, ContentId, Engine, Manifest, PeerId, SessionId, SignedManifest};

use crate::sandbox::GrantError;

pub use component::{ComponentError, check_component};
pub(crate) use component::{check_limits, validate};
pub use contents::{Contents, Export, Import, Range, contents};

/// Whose closures a host runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submitters {
    /// Anyone's: for hosts in the submitter's own process.
    Any,
    /// Those of these owners.
    Owners(BTreeSet<PeerId>),
}

/// What a host lets closures use beyond computing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grants {
    /// Whatever they ask for: for hosts in the submitter's own process, on whose machine that is.
    Any,
    /// These.
    These(BTreeSet<Capability>),
}

impl Grants {
    fn has(&self, capability: &Capability) -> bool {
        match self {
            Self::Any => true,
            Self::These(these) => these.contains(capability),
        }
    }
}

/// What a host offers to closures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Whose closures it runs.
    pub submitters: Submitters,
    /// The engines it has.
    pub engines: Vec<Engine>,
    /// What it lets them use.
    pub grants: Grants,
    /// Memory that one task may ask for.
    pub task_memory_bytes: u64,
}

/// Why a host does not take a closure.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The host's owner does not know the submitter.
    #[error("submitter `{owner}` is not allowed here: start spm-host with --allow {owner}")]
    Submitter {
        /// Whom the submitter acts for.
        owner: PeerId,
    },
    /// The session outlived the submitter's certificate.
    #[error("the submitter's certificate expired at {expires_unix_ms} ms of Unix time")]
    CertificateExpired {
        /// When it did.
        expires_unix_ms: u64,
    },
    /// The manifest proves nothing.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The host does not have the engine.
    #[error("engine `{}` is not offered by this host", engine.name())]
    Engine {
        /// What the closure is for.
        engine: Engine,
    },
    /// The host's owner does not grant it.
    #[error(
        "capability `{capability}` is not granted by this host: start spm-host with --grant {capability}"
    )]
    Capability {
        /// What the closure asks for.
        capability: Capability,
    },
    /// No host can give it.
    #[error(transparent)]
    NotOffered(#[from] GrantError),
    /// A task would need more memory than the host gives one.
    #[error("asks for {} MiB, this host allows {} MiB", mebibytes(*asked_bytes), mebibytes(*allowed_bytes))]
    Memory {
        /// What it asks for.
        asked_bytes: u64,
        /// What it may have.
        allowed_bytes: u64,
    },
    /// A blob is larger than any may be.
    #[error("{what} of {bytes} bytes is over the limit of {limit}")]
    TooLarge {
        /// Which blob.
        what: &'static str,
        /// Its length.
        bytes: u64,
        /// The limit.
        limit: usize,
    },
    /// Its fallback is no closure of the same sequence point.
    #[error("its fallback, closure {fallback}, is not in the sequence point")]
    Fallback {
        /// The index it names.
        fallback: u32,
    },
    /// The bytes are not what their id says.
    #[error("blob's content does not match its id `{id}`")]
    Content {
        /// The id.
        id: ContentId,
    },
    /// The component is not one this host takes.
    #[error(transparent)]
    Component(#[from] ComponentError),
}

fn mebibytes(bytes: u64) -> u64 {
    bytes.div_ceil(MIB as u64)
}

/// Checks that the host runs closures of this submitter.
///
/// # Errors
/// If its owner is not allowed, or its certificate has expired.
pub fn check_submitter(
    offer: &Offer,
    submitter: &Certified,
    now_unix_ms: u64,
) -> Result<(), VerifyError> {
    if let Submitters::Owners(owners) = &offer.submitters
        && !owners.contains(&submitter.owner)
    {
        return Err(VerifyError::Submitter { owner: submitter.owner });
    }
    let expires_unix_ms = submitter.expires_unix_ms;
    if expires_unix_ms.saturating_add(spm_protocol::limits::CLOCK_SKEW_MS) <= now_unix_ms {
        return Err(VerifyError::CertificateExpired { expires_unix_ms });
    }
    Ok(())
}

/// Checks a manifest's signature and all that can be said without its blobs.
///
/// # Errors
/// Says the first thing that is wrong.
pub fn check_manifest(
    offer: &Offer,
    signed: &SignedManifest,
    submitter: &Certified,
    session: SessionId,
    closures: usize,
    now_unix_ms: u64,
) -> Result<Manifest, VerifyError> {
    let manifest = signed.verify_by(submitter.transport, session, now_unix_ms)?;
    if !offer.engines.contains(&manifest.engine) {
        return Err(VerifyError::Engine { engine: manifest.engine });
    }
    for capability in &manifest.capabilities {
        // Nobody could grant it: to name a flag would send the user in circles.
        if let Capability::ReadOnlyFolder(folder) = capability {
            return Err(GrantError::Folder { folder: folder.clone() }.into());
        }
    }
    let refused = manifest.capabilities.iter().find(|capability| !offer.grants.has(capability));
    if let Some(capability) = refused {
        return Err(VerifyError::Capability { capability: capability.clone() });
    }
    if manifest.limits.memory_bytes > offer.task_memory_bytes {
        return Err(VerifyError::Memory {
            asked_bytes: manifest.limits.memory_bytes,
            allowed_bytes: offer.task_memory_bytes,
        });
    }
    if manifest.component_bytes > COMPONENT_BYTES_MAX as u64 {
        return Err(VerifyError::TooLarge {
            what: "component",
            bytes: manifest.component_bytes,
            limit: COMPONENT_BYTES_MAX,
        });
    }
    if let Some((_, bytes)) = manifest.payload
        && bytes > VALUE_BYTES_MAX as u64
    {
        return Err(VerifyError::TooLarge { what: "payload", bytes, limit: VALUE_BYTES_MAX });
    }
    if let Some(fallback) = manifest.fallback
        && fallback as usize >= closures
    {
        return Err(VerifyError::Fallback { fallback });
    }
    Ok(manifest)
}

/// Checks that a blob is what its id says.
///
/// # Errors
/// If it is not.
pub fn check_content(id: ContentId, content: &[u8]) -> Result<(), VerifyError> {
    if ContentId::of(content) == id { Ok(()) } else { Err(VerifyError::Content { id }) }
}
