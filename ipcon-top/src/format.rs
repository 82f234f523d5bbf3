// SPDX-License-Identifier: MIT OR Apache-2.0
//! Numbers, times and text as they stand in cells and lines. Pure functions.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use ipcon_observe::format::{
    ABSENT, COMPACT_WIDTH, byte_rate, bytes, count, duration, percent, rate,
};
use ipcon_observe::model::EndpointCounters;
use unicode_width::UnicodeWidthChar;

/// The refresh interval: `250ms`, `1s`, `1.5s`, `60s`.
#[must_use]
pub fn interval(span: Duration) -> String {
    let millis = span.as_millis();
    match (millis, millis % 1000) {
        (0..1000, _) => format!("{millis}ms"),
        (_, 0) => format!("{}s", millis / 1000),
        _ => format!("{:.1}s", span.as_secs_f64()),
    }
}

/// Clients that were refused, with the reasons that there were: `3 (denied 2, version 1)`. `None` when nobody was.
#[must_use]
pub fn refusals(counters: &EndpointCounters) -> Option<String> {
    let met = counters.refusals().filter(|(_, count)| *count > 0);
    let met: Vec<_> = met
        .map(|(reason, count)| format!("{reason} {count}"))
        .collect();
    (!met.is_empty()).then(|| format!("{} ({})", counters.refused(), met.join(", ")))
}

/// Time of day in UTC, `14:03:22`. UTC because logs of several machines are compared by it.
#[must_use]
pub fn time_of_day(at: SystemTime) -> String {
    let seconds = at.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()) % 86_400;
    format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// Day in UTC, `2001-09-09`.
#[must_use]
pub fn date(at: SystemTime) -> String {
    let days = at.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()) / 86_400;
    // By Howard Hinnant's "chrono-compatible low-level date algorithms": years begin in March, eras have 400 of them.
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march_based = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_based + 2) / 5 + 1;
    let month = (march_based + 2) % 12 + 1;
    let year = era * 400 + year + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Time of day in UTC with milliseconds, `14:03:22.015`.
#[must_use]
pub fn precise_time_of_day(at: SystemTime) -> String {
    let millis = at
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.subsec_millis());
    format!("{}.{millis:03}", time_of_day(at))
}

/// Cells that `text` takes: those of its characters one by one, as a buffer and most terminals have it. Some scripts have
/// characters that a font may join; their width as one says nothing of where the next text begins.
#[must_use]
pub fn cells(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// Where a cell's text stands when it is narrower than its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// `text` in exactly `width` cells: filled with spaces, or cut with `ellipsis` as its last cell.
#[must_use]
pub fn fit(text: &str, width: usize, align: Align, ellipsis: &str) -> String {
    let wide = cells(text);
    if wide <= width {
        let fill = " ".repeat(width - wide);
        return match align {
            Align::Left => format!("{text}{fill}"),
            Align::Right => format!("{fill}{text}"),
        };
    }
    let mark = if cells(ellipsis) <= width {
        ellipsis
    } else {
        ""
    };
    let mut out = String::new();
    let mut used = cells(mark);
    for c in text.chars() {
        let next = c.width().unwrap_or(0);
        if used + next > width {
            break;
        }
        used += next;
        out.push(c);
    }
    out.push_str(mark);
    // A character of two cells may have left one cell free.
    out.push_str(&" ".repeat(width - used));
    out
}

/// `text` in lines of at most `width` cells, broken at spaces; a word that is longer is cut.
#[must_use]
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let word = if cells(word) > width {
            &fit(word, width, Align::Left, "~")
        } else {
            word
        };
        let Some(line) = lines.last_mut() else { break };
        if line.is_empty() {
            line.push_str(word);
        } else if cells(line) + 1 + cells(word) <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn intervals_are_short() {
        assert_eq!(interval(Duration::from_millis(250)), "250ms");
        assert_eq!(interval(Duration::from_secs(1)), "1s");
        assert_eq!(interval(Duration::from_millis(1500)), "1.5s");
    }

    #[test]
    fn time_of_day_is_utc() {
        let at = UNIX_EPOCH + Duration::from_millis(1_000_000_015);
        assert_eq!(time_of_day(at), "13:46:40");
        assert_eq!(precise_time_of_day(at), "13:46:40.015");
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        let days = [
            (0, "1970-01-01"),
            (58, "1970-02-28"),
            (59, "1970-03-01"),
            (789, "1972-02-29"),
            (11_016, "2000-02-29"),
            (11_574, "2001-09-09"),
            (20_088, "2024-12-31"),
            (47_541, "2100-03-01"),
        ];
        for (day, text) in days {
            let at = UNIX_EPOCH + Duration::from_secs(day * 86_400 + 86_399);
            assert_eq!(date(at), text);
        }
    }

    #[test]
    fn text_wraps_at_spaces() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("immeasurable x", 5), ["imme~", "x"]);
        assert_eq!(wrap("", 5), [""]);
    }

    #[test]
    fn text_fits_exactly() {
        assert_eq!(fit("abc", 5, Align::Left, "…"), "abc  ");
        assert_eq!(fit("abc", 5, Align::Right, "…"), "  abc");
        assert_eq!(fit("abcdef", 5, Align::Left, "…"), "abcd…");
        assert_eq!(fit("日本語", 4, Align::Left, "…"), "日… ");
        assert_eq!(fit("abc", 0, Align::Left, "…"), "");
        for width in 0..12 {
            for text in ["", "a", "日本語", "ab日c", "abcdefghijklmn"] {
                assert_eq!(
                    cells(&fit(text, width, Align::Right, "…")),
                    width,
                    "{text} in {width}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn text_of_any_script_fits_exactly(
            text in prop::collection::vec(prop::sample::select(
                "aل ا🇩🇪👍🏽ᄀกำकि日~ﷺ⸻𒐫가é✈☺ー・ｶﾞ".chars().collect::<Vec<_>>()
            ), 0..12),
            width in 0..14_usize,
        ) {
            let text: String = text.into_iter().collect();
            for align in [Align::Left, Align::Right] {
                prop_assert_eq!(cells(&fit(&text, width, align, "…")), width);
            }
        }
    }
}
