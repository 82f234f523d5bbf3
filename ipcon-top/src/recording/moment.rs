// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where to begin in a recording, as people say it.

use std::str::FromStr;
use std::time::{Duration, SystemTime};

use super::units::span;

const DAY: u64 = 86_400;

/// A moment of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// So long after its beginning.
    After(Duration),
    /// So long before its end.
    BeforeEnd(Duration),
    /// At a time of day, UTC: so many seconds since midnight.
    TimeOfDay(u64),
}

impl Moment {
    /// The moment in a recording from `first` to `last`; of several days, the first that has this time of day.
    #[must_use]
    pub fn within(self, first: SystemTime, last: SystemTime) -> SystemTime {
        let within = match self {
            Self::After(span) => first.checked_add(span),
            Self::BeforeEnd(span) => last.checked_sub(span),
            Self::TimeOfDay(wanted) => {
                let since = first.duration_since(SystemTime::UNIX_EPOCH);
                let since = since.unwrap_or_default().as_secs();
                let today = since - since % DAY + wanted;
                let day = if today < since { today + DAY } else { today };
                let at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(day));
                // The second in which it begins is told as its beginning, and so it is taken.
                at.map(|at| if day == since { first } else { at })
            }
        };
        within.unwrap_or(last)
    }
}

impl FromStr for Moment {
    type Err = String;

    /// Reads `+5m`, `-30s`, `14:03` or `14:03:20`.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(after) = text.strip_prefix('+') {
            return span(after).map(Self::After);
        }
        if let Some(before) = text.strip_prefix('-') {
            return span(before).map(Self::BeforeEnd);
        }
        let digits = |part: &str| part.len() <= 2 && part.bytes().all(|c| c.is_ascii_digit());
        let parts: Vec<&str> = text.split(':').collect();
        let numbers: Option<Vec<u64>> = parts
            .iter()
            .map(|part| digits(part).then(|| part.parse().ok())?)
            .collect();
        match numbers.as_deref() {
            Some(&[hours @ 0..24, minutes @ 0..60]) => {
                Ok(Self::TimeOfDay(hours * 3600 + minutes * 60))
            }
            Some(&[hours @ 0..24, minutes @ 0..60, seconds @ 0..60]) => {
                Ok(Self::TimeOfDay(hours * 3600 + minutes * 60 + seconds))
            }
            _ => Err(format!(
                "`{text}` is no moment of a recording; write 14:03, 14:03:20 (UTC), +5m or -30s"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn moments_are_read() {
        let read = |text: &str| text.parse::<Moment>();
        assert_eq!(read("+5m"), Ok(Moment::After(Duration::from_secs(300))));
        assert_eq!(read("-30s"), Ok(Moment::BeforeEnd(Duration::from_secs(30))));
        assert_eq!(read("14:03"), Ok(Moment::TimeOfDay(50_580)));
        assert_eq!(read("0:00:07"), Ok(Moment::TimeOfDay(7)));
        for wrong in [
            "", "14", "24:00", "14:60", "1:2:3:4", "+", "14:03pm", ":", "+1:2", "001:00",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_time_of_day_is_the_first_in_the_recording() {
        let (first, last) = (at(10 * DAY + 50_000), at(12 * DAY));
        let found = |moment: Moment| moment.within(first, last);
        assert_eq!(found(Moment::TimeOfDay(50_580)), at(10 * DAY + 50_580));
        assert_eq!(found(Moment::TimeOfDay(49_999)), at(11 * DAY + 49_999));
        let second = Duration::from_secs(1);
        assert_eq!(found(Moment::After(second)), first + second);
        assert_eq!(found(Moment::BeforeEnd(second)), last - second);
        assert_eq!(found(Moment::After(Duration::MAX)), last);
        let first = first + Duration::from_millis(750);
        let found = |moment: Moment| moment.within(first, last);
        assert_eq!(found(Moment::TimeOfDay(50_000)), first);
        assert_eq!(found(Moment::TimeOfDay(50_001)), at(10 * DAY + 50_001));
    }
}
