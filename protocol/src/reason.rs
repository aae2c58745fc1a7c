//! Reasons for people, in frames: cut where they are written, so that a long one never costs the frame it is in.

use minicbor::Encoder;
use minicbor::encode::{Error, Write};

use crate::limits::REASON_BYTES_MAX;

/// Writes `reason`, without what is over [`REASON_BYTES_MAX`].
#[expect(clippy::ptr_arg, reason = "what the derived code of a field of type `String` passes")]
pub(crate) fn encode<C, W: Write>(
    reason: &String,
    encoder: &mut Encoder<W>,
    _: &mut C,
) -> Result<(), Error<W::Error>> {
    encoder.str(&reason[..reason.floor_char_boundary(REASON_BYTES_MAX)])?;
    Ok(())
}
