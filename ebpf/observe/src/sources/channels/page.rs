// SPDX-License-Identifier: MIT OR Apache-2.0
//! One page of statistics: whether a descriptor of another process is one, and what stands in it.
//!
//! Anybody can give a file the name of such a page, have another file in its place a moment later, and write anything
//! into it. So the descriptor is taken first, without opening what is behind it, and it is that one that is checked:
//! opening a pipe or a file of a file system that some user runs may take for ever. The page is copied out with one
//! read, so it does not matter what becomes of it meanwhile.
//!
//! `coroipc::statistics::of_process` reads the same pages with the same care, but does not tell which of two processes'
//! descriptors are of one page, nor which page is which from one reading to the next, and its bound is that of one process.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use coroipc::statistics::Counter;
use rustix::fs::{FileType, Mode, OFlags, SealFlags, fcntl_get_seals, fstat, openat};
use rustix::io::{Errno, pread};

use super::mount::Mount;
use crate::model::{ChannelCounters, LatencyHistogram};

/// What a descriptor of a page looks like below `/proc/PID/fd`.
pub(super) const LINK: &[u8] = b"/memfd:coroipc-stats (deleted)";

/// What tells a page from all others, whatever process has it, for as long as it exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Identity {
    inode: u64,
    started: u64,
    connection: u64,
}

/// What stands in a page.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Page {
    pub(super) identity: Identity,
    pub(super) service: u16,
    pub(super) client_pid: u32,
    pub(super) client_uid: u32,
    pub(super) connection: u64,
    pub(super) started_at: Duration,
    pub(super) counters: ChannelCounters,
    pub(super) latency: LatencyHistogram,
}

/// Why there is no page.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoPage {
    /// The descriptor was closed meanwhile.
    Gone,
    /// It has the name of a page and is none.
    Rejected,
}

/// Places in the page; `docs/coroipc.md` has them as a table.
mod layout {
    pub(super) const MAGIC: &[u8; 8] = b"cipcstat";
    pub(super) const VERSION: u64 = 1;

    pub(super) const AT_MAGIC: usize = 0;
    pub(super) const AT_VERSION: usize = 8;
    pub(super) const SERVICE: usize = 16;
    pub(super) const CLIENT_PID: usize = 24;
    pub(super) const CLIENT_UID: usize = 32;
    pub(super) const CONNECTION: usize = 40;
    pub(super) const STARTED: usize = 48;
    pub(super) const COUNTERS: usize = 64;
    pub(super) const LATENCY: usize = 1024;

    /// Size of the file. Nothing stands behind the times.
    pub(super) const FILE: i64 = 4096;
    pub(super) const USED: usize = LATENCY + 8 * crate::model::LatencyHistogram::BUCKETS;
}

/// What a server seals a page against.
const SEALS: SealFlags = SealFlags::SHRINK
    .union(SealFlags::GROW)
    .union(SealFlags::FUTURE_WRITE)
    .union(SealFlags::SEAL);

/// Reads the page that `PID/fd/NUMBER` below the folder `/proc` is. Never waits.
pub(super) fn read(proc: impl AsFd, path: &str, mount: Mount) -> Result<Page, NoPage> {
    let taken = openat(proc, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
    let taken = taken.map_err(|_| NoPage::Gone)?;
    let (inode, file) = open(&taken, mount)
        .map_err(|_| NoPage::Rejected)?
        .ok_or(NoPage::Rejected)?;
    let mut bytes = [0; layout::USED];
    match pread(&file, &mut bytes, 0) {
        Ok(layout::USED) => parse(&bytes, inode).ok_or(NoPage::Rejected),
        _ => Err(NoPage::Rejected),
    }
}

/// Opens what was taken for reading, if it is an anonymous file of the right size and seals. `None` if it is not.
fn open(taken: &OwnedFd, mount: Mount) -> Result<Option<(u64, OwnedFd)>, Errno> {
    // Before anything else: only of these files it is known that no question to them waits for anybody.
    if !mount.has(taken)? {
        return Ok(None);
    }
    let about = fstat(taken)?;
    if FileType::from_raw_mode(about.st_mode) != FileType::RegularFile
        || about.st_size != layout::FILE
    {
        return Ok(None);
    }
    let again = format!("/proc/self/fd/{}", taken.as_raw_fd());
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = rustix::fs::open(again, flags, Mode::empty())?;
    let sealed = fcntl_get_seals(&file)?.contains(SEALS);
    Ok(sealed.then_some((about.st_ino, file)))
}

/// `None` if it is no page, or one of another version.
fn parse(bytes: &[u8; layout::USED], inode: u64) -> Option<Page> {
    let word = |at: usize| {
        let mut word = [0; 8];
        word.copy_from_slice(&bytes[at..at + 8]);
        u64::from_ne_bytes(word)
    };
    if bytes[layout::AT_MAGIC..][..8] != *layout::MAGIC
        || word(layout::AT_VERSION) != layout::VERSION
    {
        return None;
    }
    let (connection, started) = (word(layout::CONNECTION), word(layout::STARTED));
    let mut latency = LatencyHistogram::default();
    for (bucket, count) in latency.counts.iter_mut().enumerate() {
        *count = word(layout::LATENCY + 8 * bucket);
    }
    Some(Page {
        identity: Identity {
            inode,
            started,
            connection,
        },
        service: word(layout::SERVICE).try_into().ok()?,
        client_pid: word(layout::CLIENT_PID).try_into().ok()?,
        client_uid: word(layout::CLIENT_UID).try_into().ok()?,
        connection,
        started_at: Duration::from_nanos(started),
        counters: counters(|counter| word(layout::COUNTERS + 8 * counter as usize)),
        latency,
    })
}

fn counters(get: impl Fn(Counter) -> u64) -> ChannelCounters {
    ChannelCounters {
        requests: get(Counter::Requests),
        responses: get(Counter::Responses),
        dispatched: get(Counter::Dispatched),
        queue_size: get(Counter::QueueSize),
        queue_size_max: get(Counter::QueueHigh),
        flow_control: get(Counter::FlowControl),
        flow_control_count: get(Counter::FlowControlCount),
        overload: get(Counter::Overload),
        invalid_request: get(Counter::InvalidRequest),
        denied: get(Counter::Denied),
        expired: get(Counter::Expired),
        failed: get(Counter::Failed),
        no_reply: get(Counter::NoReply),
        reply_too_long: get(Counter::ReplyTooLong),
        one_way: get(Counter::OneWay),
        events_dropped: get(Counter::EventsDropped),
        request_bytes: get(Counter::RequestBytes),
        response_bytes: get(Counter::ResponseBytes),
        event_bytes: get(Counter::EventBytes),
        events_queued: get(Counter::EventsQueued),
        events_queued_max: get(Counter::EventsQueuedHigh),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn page(words: &[(usize, u64)]) -> [u8; layout::USED] {
        let mut bytes = [0; layout::USED];
        bytes[..8].copy_from_slice(layout::MAGIC);
        let version = [(layout::AT_VERSION, 1)];
        for &(at, word) in version.iter().chain(words) {
            bytes[at..at + 8].copy_from_slice(&word.to_ne_bytes());
        }
        bytes
    }

    #[test]
    fn each_word_is_where_the_table_says() {
        let found = parse(
            &page(&[
                (16, 7),
                (24, 8),
                (32, 9),
                (40, 10),
                (48, 11),
                (64, 12),
                (224, 13),
                (1024, 14),
                (1336, 15),
            ]),
            3,
        )
        .unwrap();
        assert_eq!(
            (found.service, found.client_pid, found.client_uid),
            (7, 8, 9)
        );
        assert_eq!(
            (found.connection, found.started_at),
            (10, Duration::from_nanos(11))
        );
        assert_eq!(
            (found.counters.requests, found.counters.events_queued_max),
            (12, 13)
        );
        assert_eq!(
            (found.latency.counts[0], found.latency.counts[39]),
            (14, 15)
        );
        assert_eq!(
            found.identity,
            Identity {
                inode: 3,
                started: 11,
                connection: 10
            }
        );
    }

    #[test]
    fn what_is_no_page_of_this_version_is_refused() {
        assert_eq!(parse(&[0; layout::USED], 1), None);
        assert_eq!(parse(&page(&[(layout::AT_VERSION, 2)]), 1), None);
        for too_large in [layout::SERVICE, layout::CLIENT_PID, layout::CLIENT_UID] {
            assert_eq!(parse(&page(&[(too_large, 1 << 33)]), 1), None);
        }
    }

    proptest! {
        #[test]
        fn no_page_does_any_harm(words in proptest::collection::vec(any::<u64>(), layout::USED / 8)) {
            let mut bytes = [0; layout::USED];
            for (place, word) in bytes.chunks_exact_mut(8).zip(&words) {
                place.copy_from_slice(&word.to_ne_bytes());
            }
            bytes[..24].copy_from_slice(&page(&[])[..24]);
            if let Some(page) = parse(&bytes, 1) {
                prop_assert!(page.latency.quantile(0.99).is_none_or(|bound| !bound.is_zero()));
            }
        }
    }
}
