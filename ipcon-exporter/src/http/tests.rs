// SPDX-License-Identifier: MIT OR Apache-2.0
//! Clients that do not read what they asked for, over real connections. Their page is longer than all the
//! buffers on the way, which that of a bus is only when it is large.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Instant;

use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use tokio::sync::oneshot;

use super::*;
use crate::listen::Address;
use crate::reader::Reader;
use crate::web::WebConfig;

/// More than any test needs.
const DEADLINE: Duration = Duration::from_secs(20);

/// Longer than what the kernel holds of one connection.
const PAGE: usize = 64 << 20;

struct Server {
    address: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Server {
    fn start(bounds: Bounds) -> Self {
        let (told, tell) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = { runtime }.enable_all().build().unwrap();
            runtime.block_on(async move {
                let mut listeners = Listeners::default();
                let any: Address = "127.0.0.1:0".parse().unwrap();
                listeners.bind(&any, 0).await.unwrap();
                told.send(listeners.places("http").remove(0)).unwrap();
                let reader = Reader::of_page("x".repeat(PAGE).into());
                let web = WebConfig::load(None, false).unwrap();
                let stop = async { _ = stopped.await };
                serve(listeners, Site::new(reader, web, bounds), bounds, stop).await;
            });
        });
        let place = tell.recv().unwrap();
        let address = place.trim_start_matches("http://");
        Self {
            address: address.trim_end_matches("/metrics").to_owned(),
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Asks for the page, and reads as far as the first line of the answer.
    fn scrape(&self) -> (TcpStream, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let request = b"GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n";
        stream.write_all(request).unwrap();
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            line.extend(byte);
        }
        (stream, String::from_utf8(line).unwrap())
    }

    /// Scrapes until there is a place.
    fn scrape_when_there_is_room(&self) {
        let begun = Instant::now();
        while self.scrape().1 != "HTTP/1.1 200 OK\r\n" {
            assert!(begun.elapsed() < DEADLINE, "there is no place for a scrape");
            thread::yield_now();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.stop.take().map(|stop| stop.send(()));
        _ = self.thread.take().map(thread::JoinHandle::join);
    }
}

#[test]
fn there_are_as_many_scrapes_as_there_are_places() {
    let server = Server::start(Bounds {
        scrapes: 2,
        ..Bounds::default()
    });
    let (first, _) = server.scrape();
    let second = server.scrape();
    assert_eq!(second.1, "HTTP/1.1 200 OK\r\n");

    let (mut third, line) = server.scrape();
    assert_eq!(line, "HTTP/1.1 503 Service Unavailable\r\n");
    let mut rest = String::new();
    third.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("retry-after: 1\r\n"), "{rest}");
    assert!(rest.contains("--web.max-requests"), "{rest}");

    // Whoever goes leaves a place.
    drop(first);
    server.scrape_when_there_is_room();
}

#[test]
fn a_client_that_never_reads_is_shown_out() {
    let server = Server::start(Bounds {
        scrapes: 1,
        connection: Duration::from_millis(500),
        ..Bounds::default()
    });
    let (mut silent, line) = server.scrape();
    assert_eq!(line, "HTTP/1.1 200 OK\r\n");
    server.scrape_when_there_is_room();
    let mut rest = Vec::new();
    // Either way it ends before the whole page came.
    _ = silent.read_to_end(&mut rest);
    assert!(rest.len() < PAGE, "the whole page came");
}

#[test]
fn many_from_one_place_do_not_push_out_who_comes_from_elsewhere() {
    let server = Server::start(Bounds {
        connections: 4,
        request: DEADLINE,
        ..Bounds::default()
    });
    let mut early = connect_from("127.0.0.2", &server.address);
    early.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    let mut crowd: Vec<_> = (0..20)
        .map(|_| connect_from("127.0.0.3", &server.address))
        .collect();
    // The first of the crowd had to make room: then all of it but the last has come in.
    assert_eq!(crowd[0].read(&mut [0]).unwrap_or(0), 0);
    assert_eq!(crowd[15].read(&mut [0]).unwrap_or(0), 0);
    early.write_all(b"Host: test\r\n\r\n").unwrap();
    let mut answer = String::new();
    early.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}

fn connect_from(origin: &str, address: &str) -> TcpStream {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    let origin = SocketAddr::new(origin.parse().unwrap(), 0);
    bind(&socket, &origin).unwrap();
    connect(&socket, &address.parse::<SocketAddr>().unwrap()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}
