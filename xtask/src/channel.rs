// SPDX-License-Identifier: MIT OR Apache-2.0
//! What host and guest say to each other over the virtio-serial port of a VM.
//!
//! A frame is one byte of kind, four bytes of length (little endian) and that many bytes of body.
//! Bulk data travel raw, everything else as JSON: both ends are the same program, so there is no
//! version to agree on.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

/// Name of the port in the guest.
pub(crate) const PORT_NAME: &str = "ipcon.agent";

/// Longest body of a frame; both ends cut bulk data into pieces below it.
pub(crate) const MAX_BODY: usize = 64 * 1024;

/// A terminal's size in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Size {
    pub(crate) rows: u16,
    pub(crate) columns: u16,
}

/// What the guest shall run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Start {
    /// Whether the command is this very program, of which only the arguments are given.
    pub(crate) own: bool,
    /// The program and its arguments.
    pub(crate) command: Vec<String>,
    /// Where it runs.
    pub(crate) directory: String,
    /// Variables on top of the guest's own.
    pub(crate) environment: Vec<(String, String)>,
    /// Who runs it.
    pub(crate) user: String,
    /// A module to load first.
    pub(crate) module: Option<String>,
    /// Look for leaked memory after it, on a kernel that can.
    pub(crate) look_for_leaks: bool,
    /// Give it a terminal of this size instead of three pipes.
    pub(crate) terminal: Option<Size>,
}

/// How the command in the guest ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum End {
    /// It exited with this status.
    Status(i32),
    /// This signal killed it.
    Signal(i32),
}

impl End {
    /// The status a shell would report.
    pub(crate) fn shell_status(self) -> i32 {
        match self {
            Self::Status(status) => status,
            Self::Signal(signal) => 128 + signal,
        }
    }
}

/// What the host sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ToGuest {
    Start(Start),
    /// More for the command's stdin.
    Input(Vec<u8>),
    /// No more for the command's stdin.
    InputEnd,
    Resize(Size),
    /// A signal for the command's process group.
    Signal(i32),
    /// Opens a TCP connection to this port of the guest's loopback interface.
    Connect {
        stream: u32,
        port: u16,
    },
    /// Bytes of a TCP connection; none means the end of this direction.
    Stream {
        stream: u32,
        bytes: Vec<u8>,
    },
}

/// What the guest sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ToHost {
    /// The guest runs and waits for `Start`; with the release of its kernel.
    Ready(String),
    Stdout(Vec<u8>),
    Stderr(Vec<u8>),
    /// Complete lines of the kernel's log.
    KernelLog(Vec<u8>),
    /// Nothing was run, for this reason.
    Failed(String),
    Ended(End),
    /// Bytes of a TCP connection; none means the end of this direction.
    Stream {
        stream: u32,
        bytes: Vec<u8>,
    },
}

/// One direction of the port.
pub(crate) trait Message: Sized {
    /// Splits the message into kind and body.
    fn encode(&self) -> io::Result<(u8, Vec<u8>)>;
    /// Puts the message together again.
    fn decode(kind: u8, body: Vec<u8>) -> io::Result<Self>;
}

/// Writes one message as a whole.
pub(crate) fn write<M: Message>(port: &mut impl Write, message: &M) -> io::Result<()> {
    let (kind, body) = message.encode()?;
    let length = u32::try_from(body.len()).map_err(|_| invalid("a frame beyond 4 GiB"))?;
    let mut frame = Vec::with_capacity(5 + body.len());
    frame.push(kind);
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(&body);
    port.write_all(&frame)
}

/// Reads one message; `None` at an end between two messages.
pub(crate) fn read<M: Message>(port: &mut impl Read) -> io::Result<Option<M>> {
    let mut head = [0; 5];
    match port.read(&mut head[..1])? {
        0 => return Ok(None),
        _ => port.read_exact(&mut head[1..])?,
    }
    let length = u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize;
    if length > 2 * MAX_BODY {
        return Err(invalid(
            "a frame longer than any that is sent: the two ends are out of step",
        ));
    }
    let mut body = vec![0; length];
    port.read_exact(&mut body)?;
    M::decode(head[0], body).map(Some)
}

impl Message for ToGuest {
    fn encode(&self) -> io::Result<(u8, Vec<u8>)> {
        Ok(match self {
            Self::Start(start) => (b'S', to_json(start)?),
            Self::Input(bytes) => (b'I', bytes.clone()),
            Self::InputEnd => (b'E', Vec::new()),
            Self::Resize(size) => (b'R', to_json(size)?),
            Self::Signal(signal) => (b'K', to_json(signal)?),
            Self::Connect { stream, port } => (b'C', to_json(&(stream, port))?),
            Self::Stream { stream, bytes } => (b'T', stream_body(*stream, bytes)),
        })
    }

    fn decode(kind: u8, body: Vec<u8>) -> io::Result<Self> {
        Ok(match kind {
            b'S' => Self::Start(from_json(&body)?),
            b'I' => Self::Input(body),
            b'E' => Self::InputEnd,
            b'R' => Self::Resize(from_json(&body)?),
            b'K' => Self::Signal(from_json(&body)?),
            b'C' => {
                let (stream, port) = from_json(&body)?;
                Self::Connect { stream, port }
            }
            b'T' => {
                let (stream, bytes) = split_stream(&body)?;
                Self::Stream { stream, bytes }
            }
            _ => return Err(unknown(kind)),
        })
    }
}

impl Message for ToHost {
    fn encode(&self) -> io::Result<(u8, Vec<u8>)> {
        Ok(match self {
            Self::Ready(release) => (b'r', release.clone().into_bytes()),
            Self::Stdout(bytes) => (b'o', bytes.clone()),
            Self::Stderr(bytes) => (b'e', bytes.clone()),
            Self::KernelLog(bytes) => (b'l', bytes.clone()),
            Self::Failed(reason) => (b'f', reason.clone().into_bytes()),
            Self::Ended(end) => (b'x', to_json(end)?),
            Self::Stream { stream, bytes } => (b't', stream_body(*stream, bytes)),
        })
    }

    fn decode(kind: u8, body: Vec<u8>) -> io::Result<Self> {
        Ok(match kind {
            b'r' => Self::Ready(text(body)),
            b'o' => Self::Stdout(body),
            b'e' => Self::Stderr(body),
            b'l' => Self::KernelLog(body),
            b'f' => Self::Failed(text(body)),
            b'x' => Self::Ended(from_json(&body)?),
            b't' => {
                let (stream, bytes) = split_stream(&body)?;
                Self::Stream { stream, bytes }
            }
            _ => return Err(unknown(kind)),
        })
    }
}

fn stream_body(stream: u32, bytes: &[u8]) -> Vec<u8> {
    let mut body = stream.to_le_bytes().to_vec();
    body.extend_from_slice(bytes);
    body
}

fn split_stream(body: &[u8]) -> io::Result<(u32, Vec<u8>)> {
    let (number, bytes) = body
        .split_first_chunk::<4>()
        .ok_or_else(|| invalid("a stream frame without a number"))?;
    Ok((u32::from_le_bytes(*number), bytes.to_vec()))
}

fn to_json(value: &impl Serialize) -> io::Result<Vec<u8>> {
    Ok(serde_json::to_vec(value)?)
}

fn from_json<'a, T: Deserialize<'a>>(body: &'a [u8]) -> io::Result<T> {
    Ok(serde_json::from_slice(body)?)
}

fn text(body: Vec<u8>) -> String {
    String::from_utf8_lossy(&body).into_owned()
}

fn unknown(kind: u8) -> io::Error {
    invalid(&format!(
        "a frame of unknown kind {kind:#04x}: the two ends are out of step"
    ))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn there_and_back<M: Message + PartialEq + std::fmt::Debug>(messages: &[M]) {
        let mut wire = Vec::new();
        for message in messages {
            write(&mut wire, message).unwrap();
        }
        let mut rest = wire.as_slice();
        for message in messages {
            assert_eq!(read::<M>(&mut rest).unwrap().as_ref(), Some(message));
        }
        assert_eq!(read::<M>(&mut rest).unwrap(), None);
    }

    #[test]
    fn every_message_to_the_guest_survives() {
        let size = Size {
            rows: 50,
            columns: 132,
        };
        there_and_back(&[
            ToGuest::Start(Start {
                own: false,
                command: vec!["sh".into(), "-c".into(), "exit 7".into()],
                directory: "/".into(),
                environment: vec![("A".into(), "b=c".into())],
                user: "root".into(),
                module: None,
                look_for_leaks: true,
                terminal: Some(size),
            }),
            ToGuest::Input(vec![0, 255, 10]),
            ToGuest::InputEnd,
            ToGuest::Resize(size),
            ToGuest::Signal(15),
            ToGuest::Connect {
                stream: 7,
                port: 9421,
            },
            ToGuest::Stream {
                stream: 7,
                bytes: Vec::new(),
            },
        ]);
    }

    #[test]
    fn every_message_to_the_host_survives() {
        there_and_back(&[
            ToHost::Ready("7.3".into()),
            ToHost::Stdout(vec![1; MAX_BODY]),
            ToHost::Stderr(Vec::new()),
            ToHost::KernelLog(b"[1.0] x\n".to_vec()),
            ToHost::Failed("no".into()),
            ToHost::Ended(End::Status(7)),
            ToHost::Ended(End::Signal(9)),
            ToHost::Stream {
                stream: 1,
                bytes: vec![9],
            },
        ]);
    }

    #[test]
    fn a_cut_frame_is_an_error_and_so_is_nonsense() {
        let mut wire = Vec::new();
        write(&mut wire, &ToHost::Stdout(vec![1, 2, 3])).unwrap();
        assert!(read::<ToHost>(&mut &wire[..wire.len() - 1]).is_err());
        assert!(read::<ToHost>(&mut &b"?\0\0\0\0"[..]).is_err());
        assert!(read::<ToHost>(&mut &b"o\xff\xff\xff\xff"[..]).is_err());
    }

    #[test]
    fn signals_become_what_a_shell_says() {
        assert_eq!(End::Status(7).shell_status(), 7);
        assert_eq!(End::Signal(9).shell_status(), 137);
    }
}
