// SPDX-License-Identifier: MIT OR Apache-2.0
//! One page of statistics: whether a descriptor of another process is one, and what stands in it.
//!
//! Anybody can give a file the name of such a page, have another file in its place a moment later, and write anything
//! into it. So the descriptor is taken first, without opening what is behind it, and it is that one that is checked:
//! opening a pipe or a file of a file system that some user runs may take for ever. The page is copied out with one
//! read, so it does not matter what becomes of it meanwhile.
//!
//! `of_process` and `endpoints_of_process` of `coroipc::statistics` read the same pages with the same care, but do not
//! tell which of two processes' descriptors are of one page, nor which page is which from one reading to the next, and
//! their bound is that of one process.

mod connection;
mod endpoint;

use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use coroipc::statistics::layout;
use rustix::fs::{FileType, Mode, OFlags, SealFlags, fcntl_get_seals, fstat, openat};
use rustix::io::{Errno, pread};

use super::mount::Mount;
pub(super) use connection::ConnectionPage;
pub(super) use endpoint::EndpointPage;

/// What a page is about, as its name says. In the order in which pages are read: a process has few endpoints, and many
/// connections must not keep them from being seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Endpoint,
    Connection,
}

impl Kind {
    /// Bytes of the longest name, for who wants to read one.
    pub(super) const LONGEST_LINK: usize = Self::Endpoint.link().len();

    /// What a descriptor of a page looks like below `/proc/PID/fd`.
    const fn link(self) -> &'static [u8] {
        match self {
            Self::Endpoint => b"/memfd:coroipc-endpoint (deleted)",
            Self::Connection => b"/memfd:coroipc-stats (deleted)",
        }
    }

    /// The kind of page that has this name.
    pub(super) fn of_link(link: &[u8]) -> Option<Self> {
        [Self::Endpoint, Self::Connection]
            .into_iter()
            .find(|kind| kind.link() == link)
    }
}

/// What tells a page from all others, whatever process has it, for as long as it exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Identity {
    inode: u64,
    started: u64,
    /// Zero of an endpoint: the first connection of a server is 1.
    connection: u64,
}

/// A page, with what stands in it.
#[derive(Debug)]
pub(super) enum Page {
    Endpoint(EndpointPage),
    Connection(Box<ConnectionPage>),
}

impl Page {
    pub(super) fn identity(&self) -> Identity {
        match self {
            Self::Endpoint(page) => page.identity,
            Self::Connection(page) => page.identity,
        }
    }
}

/// Why there is no page.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoPage {
    /// The descriptor was closed meanwhile.
    Gone,
    /// It has the name of a page and is none.
    Rejected,
}

/// Bytes at its beginning that are read: nothing stands behind them.
const USED: usize = 1344;

/// What a server seals a page against.
const SEALS: SealFlags = SealFlags::SHRINK
    .union(SealFlags::GROW)
    .union(SealFlags::FUTURE_WRITE)
    .union(SealFlags::SEAL);

/// Reads the page of this kind that `PID/fd/NUMBER` below the folder `/proc` is. Never waits.
pub(super) fn read(proc: impl AsFd, path: &str, kind: Kind, mount: Mount) -> Result<Page, NoPage> {
    let taken = openat(proc, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
    let taken = taken.map_err(|_| NoPage::Gone)?;
    let (inode, file) = open(&taken, mount)
        .map_err(|_| NoPage::Rejected)?
        .ok_or(NoPage::Rejected)?;
    let mut bytes = [0; USED];
    if pread(&file, &mut bytes, 0) != Ok(USED) {
        return Err(NoPage::Rejected);
    }
    let words = Words(&bytes);
    let page = match kind {
        Kind::Endpoint => endpoint::parse(words, inode).map(Page::Endpoint),
        Kind::Connection => connection::parse(words, inode)
            .map(Box::new)
            .map(Page::Connection),
    };
    page.ok_or(NoPage::Rejected)
}

/// Opens what was taken for reading, if it is an anonymous file of the right size and seals. `None` if it is not.
fn open(taken: &OwnedFd, mount: Mount) -> Result<Option<(u64, OwnedFd)>, Errno> {
    // Before anything else: only of these files it is known that no question to them waits for anybody.
    if !mount.has(taken)? {
        return Ok(None);
    }
    let about = fstat(taken)?;
    if FileType::from_raw_mode(about.st_mode) != FileType::RegularFile
        || about.st_size != layout::BYTES as i64
    {
        return Ok(None);
    }
    let again = format!("/proc/self/fd/{}", taken.as_raw_fd());
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = rustix::fs::open(again, flags, Mode::empty())?;
    let sealed = fcntl_get_seals(&file)?.contains(SEALS);
    Ok(sealed.then_some((about.st_ino, file)))
}

/// The copy of a page.
#[derive(Clone, Copy)]
struct Words<'b>(&'b [u8; USED]);

impl Words<'_> {
    /// Whether it begins as a page of this kind and version does.
    fn begin(self, magic: u64, version: u64) -> bool {
        self.at(layout::AT_MAGIC) == magic && self.at(layout::AT_VERSION) == version
    }

    /// The number at this place.
    fn at(self, at: usize) -> u64 {
        let mut word = [0; 8];
        word.copy_from_slice(&self.0[at..at + 8]);
        u64::from_ne_bytes(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page with this magic, version 1 and these words.
    pub(super) fn page(magic: u64, words: &[(usize, u64)]) -> [u8; USED] {
        let mut bytes = [0; USED];
        for &(at, word) in [(0, magic), (8, 1)].iter().chain(words) {
            bytes[at..at + 8].copy_from_slice(&word.to_ne_bytes());
        }
        bytes
    }

    #[test]
    fn a_name_tells_the_kind_and_nothing_near_it_does() {
        for (kind, name) in [
            (Kind::Endpoint, layout::endpoint::NAME),
            (Kind::Connection, layout::connection::NAME),
        ] {
            let link = kind.link();
            assert_eq!(link, format!("/memfd:{name} (deleted)").as_bytes());
            assert_eq!(Kind::of_link(link), Some(kind));
            assert_eq!(Kind::of_link(&link[..link.len() - 1]), None);
            assert_eq!(Kind::of_link(&[link, b"x"].concat()), None);
            assert!(link.len() <= Kind::LONGEST_LINK);
        }
    }
}
