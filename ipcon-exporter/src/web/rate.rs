// SPDX-License-Identifier: MIT OR Apache-2.0
//! A bound of how often anything may be asked: a bucket that fills by one token per interval, up to the burst.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::file;

/// The bucket.
#[derive(Debug)]
pub(super) struct Rate {
    interval: Duration,
    burst: u32,
    /// When it was, or will be, empty.
    empty_at: Mutex<Instant>,
}

impl Rate {
    /// `None` when there is no bound.
    ///
    /// # Errors
    ///
    /// The interval is no duration, or the burst lets nothing through.
    pub(super) fn new(config: &file::RateLimit, now: Instant) -> Result<Option<Self>> {
        let interval = match config.interval.as_str() {
            "" | "0" => Duration::ZERO,
            text => humantime::parse_duration(text).with_context(|| {
                format!("rate_limit: the interval {text:?} is none such as 500ms")
            })?,
        };
        if interval.is_zero() {
            return Ok(None);
        }
        ensure!(
            config.burst > 0,
            "rate_limit: a burst of 0 lets no request through"
        );
        let full = interval.checked_mul(config.burst);
        let full = full.context("rate_limit: interval times burst is too long")?;
        let empty_at = now.checked_sub(full).unwrap_or(now);
        Ok(Some(Self {
            interval,
            burst: config.burst,
            empty_at: Mutex::new(empty_at),
        }))
    }

    /// Takes a token, if there is one.
    pub(super) fn permit(&self, now: Instant) -> bool {
        let mut empty_at = self.empty_at.lock().unwrap_or_else(PoisonError::into_inner);
        // What is older than a full bucket has run over.
        let full = now.checked_sub(self.interval * self.burst).unwrap_or(now);
        let next = (*empty_at).max(full) + self.interval;
        let permitted = next <= now;
        if permitted {
            *empty_at = next;
        }
        permitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(interval: &str, burst: u32, now: Instant) -> Result<Option<Rate>> {
        let interval = interval.to_owned();
        Rate::new(&file::RateLimit { interval, burst }, now)
    }

    #[test]
    fn the_bucket_fills_and_empties() {
        // The clock of a machine that has just booted has not gone far enough to be taken back.
        let begin = Instant::now() + Duration::from_secs(1000);
        let rate = rate("1s", 3, begin).unwrap().unwrap();
        let at = |tenths: u64| begin + Duration::from_millis(100 * tenths);
        let asked = [0, 0, 0, 0, 5, 10, 10, 100, 100, 100, 100];
        let permitted = asked.map(|tenths| rate.permit(at(tenths)));
        let expected = [1, 1, 1, 0, 0, 1, 0, 1, 1, 1, 0].map(|yes| yes == 1);
        assert_eq!(permitted, expected);
    }

    #[test]
    fn bounds() {
        let now = Instant::now();
        for none in ["", "0", "0s"] {
            assert!(rate(none, 0, now).unwrap().is_none(), "{none}");
        }
        for good in ["1s", "500ms", "1m30s"] {
            assert!(rate(good, 1, now).unwrap().is_some(), "{good}");
        }
        assert!(rate("1s", 0, now).is_err());
        assert!(rate("soon", 1, now).is_err());
    }
}
