//! The hub: what all pools of a process share.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use libp2p_identity::Keypair;
use parking_lot::Mutex;
use spm_protocol::PeerId;
use tokio::runtime::{Builder, Handle, Runtime};

use super::Pool;
use crate::connect::{Blobs, Connect};
use crate::limits::RUNTIME_THREADS;

/// The submitting process: its key, its blobs and its runtime. Clones are the same hub.
#[derive(Clone)]
pub struct Hub {
    inner: Arc<Inner>,
}

struct Inner {
    peer: PeerId,
    key: Keypair,
    blobs: Arc<dyn Blobs>,
    started: Instant,
    handle: OnceLock<Handle>,
    runtime: Mutex<Option<Runtime>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.lock().take() {
            // The last handle may be dropped anywhere, also where waiting for threads is not allowed.
            runtime.shutdown_background();
        }
    }
}

impl Hub {
    /// Makes a hub that signs manifests with `key`, its transport key. Starts no thread; the first pool does.
    pub fn new(key: Keypair, blobs: Arc<dyn Blobs>) -> Self {
        let inner = Inner {
            peer: key.public().to_peer_id(),
            key,
            blobs,
            started: Instant::now(),
            handle: OnceLock::new(),
            runtime: Mutex::new(None),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The peer that signs, and that hosts fetch blobs from.
    pub fn peer(&self) -> PeerId {
        self.inner.peer
    }

    /// Where hosts get blobs from.
    pub fn blobs(&self) -> &Arc<dyn Blobs> {
        &self.inner.blobs
    }

    /// The runtime that drives streams and timers, started now if it is not running. Others may use it, too.
    ///
    /// # Errors
    /// If the system gives us no threads.
    pub fn runtime(&self) -> io::Result<Handle> {
        if let Some(handle) = self.inner.handle.get() {
            return Ok(handle.clone());
        }
        let mut runtime = self.inner.runtime.lock();
        if let Some(runtime) = &*runtime {
            return Ok(runtime.handle().clone());
        }
        let started = Builder::new_multi_thread()
            .worker_threads(RUNTIME_THREADS)
            .thread_name("spm-hub")
            .enable_all()
            .build()?;
        let handle = self.inner.handle.get_or_init(|| started.handle().clone()).clone();
        *runtime = Some(started);
        Ok(handle)
    }

    /// Makes a pool of these hosts and starts connecting to them.
    ///
    /// # Errors
    /// If the system gives us no threads.
    pub fn pool(&self, hosts: Vec<Arc<dyn Connect>>) -> io::Result<Pool> {
        let runtime = self.runtime()?;
        Ok(Pool::new(self.clone(), runtime, hosts))
    }

    pub(super) fn key(&self) -> &Keypair {
        &self.inner.key
    }

    /// What hubs count time from.
    pub(super) fn started(&self) -> Instant {
        self.inner.started
    }
}
