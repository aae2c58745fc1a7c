//! Where what a task returned goes: to the hub, or into this host's store.

use spm_protocol::frame::Returns;
use spm_protocol::limits::KEPT_INLINE_BYTES_MAX;
use spm_protocol::parts::{grown, items};
use spm_protocol::{Outcome, Payload};

use super::queue::Job;

/// What a part that is a blob takes in a frame, about.
const BLOB_BYTES: usize = 64;

/// The outcome of a job that returned `value`.
pub(super) fn returned(job: &Job, value: Vec<u8>) -> Result<Outcome, String> {
    let point = &job.point;
    match job.returns {
        Returns::Kept => {
            point.hold(value, KEPT_INLINE_BYTES_MAX).map(|part| Outcome::Kept(vec![part]))
        }
        Returns::KeptInParts(count) => {
            let parts = items(&value, count).ok_or_else(|| {
                format!("the task did not return a list of {count} items, as its manager needs")
            })?;
            let held =
                parts.into_iter().map(|part| point.hold(part.to_vec(), KEPT_INLINE_BYTES_MAX));
            held.collect::<Result<_, _>>().map(Outcome::Kept)
        }
        Returns::Sent => match job.channel.as_ref().and_then(|channel| channel.take_spawned()) {
            None => point.session.payload(value).map(Outcome::Returned),
            Some(tasks) => point.session.payload(grown(tasks, &value)).map(Outcome::Grown),
        },
    }
}

/// What a part takes in a frame.
pub(super) fn kept_bytes(part: &Payload) -> usize {
    match part {
        Payload::Inline(value) => value.len() + 8,
        Payload::Blob { .. } => BLOB_BYTES,
    }
}
