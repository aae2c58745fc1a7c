//! The accepting end of sessions: reads preambles, checks certificates, and pairs the two streams.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};

use libp2p::PeerId;
use parking_lot::Mutex;
use spm_protocol::{Certified, SessionId, limits::SESSIONS_PER_PEER_MAX};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::{
    IncomingSession, IncomingSessions, SessionChannel,
    wire::{Answer, Kind, Preamble, VERSION},
};
use crate::{
    Identity,
    identity::unix_ms,
    limits::{
        INCOMING_SESSIONS_MAX, PAIRING_TIMEOUT, PREAMBLE_TIMEOUT, PREAMBLES_PER_PEER_MAX,
        SESSION_PIPE_FRAMES,
    },
    mesh::streams::PeerStream,
    message,
    permits::{PeerLimit, PeerPermit},
    pipe::Pipe,
};

/// One stream of a session that waits for the other.
struct Half {
    kind: Kind,
    stream: PeerStream,
    remote: Certified,
    /// Dropped when the other stream takes this one, which ends the wait.
    _taken: oneshot::Sender<()>,
    _permit: PeerPermit,
}

type Halves = BTreeMap<(PeerId, SessionId), Half>;

/// Accepts session streams. Clones share their state.
#[derive(Clone)]
pub(crate) struct SessionAcceptor {
    identity: Identity,
    halves: Arc<Mutex<Halves>>,
    preambles: PeerLimit,
    sessions: PeerLimit,
    accepted: Arc<Mutex<Option<mpsc::Sender<IncomingSession>>>>,
}

impl SessionAcceptor {
    pub(crate) fn new(identity: Identity) -> Self {
        Self {
            identity,
            halves: Arc::default(),
            preambles: PeerLimit::new(PREAMBLES_PER_PEER_MAX),
            sessions: PeerLimit::new(SESSIONS_PER_PEER_MAX),
            accepted: Arc::default(),
        }
    }

    /// A new receiver of sessions; an older one ends.
    pub(crate) fn incoming(&self) -> IncomingSessions {
        let (sender, receiver) = mpsc::channel(INCOMING_SESSIONS_MAX);
        *self.accepted.lock() = Some(sender);
        IncomingSessions { receiver }
    }

    /// Ends the receiver.
    pub(crate) fn stop(&self) {
        *self.accepted.lock() = None;
        self.halves.lock().clear();
    }

    /// Takes one stream from its preamble to its session, or refuses it.
    pub(crate) async fn accept(&self, peer: PeerId, mut stream: PeerStream) {
        let Some(permit) = self.preambles.try_acquire(peer) else {
            tracing::warn!(%peer, "session stream dropped: too many of this peer's streams wait");
            return;
        };
        let preamble: Preamble = match timeout(PREAMBLE_TIMEOUT, message::read(&mut stream)).await {
            Ok(Ok(preamble)) => preamble,
            Ok(Err(error)) => {
                tracing::debug!(%peer, error = &error as &dyn std::error::Error, "session stream dropped");
                return;
            }
            Err(_) => {
                tracing::debug!(%peer, "session stream dropped: no preamble in time");
                return;
            }
        };
        let remote = match check(peer, &preamble) {
            Ok(remote) => remote,
            Err(reason) => return refuse(peer, &mut stream, reason).await,
        };
        match self.pair(peer, &preamble, remote, stream, permit) {
            Paired::Waits(taken) => {
                if timeout(PAIRING_TIMEOUT, taken).await.is_err() {
                    let half = self.halves.lock().remove(&(peer, preamble.session));
                    if let Some(mut half) = half {
                        let reason = "the session's other stream did not come".to_owned();
                        refuse(peer, &mut half.stream, reason).await;
                    }
                }
            }
            Paired::Refused(mut stream, reason) => {
                refuse(peer, &mut stream, reason.to_owned()).await;
            }
            Paired::Both { control, work } => {
                self.complete(preamble.session, remote, control, work).await;
            }
        }
    }

    fn pair(
        &self,
        peer: PeerId,
        preamble: &Preamble,
        remote: Certified,
        stream: PeerStream,
        permit: PeerPermit,
    ) -> Paired {
        let mut halves = self.halves.lock();
        match halves.entry((peer, preamble.session)) {
            Entry::Vacant(vacant) => {
                let (sender, taken) = oneshot::channel();
                vacant.insert(Half {
                    kind: preamble.kind,
                    stream,
                    remote,
                    _taken: sender,
                    _permit: permit,
                });
                Paired::Waits(taken)
            }
            Entry::Occupied(occupied) if occupied.get().kind == preamble.kind => {
                Paired::Refused(stream, "the session has this stream already")
            }
            Entry::Occupied(occupied) if occupied.get().remote.owner != remote.owner => {
                Paired::Refused(stream, "the session's streams are of two owners")
            }
            Entry::Occupied(occupied) => {
                let first = occupied.remove().stream;
                match preamble.kind {
                    Kind::Work => Paired::Both { control: first, work: stream },
                    Kind::Control => Paired::Both { control: stream, work: first },
                }
            }
        }
    }

    async fn complete(
        &self,
        session: SessionId,
        remote: Certified,
        mut control: PeerStream,
        mut work: PeerStream,
    ) {
        let peer = remote.transport;
        let accepted = self.accepted.lock().clone();
        let slot = match &accepted {
            None => Err("this peer takes no sessions"),
            Some(accepted) => accepted.try_reserve().map_err(|error| match error {
                mpsc::error::TrySendError::Full(()) => "too many sessions wait to be taken",
                mpsc::error::TrySendError::Closed(()) => "this peer takes no sessions",
            }),
        };
        let permit = self.sessions.try_acquire(peer).ok_or("too many sessions of one peer");
        let (slot, permit) = match (slot, permit) {
            (Ok(slot), Ok(permit)) => (slot, Arc::new(permit)),
            (Err(reason), _) | (_, Err(reason)) => {
                futures::join!(
                    refuse(peer, &mut control, reason.to_owned()),
                    refuse(peer, &mut work, reason.to_owned()),
                );
                return;
            }
        };
        let answer = Answer::Accepted { certificate: self.identity.certificate() };
        let answered = timeout(PREAMBLE_TIMEOUT, async {
            futures::try_join!(
                message::write(&mut control, &answer),
                message::write(&mut work, &answer),
            )
        });
        if !matches!(answered.await, Ok(Ok(_))) {
            tracing::debug!(%peer, %session, "session dropped: the peer left while it was accepted");
            return;
        }
        let channel = SessionChannel {
            control: Pipe::over_holding(control, SESSION_PIPE_FRAMES, Arc::clone(&permit)),
            work: Pipe::over_holding(work, SESSION_PIPE_FRAMES, permit),
            remote,
        };
        slot.send(IncomingSession { peer, owner: remote.owner, session, channel });
    }
}

enum Paired {
    Waits(oneshot::Receiver<()>),
    Refused(PeerStream, &'static str),
    Both { control: PeerStream, work: PeerStream },
}

fn check(peer: PeerId, preamble: &Preamble) -> Result<Certified, String> {
    if preamble.version != VERSION {
        return Err(format!("version {} is not spoken here, only {VERSION}", preamble.version));
    }
    preamble.certificate.verify(peer, unix_ms()).map_err(|error| error.to_string())
}

async fn refuse(peer: PeerId, stream: &mut PeerStream, reason: String) {
    tracing::info!(%peer, reason, "session refused");
    // A peer that does not wait for the reason does without.
    let _ = timeout(PREAMBLE_TIMEOUT, async {
        message::write(stream, &Answer::Refused { reason }).await?;
        futures::AsyncWriteExt::close(stream).await.map_err(message::MessageError::from)
    })
    .await;
}
