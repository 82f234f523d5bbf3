// SPDX-License-Identifier: MIT OR Apache-2.0
//! Building and reading netlink messages of the family, without any I/O.
//!
//! Whatever bytes come in, reading them neither panics nor reads past their end nor allocates more than
//! they are long. neli's typed messages are not used here: they copy each attribute into a vector of its
//! own, subtract lengths that they have not checked, and want each error to repeat the whole request,
//! payload included. The tests let neli read what is built here and build what is read.

mod attribute;
mod chunk;
mod error;
mod frame;
mod handshake;
mod kevent;
mod message;
mod request;
mod rows;
#[cfg(test)]
mod tests;
pub(crate) mod uapi;

pub(crate) use attribute::Attributes;
pub(crate) use chunk::Chunk;
pub(crate) use error::Malformed;
pub(crate) use frame::{Answer, Frames};
pub(crate) use handshake::{family_number, welcome};
pub(crate) use kevent::event;
pub(crate) use message::Incoming;
pub(crate) use request::{Flags, Request, Unfit, attribute_len, padding, request_len};
pub(crate) use rows::{bus, group, member, peer, service};

/// Bytes of `struct nlmsghdr`.
const NETLINK_HEADER: usize = 16;
/// Bytes of `struct genlmsghdr`.
const GENERIC_HEADER: usize = 4;
/// Bytes of `struct nlattr`.
const ATTRIBUTE_HEADER: usize = 4;

/// Bytes of the shortest `message` with a payload of `data` bytes: the headers, its port and its data.
pub(crate) const fn least_message(data: usize) -> usize {
    NETLINK_HEADER + GENERIC_HEADER + (ATTRIBUTE_HEADER + 4) + ATTRIBUTE_HEADER + data
}

/// Room for the largest message that the kernel sends to a peer.
pub(crate) const LARGEST_MESSAGE: usize = least_message(uapi::MAX_MSG_LEN_LIMIT) + 512;

/// Netlink aligns headers and attributes to four bytes.
const fn align(len: usize) -> usize {
    len.saturating_add(3) & !3
}

/// The four bytes at `at`.
fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The two bytes at `at`.
fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}
