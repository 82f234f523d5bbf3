// SPDX-License-Identifier: MIT OR Apache-2.0
//! A side that writes what it likes over everything that it can write, and sends what it likes, while the other works.
//!
//! It speaks the handshake by hand, from what the documentation of the layout says.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use coroipc::{Address, Client, ConnectError, Endpoint, Reason, Sizes};
use rustix::fs::{SealFlags, fcntl_add_seals};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType,
};

use crate::world::*;

pub(crate) fn all() -> Vec<Case> {
    cases![
        memory_that_could_vanish_or_be_resized_is_not_mapped,
        the_servers_region_cannot_be_written,
        a_client_that_scribbles_harms_nobody_else,
        a_request_that_breaks_the_rules_ends_the_connection,
        a_client_refuses_a_server_that_breaks_the_rules,
        a_strangers_version_is_told_ours,
    ]
}

const SIZES: Sizes = Sizes {
    slots: 4,
    request: 256,
    reply: 256,
    events: 4096,
    large: 8192,
};

fn message(kind: u16, body: &[u32]) -> Vec<u8> {
    let mut bytes = b"cipc".to_vec();
    bytes.extend(1u16.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(body.iter().flat_map(|word| word.to_ne_bytes()));
    bytes
}

fn hello() -> Vec<u8> {
    let Sizes {
        slots,
        request,
        reply,
        events,
        large,
    } = SIZES;
    message(1, &[0, 0, slots, request, reply, events, large, 1])
}

/// An end of a connection without any rules.
struct Raw(OwnedFd);

impl Raw {
    fn connect(address: &str) -> Self {
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

    fn send(&self, bytes: &[u8], files: &[&OwnedFd]) {
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

    fn receive(&self) -> (Vec<u8>, Vec<OwnedFd>) {
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

    /// What the server says when it hangs up.
    fn refusal(&self) -> u32 {
        loop {
            let (bytes, _) = self.receive();
            assert!(
                !bytes.is_empty(),
                "it hung up without a word, or said nothing"
            );
            if bytes[6..8] == 5u16.to_ne_bytes() {
                return u32::from_ne_bytes(bytes[8..12].try_into().unwrap());
            }
        }
    }
}

/// A mapping for writing.
struct Words {
    address: *mut std::ffi::c_void,
    len: usize,
}

impl Words {
    fn map(file: &OwnedFd, len: usize) -> Self {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: A new mapping takes nothing from anybody.
        let address =
            unsafe { mmap(std::ptr::null_mut(), len, access, MapFlags::SHARED, file, 0) }.unwrap();
        Self { address, len }
    }

    fn words(&self) -> &[AtomicU32] {
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

fn file(len: u64) -> OwnedFd {
    let flags = rustix::fs::MemfdFlags::ALLOW_SEALING | rustix::fs::MemfdFlags::CLOEXEC;
    let file = rustix::fs::memfd_create("hostile", flags).unwrap();
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, len).unwrap();
    file
}

const SEALS: SealFlags = SealFlags::SHRINK
    .union(SealFlags::GROW)
    .union(SealFlags::FUTURE_WRITE)
    .union(SealFlags::SEAL);
/// (3 + 2 × 4) lines, 4 rooms of 256 bytes, up to the next page.
const CLIENT_REGION: usize = 4096;

fn welcomed(name: &str) -> (Raw, OwnedFd, OwnedFd) {
    let raw = Raw::connect(name);
    raw.send(&hello(), &[]);
    let (bytes, files) = raw.receive();
    assert_eq!(bytes[6..8], 2u16.to_ne_bytes());
    let [region, bells, _process] = files.try_into().unwrap();
    (raw, region, bells)
}

fn memory_that_could_vanish_or_be_resized_is_not_mapped() {
    let name = format!("coroipc-hostile-memory-{}", std::process::id());
    let _server = server(&Address::abstract_name(&name));
    let protocol = 6;
    for lacking in SEALS.iter() {
        let (raw, _region, bells) = welcomed(&name);
        fcntl_add_seals(&bells, SEALS).unwrap();
        let memory = file(CLIENT_REGION as u64);
        fcntl_add_seals(&memory, SEALS - lacking).unwrap();
        raw.send(&message(3, &[]), &[&memory]);
        assert_eq!(raw.refusal(), protocol, "{lacking:?}");
    }
    for (what, memory) in [
        ("too short", file(64)),
        ("too long", file(1 << 20)),
        ("a hole", {
            let flags = rustix::fs::MemfdFlags::ALLOW_SEALING;
            let memory = rustix::fs::memfd_create("hole", flags).unwrap();
            rustix::fs::ftruncate(&memory, CLIENT_REGION as u64).unwrap();
            memory
        }),
    ] {
        let (raw, _region, bells) = welcomed(&name);
        fcntl_add_seals(&bells, SEALS).unwrap();
        fcntl_add_seals(&memory, SEALS).unwrap();
        raw.send(&message(3, &[]), &[&memory]);
        assert_eq!(raw.refusal(), protocol, "{what}");
    }
    // The bells unsealed, or with a hole.
    for punch in [false, true] {
        let (raw, _region, bells) = welcomed(&name);
        if punch {
            let flags =
                rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE;
            rustix::fs::fallocate(&bells, flags, 0, 4096).unwrap();
            fcntl_add_seals(&bells, SEALS).unwrap();
        }
        let memory = file(CLIENT_REGION as u64);
        fcntl_add_seals(&memory, SEALS).unwrap();
        raw.send(&message(3, &[]), &[&memory]);
        assert_eq!(raw.refusal(), protocol, "bells, punched: {punch}");
    }
    // No memory, too much of it, or something else.
    for files in [0, 2] {
        let (raw, region, _bells) = welcomed(&name);
        raw.send(&message(3, &[]), &vec![&region; files]);
        assert_eq!(raw.refusal(), protocol, "{files} files");
    }
    let (raw, ..) = welcomed(&name);
    raw.send(b"something else", &[]);
    assert_eq!(raw.refusal(), protocol);
}

fn the_servers_region_cannot_be_written() {
    let name = format!("coroipc-hostile-write-{}", std::process::id());
    let _server = server(&Address::abstract_name(&name));
    let (_raw, region, _bells) = welcomed(&name);
    let access = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: It is to fail.
    let mapped = unsafe {
        mmap(
            std::ptr::null_mut(),
            4096,
            access,
            MapFlags::SHARED,
            &region,
            0,
        )
    };
    assert_eq!(mapped, Err(rustix::io::Errno::PERM));
    assert!(rustix::io::write(&region, b"x").is_err());
    assert!(rustix::fs::ftruncate(&region, 0).is_err());
    let punch = rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE;
    assert!(rustix::fs::fallocate(&region, punch, 0, 4096).is_err());
    // Mapped for reading it stays so.
    // SAFETY: A new mapping, and its protection changed, or not.
    unsafe {
        let flags = MapFlags::SHARED;
        let at = mmap(
            std::ptr::null_mut(),
            4096,
            ProtFlags::READ,
            flags,
            &region,
            0,
        )
        .unwrap();
        let change = rustix::mm::MprotectFlags::READ | rustix::mm::MprotectFlags::WRITE;
        assert!(rustix::mm::mprotect(at, 4096, change).is_err());
        munmap(at, 4096).unwrap();
    }
}

fn a_client_that_scribbles_harms_nobody_else() {
    let name = format!("coroipc-hostile-client-{}", std::process::id());
    let server = server(&Address::abstract_name(&name));
    let honest = client(&Address::abstract_name(&name));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut random = 0x2545_f491u32;
            let mut next = move || {
                random ^= random << 13;
                random ^= random >> 17;
                random ^= random << 5;
                random
            };
            let end = Instant::now() + Duration::from_secs(2);
            while Instant::now() < end {
                let (raw, _region, bells) = welcomed(&name);
                let memory = file(CLIENT_REGION as u64);
                let ours = Words::map(&memory, CLIENT_REGION);
                let common = Words::map(&bells, 4096);
                fcntl_add_seals(&memory, SEALS).unwrap();
                fcntl_add_seals(&bells, SEALS).unwrap();
                raw.send(&message(3, &[]), &[&memory]);
                // Requests that look right but for one word, so that they are read.
                for round in 0..20u32 {
                    let line = 16 * (3 + 4 + round as usize % 4);
                    let words = ours.words();
                    words[line + 1].store(round % 4, Ordering::Relaxed);
                    words[line + 2].store(next() % 12, Ordering::Relaxed);
                    words[line + 3].store(next() % 300, Ordering::Relaxed);
                    if next() % 8 == 0 {
                        words[line + next() as usize % 6].store(next(), Ordering::Relaxed);
                    }
                    words[line].store(round + 1, Ordering::Release);
                    raw.send(&message(6, &[]), &[]);
                }
                for _ in 0..2000 {
                    let words = if next() % 2 == 0 {
                        ours.words()
                    } else {
                        common.words()
                    };
                    words[next() as usize % words.len()]
                        .store(next() >> (next() % 32), Ordering::Relaxed);
                }
            }
            done.store(true, Ordering::SeqCst);
        });
        let mut calls = 0u32;
        while !done.load(Ordering::SeqCst) {
            let payload = calls.to_ne_bytes();
            assert_eq!(honest.call(ECHO, &payload).unwrap().to_vec(), payload);
            calls += 1;
        }
    });
    until("only the honest one is left", || {
        server.connections().len() == 1
    });
}

fn a_request_that_breaks_the_rules_ends_the_connection() {
    let name = format!("coroipc-hostile-request-{}", std::process::id());
    let _server = server(&Address::abstract_name(&name));
    // Slot, command and flags, length; and the same slot twice.
    let cases: [&[[u32; 3]]; 8] = [
        &[[4, 0, 0]],
        &[[u32::MAX, 0, 0]],
        &[[0, 0, 257]],
        &[[0, 1 << 18, 0]],
        // A large one, whose memory was not sent; an empty one; one that is too large.
        &[[0, 1 << 17, 300]],
        &[[0, 1 << 17, 0]],
        &[[0, 1 << 17, 8193]],
        &[[0, u32::from(KEEP.get()), 0], [0, 0, 0]],
    ];
    for requests in cases {
        let (raw, _region, bells) = welcomed(&name);
        let memory = file(CLIENT_REGION as u64);
        let ours = Words::map(&memory, CLIENT_REGION);
        let common = Words::map(&bells, 4096);
        fcntl_add_seals(&memory, SEALS).unwrap();
        fcntl_add_seals(&bells, SEALS).unwrap();
        raw.send(&message(3, &[]), &[&memory]);
        for (at, request) in requests.iter().enumerate() {
            let line = &ours.words()[16 * (3 + 4 + at)..];
            for (word, value) in request.iter().enumerate() {
                line[word + 1].store(*value, Ordering::Relaxed);
            }
            line[0].store(at as u32 + 1, Ordering::Release);
        }
        // Wake the server's thread, should it sleep already.
        let bell = &common.words()[0];
        bell.fetch_add(1, Ordering::SeqCst);
        rustix::thread::futex::wake(bell, rustix::thread::futex::Flags::empty(), 1).unwrap();
        assert_eq!(raw.refusal(), 6, "{requests:?}");
    }
}

fn a_client_refuses_a_server_that_breaks_the_rules() {
    let name = format!("coroipc-hostile-server-{}", std::process::id());
    let flags = SocketFlags::CLOEXEC;
    let listener =
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
    let address = SocketAddrUnix::new_abstract_name(name.as_bytes()).unwrap();
    rustix::net::bind(&listener, &address).unwrap();
    rustix::net::listen(&listener, 16).unwrap();
    let impossible = message(2, &[3, 256, 256, 4096, 0]);
    let possible = message(2, &[4, 256, 256, 4096, 0]);
    let unsealed = file(3 * 4096);
    let bells = file(4096);
    let answers: [(&[u8], &[&OwnedFd]); 6] = [
        (b"HTTP/1.0 400", &[]),
        (&impossible, &[&unsealed, &bells]),
        (&possible, &[]),
        (&possible, &[&unsealed]),
        (&possible, &[&unsealed, &bells]),
        (&message(4, &[]), &[]),
    ];
    // It could keep waiting who watches it.
    let no_process: (&[u8], &[&OwnedFd]) = (&possible, &[&unsealed, &bells, &bells]);
    for (bytes, files) in answers.into_iter().chain([no_process]) {
        let client = std::thread::spawn({
            let address = Address::abstract_name(&name);
            move || Client::builder(address, SERVICE).connect().map(drop)
        });
        let raw = Raw(rustix::net::accept(&listener).unwrap());
        raw.receive();
        raw.send(bytes, files);
        let error = client.join().unwrap().unwrap_err();
        assert!(matches!(error, ConnectError::Protocol(_)), "{error}");
        assert_eq!(
            error.to_string().contains("process"),
            files.len() == 3,
            "{error}"
        );
    }
}

fn a_strangers_version_is_told_ours() {
    let name = format!("coroipc-hostile-version-{}", std::process::id());
    let _server = serve(Endpoint::builder(Address::abstract_name(&name)).service(service()));
    let raw = Raw::connect(&name);
    let mut bytes = hello();
    bytes[4] = 9;
    raw.send(&bytes, &[]);
    assert_eq!(raw.refusal(), 4);
    let _ = Reason::Version(1);
}
