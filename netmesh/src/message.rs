//! Single small messages at the start of a stream: a length as a little-endian `u32`, and CBOR.

use std::io;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use minicbor::{Decode, Encode};

use crate::limits::PREAMBLE_BYTES_MAX;

/// Why a message was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// The stream broke, or ended.
    #[error("stream broke")]
    Io(#[from] io::Error),
    /// The message is longer than one may be.
    #[error("message of {message_bytes} bytes is over the limit of {PREAMBLE_BYTES_MAX} bytes")]
    TooLarge {
        /// The announced length.
        message_bytes: usize,
    },
    /// The message is not what it should be.
    #[error("message cannot be read")]
    Malformed(#[source] minicbor::decode::Error),
}

/// A peer's words without what could steer a terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Reads one message; takes not a byte more.
pub(crate) async fn read<M>(stream: &mut (impl AsyncRead + Unpin)) -> Result<M, MessageError>
where
    M: for<'b> Decode<'b, ()>,
{
    let mut header = [0; 4];
    stream.read_exact(&mut header).await?;
    let message_bytes = u32::from_le_bytes(header) as usize;
    if message_bytes > PREAMBLE_BYTES_MAX {
        return Err(MessageError::TooLarge { message_bytes });
    }
    let mut body = vec![0; message_bytes];
    stream.read_exact(&mut body).await?;
    minicbor::decode(&body).map_err(MessageError::Malformed)
}

/// Writes one message and flushes it.
pub(crate) async fn write<M>(
    stream: &mut (impl AsyncWrite + Unpin),
    message: &M,
) -> Result<(), MessageError>
where
    M: Encode<()>,
{
    let mut bytes = vec![0; 4];
    minicbor::encode(message, &mut bytes).map_err(io::Error::other)?;
    let message_bytes = bytes.len() - 4;
    if message_bytes > PREAMBLE_BYTES_MAX {
        return Err(MessageError::TooLarge { message_bytes });
    }
    bytes[..4].copy_from_slice(&(message_bytes as u32).to_le_bytes());
    stream.write_all(&bytes).await?;
    stream.flush().await?;
    Ok(())
}
