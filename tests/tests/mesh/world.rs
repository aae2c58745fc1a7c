//! A hub and hosts in one process, each with a mesh of its own on loopback, so that nothing is shared but what travels.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use spm_host::sandbox::SandboxOptions;
use spm_host::{CompileMode, Grants, Host, HostOptions, ServedSession, Submitters};
use spm_hub::{
    Blob, Blobs, ClosureDefinition, Connect, ConnectError, DefineOptions, FetchError, Hub,
    ListOptions, ListRun, Pool, Session, SessionChannel, Wait,
};
use spm_netmesh::{BlobStore, Identity, Mesh, MeshOptions, Multiaddr, Transport};
use spm_protocol::limits::MIB;
use spm_protocol::manifest::{Isolation, TaskLimits};
use spm_protocol::{ContentId, Engine, PeerId, SessionId};
use tokio::runtime::Runtime;

use crate::wat::Guest;

/// Longer than anything takes when all is well.
pub const PATIENCE: Option<Duration> = Some(Duration::from_secs(50));

const IMPORTS: &str = r#"
  (import "spm:closure/hub@0.1.0" (instance $hub
    (export "ask" (func (param "question" (list u8)) (result (list u8))))))
  (import "spm:closure/tree@0.1.0" (instance $tree
    (export "spawn" (func (param "arguments" (list u8)) (param "priority" f64)))
    (export "bound" (func (result f64)))
    (export "improve" (func (param "value" f64)))))
  (import "spm:closure/team@0.1.0" (instance $team
    (export "rank" (func (result u32)))
    (export "send" (func (param "destination" u32) (param "tag" u32) (param "message" (list u8))))
    (export "receive" (func (param "source" s32) (param "tag" s64) (result (tuple u32 u32 (list u8)))))))
"#;

const WITH: &str = r#"
  (core func $ask (canon lower (func $hub "ask") (memory $heap) (realloc $realloc)))
  (core func $spawn (canon lower (func $tree "spawn") (memory $heap)))
  (core func $bound (canon lower (func $tree "bound")))
  (core func $improve (canon lower (func $tree "improve")))
  (core func $rank (canon lower (func $team "rank")))
  (core func $send (canon lower (func $team "send") (memory $heap)))
  (core func $receive (canon lower (func $team "receive") (memory $heap) (realloc $realloc)))
  (core instance $host
    (export "ask" (func $ask)) (export "spawn" (func $spawn)) (export "bound" (func $bound))
    (export "improve" (func $improve)) (export "rank" (func $rank)) (export "send" (func $send))
    (export "receive" (func $receive)))
"#;

/// `$bytes` returns the list whose pointer and length are at an address.
const FIELDS: &str = r#"
  (import "host" "ask" (func $ask (param i32 i32 i32)))
  (import "host" "spawn" (func $spawn (param i32 i32 f64)))
  (import "host" "bound" (func $bound (result f64)))
  (import "host" "improve" (func $improve (param f64)))
  (import "host" "rank" (func $rank (result i32)))
  (import "host" "send" (func $send (param i32 i32 i32 i32)))
  (import "host" "receive" (func $receive (param i32 i64 i32)))
  (func $bytes (param $at i32) (result i32)
    (call $return (i32.load (local.get $at)) (i32.load offset=4 (local.get $at))))
"#;

/// A guest whose `call` does this. Arguments and what it is given begin at 2 MiB; below 1 KiB, and from 1 MiB on, memory
/// is its own.
pub fn guest(call: &str) -> Vec<u8> {
    let realloc = "(if (i32.lt_u (global.get $next) (i32.const 0x200000))
                     (then (global.set $next (i32.const 0x200000))))
                   (global.get $next)
                   (global.set $next (i32.add (global.get $next) (local.get $size)))";
    Guest {
        fields: FIELDS,
        call,
        imports: IMPORTS,
        with: WITH,
        pages: 128,
        realloc,
        ..Guest::default()
    }
    .component()
}

/// A host and its mesh.
struct Node {
    host: Arc<Host>,
    mesh: Mesh,
}

/// A hub with a session in which closures are in force on all hosts, of one slot each.
pub struct World {
    runtime: Runtime,
    nodes: Vec<Node>,
    hub_mesh: Mesh,
    pool: Pool,
    session: Session,
}

async fn mesh(identity: Identity) -> Mesh {
    let options = MeshOptions {
        identity,
        listen: vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()],
        bootstrap: Vec::new(),
        mdns: false,
        transport: Transport::Network,
        blobs: BlobStore::in_memory(512 * MIB),
    };
    Mesh::start(options).await.unwrap()
}

fn definition(component: &[u8]) -> ClosureDefinition {
    ClosureDefinition {
        name: "guest".to_owned(),
        component: Blob::new(component.to_vec()),
        engine: Engine::Guest,
        payload: None,
        fallback: None,
        classes: Vec::new(),
        limits: TaskLimits { memory_bytes: 64 * MIB as u64, fuel: None, deadline_ms: None },
        capabilities: Vec::new(),
        isolation: Isolation::Task,
        source: ContentId::of(b"source"),
        compiler: "test".to_owned(),
    }
}

impl World {
    pub fn new(hosts: usize, closures: &[Vec<u8>]) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.unwrap();
        let identity = Identity::ephemeral();
        let key = identity.transport_keypair().clone();
        let hub_mesh = runtime.block_on(mesh(identity));
        let store = hub_mesh.blobs().clone();
        let hub = Hub::new(key, Arc::new(HubBlobs { store, sessions: Mutex::default() }));
        let nodes: Vec<Node> = (0..hosts).map(|_| Node::start(&runtime)).collect();
        let connects = nodes.iter().map(|node| node.connect(&runtime, &hub_mesh));
        let pool = hub.pool(connects.collect()).unwrap();
        let session = pool.open_session();
        let options = DefineOptions { wait: Wait::Together, ..DefineOptions::default() };
        let closures = closures.iter().map(|component| definition(component)).collect();
        session.define(closures, options).unwrap().wait(PATIENCE).unwrap().unwrap();
        let world = Self { runtime, nodes, hub_mesh, pool, session };
        world.wait_until_online();
        world
    }

    fn wait_until_online(&self) {
        let is_online = || self.session.online().is_some_and(|it| it.1.len() == self.nodes.len());
        wait_until("all hosts are online", is_online);
    }

    pub fn run(&self, window_tasks: usize) -> ListRun {
        self.session.list(ListOptions { window_tasks, ..ListOptions::default() }).unwrap()
    }

    /// Another host joins, and is online.
    pub fn join(&mut self) {
        let node = Node::start(&self.runtime);
        self.pool.add_host(node.connect(&self.runtime, &self.hub_mesh));
        self.nodes.push(node);
        self.wait_until_online();
    }

    /// A host is gone.
    pub fn stop(&self, index: usize) {
        self.runtime.block_on(self.nodes[index].mesh.stop());
        self.nodes[index].host.stop();
    }

    /// Whether the hub has a blob.
    pub fn hub_has(&self, id: ContentId) -> bool {
        self.hub_mesh.blobs().contains(id)
    }

    /// The first host that has a blob.
    pub fn holder_of(&self, id: ContentId) -> usize {
        let holder = self.nodes.iter().position(|node| node.mesh.blobs().contains(id));
        holder.expect("a host has it")
    }

    /// Bytes that hosts share.
    pub fn shared_bytes(&self) -> usize {
        self.nodes.iter().map(|node| node.mesh.blobs().shared_bytes()).sum()
    }

    pub fn conclude(&self) {
        assert!(self.session.conclude().unwrap().wait(PATIENCE), "it is concluded");
    }
}

/// Waits until it is so.
pub fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(Some(began.elapsed()) < PATIENCE, "it never happens that {what}");
        std::thread::yield_now();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.session.close();
        self.pool.close();
        self.nodes.iter().for_each(|node| node.host.stop());
        self.runtime.block_on(async {
            for node in &self.nodes {
                node.mesh.stop().await;
            }
            self.hub_mesh.stop().await;
        });
    }
}

impl Node {
    fn start(runtime: &Runtime) -> Self {
        let mesh = runtime.block_on(mesh(Identity::ephemeral()));
        let host = Host::start(HostOptions {
            name: "test".to_owned(),
            slots: 1,
            memory_bytes: 512 * MIB as u64,
            labels: Vec::new(),
            submitters: Submitters::Any,
            grants: Grants::These(BTreeSet::new()),
            sandbox: SandboxOptions::in_process(),
            compile: CompileMode::InProcess,
            cache_dir: None,
            engines_dir: None,
            engines: vec![Engine::Guest],
            fetches_runtimes: false,
            runtime: Some(runtime.handle().clone()),
        })
        .unwrap();
        let (serving, of_mesh) = (Arc::clone(&host), mesh.clone());
        let mut sessions = mesh.incoming_sessions();
        runtime.spawn(async move {
            while let Some(incoming) = sessions.recv().await {
                serving.serve(ServedSession {
                    submitter: incoming.channel.remote,
                    session: incoming.session,
                    control: incoming.channel.control,
                    work: incoming.channel.work,
                    blobs: spm_host::Blobs::Mesh(of_mesh.clone()),
                });
            }
        });
        Self { host, mesh }
    }

    fn connect(&self, runtime: &Runtime, hub: &Mesh) -> Arc<dyn Connect> {
        let address = runtime.block_on(self.mesh.listen_addresses()).remove(0);
        let peer = runtime.block_on(hub.dial(address.clone())).unwrap();
        Arc::new(Reach { mesh: hub.clone(), peer, address })
    }
}

struct Reach {
    mesh: Mesh,
    peer: PeerId,
    address: Multiaddr,
}

impl Connect for Reach {
    fn peer(&self) -> PeerId {
        self.peer
    }

    fn address(&self) -> Option<Vec<u8>> {
        Some(self.address.to_vec())
    }

    fn connect(
        &self,
        session: SessionId,
    ) -> BoxFuture<'static, Result<SessionChannel, ConnectError>> {
        let (mesh, peer) = (self.mesh.clone(), self.peer);
        Box::pin(async move {
            let channel = mesh.open_session(peer, session).await;
            let channel =
                channel.map_err(|error| ConnectError::Unreachable { reason: error.to_string() })?;
            Ok(SessionChannel { control: channel.control, work: channel.work })
        })
    }

    fn fetch(
        &self,
        session: SessionId,
        id: ContentId,
        bytes: u64,
    ) -> BoxFuture<'static, Result<Bytes, FetchError>> {
        let (mesh, peer) = (self.mesh.clone(), self.peer);
        Box::pin(async move {
            let fetched = mesh.fetch(id, bytes, session, &[peer], |_, _| {}).await;
            fetched.map_err(|error| FetchError { id, reason: error.to_string() })
        })
    }
}

/// The hub's blobs, served over its mesh.
struct HubBlobs {
    store: BlobStore,
    sessions: Mutex<BTreeMap<SessionId, Shared>>,
}

/// The members of a session, and how often each blob was added to it.
type Shared = (Vec<PeerId>, BTreeMap<ContentId, usize>);

impl Blobs for HubBlobs {
    fn add(&self, session: SessionId, blob: &Blob) {
        let mut sessions = self.sessions.lock();
        let (members, counts) = sessions.entry(session).or_default();
        *counts.entry(blob.id()).or_default() += 1;
        self.store.put(blob.read().unwrap()).unwrap();
        self.store.share(blob.id(), session, members.iter().copied()).unwrap();
    }

    fn add_again(&self, session: SessionId, id: ContentId) {
        let mut sessions = self.sessions.lock();
        *sessions.entry(session).or_default().1.entry(id).or_default() += 1;
    }

    fn remove(&self, session: SessionId, id: ContentId) {
        let mut sessions = self.sessions.lock();
        let counts = &mut sessions.entry(session).or_default().1;
        let count = counts.get_mut(&id).expect("it was added");
        *count -= 1;
        if *count == 0 {
            counts.remove(&id);
            self.store.unshare(id, session);
        }
    }

    fn admit(&self, session: SessionId, members: &[PeerId]) {
        self.sessions.lock().entry(session).or_default().0 = members.to_vec();
        self.store.set_members(session, members.iter().copied());
    }

    fn end(&self, session: SessionId) {
        self.store.unshare_session(session);
    }
}
