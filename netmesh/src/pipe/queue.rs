//! One direction of a pipe: a bounded queue of frames under one lock.
//!
//! Wakers serve tasks and threads alike (a blocked thread is a waker that unparks it). A send wakes only
//! a receiver that waits, and a full queue wakes its senders once it is half empty, so a busy pipe costs
//! no wake per frame.

use std::{
    cell::OnceCell,
    collections::VecDeque,
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::{CloseReason, PipeClosed, TryRecvError, TrySendError};
use crate::limits::{FRAME_BYTES_MAX, PIPE_BYTES_MAX};

pub(super) fn channel(capacity_frames: usize) -> (PipeSender, PipeReceiver) {
    let shared = Arc::new(Shared {
        capacity_frames: capacity_frames.max(1),
        queue: Mutex::new(Queue {
            frames: VecDeque::new(),
            bytes: 0,
            senders: 1,
            closed: None,
            receiver: None,
            blocked_senders: Vec::new(),
            end_watchers: Vec::new(),
            receiver_dropped: false,
        }),
    });
    (PipeSender { shared: Arc::clone(&shared) }, PipeReceiver { shared })
}

#[derive(Debug)]
struct Shared {
    capacity_frames: usize,
    queue: Mutex<Queue>,
}

#[derive(Debug)]
struct Queue {
    frames: VecDeque<Vec<u8>>,
    bytes: usize,
    senders: usize,
    /// Set once; nothing is queued afterwards, what was queued can still be received.
    closed: Option<CloseReason>,
    receiver: Option<Waker>,
    blocked_senders: Vec<Waker>,
    /// Who waits for the end: of the direction, or of its receiver.
    end_watchers: Vec<Waker>,
    receiver_dropped: bool,
}

impl Queue {
    /// Room for one more frame. A single frame over the byte bound may pass an empty queue.
    fn has_room(&self, capacity_frames: usize, frame_bytes: usize) -> bool {
        self.frames.is_empty()
            || (self.frames.len() < capacity_frames && self.bytes + frame_bytes <= PIPE_BYTES_MAX)
    }

    fn is_low(&self, capacity_frames: usize) -> bool {
        self.frames.len() <= capacity_frames / 2 && self.bytes <= PIPE_BYTES_MAX / 2
    }

    fn push(&mut self, frame: Vec<u8>) -> Option<Waker> {
        self.bytes += frame.len();
        self.frames.push_back(frame);
        self.receiver.take()
    }

    fn pop(&mut self) -> Option<Vec<u8>> {
        let frame = self.frames.pop_front()?;
        self.bytes -= frame.len();
        Some(frame)
    }

    fn closed(&self) -> Option<PipeClosed> {
        self.closed.clone().map(|reason| PipeClosed { reason })
    }

    /// Sets the reason, unless one is set, and takes everyone who must hear of it.
    fn close(&mut self, reason: CloseReason) -> Vec<Waker> {
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
    fn close(&self, reason: CloseReason) {
        let wakers = self.queue.lock().close(reason);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn try_send(&self, frame: Vec<u8>) -> Result<(), TrySendError> {
        let frame_bytes = frame.len();
        if frame_bytes > FRAME_BYTES_MAX {
            let reason = CloseReason::FrameTooLarge { frame_bytes: frame_bytes as u64 };
            self.close(reason);
        }
        let waker = {
            let mut queue = self.queue.lock();
            if let Some(closed) = queue.closed() {
                return Err(closed.into());
            }
            if !queue.has_room(self.capacity_frames, frame_bytes) {
                return Err(TrySendError::Full(frame));
            }
            queue.push(frame)
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    /// Takes the frame out of `slot` once it is queued.
    fn poll_send(
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

    fn try_recv(&self) -> Result<Vec<u8>, TryRecvError> {
        let mut queue = self.queue.lock();
        let Some(frame) = queue.pop() else {
            return Err(queue.closed().map_or(TryRecvError::Empty, TryRecvError::Closed));
        };
        self.wake_blocked_senders(queue);
        Ok(frame)
    }

    fn poll_recv(&self, context: &mut Context<'_>) -> Poll<Option<Vec<u8>>> {
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

    fn poll_recv_many(
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

    fn wake_blocked_senders(&self, mut queue: parking_lot::MutexGuard<'_, Queue>) {
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

fn register(wakers: &mut Vec<Waker>, waker: &Waker) {
    if !wakers.iter().any(|old| old.will_wake(waker)) {
        wakers.push(waker.clone());
    }
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
            let mut waker = None;
            while let Some(frame) = frames.pop_front() {
                if !queue.has_room(self.shared.capacity_frames, frame.len()) {
                    frames.push_front(frame);
                    register(&mut queue.blocked_senders, context.waker());
                    break;
                }
                let woken = queue.push(frame);
                waker = waker.or(woken);
            }
            drop(queue);
            if let Some(waker) = waker {
                waker.wake();
            }
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
        let (wakers, frames) = {
            let mut queue = self.shared.queue.lock();
            queue.bytes = 0;
            queue.receiver_dropped = true;
            let frames = std::mem::take(&mut queue.frames);
            let mut wakers = queue.close(CloseReason::Abandoned);
            wakers.append(&mut queue.end_watchers);
            (wakers, frames)
        };
        wakers.into_iter().for_each(Waker::wake);
        drop(frames);
    }
}

/// Wakes a parked thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls until ready on this thread, parking in between; `None` when the deadline passes first.
fn block_on<T>(
    deadline: Option<Instant>,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Option<T> {
    thread_local! {
        static WAKER: OnceCell<Waker> = const { OnceCell::new() };
    }
    WAKER.with(|cell| {
        let waker = cell.get_or_init(|| Waker::from(Arc::new(Unpark(thread::current()))));
        let mut context = Context::from_waker(waker);
        loop {
            if let Poll::Ready(value) = poll(&mut context) {
                return Some(value);
            }
            match deadline {
                None => thread::park(),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return None;
                    }
                    thread::park_timeout(left);
                }
            }
        }
    })
}
