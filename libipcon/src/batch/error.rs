// SPDX-License-Identifier: MIT OR Apache-2.0
//! What became of the messages of a batch.

use std::fmt;

use crate::control::Unsent;
use crate::error::Error;

/// Some messages of a batch were not sent; all others were.
///
/// A message that follows one that was refused may have been sent all the same: that its receiver has no room for
/// one message does not keep the next from finding room.
#[derive(Debug)]
pub struct BatchError {
    /// In order of their places, and never empty.
    failures: Vec<Unsent>,
    total: usize,
}

impl BatchError {
    /// The outcome of a batch of `total` messages.
    pub(crate) fn check(failures: Vec<Unsent>, total: usize) -> Result<(), Self> {
        if failures.is_empty() {
            Ok(())
        } else {
            Err(Self { failures, total })
        }
    }

    /// The messages that were not sent, by their places in the batch, from 0 in ascending order, and why.
    /// Of those whose error says [`may_have_been_sent`](Error::may_have_been_sent) it is not known.
    pub fn failures(&self) -> &[(usize, Error)] {
        &self.failures
    }

    /// Messages in the batch.
    pub fn total(&self) -> usize {
        self.total
    }

    /// As [`failures`](Self::failures), to keep.
    pub fn into_failures(self) -> Vec<(usize, Error)> {
        self.failures
    }
}

impl std::error::Error for BatchError {}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { failures, total } = self;
        write!(f, "{} of {total} messages were not sent", failures.len())?;
        match failures.first() {
            Some((place, error)) => write!(f, "; the first is number {place}: {error}"),
            None => Ok(()),
        }
    }
}

/// The error of the first message that was not sent.
impl From<BatchError> for Error {
    fn from(error: BatchError) -> Self {
        let first = error.failures.into_iter().next();
        // There is one, or `check` had not made it.
        first
            .map(|(_, error)| error)
            .expect("a batch that failed has a message that failed")
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;
    use crate::operation::Operation;
    use crate::port::Port;

    #[test]
    fn an_outcome_says_how_many_and_which() {
        assert!(BatchError::check(Vec::new(), 3).is_ok());
        let refused = || Error::new(Operation::Send(Port::new(7).unwrap()), Errno::AGAIN);
        let error = BatchError::check(vec![(1, refused()), (2, refused())], 3).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "2 of 3 messages were not sent; the first is number 1: {}",
                refused()
            )
        );
        assert_eq!((error.total(), error.failures().len()), (3, 2));
        assert!(Error::from(error).is_would_block());
    }
}
