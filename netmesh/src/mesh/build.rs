//! Makes the swarm, and binds its listeners.

use std::{
    io,
    net::{IpAddr, TcpListener},
};

use futures::StreamExt;
use libp2p::{
    Multiaddr, Swarm, connection_limits,
    identity::Keypair,
    mdns,
    multiaddr::Protocol,
    ping,
    swarm::{Config, NetworkBehaviour, SwarmEvent, behaviour::toggle::Toggle},
};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

use super::{
    StartError, Transport,
    error::innermost,
    streams::{self, InboundStream},
};
use crate::limits::{
    CONNECTIONS_INBOUND_MAX, CONNECTIONS_MAX, CONNECTIONS_PENDING_MAX, CONNECTIONS_PER_PEER_MAX,
    IDLE_CONNECTION_TIMEOUT, LISTEN_TIMEOUT, NEGOTIATING_STREAMS_MAX, PING_INTERVAL, PING_TIMEOUT,
};

#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    pub(super) limits: connection_limits::Behaviour,
    pub(super) ping: ping::Behaviour,
    pub(super) mdns: Toggle<mdns::tokio::Behaviour>,
    pub(super) streams: streams::Behaviour,
}

pub(crate) fn build(
    key: &Keypair,
    transport: Transport,
    with_mdns: bool,
    inbound: mpsc::Sender<InboundStream>,
) -> Result<Swarm<Behaviour>, StartError> {
    let peer = key.public().to_peer_id();
    let limits = connection_limits::ConnectionLimits::default()
        .with_max_pending_incoming(Some(CONNECTIONS_PENDING_MAX))
        .with_max_pending_outgoing(Some(CONNECTIONS_PENDING_MAX))
        .with_max_established_per_peer(Some(CONNECTIONS_PER_PEER_MAX))
        .with_max_established_incoming(Some(CONNECTIONS_INBOUND_MAX))
        .with_max_established(Some(CONNECTIONS_MAX));
    let ping = ping::Config::new().with_interval(PING_INTERVAL).with_timeout(PING_TIMEOUT);
    let mdns = if with_mdns {
        Some(mdns::tokio::Behaviour::new(mdns::Config::default(), peer).map_err(StartError::Mdns)?)
    } else {
        None
    };
    let behaviour = Behaviour {
        limits: connection_limits::Behaviour::new(limits),
        ping: ping::Behaviour::new(ping),
        mdns: mdns.into(),
        streams: streams::Behaviour::new(inbound),
    };
    let config = Config::with_tokio_executor()
        .with_max_negotiating_inbound_streams(NEGOTIATING_STREAMS_MAX)
        .with_idle_connection_timeout(IDLE_CONNECTION_TIMEOUT);
    let transport = transport.build(key).map_err(StartError::Key)?;
    Ok(Swarm::new(transport, behaviour, peer, config))
}

/// Listens on each address, and returns when all are bound.
pub(crate) async fn listen(
    swarm: &mut Swarm<Behaviour>,
    addresses: Vec<Multiaddr>,
) -> Result<(), StartError> {
    let deadline = Instant::now() + LISTEN_TIMEOUT;
    for address in addresses {
        let refused = |cause| StartError::Listen { address: address.clone(), cause };
        probe(&address).map_err(|error| refused(innermost(&error)))?;
        let listener =
            swarm.listen_on(address.clone()).map_err(|error| refused(innermost(&error)))?;
        let bound = async {
            loop {
                match swarm.select_next_some().await {
                    SwarmEvent::NewListenAddr { listener_id, .. } if listener_id == listener => {
                        return Ok(());
                    }
                    SwarmEvent::ListenerClosed { listener_id, reason, .. }
                        if listener_id == listener =>
                    {
                        let cause = reason.err().map(|error| innermost(&error));
                        return Err(refused(cause.unwrap_or_else(|| "it was closed".to_owned())));
                    }
                    _ => {}
                }
            }
        };
        timeout_at(deadline, bound).await.unwrap_or_else(|_| {
            Err(StartError::ListenTimedOut { address: address.clone(), timeout: LISTEN_TIMEOUT })
        })?;
    }
    Ok(())
}

/// Fails if another process listens on this TCP port. libp2p sets `SO_REUSEPORT`, and two hosts on one port
/// would each get some of the connections.
fn probe(address: &Multiaddr) -> io::Result<()> {
    let mut parts = address.iter();
    let ip = match parts.next() {
        Some(Protocol::Ip4(ip)) => IpAddr::from(ip),
        Some(Protocol::Ip6(ip)) => IpAddr::from(ip),
        _ => return Ok(()),
    };
    match parts.next() {
        Some(Protocol::Tcp(port)) if port != 0 => TcpListener::bind((ip, port)).map(drop),
        _ => Ok(()),
    }
}
