// SPDX-License-Identifier: MIT OR Apache-2.0
//! An end of a connection without any rules: it speaks the handshake by hand, from what the documentation of the layout
//! says.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use coroipc::{Address, Client, Sizes};
use rustix::fs::SealFlags;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType,
};
use rustix::thread::futex;

use crate::world::*;

pub(crate) const SIZES: Sizes = Sizes {
    slots: 4,
    request: 256,
    reply: 256,
    events: 4096,
    large: 8192,
};

/// The most descriptors that it says it may send with a request.
pub(crate) const DESCRIPTORS: u32 = 2;

pub(crate) fn message(kind: u16, body: &[u32]) -> Vec<u8> {
    let mut bytes = b"cipc".to_vec();
    bytes.extend(1u16.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(body.iter().flat_map(|word| word.to_ne_bytes()));
    bytes
}

pub(crate) fn hello() -> Vec<u8> {
    let Sizes {
        slots,
        request,
        reply,
        events,
        large,
    } = SIZES;
    message(
        1,
        &[0, 0, slots, request, reply, events, large, 1, DESCRIPTORS],
    )
}

/// What a server says that agrees to all of it.
pub(crate) fn welcome() -> Vec<u8> {
    let Sizes {
        slots,
        request,
        reply,
        events,
        large,
    } = SIZES;
    message(2, &[slots, request, reply, events, large, DESCRIPTORS])
}

/// An end of a connection without any rules.
pub(crate) struct Raw(pub(crate) OwnedFd);

impl Raw {
    pub(crate) fn connect(address: &str) -> Self {
        let flags = SocketFlags::CLOEXEC;
        let socket =
            rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)
                .unwrap();
        let name = SocketAddrUnix::new_abstract_name(address.as_bytes()).unwrap();
        // What is not answered is not waited for for ever.
        let patience = Some(Duration::from_secs(5));
        let receive = rustix::net::sockopt::Timeout::Recv;
        rustix::net::sockopt::set_socket_timeout(&socket, receive, patience).unwrap();
        rustix::net::connect(&socket, &name).unwrap();
        Self(socket)
    }

    pub(crate) fn send(&self, bytes: &[u8], files: &[&OwnedFd]) {
        let files: Vec<_> = files.iter().map(|file| file.as_fd()).collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !files.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(&files));
        }
        let flags = SendFlags::NOSIGNAL;
        // The other side may have hung up already.
        let _ = rustix::net::sendmsg(&self.0, &[IoSlice::new(bytes)], &mut control, flags);
    }

    pub(crate) fn receive(&self) -> (Vec<u8>, Vec<OwnedFd>) {
        let mut bytes = vec![0; 512];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let len = rustix::net::recvmsg(
            &self.0,
            &mut [IoSliceMut::new(&mut bytes)],
            &mut control,
            RecvFlags::CMSG_CLOEXEC,
        )
        .map_or(0, |received| received.bytes);
        bytes.truncate(len);
        let mut files = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                files.extend(rights);
            }
        }
        (bytes, files)
    }

    /// The reason that the server gives when it hangs up.
    pub(crate) fn refusal(&self) -> u32 {
        let [reason, _detail] = self.refusal_in_detail();
        reason
    }

    /// As [`Raw::refusal`], with the number that belongs to it.
    pub(crate) fn refusal_in_detail(&self) -> [u32; 2] {
        loop {
            let (bytes, _) = self.receive();
            assert!(
                !bytes.is_empty(),
                "it hung up without a word, or said nothing"
            );
            if bytes[6..8] == 5u16.to_ne_bytes() {
                let word = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap());
                return [word(8), word(12)];
            }
        }
    }
}

/// A mapping, for writing where it is the own one.
pub(crate) struct Words {
    address: *mut std::ffi::c_void,
    len: usize,
}

// SAFETY: The memory is mapped for as long as this lives, and touched as atomics only.
unsafe impl Send for Words {}
// SAFETY: As above.
unsafe impl Sync for Words {}

impl Words {
    pub(crate) fn map(file: &OwnedFd, len: usize) -> Self {
        Self::map_for(ProtFlags::READ | ProtFlags::WRITE, file, len)
    }

    /// A mapping of what the other side writes, for loads only.
    fn map_for_reading(file: &OwnedFd, len: usize) -> Self {
        Self::map_for(ProtFlags::READ, file, len)
    }

    fn map_for(access: ProtFlags, file: &OwnedFd, len: usize) -> Self {
        // SAFETY: A new mapping takes nothing from anybody.
        let address =
            unsafe { mmap(std::ptr::null_mut(), len, access, MapFlags::SHARED, file, 0) }.unwrap();
        Self { address, len }
    }

    pub(crate) fn words(&self) -> &[AtomicU32] {
        // SAFETY: So many words are mapped, and touched as atomics only.
        unsafe { std::slice::from_raw_parts(self.address.cast(), self.len / 4) }
    }
}

impl Drop for Words {
    fn drop(&mut self) {
        // SAFETY: Nobody borrows from it any more.
        unsafe { munmap(self.address, self.len) }.unwrap();
    }
}

pub(crate) fn file(len: u64) -> OwnedFd {
    let flags = rustix::fs::MemfdFlags::ALLOW_SEALING | rustix::fs::MemfdFlags::CLOEXEC;
    let file = rustix::fs::memfd_create("hostile", flags).unwrap();
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, len).unwrap();
    file
}

pub(crate) const SEALS: SealFlags = SealFlags::SHRINK
    .union(SealFlags::GROW)
    .union(SealFlags::FUTURE_WRITE)
    .union(SealFlags::SEAL);
/// (3 + 2 × 4) lines, 4 rooms of 256 bytes, up to the next page.
pub(crate) const CLIENT_REGION: usize = 4096;
/// (4 + 4) lines, 4 rooms of 256 bytes, up to the next page; and the ring.
pub(crate) const SERVER_REGION: usize = 8192;

/// The page of bells as a client makes it: the server seals the rest.
pub(crate) fn bells() -> OwnedFd {
    let bells = file(4096);
    rustix::fs::fcntl_add_seals(&bells, SealFlags::SHRINK | SealFlags::GROW).unwrap();
    bells
}

/// A connection that has been let in, and owes its memory.
pub(crate) fn welcomed(name: &str) -> Raw {
    let raw = Raw::connect(name);
    raw.send(&hello(), &[]);
    let (bytes, files) = raw.receive();
    assert_eq!(bytes[6..8], 2u16.to_ne_bytes());
    // What is given to whoever says hello costs nothing.
    assert!(files.is_empty());
    raw
}

/// A connection that is ready, with its own region, the bells and the server's region.
pub(crate) fn connected(name: &str) -> (Raw, Words, Words, OwnedFd) {
    let raw = welcomed(name);
    let (memory, bells) = (file(CLIENT_REGION as u64), bells());
    let (ours, common) = (Words::map(&memory, CLIENT_REGION), Words::map(&bells, 4096));
    rustix::fs::fcntl_add_seals(&memory, SEALS).unwrap();
    raw.send(&message(3, &[]), &[&memory, &bells]);
    let (ready, mut files) = raw.receive();
    assert_eq!(ready[6..8], 4u16.to_ne_bytes());
    (raw, ours, common, files.swap_remove(0))
}

/// Lets threads go on that sleep on a bell.
pub(crate) fn ring(bell: &AtomicU32) {
    bell.fetch_add(1, Ordering::SeqCst);
    futex::wake(bell, futex::Flags::empty(), 1).unwrap();
}

/// A socket for clients of a server without rules.
pub(crate) fn listener_without_rules(name: &str) -> OwnedFd {
    listener_with_queue(name, 16)
}

/// The same, with so many places in its queue, and one.
pub(crate) fn listener_with_queue(name: &str, places: i32) -> OwnedFd {
    let (kind, flags) = (SocketType::SEQPACKET, SocketFlags::CLOEXEC);
    let listener = rustix::net::socket_with(AddressFamily::UNIX, kind, flags, None).unwrap();
    let address = SocketAddrUnix::new_abstract_name(name.as_bytes()).unwrap();
    rustix::net::bind(&listener, &address).unwrap();
    rustix::net::listen(&listener, places).unwrap();
    listener
}

/// A server without rules, with its region, and its only client.
pub(crate) fn server_without_rules(name: &str) -> (Raw, Words, coroipc::Client) {
    let listener = listener_without_rules(name);
    let address = Address::abstract_name(name);
    let client = std::thread::spawn(move || client(&address));
    let (raw, words) = accept_without_rules(&listener, 0);
    (raw, words, client.join().unwrap())
}

/// Lets the next client in, with large payloads of so many bytes.
pub(crate) fn accept_without_rules(listener: &OwnedFd, large: u32) -> (Raw, Words) {
    let raw = Raw(rustix::net::accept(listener).unwrap());
    raw.receive();
    raw.send(&message(2, &[4, 256, 256, 4096, large, 0]), &[]);
    let (_, files) = raw.receive();
    rustix::fs::fcntl_add_seals(&files[1], SEALS).unwrap();
    // (4 + 4) lines, 4 rooms of 256 bytes, up to the next page; and the ring.
    let region = file(8192);
    let words = Words::map(&region, 8192);
    rustix::fs::fcntl_add_seals(&region, SEALS).unwrap();
    raw.send(&message(4, &[]), &[&region]);
    (raw, words)
}

/// A server without rules, which has welcomed its only client.
pub(crate) struct RawServer {
    pub(crate) raw: Raw,
    /// Its own region.
    pub(crate) region: Words,
    pub(crate) bells: Words,
    /// The client's region, which it can only read.
    pub(crate) requests: Words,
}

impl RawServer {
    /// It, and its client, which may have all of [`SIZES`] and [`DESCRIPTORS`].
    pub(crate) fn with_client(address: &Address) -> (Self, Client) {
        let listener = listener_without_rules(&address.to_string()[1..]);
        let builder = Client::builder(address.clone(), SERVICE).sizes(SIZES);
        let builder = builder.descriptors(DESCRIPTORS);
        let client = std::thread::spawn(move || builder.connect().unwrap());
        let raw = Raw(rustix::net::accept(&listener).unwrap());
        raw.receive();
        raw.send(&welcome(), &[]);
        let (_, files) = raw.receive();
        let requests = Words::map_for_reading(&files[0], CLIENT_REGION);
        let bells = Words::map(&files[1], 4096);
        let writing = SealFlags::FUTURE_WRITE | SealFlags::SEAL;
        rustix::fs::fcntl_add_seals(&files[1], writing).unwrap();
        let file = file(SERVER_REGION as u64);
        let region = Words::map(&file, SERVER_REGION);
        rustix::fs::fcntl_add_seals(&file, SEALS).unwrap();
        raw.send(&message(4, &[]), &[&file]);
        let server = Self {
            raw,
            region,
            bells,
            requests,
        };
        (server, client.join().unwrap())
    }
}
