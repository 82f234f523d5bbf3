// SPDX-License-Identifier: MIT OR Apache-2.0
//! `struct ipcon_msg` of the program, whose size the program chooses with `IPCON_MAX_MSG_LEN`.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::slice;

use libipcon::{Origin, Received};

use crate::errno::Errno;
use crate::uapi::{GROUP_NAME_MAX_LEN, KEVENT_GROUP, MAX_MSG_LEN_LIMIT};

/// What `IPCON_MAX_MSG_LEN` is in a program that does not define it.
pub(crate) const DEFAULT_ROOM: usize = 512;

const NORMAL: u32 = 1;
const GROUP: u32 = 2;

/// The fields before the payload.
#[repr(C)]
#[derive(Debug, PartialEq, Eq)]
struct Head {
    kind: u32,
    group: [u8; GROUP_NAME_MAX_LEN + 1],
    port: u32,
}

/// Where a message goes: a `struct ipcon_msg` of the program.
pub(crate) struct Destination<'a> {
    head: *mut Head,
    payload: &'a mut [u8],
    len: *mut u32,
}

impl Destination<'_> {
    /// The struct at `im` whose payload has `room` bytes.
    ///
    /// # Safety
    ///
    /// Unless it is NULL, the struct lies in memory that may be written to and that nobody else uses for as long as
    /// this object lives. It need not be aligned.
    pub(crate) unsafe fn new(im: *mut c_void, room: usize) -> Result<Self, Errno> {
        if im.is_null() || room == 0 || room > MAX_MSG_LEN_LIMIT {
            return Err(Errno::INVAL);
        }
        let payload = size_of::<Head>();
        let len = (payload + room).next_multiple_of(align_of::<u32>());
        // SAFETY: Both offsets are inside the struct. Its memory is the caller's alone for now, and whatever is in
        // there, the program's memory is bytes.
        unsafe {
            let start = im.cast::<u8>();
            Ok(Self {
                head: start.cast(),
                payload: slice::from_raw_parts_mut(start.add(payload), room),
                len: start.add(len).cast(),
            })
        }
    }

    /// Where the payload goes.
    pub(crate) fn payload(&mut self) -> &mut [u8] {
        self.payload
    }

    /// Fills in what is not the payload.
    pub(crate) fn describe(&mut self, received: &Received) {
        let head = head(received.origin);
        // SAFETY: By the requirements of `new`.
        unsafe { self.head.write_unaligned(head) };
        self.set_len(received.len);
    }

    /// Sets the length alone.
    pub(crate) fn set_len(&mut self, len: usize) {
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        // SAFETY: By the requirements of `new`.
        unsafe { self.len.write_unaligned(len) };
    }
}

fn head(origin: Origin) -> Head {
    match origin {
        Origin::Peer(port) => Head {
            kind: NORMAL,
            group: [0; GROUP_NAME_MAX_LEN + 1],
            port: port.get(),
        },
        Origin::Group { name, from } => Head {
            kind: GROUP,
            group: padded(name.as_bytes()),
            port: from.get(),
        },
        Origin::Kevent(_) => Head {
            kind: GROUP,
            group: padded(KEVENT_GROUP.as_bytes()),
            port: 0,
        },
    }
}

/// A name with zeros after it. The wire has none that is longer than a group's.
fn padded(name: &[u8]) -> [u8; GROUP_NAME_MAX_LEN + 1] {
    let mut field = [0; GROUP_NAME_MAX_LEN + 1];
    for (to, from) in field.iter_mut().zip(name.iter().take(GROUP_NAME_MAX_LEN)) {
        *to = *from;
    }
    field
}

#[cfg(test)]
mod tests {
    use libipcon::{KeventMeta, Name, Port};
    use std::time::Duration;

    use super::*;

    fn received(origin: Origin, len: usize) -> Received {
        Received {
            origin,
            len,
            replay: false,
            lost: 0,
            credentials: None,
        }
    }

    /// Fills a struct that begins at an odd address, with guards around it.
    fn fill(room: usize, origin: Origin, data: &[u8]) -> Vec<u8> {
        let size = (24 + room).next_multiple_of(4) + 4;
        let mut memory = vec![0xee; size + 2];
        // SAFETY: The memory has the size of the struct and is used by nobody else meanwhile.
        let mut to = unsafe { Destination::new(memory[1..].as_mut_ptr().cast(), room) }.unwrap();
        to.payload()[..data.len()].copy_from_slice(data);
        to.describe(&received(origin, data.len()));
        assert_eq!((memory[0], memory[size + 1]), (0xee, 0xee), "room {room}");
        memory[1..=size].to_vec()
    }

    #[test]
    fn a_message_of_a_peer_has_its_port_and_no_group() {
        let peer = Origin::Peer(Port::new(0x0102_0304).unwrap());
        for room in [512, 513, 514, 515, 1, 65_000] {
            let bytes = fill(room, peer, b"x");
            assert_eq!(bytes[..4], 1_u32.to_ne_bytes());
            assert_eq!(bytes[4..20], [0; 16]);
            assert_eq!(bytes[20..24], 0x0102_0304_u32.to_ne_bytes());
            assert_eq!(bytes[24], b'x');
            assert_eq!(bytes[bytes.len() - 4..], 1_u32.to_ne_bytes());
        }
    }

    #[test]
    fn a_message_of_a_group_has_its_name() {
        let name = Name::new("n".repeat(15)).unwrap();
        let from = Port::new(9).unwrap();
        let bytes = fill(512, Origin::Group { name, from }, b"ab");
        assert_eq!(bytes[..4], 2_u32.to_ne_bytes());
        assert_eq!(bytes[4..20], *b"nnnnnnnnnnnnnnn\0");
        assert_eq!(bytes[20..24], 9_u32.to_ne_bytes());

        let meta = KeventMeta {
            sequence: 1,
            time: Duration::ZERO,
            pid: 1,
        };
        let bytes = fill(512, Origin::Kevent(meta), b"ab");
        assert_eq!(bytes[4..20], *b"ipcon_kevent\0\0\0\0");
        assert_eq!(bytes[20..24], [0; 4]);
    }

    /// Or the library would write beyond the struct of a program that defines nothing.
    #[test]
    fn the_default_is_that_of_the_header() {
        let header = include_str!("../include/ipcon.h");
        let line = format!("#define IPCON_DEFAULT_MSG_LEN\t{DEFAULT_ROOM}");
        assert!(header.lines().any(|it| it == line), "{line}");
        let header = include_str!("../include/libipcon.h");
        for line in [
            format!("\tIPCON_NORMAL_MSG = {NORMAL},"),
            format!("\tIPCON_GROUP_MSG = {GROUP}"),
        ] {
            assert!(header.lines().any(|it| it == line), "{line}");
        }
    }

    #[test]
    fn no_struct_is_refused() {
        let mut memory = [0_u8; 64];
        let at = memory.as_mut_ptr().cast();
        let null = std::ptr::null_mut();
        for (im, room) in [(null, 512), (at, 0), (at, 65_001), (at, usize::MAX)] {
            // SAFETY: It is refused before it is used.
            let refused = unsafe { Destination::new(im, room) };
            assert!(refused.is_err(), "room {room}");
        }
    }
}
