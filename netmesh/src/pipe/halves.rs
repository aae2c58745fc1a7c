//! The two halves of one direction, for tasks and for threads.

use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::Arc,
    task::{Poll, Waker},
    time::{Duration, Instant},
};

use super::{
    CloseReason, Direct, PendingWake, PipeClosed, TryRecvError, TrySendError,
    park::block_on,
    queue::{Shared, register},
};

/// Makes both halves; a capacity of zero counts as one.
pub(super) fn channel(capacity_frames: usize) -> (PipeSender, PipeReceiver) {
    let shared = Arc::new(Shared::new(capacity_frames));
    (PipeSender { shared: Arc::clone(&shared) }, PipeReceiver { shared })
}

/// Sends frames into a pipe. Clones share the queue; the direction finishes when the last is dropped.
#[derive(Debug)]
pub struct PipeSender {
    shared: Arc<Shared>,
}

impl PipeSender {
    /// Queues a frame, waiting for room.
    ///
    /// A frame over the limit closes the pipe. Cancel safe: dropping the future drops the frame, unqueued.
    pub async fn send(&self, frame: Vec<u8>) -> Result<(), PipeClosed> {
        let mut slot = Some(frame);
        poll_fn(|context| self.shared.poll_send(context, &mut slot)).await
    }

    /// Queues a frame from a thread, waiting for room. Must not be called from an async task.
    pub fn blocking_send(&self, frame: Vec<u8>) -> Result<(), PipeClosed> {
        let mut slot = Some(frame);
        block_on(None, |context| self.shared.poll_send(context, &mut slot)).unwrap_or(Ok(()))
    }

    /// Queues a frame if there is room now.
    pub fn try_send(&self, frame: Vec<u8>) -> Result<(), TrySendError> {
        self.shared.try_send(frame)
    }

    /// Queues a frame if there is room now, and leaves it to the caller how and when to wake the receiver: once it
    /// has let go of its locks.
    pub fn try_send_then(&self, frame: Vec<u8>) -> Result<PendingWake, TrySendError> {
        self.shared.try_send_then(frame)
    }

    /// Closes this direction, and the stream under the pipe if there is one, and says why. What is queued is
    /// still received first.
    pub fn close(&self, why: impl Into<String>) {
        self.shared.close(CloseReason::Closed(why.into()));
    }

    /// Why this direction is closed, if it is.
    pub fn closed_reason(&self) -> Option<CloseReason> {
        self.shared.queue.lock().closed.clone()
    }

    /// Waits until this direction is closed. Cancel safe.
    pub async fn closed(&self) -> CloseReason {
        poll_fn(|context| {
            let mut queue = self.shared.queue.lock();
            if let Some(reason) = &queue.closed {
                return Poll::Ready(reason.clone());
            }
            register(&mut queue.end_watchers, context.waker());
            Poll::Pending
        })
        .await
    }

    pub(super) fn close_because(&self, reason: CloseReason) {
        self.shared.close(reason);
    }

    /// Waits until the receiver is dropped. Cancel safe.
    pub(super) async fn abandoned(&self) {
        poll_fn(|context| {
            let mut queue = self.shared.queue.lock();
            if queue.receiver_dropped {
                return Poll::Ready(());
            }
            register(&mut queue.end_watchers, context.waker());
            Poll::Pending
        })
        .await;
    }

    /// Queues all frames in order, waiting for room; one wake serves as many as fit.
    pub(super) async fn send_all(&self, frames: &mut VecDeque<Vec<u8>>) -> Result<(), PipeClosed> {
        poll_fn(|context| {
            let mut queue = self.shared.queue.lock();
            if let Some(closed) = queue.closed() {
                return Poll::Ready(Err(closed));
            }
            let mut wake = PendingWake::default();
            while let Some(frame) = frames.pop_front() {
                if !queue.has_room(self.shared.capacity_frames, frame.len()) {
                    frames.push_front(frame);
                    register(&mut queue.blocked_senders, context.waker());
                    break;
                }
                let woken = queue.push(frame);
                if wake.is_none() {
                    wake = woken;
                }
            }
            drop(queue);
            // A pump holds no lock.
            wake.run();
            if frames.is_empty() { Poll::Ready(Ok(())) } else { Poll::Pending }
        })
        .await
    }
}

impl Clone for PipeSender {
    fn clone(&self) -> Self {
        self.shared.queue.lock().senders += 1;
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl Drop for PipeSender {
    fn drop(&mut self) {
        let wakers = {
            let mut queue = self.shared.queue.lock();
            queue.senders -= 1;
            if queue.senders > 0 {
                return;
            }
            queue.close(CloseReason::Finished)
        };
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// Receives frames from a pipe.
#[derive(Debug)]
pub struct PipeReceiver {
    shared: Arc<Shared>,
}

impl PipeReceiver {
    /// Lets whoever sends a frame run the task that receives it; see [`directly`](super::directly).
    pub fn bring_to(&self, direct: &Arc<Direct>) {
        self.shared.queue.lock().direct = Some(Arc::clone(direct));
    }

    /// The next frame, or `None` once the pipe is closed and drained. Cancel safe.
    pub async fn recv(&mut self) -> Option<Vec<u8>> {
        poll_fn(|context| self.shared.poll_recv(context)).await
    }

    /// Appends all frames that are waiting, up to `bytes_max` bytes but at least one, to `frames`; waits for
    /// the first. Returns how many, or `None` once the pipe is closed and drained. Cancel safe.
    pub async fn recv_many(
        &mut self,
        frames: &mut Vec<Vec<u8>>,
        bytes_max: usize,
    ) -> Option<usize> {
        poll_fn(|context| self.shared.poll_recv_many(context, frames, bytes_max)).await
    }

    /// The next frame, waited for by a thread. Must not be called from an async task.
    pub fn blocking_recv(&mut self) -> Option<Vec<u8>> {
        block_on(None, |context| self.shared.poll_recv(context)).flatten()
    }

    /// The next frame, waited for by a thread for at most `timeout`.
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Vec<u8>, TryRecvError> {
        match block_on(Instant::now().checked_add(timeout), |context| {
            self.shared.poll_recv(context)
        }) {
            Some(Some(frame)) => Ok(frame),
            Some(None) | None => self.try_recv(),
        }
    }

    /// The next frame if one is waiting.
    pub fn try_recv(&mut self) -> Result<Vec<u8>, TryRecvError> {
        self.shared.try_recv()
    }

    /// Why the pipe is closed, if it is. Frames may still be waiting.
    pub fn closed_reason(&self) -> Option<CloseReason> {
        self.shared.queue.lock().closed.clone()
    }

    /// Frames that wait now.
    pub fn waiting_frames(&self) -> usize {
        self.shared.queue.lock().frames.len()
    }

    /// A handle that closes this direction, for use while the receiver itself is borrowed.
    pub(super) fn closer(&self) -> Closer {
        Closer { shared: Arc::clone(&self.shared) }
    }
}

/// Closes one direction of a pipe; what is queued can still be received.
pub(super) struct Closer {
    shared: Arc<Shared>,
}

impl Closer {
    pub(super) fn close(&self, reason: CloseReason) {
        self.shared.close(reason);
    }
}

impl Drop for PipeReceiver {
    fn drop(&mut self) {
        let (wakers, frames, direct) = {
            let mut queue = self.shared.queue.lock();
            queue.bytes = 0;
            queue.receiver_dropped = true;
            let frames = std::mem::take(&mut queue.frames);
            let mut wakers = queue.close(CloseReason::Abandoned);
            wakers.append(&mut queue.end_watchers);
            (wakers, frames, queue.direct.take())
        };
        wakers.into_iter().for_each(Waker::wake);
        drop((frames, direct));
    }
}
