// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the kernel answers on the way to becoming a peer.

use neli::consts::genl::CtrlAttr;

use super::rows::Fields;
use super::uapi::attr::peer as set;
use super::{Attributes, Malformed};
use crate::port::Port;

/// The kernel's answer to a new peer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Welcome {
    pub(crate) port: Port,
    pub(crate) id: u64,
    pub(crate) max_message_len: u32,
}

pub(crate) fn welcome(attributes: Attributes<'_>) -> Result<Welcome, Malformed> {
    let fields = Fields::read(attributes)?;
    Ok(Welcome {
        port: fields.port(set::PORT, "port")?,
        id: fields.u64(set::ID, "id")?,
        max_message_len: fields.u32(set::MAX_MSG_LEN, "max-msg-len")?,
    })
}

/// The number of the family, in the answer of the generic netlink controller.
pub(crate) fn family_number(attributes: Attributes<'_>) -> Result<u16, Malformed> {
    Fields::read(attributes)?.u16(CtrlAttr::FamilyId.into(), "family-id")
}
