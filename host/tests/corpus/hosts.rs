//! Hosts for the corpus: one in this process, as a laptop pool has them, and a real `spm-host`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use spm_host::sandbox::SandboxOptions;
use spm_host::{Blobs, CompileMode, Grants, Host, HostOptions, ServedSession, Submitters};
use spm_netmesh::{BlobStore, Identity, Keypair, Mesh, MeshOptions, PeerId, Pipe, Transport};
use spm_protocol::limits::MIB;
use spm_protocol::{Certified, Engine, Point, SessionId};
use tokio::runtime::Runtime;

use super::submitter::Submitter;

/// One for the guest, one for its neighbour.
const SLOTS: u32 = 2;
/// Memory of one task.
const TASK_MEMORY_MIB: u64 = 512;

/// A host that runs, and how to get at it.
pub struct TestHost {
    pub name: &'static str,
    pub runtime: Runtime,
    state_dir: tempfile::TempDir,
    kind: Kind,
}

enum Kind {
    Here(Arc<Host>),
    Process { child: Child, mesh: Mesh, peer: PeerId },
}

/// What a host says of itself, and what the system says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    pub running: u64,
    pub queued: u64,
    pub sessions: u64,
}

impl TestHost {
    /// A host in this process, which compiles here, too.
    pub fn in_process() -> Self {
        let compile = CompileMode::InProcess;
        Self::here("in process", SandboxOptions::in_process(), compile)
    }

    /// A host in this process that is in all else as `spm-host` is, but for how long it compiles.
    pub fn impatient(patience: Duration) -> Self {
        let executable = Path::new(env!("CARGO_BIN_EXE_spm-host")).to_owned();
        let compile = CompileMode::Child { executable, timeout: patience };
        Self::here("with little patience", SandboxOptions::own_process(), compile)
    }

    fn here(name: &'static str, sandbox: SandboxOptions, compile: CompileMode) -> Self {
        let state_dir = tempfile::tempdir().expect("a folder");
        let host = Host::start(HostOptions {
            name: "corpus".to_owned(),
            slots: SLOTS,
            memory_bytes: u64::from(SLOTS) * TASK_MEMORY_MIB * MIB as u64,
            labels: Vec::new(),
            submitters: Submitters::Any,
            grants: Grants::These(BTreeSet::new()),
            sandbox,
            compile,
            cache_dir: None,
            engines_dir: None,
            engines: vec![Engine::Guest, Engine::Python],
            fetches_runtimes: true,
            runtime: None,
        });
        let kind = Kind::Here(host.expect("a host starts"));
        Self { name, runtime: runtime(), state_dir, kind }
    }

    /// A process `spm-host`, reached over the loopback interface.
    pub fn process() -> Self {
        let state_dir = tempfile::tempdir().expect("a folder");
        let identity = Identity::ephemeral();
        let mut child = Command::new(env!("CARGO_BIN_EXE_spm-host"))
            .args(["run", "--listen", "/ip4/127.0.0.1/tcp/0", "--exit-with-stdin"])
            .args(["--slots", &SLOTS.to_string()])
            .args(["--memory-mib", &(u64::from(SLOTS) * TASK_MEMORY_MIB).to_string()])
            .args(["--allow", &identity.owner_id().to_string()])
            .arg("--state-dir")
            .arg(state_dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("its output");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let address = line.strip_prefix("ready ").expect("it is ready").trim();
        let address = address.parse().expect("an address");
        let runtime = runtime();
        let (mesh, peer) = runtime.block_on(async {
            let mesh = Mesh::start(MeshOptions {
                identity,
                listen: Vec::new(),
                bootstrap: Vec::new(),
                mdns: false,
                transport: Transport::Network,
                blobs: BlobStore::in_memory(1024 * MIB),
            })
            .await
            .expect("a mesh starts");
            let peer = mesh.dial(address).await.expect("the host is there");
            (mesh, peer)
        });
        let kind = Kind::Process { child, mesh, peer };
        Self { name: "in a process of its own", runtime, state_dir, kind }
    }

    /// Opens a session.
    pub fn session(&self) -> Submitter {
        let session = SessionId::from_bytes(rand());
        let (key, store, control, work, remote) = match &self.kind {
            Kind::Here(host) => {
                let key = Keypair::generate_ed25519();
                let peer = key.public().to_peer_id();
                let store = BlobStore::in_memory(1024 * MIB);
                let (control, host_control) = Pipe::pair(64);
                let (work, host_work) = Pipe::pair(64);
                host.serve(ServedSession {
                    submitter: Certified {
                        owner: peer,
                        transport: peer,
                        expires_unix_ms: u64::MAX,
                    },
                    session,
                    control: host_control,
                    work: host_work,
                    blobs: Blobs::Store(store.clone()),
                });
                (key, store, control, work, None)
            }
            Kind::Process { mesh, peer, .. } => {
                let opening = mesh.open_session(*peer, session);
                let channel = self.runtime.block_on(opening).expect("a session");
                let key = mesh.identity().transport_keypair().clone();
                let remote = Some((mesh.clone(), *peer));
                (key, mesh.blobs().clone(), channel.control, channel.work, remote)
            }
        };
        let mut submitter = Submitter {
            key,
            session,
            store,
            control,
            work,
            remote,
            point: Point(0),
            next_task: 0,
            printed: BTreeMap::new(),
            cancels: false,
            answers: true,
        };
        submitter.greet();
        submitter
    }

    /// What it holds.
    pub fn holding(&self) -> Holding {
        let status = match &self.kind {
            Kind::Here(host) => serde_json::to_value(host.status()).expect("it is data"),
            Kind::Process { .. } => {
                let output = Command::new(env!("CARGO_BIN_EXE_spm-host"))
                    .args(["status", "--state-dir"])
                    .arg(self.state_dir.path())
                    .output()
                    .expect("the program starts");
                serde_json::from_slice(&output.stdout).expect("the host answers")
            }
        };
        let number = |key: &str| status[key].as_u64().unwrap_or_else(|| panic!("{key}: {status}"));
        Holding {
            running: number("running"),
            queued: number("queued"),
            sessions: number("sessions"),
        }
    }

    /// Memory of its process that no file is, in MiB.
    pub fn memory_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.expect("the host is still there");
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("a line");
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kib / 1024
    }

    fn pid(&self) -> u32 {
        match &self.kind {
            Kind::Here(_) => std::process::id(),
            Kind::Process { child, .. } => child.id(),
        }
    }
}

impl Drop for TestHost {
    fn drop(&mut self) {
        match &mut self.kind {
            Kind::Here(host) => host.stop(),
            Kind::Process { child, mesh, .. } => {
                self.runtime.block_on(mesh.stop());
                // It has ended by itself if a guest could make it.
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime")
}

fn rand() -> [u8; 16] {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("random numbers");
    bytes
}
