// SPDX-License-Identifier: MIT OR Apache-2.0

//! Who and what the requests are about.

/// The ports and names that a generator draws from.
#[derive(Debug, Clone)]
pub struct Cast {
    /// Number of the family.
    pub family: u16,
    /// Most bytes of a message's payload.
    pub max_msg_len: usize,
    /// Ports of the sockets that send, one for each slot.
    pub slots: Vec<u32>,
    /// Ports of others: the kernel, peers that are none of ours, sockets that are gone.
    pub strangers: Vec<u32>,
    /// Names of services and groups, of ours and of others.
    pub names: Vec<Vec<u8>>,
}
