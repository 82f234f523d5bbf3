// SPDX-License-Identifier: MIT OR Apache-2.0
//! Descriptors that the other side sends, wanted or not.
//!
//! Closing one can take as long as its maker likes: a connection may linger, a file system of its own may answer late. So
//! none are let in while none are owed, where the kernel can refuse them, and what came and is not used is closed where
//! nobody waits for it.
#![allow(unsafe_code)]

use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// The most that can come with one message, as the kernel has it (`SCM_MAX_FD`).
pub(crate) const MOST: usize = 253;

/// An option of `asm-generic/socket.h`.
const SO_PASSRIGHTS: libc::c_int = 83;

/// Has descriptors let in, or refused to who sends them. What a listening socket says its connections say too. Linux
/// before 6.16 lets them in always.
pub(crate) fn let_in(socket: impl AsFd, wanted: bool) {
    let wanted = libc::c_int::from(wanted);
    // SAFETY: The kernel reads one number, which lives for as long as the call takes.
    let _ = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            SO_PASSRIGHTS,
            (&raw const wanted).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
}

/// Descriptors that came with a message. When this goes they are closed, by a thread of their own.
#[derive(Debug, Default)]
pub(crate) struct Descriptors(Vec<OwnedFd>);

impl Descriptors {
    pub(crate) fn extend(&mut self, more: impl Iterator<Item = OwnedFd>) {
        self.0.extend(more);
    }

    pub(crate) fn as_slice(&self) -> &[OwnedFd] {
        &self.0
    }

    /// Closes them here and now: they were checked to be memory, and not more of it than was agreed on.
    pub(crate) fn close(self) {
        drop(self.into_vec());
    }

    /// The descriptors, each checked to be of a kind that closes at once.
    pub(crate) fn into_vec(mut self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.0)
    }
}

impl Drop for Descriptors {
    fn drop(&mut self) {
        if self.0.is_empty() {
            return;
        }
        // Where no thread can be had they stay open, which is better than to wait for who knows how long.
        let files = ManuallyDrop::new(std::mem::take(&mut self.0));
        let _ = std::thread::Builder::new()
            .name("coroipc-close".into())
            .stack_size(64 << 10)
            .spawn(move || drop(ManuallyDrop::into_inner(files)));
    }
}
