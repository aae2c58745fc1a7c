//! Python's `str`, which may hold what no UTF-8 can: lone surrogates.

use std::fmt;

use super::error::{DecodeError, Fault};
use super::reader::{Item, Reader};

/// A Python `str`: UTF-8 in which surrogates stand as three bytes each, as Python's error handler `surrogatepass` writes
/// them. (A high and a low surrogate side by side stay two code points, as in Python; so this is not quite WTF-8.)
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Text(Vec<u8>);

impl Text {
    /// Checks `bytes`, as `str.encode("utf-8", "surrogatepass")` makes them.
    pub fn from_surrogatepass(bytes: Vec<u8>) -> Option<Self> {
        surrogates(&bytes).map(|_| Self(bytes))
    }

    /// The text, if it has no lone surrogates.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// The bytes, as `str.encode("utf-8", "surrogatepass")` makes them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The str that `item`, the latest of `reader`, is.
    pub(super) fn read(item: Item<'_>, reader: &Reader<'_>) -> Result<Self, DecodeError> {
        match item {
            Item::Text(text) => Ok(text.into()),
            Item::SurrogateText(bytes) => Ok(Self(bytes.to_vec())),
            _ => Err(reader.error(Fault::Expected("text"))),
        }
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into_bytes())
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_str() {
            Some(text) => text.fmt(formatter),
            None => write!(formatter, "surrogatepass\"{}\"", self.0.escape_ascii()),
        }
    }
}

/// How many surrogates are in `bytes`; `None` if they are not even UTF-8 with surrogates.
pub(super) fn surrogates(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    let mut count = 0;
    while let Err(error) = std::str::from_utf8(rest) {
        rest = &rest[error.valid_up_to()..];
        match rest {
            [0xed, 0xa0..=0xbf, 0x80..=0xbf, tail @ ..] => rest = tail,
            _ => return None,
        }
        count += 1;
    }
    Some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lone_surrogates_are_text_and_broken_utf8_is_not() {
        assert_eq!(surrogates("a\u{e9}\u{1f600}".as_bytes()), Some(0));
        assert_eq!(surrogates(b"a\xed\xa0\x80b\xed\xbf\xbf"), Some(2));
        assert_eq!(surrogates(b"\xed\xa0"), None);
        assert_eq!(surrogates(b"\xff"), None);
        assert_eq!(surrogates(b"\xc0\x80"), None);
        let text = Text::from_surrogatepass(b"x\xed\xb0\x80".to_vec()).unwrap();
        assert_eq!(text.as_str(), None);
        assert_eq!(Text::from("x").as_str(), Some("x"));
    }
}
