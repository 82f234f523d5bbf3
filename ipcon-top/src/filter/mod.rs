// SPDX-License-Identifier: MIT OR Apache-2.0
//! The language of filters: `peer:log drops>0 !comm:logd p99>10ms (a or b)`.
//!
//! ```text
//! filter      = alternative { "or" alternative }
//! alternative = part { ["and"] part }
//! part        = ("!" | "not") part | "(" filter ")" | word | key op value
//! op          = ":" | "=" | "!=" | "~" | ">" | ">=" | "<" | "<="
//! ```
//!
//! A filter only decides what is shown. What is collected, and the rates made of it, do not depend on it.

mod compiled;
pub mod keys;
mod lexer;
mod number;
mod parser;

use std::ops::Range;

use anyhow::anyhow;

pub use compiled::Compiled;
pub use lexer::Op;
pub use parser::{Expr, Text};

use crate::fielded::Fielded;

/// Which rows to show.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    text: String,
    expr: Option<Expr>,
}

/// Why a text is no filter, or none for these rows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FilterError {
    /// The part of the text that is wrong, in bytes; empty where something is missing.
    pub span: Range<usize>,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl FilterError {
    fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { span, message }
    }

    /// What is said about `--filter TEXT` on the command line.
    #[must_use]
    pub fn of_option(&self, text: &str) -> anyhow::Error {
        let before = text[..self.span.start].chars().count();
        anyhow!("--filter, at character {}: {self}", before + 1)
    }
}

impl Filter {
    /// Reads a filter. Its keys are looked for when it is compiled.
    ///
    /// # Errors
    ///
    /// The text is no filter.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        Ok(Self {
            text: text.to_owned(),
            expr: parser::parse(text)?,
        })
    }

    /// The filter as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it asks for; `None` lets every row pass.
    #[must_use]
    pub fn expr(&self) -> Option<&Expr> {
        self.expr.as_ref()
    }

    /// Whether every row passes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.expr.is_none()
    }

    /// The filter for rows of one sort.
    ///
    /// # Errors
    ///
    /// Rows of this sort have no such key, or a value makes no sense for its key.
    pub fn compile<T: Fielded>(&self) -> Result<Compiled<T>, FilterError> {
        Compiled::new(self.expr.as_ref())
    }
}

#[cfg(test)]
mod tests;
