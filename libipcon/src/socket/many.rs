// SPDX-License-Identifier: MIT OR Apache-2.0
//! Many datagrams in one system call.

use std::io;
use std::mem;
use std::os::fd::AsRawFd as _;
use std::ptr;
use std::sync::atomic::Ordering;

use rustix::io::Errno;
use rustix::net::RecvFlags;

use super::{CONTROL_WORDS, Datagram, Socket, find_credentials, is_kernel};

impl Socket {
    /// Receives a datagram into the capacity of each buffer, as many as there are; it waits for the first one
    /// only, and not even for that with `DONTWAIT`. Gives what each of the first buffers holds then; the
    /// others are empty.
    pub(crate) fn receive_many(
        &self,
        buffers: &mut [Vec<u8>],
        flags: RecvFlags,
    ) -> Result<Vec<Datagram>, Errno> {
        let with_credentials = self.with_credentials.load(Ordering::Acquire);
        let count = buffers.len();
        // SAFETY: All fields are integers, which may be 0.
        let mut sources = vec![unsafe { mem::zeroed::<libc::sockaddr_nl>() }; count];
        let mut controls = vec![[0_u64; CONTROL_WORDS]; if with_credentials { count } else { 0 }];
        let mut parts: Vec<libc::iovec> = buffers
            .iter_mut()
            .map(|buffer| {
                buffer.clear();
                libc::iovec {
                    iov_base: buffer.as_mut_ptr().cast(),
                    iov_len: buffer.capacity(),
                }
            })
            .collect();
        let mut controls_left = controls.iter_mut();
        let mut headers: Vec<libc::mmsghdr> = parts
            .iter_mut()
            .zip(&mut sources)
            .map(|(part, source)| {
                // SAFETY: All fields are integers or pointers, which may be 0.
                let mut header = unsafe { mem::zeroed::<libc::mmsghdr>() };
                header.msg_hdr.msg_name = ptr::from_mut(source).cast();
                header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_nl>() as libc::socklen_t;
                header.msg_hdr.msg_iov = part;
                header.msg_hdr.msg_iovlen = 1;
                if let Some(control) = controls_left.next() {
                    header.msg_hdr.msg_control = control.as_mut_ptr().cast();
                    header.msg_hdr.msg_controllen = size_of_val(control) as _;
                }
                header
            })
            .collect();

        let flags = flags.bits().cast_signed() | libc::MSG_TRUNC | libc::MSG_WAITFORONE;
        // SAFETY: There are `count` headers. Each pointer in them is that of live memory as long as is said
        // beside it, and the kernel alone writes to that during the call.
        let received = unsafe {
            libc::recvmmsg(
                self.fd.as_raw_fd(),
                headers.as_mut_ptr(),
                headers.len() as _,
                flags as _,
                ptr::null_mut(),
            )
        };
        let Ok(received) = usize::try_from(received) else {
            let error = io::Error::last_os_error();
            return Err(Errno::from_io_error(&error).unwrap_or(Errno::IO));
        };
        let filled = headers.iter().zip(&sources).zip(buffers).take(received);
        Ok(filled
            .map(|((header, source), buffer)| {
                let len = header.msg_len as usize;
                // SAFETY: The kernel wrote `len` bytes, or as many as there is room for.
                unsafe { buffer.set_len(len.min(buffer.capacity())) };
                let header = &header.msg_hdr;
                Datagram {
                    from_kernel: is_kernel(source, header.msg_namelen),
                    len,
                    credentials: if with_credentials {
                        // SAFETY: The kernel filled the header in, and the memory that it names is still there.
                        unsafe { find_credentials(header) }
                    } else {
                        None
                    },
                }
            })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Flags, Request};

    /// The controller of generic netlink is there without the module, and refuses.
    #[test]
    fn what_is_queued_comes_in_one_call_each_in_a_buffer_of_its_own() {
        let socket = Socket::open().unwrap();
        let mut request = Vec::new();
        for sequence in 1..=3 {
            let request = Request::new(&mut request, 16, 1, 3, Flags::Silent, sequence);
            socket
                .send(request.text(2, b"none").unwrap().finish())
                .unwrap();
        }
        let mut buffers: Vec<Vec<u8>> = (0..4).map(|_| Vec::with_capacity(1024)).collect();
        for with_credentials in [false, true] {
            socket.receive_credentials(with_credentials).unwrap();
            if with_credentials {
                let again = Request::new(&mut request, 16, 1, 3, Flags::Silent, 1);
                socket
                    .send(again.text(2, b"none").unwrap().finish())
                    .unwrap();
            }
            let datagrams = socket
                .receive_many(&mut buffers, RecvFlags::DONTWAIT)
                .unwrap();
            assert_eq!(datagrams.len(), if with_credentials { 1 } else { 3 });
            for (at, (datagram, buffer)) in datagrams.iter().zip(&buffers).enumerate() {
                assert!(datagram.from_kernel);
                assert_eq!(datagram.len, buffer.len());
                assert_eq!(datagram.credentials.is_some(), with_credentials);
                let sequence = u32::from_ne_bytes(buffer[8..12].try_into().unwrap());
                assert_eq!(sequence as usize, at + 1);
            }
            let empty = socket.receive_many(&mut buffers, RecvFlags::DONTWAIT);
            assert_eq!(empty, Err(Errno::AGAIN));
        }
    }

    #[test]
    fn a_datagram_that_is_too_long_is_cut_and_told() {
        let socket = Socket::open().unwrap();
        let mut request = Vec::new();
        let request = Request::new(&mut request, 16, 1, 3, Flags::Silent, 1);
        socket
            .send(request.text(2, b"none").unwrap().finish())
            .unwrap();
        let mut buffers = [Vec::with_capacity(20)];
        let datagrams = socket
            .receive_many(&mut buffers, RecvFlags::DONTWAIT)
            .unwrap();
        assert!(datagrams[0].len > buffers[0].capacity());
        assert_eq!(buffers[0].len(), buffers[0].capacity());
    }
}
