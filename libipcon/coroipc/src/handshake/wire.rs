// SPDX-License-Identifier: MIT OR Apache-2.0
//! The messages on the socket, as bytes. No I/O.
//!
//! All begin with eight bytes: `cipc`, the version, the kind. Numbers are in the machine's own order, since both sides
//! are on one machine.

use std::ops::RangeInclusive;

use super::{Reason, Refusal};
use crate::layout::VERSION;
use crate::sizes::Sizes;

/// No message is longer.
pub(crate) const LONGEST: usize = HEADER + 8 + TEXT;

/// The most descriptors that can come with one message, as the kernel has it (`SCM_MAX_FD`).
pub(crate) const MOST_DESCRIPTORS: usize = 253;

const MAGIC: [u8; 4] = *b"cipc";
const HEADER: usize = 8;
/// Bytes of text that a refusal may have.
const TEXT: usize = 200;

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Message {
    /// What a client wants.
    Hello {
        service: u16,
        sizes: Sizes,
        interface: u64,
        /// The most descriptors that may come with a request, or a reply.
        descriptors: u32,
    },
    /// What it gets.
    Welcome { sizes: Sizes, descriptors: u32 },
    /// The client's region and the page of bells come with it.
    Memory,
    /// Requests may come. The server's region comes with it and, if it can be had, a descriptor of the server's process; the
    /// page of bells is sealed.
    Ready,
    /// Instead of `Welcome` or `Ready`, or before the server hangs up.
    Refused(Refusal),
    /// Look into the shared memory.
    Doorbell,
    /// What goes with a request or a reply comes with it: first the memory of the payload, if that is longer than a room, then
    /// the descriptors for the handler, or for whoever waits for the reply. To the server, the number is the one in the
    /// request; to the client, that of the request.
    Attachment { number: u32 },
}

/// Why bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("this is no message of coroipc")]
    Foreign,
    #[error("this is a message of version {0} of the protocol")]
    Version(u16),
    #[error("this is a message of no known kind, or not of its length")]
    Content,
    #[error("this process may have no more descriptors, and lost those that came with a message")]
    NoRoom,
}

impl Message {
    /// Its bytes.
    pub(crate) fn build(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_ne_bytes());
        let kind: u16 = match self {
            Self::Hello { .. } => 1,
            Self::Welcome { .. } => 2,
            Self::Memory => 3,
            Self::Ready => 4,
            Self::Refused(_) => 5,
            Self::Doorbell => 6,
            Self::Attachment { .. } => 7,
        };
        bytes.extend(kind.to_ne_bytes());
        match self {
            Self::Hello {
                service,
                sizes,
                interface,
                descriptors,
            } => {
                bytes.extend(interface.to_ne_bytes());
                put_sizes(&mut bytes, *sizes);
                bytes.extend(u32::from(*service).to_ne_bytes());
                bytes.extend(descriptors.to_ne_bytes());
            }
            Self::Welcome { sizes, descriptors } => {
                put_sizes(&mut bytes, *sizes);
                bytes.extend(descriptors.to_ne_bytes());
            }
            Self::Refused(refusal) => {
                let (number, detail) = refusal.reason().to_wire();
                bytes.extend(number.to_ne_bytes());
                bytes.extend(detail.to_ne_bytes());
                let text = refusal.text();
                bytes.extend(&text.as_bytes()[..text.floor_char_boundary_of(TEXT)]);
            }
            Self::Attachment { number } => bytes.extend(number.to_ne_bytes()),
            Self::Memory | Self::Ready | Self::Doorbell => {}
        }
        bytes
    }

    /// How many descriptors come with it.
    pub(crate) fn descriptors(&self) -> RangeInclusive<usize> {
        match self {
            Self::Memory => 2..=2,
            Self::Ready => 1..=2,
            Self::Attachment { .. } => 1..=MOST_DESCRIPTORS,
            _ => 0..=0,
        }
    }

    /// The message that these bytes are.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let (magic, rest) = bytes.split_first_chunk::<4>().ok_or(Malformed::Foreign)?;
        if *magic != MAGIC {
            return Err(Malformed::Foreign);
        }
        let (version, rest) = rest.split_first_chunk::<2>().ok_or(Malformed::Foreign)?;
        let version = u16::from_ne_bytes(*version);
        if version != VERSION {
            return Err(Malformed::Version(version));
        }
        let (kind, rest) = rest.split_first_chunk::<2>().ok_or(Malformed::Content)?;
        Self::parse_body(u16::from_ne_bytes(*kind), rest).ok_or(Malformed::Content)
    }

    fn parse_body(kind: u16, body: &[u8]) -> Option<Self> {
        let mut body = body;
        let message = match kind {
            1 => {
                let interface = u64::from_ne_bytes(take(&mut body)?);
                let sizes = take_sizes(&mut body)?;
                let service = u16::try_from(u32::from_ne_bytes(take(&mut body)?)).ok()?;
                Self::Hello {
                    service,
                    sizes,
                    interface,
                    descriptors: u32::from_ne_bytes(take(&mut body)?),
                }
            }
            2 => Self::Welcome {
                sizes: take_sizes(&mut body)?,
                descriptors: u32::from_ne_bytes(take(&mut body)?),
            },
            3 => Self::Memory,
            4 => Self::Ready,
            5 => {
                let number = u32::from_ne_bytes(take(&mut body)?);
                let detail = u32::from_ne_bytes(take(&mut body)?);
                let reason = Reason::of_wire(number, detail)?;
                let text = std::str::from_utf8(std::mem::take(&mut body)).ok()?;
                Self::Refused(Refusal::new(reason, text))
            }
            6 => Self::Doorbell,
            7 => Self::Attachment {
                number: u32::from_ne_bytes(take(&mut body)?),
            },
            _ => return None,
        };
        body.is_empty().then_some(message)
    }
}

fn put_sizes(bytes: &mut Vec<u8>, sizes: Sizes) {
    for size in [
        sizes.slots,
        sizes.request,
        sizes.reply,
        sizes.events,
        sizes.large,
    ] {
        bytes.extend(size.to_ne_bytes());
    }
}

fn take_sizes(bytes: &mut &[u8]) -> Option<Sizes> {
    let mut next = || Some(u32::from_ne_bytes(take(bytes)?));
    Some(Sizes {
        slots: next()?,
        request: next()?,
        reply: next()?,
        events: next()?,
        large: next()?,
    })
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*taken)
}

trait FloorCharBoundary {
    /// The longest beginning of at most so many bytes that ends with a whole character.
    fn floor_char_boundary_of(&self, most: usize) -> usize;
}

impl FloorCharBoundary for str {
    fn floor_char_boundary_of(&self, most: usize) -> usize {
        (0..=most.min(self.len()))
            .rev()
            .find(|&at| self.is_char_boundary(at))
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn messages() -> impl Strategy<Value = Message> {
        let sizes = any::<[u32; 5]>().prop_map(|[slots, request, reply, events, large]| Sizes {
            slots,
            request,
            reply,
            events,
            large,
        });
        prop_oneof![
            (any::<u16>(), sizes.clone(), any::<u64>(), any::<u32>()).prop_map(
                |(service, sizes, interface, descriptors)| Message::Hello {
                    service,
                    sizes,
                    interface,
                    descriptors,
                }
            ),
            (sizes, any::<u32>())
                .prop_map(|(sizes, descriptors)| Message::Welcome { sizes, descriptors }),
            Just(Message::Memory),
            Just(Message::Ready),
            Just(Message::Doorbell),
            any::<u32>().prop_map(|number| Message::Attachment { number }),
            (1u32..13, any::<u16>(), "\\PC{0,40}").prop_map(|(number, detail, text)| {
                let reason = Reason::of_wire(number, detail.into()).expect("a known number");
                Message::Refused(Refusal::new(reason, text))
            }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_built_is_parsed(message in messages()) {
            let bytes = message.build();
            prop_assert!(bytes.len() <= LONGEST);
            prop_assert_eq!(Message::parse(&bytes), Ok(message));
        }

        #[test]
        fn nothing_makes_it_panic(bytes: Vec<u8>, kind in 0u16..9) {
            let _ = Message::parse(&bytes);
            let mut headed = [&MAGIC[..], &VERSION.to_ne_bytes(), &kind.to_ne_bytes()].concat();
            headed.extend(bytes);
            let _ = Message::parse(&headed);
        }

        #[test]
        fn nothing_may_be_missing_or_follow(message in messages(), cut in 0usize..40) {
            let mut bytes = message.build();
            if !matches!(message, Message::Refused(_)) {
                bytes.push(0);
                prop_assert!(Message::parse(&bytes).is_err());
                bytes.truncate(bytes.len() - 1 - (cut + 1).min(bytes.len() - 1));
                prop_assert!(Message::parse(&bytes).is_err());
            }
        }
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let refusal = Refusal::denied("é".repeat(150));
        let Ok(Message::Refused(parsed)) = Message::parse(&Message::Refused(refusal).build())
        else {
            panic!("it must be parsed");
        };
        assert_eq!(parsed.text(), "é".repeat(100));
    }

    #[test]
    fn another_version_says_which() {
        let mut bytes = Message::Memory.build();
        bytes[4..6].copy_from_slice(&7u16.to_ne_bytes());
        assert_eq!(Message::parse(&bytes), Err(Malformed::Version(7)));
    }
}
