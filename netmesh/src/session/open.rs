//! The opening end of a session.

use libp2p::PeerId;
use spm_protocol::{Certificate, Certified, SessionId};

use super::{
    OpenSessionError, SessionChannel,
    wire::{Answer, Kind, Preamble, VERSION},
};
use crate::{
    identity::unix_ms, limits::SESSION_PIPE_FRAMES, mesh::streams::PeerStream, message, pipe::Pipe,
};

/// Introduces both streams and makes pipes of them once the peer has accepted both.
pub(crate) async fn open(
    peer: PeerId,
    session: SessionId,
    certificate: Certificate,
    mut control: PeerStream,
    mut work: PeerStream,
) -> Result<SessionChannel, OpenSessionError> {
    let preamble = Preamble { version: VERSION, session, kind: Kind::Control, certificate };
    let work_preamble = Preamble { kind: Kind::Work, ..preamble.clone() };
    let (remote, also) = futures::try_join!(
        introduce(peer, &mut control, &preamble),
        introduce(peer, &mut work, &work_preamble),
    )?;
    if remote.owner != also.owner {
        return Err(OpenSessionError::TwoOwners { peer });
    }
    Ok(SessionChannel {
        control: Pipe::over(control, SESSION_PIPE_FRAMES),
        work: Pipe::over(work, SESSION_PIPE_FRAMES),
        remote,
    })
}

async fn introduce(
    peer: PeerId,
    stream: &mut PeerStream,
    preamble: &Preamble,
) -> Result<Certified, OpenSessionError> {
    let broke = |source| OpenSessionError::Preamble { peer, source };
    message::write(stream, preamble).await.map_err(broke)?;
    match message::read(stream).await.map_err(broke)? {
        Answer::Accepted { certificate } => certificate
            .verify(peer, unix_ms())
            .map_err(|source| OpenSessionError::Certificate { peer, source }),
        Answer::Refused { reason } => {
            Err(OpenSessionError::Refused { peer, reason: message::printable(&reason) })
        }
    }
}
