//! A submitter that says what no hub would say, and a real `spm-host` that answers: the reasons are those that users
//! read in `spm.ClosureRefused.reasons`.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use spm_netmesh::{
    BlobStore, Identity, Keypair, Mesh, MeshOptions, PeerId, SessionChannel, Transport,
};
use spm_protocol::frame::{Frame, HostControl, HubControl, Member, PROTOCOL_VERSION, Provider};
use spm_protocol::limits::{LEASE_MS, MIB};
use spm_protocol::manifest::{Isolation, TaskLimits};
use spm_protocol::{ContentId, Engine, Manifest, Point, SessionId, SignedManifest};

/// A component without a world; whether it is one is asked last.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// A running `spm-host`; it ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A submitter that the host allows, with a session.
struct Submitter {
    mesh: Mesh,
    host: PeerId,
    session: SessionId,
    channel: SessionChannel,
    point: u64,
    _running: Running,
    _folder: tempfile::TempDir,
}

impl Submitter {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let identity = Identity::ephemeral();
        let mut child = Command::new(env!("CARGO_BIN_EXE_spm-host"))
            .args(["run", "--listen", "/ip4/127.0.0.1/tcp/0", "--slots", "1", "--exit-with-stdin"])
            .args(["--allow", &identity.owner_id().to_string()])
            .arg("--state-dir")
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.strip_prefix("ready ").unwrap().trim().parse().unwrap();
        let running = Running(child);
        let mesh = Mesh::start(MeshOptions {
            identity,
            listen: Vec::new(),
            bootstrap: Vec::new(),
            mdns: false,
            transport: Transport::Network,
            blobs: BlobStore::in_memory(MIB),
        })
        .await
        .unwrap();
        let host = mesh.dial(address).await.unwrap();
        let session = SessionId::from_bytes([7; 16]);
        let channel = mesh.open_session(host, session).await.unwrap();
        let mut submitter =
            Self { mesh, host, session, channel, point: 0, _running: running, _folder: folder };
        let hello = HubControl::Hello { version: PROTOCOL_VERSION, features: Vec::new() };
        submitter.say(&hello).await;
        assert!(matches!(submitter.hear().await, HostControl::Hello { .. }));
        submitter
    }

    async fn say(&self, frame: &HubControl) {
        self.channel.control.sender.send(frame.to_bytes()).await.unwrap();
    }

    /// The next frame that is about more than the lease.
    async fn hear(&mut self) -> HostControl {
        loop {
            let frame = self.channel.control.receiver.recv().await.unwrap();
            match HostControl::from_bytes(&frame).unwrap() {
                HostControl::LeaseRequest { request } => {
                    self.say(&HubControl::Lease { request, lease_ms: LEASE_MS }).await;
                }
                frame => return frame,
            }
        }
    }

    /// A manifest of `component`, which this submitter serves.
    fn manifest(&self, component: &'static [u8]) -> Manifest {
        let id = self.mesh.blobs().put(component).unwrap();
        self.mesh.blobs().share(id, self.session, [self.host]).unwrap();
        Manifest {
            name: "f".to_owned(),
            component: id,
            component_bytes: component.len() as u64,
            engine: Engine::Native,
            payload: None,
            fallback: None,
            classes: Vec::new(),
            limits: TaskLimits { memory_bytes: MIB as u64, fuel: None, deadline_ms: None },
            capabilities: Vec::new(),
            isolation: Isolation::Task,
            source: ContentId::of(b""),
            compiler: "test".to_owned(),
            session: self.session,
            expires_unix_ms: u64::MAX,
        }
    }

    /// Why the host does not take this.
    async fn reason(&mut self, manifest: &Manifest, key: &Keypair) -> String {
        self.point += 1;
        let peers = vec![Member::from(self.mesh.peer_id())];
        let prepare = HubControl::Prepare {
            point: Point(self.point),
            closures: vec![SignedManifest::sign(manifest, key)],
            members: vec![Member::from(self.mesh.peer_id()), Member::from(self.host)],
            providers: vec![Provider {
                id: manifest.component,
                bytes: manifest.component_bytes,
                peers,
            }],
            deadline_ms: 60_000,
            addresses: Vec::new(),
            meet: Vec::new(),
        };
        self.say(&prepare).await;
        match self.hear().await {
            HostControl::Refused { refusals, .. } => refusals[0].reason.clone(),
            other => panic!("not refused: {other:?}"),
        }
    }
}

#[tokio::test]
async fn each_lie_is_refused_with_its_reason() {
    let mut submitter = Submitter::start().await;
    let own = submitter.mesh.identity().transport_keypair().clone();
    let honest = submitter.manifest(COMPONENT);

    let reason = submitter.reason(&honest, &Keypair::generate_ed25519()).await;
    assert_eq!(reason, "manifest's signature is wrong");

    let elsewhere = Manifest { session: SessionId::from_bytes([8; 16]), ..honest.clone() };
    let reason = submitter.reason(&elsewhere, &own).await;
    assert!(reason.contains("is for session"), "{reason}");

    let expired = Manifest { expires_unix_ms: 1, ..honest.clone() };
    let reason = submitter.reason(&expired, &own).await;
    assert!(reason.contains("expired"), "{reason}");

    let wrong = ContentId::of(b"something else");
    let reason = submitter.reason(&Manifest { component: wrong, ..honest.clone() }, &own).await;
    assert!(reason.contains(&wrong.to_string()), "{reason}");
    assert!(reason.contains("does not share it"), "{reason}");

    let shorter = Manifest { component_bytes: 3, ..honest.clone() };
    let reason = submitter.reason(&shorter, &own).await;
    assert!(reason.contains("more than the 3 expected"), "{reason}");

    let reason = submitter.reason(&honest, &own).await;
    assert!(reason.contains("does not export"), "what is true is read to the end: {reason}");
}
