//! The libp2p behaviour behind sessions and blobs: opens streams on connections that exist, and hands
//! inbound ones to a bounded queue.
//!
//! `libp2p-stream` does nearly this, but it holds one inbound stream at most before it drops the next, dials
//! on its own, and keeps an entry for every connection there ever was.

use std::{
    collections::{BTreeMap, VecDeque},
    convert::Infallible,
    future::{Ready, ready},
    io,
    pin::Pin,
    task::{Context, Poll},
};

use futures::{AsyncRead, AsyncWrite, FutureExt, channel::oneshot, future::Shared};
use libp2p::{
    Multiaddr, PeerId, Stream, StreamProtocol,
    core::{Endpoint, InboundUpgrade, OutboundUpgrade, UpgradeInfo, transport::PortUse},
    swarm::{
        ConnectionClosed, ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent,
        ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler, StreamUpgradeError,
        SubstreamProtocol, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
        behaviour::ConnectionEstablished,
        handler::{
            ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound,
        },
    },
};
use tokio::sync::mpsc;

/// Protocol of session streams.
pub(crate) const SESSION_PROTOCOL: StreamProtocol = StreamProtocol::new("/spm/session/1");
/// Protocol of blob streams.
pub(crate) const BLOB_PROTOCOL: StreamProtocol = StreamProtocol::new("/spm/blob/1");

/// Why a stream was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenStreamError {
    /// There is no connection to the peer.
    #[error("there is no connection to peer `{peer}`")]
    NotConnected {
        /// The peer.
        peer: PeerId,
    },
    /// The peer does not speak the protocol.
    #[error("peer does not speak `{protocol}`")]
    Unsupported {
        /// The protocol.
        protocol: StreamProtocol,
    },
    /// The peer did not answer in time.
    #[error("peer did not answer in time")]
    TimedOut,
    /// The connection broke meanwhile.
    #[error("connection broke")]
    Broken(#[source] Option<io::Error>),
}

pub(crate) type OpenReply = tokio::sync::oneshot::Sender<Result<PeerStream, OpenStreamError>>;

/// A stream that a peer opened.
#[derive(Debug)]
pub(crate) struct InboundStream {
    pub(crate) peer: PeerId,
    pub(crate) protocol: StreamProtocol,
    pub(crate) stream: PeerStream,
}

/// Resolves when a connection is closed.
type Gone = Shared<oneshot::Receiver<Infallible>>;

/// A stream that breaks as soon as its connection is closed. A stream of Yamux alone may never hear of it
/// when this end closes.
#[derive(Debug)]
pub(crate) struct PeerStream {
    stream: Stream,
    // One for each direction: either may be waited on by a task of its own.
    gone_for_read: Gone,
    gone_for_write: Gone,
}

impl PeerStream {
    fn new(stream: Stream, gone: &Gone) -> Self {
        Self { stream, gone_for_read: gone.clone(), gone_for_write: gone.clone() }
    }
}

/// What `ready` says, or else whether the connection is gone.
fn unless_gone<T>(
    ready: Poll<io::Result<T>>,
    gone: &mut Gone,
    context: &mut Context<'_>,
) -> Poll<io::Result<T>> {
    if ready.is_pending() && gone.poll_unpin(context).is_ready() {
        let error = io::Error::new(io::ErrorKind::ConnectionAborted, "the connection was closed");
        return Poll::Ready(Err(error));
    }
    ready
}

impl AsyncRead for PeerStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let ready = Pin::new(&mut self.stream).poll_read(context, buffer);
        unless_gone(ready, &mut self.gone_for_read, context)
    }
}

impl AsyncWrite for PeerStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let ready = Pin::new(&mut self.stream).poll_write(context, bytes);
        unless_gone(ready, &mut self.gone_for_write, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ready = Pin::new(&mut self.stream).poll_flush(context);
        unless_gone(ready, &mut self.gone_for_write, context)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ready = Pin::new(&mut self.stream).poll_close(context);
        unless_gone(ready, &mut self.gone_for_write, context)
    }
}

/// A request to open a stream, on its way to a connection.
#[derive(Debug)]
pub(crate) struct OpenRequest {
    protocol: StreamProtocol,
    reply: OpenReply,
}

/// The behaviour; lives in the swarm.
pub(crate) struct Behaviour {
    inbound: mpsc::Sender<InboundStream>,
    connections: BTreeMap<PeerId, Vec<ConnectionId>>,
    requests: VecDeque<(PeerId, ConnectionId, OpenRequest)>,
}

impl Behaviour {
    pub(crate) fn new(inbound: mpsc::Sender<InboundStream>) -> Self {
        Self { inbound, connections: BTreeMap::new(), requests: VecDeque::new() }
    }

    /// Opens a stream on the oldest connection to `peer`.
    pub(crate) fn open(&mut self, peer: PeerId, protocol: StreamProtocol, reply: OpenReply) {
        match self.connections.get(&peer).and_then(|connections| connections.first()) {
            Some(connection) => {
                self.requests.push_back((peer, *connection, OpenRequest { protocol, reply }));
            }
            // Who asked may have given up; then nobody needs the answer.
            None => drop(reply.send(Err(OpenStreamError::NotConnected { peer }))),
        }
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(Handler::new(peer, self.inbound.clone()))
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(Handler::new(peer, self.inbound.clone()))
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        match event {
            FromSwarm::ConnectionEstablished(ConnectionEstablished {
                peer_id,
                connection_id,
                ..
            }) => self.connections.entry(peer_id).or_default().push(connection_id),
            FromSwarm::ConnectionClosed(ConnectionClosed { peer_id, connection_id, .. }) => {
                if let Some(connections) = self.connections.get_mut(&peer_id) {
                    connections.retain(|id| *id != connection_id);
                    if connections.is_empty() {
                        self.connections.remove(&peer_id);
                    }
                }
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(
        &mut self,
        _: PeerId,
        _: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
        // The swarm is polled after every command, so no waker is needed.
        match self.requests.pop_front() {
            Some((peer_id, connection, event)) => Poll::Ready(ToSwarm::NotifyHandler {
                peer_id,
                handler: NotifyHandler::One(connection),
                event,
            }),
            None => Poll::Pending,
        }
    }
}

/// One connection's part of the behaviour.
pub(crate) struct Handler {
    peer: PeerId,
    inbound: mpsc::Sender<InboundStream>,
    requests: VecDeque<OpenRequest>,
    /// Dropped when the connection is closed, which resolves `gone`.
    alive: Option<oneshot::Sender<Infallible>>,
    gone: Gone,
}

impl Handler {
    fn new(peer: PeerId, inbound: mpsc::Sender<InboundStream>) -> Self {
        let (alive, gone) = oneshot::channel();
        Self { peer, inbound, requests: VecDeque::new(), alive: Some(alive), gone: gone.shared() }
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = OpenRequest;
    type ToBehaviour = Infallible;
    type InboundProtocol = Upgrade;
    type OutboundProtocol = Upgrade;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = OpenRequest;

    fn listen_protocol(&self) -> SubstreamProtocol<Upgrade, ()> {
        SubstreamProtocol::new(Upgrade(vec![SESSION_PROTOCOL, BLOB_PROTOCOL]), ())
    }

    fn poll(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Upgrade, OpenRequest, Infallible>> {
        // Requests come in by `on_behaviour_event`, after which the connection polls.
        match self.requests.pop_front() {
            Some(request) => {
                let upgrade = Upgrade(vec![request.protocol.clone()]);
                Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest {
                    protocol: SubstreamProtocol::new(upgrade, request),
                })
            }
            None => Poll::Pending,
        }
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<Option<Infallible>> {
        self.alive = None;
        Poll::Ready(None)
    }

    fn on_behaviour_event(&mut self, request: OpenRequest) {
        self.requests.push_back(request);
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<'_, Upgrade, Upgrade, (), OpenRequest>,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol: (stream, protocol),
                info: (),
            }) => {
                let stream = PeerStream::new(stream, &self.gone);
                let inbound = InboundStream { peer: self.peer, protocol, stream };
                if self.inbound.try_send(inbound).is_err() {
                    tracing::warn!(peer = %self.peer, "inbound stream dropped: too many wait to be accepted");
                }
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol: (stream, _),
                info: request,
            }) => drop(request.reply.send(Ok(PeerStream::new(stream, &self.gone)))),
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info: request, error }) => {
                let error = match error {
                    StreamUpgradeError::Timeout => OpenStreamError::TimedOut,
                    StreamUpgradeError::NegotiationFailed => {
                        OpenStreamError::Unsupported { protocol: request.protocol }
                    }
                    StreamUpgradeError::Io(error) => OpenStreamError::Broken(Some(error)),
                    StreamUpgradeError::Apply(never) => match never {},
                };
                drop(request.reply.send(Err(error)));
            }
            _ => {}
        }
    }
}

/// Negotiates one of these protocols, and nothing more.
pub(crate) struct Upgrade(Vec<StreamProtocol>);

impl UpgradeInfo for Upgrade {
    type Info = StreamProtocol;
    type InfoIter = std::vec::IntoIter<StreamProtocol>;

    fn protocol_info(&self) -> Self::InfoIter {
        self.0.clone().into_iter()
    }
}

impl InboundUpgrade<Stream> for Upgrade {
    type Output = (Stream, StreamProtocol);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_inbound(self, stream: Stream, protocol: StreamProtocol) -> Self::Future {
        ready(Ok((stream, protocol)))
    }
}

impl OutboundUpgrade<Stream> for Upgrade {
    type Output = (Stream, StreamProtocol);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_outbound(self, stream: Stream, protocol: StreamProtocol) -> Self::Future {
        ready(Ok((stream, protocol)))
    }
}
