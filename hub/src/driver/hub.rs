//! The hub: what all pools of a process share.

use std::sync::Arc;

use libp2p_identity::Keypair;
use spm_protocol::PeerId;

use super::Pool;
use crate::connect::{Blobs, Connect};

/// The submitting process: its key, its blobs and its runtime. Clones are the same hub.
#[derive(Clone)]
pub struct Hub {
    inner: Arc<Inner>,
}

struct Inner {
    key: Keypair,
    blobs: Arc<dyn Blobs>,
}

impl Hub {
    /// Makes a hub that signs manifests with `key`, its transport key. Starts no thread; the first pool does.
    pub fn new(key: Keypair, blobs: Arc<dyn Blobs>) -> Self {
        Self { inner: Arc::new(Inner { key, blobs }) }
    }

    /// The peer that signs.
    pub fn peer(&self) -> PeerId {
        self.inner.key.public().to_peer_id()
    }

    /// Where hosts get blobs from.
    pub fn blobs(&self) -> &Arc<dyn Blobs> {
        &self.inner.blobs
    }

    /// The runtime that drives streams and timers, started now if it is not running. Others may use it, too.
    ///
    /// # Errors
    /// If the system gives us no threads.
    pub fn runtime(&self) -> std::io::Result<tokio::runtime::Handle> {
        todo!()
    }

    /// Makes a pool of these hosts and starts connecting to them.
    ///
    /// # Errors
    /// If the system gives us no threads.
    pub fn pool(&self, hosts: Vec<Arc<dyn Connect>>) -> std::io::Result<Pool> {
        let _ = hosts;
        todo!()
    }
}
