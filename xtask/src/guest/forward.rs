// SPDX-License-Identifier: MIT OR Apache-2.0
//! TCP connections that the host opens to a port of the guest's loopback interface.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};

use super::Host;
use crate::channel::{MAX_BODY, ToHost};

/// The open connections, by the host's numbers.
#[derive(Debug)]
pub(super) struct Streams {
    host: Host,
    open: HashMap<u32, TcpStream>,
}

impl Streams {
    /// None yet.
    pub(super) fn new(host: Host) -> Self {
        Self {
            host,
            open: HashMap::new(),
        }
    }

    /// Opens one. A refused connection is one that ends at once.
    pub(super) fn connect(&mut self, stream: u32, port: u16) {
        let Ok((connection, reader)) = connect(port) else {
            return end(&self.host, stream);
        };
        self.open.insert(stream, connection);
        let host = self.host.clone();
        std::thread::spawn(move || pump(reader, stream, &host));
    }

    /// Bytes from the host; none means that it has no more.
    pub(super) fn data(&mut self, stream: u32, bytes: &[u8]) {
        let Some(connection) = self.open.get_mut(&stream) else {
            return;
        };
        if bytes.is_empty() || connection.write_all(bytes).is_err() {
            // The other direction may still have something to say; its pump tells the host.
            let _ = connection.shutdown(Shutdown::Write);
            self.open.remove(&stream);
        }
    }
}

fn connect(port: u16) -> std::io::Result<(TcpStream, TcpStream)> {
    let connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    let reader = connection.try_clone()?;
    Ok((connection, reader))
}

fn pump(mut reader: TcpStream, stream: u32, host: &Host) {
    let mut piece = vec![0; MAX_BODY];
    while let Ok(length @ 1..) = reader.read(&mut piece) {
        if host
            .send(&ToHost::Stream {
                stream,
                bytes: piece[..length].to_vec(),
            })
            .is_err()
        {
            return;
        }
    }
    end(host, stream);
}

fn end(host: &Host, stream: u32) {
    // When the host is gone there is nobody to tell.
    let _ = host.send(&ToHost::Stream {
        stream,
        bytes: Vec::new(),
    });
}
