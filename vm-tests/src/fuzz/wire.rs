// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the table of operations is made of, and the numbers of netlink itself.

/// Bytes of `struct nlmsghdr`.
pub const NETLINK_HEADER: usize = 16;
/// Bytes of `struct nlmsghdr` and `struct genlmsghdr`.
pub const HEADERS: usize = 20;
/// Bytes of `struct nlattr`.
pub const ATTRIBUTE_HEADER: usize = 4;
/// Most bytes that one attribute can hold: its length with the header is 16 bits wide.
pub const LARGEST_ATTRIBUTE: usize = 65_531;

/// `NLM_F_REQUEST`.
pub const REQUEST: u16 = 0x1;
/// `NLM_F_ACK`.
pub const ACK: u16 = 0x4;
/// `NLM_F_ECHO`.
pub const ECHO: u16 = 0x8;
/// `NLM_F_DUMP`, two bits.
pub const DUMP: u16 = 0x300;
/// `NLA_F_NESTED`.
pub const NESTED: u16 = 0x8000;
/// `NLA_F_NET_BYTEORDER`.
pub const BYTE_ORDER: u16 = 0x4000;

/// A command.
#[derive(Debug)]
pub struct Operation {
    /// Its name in the definition.
    pub name: &'static str,
    /// Its number.
    pub command: u8,
    /// The set that its attributes are numbered in.
    pub attributes: &'static [Field],
    /// What a request may hold; `None` when there is no such request.
    pub single: Option<&'static [Field]>,
    /// What a request for a list may hold; `None` when there is no list.
    pub dump: Option<&'static [Field]>,
}

/// An attribute.
#[derive(Debug)]
pub struct Field {
    /// Its name in the definition.
    pub name: &'static str,
    /// Its number in its set.
    pub number: u16,
    /// What it holds.
    pub kind: Kind,
    /// Least value of a number.
    pub min: u32,
    /// Most bytes of a text, without its terminator.
    pub max_len: Option<usize>,
}

/// What an attribute holds.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A number of this many bytes.
    Number(usize),
    /// Text that ends with a NUL.
    Text,
    /// Bytes.
    Bytes,
    /// Nothing; that it is there says it all.
    Flag,
    /// Attributes of another set.
    Nest(&'static [Field]),
    /// Filling before a number of eight bytes.
    Pad,
}
