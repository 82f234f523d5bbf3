// SPDX-License-Identifier: MIT OR Apache-2.0
//! The pages, and clients that behave badly.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::program::{Exporter, ask_bytes, complaint, run};

#[test]
fn pages() {
    let exporter = Exporter::start();

    let (head, metrics) = exporter.get("/metrics");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(
        head.contains("content-type: text/plain; version=0.0.4"),
        "{head}"
    );
    let up = metrics
        .lines()
        .find(|line| line.starts_with("ipcon_up "))
        .unwrap();

    let (head, health) = exporter.get("/healthz");
    if up == "ipcon_up 1" {
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert_eq!(health, "ok\n");
    } else {
        assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
        assert!(
            health.contains("modprobe ipcon"),
            "what to do about it: {health}"
        );
    }

    let (head, landing) = exporter.get("/");
    assert!(head.contains("content-type: text/html"), "{head}");
    assert!(landing.contains("href=\"/metrics\""), "{landing}");

    assert!(exporter.get("/metrics2").0.starts_with("HTTP/1.1 404 "));
    let (head, body) = exporter.ask("HEAD /metrics HTTP/1.1\r\nHost: test\r\n\r\n");
    assert!(
        head.starts_with("HTTP/1.1 200 ") && body.is_empty(),
        "{head}"
    );
    let (head, _) = exporter.ask("POST /metrics HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n");
    assert!(
        head.starts_with("HTTP/1.1 405 ") && head.contains("allow: GET, HEAD"),
        "{head}"
    );
}

#[test]
fn idle_clients_do_not_keep_a_scrape_out() {
    let exporter = Exporter::start();
    let idle: Vec<_> = (0..200).map(|_| exporter.connect()).collect();
    let mut half = exporter.connect();
    half.write_all(b"GET /metrics HTTP/1.1\r\nHo").unwrap();

    let begun = Instant::now();
    let (head, _) = exporter.get("/metrics");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "it took {:?}",
        begun.elapsed()
    );
    drop(idle);
}

#[test]
fn a_client_that_never_asks_is_shown_out() {
    let exporter = Exporter::start();
    let mut silent = exporter.connect();
    let mut answer = Vec::new();
    // Either an answer about the time-out or just the end, but within the read time-out.
    silent.read_to_end(&mut answer).unwrap();
}

#[test]
fn nonsense_does_no_harm() {
    let exporter = Exporter::start();
    for nonsense in [
        "\r\n\r\n",
        "\0\0\0\0",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
    ] {
        let mut stream = exporter.connect();
        stream.write_all(nonsense.as_bytes()).unwrap();
        _ = stream.shutdown(std::net::Shutdown::Write);
        _ = stream.read_to_end(&mut Vec::new());
    }
    let long = format!("GET /{} HTTP/1.1\r\n", "x".repeat(1 << 20));
    _ = exporter.connect().write_all(long.as_bytes());
    assert!(
        exporter
            .get("/metrics")
            .0
            .starts_with("HTTP/1.1 200 OK\r\n")
    );
}

#[test]
fn a_client_that_sends_a_byte_a_second_is_shown_out() {
    let exporter = Exporter::start();
    let mut slow = exporter.connect();
    let begun = Instant::now();
    let request = "GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n";
    // Each byte alone would be in time.
    let sent = request.bytes().take_while(|byte| {
        slow.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let open = slow.write_all(&[*byte]).is_ok();
        let more = slow.read(&mut [0; 512]);
        open && more.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    });
    let sent = sent.count();
    assert!(sent < request.len() / 2, "it sent {sent} bytes");
    assert!(
        begun.elapsed() < Duration::from_secs(9),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn a_header_is_bounded_and_a_body_is_not_waited_for() {
    let exporter = Exporter::start();
    let long = "x".repeat(20_000);
    for request in [
        format!("GET /metrics?{long} HTTP/1.1\r\nHost: test\r\n\r\n"),
        format!("GET /metrics HTTP/1.1\r\nHost: test\r\nA: {long}\r\n\r\n"),
        format!("GET /metrics HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(2000)),
    ] {
        let (head, _) = exporter.ask(&request);
        assert!(head.starts_with("HTTP/1.1 4"), "{head}");
    }
    let begun = Instant::now();
    let body = "GET /metrics HTTP/1.1\r\nHost: t\r\nContent-Length: 1000000\r\n\r\na";
    assert!(exporter.ask(body).0.starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn a_page_has_the_parts_that_were_asked_for() {
    let exporter = Exporter::start();
    let has = |query: &str, family: &str| {
        let (head, page) = exporter.get(&format!("/metrics{query}"));
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(page.contains("\nipcon_exporter_build_info{"), "{page}");
        page.contains(&format!("\n{family} "))
    };
    assert!(has("", "ipcon_up") && has("", "process_cpu_seconds_total"));
    let one = "?collect[]=process";
    assert!(!has(one, "ipcon_up") && has(one, "process_threads"));
    let other = "?exclude%5B%5D=process";
    assert!(has(other, "ipcon_up") && !has(other, "process_threads"));

    let (head, message) = exporter.get("/metrics?collect[]=cpu");
    assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
    assert!(
        message.contains("\"cpu\"") && message.contains("dumps"),
        "{message}"
    );
}

#[test]
fn a_page_is_compressed_for_who_takes_that() {
    let exporter = Exporter::start();
    let request = "GET /metrics HTTP/1.1\r\nHost: t\r\nAccept-Encoding: gzip\r\n\r\n";
    let answer = ask_bytes(exporter.connect(), request);
    let end = answer
        .windows(4)
        .position(|bytes| bytes == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    assert!(head.contains("content-encoding: gzip\r\n"), "{head}");
    assert!(head.contains("vary: Accept-Encoding"), "{head}");
    let mut page = String::new();
    let mut decoder = flate2::read::GzDecoder::new(&answer[end + 4..]);
    decoder.read_to_string(&mut page).unwrap();
    assert!(page.contains("\nipcon_up "), "{page}");

    let (head, _) = exporter.get("/metrics");
    assert!(!head.contains("content-encoding"), "{head}");
}

#[test]
fn both_signals_end_it_cleanly() {
    for signal in [Signal::TERM, Signal::INT] {
        let exporter = Exporter::start();
        let busy = exporter.connect();
        assert_eq!(exporter.end(signal).code(), Some(0), "{signal:?}");
        drop(busy);
    }
}

#[test]
fn an_address_in_use_is_named() {
    let exporter = Exporter::start();
    let address = exporter.address();
    let message = complaint(&run(&["--web.listen-address", address]));
    assert!(message.contains(address), "{message}");
    assert!(message.contains("--web.listen-address"), "{message}");
}

#[test]
fn a_check_says_why_the_bus_cannot_be_read() {
    let output = run(&["--check", "--no-probes", "--no-channels"]);
    let report = String::from_utf8_lossy(&output.stdout);
    if output.status.code() == Some(0) {
        assert!(report.contains("dumps: measured, "), "{report}");
        return;
    }
    assert!(
        report.contains("dumps, kevents: to measure all, "),
        "{report}"
    );
    let message = complaint(&output);
    assert!(message.contains("cannot read the bus"), "{message}");

    // Connections of coroipc are served without a bus.
    let output = run(&["--check", "--no-probes"]);
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(report.contains("dumps: not measured: "), "{report}");
    assert!(report.contains("channels: measured, "), "{report}");
    assert_eq!(output.status.code(), Some(3), "{output:?}");
}
