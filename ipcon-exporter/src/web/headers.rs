// SPDX-License-Identifier: MIT OR Apache-2.0
//! Headers that are added to each answer.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

/// Those that may be set, and the values that they may have, if not any.
const KNOWN: &[(&str, &[&str])] = &[
    ("Content-Security-Policy", &[]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-XSS-Protection", &[]),
    ("Strict-Transport-Security", &[]),
];

/// # Errors
///
/// There is no such header or value.
pub(super) fn headers(config: &BTreeMap<String, String>) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in config {
        let Some((_, values)) = KNOWN.iter().find(|(known, _)| known == name) else {
            let known: Vec<_> = KNOWN.iter().map(|(name, _)| *name).collect();
            bail!(
                "headers: {name} cannot be set; there are {}",
                known.join(", ")
            );
        };
        if value.is_empty() {
            continue;
        }
        let lower = value.to_ascii_lowercase();
        ensure!(
            values.is_empty() || values.contains(&lower.as_str()),
            "headers: {name} cannot be {value:?}; it may be {}",
            values.join(" or ")
        );
        let name: HeaderName = name.parse().context("headers: no name of a header")?;
        let value: HeaderValue = value
            .parse()
            .with_context(|| format!("headers: {value:?} is no value of a header"))?;
        headers.insert(name, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, value: &str) -> Result<HeaderMap> {
        headers(&[(name.to_owned(), value.to_owned())].into())
    }

    #[test]
    fn some_may_be_set() {
        assert_eq!(
            of("X-Frame-Options", "DENY").unwrap()["x-frame-options"],
            "DENY"
        );
        assert!(of("X-Frame-Options", "").unwrap().is_empty());
        for (name, value) in [
            ("X-Frame-Options", "allow"),
            ("X-Content-Type-Options", "sniff"),
            ("Set-Cookie", "a=b"),
            ("X-XSS-Protection", "a\r\nb: c"),
        ] {
            assert!(of(name, value).is_err(), "{name}: {value}");
        }
    }
}
