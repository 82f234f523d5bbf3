// SPDX-License-Identifier: MIT OR Apache-2.0

//! The ways in which a request is spoiled.

use fastrand::Rng;

use super::bytes::align;
use super::wire::{ACK, BYTE_ORDER, DUMP, ECHO, HEADERS, NESTED, NETLINK_HEADER};

/// One way to spoil a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each is what its name says")]
pub enum Mutation {
    AttributeMissing,
    AttributeTwice,
    OrderReversed,
    UnknownAttribute,
    AttributeOfAnotherOperation,
    WrongLength,
    LengthBeyondMessage,
    LengthBelowHeader,
    NestedFlag,
    ByteOrderFlag,
    DeepNest,
    TextWithoutEnd,
    NulInside,
    ControlCharacter,
    HighBytes,
    TextTooLong,
    TextEmpty,
    DataAroundLimit,
    DataEmpty,
    ExtremeNumber,
    TrailingBytes,
    Truncated,
    CutShort,
    LengthOfAnotherMessage,
    UnknownCommand,
    OtherVersion,
    OtherFamily,
    Reserved,
    FlagMix,
    NoRequest,
    DumpFlag,
}

impl Mutation {
    /// All of them.
    pub const ALL: [Self; 31] = {
        use Mutation as M;
        [
            M::AttributeMissing,
            M::AttributeTwice,
            M::OrderReversed,
            M::UnknownAttribute,
            M::AttributeOfAnotherOperation,
            M::WrongLength,
            M::LengthBeyondMessage,
            M::LengthBelowHeader,
            M::NestedFlag,
            M::ByteOrderFlag,
            M::DeepNest,
            M::TextWithoutEnd,
            M::NulInside,
            M::ControlCharacter,
            M::HighBytes,
            M::TextTooLong,
            M::TextEmpty,
            M::DataAroundLimit,
            M::DataEmpty,
            M::ExtremeNumber,
            M::TrailingBytes,
            M::Truncated,
            M::CutShort,
            M::LengthOfAnotherMessage,
            M::UnknownCommand,
            M::OtherVersion,
            M::OtherFamily,
            M::Reserved,
            M::FlagMix,
            M::NoRequest,
            M::DumpFlag,
        ]
    };
}

/// An attribute that may lie about itself.
#[derive(Debug, Clone)]
pub(super) struct Attribute {
    pub(super) kind: u16,
    pub(super) payload: Vec<u8>,
    /// The length that it claims, when that is not the true one.
    pub(super) claimed: Option<u16>,
}

/// A request that may lie about itself.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) family: u16,
    pub(super) flags: u16,
    pub(super) sequence: u32,
    pub(super) command: u8,
    pub(super) version: u8,
    pub(super) reserved: u16,
    pub(super) attributes: Vec<Attribute>,
    pub(super) trailing: Vec<u8>,
    /// Bytes of the message that stay, when it is cut.
    pub(super) cut: Option<Cut>,
    /// Added to the length that the message claims.
    pub(super) off_by: i64,
}

/// A message that ends early.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    /// The share of the message that stays, in 65,536ths.
    pub(super) share: u16,
    /// Whether the length in the header is that of what stays.
    pub(super) told: bool,
}

impl Draft {
    /// Spoils it. What does not apply, such as a text that ends wrongly where there is none, changes nothing.
    pub(super) fn apply(&mut self, mutation: Mutation, rng: &mut Rng, max_msg_len: usize) {
        use Mutation as M;
        match mutation {
            M::AttributeMissing => drop(self.take(rng)),
            M::AttributeTwice => {
                if let Some(copy) = rng.choice(&self.attributes).cloned() {
                    self.attributes.push(copy);
                }
            }
            M::OrderReversed => self.attributes.reverse(),
            M::UnknownAttribute => {
                let kind = *rng.choice(&[0, 31, 200, 0x3fff]).unwrap_or(&0);
                self.insert(rng, kind);
            }
            M::AttributeOfAnotherOperation => {
                let kind = rng.u16(1..20);
                self.insert(rng, kind);
            }
            M::WrongLength => self.change(rng, |rng, a| {
                let len = a.payload.len();
                let lens = [0, 1, 3, 8, len + 1, len.saturating_sub(1)];
                a.payload.resize(lens[rng.usize(..lens.len())], 0);
            }),
            M::LengthBeyondMessage => self.change(rng, |rng, a| {
                let true_len = a.payload.len() as u16 + 4;
                let lens = [
                    true_len.saturating_add(1),
                    true_len.saturating_add(64),
                    0xffff,
                ];
                a.claimed = Some(lens[rng.usize(..lens.len())]);
            }),
            M::LengthBelowHeader => self.change(rng, |rng, a| a.claimed = Some(rng.u16(0..4))),
            M::NestedFlag => self.change(rng, |_, a| a.kind |= NESTED),
            M::ByteOrderFlag => self.change(rng, |_, a| a.kind |= BYTE_ORDER),
            M::DeepNest => self.change(rng, |rng, a| {
                for _ in 0..rng.usize(1..40) {
                    let mut outer = (a.payload.len() as u16 + 4).to_ne_bytes().to_vec();
                    outer.extend((NESTED | 1).to_ne_bytes());
                    outer.append(&mut a.payload);
                    outer.resize(align(outer.len()), 0);
                    a.payload = outer;
                    if a.payload.len() > 1000 {
                        break;
                    }
                }
                a.kind |= NESTED;
            }),
            M::TextWithoutEnd => self.text(rng, |_, text| text.truncate(text.len() - 1)),
            M::NulInside => self.text(rng, |rng, text| {
                let at = rng.usize(..text.len());
                text.insert(at, 0);
            }),
            M::ControlCharacter => self.text(rng, |rng, text| {
                let control: [&[u8]; 5] = [b"\x1b", b"\n", b"\x7f", b"\x01", b"\xc2\x9b"];
                let at = rng.usize(..text.len());
                let bytes = control[rng.usize(..control.len())];
                text.splice(at..at, bytes.iter().copied());
            }),
            M::HighBytes => self.text(rng, |_, text| {
                let end = text.len() - 1;
                text[..end].fill(0xff);
            }),
            M::TextTooLong => self.text(rng, |rng, text| {
                let len = [15, 16, 17, 31, 32, 33, 300][rng.usize(..7)];
                *text = vec![b'n'; len];
                text.push(0);
            }),
            M::TextEmpty => self.text(rng, |_, text| *text = vec![0]),
            M::DataAroundLimit => self.change_longest(rng, |rng, a| {
                let lens = [
                    max_msg_len - 1,
                    max_msg_len,
                    max_msg_len + 1,
                    65_530,
                    65_531,
                ];
                a.payload.resize(lens[rng.usize(..lens.len())], 0xa5);
            }),
            M::DataEmpty => self.change_longest(rng, |_, a| a.payload.clear()),
            M::ExtremeNumber => self.change(rng, |rng, a| {
                if a.payload.len() == 4 {
                    let numbers = [0, 1, u32::MAX, i32::MAX as u32, 1 << 31];
                    a.payload = numbers[rng.usize(..numbers.len())].to_ne_bytes().to_vec();
                }
            }),
            M::TrailingBytes => self.trailing = vec![rng.u8(..); rng.usize(1..9)],
            M::Truncated | M::CutShort => {
                let told = mutation == M::Truncated;
                self.cut = Some(Cut {
                    share: rng.u16(..),
                    told,
                });
            }
            M::LengthOfAnotherMessage => {
                let off = [
                    -20,
                    -8,
                    -4,
                    -1,
                    1,
                    2,
                    3,
                    4,
                    16,
                    100,
                    70_000,
                    i64::from(u32::MAX),
                ];
                self.off_by = off[rng.usize(..off.len())];
            }
            M::UnknownCommand => {
                self.command = *rng.choice(&[0, 16, 17, 99, 255]).unwrap_or(&0);
            }
            M::OtherVersion => self.version = rng.u8(..),
            // Small numbers are netlink's own; others could be families that are there.
            M::OtherFamily => {
                self.family = *rng
                    .choice(&[0, 1, 2, 3, 4, 15, 0xfffe, 0xffff])
                    .unwrap_or(&0);
            }
            M::Reserved => self.reserved = 1 << rng.u8(0..16),
            M::FlagMix => self.flags ^= 1 << rng.u8(0..16),
            M::NoRequest => self.flags = *rng.choice(&[0, ACK, ECHO]).unwrap_or(&0),
            M::DumpFlag => self.flags ^= DUMP,
        }
    }

    fn take(&mut self, rng: &mut Rng) -> Option<Attribute> {
        let count = self.attributes.len();
        (count > 0).then(|| self.attributes.remove(rng.usize(..count)))
    }

    fn insert(&mut self, rng: &mut Rng, kind: u16) {
        let at = rng.usize(..=self.attributes.len());
        let payload = vec![rng.u8(..); [0, 4, 8, 5][rng.usize(..4)]];
        self.attributes.insert(
            at,
            Attribute {
                kind,
                payload,
                claimed: None,
            },
        );
    }

    fn change(&mut self, rng: &mut Rng, change: impl FnOnce(&mut Rng, &mut Attribute)) {
        let count = self.attributes.len();
        if count > 0 {
            let at = rng.usize(..count);
            change(rng, &mut self.attributes[at]);
        }
    }

    /// Changes the last attribute, which in sending is the data.
    fn change_longest(&mut self, rng: &mut Rng, change: impl FnOnce(&mut Rng, &mut Attribute)) {
        if let Some(attribute) = self.attributes.last_mut() {
            change(rng, attribute);
        }
    }

    /// Changes an attribute that looks like text.
    fn text(&mut self, rng: &mut Rng, change: impl FnOnce(&mut Rng, &mut Vec<u8>)) {
        let text = self
            .attributes
            .iter_mut()
            .find(|a| a.payload.len() > 1 && a.payload.last() == Some(&0));
        if let Some(attribute) = text {
            change(rng, &mut attribute.payload);
        }
    }

    /// The bytes.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; NETLINK_HEADER];
        bytes.extend([self.command, self.version]);
        bytes.extend(self.reserved.to_ne_bytes());
        debug_assert_eq!(bytes.len(), HEADERS);
        for attribute in &self.attributes {
            let len = attribute.payload.len().min(super::wire::LARGEST_ATTRIBUTE);
            let claimed = attribute.claimed.unwrap_or(len as u16 + 4);
            bytes.extend(claimed.to_ne_bytes());
            bytes.extend(attribute.kind.to_ne_bytes());
            bytes.extend(&attribute.payload[..len]);
            bytes.resize(align(bytes.len()), 0);
        }
        bytes.extend(&self.trailing);
        let whole = bytes.len();
        if let Some(cut) = self.cut {
            bytes.truncate((whole * usize::from(cut.share)) >> 16);
        }
        let len = match self.cut {
            Some(Cut { told: true, .. }) => bytes.len(),
            _ => whole,
        };
        let claimed = (len as i64)
            .saturating_add(self.off_by)
            .clamp(0, i64::from(u32::MAX));
        let mut header = (claimed as u32).to_ne_bytes().to_vec();
        header.extend(self.family.to_ne_bytes());
        header.extend(self.flags.to_ne_bytes());
        header.extend(self.sequence.to_ne_bytes());
        header.extend([0; 4]);
        let end = bytes.len().min(NETLINK_HEADER);
        bytes[..end].copy_from_slice(&header[..end]);
        bytes
    }
}
