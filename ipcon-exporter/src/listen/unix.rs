// SPDX-License-Identifier: MIT OR Apache-2.0
//! Unix-domain sockets: with the permissions wanted from their first moment, over stale ones only, and gone
//! with the exporter.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use rustix::fs::{Mode, fchmod};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with,
};
use rustix::process::umask;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 128;

/// Listens at a path, which others may open as `mode` says.
pub(super) fn listen_at(path: &Path, mode: u32) -> Result<(OwnedFd, File)> {
    make_way(path)?;
    let socket = stream_socket()?;
    let address = address(path)?;
    // The kernel gives the file the permissions of the socket, less the umask. To change them afterwards would change
    // those of whatever somebody who may write into the folder has put there by then.
    fchmod(&socket, Mode::from_raw_mode(mode)).context("cannot set the permissions")?;
    without_umask(|| bind(&socket, &address)).context("cannot bind a socket to the path")?;
    let file = File::at(path)?;
    listen(&socket, BACKLOG).context("cannot listen")?;
    Ok((socket, file))
}

/// Removes the socket that an exporter left behind which did not end by itself. Anything else stays.
fn make_way(path: &Path) -> Result<()> {
    let Ok(found) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    ensure!(
        found.file_type().is_socket(),
        "there is something that is no socket"
    );
    match connect(stream_socket()?, &address(path)?) {
        Err(Errno::CONNREFUSED) => fs::remove_file(path).context("cannot remove the stale socket"),
        Err(Errno::NOENT) => Ok(()),
        // With a full backlog it is EAGAIN, of another type of socket EPROTOTYPE: somebody is there.
        Ok(()) | Err(Errno::AGAIN | Errno::PROTOTYPE) => {
            bail!("another program listens there")
        }
        Err(error) => Err(error).context("cannot tell whether another program listens there"),
    }
}

/// Runs what makes a file with its permissions as they are. Threads share the umask: others should make none meanwhile.
fn without_umask<T>(make: impl FnOnce() -> T) -> T {
    let before = umask(Mode::empty());
    let made = make();
    umask(before);
    made
}

fn stream_socket() -> Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
        .context("cannot make a socket")
}

fn address(path: &Path) -> Result<SocketAddrUnix> {
    SocketAddrUnix::new(path).context("the path is no address of a socket")
}

/// The file of a socket; removed with this, unless it is another one's by then.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    identity: (u64, u64),
}

impl File {
    fn at(path: &Path) -> Result<Self> {
        Ok(Self {
            path: path.to_path_buf(),
            identity: identity(path).context("the socket is gone again")?,
        })
    }
}

impl Drop for File {
    fn drop(&mut self) {
        if identity(&self.path) == Some(self.identity) {
            // If it cannot be removed, the next exporter finds it stale.
            _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let metadata = fs::symlink_metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
    use rustix::io::read;

    use super::*;

    #[test]
    fn permissions_are_there_at_once_and_never_changed() {
        let name = format!("ipcon-permissions.{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        let path = folder.join("socket");
        // Whoever changes them by the path may change those of what somebody else has put there by then.
        let changes = init(CreateFlags::NONBLOCK).unwrap();
        add_watch(&changes, &folder, WatchFlags::ATTRIB).unwrap();
        let narrow = Mode::from_raw_mode(0o077);
        let before = umask(narrow);
        let listening = listen_at(&path, 0o666);
        let after = umask(before);
        let mode = fs::symlink_metadata(&path).unwrap().mode() & 0o777;
        let changed = read(&changes, &mut [0; 512]);
        // That a change would have been seen.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let changed_here = read(&changes, &mut [0; 512]);
        drop(listening.unwrap());
        fs::remove_dir(&folder).unwrap();

        assert_eq!(mode, 0o666, "{mode:o}");
        assert_eq!(changed, Err(Errno::AGAIN));
        assert!(changed_here.is_ok(), "{changed_here:?}");
        assert_eq!(after, narrow);
    }
}
