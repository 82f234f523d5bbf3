// SPDX-License-Identifier: MIT OR Apache-2.0
//! Netlink messages in what one receive call brought, and what each of them says.

use neli::consts::nl::{NlmF, Nlmsg};

use super::{Attributes, GENERIC_HEADER, Malformed, NETLINK_HEADER, align, u16_at, u32_at};

/// Number of the text in the extended acknowledgement.
const ERROR_TEXT: u16 = 1;

/// The netlink messages in a datagram.
#[derive(Debug, Clone)]
pub(crate) struct Frames<'a> {
    rest: &'a [u8],
}

/// One netlink message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    kind: u16,
    flags: NlmF,
    pub(crate) sequence: u32,
    payload: &'a [u8],
}

/// What a netlink message says.
#[derive(Debug)]
pub(crate) enum Answer<'a> {
    /// The request is done, or the dump ends.
    Done,
    /// The request failed.
    Refused {
        /// A positive error number.
        errno: i32,
        /// The kernel's words.
        text: Option<String>,
    },
    /// A message of a generic netlink family.
    Data {
        family: u16,
        command: u8,
        attributes: Attributes<'a>,
    },
    /// Nothing of interest.
    Nothing,
}

impl<'a> Frames<'a> {
    pub(crate) fn new(datagram: &'a [u8]) -> Self {
        Self { rest: datagram }
    }

    fn take_one(&mut self) -> Option<Frame<'a>> {
        let len = usize::try_from(u32_at(self.rest, 0)?).ok()?;
        let frame = Frame {
            kind: u16_at(self.rest, 4)?,
            flags: NlmF::from_bits_retain(u16_at(self.rest, 6)?),
            sequence: u32_at(self.rest, 8)?,
            payload: self.rest.get(NETLINK_HEADER..len)?,
        };
        self.rest = self.rest.get(align(len)..).unwrap_or_default();
        Some(frame)
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<Frame<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let frame = self.take_one();
        if frame.is_none() {
            self.rest = &[];
        }
        Some(frame.ok_or(Malformed::Header))
    }
}

impl<'a> Frame<'a> {
    /// The dump did not see one state of the bus.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.flags.contains(NlmF::DUMP_INTR)
    }

    /// Reads what the message says.
    pub(crate) fn answer(&self) -> Result<Answer<'a>, Malformed> {
        if self.kind == u16::from(Nlmsg::Noop) {
            Ok(Answer::Nothing)
        } else if self.kind == u16::from(Nlmsg::Error) {
            self.error()
        } else if self.kind == u16::from(Nlmsg::Done) {
            self.end_of_dump()
        } else {
            let command = *self.payload.first().ok_or(Malformed::Header)?;
            let bytes = self
                .payload
                .get(GENERIC_HEADER..)
                .ok_or(Malformed::Header)?;
            Ok(Answer::Data {
                family: self.kind,
                command,
                attributes: Attributes::new(bytes),
            })
        }
    }

    /// An error code, the header of the request, the rest of the request unless left out, then
    /// attributes if there are any.
    fn error(&self) -> Result<Answer<'a>, Malformed> {
        let code = u32_at(self.payload, 0)
            .ok_or(Malformed::Header)?
            .cast_signed();
        let request_len = u32_at(self.payload, 4).ok_or(Malformed::Header)?;
        let request_len = if self.flags.contains(NlmF::CAPPED) {
            NETLINK_HEADER
        } else {
            usize::try_from(request_len).map_err(|_| Malformed::Header)?
        };
        let extension = 4_usize.saturating_add(align(request_len));
        Ok(self.outcome(code, self.payload.get(extension..).unwrap_or_default()))
    }

    /// An error code, then attributes if there are any; an old kernel sends neither.
    fn end_of_dump(&self) -> Result<Answer<'a>, Malformed> {
        let code = u32_at(self.payload, 0).unwrap_or(0).cast_signed();
        Ok(self.outcome(code, self.payload.get(4..).unwrap_or_default()))
    }

    fn outcome(&self, code: i32, extension: &[u8]) -> Answer<'a> {
        if code == 0 {
            return Answer::Done;
        }
        let text = self.flags.contains(NlmF::ACK_TLVS).then(|| {
            // A mangled extension must not hide the error itself.
            Attributes::new(extension)
                .flatten()
                .find(|attribute| attribute.number == ERROR_TEXT)
                .map(|attribute| attribute.text())
        });
        Answer::Refused {
            errno: code.saturating_neg(),
            text: text.flatten(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u16, flags: NlmF, payload: &[u8]) -> Vec<u8> {
        let len = u32::try_from(NETLINK_HEADER + payload.len()).unwrap();
        let mut bytes = len.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(flags.bits().to_ne_bytes());
        bytes.extend(77_u32.to_ne_bytes());
        bytes.extend(0_u32.to_ne_bytes());
        bytes.extend(payload);
        bytes.resize(align(bytes.len()), 0);
        bytes
    }

    fn refusal(flags: NlmF, echo: usize) -> Vec<u8> {
        let mut payload = (-17_i32).to_ne_bytes().to_vec();
        let request_len = u32::try_from(NETLINK_HEADER + echo).unwrap();
        payload.extend(request_len.to_ne_bytes());
        payload.resize(4 + NETLINK_HEADER, 0);
        if !flags.contains(NlmF::CAPPED) {
            payload.resize(4 + align(NETLINK_HEADER + echo), 0xee);
        }
        payload.extend(10_u16.to_ne_bytes());
        payload.extend(ERROR_TEXT.to_ne_bytes());
        payload.extend(b"taken\0\0\0");
        frame(u16::from(Nlmsg::Error), flags, &payload)
    }

    #[test]
    fn the_text_of_a_refusal_is_found_with_and_without_the_request() {
        for (flags, echo) in [(NlmF::CAPPED, 64), (NlmF::empty(), 63), (NlmF::empty(), 0)] {
            let bytes = refusal(flags | NlmF::ACK_TLVS, echo);
            let frame = Frames::new(&bytes).next().unwrap().unwrap();
            assert_eq!(frame.sequence, 77);
            let Answer::Refused { errno, text } = frame.answer().unwrap() else {
                panic!()
            };
            assert_eq!((errno, text.as_deref()), (17, Some("taken")));
        }
    }

    #[test]
    fn an_error_of_zero_is_an_acknowledgement() {
        let bytes = frame(u16::from(Nlmsg::Error), NlmF::CAPPED, &[0; 20]);
        let answer = Frames::new(&bytes)
            .next()
            .unwrap()
            .unwrap()
            .answer()
            .unwrap();
        assert!(matches!(answer, Answer::Done));
    }

    #[test]
    fn a_dump_ends_well_or_with_an_error_and_tells_of_interruption() {
        let bytes = frame(u16::from(Nlmsg::Done), NlmF::DUMP_INTR, &[0; 4]);
        let end = Frames::new(&bytes).next().unwrap().unwrap();
        assert!(end.is_interrupted());
        assert!(matches!(end.answer().unwrap(), Answer::Done));

        let bytes = frame(
            u16::from(Nlmsg::Done),
            NlmF::empty(),
            &(-12_i32).to_ne_bytes(),
        );
        let end = Frames::new(&bytes).next().unwrap().unwrap();
        assert!(!end.is_interrupted());
        assert!(matches!(
            end.answer().unwrap(),
            Answer::Refused {
                errno: 12,
                text: None
            }
        ));
    }

    #[test]
    fn several_messages_in_a_datagram_are_all_seen() {
        let mut bytes = frame(20, NlmF::MULTI, &[3, 1, 0, 0]);
        bytes.extend(frame(20, NlmF::MULTI, &[4, 1, 0, 0, 5, 0, 1, 0, 9]));
        bytes.extend(frame(u16::from(Nlmsg::Done), NlmF::MULTI, &[0; 4]));
        let commands: Vec<_> = Frames::new(&bytes)
            .map(|frame| match frame.unwrap().answer().unwrap() {
                Answer::Data {
                    family: 20,
                    command,
                    attributes,
                } => (command, attributes.count()),
                _ => (0, 0),
            })
            .collect();
        assert_eq!(commands, [(3, 0), (4, 1), (0, 0)]);
    }

    #[test]
    fn a_length_that_does_not_fit_is_malformed() {
        let mut bytes = frame(20, NlmF::empty(), &[3, 1, 0, 0]);
        for len in [0_u32, 15, 21, u32::MAX] {
            bytes[..4].copy_from_slice(&len.to_ne_bytes());
            let read: Vec<_> = Frames::new(&bytes).map(|frame| frame.map(|_| ())).collect();
            assert_eq!(read, [Err(Malformed::Header)], "{len}");
        }
    }
}
