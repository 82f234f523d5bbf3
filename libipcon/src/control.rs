// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests and their answers on a control socket.
//!
//! The lock is held for one request and its answer only, and no wait happens under it: the kernel handles a
//! request in the system call that brings it, so the answer is there when that returns.
//!
//! The lock is one that lets nobody wait for long: every half a millisecond at the latest it goes to whoever waits
//! longest. A thread that sends without a pause would take std's again and again before the others wake up.

mod send;

use std::sync::OnceLock;

use neli::consts::genl::{CtrlAttr, CtrlCmd};
use neli::consts::nl::GenlId;
use parking_lot::{Mutex, MutexGuard};
use rustix::io::Errno;
use rustix::net::RecvFlags;

use crate::error::Failure;
use crate::info::Dump;
use crate::socket::Socket;
use crate::wire::{self, Answer, Attributes, Flags, Frames, Malformed, Request, Unfit, uapi};

pub(crate) use send::{Address, Unsent};

/// Version of the generic netlink controller's requests.
const CONTROLLER_VERSION: u8 = 1;

/// Room for the answer to anything but a dump.
pub(crate) const SHORT_ANSWERS: usize = 2 * 1024;
/// Room for dumps: the kernel puts as many objects into one datagram as the reader has room for, up to this.
pub(crate) const DUMPS: usize = 32 * 1024;

/// A socket for requests to the family.
#[derive(Debug)]
pub(crate) struct Control {
    socket: Socket,
    family: u16,
    state: Mutex<State>,
    /// What may go into one datagram; asked for when it is first needed.
    limits: OnceLock<send::Limits>,
}

#[derive(Debug)]
struct State {
    sequence: u32,
    /// The request, built anew each time in the same memory.
    request: Vec<u8>,
    /// The datagram that holds the answer.
    answer: Vec<u8>,
}

/// What a request for this family, or for the controller, begins with.
#[derive(Clone, Copy)]
struct Target {
    family: u16,
    version: u8,
    command: u8,
}

impl Control {
    /// Opens a socket and asks for the number of the family; `ENOENT` when the module is not loaded.
    pub(crate) fn open(room: usize) -> Result<Self, Failure> {
        // The number of the family is not known yet, and the controller's has no need of it.
        let mut control = Self::over(Socket::open()?, 0, room);
        let target = Target {
            family: GenlId::Ctrl.into(),
            version: CONTROLLER_VERSION,
            command: CtrlCmd::Getfamily.into(),
        };
        let number = control.request(
            target,
            Flags::Replied,
            |request| request.text(CtrlAttr::FamilyName.into(), uapi::FAMILY_NAME.as_bytes()),
            wire::family_number,
        )?;
        control.family = number.ok_or(Failure::NoAnswer)?;
        Ok(control)
    }

    /// Requests on a socket that is open already.
    pub(crate) fn over(socket: Socket, family: u16, room: usize) -> Self {
        let state = State {
            sequence: 0,
            request: Vec::new(),
            answer: Vec::with_capacity(room),
        };
        Self {
            socket,
            family,
            state: Mutex::new(state),
            limits: OnceLock::new(),
        }
    }

    /// The socket, when there is nothing more to ask on it.
    pub(crate) fn into_socket(self) -> Socket {
        self.socket
    }

    /// The number of the family.
    pub(crate) fn family(&self) -> u16 {
        self.family
    }

    /// The netlink port of this socket.
    pub(crate) fn port(&self) -> u32 {
        self.socket.port()
    }

    /// Has a command carried out.
    pub(crate) fn command(
        &self,
        command: u8,
        build: impl FnOnce(Request<'_>) -> Result<Request<'_>, Unfit>,
    ) -> Result<(), Failure> {
        self.request(self.target(command), Flags::Acknowledged, build, |_| Ok(()))
            .map(drop)
    }

    /// Asks for one object.
    pub(crate) fn query<T>(
        &self,
        command: u8,
        build: impl FnOnce(Request<'_>) -> Result<Request<'_>, Unfit>,
        read: impl FnOnce(Attributes<'_>) -> Result<T, Malformed>,
    ) -> Result<T, Failure> {
        let reply = self.request(self.target(command), Flags::Replied, build, read)?;
        reply.ok_or(Failure::NoAnswer)
    }

    /// Asks for all objects.
    pub(crate) fn dump<T>(
        &self,
        command: u8,
        read: impl Fn(Attributes<'_>) -> Result<T, Malformed>,
    ) -> Result<Dump<T>, Failure> {
        let mut state = self.lock();
        let state = &mut *state;
        let request = state.begin(self.target(command), Flags::Dump);
        self.socket.send(request.finish())?;

        let mut dump = Dump {
            items: Vec::new(),
            interrupted: false,
        };
        // A dump is read to its end even after a bad row, since the kernel starts no other before that.
        let mut failure = None;
        loop {
            self.next_answer(&mut state.answer)?;
            for frame in Frames::new(&state.answer) {
                let frame = frame?;
                if frame.sequence != state.sequence {
                    continue;
                }
                dump.interrupted |= frame.is_interrupted();
                match frame.answer()? {
                    Answer::Done => {
                        return failure.map_or(Ok(dump), |it: Malformed| Err(it.into()));
                    }
                    Answer::Refused { errno, text } => {
                        return Err(Failure::Refused { errno, text });
                    }
                    Answer::Data {
                        family, attributes, ..
                    } if family == self.family => match read(attributes) {
                        Ok(item) => dump.items.push(item),
                        Err(malformed) => failure = failure.or(Some(malformed)),
                    },
                    Answer::Data { .. } | Answer::Nothing => {}
                }
            }
        }
    }

    fn request<T>(
        &self,
        target: Target,
        flags: Flags,
        build: impl FnOnce(Request<'_>) -> Result<Request<'_>, Unfit>,
        read: impl FnOnce(Attributes<'_>) -> Result<T, Malformed>,
    ) -> Result<Option<T>, Failure> {
        let mut state = self.lock();
        let state = &mut *state;
        let request = build(state.begin(target, flags))?;
        self.socket.send(request.finish())?;
        loop {
            self.next_answer(&mut state.answer)?;
            for frame in Frames::new(&state.answer) {
                let frame = frame?;
                if frame.sequence != state.sequence {
                    continue;
                }
                match frame.answer()? {
                    Answer::Done => return Ok(None),
                    Answer::Refused { errno, text } => {
                        return Err(Failure::Refused { errno, text });
                    }
                    Answer::Data {
                        family, attributes, ..
                    } if family == target.family => {
                        return Ok(Some(read(attributes)?));
                    }
                    Answer::Data { .. } | Answer::Nothing => {}
                }
            }
        }
    }

    fn next_answer(&self, answer: &mut Vec<u8>) -> Result<(), Failure> {
        self.receive(answer).map_err(|errno| match errno {
            Errno::AGAIN => Failure::NoAnswer,
            errno => errno.into(),
        })
    }

    /// The next datagram of the kernel, or `EAGAIN`. What processes send here is dropped.
    fn receive(&self, answer: &mut Vec<u8>) -> Result<(), Errno> {
        loop {
            let datagram = self.socket.receive(answer, RecvFlags::DONTWAIT)?;
            if !datagram.from_kernel {
                continue;
            }
            if datagram.len > answer.len() {
                // No module that this library was made for answers at such length.
                return Err(Errno::MSGSIZE);
            }
            return Ok(());
        }
    }

    fn target(&self, command: u8) -> Target {
        Target {
            family: self.family,
            version: uapi::FAMILY_VERSION,
            command,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // After a panic the numbers are still good: a request takes a new one, and answers to an older
        // one are passed over.
        self.state.lock()
    }
}

impl State {
    fn begin(&mut self, target: Target, flags: Flags) -> Request<'_> {
        self.sequence = self.sequence.wrapping_add(1);
        let Target {
            family,
            version,
            command,
        } = target;
        Request::new(
            &mut self.request,
            family,
            version,
            command,
            flags,
            self.sequence,
        )
    }
}
