//! Moves frames between a pipe and a byte stream.

use std::{collections::VecDeque, io, pin::pin};

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::{
    CloseReason, FrameSplitter, Piece, Pipe, PipeReceiver, PipeSender, SplitError, encode_goodbye,
    frame::{encode_frame, encode_header},
};
use crate::limits::{PIPE_DRAIN_TIMEOUT, PUMP_BATCH_BYTES, PUMP_READ_BYTES};

/// Frames from this size on are written from where they are, not copied into the batch.
const COPY_BYTES_MAX: usize = 16 * 1024;

/// Pumps until the stream ends, or the pipe is dropped and drained.
pub(super) async fn pump<S>(stream: S, pipe: Pipe)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let Pipe { sender: incoming, receiver: mut outgoing } = pipe;
    let (mut reader, mut writer) = stream.split();
    let end = {
        let closer = outgoing.closer();
        let mut reading = pin!(read_frames(&mut reader, &incoming));
        let mut writing = pin!(write_frames(&mut writer, &mut outgoing));
        let mut wrote_all = false;
        let end = loop {
            tokio::select! {
                end = &mut reading => break end,
                result = &mut writing, if !wrote_all => match result {
                    Ok(CloseReason::Finished) => wrote_all = true,
                    Ok(reason) => break End::Over(reason),
                    Err(error) => break End::Over(CloseReason::Broken(error.to_string())),
                },
                () = incoming.abandoned() => {
                    closer.close(CloseReason::Abandoned);
                    if !wrote_all {
                        // Whether or not the peer took all in time, the stream is dropped next.
                        let _ = timeout(PIPE_DRAIN_TIMEOUT, &mut writing).await;
                    }
                    break End::Over(CloseReason::Abandoned);
                }
            }
        };
        let (End::Over(reason) | End::Refused(reason)) = &end;
        incoming.close_because(reason.clone());
        closer.close(reason.clone());
        end
    };
    let mut goodbye = Vec::new();
    match &end {
        End::Over(CloseReason::Broken(_)) => return,
        End::Over(_) => {}
        // A frame may be half written; then this is read as part of it, and the stream ends all the same.
        End::Refused(reason) => encode_goodbye(reason, &mut goodbye),
    }
    // The peer hears of the end in any case; an orderly one lets it read to the last byte first.
    let _ = timeout(PIPE_DRAIN_TIMEOUT, async {
        writer.write_all(&goodbye).await?;
        writer.close().await
    })
    .await;
}

/// How a stream ended.
enum End {
    /// It is over, both ways.
    Over(CloseReason),
    /// The peer broke a rule, and should hear which.
    Refused(CloseReason),
}

async fn read_frames(reader: &mut (impl AsyncRead + Unpin), incoming: &PipeSender) -> End {
    let mut splitter = FrameSplitter::new();
    let mut pieces = VecDeque::new();
    let mut frames = VecDeque::new();
    let mut buffer = vec![0; PUMP_READ_BYTES];
    let mut finished = false;
    loop {
        let count = match reader.read(&mut buffer).await {
            Ok(0) if finished => return End::Over(CloseReason::Abandoned),
            Ok(0) => {
                return End::Over(CloseReason::Broken("it ended without a goodbye".to_owned()));
            }
            Ok(count) => count,
            Err(error) => return End::Over(CloseReason::Broken(error.to_string())),
        };
        let split = splitter.push(&buffer[..count], &mut pieces);
        let mut goodbye = None;
        for piece in pieces.drain(..) {
            match piece {
                Piece::Frame(frame) => frames.push_back(frame),
                Piece::Goodbye(reason) => goodbye = Some(reason),
            }
        }
        if incoming.send_all(&mut frames).await.is_err() {
            // The receiver is gone; `pump` notices that by itself and drains the other direction.
            frames.clear();
        }
        match goodbye {
            None => {}
            Some(CloseReason::Finished) => {
                incoming.close_because(CloseReason::Finished);
                finished = true;
            }
            Some(reason) => return End::Over(reason),
        }
        match split {
            Ok(()) => {}
            Err(SplitError::FrameTooLarge { frame_bytes }) => {
                return End::Refused(CloseReason::FrameTooLarge { frame_bytes });
            }
            Err(error) => return End::Refused(CloseReason::Broken(error.to_string())),
        }
    }
}

/// Writes until the pipe is closed and drained, then says goodbye, and why. The stream is left open, since its end
/// tells the peer that we no longer read, either.
async fn write_frames(
    writer: &mut (impl AsyncWrite + Unpin),
    outgoing: &mut PipeReceiver,
) -> io::Result<CloseReason> {
    let mut frames = Vec::new();
    let mut batch = Vec::new();
    while outgoing.recv_many(&mut frames, PUMP_BATCH_BYTES).await.is_some() {
        for frame in frames.drain(..) {
            if frame.len() < COPY_BYTES_MAX {
                encode_frame(&frame, &mut batch);
                continue;
            }
            encode_header(frame.len(), &mut batch);
            writer.write_all(&batch).await?;
            batch.clear();
            writer.write_all(&frame).await?;
        }
        writer.write_all(&batch).await?;
        batch.clear();
        if outgoing.waiting_frames() == 0 {
            writer.flush().await?;
        }
    }
    let reason = outgoing.closed_reason().unwrap_or(CloseReason::Finished);
    encode_goodbye(&reason, &mut batch);
    writer.write_all(&batch).await?;
    writer.flush().await?;
    Ok(reason)
}
