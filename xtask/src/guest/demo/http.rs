// SPDX-License-Identifier: MIT OR Apache-2.0
//! Just enough of HTTP to read a page of the exporter.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail};

/// Longest time for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The body of a page of this machine.
pub(super) fn get(port: u16, path: &str) -> anyhow::Result<String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut connection = TcpStream::connect_timeout(&address, PATIENCE)
        .with_context(|| format!("connecting to {address}"))?;
    connection
        .set_read_timeout(Some(PATIENCE))
        .context("setting a time limit")?;
    // Version 1.0: one answer, not in chunks, then the connection ends.
    let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n");
    connection
        .write_all(request.as_bytes())
        .context("asking the exporter")?;
    let mut answer = String::new();
    connection
        .read_to_string(&mut answer)
        .context("reading the exporter's answer")?;
    body(&answer)
        .map(str::to_owned)
        .with_context(|| format!("reading {path} of the exporter"))
}

fn body(answer: &str) -> anyhow::Result<&str> {
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .context("the answer has no body")?;
    let status = head.lines().next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("200") {
        bail!("the exporter answered `{status}`: {body}");
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn only_a_good_answer_has_a_body() {
        assert_eq!(
            body("HTTP/1.0 200 OK\r\nA: b\r\n\r\nx 1\n").unwrap(),
            "x 1\n"
        );
        let error = body("HTTP/1.1 500 No\r\n\r\nwhy").unwrap_err().to_string();
        assert!(error.contains("500 No") && error.contains("why"), "{error}");
        assert!(body("").is_err());
    }
}
