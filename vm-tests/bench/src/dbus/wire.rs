// SPDX-License-Identifier: MIT OR Apache-2.0

//! Messages of D-Bus, little endian: as much of the format as method calls with one argument need.

use anyhow::{Context as _, bail};

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Call = 1,
    Return = 2,
    Error = 3,
    Signal = 4,
}

/// Fields of the header.
mod field {
    pub(super) const PATH: u8 = 1;
    pub(super) const INTERFACE: u8 = 2;
    pub(super) const MEMBER: u8 = 3;
    pub(super) const ERROR_NAME: u8 = 4;
    pub(super) const REPLY_SERIAL: u8 = 5;
    pub(super) const DESTINATION: u8 = 6;
    pub(super) const SENDER: u8 = 7;
    pub(super) const SIGNATURE: u8 = 8;
}

/// Bytes before the fields of the header.
const FIXED: usize = 16;
/// The longest message that the protocol allows.
const LONGEST: usize = 128 * 1024 * 1024;

/// What a message carries.
#[derive(Debug, Clone, Copy)]
pub(super) enum Body<'a> {
    Nothing,
    Bytes(&'a [u8]),
    Name(&'a str),
    NameAndFlags(&'a str, u32),
}

impl Body<'_> {
    fn signature(&self) -> &'static str {
        match self {
            Body::Nothing => "",
            Body::Bytes(_) => "ay",
            Body::Name(_) => "s",
            Body::NameAndFlags(..) => "su",
        }
    }
}

/// A message to be sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outgoing<'a> {
    pub(super) kind: Kind,
    pub(super) destination: Option<&'a str>,
    pub(super) reply_serial: Option<u32>,
    /// Path, interface and member.
    pub(super) method: Option<(&'a str, &'a str, &'a str)>,
    pub(super) body: Body<'a>,
}

impl Outgoing<'_> {
    /// Writes the message, alone, into `out`.
    pub(super) fn write(&self, serial: u32, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&[b'l', self.kind as u8, 0, 1]);
        // The lengths of body and fields are known at the end.
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&serial.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        if let Some((path, interface, member)) = self.method {
            text_field(out, field::PATH, b'o', path);
            text_field(out, field::INTERFACE, b's', interface);
            text_field(out, field::MEMBER, b's', member);
        }
        if let Some(destination) = self.destination {
            text_field(out, field::DESTINATION, b's', destination);
        }
        if let Some(serial) = self.reply_serial {
            align(out, 8);
            out.extend_from_slice(&[field::REPLY_SERIAL, 1, b'u', 0]);
            out.extend_from_slice(&serial.to_le_bytes());
        }
        let signature = self.body.signature();
        if !signature.is_empty() {
            align(out, 8);
            out.extend_from_slice(&[field::SIGNATURE, 1, b'g', 0, signature.len() as u8]);
            out.extend_from_slice(signature.as_bytes());
            out.push(0);
        }
        let fields = out.len() - FIXED;
        align(out, 8);
        let body = out.len();
        match self.body {
            Body::Nothing => {}
            Body::Bytes(bytes) => {
                out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
                out.extend_from_slice(bytes);
            }
            Body::Name(name) => text(out, name),
            Body::NameAndFlags(name, flags) => {
                text(out, name);
                align(out, 4);
                out.extend_from_slice(&flags.to_le_bytes());
            }
        }
        let body = out.len() - body;
        out[4..8].copy_from_slice(&(body as u32).to_le_bytes());
        out[12..16].copy_from_slice(&(fields as u32).to_le_bytes());
    }
}

fn align(out: &mut Vec<u8>, to: usize) {
    out.resize(out.len().next_multiple_of(to), 0);
}

fn text(out: &mut Vec<u8>, text: &str) {
    align(out, 4);
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
    out.push(0);
}

fn text_field(out: &mut Vec<u8>, code: u8, signature: u8, value: &str) {
    align(out, 8);
    out.extend_from_slice(&[code, 1, signature, 0]);
    text(out, value);
}

/// A message that came.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Incoming<'a> {
    pub(super) kind: Kind,
    pub(super) serial: u32,
    pub(super) reply_serial: Option<u32>,
    pub(super) sender: Option<&'a str>,
    pub(super) error_name: Option<&'a str>,
    pub(super) body: &'a [u8],
}

/// The length of the message that begins with these bytes; `None` when they are too few to tell.
pub(super) fn length(bytes: &[u8]) -> anyhow::Result<Option<usize>> {
    if bytes.len() < FIXED {
        return Ok(None);
    }
    if bytes[0] != b'l' {
        bail!("a message of the other byte order, or none at all");
    }
    let fields = number(bytes, 12)?;
    let body = number(bytes, 4)?;
    let all = FIXED + (fields as usize).next_multiple_of(8) + body as usize;
    if all > LONGEST {
        bail!("a message of {all} bytes");
    }
    Ok(Some(all))
}

/// Reads one whole message.
pub(super) fn read(bytes: &[u8]) -> anyhow::Result<Incoming<'_>> {
    let kind = match bytes[1] {
        1 => Kind::Call,
        2 => Kind::Return,
        3 => Kind::Error,
        4 => Kind::Signal,
        other => bail!("a message of the unknown type {other}"),
    };
    let fields_end = FIXED + number(bytes, 12)? as usize;
    let body = bytes
        .get(fields_end.next_multiple_of(8)..)
        .context("a header that is cut")?;
    let mut message = Incoming {
        kind,
        serial: number(bytes, 8)?,
        reply_serial: None,
        sender: None,
        error_name: None,
        body,
    };
    let mut at = FIXED;
    while at < fields_end {
        let head = bytes.get(at..at + 4).context("a field that is cut")?;
        let (code, signature) = (head[0], head[2]);
        at += 4;
        match signature {
            b'u' => {
                if code == field::REPLY_SERIAL {
                    message.reply_serial = Some(number(bytes, at)?);
                }
                at += 4;
            }
            b's' | b'o' => {
                let len = number(bytes, at)? as usize;
                let value = bytes
                    .get(at + 4..at + 4 + len)
                    .context("a text that is cut")?;
                match code {
                    field::SENDER => message.sender = Some(std::str::from_utf8(value)?),
                    field::ERROR_NAME => message.error_name = Some(std::str::from_utf8(value)?),
                    _ => {}
                }
                at += 4 + len + 1;
            }
            b'g' => at += 2 + usize::from(*bytes.get(at).context("a signature that is cut")?),
            other => bail!("a field {code} of the unknown type {other}"),
        }
        at = at.next_multiple_of(8);
    }
    Ok(message)
}

impl<'a> Incoming<'a> {
    /// The argument of a body that is one array of bytes.
    pub(super) fn bytes(&self) -> anyhow::Result<&'a [u8]> {
        let len = number(self.body, 0)? as usize;
        self.body.get(4..4 + len).context("an array that is cut")
    }

    /// The argument of a body that is one text.
    pub(super) fn text(&self) -> anyhow::Result<&'a str> {
        Ok(std::str::from_utf8(self.bytes()?)?)
    }
}

fn number(bytes: &[u8], at: usize) -> anyhow::Result<u32> {
    let four = bytes.get(at..at + 4).context("a number that is cut")?;
    Ok(u32::from_le_bytes(four.try_into()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn hello_is_what_the_specification_says() {
        let mut bytes = Vec::new();
        Outgoing {
            kind: Kind::Call,
            destination: Some("org.freedesktop.DBus"),
            reply_serial: None,
            method: Some(("/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello")),
            body: Body::Nothing,
        }
        .write(1, &mut bytes);
        // As sd-bus and libdbus write it, but for the order of the fields.
        let expected = b"l\x01\0\x01\0\0\0\0\x01\0\0\0\x6d\0\0\0\
            \x01\x01o\0\x15\0\0\0/org/freedesktop/DBus\0\0\0\
            \x02\x01s\0\x14\0\0\0org.freedesktop.DBus\0\0\0\0\
            \x03\x01s\0\x05\0\0\0Hello\0\0\0\
            \x06\x01s\0\x14\0\0\0org.freedesktop.DBus\0\0\0\0";
        assert_eq!(bytes, expected);
        assert_eq!(length(&bytes).unwrap(), Some(bytes.len()));
        assert_eq!(length(&bytes[..15]).unwrap(), None);
    }

    #[test]
    fn what_is_written_can_be_read() {
        let mut bytes = Vec::new();
        Outgoing {
            kind: Kind::Return,
            destination: Some(":1.7"),
            reply_serial: Some(42),
            method: None,
            body: Body::Bytes(b"abcde"),
        }
        .write(9, &mut bytes);
        assert_eq!(length(&bytes).unwrap(), Some(bytes.len()));
        let message = read(&bytes).unwrap();
        assert_eq!(message.kind, Kind::Return);
        assert_eq!((message.serial, message.reply_serial), (9, Some(42)));
        assert_eq!(message.bytes().unwrap(), b"abcde");
        for cut in FIXED..bytes.len() {
            let shorter = read(&bytes[..cut]);
            assert!(shorter.is_err() || shorter.unwrap().bytes().is_err());
        }
    }
}
