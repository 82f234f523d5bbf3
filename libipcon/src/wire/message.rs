// SPDX-License-Identifier: MIT OR Apache-2.0
//! A message to a peer.

use super::uapi::{self, attr};
use super::{Answer, Frames, Malformed};
use crate::origin::{KeventMeta, Origin};
use crate::port::Port;

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
