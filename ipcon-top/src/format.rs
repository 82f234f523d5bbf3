// SPDX-License-Identifier: MIT OR Apache-2.0
//! Numbers and times as an operator reads them. Pure functions.
//!
//! Nothing here is wider than [`COMPACT_WIDTH`] cells, except exact numbers and text.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ipcon_observe::model::EndpointCounters;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Widest result of [`count`], [`rate`], [`bytes`] and [`duration`], in cells.
pub const COMPACT_WIDTH: usize = 6;

/// What stands for a value that was not measured. Never zero: zero is a measurement.
pub const ABSENT: &str = "-";

/// A number of things in at most five cells: `0`, `987`, `12.3k`, `1.20M`.
#[must_use]
pub fn count(value: u64) -> String {
    if value < 1000 {
        value.to_string()
    } else {
        scaled(value as f64, 1000.0, &DECIMAL)
    }
}

/// Things per second in at most five cells: `0`, `<0.1`, `0.5`, `42`, `12.3k`.
#[must_use]
pub fn rate(per_second: f64) -> String {
    if !per_second.is_finite() || per_second < 0.0 {
        ABSENT.to_owned()
    } else if per_second == 0.0 {
        "0".to_owned()
    } else if per_second < 0.05 {
        "<0.1".to_owned()
    } else if per_second < 9.95 {
        format!("{per_second:.1}")
    } else if per_second < 999.5 {
        format!("{per_second:.0}")
    } else {
        scaled(per_second, 1000.0, &DECIMAL)
    }
}

/// Bytes, in powers of 1024, in at most six cells: `0B`, `612B`, `8.10Ki`, `208Ki`.
#[must_use]
pub fn bytes(value: u64) -> String {
    if value < 1024 {
        format!("{value}B")
    } else {
        scaled(value as f64, 1024.0, &BINARY)
    }
}

/// Bytes per second, without the `/s`, in at most six cells.
#[must_use]
pub fn byte_rate(per_second: f64) -> String {
    if !per_second.is_finite() || per_second < 0.0 {
        ABSENT.to_owned()
    } else if per_second > 0.0 && per_second < 1.0 {
        "<1B".to_owned()
    } else if per_second < 1023.5 {
        format!("{per_second:.0}B")
    } else {
        scaled(per_second, 1024.0, &BINARY)
    }
}

/// A span of time in at most six cells: `310us`, `4.2s`, `12m05s`, `3h12m`, `12d04h`, `412d`.
#[must_use]
pub fn duration(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0 if span.as_micros() < 1 => format!("{}ns", span.as_nanos()),
        0 if span.as_micros() < 1000 => format!("{}us", span.as_micros()),
        0 => format!("{}ms", span.as_millis()),
        1..60 => format!("{}.{}s", seconds, span.subsec_millis() / 100),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
        86_400..8_640_000 => format!("{}d{:02}h", seconds / 86_400, seconds % 86_400 / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

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

/// A share of a limit in percent, `None` without a limit. 100 is reserved for a limit that is reached.
#[must_use]
pub fn percent(part: u64, whole: u64) -> Option<u64> {
    let percent = u128::from(part) * 100 / u128::from(std::num::NonZeroU64::new(whole)?.get());
    Some(u64::try_from(percent).unwrap_or(u64::MAX))
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

/// Time of day in UTC with milliseconds, `14:03:22.015`.
#[must_use]
pub fn precise_time_of_day(at: SystemTime) -> String {
    let millis = at
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.subsec_millis());
    format!("{}.{millis:03}", time_of_day(at))
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
    let wide = text.width();
    if wide <= width {
        let fill = " ".repeat(width - wide);
        return match align {
            Align::Left => format!("{text}{fill}"),
            Align::Right => format!("{fill}{text}"),
        };
    }
    let mark = if ellipsis.width() <= width {
        ellipsis
    } else {
        ""
    };
    let mut out = String::new();
    let mut used = mark.width();
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
        let word = if word.width() > width {
            &fit(word, width, Align::Left, "~")
        } else {
            word
        };
        let Some(line) = lines.last_mut() else { break };
        if line.is_empty() {
            line.push_str(word);
        } else if line.width() + 1 + word.width() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

const DECIMAL: [&str; 6] = ["k", "M", "G", "T", "P", "E"];
const BINARY: [&str; 6] = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/// Three significant digits and a suffix, for `value >= base`.
fn scaled(value: f64, base: f64, suffixes: &[&str; 6]) -> String {
    let mut value = value / base;
    let mut suffixes = suffixes.iter();
    let mut suffix = suffixes.next().copied().unwrap_or_default();
    // 999.5 would be written as 1000: take the next suffix already there.
    while value >= 999.5 {
        match suffixes.next() {
            Some(next) => (value, suffix) = (value / base, next),
            None => break,
        }
    }
    let digits = if value < 9.995 {
        2
    } else if value < 99.95 {
        1
    } else {
        0
    };
    format!("{value:.digits$}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_keep_three_digits_and_five_cells() {
        let shown = [
            (0, "0"),
            (999, "999"),
            (1000, "1.00k"),
            (9_994, "9.99k"),
            (9_996, "10.0k"),
            (12_345, "12.3k"),
            (99_949, "99.9k"),
            (99_951, "100k"),
            (999_499, "999k"),
            (999_500, "1.00M"),
            (u64::MAX, "18.4E"),
        ];
        for (value, text) in shown {
            assert_eq!(count(value), text, "{value}");
        }
    }

    #[test]
    fn a_rate_is_zero_only_when_nothing_happened() {
        let shown = [
            (0.0, "0"),
            (0.01, "<0.1"),
            (0.05, "0.1"),
            (9.94, "9.9"),
            (9.96, "10"),
            (999.4, "999"),
            (999.6, "1.00k"),
            (12_345.0, "12.3k"),
        ];
        for (value, text) in shown {
            assert_eq!(rate(value), text, "{value}");
        }
        assert_eq!(rate(f64::NAN), ABSENT);
        assert_eq!(rate(-1.0), ABSENT);
    }

    #[test]
    fn bytes_are_binary() {
        let shown = [
            (0, "0B"),
            (1023, "1023B"),
            (1024, "1.00Ki"),
            (212_992, "208Ki"),
            (1_023_487, "999Ki"),
            (1_023_488, "0.98Mi"),
            (1 << 20, "1.00Mi"),
            (u64::MAX, "16.0Ei"),
        ];
        for (value, text) in shown {
            assert_eq!(bytes(value), text, "{value}");
        }
        assert_eq!(byte_rate(0.0), "0B");
        assert_eq!(byte_rate(0.4), "<1B");
        assert_eq!(byte_rate(1023.6), "1.00Ki");
    }

    #[test]
    fn durations_have_the_two_units_that_matter() {
        let shown = [
            (Duration::ZERO, "0ns"),
            (Duration::from_nanos(999), "999ns"),
            (Duration::from_micros(310), "310us"),
            (Duration::from_millis(999), "999ms"),
            (Duration::from_millis(4_290), "4.2s"),
            (Duration::from_secs(725), "12m05s"),
            (Duration::from_secs(11_520), "3h12m"),
            (Duration::from_secs(1_051_200), "12d04h"),
            (Duration::from_secs(8_640_000), "100d"),
        ];
        for (value, text) in shown {
            assert_eq!(duration(value), text, "{value:?}");
        }
    }

    #[test]
    fn everything_compact_fits_its_column() {
        let mut value = 1_u64;
        while let Some(next) = value.checked_mul(3) {
            for v in [value - 1, value, value + 1] {
                let texts = [
                    count(v),
                    rate(v as f64),
                    bytes(v),
                    byte_rate(v as f64),
                    rate(v as f64 / 1e4),
                ];
                for text in texts {
                    assert!(text.len() <= COMPACT_WIDTH, "{v}: {text}");
                }
                let text = duration(Duration::from_nanos(v));
                assert!(text.len() <= COMPACT_WIDTH, "{v}ns: {text}");
            }
            value = next;
        }
    }

    #[test]
    fn full_means_full() {
        assert_eq!(percent(0, 0), None);
        assert_eq!(percent(999, 1000), Some(99));
        assert_eq!(percent(1000, 1000), Some(100));
        assert_eq!(percent(u64::MAX, 1), Some(u64::MAX));
    }

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
                    fit(text, width, Align::Right, "…").width(),
                    width,
                    "{text} in {width}"
                );
            }
        }
    }
}
