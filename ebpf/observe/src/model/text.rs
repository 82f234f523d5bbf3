// SPDX-License-Identifier: MIT OR Apache-2.0
//! Text that came from the bus, made safe to show.

use std::fmt;
use std::ops::Deref;

use serde::{Serialize, Serializer};

/// Text chosen by a process on the bus (a name, a command), safe to print anywhere.
///
/// Any process may choose the bytes, so no value can hold a control character, a direction mark, an
/// invisible character or a line break: these are written as `\u{1b}`, bytes that are not UTF-8 as
/// `\xff`, and the backslash as `\\`. Two different inputs never give the same text.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SafeText(String);

impl SafeText {
    /// The text as a string.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Text that should be one of these already, from a place where anybody may have changed it: a safe text stays as
    /// it is, and in any other what is not safe is escaped.
    pub(crate) fn escaped_before(bytes: &[u8]) -> Self {
        escape(bytes, |c| matches!(c, '\'' | '"' | '\\'))
    }
}

/// Escapes bytes of the bus for people, as described at [`SafeText`].
pub fn display_name(bytes: &[u8]) -> SafeText {
    // `escape_debug` is for literals and would quote these two.
    escape(bytes, |c| matches!(c, '\'' | '"'))
}

/// Escapes what is not safe, and the backslash, but for what stays as it is.
fn escape(bytes: &[u8], stays: impl Fn(char) -> bool) -> SafeText {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if stays(c) {
                text.push(c);
            } else if is_blank(c) {
                text.extend(c.escape_unicode());
            } else {
                text.extend(c.escape_debug());
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    SafeText(text)
}

/// Whether `c` is one of the letters and symbols that show nothing: fillers of Hangul, its vowels and final consonants that
/// show only behind others, and the pattern of Braille without a dot. `escape_debug` takes them for visible, but with one
/// of them at its end, a name looks like another.
fn is_blank(c: char) -> bool {
    matches!(c,
        '\u{115f}'..='\u{11ff}' | '\u{2800}' | '\u{3164}' | '\u{d7b0}'..='\u{d7fb}' | '\u{ffa0}')
}

impl From<&[u8]> for SafeText {
    fn from(bytes: &[u8]) -> Self {
        display_name(bytes)
    }
}

impl From<&str> for SafeText {
    fn from(text: &str) -> Self {
        display_name(text.as_bytes())
    }
}

impl Deref for SafeText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SafeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Serialize for SafeText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ordinary_names_stay_as_they_are() {
        for name in ["logd", "media.router", "it's \"fine\"", "über", "日本", ""] {
            assert_eq!(display_name(name.as_bytes()).as_str(), name);
        }
    }

    #[test]
    fn terminal_control_is_written_out() {
        assert_eq!(display_name(b"\x1b[2J").as_str(), "\\u{1b}[2J");
        assert_eq!(
            display_name("a\u{202e}b".as_bytes()).as_str(),
            "a\\u{202e}b"
        );
        assert_eq!(
            display_name("a\u{200b}b".as_bytes()).as_str(),
            "a\\u{200b}b"
        );
        for blank in
            "\u{115f}\u{1160}\u{11a8}\u{2800}\u{3164}\u{d7b0}\u{ffa0}\u{ad}\u{3000}\u{a0}\u{301}"
                .chars()
        {
            let name = display_name(format!("logd{blank}").as_bytes());
            assert_eq!(name.as_str(), format!("logd{}", blank.escape_unicode()));
        }
        assert_eq!(display_name("가".as_bytes()).as_str(), "가");
        assert_eq!(display_name("\u{9b}31m".as_bytes()).as_str(), "\\u{9b}31m");
        assert_eq!(display_name(b"\xff\xfe").as_str(), "\\xff\\xfe");
        assert_eq!(display_name(b"\\xff").as_str(), "\\\\xff");
    }

    proptest! {
        #[test]
        fn nothing_dangerous_is_left(bytes: Vec<u8>) {
            let text = display_name(&bytes);
            prop_assert!(!text.chars().any(|c| c.is_control()));
        }

        #[test]
        fn safe_text_is_not_escaped_again_and_other_text_is(bytes: Vec<u8>) {
            let safe = display_name(&bytes);
            prop_assert_eq!(&SafeText::escaped_before(safe.as_bytes()), &safe);
            let text = SafeText::escaped_before(&bytes);
            prop_assert!(!text.chars().any(|c| c.is_control()));
        }

        #[test]
        fn different_bytes_give_different_text(
            a in proptest::collection::vec(any_name_byte(), 0..6),
            b in proptest::collection::vec(any_name_byte(), 0..6),
        ) {
            prop_assert_eq!(a == b, display_name(&a) == display_name(&b));
        }
    }

    /// Few bytes, those that could collide, so that equal and nearly equal inputs come up.
    fn any_name_byte() -> impl Strategy<Value = u8> {
        prop::sample::select(b"\\xuf0{}\x1b\xff\n".to_vec())
    }
}
