//! Meshes of several peers in one process: over the memory transport, loopback TCP and loopback QUIC.

use std::time::Duration;

use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use spm_protocol::{ContentId, SessionId};
use tokio::{sync::mpsc, time::timeout};

use crate::{
    limits::{FRAME_BYTES_MAX, PREAMBLE_BYTES_MAX, PREAMBLES_PER_PEER_MAX},
    mesh::{
        build,
        streams::{BLOB_PROTOCOL, InboundStream, PeerStream, SESSION_PROTOCOL},
    },
    session::wire::{Answer, Kind, Preamble, VERSION},
    *,
};

/// Far longer than anything here takes; a test that hangs fails instead.
const LIMIT: Duration = Duration::from_secs(30);

const NETWORKS: [(Transport, &str); 3] = [
    (Transport::Memory, "/memory/0"),
    (Transport::Network, "/ip4/127.0.0.1/tcp/0"),
    (Transport::Network, "/ip4/127.0.0.1/udp/0/quic-v1"),
];

fn session(number: u16) -> SessionId {
    let mut bytes = [0; 16];
    bytes[..2].copy_from_slice(&number.to_le_bytes());
    SessionId::from_bytes(bytes)
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(LIMIT, future).await.expect("must not hang")
}

async fn mesh_on(transport: Transport, listen: &str) -> Mesh {
    let options = MeshOptions {
        identity: Identity::ephemeral(),
        listen: vec![listen.parse().unwrap()],
        bootstrap: Vec::new(),
        mdns: false,
        transport,
        blobs: BlobStore::in_memory(64 << 20),
    };
    soon(Mesh::start(options)).await.unwrap()
}

async fn mesh() -> Mesh {
    mesh_on(Transport::Memory, "/memory/0").await
}

async fn address(mesh: &Mesh) -> Multiaddr {
    soon(mesh.listen_addresses()).await.remove(0)
}

async fn connect(from: &Mesh, to: &Mesh) {
    assert_eq!(soon(from.dial(address(to).await)).await, Ok(to.peer_id()));
}

/// Two connected meshes, and what the second one is asked.
async fn two_meshes() -> (Mesh, Mesh, IncomingSessions) {
    let (hub, host) = (mesh().await, mesh().await);
    let incoming = host.incoming_sessions();
    connect(&hub, &host).await;
    (hub, host, incoming)
}

/// A peer that speaks for itself: its inbound streams are the test's to answer.
struct RawPeer {
    identity: Identity,
    address: Multiaddr,
    inbound: mpsc::Receiver<InboundStream>,
}

async fn raw_peer() -> RawPeer {
    let identity = Identity::ephemeral();
    let (sender, inbound) = mpsc::channel(64);
    let key = identity.transport_keypair();
    let mut swarm = build::build(key, Transport::Memory, false, sender).unwrap();
    let listen = vec!["/memory/0".parse().unwrap()];
    soon(build::listen(&mut swarm, listen)).await.unwrap();
    let address = swarm.listeners().next().unwrap().clone();
    tokio::spawn(async move {
        loop {
            swarm.select_next_some().await;
        }
    });
    RawPeer { identity, address, inbound }
}

async fn broken(pipe: &mut Pipe) -> CloseReason {
    assert_eq!(soon(pipe.receiver.recv()).await, None);
    let reason = soon(pipe.sender.closed()).await;
    assert_eq!(pipe.receiver.closed_reason(), Some(reason.clone()));
    reason
}

mod blobs;
mod sessions;

#[tokio::test]
async fn a_dial_that_fails_says_where_and_why() {
    let hub = mesh_on(Transport::Network, "/ip4/127.0.0.1/tcp/0").await;
    let host = mesh_on(Transport::Network, "/ip4/127.0.0.1/tcp/0").await;
    let open = address(&host).await;

    let stranger = Identity::ephemeral().transport_id();
    let wrong: Multiaddr = format!("{}/p2p/{stranger}", without_peer(&open)).parse().unwrap();
    let error = soon(hub.dial(wrong.clone())).await.unwrap_err();
    let found = host.peer_id();
    assert_eq!(error, DialError::WrongPeer { address: wrong, expected: stranger, found });

    soon(host.stop()).await;
    let error = soon(hub.dial(open.clone())).await.unwrap_err();
    let DialError::Unreachable { address: named, cause } = &error else { panic!("{error:?}") };
    assert_eq!(*named, open);
    assert!(cause.starts_with("Connection refused"), "{cause}");

    let own = address(&hub).await;
    let error = soon(hub.dial(own.clone())).await.unwrap_err();
    assert_eq!(error, DialError::Own { address: own });

    let nowhere = Identity::ephemeral().transport_id();
    let error = soon(hub.connect(nowhere)).await.unwrap_err();
    assert_eq!(error, DialError::NoAddress { peer: nowhere });
}

fn without_peer(address: &Multiaddr) -> Multiaddr {
    let mut address = address.clone();
    address.pop();
    address
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let first = mesh_on(Transport::Network, "/ip4/127.0.0.1/tcp/0").await;
    let taken = without_peer(&address(&first).await);
    let udp: Multiaddr = "/ip4/127.0.0.1/udp/0".parse().unwrap();
    for (listen, why) in [(taken, "in use"), (udp, "not supported")] {
        let options = MeshOptions {
            identity: Identity::ephemeral(),
            listen: vec![listen.clone()],
            bootstrap: Vec::new(),
            mdns: false,
            transport: Transport::Network,
            blobs: BlobStore::in_memory(0),
        };
        let error = soon(Mesh::start(options)).await.unwrap_err();
        let StartError::Listen { address, cause } = &error else { panic!("{error:?}") };
        assert_eq!(*address, listen);
        assert!(cause.contains(why), "{cause}");
    }
}

#[tokio::test]
async fn connections_come_and_go_as_events() {
    let (hub, host) = (mesh().await, mesh().await);
    let mut events = hub.events();
    connect(&hub, &host).await;
    connect(&hub, &host).await;
    let peer = host.peer_id();
    assert_eq!(soon(events.recv()).await, Some(MeshEvent::Connected { peer }));
    assert_eq!(soon(hub.connected_peers()).await, [peer]);
    soon(host.stop()).await;
    let event = soon(events.recv()).await;
    assert!(matches!(event, Some(MeshEvent::Disconnected { peer: gone, .. }) if gone == peer));
    soon(hub.stop()).await;
    assert_eq!(soon(events.recv()).await, None);
    assert_eq!(soon(hub.dial(address_of_nothing())).await, Err(DialError::Stopped));
    assert!(soon(hub.listen_addresses()).await.is_empty());
}

#[tokio::test]
async fn a_mesh_stops_when_its_last_handle_is_dropped() {
    let (hub, host, mut incoming) = two_meshes().await;
    let mut events = hub.events();
    // The first who asks hears what has happened before.
    let peer = host.peer_id();
    assert_eq!(soon(events.recv()).await, Some(MeshEvent::Connected { peer }));
    let also = host.clone();
    drop(host);
    soon(hub.open_session(also.peer_id(), session(1))).await.unwrap();
    drop(also);
    let event = soon(events.recv()).await;
    assert!(matches!(event, Some(MeshEvent::Disconnected { .. })), "{event:?}");
    let mut session = soon(incoming.recv()).await.unwrap();
    broken(&mut session.channel.control).await;
}

fn address_of_nothing() -> Multiaddr {
    "/memory/1".parse().unwrap()
}

#[tokio::test]
async fn a_lost_bootstrap_address_is_dialled_until_it_is_back() {
    let host = mesh_on(Transport::Network, "/ip4/127.0.0.1/tcp/0").await;
    let host_identity = host.identity().clone();
    let bootstrap = address(&host).await;
    let start_hub = |bootstrap: Vec<Multiaddr>| MeshOptions {
        identity: Identity::ephemeral(),
        listen: Vec::new(),
        bootstrap,
        mdns: false,
        transport: Transport::Network,
        blobs: BlobStore::in_memory(0),
    };
    let hub = soon(Mesh::start(start_hub(Vec::new()))).await.unwrap();
    let mut events = hub.events();
    hub.add_bootstrap(bootstrap.clone()).await;
    let peer = host.peer_id();
    assert_eq!(soon(events.recv()).await, Some(MeshEvent::Connected { peer }));
    soon(host.stop()).await;
    let event = soon(events.recv()).await;
    assert!(matches!(event, Some(MeshEvent::Disconnected { .. })), "{event:?}");
    let event = soon(events.recv()).await;
    assert!(matches!(event, Some(MeshEvent::Unreachable { .. })), "{event:?}");

    let again = MeshOptions {
        identity: host_identity,
        listen: vec![without_peer(&bootstrap)],
        ..start_hub(Vec::new())
    };
    let _host = soon(Mesh::start(again)).await.unwrap();
    loop {
        match soon(events.recv()).await {
            Some(MeshEvent::Unreachable { .. }) => {}
            event => break assert_eq!(event, Some(MeshEvent::Connected { peer })),
        }
    }
}

#[tokio::test]
async fn a_peer_that_comes_back_elsewhere_is_found_there() {
    let (one, other) = (mesh().await, mesh().await);
    let (peer, there) = (other.peer_id(), address(&other).await);
    let elsewhere: Multiaddr = "/memory/1".parse().unwrap();
    one.remember(peer, elsewhere.clone()).await;
    assert!(soon(one.connect(peer)).await.is_err());
    one.remember(peer, there.clone()).await;
    assert_eq!(soon(one.connect(peer)).await, Ok(()));
    // Where a peer is connected counts more than what others say.
    one.remember(peer, elsewhere).await;
    assert_eq!(one.address_of(peer).await, Some(there));
}
