//! Hosts in this process: the same frames as over a mesh, through in-process pipes.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use spm_host::sandbox::SandboxOptions;
use spm_host::{
    Blobs, CompileMode, Grants, Host, HostError, HostOptions, ServedSession, Submitters,
};
use spm_hub::{Connect, ConnectError, FetchError, Hub, SessionChannel};
use spm_netmesh::{BlobStore, Identity, Pipe};
use spm_protocol::{Certified, ContentId, PeerId, SessionId};

use super::mesh::{BLOB_BYTES_MAX, Connects, HubBlobs};

/// Frames that wait in a pipe, each way.
const PIPE_FRAMES: usize = 256;

/// Why hosts in this process do not start.
#[derive(Debug, thiserror::Error)]
pub(super) enum LocalError {
    /// The hub has no threads.
    #[error("cannot start the hub's threads")]
    Runtime(#[source] std::io::Error),
    /// A host does not start.
    #[error("cannot start a host in this process")]
    Host(#[source] HostError),
}

/// The hosts of a `laptop()`.
pub(super) struct LocalHosts(Vec<Arc<Host>>);

impl LocalHosts {
    /// Starts `count` hosts of one slot each, with a hub for them.
    pub(super) fn start(
        count: usize,
        memory_bytes: u64,
        engines_dir: Option<&Path>,
    ) -> Result<(Hub, Self, Connects), LocalError> {
        let identity = Identity::ephemeral();
        let store = BlobStore::in_memory(BLOB_BYTES_MAX);
        let blobs = Arc::new(HubBlobs::new(store.clone()));
        let hub = Hub::new(identity.transport_keypair().clone(), blobs);
        let runtime = hub.runtime().map_err(LocalError::Runtime)?;
        let submitter = Certified {
            owner: identity.owner_id(),
            transport: identity.transport_id(),
            expires_unix_ms: u64::MAX,
        };
        let cache_dir = super::cache_dir();
        let mut hosts = Vec::with_capacity(count);
        let mut connects: Connects = Vec::with_capacity(count);
        for number in 1..=count {
            let host = Host::start(HostOptions {
                name: format!("local-{number}"),
                slots: 1,
                memory_bytes,
                labels: Vec::new(),
                submitters: Submitters::Owners(BTreeSet::from([submitter.owner])),
                grants: Grants::Any,
                sandbox: SandboxOptions::in_process(),
                compile: CompileMode::InProcess,
                cache_dir: cache_dir.clone(),
                engines_dir: engines_dir.map(Path::to_owned),
                engines: spm_host::host::ENGINES.to_vec(),
                fetches_runtimes: true,
                runtime: Some(runtime.clone()),
            })
            .map_err(LocalError::Host)?;
            connects.push(Arc::new(LocalHost {
                host: Arc::clone(&host),
                peer: Identity::ephemeral().transport_id(),
                submitter,
                store: store.clone(),
            }));
            hosts.push(host);
        }
        Ok((hub, Self(hosts), connects))
    }

    /// Stops them; waits until their threads have ended.
    pub(super) fn stop(&self) {
        for host in &self.0 {
            host.stop();
        }
    }
}

/// One of them, as the hub reaches it.
struct LocalHost {
    host: Arc<Host>,
    peer: PeerId,
    submitter: Certified,
    store: BlobStore,
}

impl Connect for LocalHost {
    fn peer(&self) -> PeerId {
        self.peer
    }

    fn connect(
        &self,
        session: SessionId,
    ) -> futures::future::BoxFuture<'static, Result<SessionChannel, ConnectError>> {
        let (control, host_control) = Pipe::pair(PIPE_FRAMES);
        let (work, host_work) = Pipe::pair(PIPE_FRAMES);
        self.host.serve(ServedSession {
            submitter: self.submitter,
            session,
            control: host_control,
            work: host_work,
            blobs: Blobs::Store(self.store.clone()),
        });
        Box::pin(async move { Ok(SessionChannel { control, work }) })
    }

    fn fetch(
        &self,
        session: SessionId,
        id: ContentId,
        _bytes: u64,
    ) -> futures::future::BoxFuture<'static, Result<Bytes, FetchError>> {
        let found = self.store.fetch_here(id, session);
        Box::pin(async move {
            found.ok_or(FetchError { id, reason: "it is not in this process".to_owned() })
        })
    }
}
