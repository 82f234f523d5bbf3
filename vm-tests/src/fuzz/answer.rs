// SPDX-License-Identifier: MIT OR Apache-2.0

//! Reads what the kernel sends, and accepts no byte that the definition of the wire does not explain.

use super::bytes::{align, attributes, u16_at, u32_at};
use super::table::OPERATIONS;
use super::wire::{Field, HEADERS, Kind, NETLINK_HEADER};

const DONE: u16 = libc::NLMSG_DONE as u16;
const ERROR: u16 = libc::NLMSG_ERROR as u16;
/// `NLM_F_CAPPED` and `NLM_F_ACK_TLVS`, of an error.
const CAPPED: u16 = 0x100;
const WITH_ATTRIBUTES: u16 = 0x200;

/// One message of the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A message of the bus, which answers nothing.
    Message,
    /// A reply or a row of a list.
    Data {
        /// Of the request.
        sequence: u32,
        /// Of the reply.
        command: u8,
    },
    /// The end of a list.
    Done {
        /// Of the request.
        sequence: u32,
    },
    /// An acknowledgement or a refusal.
    Error {
        /// Of the request.
        sequence: u32,
        /// 0 when it is an acknowledgement.
        errno: i32,
        /// Why, in words.
        text: Option<String>,
        /// The request, or the start of it, as the kernel repeats it.
        request: Vec<u8>,
    },
}

/// Reads the messages of a datagram from the kernel.
///
/// # Errors
///
/// What cannot be explained.
pub fn read(family: u16, mut datagram: &[u8]) -> Result<Vec<Answer>, String> {
    let mut answers = Vec::new();
    while !datagram.is_empty() {
        if datagram.len() < NETLINK_HEADER {
            return Err(format!("{} bytes after the last message", datagram.len()));
        }
        let len = u32_at(datagram, 0) as usize;
        if len < NETLINK_HEADER || len > datagram.len() {
            return Err(format!("a message of {len} bytes in {}", datagram.len()));
        }
        let end = align(len).min(datagram.len());
        expect_zero(&datagram[len..end], "between messages")?;
        answers.push(message(family, &datagram[..len])?);
        datagram = &datagram[end..];
    }
    Ok(answers)
}

fn message(family: u16, bytes: &[u8]) -> Result<Answer, String> {
    let (kind, flags, sequence) = (u16_at(bytes, 4), u16_at(bytes, 6), u32_at(bytes, 8));
    if kind == ERROR {
        return error(bytes, flags, sequence);
    }
    if kind == DONE {
        return match bytes.get(NETLINK_HEADER..) {
            Some([0, 0, 0, 0]) => Ok(Answer::Done { sequence }),
            rest => Err(format!("a list that ends with {rest:?}")),
        };
    }
    if kind != family || bytes.len() < HEADERS {
        return Err(format!("a message of family {kind}"));
    }
    let (command, reserved) = (bytes[NETLINK_HEADER], u16_at(bytes, 18));
    if reserved != 0 {
        return Err(format!("{reserved:#x} in the reserved bytes"));
    }
    let operation = OPERATIONS.iter().find(|op| op.command == command);
    let operation = operation.ok_or_else(|| format!("command {command}"))?;
    explain(operation.attributes, &bytes[HEADERS..])
        .map_err(|what| format!("{what} in {}", operation.name))?;
    if operation.name == "message" {
        return match sequence {
            0 => Ok(Answer::Message),
            _ => Err("a message with a sequence number".to_owned()),
        };
    }
    Ok(Answer::Data { sequence, command })
}

/// Checks that `bytes` are attributes of this set, each as its kind has it, and nothing else.
fn explain(set: &[Field], bytes: &[u8]) -> Result<(), String> {
    let (found, rest) = attributes(bytes);
    if rest != 0 {
        return Err(format!("{rest} bytes after the attributes"));
    }
    for attribute in found {
        expect_zero(attribute.padding, "after an attribute")?;
        let field = set.iter().find(|field| field.number == attribute.number);
        let field = field.ok_or_else(|| format!("unknown attribute {}", attribute.number))?;
        let payload = attribute.payload;
        let fits = match field.kind {
            Kind::Number(len) => payload.len() == len,
            Kind::Text => payload.iter().position(|byte| *byte == 0) == Some(payload.len() - 1),
            Kind::Bytes => true,
            Kind::Flag | Kind::Pad => payload.is_empty(),
            Kind::Nest(inner) => return_nested(inner, payload)?,
        };
        if !fits {
            return Err(format!("{} of {} bytes", field.name, payload.len()));
        }
    }
    Ok(())
}

fn return_nested(set: &[Field], payload: &[u8]) -> Result<bool, String> {
    explain(set, payload).map(|()| true)
}

fn error(bytes: &[u8], flags: u16, sequence: u32) -> Result<Answer, String> {
    if bytes.len() < NETLINK_HEADER + 4 + NETLINK_HEADER {
        return Err(format!("an error of {} bytes", bytes.len()));
    }
    let errno = -(u32_at(bytes, NETLINK_HEADER) as i32);
    let request = &bytes[NETLINK_HEADER + 4..];
    let repeated = if flags & CAPPED == 0 {
        align(u32_at(request, 0) as usize)
    } else {
        NETLINK_HEADER
    };
    let (request, said) = request
        .split_at_checked(repeated.min(request.len()))
        .ok_or("an error that is too short")?;
    let mut text = None;
    if flags & WITH_ATTRIBUTES != 0 {
        let (found, rest) = attributes(said);
        if rest != 0 {
            return Err(format!("{rest} bytes after the words of an error"));
        }
        for attribute in found {
            expect_zero(attribute.padding, "after the words of an error")?;
            if attribute.number == 1 {
                let words = attribute.payload.strip_suffix(&[0]).unwrap_or_default();
                text = Some(String::from_utf8_lossy(words).into_owned());
            }
        }
    } else if !said.is_empty() {
        return Err(format!("{} bytes after an error", said.len()));
    }
    Ok(Answer::Error {
        sequence,
        errno,
        text,
        request: request.to_vec(),
    })
}

fn expect_zero(padding: &[u8], place: &str) -> Result<(), String> {
    if padding.iter().all(|byte| *byte == 0) {
        Ok(())
    } else {
        Err(format!("{padding:?} {place}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reply to service-get with a port, whose padding after the name is `padding`.
    fn reply(padding: u8) -> Vec<u8> {
        let mut bytes = vec![
            20 + 8,
            0,
            0,
            0,
            30,
            0,
            0,
            0,
            9,
            0,
            0,
            0,
            5,
            0,
            0,
            0,
            6,
            1,
            0,
            0,
        ];
        bytes.extend([7, 0, 1, 0, b'h', b'i', 0, padding]);
        bytes
    }

    #[test]
    fn a_reply_is_read_and_a_byte_of_padding_that_is_not_zero_is_seen() {
        let expected = Answer::Data {
            sequence: 9,
            command: 6,
        };
        assert_eq!(read(30, &reply(0)), Ok(vec![expected]));
        assert!(read(30, &reply(1)).is_err());
    }

    #[test]
    fn bytes_that_belong_to_nothing_are_seen() {
        let mut long = reply(0);
        long.extend([0; 4]);
        long[0] += 4;
        assert!(read(30, &long).is_err());
        let mut unknown = reply(0);
        unknown[22] = 99;
        assert!(read(30, &unknown).is_err());
        assert!(read(30, &reply(0)[..27]).is_err());
    }
}
