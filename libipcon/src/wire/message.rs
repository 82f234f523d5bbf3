// SPDX-License-Identifier: MIT OR Apache-2.0
//! A message to a peer.

use super::uapi::{self, attr};
use super::{
    ATTRIBUTE_HEADER, Answer, Frames, GENERIC_HEADER, Malformed, NETLINK_HEADER, align,
    least_message,
};
use crate::origin::{KeventMeta, Origin};
use crate::port::Port;

/// Where the attribute with the port begins in a message that begins with it.
const PORT_HEADER: usize = NETLINK_HEADER + GENERIC_HEADER;
/// Bytes of that attribute.
const PORT_LEN: usize = ATTRIBUTE_HEADER + 4;

/// A message as it lies in the receive buffer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Incoming<'a> {
    pub(crate) origin: Origin,
    pub(crate) data: &'a [u8],
    pub(crate) replay: bool,
    pub(crate) lost: u32,
}

impl<'a> Incoming<'a> {
    /// Reads a datagram from the kernel; `None` when it holds no message for the peer.
    pub(crate) fn read(datagram: &'a [u8], family: u16) -> Result<Option<Self>, Malformed> {
        match Self::plain(datagram, family) {
            Some(message) => Ok(Some(message)),
            None => Self::any(datagram, family),
        }
    }

    /// Reads a datagram of the form that most have: one message from one peer, with a port, data and nothing
    /// else. `None` when it has another form, also when that is wrong. It takes a quarter of what [`any`](Self::any)
    /// takes.
    fn plain(datagram: &'a [u8], family: u16) -> Option<Self> {
        let head: &[u8; least_message(0)] = datagram.first_chunk()?;
        let u16_at = |at: usize| u16::from_ne_bytes([head[at], head[at + 1]]);
        let u32_at =
            |at: usize| u32::from_ne_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let data_header = least_message(0) - ATTRIBUTE_HEADER;
        let data_len = usize::from(u16_at(data_header));
        let is_plain = u32_at(0) as usize == datagram.len()
            && u16_at(4) == family
            && head[NETLINK_HEADER] == uapi::cmd::MESSAGE
            && u16_at(PORT_HEADER) as usize == PORT_LEN
            && u16_at(PORT_HEADER + 2) == attr::message::PORT
            && u16_at(data_header + 2) == attr::message::DATA
            && data_header + align(data_len) == datagram.len();
        if !is_plain {
            return None;
        }
        Some(Self {
            origin: Origin::Peer(Port::new(u32_at(PORT_HEADER + ATTRIBUTE_HEADER))?),
            data: datagram.get(least_message(0)..data_header + data_len)?,
            replay: false,
            lost: 0,
        })
    }

    fn any(datagram: &'a [u8], family: u16) -> Result<Option<Self>, Malformed> {
        for frame in Frames::new(datagram) {
            if let Answer::Data {
                family: from,
                command: uapi::cmd::MESSAGE,
                attributes,
            } = frame?.answer()?
                && from == family
            {
                return Self::from_attributes(attributes).map(Some);
            }
        }
        Ok(None)
    }

    fn from_attributes(attributes: super::Attributes<'a>) -> Result<Self, Malformed> {
        let (mut port, mut group, mut data) = (None, None, None);
        let (mut replay, mut lost) = (false, 0);
        let (mut sequence, mut time, mut pid) = (None, None, None);
        for attribute in attributes {
            let attribute = attribute?;
            match attribute.number {
                attr::message::PORT => port = Some(attribute.u32("port")?),
                attr::message::GROUP => {
                    group = Some(attribute.name("group", uapi::GROUP_NAME_MAX_LEN)?);
                }
                attr::message::DATA => data = Some(attribute.value),
                attr::message::REPLAY => replay = true,
                attr::message::LOST => lost = attribute.u32("lost")?,
                attr::message::KEVENT_SEQUENCE => {
                    sequence = Some(attribute.u64("kevent-sequence")?);
                }
                attr::message::KEVENT_TIME => time = Some(attribute.time("kevent-time")?),
                attr::message::KEVENT_PID => pid = Some(attribute.u32("kevent-pid")?),
                _ => {}
            }
        }

        let from = Port::new(port.ok_or(Malformed::Missing("port"))?);
        let origin = match (group, from) {
            (None, Some(from)) => Origin::Peer(from),
            (Some(name), Some(from)) => Origin::Group { name, from },
            (Some(name), None) if name == *uapi::KEVENT_GROUP => Origin::Kevent(KeventMeta {
                sequence: sequence.ok_or(Malformed::Missing("kevent-sequence"))?,
                time: time.ok_or(Malformed::Missing("kevent-time"))?,
                pid: pid.ok_or(Malformed::Missing("kevent-pid"))?,
            }),
            (_, None) => return Err(Malformed::Value("port")),
        };
        Ok(Self {
            origin,
            data: data.ok_or(Malformed::Missing("data"))?,
            replay,
            lost,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FAMILY: u16 = 0x1234;

    /// A message with a port and data, without the padding of the data where `padded` is false.
    fn plain(port: u32, data: &[u8], padded: bool) -> Vec<u8> {
        let mut bytes = vec![0; 4];
        bytes.extend(FAMILY.to_ne_bytes());
        bytes.extend([0; 10]);
        bytes.extend([uapi::cmd::MESSAGE, 1, 0, 0]);
        bytes.extend(8_u16.to_ne_bytes());
        bytes.extend(attr::message::PORT.to_ne_bytes());
        bytes.extend(port.to_ne_bytes());
        bytes.extend((4 + data.len() as u16).to_ne_bytes());
        bytes.extend(attr::message::DATA.to_ne_bytes());
        bytes.extend(data);
        if padded {
            bytes.resize(align(bytes.len()), 0);
        }
        let len = bytes.len() as u32;
        bytes[..4].copy_from_slice(&len.to_ne_bytes());
        bytes
    }

    #[test]
    fn the_form_that_most_have_is_read_at_once() {
        for len in [0, 1, 4, 63, 64, 65_000] {
            let data = vec![7; len];
            let bytes = plain(5, &data, true);
            let message = Incoming::plain(&bytes, FAMILY).unwrap();
            assert_eq!(message.origin, Origin::Peer(Port::new(5).unwrap()));
            assert_eq!(message.data, data);
            assert_eq!(Incoming::any(&bytes, FAMILY), Ok(Some(message)));
        }
    }

    #[test]
    fn other_forms_are_left_to_the_long_way() {
        let bytes = plain(5, b"abc", true);
        assert_eq!(Incoming::plain(&bytes, FAMILY + 1), None);
        assert_eq!(Incoming::plain(&plain(0, b"abc", true), FAMILY), None);
        assert_eq!(Incoming::plain(&plain(5, b"abc", false), FAMILY), None);
        assert_eq!(Incoming::plain(&bytes[..bytes.len() - 4], FAMILY), None);
        for end in 0..bytes.len() {
            assert_eq!(Incoming::plain(&bytes[..end], FAMILY), None, "{end}");
        }
    }

    proptest! {
        /// Whatever is changed in it, both ways read the same where the short one reads anything.
        #[test]
        fn the_short_way_reads_what_the_long_one_reads(
            len in 0_usize..9,
            at in 0_usize..48,
            byte in any::<u8>(),
        ) {
            let mut bytes = plain(5, &vec![7; len], true);
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Some(message) = Incoming::plain(&bytes, FAMILY) {
                prop_assert_eq!(Incoming::any(&bytes, FAMILY), Ok(Some(message)));
            }
        }
    }
}
