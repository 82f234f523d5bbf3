// SPDX-License-Identifier: MIT OR Apache-2.0
//! The functions of `libipcon.h`, which documents them.
//!
//! What all of them require of a program: a pointer is NULL or that of memory of its type, which no other thread
//! changes during the call. Handlers may be anything.

#![allow(unsafe_code)]

use std::ffi::{c_char, c_int, c_void};
use std::os::fd::{AsFd, AsRawFd};
use std::ptr;
use std::slice;
use std::sync::Arc;
use std::time::Duration;

use libipcon::{Peer, Port, Replay};

use crate::boundary::{run, status};
use crate::errno::Errno;
use crate::handle::{Handle, Missed, Patience};
use crate::message::{DEFAULT_ROOM, Destination};
use crate::table::Table;
use crate::text::{Kind, Name};

static HANDLES: Table<Handle> = Table::new();

/// `ipcon_create_handler()` of `libipcon.h`.
#[unsafe(no_mangle)]
pub extern "C" fn ipcon_create_handler() -> *mut c_void {
    let created = run(|| {
        let number = HANDLES.insert(Handle::connect()?);
        number.ok_or(Errno::from(rustix::io::Errno::NFILE))
    });
    match created {
        Ok(number) => ptr::without_provenance_mut(number.get()),
        Err(errno) => {
            // SAFETY: The pointer is that of this thread's `errno`.
            unsafe { *libc::__errno_location() = errno.positive() };
            ptr::null_mut()
        }
    }
}

/// `ipcon_free_handler()` of `libipcon.h`.
#[unsafe(no_mangle)]
pub extern "C" fn ipcon_free_handler(handler: *mut c_void) {
    status(|| {
        if let Some(handle) = HANDLES.remove(handler.addr()) {
            handle.wake_all();
        }
        Ok(())
    });
}

/// `ipcon_get_selfport()` of `libipcon.h`.
#[unsafe(no_mangle)]
pub extern "C" fn ipcon_get_selfport(handler: *mut c_void) -> u32 {
    run(|| Ok(find(handler)?.peer().port().get())).unwrap_or(0)
}

/// `ipcon_getfd()` of `libipcon.h`.
#[unsafe(no_mangle)]
pub extern "C" fn ipcon_getfd(handler: *mut c_void) -> c_int {
    run(|| Ok(find(handler)?.peer().as_fd().as_raw_fd())).unwrap_or_else(Errno::negative)
}

/// `ipcon_get_lost()` of `libipcon.h`.
///
/// # Safety
///
/// As the module says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ipcon_get_lost(handler: *mut c_void, lost: *mut u64) -> c_int {
    status(|| {
        let handle = find(handler)?;
        // SAFETY: By the requirements of this function.
        unsafe { store(lost, || Ok(handle.lost())) }
    })
}

/// `ipcon_register_service()` of `libipcon.h`.
///
/// # Safety
///
/// As the module says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ipcon_register_service(
    handler: *mut c_void,
    name: *const c_char,
) -> c_int {
    // SAFETY: By the requirements of this function.
    unsafe {
        with_name(handler, name, Kind::Service, |peer, name| {
            peer.register_service(name)
        })
    }
}

/// `ipcon_unregister_service()` of `libipcon.h`.
///
/// # Safety
///
/// As the module says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ipcon_unregister_service(
    handler: *mut c_void,
    name: *const c_char,
) -> c_int {
    // SAFETY: By the requirements of this function.
    unsafe {
        with_name(handler, name, Kind::Service, |peer, name| {
            peer.unregister_service(name)
        })
    }
}

/// `is_peer_present()` of `libipcon.h`.
///
/// # Safety
///
/// As the module says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn is_peer_present(
    handler: *mut c_void,
    name: *const c_char,
    srv_port: *mut u32,
) -> c_int {
    status(|| {
        let handle = find(handler)?;
        // SAFETY: By the requirements of this function.
        unsafe {
            let name = Name::read(name, Kind::Service)?;
            store(srv_port, || {
                Ok(handle.peer().find_service(name.as_bytes())?.get())
            })
        }
    })
}

/// `ipcon_find_service()` of `libipcon.h`.
///
/// # Safety
///
/// As the module says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ipcon_find_service(
    handler: *mut c_void,
    name: *const c_char,
    srv_port: *mut u32,
) -> c_int {
    // SAFETY: By the requirements of this function.
    unsafe { is_peer_present(handler, name, srv_port) }
}

/// `ipcon_register_group()` of `libipcon.h`.
///
/// # Safety
///
/// As the module says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ipcon_register_group(handler: *mut c_void, name: *const c_char) -> c_int {
    // SAFETY: By the requirements of this function.
    unsafe {
        with_name(handler, name, Kind::Group, |peer, name| {
            peer.register_group(name)
        })
    }
}

/// `ipcon_unregister_group()` of `libipcon.h`.
///
/// # Safety
///
/// As the module says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ipcon_unregister_group(
    handler: *mut c_void,
    name: *const c_char,
) -> c_int {
    // SAFETY: By the requirements of this function.
    unsafe {
        with_name(handler, name, Kind::Group, |peer, name| {
            peer.unregister_group(name)
        })
    }
}

/// `ipcon_join_group()` of `libipcon.h`.
///
/// # Safety
///
/// As the module says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ipcon_join_group(
    handler: *mut c_void,
    name: *const c_char,
    rcv_last_msg: c_int,
) -> c_int {
    let replay = match rcv_last_msg {
        0 => Replay::None,
        _ => Replay::Last,
    };
    // SAFETY: By the requirements of this function.
    unsafe {
        with_name(handler, name, Kind::Group, |peer, name| {
            peer.join_group(name, replay)
        })
    }
}

/// `ipcon_leave_group()` of `libipcon.h`.
///
/// # Safety
///
/// As the module says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ipcon_leave_group(handler: *mut c_void, name: *const c_char) -> c_int {
    // SAFETY: By the requirements of this function.
    unsafe {
        with_name(handler, name, Kind::Group, |peer, name| {
            peer.leave_group(name)
        })
    }
}

/// `ipcon_rcv()` of `libipcon.h`, for a `struct ipcon_msg` of the default size.
///
/// # Safety
///
/// As the module says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ipcon_rcv(handler: *mut c_void, im: *mut c_void) -> c_int {
    // SAFETY: By the requirements of this function.
    unsafe { ipcon_rcv_sized(handler, im, DEFAULT_ROOM) }
}

/// `ipcon_rcv_sized()` of `libipcon.h`.
///
/// # Safety
///
/// As the module says; `im` is a `struct ipcon_msg` of a program whose `IPCON_MAX_MSG_LEN` is `max_msg_len`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ipcon_rcv_sized(
    handler: *mut c_void,
    im: *mut c_void,
    max_msg_len: usize,
) -> c_int {
    // SAFETY: By the requirements of this function.
    unsafe { receive(handler, im, max_msg_len, || Ok(Patience::Endless)) }
}

/// `ipcon_rcv_timeout()` of `libipcon.h`, for a `struct ipcon_msg` of the default size.
///
/// # Safety
///
/// As the module says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ipcon_rcv_timeout(
    handler: *mut c_void,
    im: *mut c_void,
    timeout: *const libc::timeval,
) -> c_int {
    // SAFETY: By the requirements of this function.
    unsafe { ipcon_rcv_timeout_sized(handler, im, timeout, DEFAULT_ROOM) }
}

/// `ipcon_rcv_timeout_sized()` of `libipcon.h`.
///
/// # Safety
///
/// As [`ipcon_rcv_sized`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ipcon_rcv_timeout_sized(
    handler: *mut c_void,
    im: *mut c_void,
    timeout: *const libc::timeval,
    max_msg_len: usize,
) -> c_int {
    // SAFETY: By the requirements of this function.
    unsafe { receive(handler, im, max_msg_len, || patience(timeout)) }
}

/// `ipcon_rcv_nonblock()` of `libipcon.h`, for a `struct ipcon_msg` of the default size.
///
/// # Safety
///
/// As the module says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ipcon_rcv_nonblock(handler: *mut c_void, im: *mut c_void) -> c_int {
    // SAFETY: By the requirements of this function.
    unsafe { ipcon_rcv_nonblock_sized(handler, im, DEFAULT_ROOM) }
}

/// `ipcon_rcv_nonblock_sized()` of `libipcon.h`.
///
/// # Safety
///
/// As [`ipcon_rcv_sized`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ipcon_rcv_nonblock_sized(
    handler: *mut c_void,
    im: *mut c_void,
    max_msg_len: usize,
) -> c_int {
    // SAFETY: By the requirements of this function.
    unsafe { receive(handler, im, max_msg_len, || Ok(Patience::None)) }
}

/// `ipcon_send_unicast()` of `libipcon.h`, with the default limit.
///
/// # Safety
///
/// As the module says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ipcon_send_unicast(
    handler: *mut c_void,
    port: u32,
    buf: *const c_void,
    size: usize,
) -> c_int {
    // SAFETY: By the requirements of this function.
    unsafe { ipcon_send_unicast_sized(handler, port, buf, size, DEFAULT_ROOM) }
}

/// `ipcon_send_unicast_sized()` of `libipcon.h`.
///
/// # Safety
///
/// As the module says; `buf` has `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ipcon_send_unicast_sized(
    handler: *mut c_void,
    port: u32,
    buf: *const c_void,
    size: usize,
    max_msg_len: usize,
) -> c_int {
    status(|| {
        let handle = find(handler)?;
        // SAFETY: By the requirements of this function.
        let data = unsafe { payload(buf, size, max_msg_len) }?;
        // Port 0 is the kernel's, and no peer.
        let port = Port::new(port).ok_or(Errno::CONNREFUSED)?;
        Ok(handle.peer().send(port, data)?)
    })
}

/// `ipcon_send_multicast()` of `libipcon.h`, with the default limit.
///
/// # Safety
///
/// As the module says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ipcon_send_multicast(
    handler: *mut c_void,
    name: *const c_char,
    buf: *const c_void,
    size: usize,
) -> c_int {
    // SAFETY: By the requirements of this function.
    unsafe { ipcon_send_multicast_sized(handler, name, buf, size, DEFAULT_ROOM) }
}

/// `ipcon_send_multicast_sized()` of `libipcon.h`.
///
/// # Safety
///
/// As the module says; `buf` has `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ipcon_send_multicast_sized(
    handler: *mut c_void,
    name: *const c_char,
    buf: *const c_void,
    size: usize,
    max_msg_len: usize,
) -> c_int {
    status(|| {
        let handle = find(handler)?;
        // SAFETY: By the requirements of this function.
        let (name, data) = unsafe {
            (
                Name::read(name, Kind::Group)?,
                payload(buf, size, max_msg_len)?,
            )
        };
        Ok(handle.peer().multicast(name.as_bytes(), data)?)
    })
}

/// The handle of a handler, held until the call ends even if another thread frees it.
fn find(handler: *mut c_void) -> Result<Arc<Handle>, Errno> {
    HANDLES.get(handler.addr()).ok_or(Errno::BADF)
}

/// Does what takes a name and nothing else.
///
/// # Safety
///
/// As the module says.
unsafe fn with_name(
    handler: *mut c_void,
    name: *const c_char,
    kind: Kind,
    act: impl FnOnce(&Peer, &[u8]) -> libipcon::Result<()>,
) -> c_int {
    status(|| {
        let handle = find(handler)?;
        // SAFETY: By the requirements of this function.
        let name = unsafe { Name::read(name, kind) }?;
        Ok(act(handle.peer(), name.as_bytes())?)
    })
}

/// Receives into a `struct ipcon_msg` whose payload has `room` bytes.
///
/// # Safety
///
/// As [`ipcon_rcv_sized`].
unsafe fn receive(
    handler: *mut c_void,
    im: *mut c_void,
    room: usize,
    patience: impl FnOnce() -> Result<Patience, Errno>,
) -> c_int {
    status(|| {
        let handle = find(handler)?;
        // SAFETY: By the requirements of this function.
        let mut to = unsafe { Destination::new(im, room) }?;
        match handle.receive(to.payload(), patience()?) {
            Ok(received) => {
                to.describe(&received);
                Ok(())
            }
            Err(Missed::TooLong(len)) => {
                to.set_len(len);
                Err(Errno::MSGSIZE)
            }
            Err(Missed::Failed(errno)) => Err(errno),
        }
    })
}

/// How long a timeout says to wait; without one, without end.
///
/// # Safety
///
/// As the module says.
unsafe fn patience(timeout: *const libc::timeval) -> Result<Patience, Errno> {
    if timeout.is_null() {
        return Ok(Patience::Endless);
    }
    // SAFETY: By the requirements of this function.
    let libc::timeval { tv_sec, tv_usec } = unsafe { timeout.read_unaligned() };
    let seconds = u64::try_from(tv_sec).map_err(|_| Errno::INVAL)?;
    let micros = u32::try_from(tv_usec).map_err(|_| Errno::INVAL)?;
    if micros >= 1_000_000 {
        return Err(Errno::INVAL);
    }
    Ok(Patience::lasting(Duration::new(seconds, micros * 1000)))
}

/// The bytes of a message to send.
///
/// # Safety
///
/// Unless it is NULL, `buf` has `size` bytes, which nobody changes while the result is in use.
unsafe fn payload<'a>(
    buf: *const c_void,
    size: usize,
    max_msg_len: usize,
) -> Result<&'a [u8], Errno> {
    if buf.is_null() || size == 0 {
        return Err(Errno::INVAL);
    }
    if size > max_msg_len || isize::try_from(size).is_err() {
        return Err(Errno::MSGSIZE);
    }
    // SAFETY: By the requirements of this function, and the size is one that a slice may have.
    Ok(unsafe { slice::from_raw_parts(buf.cast(), size) })
}

/// Gives the program a number, unless it has no place for it.
///
/// # Safety
///
/// As the module says.
unsafe fn store<T>(place: *mut T, number: impl FnOnce() -> Result<T, Errno>) -> Result<(), Errno> {
    if place.is_null() {
        return Err(Errno::INVAL);
    }
    let number = number()?;
    // SAFETY: By the requirements of this function.
    unsafe { place.write_unaligned(number) };
    Ok(())
}
