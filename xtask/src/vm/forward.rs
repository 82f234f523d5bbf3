// SPDX-License-Identifier: MIT OR Apache-2.0
//! A TCP port of this machine that leads to one of the guest's.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};

use super::session::{Guest, OnStream};
use crate::channel::{MAX_BODY, ToGuest};

/// What the guest says, on the way to each open connection.
type Open = Arc<Mutex<HashMap<u32, Sender<Vec<u8>>>>>;

/// A port that is forwarded. Connections that come before the guest is up wait.
#[derive(Debug)]
pub(crate) struct Forward {
    listener: TcpListener,
    port: u16,
    open: Open,
}

impl Forward {
    /// Will lead from `listener` to `port` of the guest.
    pub(crate) fn new(listener: TcpListener, port: u16) -> Self {
        Self {
            listener,
            port,
            open: Open::default(),
        }
    }

    /// What to do with the guest's side of the connections.
    pub(crate) fn on_stream(&self) -> OnStream {
        let open = Arc::clone(&self.open);
        Box::new(move |stream, bytes| {
            let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
            if bytes.is_empty() {
                // The thread that writes ends with its queue.
                open.remove(&stream);
            } else if let Some(connection) = open.get(&stream) {
                // A connection that has gone misses nothing.
                let _ = connection.send(bytes);
            }
        })
    }

    /// Begins to accept connections, in threads that end with this program.
    pub(crate) fn serve(self, guest: Guest) {
        std::thread::spawn(move || {
            for (stream, connection) in (0..).zip(self.listener.incoming()) {
                let Ok(connection) = connection else { continue };
                if carry(connection, stream, self.port, &self.open, &guest).is_err() {
                    return;
                }
            }
        });
    }
}

fn carry(
    connection: TcpStream,
    stream: u32,
    port: u16,
    open: &Open,
    guest: &Guest,
) -> std::io::Result<()> {
    let (sender, received) = mpsc::channel::<Vec<u8>>();
    open.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(stream, sender);
    guest.send(&ToGuest::Connect { stream, port })?;
    let mut writer = connection.try_clone()?;
    std::thread::spawn(move || {
        for bytes in received {
            if writer.write_all(&bytes).is_err() {
                return;
            }
        }
        // The guest has said all; the reader of the page waits for this end.
        let _ = writer.shutdown(Shutdown::Write);
    });
    let (mut reader, guest) = (connection, guest.clone());
    std::thread::spawn(move || {
        let mut piece = vec![0; MAX_BODY];
        loop {
            let length = reader.read(&mut piece).unwrap_or(0);
            let bytes = piece[..length].to_vec();
            if guest.send(&ToGuest::Stream { stream, bytes }).is_err() || length == 0 {
                return;
            }
        }
    });
    Ok(())
}
