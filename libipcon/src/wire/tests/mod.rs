// SPDX-License-Identifier: MIT OR Apache-2.0
//! The wire against neli, which builds what is read here and reads what is built here, and against noise.

use std::io::Cursor;

use neli::ToBytes as _;
use neli::consts::genl::{CtrlAttr, CtrlCmd};
use neli::consts::nl::{GenlId, NlmF};
use neli::genl::{AttrTypeBuilder, GenlmsghdrBuilder, Nlattr, NlattrBuilder, NoUserHeader};
use neli::nl::{NlPayload, NlmsghdrBuilder};
use neli::types::{Buffer, GenlBuffer};

use super::uapi::{self, attr};
use super::{Answer, Attributes, Frames};
use crate::port::Port;

mod anything;
mod messages;
mod objects;

const FAMILY: u16 = 30;

/// An attribute as neli writes it.
fn written(number: u16, value: &[u8]) -> Nlattr<CtrlAttr, Buffer> {
    let kind = AttrTypeBuilder::default()
        .nla_type(CtrlAttr::from(number))
        .build()
        .unwrap();
    NlattrBuilder::default()
        .nla_type(kind)
        .nla_payload(value)
        .build()
        .unwrap()
}

/// A datagram as neli writes it.
fn datagram(command: u8, attributes: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let attributes: GenlBuffer<CtrlAttr, Buffer> = attributes
        .iter()
        .map(|(number, value)| written(*number, value))
        .collect();
    let message = GenlmsghdrBuilder::<CtrlCmd, CtrlAttr, NoUserHeader>::default()
        .cmd(CtrlCmd::from(command))
        .version(uapi::FAMILY_VERSION)
        .attrs(attributes)
        .build()
        .unwrap();
    let message = NlmsghdrBuilder::default()
        .nl_type(GenlId::from(FAMILY))
        .nl_flags(NlmF::empty())
        .nl_payload(NlPayload::Payload(message))
        .build()
        .unwrap();
    let mut bytes = Cursor::new(Vec::new());
    message.to_bytes(&mut bytes).unwrap();
    bytes.into_inner()
}

fn nested(attributes: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    for (number, value) in attributes {
        written(*number, value).to_bytes(&mut bytes).unwrap();
    }
    bytes.into_inner()
}

fn attributes_of(datagram: &[u8]) -> Attributes<'_> {
    match Frames::new(datagram)
        .next()
        .unwrap()
        .unwrap()
        .answer()
        .unwrap()
    {
        Answer::Data { attributes, .. } => attributes,
        other => panic!("{other:?}"),
    }
}

fn port(number: u32) -> Port {
    Port::new(number).unwrap()
}

fn number(value: u32) -> Vec<u8> {
    value.to_ne_bytes().to_vec()
}

fn long(value: u64) -> Vec<u8> {
    value.to_ne_bytes().to_vec()
}

/// Counters 1, 2, 3… in the order of the wire.
fn counters_sample() -> (u16, Vec<u8>) {
    let all: Vec<_> = (1..=18).map(|at| (at, long(u64::from(at)))).collect();
    (attr::peer::COUNTERS, nested(&all))
}

fn peer_sample() -> Vec<(u16, Vec<u8>)> {
    use attr::peer as set;
    vec![
        (set::PORT, number(7)),
        (set::ID, long(8)),
        (set::PID, number(9)),
        (set::UID, number(10)),
        (set::COMM, b"a\xffb\0junk".to_vec()),
        (set::CREATED_AT, long(1_000_000_007)),
        (set::QUEUE_BYTES, number(12)),
        (set::QUEUE_LIMIT, number(13)),
        (set::LOST, long(14)),
        (set::PAD, Vec::new()),
        counters_sample(),
        (99, b"from a newer module".to_vec()),
    ]
}

/// `struct ipcon_kevent` as the module writes it.
fn kevent_bytes(kind: u32, name: &[u8], number_at: usize, number: u32) -> [u8; 40] {
    let mut bytes = [0; 40];
    bytes[..4].copy_from_slice(&kind.to_ne_bytes());
    bytes[4..4 + name.len()].copy_from_slice(name);
    bytes[number_at..number_at + 4].copy_from_slice(&number.to_ne_bytes());
    bytes
}
