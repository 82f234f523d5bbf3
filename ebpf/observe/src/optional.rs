// SPDX-License-Identifier: MIT OR Apache-2.0
//! A source that one can do without: it is opened again, ever more rarely, while it does not work. Pure; the
//! time is passed in.

use std::fmt;
use std::time::Duration;

use crate::model::SourceState;

/// Time until the first attempt to open a source again. It doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// Longest time between two attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What came of reading a source: its part, or why there is none.
pub(crate) type Read<T> = Result<T, SourceState>;

/// A source, or why there is none.
pub(crate) struct Optional<S> {
    source: Option<S>,
    /// Why there is no source, or why it failed last.
    reason: String,
    retry: Option<Retry>,
    /// Whether it ever delivered; if so, not to do it any more is a failure.
    has_delivered: bool,
}

/// When to open a source again.
#[derive(Clone, Copy)]
struct Retry {
    at: Duration,
    wait: Duration,
}

impl<S> Optional<S> {
    /// A source that nobody asked for. It is never opened.
    pub(crate) fn unwanted() -> Self {
        Self {
            source: None,
            reason: "not asked for".to_owned(),
            retry: None,
            has_delivered: false,
        }
    }

    /// Tries to open a source, at the time `now`.
    pub(crate) fn open<E: fmt::Display>(
        now: Duration,
        open: impl FnOnce() -> Result<S, E>,
    ) -> Self {
        let mut new = Self::unwanted();
        new.open_now(now, open);
        new
    }

    /// Opens a source that does not work again, if it is time to. Gives whether the source is a new one.
    pub(crate) fn revive<E: fmt::Display>(
        &mut self,
        now: Duration,
        open: impl FnOnce() -> Result<S, E>,
    ) -> bool {
        let due = self.retry.is_some_and(|retry| retry.at <= now);
        if due {
            // The broken one gives back what it holds first.
            self.source = None;
            self.open_now(now, open);
        }
        due && self.source.is_some()
    }

    /// The source, if it is open.
    pub(crate) fn get(&self) -> Option<&S> {
        self.source.as_ref()
    }

    /// Reads the source, at the time `now`.
    pub(crate) fn with<T, E: fmt::Display>(
        &mut self,
        now: Duration,
        read: impl FnOnce(&mut S) -> Result<T, E>,
    ) -> Read<T> {
        let Some(source) = &mut self.source else {
            return Err(self.absent());
        };
        match read(source) {
            Ok(part) => {
                self.retry = None;
                self.has_delivered = true;
                Ok(part)
            }
            Err(error) => {
                self.reason = error.to_string();
                self.retry_later(now);
                Err(SourceState::Failed {
                    reason: self.reason.clone(),
                })
            }
        }
    }

    fn open_now<E: fmt::Display>(&mut self, now: Duration, open: impl FnOnce() -> Result<S, E>) {
        match open() {
            Ok(source) => self.source = Some(source),
            Err(error) => {
                self.reason = error.to_string();
                self.retry_later(now);
            }
        }
    }

    /// One that opens and then cannot be read waits longer each time as well: only reading ends the waiting.
    fn retry_later(&mut self, now: Duration) {
        let wait = match self.retry {
            Some(retry) if now < retry.at => return,
            Some(retry) => (2 * retry.wait).min(LONGEST_WAIT),
            None => FIRST_WAIT,
        };
        let at = now + wait;
        self.retry = Some(Retry { at, wait });
    }

    /// Why there is no source, or why it failed last.
    pub(crate) fn absent(&self) -> SourceState {
        let reason = self.reason.clone();
        if self.has_delivered {
            SourceState::Failed { reason }
        } else {
            SourceState::Off { reason }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn refuse() -> Result<u32, &'static str> {
        Err("too many open files")
    }

    fn read(source: &mut Optional<u32>, now: Duration) -> Read<u32> {
        source.with(now, |&mut number| Ok::<_, &str>(number))
    }

    fn fail(source: &mut Optional<u32>, now: Duration) -> Read<u32> {
        source.with(now, |_| Err("broken"))
    }

    #[test]
    fn what_could_not_be_opened_is_opened_later() {
        let mut source = Optional::open(5 * S, refuse);
        let off = SourceState::Off {
            reason: "too many open files".to_owned(),
        };
        assert_eq!(read(&mut source, 5 * S), Err(off));
        let early = || -> Result<u32, &str> { panic!("too early") };
        assert!(!source.revive(5 * S, early));
        assert!(source.revive(6 * S, || Ok::<_, &str>(7)));
        assert_eq!(read(&mut source, 6 * S), Ok(7));
        assert!(!source.revive(1000 * S, early), "it works");
    }

    #[test]
    fn attempts_become_rare() {
        let mut source = Optional::open(Duration::ZERO, refuse);
        let mut attempts = Vec::new();
        for second in 1..=200 {
            source.revive(second * S, || {
                attempts.push(second);
                refuse()
            });
        }
        assert_eq!(attempts, [1, 3, 7, 15, 31, 63, 123, 183]);
    }

    #[test]
    fn what_failed_is_replaced_and_never_said_to_be_off() {
        let mut source = Optional::open(Duration::ZERO, || Ok::<_, &str>(1));
        assert_eq!(read(&mut source, S), Ok(1));
        let failed = |reason: &str| {
            Err(SourceState::Failed {
                reason: reason.to_owned(),
            })
        };
        assert_eq!(fail(&mut source, 2 * S), failed("broken"));
        assert!(!source.revive(3 * S, refuse));
        assert_eq!(source.get(), None);
        assert_eq!(read(&mut source, 3 * S), failed("too many open files"));
        assert!(source.revive(5 * S, || Ok::<_, &str>(2)));
        assert_eq!(read(&mut source, 5 * S), Ok(2));
    }

    #[test]
    fn a_failure_that_passes_needs_no_new_source() {
        let mut source = Optional::open(Duration::ZERO, || Ok::<_, &str>(1));
        assert!(fail(&mut source, S).is_err());
        assert_eq!(read(&mut source, S + S / 2), Ok(1));
        assert!(!source.revive(9 * S, refuse));
    }

    #[test]
    fn what_opens_and_cannot_be_read_is_tried_rarely_too() {
        let mut source = Optional::open(Duration::ZERO, || Ok::<_, &str>(1));
        let mut attempts = Vec::new();
        for second in 1..=20 {
            source.revive(second * S, || {
                attempts.push(second);
                Ok::<_, &str>(second)
            });
            assert!(fail(&mut source, second * S).is_err());
        }
        assert_eq!(attempts, [2, 4, 8, 16]);
    }

    #[test]
    fn what_nobody_asked_for_stays_off() {
        let mut source = Optional::unwanted();
        assert!(!source.revive(1000 * S, || -> Result<u32, &str> { panic!("unwanted") }));
        let off = SourceState::Off {
            reason: "not asked for".to_owned(),
        };
        assert_eq!(read(&mut source, 1000 * S), Err(off));
    }
}
