//! Hosts in other processes, reached over the mesh.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use spm_hub::{Blob, Blobs, Connect, ConnectError, Content, FetchError, SessionChannel};
use spm_netmesh::{BlobStore, Mesh, Multiaddr, OpenSessionError};
use spm_protocol::{ContentId, PeerId, SessionId};

/// Bytes of blobs that the hub holds for its hosts to fetch: a component of the largest size, and
/// the largest argument, beside many small ones.
pub(super) const BLOB_BYTES_MAX: usize = 1024 * spm_protocol::limits::MIB;

/// One host, by its peer id.
pub(super) struct MeshHost {
    mesh: Mesh,
    peer: PeerId,
    /// Whom the host has to act for. Every pool names them.
    owners: Arc<BTreeSet<PeerId>>,
    /// Where it listens.
    address: Option<Multiaddr>,
}

impl MeshHost {
    pub(super) fn new(
        mesh: Mesh,
        peer: PeerId,
        owners: Arc<BTreeSet<PeerId>>,
        address: Option<Multiaddr>,
    ) -> Self {
        Self { mesh, peer, owners, address }
    }
}

/// How the hosts of a pool are reached.
pub(super) type Connects = Vec<Arc<dyn Connect>>;

impl Connect for MeshHost {
    fn peer(&self) -> PeerId {
        self.peer
    }

    fn address(&self) -> Option<Vec<u8>> {
        self.address.as_ref().map(Multiaddr::to_vec)
    }

    fn connect(
        &self,
        session: SessionId,
    ) -> futures::future::BoxFuture<'static, Result<SessionChannel, ConnectError>> {
        let (mesh, peer, owners) = (self.mesh.clone(), self.peer, Arc::clone(&self.owners));
        Box::pin(async move {
            let channel = mesh.open_session(peer, session).await.map_err(connect_error)?;
            let owner = channel.remote.owner;
            if !owners.contains(&owner) {
                return Err(ConnectError::Refused {
                    reason: format!("it acts for `{owner}`, whom this pool does not trust"),
                });
            }
            Ok(SessionChannel { control: channel.control, work: channel.work })
        })
    }

    fn fetch(
        &self,
        session: SessionId,
        id: ContentId,
        bytes: u64,
    ) -> futures::future::BoxFuture<'static, Result<Bytes, FetchError>> {
        let (mesh, peer) = (self.mesh.clone(), self.peer);
        Box::pin(async move {
            let fetched = mesh.fetch(id, bytes, session, &[peer], |_, _| {}).await;
            fetched.map_err(|error| FetchError { id, reason: chain(&error) })
        })
    }
}

#[allow(clippy::needless_pass_by_value, reason = "it is passed to `map_err`")]
fn connect_error(error: OpenSessionError) -> ConnectError {
    let reason = chain(&error);
    match error {
        OpenSessionError::Certificate { .. }
        | OpenSessionError::TwoOwners { .. }
        | OpenSessionError::Refused { .. } => ConnectError::Refused { reason },
        OpenSessionError::Unreachable { .. }
        | OpenSessionError::Stream { .. }
        | OpenSessionError::Preamble { .. }
        | OpenSessionError::TimedOut { .. }
        | OpenSessionError::Stopped => ConnectError::Unreachable { reason },
    }
}

/// An error and its causes in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// The hub's blobs, served over the mesh.
pub(super) struct HubBlobs {
    store: BlobStore,
    sessions: Mutex<BTreeMap<SessionId, Shared>>,
}

#[derive(Default)]
struct Shared {
    members: Vec<PeerId>,
    /// How often each blob was added.
    counts: BTreeMap<ContentId, usize>,
}

impl HubBlobs {
    pub(super) fn new(store: BlobStore) -> Self {
        Self { store, sessions: Mutex::new(BTreeMap::new()) }
    }
}

impl Blobs for HubBlobs {
    fn add(&self, session: SessionId, blob: &Blob) {
        let id = blob.id();
        let members = {
            let mut sessions = self.sessions.lock();
            let shared = sessions.entry(session).or_default();
            *shared.counts.entry(id).or_default() += 1;
            shared.members.clone()
        };
        // The hub made the id, and need not make it again for a large runtime.
        let put = match blob.content() {
            Content::Here(bytes) => self.store.put_verified(id, bytes),
            Content::Later(read) => self.store.put_later(id, blob.length(), read),
        };
        let shared = match put {
            Ok(()) => self.store.share(id, session, members).map_err(|error| chain(&error)),
            Err(error) => Err(chain(&error)),
        };
        if let Err(reason) = shared {
            // Hosts will say that they cannot fetch it, and the task or closure is refused.
            tracing::warn!(%id, reason, "blob cannot be shared");
        }
    }

    fn add_again(&self, session: SessionId, id: ContentId) {
        let mut sessions = self.sessions.lock();
        if let Some(count) = sessions.get_mut(&session).and_then(|it| it.counts.get_mut(&id)) {
            *count += 1;
        }
    }

    fn remove(&self, session: SessionId, id: ContentId) {
        let mut sessions = self.sessions.lock();
        let Some(shared) = sessions.get_mut(&session) else { return };
        let Some(count) = shared.counts.get_mut(&id) else { return };
        *count -= 1;
        if *count == 0 {
            shared.counts.remove(&id);
            self.store.unshare(id, session);
        }
    }

    fn admit(&self, session: SessionId, members: &[PeerId]) {
        self.sessions.lock().entry(session).or_default().members = members.to_vec();
        self.store.set_members(session, members.iter().copied());
    }

    fn end(&self, session: SessionId) {
        self.sessions.lock().remove(&session);
        self.store.unshare_session(session);
    }
}
