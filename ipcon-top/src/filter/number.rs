// SPDX-License-Identifier: MIT OR Apache-2.0
//! Numbers as they are written in a filter.

use ipcon_observe::fields::Unit;

const DECIMAL: [(&str, f64); 5] = [("k", 1e3), ("K", 1e3), ("M", 1e6), ("G", 1e9), ("T", 1e12)];

const BINARY: [(&str, f64); 4] = [
    ("Ki", 1024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
];

const TIMES: [(&str, f64); 8] = [
    ("ns", 1e-9),
    ("us", 1e-6),
    ("µs", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3600.0),
    ("d", 86_400.0),
];

/// The units that make sense for a field, in words.
pub(super) fn allowed(unit: Unit) -> &'static str {
    match unit {
        Unit::Seconds => "write a time such as 10ms, 1.5s or 2m",
        Unit::Bytes => "write bytes such as 512, 4Ki or 1.5MB",
        Unit::Messages => "write a number such as 5, 1.5k or 2M",
        Unit::None => "write a number such as 5, 1.5k or 80%",
    }
}

/// The number that `text` is for a field with this unit, in base units. `None` when it is none.
pub(super) fn parse(text: &str, unit: Unit) -> Option<f64> {
    let split = text.find(|c: char| !c.is_ascii_digit() && !"+-.".contains(c));
    let (digits, suffix) = text.split_at(split.unwrap_or(text.len()));
    let number: f64 = digits.parse().ok()?;
    Some(number * scale(suffix, unit)?)
}

fn scale(suffix: &str, unit: Unit) -> Option<f64> {
    if suffix.is_empty() {
        return Some(1.0);
    }
    let of = |table: &[(&str, f64)], suffix: &str| {
        let found = table.iter().find(|(name, _)| *name == suffix);
        found.map(|(_, scale)| *scale)
    };
    let large = |suffix: &str| of(&DECIMAL, suffix).or_else(|| of(&BINARY, suffix));
    match unit {
        Unit::Seconds => of(&TIMES, suffix),
        Unit::Bytes => match suffix.strip_suffix('B') {
            Some("") => Some(1.0),
            Some(suffix) => large(suffix),
            None => large(suffix),
        },
        Unit::None if suffix == "%" => Some(0.01),
        Unit::Messages | Unit::None => large(suffix),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_units_of_their_field() {
        let read = [
            ("5", Unit::Messages, 5.0),
            ("-1.5k", Unit::Messages, -1500.0),
            ("2Mi", Unit::Bytes, 2_097_152.0),
            ("4KiB", Unit::Bytes, 4096.0),
            ("1.5MB", Unit::Bytes, 1_500_000.0),
            ("7B", Unit::Bytes, 7.0),
            ("80%", Unit::None, 0.8),
            ("10ms", Unit::Seconds, 0.01),
            ("310us", Unit::Seconds, 0.00031),
            ("2m", Unit::Seconds, 120.0),
            ("3", Unit::Seconds, 3.0),
        ];
        for (text, unit, number) in read {
            let found = parse(text, unit).unwrap();
            assert!((found - number).abs() < 1e-9, "{text}: {found}");
        }
        for (text, unit) in [
            ("", Unit::None),
            ("x", Unit::None),
            ("5x", Unit::Messages),
            ("5B", Unit::Messages),
            ("5%", Unit::Bytes),
            ("5M", Unit::Seconds),
            ("1.2.3", Unit::None),
            ("inf", Unit::None),
            ("10ms", Unit::Bytes),
        ] {
            assert_eq!(parse(text, unit), None, "{text}");
        }
    }
}
