// SPDX-License-Identifier: MIT OR Apache-2.0
//! `struct ipcon_kevent`: a type, then a union of
//! `{ char name[32]; u32 portid }`, `{ char name[16]; u32 groupid }` and `{ u32 portid }`.

use super::uapi::{GROUP_NAME_MAX_LEN, SERVICE_NAME_MAX_LEN, kevent_type};
use super::{Malformed, u32_at};
use crate::kevent::Event;
use crate::name::Name;
use crate::port::Port;

/// Where the union begins.
const UNION: usize = 4;
const SERVICE_PORT: usize = UNION + SERVICE_NAME_MAX_LEN + 1;
const GROUP_ID: usize = UNION + GROUP_NAME_MAX_LEN + 1;
/// Bytes of the struct.
pub(crate) const SIZE: usize = SERVICE_PORT + 4;

/// Reads the payload of a message of the kevent group.
pub(crate) fn event(data: &[u8]) -> Result<Event, Malformed> {
    // A longer struct is one that has grown at its end.
    let data = data.get(..SIZE).ok_or(Malformed::Kevent)?;
    let kind = u32_at(data, 0).ok_or(Malformed::Kevent)?;
    Ok(match kind {
        kevent_type::SRV_ADD => Event::ServiceAdded {
            name: name(data, SERVICE_PORT)?,
            port: port(data, SERVICE_PORT)?,
        },
        kevent_type::SRV_REMOVE => Event::ServiceRemoved {
            name: name(data, SERVICE_PORT)?,
            port: port(data, SERVICE_PORT)?,
        },
        kevent_type::GRP_ADD => Event::GroupAdded {
            name: name(data, GROUP_ID)?,
            group_id: number(data, GROUP_ID)?,
        },
        kevent_type::GRP_REMOVE => Event::GroupRemoved {
            name: name(data, GROUP_ID)?,
            group_id: number(data, GROUP_ID)?,
        },
        kevent_type::PEER_REMOVE => Event::PeerRemoved {
            port: port(data, UNION)?,
        },
        _ => return Err(Malformed::Kevent),
    })
}

/// The name that stands between the type and `end`, with a NUL after it.
fn name(data: &[u8], end: usize) -> Result<Name, Malformed> {
    let field = data.get(UNION..end).ok_or(Malformed::Kevent)?;
    let len = field
        .iter()
        .position(|&byte| byte == 0)
        .ok_or(Malformed::Kevent)?;
    Name::new(&field[..len]).ok_or(Malformed::Kevent)
}

fn number(data: &[u8], at: usize) -> Result<u32, Malformed> {
    u32_at(data, at).ok_or(Malformed::Kevent)
}

fn port(data: &[u8], at: usize) -> Result<Port, Malformed> {
    Port::new(number(data, at)?).ok_or(Malformed::Kevent)
}
