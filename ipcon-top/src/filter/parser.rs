// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a filter asks for, from its tokens, and back to text.

use std::fmt;
use std::ops::Range;

use super::FilterError;
use super::lexer::{self, Kind, Op, Token};

/// Deepest nesting of parentheses and negations.
const DEPTH_MAX: usize = 32;

/// What rows have to be like.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// All of these; at least two.
    And(Vec<Expr>),
    /// One of these; at least two.
    Or(Vec<Expr>),
    /// Not this.
    Not(Box<Expr>),
    /// One of the texts the row is known by holds this.
    Word(Text),
    /// A field of the row compares like this.
    Compare {
        /// The field.
        key: Text,
        /// The comparison.
        op: Op,
        /// What it is compared with.
        value: Text,
    },
}

/// A text and where it stands in the filter. Texts are equal wherever they stand.
#[derive(Debug, Clone)]
pub struct Text {
    /// The text, without quotes.
    pub text: String,
    /// Where it stands, in bytes.
    pub span: Range<usize>,
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// Reads a filter. `None` when it asks for nothing.
///
/// # Errors
///
/// It is no filter; the error says where and why.
pub(super) fn parse(text: &str) -> Result<Option<Expr>, FilterError> {
    let tokens = lexer::tokens(text)?;
    if tokens.is_empty() {
        return Ok(None);
    }
    let mut parser = Parser {
        tokens: tokens.into_iter().peekable(),
        end: text.len(),
    };
    let expr = parser.any_of(0)?;
    match parser.tokens.next() {
        None => Ok(Some(expr)),
        Some(token) => Err(FilterError::new(
            token.span,
            "there is no parenthesis that this one closes",
        )),
    }
}

struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    end: usize,
}

impl Parser {
    /// Parts with `or` between them.
    fn any_of(&mut self, depth: usize) -> Result<Expr, FilterError> {
        let mut parts = vec![self.all_of(depth)?];
        while self.take(&Kind::Or) {
            parts.push(self.all_of(depth)?);
        }
        Ok(joined(parts, Expr::Or))
    }

    /// Parts with `and`, or nothing, between them.
    fn all_of(&mut self, depth: usize) -> Result<Expr, FilterError> {
        let mut parts = vec![self.part(depth)?];
        loop {
            if !self.take(&Kind::And) && matches!(self.peek(), None | Some(Kind::Or | Kind::Close))
            {
                return Ok(joined(parts, Expr::And));
            }
            parts.push(self.part(depth)?);
        }
    }

    fn part(&mut self, depth: usize) -> Result<Expr, FilterError> {
        let Some(token) = self.tokens.next() else {
            return Err(self.missing("a word or a comparison is missing here"));
        };
        if depth >= DEPTH_MAX {
            return Err(FilterError::new(token.span, "this is nested too deeply"));
        }
        match token.kind {
            Kind::Not => Ok(Expr::Not(Box::new(self.part(depth + 1)?))),
            Kind::Open => {
                let inner = self.any_of(depth + 1)?;
                if self.take(&Kind::Close) {
                    Ok(inner)
                } else {
                    Err(FilterError::new(
                        token.span,
                        "this parenthesis is not closed",
                    ))
                }
            }
            Kind::Word(text) => self.word_or_comparison(Text {
                text,
                span: token.span,
            }),
            Kind::Op(_) => Err(FilterError::new(
                token.span,
                "a key is missing before this; put quotes around text",
            )),
            Kind::And | Kind::Or | Kind::Close => Err(FilterError::new(
                token.span,
                "a word or a comparison is missing before this",
            )),
        }
    }

    fn word_or_comparison(&mut self, key: Text) -> Result<Expr, FilterError> {
        let Some(&Kind::Op(op)) = self.peek() else {
            return Ok(Expr::Word(key));
        };
        self.tokens.next();
        match self.tokens.next() {
            Some(Token {
                kind: Kind::Word(text),
                span,
            }) => Ok(Expr::Compare {
                key,
                op,
                value: Text { text, span },
            }),
            Some(token) => Err(FilterError::new(
                token.span,
                "a value is missing before this; put quotes around text",
            )),
            None => Err(self.missing("a value is missing here")),
        }
    }

    fn peek(&mut self) -> Option<&Kind> {
        self.tokens.peek().map(|token| &token.kind)
    }

    fn take(&mut self, kind: &Kind) -> bool {
        self.tokens.next_if(|token| token.kind == *kind).is_some()
    }

    fn missing(&self, message: &str) -> FilterError {
        FilterError::new(self.end..self.end, message)
    }
}

/// One part stands for itself; parts of the same sort are put in line with the others.
fn joined(parts: Vec<Expr>, join: fn(Vec<Expr>) -> Expr) -> Expr {
    let is_or = matches!(join(Vec::new()), Expr::Or(_));
    let mut flat = Vec::new();
    for part in parts {
        match part {
            Expr::Or(inner) if is_or => flat.extend(inner),
            Expr::And(inner) if !is_or => flat.extend(inner),
            other => flat.push(other),
        }
    }
    match flat.pop() {
        Some(only) if flat.is_empty() => only,
        last => {
            flat.extend(last);
            join(flat)
        }
    }
}

/// The filter as text that reads as the same filter.
impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(parts) => separated(f, parts, " "),
            Self::Or(parts) => separated(f, parts, " or "),
            Self::Not(inner) => write!(f, "!{}", Inner(inner)),
            Self::Word(word) => write!(f, "{}", Quoted(&word.text)),
            Self::Compare { key, op, value } => {
                let sign = op.sign();
                write!(f, "{}{sign}{}", Quoted(&key.text), Quoted(&value.text))
            }
        }
    }
}

fn separated(f: &mut fmt::Formatter<'_>, parts: &[Expr], separator: &str) -> fmt::Result {
    for (i, part) in parts.iter().enumerate() {
        let separator = if i == 0 { "" } else { separator };
        write!(f, "{separator}{}", Inner(part))?;
    }
    Ok(())
}

/// A part of a filter, in parentheses where it has parts itself.
struct Inner<'a>(&'a Expr);

impl fmt::Display for Inner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Expr::And(_) | Expr::Or(_) => write!(f, "({})", self.0),
            plain => plain.fmt(f),
        }
    }
}

/// A text, in quotes where it would mean something else without.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if lexer::is_plain(self.0) {
            return f.write_str(self.0);
        }
        let escaped = self.0.replace('\\', "\\\\").replace('"', "\\\"");
        write!(f, "\"{escaped}\"")
    }
}
