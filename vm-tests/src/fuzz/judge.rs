// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the kernel must make of a datagram, read from its bytes alone.

use super::bytes::{Attribute, align, attributes, u16_at, u32_at};
use super::table::OPERATIONS;
use super::wire::{ACK, DUMP, ECHO, Field, HEADERS, Kind, NETLINK_HEADER, Operation, REQUEST};

/// Generic netlink numbers its families upwards and never gets here.
const NO_FAMILY: u16 = 0xff00;

/// What must become of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is no request and asks for no acknowledgement, so nothing comes back.
    Silent,
    /// It is no request, but asks for an acknowledgement and gets one.
    Acknowledged,
    /// It is malformed: it is refused and changes nothing.
    Refused {
        /// Whether the refusal must say why in words; generic netlink has none for an unknown family or command or
        /// a message that is too short.
        in_words: bool,
    },
    /// It is well-formed: the bus decides.
    Open,
    /// It is for another family, if there is one of that number.
    Foreign,
}

/// A message of a datagram.
#[derive(Debug, Clone, Copy)]
pub struct Judged<'a> {
    /// Its bytes, header and all, without padding.
    pub bytes: &'a [u8],
    /// What must become of it.
    pub verdict: Verdict,
    /// The operation that it asks for, if there is one.
    pub operation: Option<&'static Operation>,
    /// Whether it asks for a list.
    pub dump: bool,
}

impl Judged<'_> {
    /// The sequence number, which each answer repeats.
    pub fn sequence(&self) -> u32 {
        u32_at(self.bytes, 8)
    }

    /// Whether it asks for an acknowledgement.
    pub fn wants_ack(&self) -> bool {
        u16_at(self.bytes, 6) & ACK != 0
    }
}

/// What the judge must know of the bus.
#[derive(Debug, Clone, Copy)]
pub struct Law {
    /// Number of the family.
    pub family: u16,
    /// Most bytes of a message's payload.
    pub max_msg_len: usize,
}

impl Law {
    /// The messages of a datagram that the kernel looks at. It stops at the first whose length cannot be true.
    pub fn judge<'a>(&self, mut datagram: &'a [u8]) -> Vec<Judged<'a>> {
        let mut judged = Vec::new();
        while datagram.len() >= NETLINK_HEADER {
            let len = u32_at(datagram, 0) as usize;
            if len < NETLINK_HEADER || len > datagram.len() {
                break;
            }
            judged.push(self.message(&datagram[..len]));
            datagram = &datagram[align(len).min(datagram.len())..];
        }
        judged
    }

    fn message<'a>(&self, bytes: &'a [u8]) -> Judged<'a> {
        let flags = u16_at(bytes, 6);
        let dump = flags & DUMP == DUMP;
        let operation = bytes
            .get(NETLINK_HEADER)
            .and_then(|command| OPERATIONS.iter().find(|op| op.command == *command));
        Judged {
            bytes,
            verdict: self.verdict(bytes, operation, dump),
            operation,
            dump,
        }
    }

    fn verdict(&self, bytes: &[u8], operation: Option<&Operation>, dump: bool) -> Verdict {
        let (kind, flags) = (u16_at(bytes, 4), u16_at(bytes, 6));
        let refused = |in_words| Verdict::Refused { in_words };
        if flags & REQUEST == 0 || usize::from(kind) < libc::NLMSG_MIN_TYPE as usize {
            return if flags & ACK == 0 {
                Verdict::Silent
            } else {
                Verdict::Acknowledged
            };
        }
        if kind != self.family && kind < NO_FAMILY {
            return Verdict::Foreign;
        }
        if kind != self.family || bytes.len() < HEADERS {
            return refused(false);
        }
        let beyond = if dump { flags & !DUMP } else { flags };
        if u16_at(bytes, 18) != 0 || beyond & !(REQUEST | ACK | ECHO) != 0 {
            return refused(true);
        }
        let policy = operation.and_then(|op| if dump { op.dump } else { op.single });
        let Some(policy) = policy else {
            return refused(false);
        };
        if self.attributes_fit(policy, &bytes[HEADERS..]) {
            Verdict::Open
        } else {
            refused(true)
        }
    }

    fn attributes_fit(&self, policy: &[Field], bytes: &[u8]) -> bool {
        let (found, rest) = attributes(bytes);
        let fits = |attribute: &Attribute<'_>| {
            policy
                .iter()
                .find(|field| field.number == attribute.number)
                .is_some_and(|field| fits(field, attribute))
        };
        rest == 0
            && found.iter().all(fits)
            && policy.iter().all(|field| {
                // The last of several counts.
                match found.iter().rfind(|a| a.number == field.number) {
                    Some(attribute) => self.content_fits(field, attribute.payload),
                    None => !is_required(field),
                }
            })
    }

    /// What the module itself asks of an attribute.
    fn content_fits(&self, field: &Field, payload: &[u8]) -> bool {
        match (field.kind, field.name) {
            (Kind::Text, _) => is_name(payload.strip_suffix(&[0]).unwrap_or(payload)),
            (Kind::Bytes, "data") => (1..=self.max_msg_len).contains(&payload.len()),
            _ => true,
        }
    }
}

/// Whether no request does without it. Of an attribute that is not named here the bus decides.
fn is_required(field: &Field) -> bool {
    ["name", "group", "port", "data"].contains(&field.name)
}

/// What the policy of the kernel asks of an attribute.
fn fits(field: &Field, attribute: &Attribute<'_>) -> bool {
    let payload = attribute.payload;
    let nest = matches!(field.kind, Kind::Nest(_));
    if attribute.nested != nest {
        return false;
    }
    match field.kind {
        Kind::Number(len) => payload.len() == len && little(payload) >= u64::from(field.min),
        Kind::Text => {
            let within = field.max_len.map_or(payload.len(), |max| max + 1);
            let len = payload.strip_suffix(&[0]).unwrap_or(payload).len();
            payload.iter().take(within).any(|byte| *byte == 0)
                && field.max_len.is_none_or(|max| len <= max)
        }
        Kind::Bytes => field.max_len.is_none_or(|max| payload.len() <= max),
        Kind::Flag => payload.is_empty(),
        Kind::Nest(_) => true,
        Kind::Pad => false,
    }
}

/// A number of any width.
fn little(payload: &[u8]) -> u64 {
    let mut wide = [0; 8];
    wide[..payload.len()].copy_from_slice(payload);
    u64::from_le_bytes(wide)
}

/// Whether the bus takes this for a name, as far as the policy has not decided that.
fn is_name(name: &[u8]) -> bool {
    let control = |byte: &u8| *byte < 0x20 || *byte == 0x7f;
    let c1 = |pair: &[u8]| pair[0] == 0xc2 && (0x80..0xa0).contains(&pair[1]);
    !name.is_empty() && !name.iter().any(control) && !name.windows(2).any(c1)
}
