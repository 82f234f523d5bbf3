// SPDX-License-Identifier: MIT OR Apache-2.0
//! Opens files in places where others may write too, such as /tmp, perhaps as root.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use anyhow::{Context, bail, ensure};
use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;

use crate::regular_file::{self, flags};

/// Opens a file to read it. Nothing but a regular file is waited for.
///
/// # Errors
///
/// There is none, or it may not be read.
pub(super) fn open(path: &Path) -> anyhow::Result<File> {
    regular_file::open(path).with_context(|| format!("opening {}", path.display()))
}

/// Opens a file of our own to append to it, made if need be, for nobody else to read, and for no second one to write.
///
/// # Errors
///
/// It cannot be made; or it is a link, no regular file, somebody else's, or being written by another program.
pub(super) fn open_own(path: &Path) -> anyhow::Result<File> {
    let file = match create(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => appendable(path)?,
        made => made.with_context(|| format!("making {}", path.display()))?,
    };
    claim(file, path)
}

/// Makes a file of our own where there is nothing yet, for nobody else to read, and for no second one to write. `None` when
/// something is there.
///
/// # Errors
///
/// It cannot be made.
pub(super) fn create_own(path: &Path) -> anyhow::Result<Option<File>> {
    match create(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(None),
        made => {
            let file = made.with_context(|| format!("making {}", path.display()))?;
            claim(file, path).map(Some)
        }
    }
}

/// Sees that a file is a regular one and ours, and keeps others from writing to it.
fn claim(file: File, path: &Path) -> anyhow::Result<File> {
    let file = regular_file::only(file).with_context(|| format!("writing {}", path.display()))?;
    let (owner, user) = (
        file.metadata()
            .context("asking for the file's owner")?
            .uid(),
        rustix::process::geteuid().as_raw(),
    );
    ensure!(
        owner == user,
        "{} belongs to user {owner} and not to you (user {user}): name another file",
        path.display()
    );
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => bail!("another program is recording to {}", path.display()),
        locked => locked.with_context(|| format!("locking {}", path.display()))?,
    }
    Ok(file)
}

/// Makes a file where there is nothing yet, not even a link that leads nowhere.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create_new(true).mode(0o600);
    options.open(path)
}

fn appendable(path: &Path) -> anyhow::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true);
    let safely = flags(OFlags::NOFOLLOW | OFlags::NONBLOCK);
    let opened = options.custom_flags(safely).open(path);
    let is_link = |error: &io::Error| error.raw_os_error() == Some(Errno::LOOP.raw_os_error());
    match opened {
        Err(error) if is_link(&error) => bail!(
            "{} is a link, which somebody else may have put there: name the file itself",
            path.display()
        ),
        opened => opened.with_context(|| format!("opening {}", path.display())),
    }
}
