//! Frames on their way into a pipe, without anyone waiting for a hub that does not read.

use std::collections::VecDeque;

use parking_lot::Mutex;
use spm_netmesh::{PendingWake, PipeSender, TrySendError};
use spm_protocol::limits::MIB;
use tokio::sync::Notify;

/// Bytes held back for a hub that reads more slowly than its tasks end; past it its session is dropped. Slots
/// must not wait for it, for they are other sessions' too.
const HELD_BYTES_MAX: usize = 64 * MIB;

/// What is sent into one pipe by any thread, in the order it is given.
pub(super) struct Outbox {
    pipe: PipeSender,
    held: Mutex<Held>,
    wake: Notify,
}

#[derive(Default)]
struct Held {
    frames: VecDeque<Vec<u8>>,
    bytes: usize,
    /// Whether a frame is out of `frames` but not in the pipe yet: others must not overtake it.
    is_sending: bool,
}

/// The hub did not read what it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the hub left more than {HELD_BYTES_MAX} bytes of results unread")]
pub(super) struct Unread;

impl Outbox {
    pub(super) fn new(pipe: PipeSender) -> Self {
        Self { pipe, held: Mutex::default(), wake: Notify::new() }
    }

    /// Sends a frame now, or as soon as the pipe has room. A closed pipe swallows it: its reader finds out.
    pub(super) fn send(&self, frame: Vec<u8>) -> Result<(), Unread> {
        self.send_then(frame).map(PendingWake::wake)
    }

    /// The same, and the caller wakes the hub.
    pub(super) fn send_then(&self, frame: Vec<u8>) -> Result<PendingWake, Unread> {
        let mut held = self.held.lock();
        let frame = if held.frames.is_empty() && !held.is_sending {
            match self.pipe.try_send_then(frame) {
                Ok(wake) => return Ok(wake),
                Err(TrySendError::Closed(_)) => return Ok(PendingWake::default()),
                Err(TrySendError::Full(frame)) => frame,
            }
        } else {
            frame
        };
        if held.bytes + frame.len() > HELD_BYTES_MAX {
            return Err(Unread);
        }
        held.bytes += frame.len();
        held.frames.push_back(frame);
        drop(held);
        self.wake.notify_one();
        Ok(PendingWake::default())
    }

    /// Moves what was held back into the pipe, for ever. Not cancel safe: a frame may be lost.
    pub(super) async fn drain(&self) {
        loop {
            let next = {
                let mut held = self.held.lock();
                let next = held.frames.pop_front();
                held.is_sending = next.is_some();
                held.bytes -= next.as_ref().map_or(0, Vec::len);
                next
            };
            match next {
                // A closed pipe swallows it.
                Some(frame) => drop(self.pipe.send(frame).await),
                None => self.wake.notified().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use spm_netmesh::Pipe;

    use super::*;

    #[test]
    fn frames_that_wait_keep_their_order() {
        let (near, mut far) = Pipe::pair(1);
        let outbox = Outbox::new(near.sender);
        for number in 0..5 {
            outbox.send(vec![number]).unwrap();
        }
        let mut drain = Box::pin(outbox.drain());
        for number in 0..5 {
            let _ = (&mut drain).now_or_never();
            assert_eq!(far.receiver.try_recv(), Ok(vec![number]));
        }
    }

    #[test]
    fn what_is_held_has_a_limit() {
        let (near, _far) = Pipe::pair(1);
        let outbox = Outbox::new(near.sender);
        let frame = vec![0; MIB];
        let sent = (0..200).take_while(|_| outbox.send(frame.clone()).is_ok()).count();
        // One in the pipe, the rest held.
        assert_eq!(sent, 1 + HELD_BYTES_MAX / MIB);
    }

    #[test]
    fn a_closed_pipe_swallows() {
        let (near, far) = Pipe::pair(1);
        let outbox = Outbox::new(near.sender);
        drop(far);
        assert_eq!(outbox.send(vec![1]), Ok(()));
    }
}
