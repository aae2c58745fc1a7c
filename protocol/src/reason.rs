//! Reasons for people, in frames: cut where they are written, so that a long one never costs the frame it is in. They hold
//! what peers and components call themselves, and are shown on terminals, so whoever writes or reads one takes out what is
//! not to be shown.

use minicbor::encode::{Error, Write};
use minicbor::{Decoder, Encoder};

use crate::limits::REASON_BYTES_MAX;

/// Writes `reason` as it may be shown, without what is over [`REASON_BYTES_MAX`].
#[expect(clippy::ptr_arg, reason = "what the derived code of a field of type `String` passes")]
pub(crate) fn encode<C, W: Write>(
    reason: &String,
    encoder: &mut Encoder<W>,
    _: &mut C,
) -> Result<(), Error<W::Error>> {
    let shown = shown(reason);
    encoder.str(&shown[..shown.floor_char_boundary(REASON_BYTES_MAX)])?;
    Ok(())
}

/// Reads a reason, as it may be shown.
pub(crate) fn decode<C>(
    decoder: &mut Decoder<'_>,
    _: &mut C,
) -> Result<String, minicbor::decode::Error> {
    Ok(shown(decoder.str()?))
}

/// The text in one line, and without control characters: those could move a cursor, or pretend to be somebody else's words.
fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut is_space = false;
    for character in text.chars() {
        let was_space = std::mem::replace(&mut is_space, character.is_whitespace());
        match character {
            _ if is_space && was_space => {}
            _ if is_space => shown.push(' '),
            _ if character.is_control() || is_invisible(character) => {
                shown.extend(character.escape_unicode());
            }
            _ => shown.push(character),
        }
    }
    shown.truncate(shown.trim_end().len());
    shown
}

/// Whether a character changes the direction or the look of those around it.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_a_line_that_any_terminal_may_show() {
        assert_eq!(shown("no room:\n\n * 99 %  globals\n"), "no room: * 99 % globals");
        assert_eq!(shown("`\u{1b}[2Jgone`"), "`\\u{1b}[2Jgone`");
        assert_eq!(shown("a\u{202e}b"), "a\\u{202e}b");
        assert_eq!(shown("Größe: 3 €"), "Größe: 3 €");
    }
}
