//! Who this process is: its owner's key, kept on disk, and the transport key it meets peers with.
//!
//! **Which id do users see?** Trust is in the *owner*: `trust=`, `--allow` and certificates name the peer id
//! of the owner's key. libp2p checks the `/p2p/…` part of an address against the *transport* key.
//!
//! * A process that others dial ([`Identity::load_or_create`], for hosts) uses the owner's key as its
//!   transport key. Its addresses stay valid across restarts, and the id in them is the id that is trusted:
//!   users see one id. Noise, TLS and certificates each sign under a prefix of their own, so none of these
//!   signatures can pass for another.
//! * A process that dials ([`Identity::load_or_create_with_fresh_transport`], for hubs) makes a transport key
//!   of its own, so any number of them can run for one owner at the same time, with a host beside them.
//!
//! Either way the owner's key certifies the transport key for a limited time, and session streams exchange
//! and check these certificates; no other code needs to know which way it was.

use std::{
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use libp2p::{PeerId, identity::Keypair};
use spm_protocol::{Certificate, limits::SIGNATURE_LIFETIME_MS};

use crate::key_file::{self, IdentityError};

/// Name of the key file in a state folder.
pub const KEY_FILE: &str = "identity.key";

/// The keys of this process. Clones are the same identity.
#[derive(Clone)]
pub struct Identity {
    owner: Keypair,
    transport: Keypair,
}

impl Identity {
    /// The identity kept in `dir`, made there first if need be. The transport key is the owner's key, so
    /// addresses with its id stay valid: for processes that others dial, one per key at a time.
    pub fn load_or_create(dir: &Path) -> Result<Self, IdentityError> {
        let owner = key_file::load_or_create(dir)?;
        Ok(Self { transport: owner.clone(), owner })
    }

    /// The owner kept in `dir`, made there first if need be, with a new transport key: for processes that
    /// dial others.
    pub fn load_or_create_with_fresh_transport(dir: &Path) -> Result<Self, IdentityError> {
        Ok(Self { owner: key_file::load_or_create(dir)?, transport: Keypair::generate_ed25519() })
    }

    /// A new owner that is kept nowhere, with a transport key of its own.
    pub fn ephemeral() -> Self {
        Self::from_keys(Keypair::generate_ed25519(), Keypair::generate_ed25519())
    }

    /// An identity of these keys.
    pub fn from_keys(owner: Keypair, transport: Keypair) -> Self {
        Self { owner, transport }
    }

    /// Another process of the same owner: the same owner's key and a new transport key.
    #[must_use]
    pub fn with_fresh_transport(&self) -> Self {
        Self::from_keys(self.owner.clone(), Keypair::generate_ed25519())
    }

    /// The peer id of the owner's key: whom others trust or not.
    pub fn owner_id(&self) -> PeerId {
        self.owner.public().to_peer_id()
    }

    /// The owner's key, which signs manifests.
    pub fn owner_keypair(&self) -> &Keypair {
        &self.owner
    }

    /// The peer id of the transport key: the `/p2p/…` part of this process's addresses.
    pub fn transport_id(&self) -> PeerId {
        self.transport.public().to_peer_id()
    }

    /// The key that connections are made with.
    pub fn transport_keypair(&self) -> &Keypair {
        &self.transport
    }

    /// A new certificate of the transport key, valid for
    /// [`SIGNATURE_LIFETIME_MS`] from now.
    pub fn certificate(&self) -> Certificate {
        self.certificate_until(unix_ms().saturating_add(SIGNATURE_LIFETIME_MS))
    }

    pub(crate) fn certificate_until(&self, expires_unix_ms: u64) -> Certificate {
        Certificate::issue(&self.owner, self.transport_id(), expires_unix_ms)
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Identity")
            .field("owner", &self.owner_id())
            .field("transport", &self.transport_id())
            .finish_non_exhaustive()
    }
}

/// Milliseconds of Unix time; zero before 1970.
pub(crate) fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
