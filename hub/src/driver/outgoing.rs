//! One stream's sending side: straight into the pipe, and through a task once that is full.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use spm_netmesh::{PendingWake, PipeClosed, PipeSender, TrySendError};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::AbortHandle;

/// Sends frames in order without ever waiting. What a full pipe does not take waits here; a host's credits
/// bound how much that can be.
#[derive(Debug)]
pub(super) struct Outgoing {
    sender: PipeSender,
    overflow: Option<Overflow>,
}

#[derive(Debug)]
struct Overflow {
    frames: UnboundedSender<Vec<u8>>,
    /// Frames given to the task that the pipe has not taken.
    pending: Arc<AtomicUsize>,
    task: AbortHandle,
}

impl Outgoing {
    pub(super) fn new(sender: PipeSender) -> Self {
        Self { sender, overflow: None }
    }

    /// The caller wakes the receiver, without its locks.
    pub(super) fn send(
        &mut self,
        runtime: &Handle,
        frame: Vec<u8>,
    ) -> Result<PendingWake, PipeClosed> {
        let must_queue = self
            .overflow
            .as_ref()
            .is_some_and(|overflow| overflow.pending.load(Ordering::Acquire) > 0);
        let frame = if must_queue {
            frame
        } else {
            match self.sender.try_send_then(frame) {
                Ok(wake) => return Ok(wake),
                Err(TrySendError::Closed(closed)) => return Err(closed),
                Err(TrySendError::Full(frame)) => frame,
            }
        };
        let sender = &self.sender;
        let overflow = self.overflow.get_or_insert_with(|| {
            let (frames, waiting) = unbounded_channel();
            let pending = Arc::new(AtomicUsize::new(0));
            let task = runtime.spawn(forward(sender.clone(), waiting, Arc::clone(&pending)));
            Overflow { frames, pending, task: task.abort_handle() }
        });
        overflow.pending.fetch_add(1, Ordering::AcqRel);
        if overflow.frames.send(frame).is_err() {
            let reason = self.sender.closed_reason();
            return Err(PipeClosed {
                reason: reason.unwrap_or(spm_netmesh::CloseReason::Abandoned),
            });
        }
        Ok(PendingWake::default())
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        if let Some(overflow) = &self.overflow
            && overflow.pending.load(Ordering::Acquire) > 0
        {
            // The stream is given up: its last frames must not hold it open.
            overflow.task.abort();
        }
    }
}

async fn forward(
    sender: PipeSender,
    mut waiting: UnboundedReceiver<Vec<u8>>,
    pending: Arc<AtomicUsize>,
) {
    while let Some(frame) = waiting.recv().await {
        if sender.send(frame).await.is_err() {
            return;
        }
        pending.fetch_sub(1, Ordering::AcqRel);
    }
}
