// SPDX-License-Identifier: MIT OR Apache-2.0
//! A filter for rows of one sort, its keys found.

use std::cmp::Ordering;

use ipcon_observe::fields::Value;
use regex_lite::RegexBuilder;

use super::keys::{self, Subject};
use super::lexer::Op;
use super::parser::{Expr, Text};
use super::{FilterError, number};
use crate::fielded::Fielded;
use crate::store::Row;

/// Most memory for a regular expression, in bytes.
const REGEX_MAX: usize = 1 << 16;

/// What rows of one sort have to be like.
#[derive(Debug)]
pub struct Compiled<T: 'static>(Node<T>);

#[derive(Debug)]
enum Node<T: 'static> {
    And(Vec<Node<T>>),
    Or(Vec<Node<T>>),
    Not(Box<Node<T>>),
    /// In lower case.
    Word(String),
    Test(Subject<T>, Test),
}

/// What a value is asked.
#[derive(Debug)]
enum Test {
    /// Holds this, in lower case.
    Holds(String),
    /// Is this text or this number.
    Equal(String, Option<f64>),
    /// Is another than this text or this number.
    Unequal(String, Option<f64>),
    /// Is matched by this.
    Matches(regex_lite::Regex),
    /// Is on this side of a number.
    Order(Op, f64),
}

impl<T: Fielded> Compiled<T> {
    /// Finds the keys of `expr`; `None` lets every row pass.
    ///
    /// # Errors
    ///
    /// A key or a value that rows of this sort do not have.
    pub(super) fn new(expr: Option<&Expr>) -> Result<Self, FilterError> {
        expr.map_or(Ok(Self(Node::And(Vec::new()))), |expr| {
            Ok(Self(compile(expr)?))
        })
    }

    /// Whether a row passes. A comparison with a value that the row does not have fails.
    #[must_use]
    pub fn matches(&self, row: &Row<'_, T>) -> bool {
        self.0.matches(row)
    }
}

fn compile<T: Fielded>(expr: &Expr) -> Result<Node<T>, FilterError> {
    let all = |parts: &[Expr]| parts.iter().map(compile).collect::<Result<_, _>>();
    Ok(match expr {
        Expr::And(parts) => Node::And(all(parts)?),
        Expr::Or(parts) => Node::Or(all(parts)?),
        Expr::Not(inner) => Node::Not(Box::new(compile(inner)?)),
        Expr::Word(word) => Node::Word(word.text.to_lowercase()),
        Expr::Compare { key, op, value } => {
            let subject = keys::find(T::fields(), &key.text)
                .map_err(|error| FilterError::new(key.span.clone(), error))?;
            let test = test(&subject, key, *op, value)?;
            Node::Test(subject, test)
        }
    })
}

fn test<T>(subject: &Subject<T>, key: &Text, op: Op, value: &Text) -> Result<Test, FilterError> {
    let (field, text) = match subject {
        Subject::Value(field) => (*field, value.text.as_str()),
        Subject::Rate(field) => {
            let bare = value.text.strip_suffix(keys::RATE);
            (*field, bare.unwrap_or(&value.text))
        }
    };
    let number = number::parse(text, field.unit);
    let wrong = |message: String| FilterError::new(value.span.clone(), message);
    if op.is_order() && !keys::is_number(field) {
        let message = format!("{} is text: write : or = after it", key.text);
        return Err(FilterError::new(key.span.clone(), message));
    }
    match op {
        Op::Holds => Ok(Test::Holds(value.text.to_lowercase())),
        Op::Equal => Ok(Test::Equal(value.text.clone(), number)),
        Op::Unequal => Ok(Test::Unequal(value.text.clone(), number)),
        Op::Matches => RegexBuilder::new(&value.text)
            .size_limit(REGEX_MAX)
            .build()
            .map(Test::Matches)
            .map_err(|error| wrong(format!("no regular expression: {error}"))),
        Op::Above | Op::AtLeast | Op::Below | Op::AtMost => {
            let allowed = number::allowed(field.unit);
            let number = number.ok_or_else(|| {
                wrong(format!(
                    "`{}` cannot be compared with {}: {allowed}",
                    value.text, key.text
                ))
            })?;
            Ok(Test::Order(op, number))
        }
    }
}

impl<T: Fielded> Node<T> {
    fn matches(&self, row: &Row<'_, T>) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.matches(row)),
            Self::Or(parts) => parts.iter().any(|part| part.matches(row)),
            Self::Not(inner) => !inner.matches(row),
            Self::Word(word) => row.item.matches(word),
            Self::Test(Subject::Rate(field), test) => row
                .rate(field.key)
                .is_some_and(|rate| test.holds(&Value::Mean(rate))),
            Self::Test(Subject::Value(field), test) => {
                T::value(field, row).is_some_and(|value| test.holds(&value))
            }
        }
    }
}

impl Test {
    fn holds(&self, value: &Value<'_>) -> bool {
        if let Value::List(items) = value {
            let one = |test: &dyn Fn(&str) -> bool| items.iter().any(|item| test(item));
            return match self {
                Self::Holds(part) => one(&|item| item.to_lowercase().contains(part)),
                Self::Equal(text, _) => one(&|item| item == text),
                Self::Unequal(text, _) => !one(&|item| item == text),
                Self::Matches(regex) => one(&|item| regex.is_match(item)),
                Self::Order(..) => false,
            };
        }
        match self {
            Self::Holds(part) => value.to_string().to_lowercase().contains(part),
            Self::Equal(text, number) => equal(value, text, *number),
            Self::Unequal(text, number) => !equal(value, text, *number),
            Self::Matches(regex) => regex.is_match(&value.to_string()),
            Self::Order(op, number) => {
                let order = value.as_f64().and_then(|value| value.partial_cmp(number));
                order.is_some_and(|order| match op {
                    Op::Above => order == Ordering::Greater,
                    Op::AtLeast => order != Ordering::Less,
                    Op::Below => order == Ordering::Less,
                    Op::AtMost => order != Ordering::Greater,
                    Op::Holds | Op::Equal | Op::Unequal | Op::Matches => false,
                })
            }
        }
    }
}

/// A number equals a number, whatever its unit; a text equals a text.
fn equal(value: &Value<'_>, text: &str, number: Option<f64>) -> bool {
    match (value, number) {
        (Value::Flag(flag), _) => match text {
            "yes" | "true" => *flag,
            "no" | "false" => !*flag,
            _ => false,
        },
        (value, Some(number)) if value.as_f64().is_some() => value.as_f64() == Some(number),
        (value, _) => value.to_string() == text,
    }
}
