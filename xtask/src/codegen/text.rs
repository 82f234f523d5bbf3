// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names, lines and paragraphs of generated text.

/// A name of the definition as a constant.
pub(super) fn upper(name: &str) -> String {
    lower(name).to_ascii_uppercase()
}

/// A name of the definition as a function, type or module.
pub(super) fn lower(name: &str) -> String {
    name.replace('-', "_")
}

/// Appends a line.
pub(super) fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

/// Breaks text between words into lines of at most `width` bytes.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(last) if last.len() + 1 + word.len() <= width => {
                last.push(' ');
                last.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
