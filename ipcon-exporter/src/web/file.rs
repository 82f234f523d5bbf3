// SPDX-License-Identifier: MIT OR Apache-2.0
//! The web configuration as it is written: the keys of Prometheus' exporter-toolkit, by name and meaning.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_saphyr::{from_str_with_options, options};

/// The whole file. Keys that are not known here are errors.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct File {
    pub(super) tls_server_config: Option<Tls>,
    pub(super) http_server_config: Option<Http>,
    pub(super) basic_auth_users: Option<BTreeMap<String, Secret>>,
    pub(super) rate_limit: Option<RateLimit>,
}

impl File {
    /// Parses it.
    ///
    /// # Errors
    ///
    /// With the line, and never with the lines around it, which may hold secrets.
    pub(super) fn parse(text: &str) -> Result<Self, serde_saphyr::Error> {
        let options = options! { with_snippet: false };
        let file: Option<Self> = from_str_with_options(text, options)?;
        Ok(file.unwrap_or_default())
    }
}

/// How connections are encrypted.
#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Tls {
    pub(super) cert: String,
    pub(super) key: Secret,
    pub(super) client_ca: String,
    pub(super) cert_file: String,
    pub(super) key_file: String,
    pub(super) client_auth_type: String,
    pub(super) client_ca_file: String,
    pub(super) client_allowed_sans: Option<Vec<String>>,
    pub(super) min_version: Option<String>,
    pub(super) max_version: Option<String>,
    pub(super) cipher_suites: Option<Vec<String>>,
    pub(super) prefer_server_cipher_suites: Option<bool>,
    pub(super) curve_preferences: Option<Vec<String>>,
}

/// What is said around the pages.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Http {
    /// Taken for the sake of files that have it: this server speaks HTTP/1.1 alone.
    #[serde(rename = "http2")]
    pub(super) _http2: Option<bool>,
    pub(super) headers: Option<BTreeMap<String, String>>,
}

/// How often anything may be asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RateLimit {
    #[serde(default)]
    pub(super) interval: String,
    #[serde(default)]
    pub(super) burst: u32,
}

/// A text that is not shown.
#[derive(Clone, Default, Deserialize, PartialEq)]
#[serde(transparent)]
pub(super) struct Secret(pub(super) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files() {
        for empty in [
            "",
            "# nothing\n",
            "tls_server_config:\n",
            "basic_auth_users: {}\n",
        ] {
            assert!(
                File::parse(empty).unwrap().tls_server_config.is_none(),
                "{empty}"
            );
        }
        let file = File::parse(
            "tls_server_config:\n  cert_file: a\n  min_version: TLS13\n\
             basic_auth_users:\n  alice: $2y$10$abc\n\
             rate_limit:\n  interval: 1s\n  burst: 5\n",
        )
        .unwrap();
        assert_eq!(file.tls_server_config.unwrap().cert_file, "a");
        assert_eq!(file.basic_auth_users.unwrap()["alice"].0, "$2y$10$abc");
        assert_eq!(file.rate_limit.unwrap().burst, 5);
        let zero = File::parse("rate_limit:\n  interval: 0\n").unwrap();
        assert_eq!(zero.rate_limit.unwrap().interval, "0");
    }

    #[test]
    fn an_error_names_the_line_and_tells_no_secret() {
        let secret =
            "tls_server_config:\n  key: s3cret\n  cert_fil: a\nbasic_auth_users:\n  a: s3cret\n";
        let message = File::parse(secret).unwrap_err().to_string();
        assert!(
            message.contains("cert_fil") && message.contains("line 3"),
            "{message}"
        );
        assert!(!message.contains("s3cret"), "{message}");
        for bad in [
            "a: b\n",
            "basic_auth_users:\n  a: b\n  a: c\n",
            "tls_server_config: [\n",
        ] {
            let message = File::parse(bad).unwrap_err().to_string();
            assert!(message.contains("line "), "{bad}: {message}");
        }
    }
}
