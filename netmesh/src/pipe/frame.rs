//! Frames on a byte stream: how they are written, and a splitter that finds them again.
//!
//! A frame is a header, its length as a little-endian `u32`, and that many bytes. A header with the top
//! bit set is a goodbye instead: why the writer closes, after which it writes nothing. A stream that ends
//! without one broke.

use std::collections::VecDeque;

use super::CloseReason;
use crate::{
    limits::{FRAME_BYTES_MAX, GOODBYE_BYTES_MAX},
    message::printable,
};

const HEADER_BYTES: usize = 4;
const GOODBYE_BIT: u32 = 1 << 31;
/// Memory set aside for a frame before its bytes arrive.
const PREALLOCATION_BYTES_MAX: usize = 64 * 1024;

const CODE_FINISHED: u8 = 0;
const CODE_ABANDONED: u8 = 1;
const CODE_FRAME_TOO_LARGE: u8 = 2;
const CODE_CLOSED: u8 = 3;
const CODE_BROKEN: u8 = 4;

/// Appends a frame's header; the frame follows it.
pub(super) fn encode_header(frame_bytes: usize, out: &mut Vec<u8>) {
    debug_assert!(frame_bytes <= FRAME_BYTES_MAX);
    out.extend_from_slice(&(frame_bytes as u32).to_le_bytes());
}

/// Appends a frame as it is written to a stream.
pub fn encode_frame(frame: &[u8], out: &mut Vec<u8>) {
    encode_header(frame.len(), out);
    out.extend_from_slice(frame);
}

/// Appends a goodbye.
pub fn encode_goodbye(reason: &CloseReason, out: &mut Vec<u8>) {
    let mut body = Vec::new();
    match reason {
        CloseReason::Finished => body.push(CODE_FINISHED),
        CloseReason::Abandoned => body.push(CODE_ABANDONED),
        CloseReason::FrameTooLarge { frame_bytes } => {
            body.push(CODE_FRAME_TOO_LARGE);
            body.extend_from_slice(&frame_bytes.to_le_bytes());
        }
        CloseReason::Closed(why) => {
            body.push(CODE_CLOSED);
            body.extend_from_slice(cut(why).as_bytes());
        }
        CloseReason::Broken(why) => {
            body.push(CODE_BROKEN);
            body.extend_from_slice(cut(why).as_bytes());
        }
    }
    out.extend_from_slice(&(GOODBYE_BIT | body.len() as u32).to_le_bytes());
    out.extend_from_slice(&body);
}

fn cut(text: &str) -> &str {
    // One byte of the goodbye is its code.
    &text[..text.floor_char_boundary(GOODBYE_BYTES_MAX - 1)]
}

fn decode_goodbye(body: &[u8]) -> CloseReason {
    let (code, rest) = body.split_first().unwrap_or((&CODE_FINISHED, &[]));
    let text = || printable(&String::from_utf8_lossy(rest));
    match *code {
        CODE_FINISHED => CloseReason::Finished,
        CODE_ABANDONED => CloseReason::Abandoned,
        CODE_FRAME_TOO_LARGE => CloseReason::FrameTooLarge {
            frame_bytes: rest.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes)),
        },
        CODE_CLOSED => CloseReason::Closed(text()),
        code => CloseReason::Broken(if code == CODE_BROKEN {
            text()
        } else {
            format!("goodbye with code {code}")
        }),
    }
}

/// What a splitter finds in a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A whole frame.
    Frame(Vec<u8>),
    /// The writer's last words.
    Goodbye(CloseReason),
}

/// Why bytes are not frames.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// A header announces a frame longer than a pipe carries.
    #[error("a frame of {frame_bytes} bytes is over the limit of {FRAME_BYTES_MAX} bytes")]
    FrameTooLarge {
        /// The announced length.
        frame_bytes: u64,
    },
    /// A goodbye is longer than one may be.
    #[error("a goodbye of {goodbye_bytes} bytes is over the limit of {GOODBYE_BYTES_MAX} bytes")]
    GoodbyeTooLarge {
        /// The announced length.
        goodbye_bytes: u64,
    },
    /// Bytes follow a goodbye.
    #[error("bytes follow a goodbye")]
    AfterGoodbye,
}

/// Finds frames in a stream that arrives in any pieces. Holds at most one unfinished frame.
#[derive(Debug, Default)]
pub struct FrameSplitter {
    header: [u8; HEADER_BYTES],
    header_bytes: usize,
    /// The frame being filled and its length, once its header is complete.
    body: Option<(Vec<u8>, usize)>,
    is_goodbye: bool,
    ended: bool,
}

impl FrameSplitter {
    /// A splitter at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the stream and appends what they complete. After an error nothing more
    /// should be pushed.
    pub fn push(
        &mut self,
        mut bytes: &[u8],
        pieces: &mut VecDeque<Piece>,
    ) -> Result<(), SplitError> {
        while !bytes.is_empty() {
            if self.ended {
                return Err(SplitError::AfterGoodbye);
            }
            if self.body.is_none() {
                let count = bytes.len().min(HEADER_BYTES - self.header_bytes);
                self.header[self.header_bytes..self.header_bytes + count]
                    .copy_from_slice(&bytes[..count]);
                self.header_bytes += count;
                bytes = &bytes[count..];
                if self.header_bytes < HEADER_BYTES {
                    return Ok(());
                }
                self.start_body()?;
            }
            if let Some((body, length)) = &mut self.body {
                let count = bytes.len().min(*length - body.len());
                body.extend_from_slice(&bytes[..count]);
                bytes = &bytes[count..];
            }
            self.finish_body(pieces);
        }
        Ok(())
    }

    /// Whether the stream may end here: after a goodbye or between frames.
    pub fn is_between_frames(&self) -> bool {
        self.header_bytes == 0 && self.body.is_none()
    }

    fn start_body(&mut self) -> Result<(), SplitError> {
        let header = u32::from_le_bytes(self.header);
        self.header_bytes = 0;
        self.is_goodbye = header & GOODBYE_BIT != 0;
        let length = (header & !GOODBYE_BIT) as usize;
        if self.is_goodbye && length > GOODBYE_BYTES_MAX {
            return Err(SplitError::GoodbyeTooLarge { goodbye_bytes: length as u64 });
        }
        if length > FRAME_BYTES_MAX {
            return Err(SplitError::FrameTooLarge { frame_bytes: length as u64 });
        }
        self.body = Some((Vec::with_capacity(length.min(PREALLOCATION_BYTES_MAX)), length));
        Ok(())
    }

    fn finish_body(&mut self, pieces: &mut VecDeque<Piece>) {
        match self.body.take() {
            Some((body, length)) if body.len() == length => {
                if self.is_goodbye {
                    self.ended = true;
                    pieces.push_back(Piece::Goodbye(decode_goodbye(&body)));
                } else {
                    pieces.push_back(Piece::Frame(body));
                }
            }
            unfinished => self.body = unfinished,
        }
    }
}
