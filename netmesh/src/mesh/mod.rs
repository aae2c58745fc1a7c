//! The mesh: a handle, and one loop that owns the swarm.
//!
//! **Invariant:** only the loop touches the swarm; all that waits on it is bounded. Streams, once open,
//! are moved by tasks of their own and never pass through the loop.

pub(crate) mod build;
mod error;
mod redial;
pub(crate) mod streams;
mod swarm_loop;
mod transport;

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use libp2p::{Multiaddr, PeerId, StreamProtocol};
use parking_lot::Mutex;
use spm_protocol::{ContentId, SessionId};
use tokio::{
    sync::{Semaphore, broadcast, mpsc, oneshot},
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep, timeout},
};

pub use error::{DialError, StartError};
pub use streams::OpenStreamError;
pub use transport::Transport;

use crate::{
    Identity,
    blob::{BlobServer, BlobStore, FetchError, Patience, ProviderError, fetch_from},
    limits::{
        ACCEPT_PENDING_MAX, ACCEPTING_MAX, BLOB_FETCHES_MAX, BLOB_PROVIDERS_MAX,
        COMMANDS_PENDING_MAX, DIAL_TIMEOUT, EVENTS_PENDING_MAX, PREAMBLE_TIMEOUT,
    },
    session::{self, IncomingSessions, OpenSessionError, SessionAcceptor, SessionChannel},
};
use streams::{BLOB_PROTOCOL, InboundStream, PeerStream, SESSION_PROTOCOL};
use swarm_loop::{Command, SwarmLoop};

/// How a mesh is started. There is no default: the caller decides.
#[derive(Debug)]
pub struct MeshOptions {
    /// Who this process is.
    pub identity: Identity,
    /// Where to listen; port 0 takes a free one. May be empty.
    pub listen: Vec<Multiaddr>,
    /// Addresses to keep connected: dialled at once, and again, ever more slowly, when they are lost.
    pub bootstrap: Vec<Multiaddr>,
    /// Whether to announce ourselves and listen for others in the local network. What is found is only
    /// reported ([`MeshEvent::Discovered`]), never admitted or dialled.
    pub mdns: bool,
    /// What connections are made of.
    pub transport: Transport,
    /// The blobs to serve and to keep fetched ones in.
    pub blobs: BlobStore,
}

/// What happens in a mesh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MeshEvent {
    /// A first connection to this peer was made.
    Connected {
        /// The peer.
        peer: PeerId,
    },
    /// No connection to this peer is left.
    Disconnected {
        /// The peer.
        peer: PeerId,
        /// Why the last one ended.
        cause: String,
    },
    /// mDNS found a peer.
    Discovered {
        /// The peer, as it says.
        peer: PeerId,
        /// Where it says it is.
        address: Multiaddr,
    },
    /// A bootstrap address could not be connected; it will be tried again.
    Unreachable {
        /// Why.
        error: DialError,
    },
    /// The receiver was too slow and missed events. [`Mesh::connected_peers`] says how things are.
    Missed {
        /// How many.
        count: u64,
    },
}

/// Receives the events of a mesh.
#[derive(Debug)]
pub struct MeshEvents {
    receiver: broadcast::Receiver<MeshEvent>,
}

impl MeshEvents {
    /// The next event, or `None` once the mesh has stopped. Cancel safe.
    pub async fn recv(&mut self) -> Option<MeshEvent> {
        match self.receiver.recv().await {
            Ok(event) => Some(event),
            Err(broadcast::error::RecvError::Lagged(count)) => Some(MeshEvent::Missed { count }),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

/// Handle to a running mesh. Clones talk to the same loop; it stops with [`Mesh::stop`] or when the last
/// handle is dropped.
#[derive(Clone)]
pub struct Mesh {
    inner: Arc<Inner>,
}

struct Inner {
    identity: Identity,
    blobs: BlobStore,
    commands: mpsc::Sender<Command>,
    // Weak, so that receivers see the end when the loop, which holds the sender, ends.
    events: broadcast::WeakSender<MeshEvent>,
    /// What has happened since the start, for the first who asks: whom mDNS found is told once.
    first_events: Mutex<Option<broadcast::Receiver<MeshEvent>>>,
    sessions: SessionAcceptor,
    fetches: Semaphore,
    running: Mutex<Option<JoinHandle<()>>>,
}

impl Mesh {
    /// Starts a mesh on the current tokio runtime, and waits until it listens on every address.
    pub async fn start(options: MeshOptions) -> Result<Self, StartError> {
        let MeshOptions { identity, listen, bootstrap, mdns, transport, blobs } = options;
        let (commands, command_receiver) = mpsc::channel(COMMANDS_PENDING_MAX);
        let (inbound_sender, inbound) = mpsc::channel(ACCEPT_PENDING_MAX);
        let (event_sender, first_events) = broadcast::channel(EVENTS_PENDING_MAX);
        let events = event_sender.downgrade();
        let key = identity.transport_keypair();
        let mut swarm = build::build(key, transport, mdns, inbound_sender)?;
        build::listen(&mut swarm, listen).await?;
        let sessions = SessionAcceptor::new(identity.clone());
        let acceptor = accept(inbound, sessions.clone(), BlobServer::new(blobs.clone()));
        let swarm_loop = SwarmLoop::new(swarm, command_receiver, event_sender);
        let running = tokio::spawn(async move {
            tokio::select! {
                () = swarm_loop.run(bootstrap) => {}
                // Ends only after the loop, which holds the other end of its queue.
                () = acceptor => {}
            }
        });
        let fetches = Semaphore::new(BLOB_FETCHES_MAX);
        let running = Mutex::new(Some(running));
        Ok(Self {
            inner: Arc::new(Inner {
                identity,
                blobs,
                commands,
                events,
                first_events: Mutex::new(Some(first_events)),
                sessions,
                fetches,
                running,
            }),
        })
    }

    /// Who this process is.
    pub fn identity(&self) -> &Identity {
        &self.inner.identity
    }

    /// The transport peer id: the `/p2p/…` part of this mesh's addresses.
    pub fn peer_id(&self) -> PeerId {
        self.inner.identity.transport_id()
    }

    /// The blobs this mesh serves.
    pub fn blobs(&self) -> &BlobStore {
        &self.inner.blobs
    }

    /// Where this mesh listens now, with its peer id, ready to be dialled. Empty once it is stopped.
    ///
    /// Cancel safe.
    pub async fn listen_addresses(&self) -> Vec<Multiaddr> {
        self.ask(|reply| Command::ListenAddresses { reply }).await.unwrap_or_default()
    }

    /// The peers that are connected now. Empty once the mesh is stopped.
    ///
    /// Cancel safe.
    pub async fn connected_peers(&self) -> Vec<PeerId> {
        self.ask(|reply| Command::ConnectedPeers { reply }).await.unwrap_or_default()
    }

    /// Connects to an address and says which peer is there. If the address names a peer, another one is an
    /// error; if that peer is connected already, so it stays. The address is remembered for the peer.
    ///
    /// Cancel safe: dropping the future abandons the answer; the connection may still be made.
    pub async fn dial(&self, address: Multiaddr) -> Result<PeerId, DialError> {
        let timed_out = DialError::TimedOut { address: address.clone(), timeout: DIAL_TIMEOUT };
        let dialled = self.ask(|reply| Command::Dial { address, reply });
        match timeout(DIAL_TIMEOUT, dialled).await {
            Ok(Some(result)) => result,
            Ok(None) => Err(DialError::Stopped),
            Err(_) => Err(timed_out),
        }
    }

    /// Connects to a peer if it is not connected: where it was last, or where mDNS found it.
    ///
    /// Cancel safe, as [`Mesh::dial`].
    pub async fn connect(&self, peer: PeerId) -> Result<(), DialError> {
        let connected = self.ask(|reply| Command::Connect { peer, reply });
        match timeout(DIAL_TIMEOUT, connected).await {
            Ok(Some(result)) => result.map(drop),
            Ok(None) => Err(DialError::Stopped),
            Err(_) => Err(DialError::NoAddress { peer }),
        }
    }

    /// Keeps an address connected from now on, as those in [`MeshOptions::bootstrap`].
    ///
    /// Cancel safe.
    pub async fn add_bootstrap(&self, address: Multiaddr) {
        self.tell(Command::AddBootstrap { address }).await;
    }

    /// Notes where a peer may listen, for [`Mesh::connect`]. What is known of it from a connection counts more.
    ///
    /// Cancel safe.
    pub async fn remember(&self, peer: PeerId, address: Multiaddr) {
        self.tell(Command::Remember { peer, address }).await;
    }

    /// Where a peer was reached last.
    ///
    /// Cancel safe.
    pub async fn address_of(&self, peer: PeerId) -> Option<Multiaddr> {
        self.ask(|reply| Command::AddressOf { peer, reply }).await.flatten()
    }

    /// Closes all connections to a peer; its sessions break.
    ///
    /// Cancel safe.
    pub async fn disconnect(&self, peer: PeerId) {
        self.tell(Command::Disconnect { peer }).await;
    }

    /// A new receiver of events: the first has them from the start on, later ones from now on.
    pub fn events(&self) -> MeshEvents {
        let first = self.inner.first_events.lock().take();
        let receiver = first.unwrap_or_else(|| match self.inner.events.upgrade() {
            Some(sender) => sender.subscribe(),
            // The mesh is stopped, and so is this channel.
            None => broadcast::channel(1).1,
        });
        MeshEvents { receiver }
    }

    /// Opens a session to a peer, connecting to it if need be: two streams, with certificates exchanged and
    /// checked. Whether the proven owner is trusted is for the caller to decide.
    ///
    /// Cancel safe: dropping the future closes what was opened.
    pub async fn open_session(
        &self,
        peer: PeerId,
        session: SessionId,
    ) -> Result<SessionChannel, OpenSessionError> {
        self.connect(peer).await.map_err(|source| match source {
            DialError::Stopped => OpenSessionError::Stopped,
            source => OpenSessionError::Unreachable { peer, source },
        })?;
        let certificate = self.inner.identity.certificate();
        let opened = async {
            let (control, work) = futures::try_join!(
                self.open_stream(peer, SESSION_PROTOCOL),
                self.open_stream(peer, SESSION_PROTOCOL),
            )
            .map_err(|source| OpenSessionError::Stream { peer, source })?;
            session::open(peer, session, certificate, control, work).await
        };
        timeout(PREAMBLE_TIMEOUT, opened).await.unwrap_or(Err(OpenSessionError::TimedOut { peer }))
    }

    /// A new receiver of the sessions that peers open; an older one ends. Until this is called, and after the
    /// receiver is dropped, sessions are refused.
    pub fn incoming_sessions(&self) -> IncomingSessions {
        self.inner.sessions.incoming()
    }

    /// Fetches a blob of at most `bytes_max` bytes into the store: from the store itself, or from these
    /// providers in order, as a member of `session`. Every chunk is verified as it arrives; a provider that
    /// fails is followed by the next, which goes on where verified bytes end. Those that are busy are asked again,
    /// ever more slowly, once no other is left. `progress` is told how many
    /// bytes are verified, and of how many.
    ///
    /// Cancel safe: dropping the future closes the stream and forgets what was fetched.
    pub async fn fetch(
        &self,
        id: ContentId,
        bytes_max: u64,
        session: SessionId,
        providers: &[PeerId],
        mut progress: impl FnMut(u64, u64) + Send,
    ) -> Result<Bytes, FetchError> {
        if let Some(bytes) = self.inner.blobs.get_soon(id).await {
            let length = bytes.len() as u64;
            if length > bytes_max {
                return Err(FetchError::TooLarge { id, bytes: length, bytes_max });
            }
            return Ok(bytes);
        }
        let mut slot = self.inner.fetches.acquire().await.map_err(|_| FetchError::Stopped)?;
        let mut verified = Vec::new();
        let mut tried = Vec::new();
        let (begun, mut patience) = (Instant::now(), Patience::new());
        let own = self.peer_id();
        let others = providers.iter().copied().filter(|peer| *peer != own);
        let mut ahead: VecDeque<PeerId> = others.take(BLOB_PROVIDERS_MAX).collect();
        let mut busy = VecDeque::new();
        loop {
            let Some(provider) = ahead.pop_front() else {
                if busy.is_empty() {
                    break;
                }
                let Some(pause) = patience.pause(begun.elapsed()) else { break };
                ahead = std::mem::take(&mut busy);
                // Others may fetch from elsewhere meanwhile.
                drop(slot);
                sleep(pause).await;
                slot = self.inner.fetches.acquire().await.map_err(|_| FetchError::Stopped)?;
                continue;
            };
            let fetched = async {
                self.connect(provider).await?;
                let mut stream = self.open_stream(provider, BLOB_PROTOCOL).await?;
                fetch_from(&mut stream, session, id, bytes_max, &mut verified, &mut progress).await
            };
            match fetched.await {
                Ok(()) => {
                    let bytes = Bytes::from(verified);
                    let kept = self.inner.blobs.put_fetched(id, bytes.clone()).await;
                    return match kept {
                        Ok(()) => Ok(bytes),
                        Err(source) => Err(FetchError::Store { id, source }),
                    };
                }
                Err(ProviderError::Unreachable(DialError::Stopped)) => {
                    return Err(FetchError::Stopped);
                }
                Err(ProviderError::Busy) => {
                    tracing::debug!(%provider, %id, "blob provider is busy");
                    busy.push_back(provider);
                }
                Err(error) => {
                    tracing::info!(%provider, %id, %error, "blob provider failed");
                    tried.push((provider, error));
                }
            }
        }
        tried.extend(busy.into_iter().map(|provider| (provider, ProviderError::Busy)));
        Err(FetchError::NoProvider { id, tried })
    }

    /// Closes all connections, which breaks what is open, and waits until the loop has ended.
    ///
    /// Cancel safe: the mesh stops all the same.
    pub async fn stop(&self) {
        self.inner.sessions.stop();
        self.ask(|reply| Command::Stop { reply }).await;
        let running = self.inner.running.lock().take();
        if let Some(running) = running {
            // It ends by a panic only, which has been reported.
            let _ = running.await;
        }
    }

    pub(crate) async fn open_stream(
        &self,
        peer: PeerId,
        protocol: StreamProtocol,
    ) -> Result<PeerStream, OpenStreamError> {
        self.ask(|reply| Command::OpenStream { peer, protocol, reply })
            .await
            .unwrap_or(Err(OpenStreamError::Broken(None)))
    }

    /// Sends a command and waits for its answer; `None` if the loop has ended.
    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.tell(command(reply)).await;
        answer.await.ok()
    }

    async fn tell(&self, command: Command) {
        // A loop that has ended needs no command; who waits for an answer sees the end there.
        let _ = self.inner.commands.send(command).await;
    }
}

impl std::fmt::Debug for Mesh {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Mesh").field("peer", &self.peer_id()).finish_non_exhaustive()
    }
}

/// Gives every inbound stream a task, at once: a slow peer must not hold up another's stream.
async fn accept(
    mut inbound: mpsc::Receiver<InboundStream>,
    sessions: SessionAcceptor,
    blobs: BlobServer,
) {
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            next = inbound.recv() => {
                let Some(InboundStream { peer, protocol, stream }) = next else { return };
                if tasks.len() >= ACCEPTING_MAX {
                    tracing::warn!(%peer, "inbound stream dropped: too many are being accepted");
                    continue;
                }
                let (sessions, blobs) = (sessions.clone(), blobs.clone());
                if protocol == SESSION_PROTOCOL {
                    tasks.spawn(async move { sessions.accept(peer, stream).await });
                } else {
                    tasks.spawn(async move { blobs.serve(peer, stream).await });
                }
            }
            Some(_) = tasks.join_next(), if !tasks.is_empty() => {}
        }
    }
}
