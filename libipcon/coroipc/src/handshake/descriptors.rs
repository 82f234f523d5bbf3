// SPDX-License-Identifier: MIT OR Apache-2.0
//! Descriptors that the other side sends, wanted or not.
//!
//! Closing one can take as long as its maker likes: a connection may linger, a file system of its own may answer late. So
//! none are let in while none are owed, where the kernel can refuse them, and what came and is not used is closed where
//! nobody waits for it.
#![allow(unsafe_code)]

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;

use super::closer::Closer;
use crate::region::Peer;
use crate::ring::Violation;

pub(crate) use super::wire::MOST_DESCRIPTORS as MOST;

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

/// Descriptors that came with a message. When this goes they are closed, where nobody waits for that.
#[derive(Debug, Default)]
pub(crate) struct Descriptors {
    files: Vec<OwnedFd>,
    /// Who closes them; nobody where there are none.
    closer: Option<Arc<Closer>>,
}

impl Descriptors {
    pub(super) fn extend(&mut self, more: impl Iterator<Item = OwnedFd>, closer: &Arc<Closer>) {
        self.files.extend(more);
        self.closer.get_or_insert_with(|| closer.clone());
    }

    pub(crate) fn as_slice(&self) -> &[OwnedFd] {
        &self.files
    }

    /// The memory of a payload of so many bytes, which is the first of them.
    pub(crate) fn open_large(&mut self, len: u32) -> Result<Box<Peer>, Violation> {
        let file = self.files.first().ok_or(Violation::Large)?;
        let memory = Peer::open(file, crate::layout::large(len)).map_err(|_| Violation::Large)?;
        // It was checked to be memory, which closes at once.
        drop(self.files.remove(0));
        Ok(Box::new(memory))
    }

    /// Closes them here and now: they were checked to be memory, and not more of it than was agreed on.
    pub(crate) fn close(self) {
        drop(self.into_vec());
    }

    /// The descriptors, for who has checked each to be of a kind that closes at once, or wants them whatever they are.
    pub(crate) fn into_vec(mut self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.files)
    }
}

impl Drop for Descriptors {
    fn drop(&mut self) {
        let files = std::mem::take(&mut self.files);
        if let Some(closer) = &self.closer
            && !files.is_empty()
        {
            closer.close(files);
        }
    }
}
