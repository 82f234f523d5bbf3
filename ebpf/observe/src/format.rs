// SPDX-License-Identifier: MIT OR Apache-2.0
//! Numbers and times as an operator reads them. Pure functions.
//!
//! Nothing here is wider than [`COMPACT_WIDTH`] cells.

use std::time::Duration;

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

/// A share of a limit in percent, `None` without a limit. 100 is reserved for a limit that is reached.
#[must_use]
pub fn percent(part: u64, whole: u64) -> Option<u64> {
    let percent = u128::from(part) * 100 / u128::from(std::num::NonZeroU64::new(whole)?.get());
    Some(u64::try_from(percent).unwrap_or(u64::MAX))
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
}
