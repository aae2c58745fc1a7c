//! `isalpha` and its kin.

use crate::mem::P;
use crate::object::{content, is_ascii};
use crate::shared::is;
use crate::text::char_at;
use crate::unicode;

/// `s.isalpha()` and its kin.
#[unsafe(no_mangle)]
pub extern "C" fn str_is(s: P, test: u32) -> i32 {
    let text = content(s);
    (match test {
        is::ASCII => is_ascii(s),
        is::LOWER | is::UPPER => is_cased(text, test == is::UPPER),
        is::TITLE => is_title(text),
        is::PRINTABLE => all(text, test),
        _ => !text.is_empty() && all(text, test),
    }) as i32
}

fn all(text: &[u8], test: u32) -> bool {
    let mut at = 0;
    while at < text.len() {
        let (char, width) = char_at(text, at);
        let holds = match test {
            is::ALPHA => unicode::is_alpha(char),
            is::DECIMAL => unicode::is_decimal(char),
            is::DIGIT => unicode::is_digit(char),
            is::NUMERIC => unicode::is_numeric(char),
            is::ALNUM => unicode::is_alpha(char) || unicode::is_numeric(char),
            is::SPACE => unicode::is_space(char),
            _ => unicode::is_printable(char),
        };
        if !holds {
            return false;
        }
        at += width;
    }
    true
}

/// `islower` and `isupper`: some cased characters, all of them of that case.
fn is_cased(text: &[u8], upper: bool) -> bool {
    let (mut at, mut any) = (0, false);
    while at < text.len() {
        let (char, width) = char_at(text, at);
        let (is_lower, is_upper) = (unicode::is_lower(char), unicode::is_upper(char));
        if unicode::is_title(char) || if upper { is_lower } else { is_upper } {
            return false;
        }
        any |= if upper { is_upper } else { is_lower };
        at += width;
    }
    any
}

fn is_title(text: &[u8]) -> bool {
    let (mut at, mut any, mut in_word) = (0, false, false);
    while at < text.len() {
        let (char, width) = char_at(text, at);
        if unicode::is_upper(char) || unicode::is_title(char) {
            if in_word {
                return false;
            }
            in_word = true;
            any = true;
        } else if unicode::is_lower(char) {
            if !in_word {
                return false;
            }
            any = true;
        } else {
            in_word = false;
        }
        at += width;
    }
    any
}
