//! Arguments that are not in the frame of their task.

use std::sync::Arc;

use bytes::Bytes;
use spm_protocol::frame::{Member, UNFETCHED};
use spm_protocol::limits::VALUE_BYTES_MAX;
use spm_protocol::{Arguments, ContentId, Payload, Piece};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::point::PointRun;

/// Why a task's arguments are too long, if they are.
pub(super) fn too_long(arguments: &Arguments) -> Option<String> {
    let bytes = arguments.bytes();
    (bytes > VALUE_BYTES_MAX as u64)
        .then(|| format!("arguments of {bytes} bytes are over the limit of {VALUE_BYTES_MAX}"))
}

/// A task's arguments, and what bounds how many large ones are in memory.
pub(super) async fn gather(
    run: &PointRun,
    large: &Arc<Semaphore>,
    arguments: Arguments,
) -> Result<(Bytes, Option<OwnedSemaphorePermit>), String> {
    match arguments {
        Arguments::Whole(Payload::Inline(arguments)) => Ok((arguments.into(), None)),
        Arguments::Whole(Payload::Blob { id, bytes }) => {
            let permit = permit(large).await?;
            Ok((fetch(run, id, bytes, None).await?, Some(permit)))
        }
        Arguments::Pieces(pieces) => {
            let permit = permit(large).await?;
            let mut joined = Vec::new();
            for piece in pieces {
                match piece {
                    Piece::Bytes(bytes) => joined.extend_from_slice(&bytes),
                    Piece::Blob { id, bytes, holder } => {
                        joined.extend_from_slice(&fetch(run, id, bytes, holder).await?);
                    }
                }
            }
            Ok((joined.into(), Some(permit)))
        }
    }
}

async fn permit(large: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, String> {
    Arc::clone(large).acquire_owned().await.map_err(|_| "this host stops".to_owned())
}

async fn fetch(
    run: &PointRun,
    id: ContentId,
    bytes: u64,
    holder: Option<Member>,
) -> Result<Bytes, String> {
    let session = &run.session;
    let provider = match holder {
        None => session.submitter.transport,
        Some(member) => {
            member.peer().ok_or_else(|| format!("{UNFETCHED}: their holder is no peer"))?
        }
    };
    let fetched = session.blobs.fetch(id, bytes, session.session, &[provider], |_, _| {}).await;
    fetched.map_err(|reason| format!("{UNFETCHED}: {reason}"))
}
