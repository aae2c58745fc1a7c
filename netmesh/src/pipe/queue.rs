//! One direction of a pipe: a bounded queue of frames under one lock.
//!
//! Wakers serve tasks and threads alike (a blocked thread is a waker that unparks it). A send wakes only
//! a receiver that waits, and a full queue wakes its senders once it is half empty, so a busy pipe costs
//! no wake per frame.

use std::{
    collections::VecDeque,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use parking_lot::{Mutex, MutexGuard};

use super::{CloseReason, Direct, PendingWake, PipeClosed, TryRecvError, TrySendError};
use crate::limits::{FRAME_BYTES_MAX, PIPE_BYTES_MAX};

/// What the two halves of a direction share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) capacity_frames: usize,
    pub(super) queue: Mutex<Queue>,
}

/// Where frames wait, and who waits for them.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) frames: VecDeque<Vec<u8>>,
    pub(super) bytes: usize,
    pub(super) senders: usize,
    /// Set once; nothing is queued afterwards, what was queued can still be received.
    pub(super) closed: Option<CloseReason>,
    receiver: Option<Waker>,
    /// The receiver's task, if others may run it.
    pub(super) direct: Option<Arc<Direct>>,
    pub(super) blocked_senders: Vec<Waker>,
    /// Who waits for the end: of the direction, or of its receiver.
    pub(super) end_watchers: Vec<Waker>,
    pub(super) receiver_dropped: bool,
}

impl Queue {
    /// Room for one more frame. A single frame over the byte bound may pass an empty queue.
    pub(super) fn has_room(&self, capacity_frames: usize, frame_bytes: usize) -> bool {
        self.frames.is_empty()
            || (self.frames.len() < capacity_frames && self.bytes + frame_bytes <= PIPE_BYTES_MAX)
    }

    fn is_low(&self, capacity_frames: usize) -> bool {
        self.frames.len() <= capacity_frames / 2 && self.bytes <= PIPE_BYTES_MAX / 2
    }

    pub(super) fn push(&mut self, frame: Vec<u8>) -> PendingWake {
        self.bytes += frame.len();
        self.frames.push_back(frame);
        PendingWake::new(self.receiver.take(), self.direct.as_ref())
    }

    fn pop(&mut self) -> Option<Vec<u8>> {
        let frame = self.frames.pop_front()?;
        self.bytes -= frame.len();
        Some(frame)
    }

    pub(super) fn closed(&self) -> Option<PipeClosed> {
        self.closed.clone().map(|reason| PipeClosed { reason })
    }

    /// Sets the reason, unless one is set, and takes everyone who must hear of it.
    pub(super) fn close(&mut self, reason: CloseReason) -> Vec<Waker> {
        if self.closed.is_some() {
            return Vec::new();
        }
        self.closed = Some(reason);
        let mut wakers = std::mem::take(&mut self.blocked_senders);
        wakers.append(&mut self.end_watchers);
        wakers.extend(self.receiver.take());
        wakers
    }
}

impl Shared {
    /// An empty queue with one sender.
    pub(super) fn new(capacity_frames: usize) -> Self {
        let queue = Queue {
            frames: VecDeque::new(),
            bytes: 0,
            senders: 1,
            closed: None,
            receiver: None,
            direct: None,
            blocked_senders: Vec::new(),
            end_watchers: Vec::new(),
            receiver_dropped: false,
        };
        Self { capacity_frames: capacity_frames.max(1), queue: Mutex::new(queue) }
    }

    pub(super) fn close(&self, reason: CloseReason) {
        let wakers = self.queue.lock().close(reason);
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(super) fn try_send(&self, frame: Vec<u8>) -> Result<(), TrySendError> {
        self.try_send_then(frame).map(PendingWake::wake)
    }

    pub(super) fn try_send_then(&self, frame: Vec<u8>) -> Result<PendingWake, TrySendError> {
        let frame_bytes = frame.len();
        if frame_bytes > FRAME_BYTES_MAX {
            let reason = CloseReason::FrameTooLarge { frame_bytes: frame_bytes as u64 };
            self.close(reason);
        }
        let mut queue = self.queue.lock();
        if let Some(closed) = queue.closed() {
            return Err(closed.into());
        }
        if !queue.has_room(self.capacity_frames, frame_bytes) {
            return Err(TrySendError::Full(frame));
        }
        Ok(queue.push(frame))
    }

    /// Takes the frame out of `slot` once it is queued.
    pub(super) fn poll_send(
        &self,
        context: &mut Context<'_>,
        slot: &mut Option<Vec<u8>>,
    ) -> Poll<Result<(), PipeClosed>> {
        loop {
            let Some(frame) = slot.take() else { return Poll::Ready(Ok(())) };
            match self.try_send(frame) {
                Ok(()) => return Poll::Ready(Ok(())),
                Err(TrySendError::Closed(closed)) => return Poll::Ready(Err(closed)),
                Err(TrySendError::Full(frame)) => {
                    let frame_bytes = frame.len();
                    *slot = Some(frame);
                    let mut queue = self.queue.lock();
                    // The receiver may have made room between the two locks.
                    if queue.closed.is_some() || queue.has_room(self.capacity_frames, frame_bytes) {
                        continue;
                    }
                    register(&mut queue.blocked_senders, context.waker());
                    return Poll::Pending;
                }
            }
        }
    }

    pub(super) fn try_recv(&self) -> Result<Vec<u8>, TryRecvError> {
        let mut queue = self.queue.lock();
        let Some(frame) = queue.pop() else {
            return Err(queue.closed().map_or(TryRecvError::Empty, TryRecvError::Closed));
        };
        self.wake_blocked_senders(queue);
        Ok(frame)
    }

    pub(super) fn poll_recv(&self, context: &mut Context<'_>) -> Poll<Option<Vec<u8>>> {
        let mut queue = self.queue.lock();
        if let Some(frame) = queue.pop() {
            self.wake_blocked_senders(queue);
            return Poll::Ready(Some(frame));
        }
        if queue.closed.is_some() {
            return Poll::Ready(None);
        }
        set_waker(&mut queue.receiver, context.waker());
        Poll::Pending
    }

    pub(super) fn poll_recv_many(
        &self,
        context: &mut Context<'_>,
        frames: &mut Vec<Vec<u8>>,
        bytes_max: usize,
    ) -> Poll<Option<usize>> {
        let mut queue = self.queue.lock();
        let count = take_many(&mut queue, frames, bytes_max);
        if count > 0 {
            self.wake_blocked_senders(queue);
            return Poll::Ready(Some(count));
        }
        if queue.closed.is_some() {
            return Poll::Ready(None);
        }
        set_waker(&mut queue.receiver, context.waker());
        Poll::Pending
    }

    fn wake_blocked_senders(&self, mut queue: MutexGuard<'_, Queue>) {
        if queue.blocked_senders.is_empty() || !queue.is_low(self.capacity_frames) {
            return;
        }
        let wakers = std::mem::take(&mut queue.blocked_senders);
        drop(queue);
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// Moves frames into `frames` until `bytes_max` is reached; always at least one, if there is one.
fn take_many(queue: &mut Queue, frames: &mut Vec<Vec<u8>>, bytes_max: usize) -> usize {
    let mut count = 0;
    let mut bytes = 0;
    while let Some(next) = queue.frames.front() {
        if count > 0 && bytes + next.len() > bytes_max {
            break;
        }
        bytes += next.len();
        frames.extend(queue.pop());
        count += 1;
    }
    count
}

fn set_waker(slot: &mut Option<Waker>, waker: &Waker) {
    if !slot.as_ref().is_some_and(|old| old.will_wake(waker)) {
        *slot = Some(waker.clone());
    }
}

pub(super) fn register(wakers: &mut Vec<Waker>, waker: &Waker) {
    if !wakers.iter().any(|old| old.will_wake(waker)) {
        wakers.push(waker.clone());
    }
}
