// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where it listens: several addresses, and Unix-domain sockets.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};

use rustix::process::Signal;

use crate::program::{Exporter, Folder, ask, complaint, connect, connect_unix, get, run, shell};

#[test]
fn it_serves_at_several_addresses() {
    let folder = Folder::new("several");
    let path = folder.file("exporter.sock");
    let unix = format!("--web.listen-address=unix:{}", path.display());
    let tcp = "--web.listen-address=127.0.0.1:0";
    let exporter = Exporter::with(&[tcp, &unix, tcp]);

    assert_eq!(exporter.places[1], format!("unix:{}", path.display()));
    for place in [&exporter.places[0], &exporter.places[2]] {
        let address = place.strip_prefix("http://").unwrap();
        let address = address.strip_suffix("/metrics").unwrap();
        let (head, _) = ask(connect(address), &get("/metrics"));
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    }
    let (head, body) = ask(connect_unix(&path), &get("/metrics"));
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(body.contains("\nipcon_up "), "{body}");
}

#[test]
fn a_socket_has_its_permissions_and_goes_with_the_exporter() {
    let folder = Folder::new("mode");
    let path = folder.file("exporter.sock");
    let listen = format!("--web.listen-address=unix:{}", path.display());
    for (umask, option, expected) in [
        ("077", None, 0o660),
        ("0", None, 0o660),
        ("077", Some("0666"), 0o666),
        ("0", Some("0600"), 0o600),
    ] {
        let mode = option.map(|mode| format!("--web.unix-socket-mode={mode}"));
        let options: Vec<_> = [Some(&listen), mode.as_ref()]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        let exporter = Exporter::spawn(&mut shell(&format!("umask {umask}"), &options), 1);
        let found = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, expected, "{found:o} with umask {umask}");
        assert_eq!(exporter.end(Signal::TERM).code(), Some(0));
        assert!(!path.exists());
    }
}

#[test]
fn a_stale_socket_is_taken_over_and_a_live_one_is_not() {
    let folder = Folder::new("stale");
    let path = folder.file("exporter.sock");
    let listen = format!("--web.listen-address=unix:{}", path.display());
    Exporter::with(&[&listen]).end(Signal::KILL);
    assert!(fs::metadata(&path).unwrap().file_type().is_socket());

    let exporter = Exporter::with(&[&listen]);
    let message = complaint(&run(&[&listen]));
    assert!(
        message.contains("another program listens there"),
        "{message}"
    );
    assert!(message.contains(&path.display().to_string()), "{message}");
    let (head, _) = ask(connect_unix(&path), &get("/metrics"));
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");

    // Whoever has put another socket there keeps it.
    fs::remove_file(&path).unwrap();
    let other = Exporter::with(&[&listen]);
    assert_eq!(exporter.end(Signal::TERM).code(), Some(0));
    assert!(path.exists());
    drop(other);
}

#[test]
fn what_is_no_socket_stays() {
    let folder = Folder::new("no-socket");
    let path = folder.file("precious");
    fs::write(&path, "precious").unwrap();
    let listen = format!("--web.listen-address=unix:{}", path.display());
    let message = complaint(&run(&[&listen]));
    assert!(message.contains("no socket"), "{message}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}
