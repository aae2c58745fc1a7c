//! The loop that owns the swarm.

use std::{collections::BTreeMap, time::Duration};

use futures::StreamExt;
use libp2p::{
    Multiaddr, PeerId, StreamProtocol, Swarm, mdns,
    multiaddr::Protocol,
    ping,
    swarm::{
        ConnectionId, DialError as SwarmDialError, SwarmEvent,
        dial_opts::{DialOpts, PeerCondition},
    },
};
use tokio::{
    sync::{broadcast, mpsc, oneshot},
    time::{Instant, sleep_until, timeout},
};

use super::{
    DialError, MeshEvent,
    build::{Behaviour, BehaviourEvent},
    error::{disconnect_cause, innermost},
    redial::{self, Redial},
    streams::OpenReply,
};
use crate::limits::{CONNECTIONS_PENDING_MAX, REMEMBERED_PEERS_MAX, STOP_TIMEOUT};

pub(super) type DialReply = oneshot::Sender<Result<PeerId, DialError>>;

/// What handles ask of the loop.
pub(super) enum Command {
    Dial { address: Multiaddr, reply: DialReply },
    Connect { peer: PeerId, reply: DialReply },
    OpenStream { peer: PeerId, protocol: StreamProtocol, reply: OpenReply },
    AddBootstrap { address: Multiaddr },
    Remember { peer: PeerId, address: Multiaddr },
    AddressOf { peer: PeerId, reply: oneshot::Sender<Option<Multiaddr>> },
    Disconnect { peer: PeerId },
    ListenAddresses { reply: oneshot::Sender<Vec<Multiaddr>> },
    ConnectedPeers { reply: oneshot::Sender<Vec<PeerId>> },
    Stop { reply: oneshot::Sender<()> },
}

/// A dial under way and who waits for it.
struct Dial {
    address: Multiaddr,
    expected: Option<PeerId>,
    is_bootstrap: bool,
    replies: Vec<DialReply>,
}

pub(super) struct SwarmLoop {
    swarm: Swarm<Behaviour>,
    commands: mpsc::Receiver<Command>,
    events: broadcast::Sender<MeshEvent>,
    dials: BTreeMap<ConnectionId, Dial>,
    redial: Redial,
    /// Where peers were that we dialled.
    remembered: BTreeMap<PeerId, Multiaddr>,
    started: Instant,
}

impl SwarmLoop {
    pub(super) fn new(
        swarm: Swarm<Behaviour>,
        commands: mpsc::Receiver<Command>,
        events: broadcast::Sender<MeshEvent>,
    ) -> Self {
        Self {
            swarm,
            commands,
            events,
            dials: BTreeMap::new(),
            redial: Redial::default(),
            remembered: BTreeMap::new(),
            started: Instant::now(),
        }
    }

    pub(super) async fn run(mut self, bootstrap: Vec<Multiaddr>) {
        for address in bootstrap {
            self.redial(redial::Event::Added(address));
        }
        let stopped = loop {
            let due = self.redial.next_ms();
            let due_at = self.started + Duration::from_millis(due.unwrap_or(0));
            tokio::select! {
                command = self.commands.recv() => match command {
                    None => break None,
                    Some(Command::Stop { reply }) => break Some(reply),
                    Some(command) => self.obey(command),
                },
                event = self.swarm.select_next_some() => self.react(event),
                () = sleep_until(due_at), if due.is_some() => self.redial(redial::Event::Tick),
            }
        };
        // Peers see an orderly end where that is quick.
        let _ = timeout(STOP_TIMEOUT, self.close()).await;
        drop(self);
        if let Some(reply) = stopped {
            let _ = reply.send(());
        }
    }

    async fn close(&mut self) {
        let peers: Vec<_> = self.swarm.connected_peers().copied().collect();
        for peer in peers {
            // An error says that it is gone already.
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        while self.swarm.connected_peers().next().is_some() {
            self.swarm.select_next_some().await;
        }
    }

    fn obey(&mut self, command: Command) {
        // Whoever asked may have left; then nobody needs the answer.
        match command {
            Command::Dial { address, reply } => self.dial(address, Some(reply), false),
            Command::Connect { peer, reply } => self.connect(peer, reply),
            Command::OpenStream { peer, protocol, reply } => {
                self.swarm.behaviour_mut().streams.open(peer, protocol, reply);
            }
            Command::Remember { peer, address } => {
                // A peer that is connected is where it is; one that is not may have come back elsewhere.
                let is_known = self.remembered.contains_key(&peer);
                if !(is_known && self.swarm.is_connected(&peer))
                    && (is_known || self.remembered.len() < REMEMBERED_PEERS_MAX)
                {
                    self.remembered.insert(peer, address);
                }
            }
            Command::AddressOf { peer, reply } => {
                let _ = reply.send(self.remembered.get(&peer).cloned());
            }
            Command::AddBootstrap { address } => self.redial(redial::Event::Added(address)),
            Command::Disconnect { peer } => {
                // An error says that it is gone already.
                let _ = self.swarm.disconnect_peer_id(peer);
            }
            Command::ListenAddresses { reply } => {
                let own = *self.swarm.local_peer_id();
                let addresses = self.swarm.listeners().cloned();
                let _ = reply.send(
                    addresses
                        .map(|address| address.with_p2p(own).unwrap_or_else(|it| it))
                        .collect(),
                );
            }
            Command::ConnectedPeers { reply } => {
                let _ = reply.send(self.swarm.connected_peers().copied().collect());
            }
            Command::Stop { reply } => drop(reply),
        }
    }

    fn connect(&mut self, peer: PeerId, reply: DialReply) {
        if self.swarm.is_connected(&peer) {
            let _ = reply.send(Ok(peer));
            return;
        }
        let address = self.remembered.get(&peer).cloned();
        let known = address.clone().into_iter().collect();
        let options = DialOpts::peer_id(peer)
            .condition(PeerCondition::Always)
            .addresses(known)
            .extend_addresses_through_behaviour()
            .allocate_new_port()
            .build();
        let address = address.unwrap_or_else(|| Multiaddr::empty().with(Protocol::P2p(peer)));
        self.start_dial(
            options,
            Dial { address, expected: Some(peer), is_bootstrap: false, replies: vec![reply] },
        );
    }

    fn dial(&mut self, address: Multiaddr, reply: Option<DialReply>, is_bootstrap: bool) {
        let expected = match address.iter().last() {
            Some(Protocol::P2p(peer)) => Some(peer),
            _ => None,
        };
        let replies = reply.into_iter().collect();
        let dial = Dial { address: address.clone(), expected, is_bootstrap, replies };
        let options = match expected {
            Some(peer) if self.swarm.is_connected(&peer) => {
                return self.finish_dial(dial, &Ok(peer));
            }
            Some(peer) => DialOpts::peer_id(peer)
                .condition(PeerCondition::Always)
                .addresses(vec![address])
                .allocate_new_port()
                .build(),
            None => DialOpts::unknown_peer_id().address(address).allocate_new_port().build(),
        };
        self.start_dial(options, dial);
    }

    fn start_dial(&mut self, options: DialOpts, dial: Dial) {
        let under_way = self.dials.values_mut().find(|other| {
            dial.expected.is_some()
                && other.expected == dial.expected
                && other.address == dial.address
                && other.is_bootstrap == dial.is_bootstrap
        });
        if let Some(other) = under_way {
            other.replies.extend(dial.replies);
            return;
        }
        let id = options.connection_id();
        match self.swarm.dial(options) {
            Ok(()) => drop(self.dials.insert(id, dial)),
            Err(SwarmDialError::Denied { .. })
                if self.dials.len() >= CONNECTIONS_PENDING_MAX as usize =>
            {
                self.finish_dial(dial, &Err(DialError::Busy));
            }
            Err(error) => self.fail_dial(dial, &error),
        }
    }

    fn fail_dial(&mut self, dial: Dial, error: &SwarmDialError) {
        let error = DialError::from_swarm(error, &dial.address, dial.expected);
        self.finish_dial(dial, &Err(error));
    }

    fn finish_dial(&mut self, dial: Dial, result: &Result<PeerId, DialError>) {
        if let Ok(peer) = *result
            && (self.remembered.len() < REMEMBERED_PEERS_MAX || self.remembered.contains_key(&peer))
            && dial.address.iter().count() > 1
        {
            self.remembered.insert(peer, dial.address.clone());
        }
        if dial.is_bootstrap {
            match result {
                Ok(peer) => self.redial(redial::Event::Connected(dial.address.clone(), *peer)),
                Err(error) => {
                    self.report(MeshEvent::Unreachable { error: error.clone() });
                    self.redial(redial::Event::Failed(dial.address));
                }
            }
        }
        for reply in dial.replies {
            let _ = reply.send(result.clone());
        }
    }

    fn redial(&mut self, event: redial::Event) {
        let now_ms = self.started.elapsed().as_millis() as u64;
        let mut addresses = Vec::new();
        self.redial.handle(now_ms, event, &mut addresses);
        for address in addresses {
            self.dial(address, None, true);
        }
    }

    fn react(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::ConnectionEstablished {
                peer_id, connection_id, num_established, ..
            } => {
                if num_established.get() == 1 {
                    tracing::info!(peer = %peer_id, "connected");
                    self.report(MeshEvent::Connected { peer: peer_id });
                }
                if let Some(dial) = self.dials.remove(&connection_id) {
                    if dial.expected.is_none() && num_established.get() > 1 {
                        // We did not know whose address this was; one connection is enough.
                        self.swarm.close_connection(connection_id);
                    }
                    self.finish_dial(dial, &Ok(peer_id));
                }
            }
            SwarmEvent::ConnectionClosed { peer_id, num_established: 0, cause, .. } => {
                let cause = disconnect_cause(cause.as_ref());
                tracing::info!(peer = %peer_id, cause, "disconnected");
                self.report(MeshEvent::Disconnected { peer: peer_id, cause });
                self.redial(redial::Event::Disconnected(peer_id));
            }
            SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
                if let Some(dial) = self.dials.remove(&connection_id) {
                    self.fail_dial(dial, &error);
                }
            }
            SwarmEvent::IncomingConnectionError { send_back_addr, error, .. } => {
                tracing::debug!(address = %send_back_addr, error = innermost(&error), "inbound connection failed");
            }
            SwarmEvent::Behaviour(BehaviourEvent::Ping(ping::Event {
                peer,
                connection,
                result: Err(failure),
            })) => {
                // Also a peer that does not speak ping: we could not tell when it dies.
                tracing::info!(%peer, %failure, "connection closed: the peer does not answer");
                self.swarm.close_connection(connection);
            }
            SwarmEvent::Behaviour(BehaviourEvent::Mdns(mdns::Event::Discovered(found))) => {
                for (peer, address) in found {
                    self.report(MeshEvent::Discovered { peer, address });
                }
            }
            SwarmEvent::ListenerError { error, .. } => {
                tracing::warn!(error = innermost(&error), "listener failed");
            }
            _ => {}
        }
    }

    fn report(&self, event: MeshEvent) {
        // Nobody may be listening.
        let _ = self.events.send(event);
    }
}
