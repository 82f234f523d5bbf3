// SPDX-License-Identifier: MIT OR Apache-2.0
//! Compression, for clients that take it.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::HeaderMap;
use hyper::header::ACCEPT_ENCODING;

/// Shorter ones gain nothing.
const LEAST: usize = 1024;

/// Compresses a body if that is worth it and the client takes it.
pub(super) fn gzip(headers: &HeaderMap, body: &[u8]) -> Option<Vec<u8>> {
    if body.len() < LEAST || !takes_gzip(headers) {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // Writing into memory does not fail; if it did, the body would go out as it is.
    encoder.write_all(body).ok()?;
    encoder.finish().ok()
}

/// Whether one of the codings that the client lists is gzip, and not with a weight of 0.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(ACCEPT_ENCODING);
    let lines = lines.iter().filter_map(|line| line.to_str().ok());
    let mut any = false;
    for coding in lines.flat_map(|line| line.split(',')) {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
        let taken = weight
            .trim()
            .strip_prefix("q=")
            .and_then(|q| q.parse().ok());
        let taken = taken.is_some_and(|q: f32| q > 0.0);
        match name.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => return taken,
            "*" => any = taken,
            _ => {}
        }
    }
    any
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn headers(lines: &[&str]) -> HeaderMap {
        let lines = lines
            .iter()
            .map(|line| (ACCEPT_ENCODING, line.parse().unwrap()));
        lines.collect()
    }

    #[test]
    fn a_client_says_what_it_takes() {
        for yes in ["gzip", "deflate, GZIP;q=0.5", "x-gzip", "*", "br, *;q=0.1"] {
            assert!(takes_gzip(&headers(&[yes])), "{yes}");
        }
        for no in [
            "",
            "identity",
            "gzip;q=0",
            "*, gzip; q=0.0",
            "gzip;q=x",
            "gzipp",
        ] {
            assert!(!takes_gzip(&headers(&[no])), "{no}");
        }
        assert!(takes_gzip(&headers(&["br", "gzip"])));
        assert!(!takes_gzip(&headers(&[])));
    }

    #[test]
    fn what_is_compressed_is_the_same() {
        let body = "ipcon ".repeat(1000);
        let packed = gzip(&headers(&["gzip"]), body.as_bytes()).unwrap();
        assert!(packed.len() < 200);
        let mut unpacked = String::new();
        let mut decoder = flate2::read::GzDecoder::new(&packed[..]);
        decoder.read_to_string(&mut unpacked).unwrap();
        assert_eq!(unpacked, body);
        assert_eq!(gzip(&headers(&["gzip"]), b"short"), None);
    }
}
