// SPDX-License-Identifier: MIT OR Apache-2.0
//! Spans of time and sizes on the command line.

use std::time::Duration;

/// Reads `90s`, `5m`, `1h30m`, `2d`, or a bare number of seconds.
///
/// # Errors
///
/// A text that is no span of time, or one of no length.
pub fn span(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().map(Duration::from_secs);
    let span = seconds.or_else(|| humantime::parse_duration(text).ok());
    span.filter(|span| !span.is_zero())
        .ok_or_else(|| format!("`{text}` is no time; write 90s, 5m, 1h30m or 2d"))
}

/// Reads `64K`, `10M`, `2G`, or a bare number of bytes; the units are powers of 1024.
///
/// # Errors
///
/// A text that is no size, or one below 64 KiB.
pub fn size(text: &str) -> Result<u64, String> {
    let (number, shift) = match text.chars().last() {
        Some('K' | 'k') => (&text[..text.len() - 1], 10),
        Some('M') => (&text[..text.len() - 1], 20),
        Some('G') => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    let number = number.parse::<u64>().ok();
    let bytes = number.and_then(|number| number.checked_mul(1 << shift));
    match bytes {
        Some(bytes) if bytes >= 64 << 10 => Ok(bytes),
        Some(_) => Err("must be at least 64K".to_owned()),
        None => Err(format!("`{text}` is no size; write 10M or 2G")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read() {
        let seconds = |text| span(text).map(|span| span.as_secs());
        assert_eq!(seconds("90"), Ok(90));
        assert_eq!(seconds("90s"), Ok(90));
        assert_eq!(seconds("1h30m"), Ok(5400));
        assert_eq!(seconds("2d"), Ok(172_800));
        for wrong in [
            "",
            "0",
            "s",
            "-5s",
            "1h30",
            "5x",
            "5µ",
            "99999999999999999999",
            "999999999999999999999d",
        ] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_read_and_bounded() {
        assert_eq!(size("64K"), Ok(65_536));
        assert_eq!(size("2G"), Ok(2 << 30));
        assert_eq!(size("100000"), Ok(100_000));
        for wrong in ["", "K", "63K", "-1M", "1.5M", "10T", "10µ", "99999999999G"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
