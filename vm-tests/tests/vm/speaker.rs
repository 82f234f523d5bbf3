// SPDX-License-Identifier: MIT OR Apache-2.0

//! A netlink socket without manners: it sends what the library never would.

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};

use neli::consts::nl::{NlmF, NlmsgerrAttr};
use neli::consts::socket::{Msg, NlFamily};
use neli::socket::NlSocket;
use neli::utils::Groups;
use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, UCred, sendmsg};

use crate::uapi;

const NLMSG_ERROR: u16 = libc::NLMSG_ERROR as u16;
const HEADER: usize = 16;
const GENL_HEADER: usize = 4;

/// A generic netlink socket and the number of the family.
pub(crate) struct Speaker {
    socket: NlSocket,
    family: u16,
    sequence: u32,
}

/// The kernel's no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) errno: i32,
    pub(crate) text: Option<String>,
    /// The attribute that the kernel pointed at, or missed.
    pub(crate) blamed: Option<Blamed>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blamed {
    Bad(u16),
    Missing(u16),
}

/// What comes out of the queue of a socket; the bytes are the attributes.
#[derive(Debug)]
pub(crate) enum Received {
    /// A message of the bus.
    Message(Vec<u8>),
    /// The answer to a request.
    Reply(Vec<u8>),
    /// How the request ended.
    Verdict(Result<(), Refusal>),
}

/// An attribute as it goes into a request: its number and its payload.
pub(crate) type Attribute<'a> = (u16, &'a [u8]);

impl Speaker {
    /// A socket with a port that the kernel chose.
    pub(crate) fn open() -> Self {
        Self::bind(None)
    }

    /// A socket with this port.
    pub(crate) fn at(port: u32) -> Self {
        Self::bind(Some(port))
    }

    /// A socket with this port, if it is free.
    pub(crate) fn try_at(port: u32) -> Option<Self> {
        let socket = NlSocket::new(NlFamily::Generic).unwrap();
        socket.bind(Some(port), Groups::empty()).ok()?;
        Some(Self::over(socket))
    }

    fn bind(port: Option<u32>) -> Self {
        let socket = NlSocket::new(NlFamily::Generic).unwrap();
        socket.bind(port, Groups::empty()).unwrap();
        Self::over(socket)
    }

    fn over(socket: NlSocket) -> Self {
        socket.enable_ext_ack(true).unwrap();
        let mut speaker = Self {
            socket,
            family: libc::GENL_ID_CTRL as u16,
            sequence: 0,
        };
        let name = terminated(uapi::FAMILY_NAME);
        let getfamily = u8::try_from(libc::CTRL_CMD_GETFAMILY).unwrap();
        let answer = speaker
            .ask(getfamily, &[(libc::CTRL_ATTR_FAMILY_NAME as u16, &name)])
            .unwrap();
        let number = find(&answer[0], libc::CTRL_ATTR_FAMILY_ID as u16).unwrap();
        speaker.family = u16::from_ne_bytes(number.try_into().unwrap());
        speaker
    }

    /// Makes this socket a peer, which receives on it.
    pub(crate) fn peer() -> Self {
        let mut speaker = Self::open();
        speaker.become_peer();
        speaker
    }

    /// The receive socket and the control socket of a new peer.
    pub(crate) fn pair() -> (Self, Self) {
        let (mut receive, mut control) = (Self::open(), Self::open());
        let port = control.port().to_ne_bytes();
        receive
            .ask(uapi::cmd::PEER_NEW, &[(uapi::attr::peer::CTL_PORT, &port)])
            .unwrap();
        let port = receive.port().to_ne_bytes();
        control
            .ask(uapi::cmd::PEER_ATTACH, &[(uapi::attr::peer::PORT, &port)])
            .unwrap();
        (receive, control)
    }

    /// Makes this socket a peer, and gives the id of the peer.
    pub(crate) fn become_peer(&mut self) -> u64 {
        self.try_become_peer().unwrap()
    }

    /// Makes this socket a peer unless that is refused, and gives the id of the peer.
    pub(crate) fn try_become_peer(&mut self) -> Result<u64, Refusal> {
        let answer = self.ask(uapi::cmd::PEER_NEW, &[])?;
        let id = find(&answer[0], uapi::attr::peer::ID).unwrap();
        Ok(u64::from_ne_bytes(id.try_into().unwrap()))
    }

    /// The number of the family.
    pub(crate) fn family(&self) -> u16 {
        self.family
    }

    /// Sets SO_RCVBUF; the kernel doubles it, and lowers what is above rmem_max.
    pub(crate) fn set_queue_limit(&self, bytes: usize) {
        // SAFETY: The descriptor belongs to the socket, which outlives the call.
        let socket = unsafe { BorrowedFd::borrow_raw(self.socket.as_raw_fd()) };
        rustix::net::sockopt::set_socket_recv_buffer_size(socket, bytes).unwrap();
    }

    /// The netlink port of the socket.
    pub(crate) fn port(&self) -> u32 {
        self.socket.pid().unwrap()
    }

    /// Sends a request and gives the attributes of each answer.
    pub(crate) fn ask(
        &mut self,
        cmd: u8,
        attributes: &[Attribute<'_>],
    ) -> Result<Vec<Vec<u8>>, Refusal> {
        let mut body = Vec::new();
        for (number, payload) in attributes {
            body.extend(attribute(*number, payload));
        }
        self.ask_raw(cmd, &body)
    }

    /// Sends a request with these bytes after its headers, asking for an acknowledgement.
    pub(crate) fn ask_raw(&mut self, cmd: u8, body: &[u8]) -> Result<Vec<Vec<u8>>, Refusal> {
        self.send(NlmF::REQUEST | NlmF::ACK, cmd, body);
        self.answers()
    }

    /// Sends a request like [`ask`](Self::ask), and claims to be somebody else.
    pub(crate) fn ask_as(
        &mut self,
        claimed: UCred,
        cmd: u8,
        attributes: &[Attribute<'_>],
    ) -> Result<Vec<Vec<u8>>, Refusal> {
        let mut body = Vec::new();
        for (number, payload) in attributes {
            body.extend(attribute(*number, payload));
        }
        let request = self.request(NlmF::REQUEST | NlmF::ACK, cmd, &body);
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(control.push(SendAncillaryMessage::ScmCredentials(claimed)));
        let parts = [IoSlice::new(&request)];
        sendmsg(self.descriptor(), &parts, &mut control, SendFlags::empty()).unwrap();
        self.answers()
    }

    /// Asks for a list, of which the first part is queued then, and does not read it.
    pub(crate) fn begin_dump(&mut self, cmd: u8) {
        self.send(NlmF::REQUEST | NlmF::DUMP, cmd, &[]);
    }

    fn send(&mut self, flags: NlmF, cmd: u8, body: &[u8]) {
        let request = self.request(flags, cmd, body);
        self.socket.send(&request, Msg::empty()).unwrap();
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        // SAFETY: The descriptor belongs to the socket, which outlives what is returned.
        unsafe { BorrowedFd::borrow_raw(self.socket.as_raw_fd()) }
    }

    fn request(&mut self, flags: NlmF, cmd: u8, body: &[u8]) -> Vec<u8> {
        self.sequence += 1;
        let mut request = Vec::new();
        let len = HEADER + GENL_HEADER + body.len();
        request.extend(u32::try_from(len).unwrap().to_ne_bytes());
        request.extend(self.family.to_ne_bytes());
        request.extend(flags.bits().to_ne_bytes());
        request.extend(self.sequence.to_ne_bytes());
        request.extend(0_u32.to_ne_bytes());
        request.extend([cmd, uapi::FAMILY_VERSION, 0, 0]);
        request.extend(body);
        request
    }

    /// Sends what looks like a message of the bus from `from` straight to the socket at `to`. It is in that
    /// socket's queue when this succeeds.
    pub(crate) fn forge_message(&self, to: u32, from: u32, data: &[u8]) -> Result<(), Errno> {
        let mut message = Vec::new();
        let port = attribute(uapi::attr::message::PORT, &from.to_ne_bytes());
        let body = [port, attribute(uapi::attr::message::DATA, data)].concat();
        message.extend(
            u32::try_from(HEADER + GENL_HEADER + body.len())
                .unwrap()
                .to_ne_bytes(),
        );
        message.extend(self.family.to_ne_bytes());
        message.extend([0; 10]);
        message.extend([uapi::cmd::MESSAGE, uapi::FAMILY_VERSION, 0, 0]);
        message.extend(body);
        let address = SocketAddrNetlink::new(to, 0);
        let sent = rustix::net::sendto(self.descriptor(), &message, SendFlags::empty(), &address)?;
        assert_eq!(sent, message.len());
        Ok(())
    }

    /// Sends a request like [`ask`](Self::ask), and leaves what comes of it to [`receive`](Self::receive): on
    /// the receive socket of a peer, messages stand between.
    pub(crate) fn tell(&mut self, cmd: u8, attributes: &[Attribute<'_>]) {
        let mut body = Vec::new();
        for (number, payload) in attributes {
            body.extend(attribute(*number, payload));
        }
        self.send(NlmF::REQUEST | NlmF::ACK, cmd, &body);
    }

    /// Sends a request like [`tell`](Self::tell) that is only answered when it is refused, as the library sends
    /// messages.
    pub(crate) fn tell_quietly(&mut self, cmd: u8, attributes: &[Attribute<'_>]) {
        let mut body = Vec::new();
        for (number, payload) in attributes {
            body.extend(attribute(*number, payload));
        }
        self.send(NlmF::REQUEST, cmd, &body);
    }

    /// Sends a request that is only answered when it is refused. The kernel may lack memory anywhere on the way.
    pub(crate) fn try_tell_quietly(
        &mut self,
        cmd: u8,
        attributes: &[Attribute<'_>],
    ) -> Result<(), Errno> {
        let mut body = Vec::new();
        for (number, payload) in attributes {
            body.extend(attribute(*number, payload));
        }
        let request = self.request(NlmF::REQUEST, cmd, &body);
        rustix::net::send(self.descriptor(), &request, SendFlags::empty())?;
        let mut buffer = [0; 4096];
        let flags = rustix::net::RecvFlags::DONTWAIT;
        match rustix::net::recv(self.descriptor(), &mut buffer[..], flags) {
            Err(Errno::AGAIN) => Ok(()),
            Err(error) => Err(error),
            Ok(_) => {
                assert_eq!(u16_at(&buffer, 4), NLMSG_ERROR);
                Err(Errno::from_raw_os_error(-(u32_at(&buffer, HEADER) as i32)))
            }
        }
    }

    /// Sends a request, or asks for a list, and gives the attributes of each answer. The kernel may lack memory
    /// anywhere on the way: for the request, for what it asks for, and for the answer.
    pub(crate) fn try_ask(
        &mut self,
        list: bool,
        cmd: u8,
        attributes: &[Attribute<'_>],
    ) -> Result<Vec<Vec<u8>>, Errno> {
        let mut body = Vec::new();
        for (number, payload) in attributes {
            body.extend(attribute(*number, payload));
        }
        let flags = if list { NlmF::DUMP } else { NlmF::ACK };
        let request = self.request(NlmF::REQUEST | flags, cmd, &body);
        rustix::net::send(self.descriptor(), &request, SendFlags::empty())?;
        let mut answers = Vec::new();
        let mut buffer = vec![0; 1 << 15];
        loop {
            let flags = rustix::net::RecvFlags::DONTWAIT;
            let (len, _) = rustix::net::recv(self.descriptor(), &mut buffer[..], flags)?;
            let mut rest = &buffer[..len];
            while rest.len() >= HEADER {
                let (message, after) = rest.split_at(u32_at(rest, 0) as usize);
                rest = after;
                match i32::from(u16_at(message, 4)) {
                    libc::NLMSG_DONE => return Ok(answers),
                    libc::NLMSG_ERROR => {
                        let errno = -(u32_at(message, HEADER) as i32);
                        let refused = (errno != 0).then(|| Errno::from_raw_os_error(errno));
                        return refused.map_or(Ok(answers), Err);
                    }
                    _ => answers.push(message[HEADER + GENL_HEADER..].to_vec()),
                }
            }
        }
    }

    /// What comes next out of the queue, if there is anything. Not for dumps.
    pub(crate) fn receive(&mut self) -> Option<Received> {
        let mut buffer = [0; 4096];
        let (len, _) = match rustix::net::recv(
            self.descriptor(),
            &mut buffer[..],
            rustix::net::RecvFlags::DONTWAIT,
        ) {
            Ok(received) => received,
            Err(Errno::AGAIN) => return None,
            Err(error) => panic!("receive at port {}: {error}", self.port()),
        };
        let message = &buffer[..len];
        assert_eq!(u32_at(message, 0) as usize, len, "one whole message");
        if u16_at(message, 4) != NLMSG_ERROR {
            let attributes = message[HEADER + GENL_HEADER..].to_vec();
            return Some(if message[HEADER] == uapi::cmd::MESSAGE {
                Received::Message(attributes)
            } else {
                Received::Reply(attributes)
            });
        }
        let errno = -(u32_at(message, HEADER) as i32);
        Some(Received::Verdict(if errno == 0 {
            Ok(())
        } else {
            Err(refusal(errno, message))
        }))
    }

    /// Sets the limit of the receive queue, in bytes as the kernel counts them, beyond what processes may.
    pub(crate) fn force_queue_limit(&self, bytes: u32) {
        let half = bytes as usize / 2;
        rustix::net::sockopt::set_socket_recv_buffer_size_force(self.descriptor(), half).unwrap();
    }

    /// The kernel answers inside the send call, so all answers are there.
    fn answers(&self) -> Result<Vec<Vec<u8>>, Refusal> {
        let mut answers = Vec::new();
        let mut buffer = vec![0; 1 << 17];
        loop {
            let (len, _) = self
                .socket
                .recv(&mut buffer, Msg::DONTWAIT)
                .expect("an answer of the kernel");
            let mut rest = &buffer[..len];
            while rest.len() >= HEADER {
                let (message, after) = rest.split_at(u32_at(rest, 0) as usize);
                rest = after;
                if u16_at(message, 4) != NLMSG_ERROR {
                    answers.push(message[HEADER + GENL_HEADER..].to_vec());
                    continue;
                }
                let errno = -(u32_at(message, HEADER) as i32);
                return if errno == 0 {
                    Ok(answers)
                } else {
                    Err(refusal(errno, message))
                };
            }
        }
    }
}

/// Reads what the kernel says beside the number.
fn refusal(errno: i32, message: &[u8]) -> Refusal {
    // The request is repeated after the number, and the attributes come after it.
    let request = &message[HEADER + 4..];
    let capped = u16_at(message, 6) & NlmF::CAPPED.bits() != 0;
    let repeated = if capped {
        HEADER
    } else {
        (u32_at(request, 0) as usize).next_multiple_of(4)
    };
    let said = &request[repeated..];
    let text = find(said, NlmsgerrAttr::Msg.into());
    let text = text.map(|text| {
        String::from_utf8_lossy(text)
            .trim_end_matches('\0')
            .to_owned()
    });
    let offset = find(said, NlmsgerrAttr::Offset.into()).map(|bytes| u32_at(bytes, 0) as usize);
    let missing = find(said, MISS_TYPE).map(|bytes| Blamed::Missing(u32_at(bytes, 0) as u16));
    let bad = offset.map(|offset| Blamed::Bad(u16_at(&request[offset..], 2)));
    Refusal {
        errno,
        text,
        blamed: bad.or(missing),
    }
}

/// NLMSGERR_ATTR_MISS_TYPE of linux/netlink.h.
const MISS_TYPE: u16 = 5;

/// One attribute, padded.
pub(crate) fn attribute(number: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(u16::try_from(4 + payload.len()).unwrap().to_ne_bytes());
    bytes.extend(number.to_ne_bytes());
    bytes.extend(payload);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// A string as it goes into an attribute.
pub(crate) fn terminated(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.push(0);
    bytes
}

/// The payload of the first attribute of this number.
pub(crate) fn find(mut attributes: &[u8], number: u16) -> Option<&[u8]> {
    while attributes.len() >= 4 {
        let len = usize::from(u16_at(attributes, 0));
        if u16_at(attributes, 2) == number {
            return Some(&attributes[4..len]);
        }
        attributes = attributes.get(len.next_multiple_of(4)..)?;
    }
    None
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes(bytes[at..at + 2].try_into().unwrap())
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap())
}
