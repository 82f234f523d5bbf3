// SPDX-License-Identifier: MIT OR Apache-2.0
//! The text of a filter as tokens.

use std::ops::Range;

use super::FilterError;

/// How a key and a value are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// `:` the text holds the value, in whatever case.
    Holds,
    /// `=` exactly that text or number.
    Equal,
    /// `!=` there is a value, and it is another one.
    Unequal,
    /// `~` a regular expression matches the text.
    Matches,
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `<=`
    AtMost,
}

impl Op {
    /// All, those first that begin with others.
    pub(super) const ALL: [Self; 8] = [
        Self::AtLeast,
        Self::AtMost,
        Self::Unequal,
        Self::Above,
        Self::Below,
        Self::Equal,
        Self::Holds,
        Self::Matches,
    ];

    /// How it is written.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Self::Holds => ":",
            Self::Equal => "=",
            Self::Unequal => "!=",
            Self::Matches => "~",
            Self::Above => ">",
            Self::AtLeast => ">=",
            Self::Below => "<",
            Self::AtMost => "<=",
        }
    }

    /// Whether it asks which number is larger.
    pub(super) fn is_order(self) -> bool {
        matches!(
            self,
            Self::Above | Self::AtLeast | Self::Below | Self::AtMost
        )
    }
}

/// A part of the text.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// Where it stands, in bytes.
    pub(super) span: Range<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Open,
    Close,
    Not,
    And,
    Or,
    Op(Op),
    /// A word, or what stands between quotes.
    Word(String),
}

/// Whether `c` ends a word that is no value.
fn ends_word(c: char) -> bool {
    c.is_whitespace() || "()\"<>=:!~".contains(c)
}

/// Length of the value that `text` begins with. It may hold what would be an operator elsewhere, and parentheses that belong
/// together, as in a regular expression.
fn value_len(text: &str) -> usize {
    let mut open = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' => open += 1,
            ')' if open == 0 => return at,
            ')' => open -= 1,
            c if c.is_whitespace() || c == '"' => return at,
            _ => {}
        }
    }
    text.len()
}

/// Whether the text can stand without quotes and means itself.
pub(super) fn is_plain(text: &str) -> bool {
    !text.is_empty() && !text.contains(ends_word) && keyword(text).is_none()
}

fn keyword(word: &str) -> Option<Kind> {
    [("and", Kind::And), ("or", Kind::Or), ("not", Kind::Not)]
        .into_iter()
        .find(|(name, _)| word.eq_ignore_ascii_case(name))
        .map(|(_, kind)| kind)
}

/// Divides the text.
///
/// # Errors
///
/// A quote that is not closed, or a value without a key.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, FilterError> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        }
        let (kind, end) = next(text, at, tokens.last())?;
        tokens.push(Token {
            kind,
            span: at..end,
        });
        at = end;
    }
    Ok(tokens)
}

/// The token that begins at `at`, where there is no space, and where it ends.
fn next(text: &str, at: usize, before: Option<&Token>) -> Result<(Kind, usize), FilterError> {
    let rest = &text[at..];
    let is_value = matches!(before, Some(token) if matches!(token.kind, Kind::Op(_)));
    match rest.chars().next() {
        Some('"') => return quoted(text, at),
        Some(')') => return Ok((Kind::Close, at + 1)),
        _ if is_value => {
            let end = at + value_len(rest);
            return Ok((Kind::Word(text[at..end].to_owned()), end));
        }
        Some('(') => return Ok((Kind::Open, at + 1)),
        _ => {}
    }
    let after_word = before.filter(|token| matches!(token.kind, Kind::Word(_)));
    let touches = after_word.is_some_and(|token| token.span.end == at);
    if let Some(op) = Op::ALL.into_iter().find(|op| rest.starts_with(op.sign()))
        // `a ~b` are two words: what has no name is shown with a tilde before its command.
        && (op != Op::Matches || touches)
    {
        return Ok((Kind::Op(op), at + op.sign().len()));
    }
    if rest.starts_with('!') {
        return Ok((Kind::Not, at + 1));
    }
    let first = rest.chars().next().map_or(0, char::len_utf8);
    let end = rest[first..]
        .find(ends_word)
        .map_or(text.len(), |len| at + first + len);
    let word = &text[at..end];
    Ok((
        keyword(word).unwrap_or_else(|| Kind::Word(word.to_owned())),
        end,
    ))
}

/// A text between quotes, in which a backslash takes the next character as it is.
fn quoted(text: &str, at: usize) -> Result<(Kind, usize), FilterError> {
    let mut word = String::new();
    let mut chars = text[at + 1..].char_indices();
    while let Some((offset, c)) = chars.next() {
        match c {
            '"' => return Ok((Kind::Word(word), at + 1 + offset + 1)),
            '\\' => word.extend(chars.next().map(|(_, c)| c)),
            c => word.push(c),
        }
    }
    Err(FilterError::new(
        at..text.len(),
        "this quote is not closed: write \" at its end",
    ))
}
