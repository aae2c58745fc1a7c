//! Frame pipes: what two ends of a session talk through, in one process or over a stream.
//!
//! A [`Pipe`] carries whole frames (byte vectors) both ways, in order. It is bounded in frames and in
//! bytes, so a slow reader slows its writer down instead of growing a queue. Async tasks and plain
//! threads may use either half: [`PipeSender::send`] and [`PipeSender::blocking_send`] queue at the same
//! place.
//!
//! How a pipe ends is always said ([`CloseReason`]):
//!
//! * Dropping every sender of one end finishes that direction: the other end receives what is queued,
//!   then `None`. The other direction goes on.
//! * Dropping a receiver abandons it: the other end's sends fail. Over a stream this also ends the
//!   stream once what is queued the other way was written.
//! * Closing with a reason ([`PipeSender::close`]) ends that direction, and over a stream the other one too.
//! * A broken stream, and a frame over [`FRAME_BYTES_MAX`], close both
//!   directions at once. Frames that had arrived can still be received.

mod direct;
mod frame;
mod halves;
mod park;
mod pump;
mod queue;

use std::fmt;

pub use direct::{Direct, Directly, PendingWake, directly};
pub use frame::{FrameSplitter, Piece, SplitError, encode_frame, encode_goodbye};
pub use halves::{PipeReceiver, PipeSender};

use crate::limits::FRAME_BYTES_MAX;

/// One end of a two-way frame pipe.
#[derive(Debug)]
pub struct Pipe {
    /// Sends frames to the other end.
    pub sender: PipeSender,
    /// Receives frames from the other end.
    pub receiver: PipeReceiver,
}

impl Pipe {
    /// Makes an in-process pipe whose queues hold `capacity_frames` frames each way.
    ///
    /// A capacity of zero counts as one.
    pub fn pair(capacity_frames: usize) -> (Self, Self) {
        let (here_sender, there_receiver) = halves::channel(capacity_frames);
        let (there_sender, here_receiver) = halves::channel(capacity_frames);
        (
            Self { sender: here_sender, receiver: here_receiver },
            Self { sender: there_sender, receiver: there_receiver },
        )
    }

    /// Makes one end of a pipe over a byte stream; a task of the current tokio runtime pumps it.
    ///
    /// The other end of the stream must do the same. The task ends with the stream, or soon after both
    /// halves of the pipe are dropped, having written what was queued.
    pub fn over<S>(stream: S, capacity_frames: usize) -> Self
    where
        S: futures::AsyncRead + futures::AsyncWrite + Send + Unpin + 'static,
    {
        Self::over_holding(stream, capacity_frames, ())
    }

    /// As [`Pipe::over`]; `held` is dropped when the stream is.
    pub(crate) fn over_holding<S, H>(stream: S, capacity_frames: usize, held: H) -> Self
    where
        S: futures::AsyncRead + futures::AsyncWrite + Send + Unpin + 'static,
        H: Send + 'static,
    {
        let (here, inner) = Self::pair(capacity_frames);
        tokio::spawn(async move {
            pump::pump(stream, inner).await;
            drop(held);
        });
        here
    }

    /// Splits the pipe into its halves.
    pub fn split(self) -> (PipeSender, PipeReceiver) {
        (self.sender, self.receiver)
    }
}

/// Why a pipe is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloseReason {
    /// The sending end was dropped after its last frame.
    Finished,
    /// The receiving end was dropped.
    Abandoned,
    /// A frame was longer than a pipe carries.
    FrameTooLarge {
        /// Length of the frame.
        frame_bytes: u64,
    },
    /// One end closed the pipe and said why.
    Closed(String),
    /// The stream under the pipe broke.
    Broken(String),
}

impl fmt::Display for CloseReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finished => formatter.write_str("the sending end finished"),
            Self::Abandoned => formatter.write_str("the receiving end was dropped"),
            Self::FrameTooLarge { frame_bytes } => {
                write!(
                    formatter,
                    "a frame of {frame_bytes} bytes is over the limit of {FRAME_BYTES_MAX} bytes"
                )
            }
            Self::Closed(why) => formatter.write_str(why),
            Self::Broken(why) => write!(formatter, "the stream broke: {why}"),
        }
    }
}

/// The pipe is closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("pipe is closed: {reason}")]
pub struct PipeClosed {
    /// Why it is.
    pub reason: CloseReason,
}

/// Why [`PipeSender::try_send`] did not queue a frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrySendError {
    /// The queue is full; the frame is handed back.
    #[error("pipe is full")]
    Full(Vec<u8>),
    /// The pipe is closed.
    #[error(transparent)]
    Closed(#[from] PipeClosed),
}

/// Why [`PipeReceiver::try_recv`] or [`PipeReceiver::recv_timeout`] returned no frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TryRecvError {
    /// No frame is queued (yet).
    #[error("pipe has no frame waiting")]
    Empty,
    /// The pipe is closed and drained.
    #[error(transparent)]
    Closed(#[from] PipeClosed),
}

#[cfg(test)]
mod tests;
