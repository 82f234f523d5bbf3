// SPDX-License-Identifier: MIT OR Apache-2.0
//! What `/proc` tells about processes. None of these questions waits for the process, or for what it has open.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{
    AtFlags, Mode, OFlags, PROC_SUPER_MAGIC, RawDir, fstatfs, open, openat, readlinkat_raw, statat,
};
use rustix::io::{Errno, read};

use super::page::Kind;
use super::rota::Seen;
use crate::model::{SafeText, display_name};

/// Room for the entries of a folder that are read at once.
const ENTRIES: usize = 32 * 1024;
/// Bit in the flags of a thread of the kernel's own.
const PF_KTHREAD: u64 = 0x0020_0000;

/// The processes of this machine, as far as the namespace shows them.
pub(super) struct Processes {
    proc: OwnedFd,
    entries: Vec<MaybeUninit<u8>>,
}

/// The descriptors of a process that have the name of a page.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    /// Their numbers, ascending, with the kind of page.
    pub(super) numbers: Vec<(u32, Kind)>,
    /// The kinds of more of them, beyond the bound.
    pub(super) left_out: LeftOut,
    /// Whether there are so many descriptors that not all were looked at.
    pub(super) cut: bool,
}

/// Pages that are found and not read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LeftOut {
    pub(super) endpoints: u64,
    pub(super) connections: u64,
}

impl LeftOut {
    pub(super) fn count(&mut self, kind: Kind) {
        match kind {
            Kind::Endpoint => self.endpoints += 1,
            Kind::Connection => self.connections += 1,
        }
    }
}

impl Processes {
    /// # Errors
    ///
    /// There is no `/proc` as the kernel makes it.
    pub(super) fn open() -> Result<Self, Errno> {
        let folder = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let proc = open("/proc", folder, Mode::empty())?;
        if fstatfs(&proc)?.f_type != PROC_SUPER_MAGIC {
            return Err(Errno::NOTSUP);
        }
        Ok(Self {
            proc,
            entries: vec![MaybeUninit::uninit(); ENTRIES],
        })
    }

    pub(super) fn folder(&self) -> impl AsFd + '_ {
        &self.proc
    }

    /// All of them, ascending.
    pub(super) fn list(&mut self) -> Result<Vec<u32>, Errno> {
        // The position of the folder is part of its descriptor, so it is opened anew.
        let folder = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let proc = openat(&self.proc, ".", folder, Mode::empty())?;
        let mut pids = Vec::new();
        each_number(&proc, &mut self.entries, |pid| {
            pids.push(pid);
            true
        })?;
        pids.sort_unstable();
        Ok(pids)
    }

    /// How many descriptors a process has. `None` where the kernel, before 6.2, does not tell, or there are none.
    pub(super) fn descriptors(&self, pid: u32) -> Option<u64> {
        let about = statat(&self.proc, format!("{pid}/fd"), AtFlags::empty()).ok()?;
        u64::try_from(about.st_size).ok().filter(|&count| count > 0)
    }

    /// Looks at the descriptors of a process, `most` at most, and keeps those that may be pages: all that `is_known`
    /// says so, and so many in all as `keep`. `None` if the process is gone.
    pub(super) fn look(
        &mut self,
        pid: u32,
        most: usize,
        keep: usize,
        is_known: impl Fn(u32) -> bool,
    ) -> Option<(Seen, Candidates)> {
        let mut candidates = Candidates::default();
        let folder = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let descriptors = match openat(&self.proc, format!("{pid}/fd"), folder, Mode::empty()) {
            Ok(descriptors) => descriptors,
            Err(Errno::ACCESS | Errno::PERM) => {
                return Some((
                    self.seen_without_descriptors(pid, Seen::Closed)?,
                    candidates,
                ));
            }
            Err(_) => return None,
        };
        let (mut looked_at, mut may_not) = (0, false);
        let walked = each_number(&descriptors, &mut self.entries, |number| {
            looked_at += 1;
            if looked_at > most {
                candidates.cut = true;
                return false;
            }
            match kind_of_page(&descriptors, number) {
                Ok(Some(kind)) if candidates.numbers.len() < keep || is_known(number) => {
                    candidates.numbers.push((number, kind));
                }
                Ok(Some(kind)) => candidates.left_out.count(kind),
                // Who may read any folder, but not look into any process, sees numbers and nothing else.
                Err(Errno::ACCESS | Errno::PERM) => may_not = true,
                // What is no page does not matter, nor what is gone.
                Ok(None) | Err(_) => {}
            }
            !may_not
        });
        match walked {
            Ok(()) if looked_at == 0 => {
                Some((self.seen_without_descriptors(pid, Seen::Idle)?, candidates))
            }
            Ok(()) if may_not => Some((Seen::Closed, Candidates::default())),
            Ok(()) if candidates.numbers.is_empty() => Some((Seen::Idle, candidates)),
            Ok(()) => Some((Seen::Serving, candidates)),
            // It may have got other rights after the folder was opened.
            Err(Errno::ACCESS | Errno::PERM) => Some((Seen::Closed, Candidates::default())),
            Err(_) => None,
        }
    }

    /// The kernel's own, or what else a process is that shows no descriptors. `None` if it is gone.
    fn seen_without_descriptors(&self, pid: u32, otherwise: Seen) -> Option<Seen> {
        let text = self.text(&format!("{pid}/stat"))?;
        // The name before it may hold anything.
        let fields = text.rsplit(|&byte| byte == b')').next()?;
        let flags = String::from_utf8_lossy(fields)
            .split_whitespace()
            .nth(6)?
            .parse::<u64>()
            .ok()?;
        Some(if flags & PF_KTHREAD != 0 {
            Seen::Kernel
        } else {
            otherwise
        })
    }

    /// Command name and user of a process.
    pub(super) fn about(&self, pid: u32) -> Option<(SafeText, u32)> {
        let comm = self.text(&format!("{pid}/comm"))?;
        let comm = comm.strip_suffix(b"\n").unwrap_or(&comm);
        let owner = statat(&self.proc, format!("{pid}"), AtFlags::empty())
            .ok()?
            .st_uid;
        Some((display_name(comm), owner))
    }

    /// The beginning of a short file.
    fn text(&self, path: &str) -> Option<Vec<u8>> {
        let file = openat(
            &self.proc,
            path,
            OFlags::RDONLY | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .ok()?;
        let mut text = vec![0; 512];
        let length = read(&file, &mut text).ok()?;
        text.truncate(length);
        Some(text)
    }
}

/// Calls `with` for each entry whose name is a number, until it says no.
fn each_number(
    folder: &OwnedFd,
    entries: &mut [MaybeUninit<u8>],
    mut with: impl FnMut(u32) -> bool,
) -> Result<(), Errno> {
    let mut folder = RawDir::new(folder, entries);
    while let Some(entry) = folder.next() {
        let entry = entry?;
        let number = entry
            .file_name()
            .to_str()
            .ok()
            .and_then(|name| name.parse().ok());
        if let Some(number) = number
            && !with(number)
        {
            break;
        }
    }
    Ok(())
}

/// The kind of page that a descriptor has the name of.
fn kind_of_page(descriptors: &OwnedFd, number: u32) -> Result<Option<Kind>, Errno> {
    // One byte more than the name, so that a longer one is seen to be another.
    let mut target = [MaybeUninit::uninit(); Kind::LONGEST_LINK + 1];
    let (target, _) = readlinkat_raw(descriptors, format!("{number}"), &mut target)?;
    Ok(Kind::of_link(target))
}
