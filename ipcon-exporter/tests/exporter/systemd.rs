// SPDX-License-Identifier: MIT OR Apache-2.0
//! What passes between the program and systemd.

use std::net::{TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::program::{DEADLINE, Exporter, Folder, ask, complaint, connect_unix, get, run, shell};

/// The program with a socket passed as systemd does it.
fn activated(socket: OwnedFd) -> Command {
    let first = "export LISTEN_PID=$$ LISTEN_FDS=1; exec 3<&0 </dev/null";
    let mut command = shell(first, &["--web.systemd-socket"]);
    command.stdin(Stdio::from(socket));
    command
}

#[test]
fn it_serves_at_the_sockets_that_it_is_passed() {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = tcp.local_addr().unwrap().to_string();
    let exporter = Exporter::spawn(&mut activated(tcp.into()), 1);
    assert_eq!(exporter.address(), address);
    assert!(
        exporter
            .get("/metrics")
            .0
            .starts_with("HTTP/1.1 200 OK\r\n")
    );

    let folder = Folder::new("passed");
    let path = folder.file("exporter.sock");
    let unix = UnixListener::bind(&path).unwrap();
    let exporter = Exporter::spawn(&mut activated(unix.into()), 1);
    let (head, _) = ask(connect_unix(&path), &get("/metrics"));
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    exporter.end(Signal::TERM);
    assert!(path.exists(), "the socket is that of systemd");
}

#[test]
fn systemds_own_tool_starts_it_at_the_first_connection() {
    // A free port: the tool wants a number.
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let mut tool = Command::new("systemd-socket-activate");
    tool.args(["-l", &address, env!("CARGO_BIN_EXE_ipcon-exporter")]);
    tool.args(["--web.systemd-socket", "--no-probes"]);
    tool.stderr(Stdio::piped());
    let Ok(mut process) = tool.spawn() else {
        eprintln!("not tried with systemd-socket-activate, which is not installed");
        return;
    };
    // Its first line says that it listens.
    let mut stderr = std::io::BufReader::new(process.stderr.take().unwrap());
    std::io::BufRead::read_line(&mut stderr, &mut String::new()).unwrap();
    let (head, _) = ask(crate::program::connect(&address), &get("/metrics"));
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
}

#[test]
fn sockets_that_cannot_be_served_are_refused() {
    let message = complaint(&run(&["--web.systemd-socket"]));
    assert!(message.contains("systemd passed no socket"), "{message}");

    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let message = complaint(&activated(udp.into()).output().unwrap());
    assert!(message.contains("ListenStream="), "{message}");

    let mut none = shell(
        "export LISTEN_PID=$$ LISTEN_FDS=2",
        &["--web.systemd-socket"],
    );
    let message = complaint(&none.stdin(Stdio::null()).output().unwrap());
    assert!(message.contains("sockets that systemd passes"), "{message}");
}

#[test]
fn it_tells_when_it_is_ready_and_when_it_stops() {
    let folder = Folder::new("notify");
    let path = folder.file("notify.sock");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(DEADLINE)).unwrap();
    let told = || {
        let mut message = [0; 512];
        let length = manager.recv(&mut message).unwrap();
        String::from_utf8(message[..length].to_vec()).unwrap()
    };

    let mut command = shell("true", &["--web.listen-address=127.0.0.1:0"]);
    let exporter = Exporter::spawn(command.env("NOTIFY_SOCKET", &path), 1);
    assert!(told().lines().any(|line| line == "READY=1"));
    assert_eq!(exporter.end(Signal::TERM).code(), Some(0));
    assert!(told().lines().any(|line| line == "STOPPING=1"));
}
