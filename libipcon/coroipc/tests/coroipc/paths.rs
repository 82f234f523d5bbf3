// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whose the path of a server is, and what a process that was forked may do to what it has a copy of.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Barrier;

use coroipc::{Address, Endpoint};

use crate::world::*;

pub(crate) fn all() -> Vec<Case> {
    cases![
        a_file_that_is_no_socket_stays,
        of_servers_that_begin_at_once_one_gets_the_path,
        a_process_that_was_forked_ends_nothing_and_begins_anew,
    ]
}

pub(crate) const ROLES: &[Role] = &[("paths::as_parent", as_parent)];

fn path(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("coroipc-{name}-{}.sock", std::process::id()))
}

/// As a server that was killed leaves it: bound, and nobody listens.
fn leave(path: &PathBuf) {
    let socket = rustix::net::socket(
        rustix::net::AddressFamily::UNIX,
        rustix::net::SocketType::SEQPACKET,
        None,
    )
    .unwrap();
    rustix::net::bind(&socket, &rustix::net::SocketAddrUnix::new(path).unwrap()).unwrap();
}

fn remove_lock(path: &std::path::Path) {
    std::fs::remove_file(path.with_extension("sock.lock")).unwrap();
}

fn a_file_that_is_no_socket_stays() {
    let path = path("file");
    std::fs::write(&path, b"of worth").unwrap();
    let bound = Endpoint::builder(Address::path(&path))
        .service(service())
        .bind();
    assert!(bound.is_err());
    assert_eq!(std::fs::read(&path).unwrap(), b"of worth");
    std::fs::remove_file(&path).unwrap();
    // Nor is one removed that came in the place of the socket.
    let server = server(&Address::path(&path));
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, b"of worth").unwrap();
    drop(server);
    assert_eq!(std::fs::read(&path).unwrap(), b"of worth");
    std::fs::remove_file(&path).unwrap();
    remove_lock(&path);
}

fn of_servers_that_begin_at_once_one_gets_the_path() {
    let path = path("race");
    for _ in 0..50 {
        leave(&path);
        let barrier = Barrier::new(4);
        let bound: Vec<_> = std::thread::scope(|scope| {
            let bind = || {
                barrier.wait();
                Endpoint::builder(Address::path(&path))
                    .service(service())
                    .bind()
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(bind)).collect();
            threads.into_iter().map(|it| it.join().unwrap()).collect()
        });
        let bound: Vec<_> = bound.into_iter().filter_map(Result::ok).collect();
        assert_eq!(bound.len(), 1);
    }
    remove_lock(&path);
}

fn a_process_that_was_forked_ends_nothing_and_begins_anew() {
    let mut alone = Process::start("paths::as_parent", "");
    alone.wait_for("ended nothing");
}

fn as_parent() {
    let path = path("fork");
    let address = Address::path(&path);
    let server = server(&address);
    let other = crate::world::address();
    let second = crate::world::server(&other);
    let client = client(&address);
    let (mut called, mut calls) = std::io::pipe().unwrap();
    // SAFETY: No thread of this process holds a lock that the child needs.
    #[allow(unsafe_code)]
    let child = unsafe { libc::fork() };
    if child == 0 {
        drop((client, server, second));
        // Its own connections know of the end of the other side.
        let client = crate::world::client(&other);
        client.call(ECHO, b"x").unwrap();
        calls.write_all(b"x").unwrap();
        let ended = client.events().unwrap().next(soon()).is_err();
        // SAFETY: It ends the child.
        #[allow(unsafe_code)]
        unsafe {
            libc::_exit(i32::from(!ended))
        };
    }
    let mut said = [0];
    called.read_exact(&mut said).unwrap();
    drop(second);
    let child = rustix::process::Pid::from_raw(child).unwrap();
    let options = rustix::process::WaitOptions::empty();
    let (_, status) = rustix::process::waitpid(Some(child), options)
        .unwrap()
        .unwrap();
    assert_eq!(status.exit_status(), Some(0));
    assert_eq!(client.call(ECHO, b"x").unwrap().to_vec(), b"x");
    assert!(path.exists());
    assert_eq!(
        crate::world::client(&address)
            .call(ECHO, b"y")
            .unwrap()
            .to_vec(),
        b"y"
    );
    drop(server);
    remove_lock(&path);
    say("ended nothing");
}
