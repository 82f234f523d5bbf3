// SPDX-License-Identifier: MIT OR Apache-2.0

//! Many messages in one system call. `rustix` has no `recvmmsg`, so both calls are those of the C library.

#![allow(unsafe_code)]

use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd as _};

use anyhow::{Context as _, bail};

/// Messages with memory of their own, which are sent or received together.
pub(crate) struct Many {
    buffers: Vec<Vec<u8>>,
}

impl Many {
    /// So many messages of `len` bytes.
    pub(crate) fn new(count: usize, len: usize) -> Self {
        Self {
            buffers: vec![vec![7; len]; count],
        }
    }

    /// Sends all of them with one `sendmmsg`.
    pub(crate) fn send(&mut self, socket: impl AsFd) -> anyhow::Result<()> {
        self.with_headers(|headers| {
            // SAFETY: The headers are valid for this call, and the kernel only reads what they point to.
            let sent = unsafe {
                libc::sendmmsg(
                    socket.as_fd().as_raw_fd(),
                    headers.as_mut_ptr(),
                    headers.len() as libc::c_uint,
                    0,
                )
            };
            complete(sent, headers).context("sending many messages")
        })
    }

    /// Receives as many with one `recvmmsg`, each as long as there is room for it.
    pub(crate) fn receive(&mut self, socket: impl AsFd) -> anyhow::Result<()> {
        self.with_headers(|headers| {
            // SAFETY: The headers are valid for this call, and nobody else uses what they point to meanwhile.
            let received = unsafe {
                libc::recvmmsg(
                    socket.as_fd().as_raw_fd(),
                    headers.as_mut_ptr(),
                    headers.len() as libc::c_uint,
                    0,
                    std::ptr::null_mut(),
                )
            };
            complete(received, headers).context("receiving many messages")
        })
    }

    /// Calls `call` with one header for each buffer; they point to the buffers, which are borrowed meanwhile.
    fn with_headers<T>(&mut self, call: impl FnOnce(&mut [libc::mmsghdr]) -> T) -> T {
        let mut parts: Vec<libc::iovec> = self
            .buffers
            .iter_mut()
            .map(|buffer| libc::iovec {
                iov_base: buffer.as_mut_ptr().cast(),
                iov_len: buffer.len(),
            })
            .collect();
        let mut headers: Vec<libc::mmsghdr> = parts
            .iter_mut()
            .map(|part| {
                // SAFETY: All fields are integers or pointers, which may be 0.
                let mut header = unsafe { mem::zeroed::<libc::mmsghdr>() };
                header.msg_hdr.msg_iov = part;
                header.msg_hdr.msg_iovlen = 1;
                header
            })
            .collect();
        call(&mut headers)
    }
}

/// Fails unless all messages went, each whole.
fn complete(count: libc::c_int, headers: &[libc::mmsghdr]) -> anyhow::Result<()> {
    if count < 0 {
        return Err(io::Error::last_os_error().into());
    }
    if usize::try_from(count)? != headers.len() {
        bail!("{count} of {} messages went", headers.len());
    }
    // SAFETY: The pointer is to the one part that this header has, which lives as long as the headers.
    let whole = |header: &libc::mmsghdr| unsafe { (*header.msg_hdr.msg_iov).iov_len };
    for header in headers {
        crate::bus::whole(header.msg_len as usize, whole(header))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::pair;
    use super::*;

    #[test]
    fn many_messages_arrive_apart() {
        let (from, to) = pair().unwrap();
        let (mut sent, mut received) = (Many::new(3, 4), Many::new(3, 4));
        for (number, buffer) in sent.buffers.iter_mut().enumerate() {
            buffer.fill(number as u8);
        }
        sent.send(&from).unwrap();
        received.receive(&to).unwrap();
        assert_eq!(sent.buffers, received.buffers);

        Many::new(2, 4).send(&from).unwrap();
        let mut longer = Many::new(2, 5);
        assert!(longer.receive(&to).is_err(), "they are shorter than wanted");
    }
}
