// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files that a configuration is made of, and whether one of them has changed since.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// Most bytes of a file: what never ends would take all memory. All authorities of a system have a quarter of it.
const BYTES_MAX: u64 = 1 << 20;

/// What was read, in order to see when it is something else. Compared by content: the time of a file may stay
/// the same when it is written twice within a tick of the clock.
#[derive(Debug, Default)]
pub(super) struct Files {
    folder: PathBuf,
    read: Vec<(PathBuf, Option<Vec<u8>>)>,
}

impl Files {
    /// None yet; relative paths begin at `folder`.
    pub(super) fn relative_to(folder: &Path) -> Self {
        Self {
            folder: folder.to_path_buf(),
            read: Vec::new(),
        }
    }

    pub(super) fn read(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        let path = self.folder.join(path);
        let content = read(&path);
        self.read.push((path, content.as_ref().ok().cloned()));
        content
    }

    /// Permissions of the file at this path, if everybody has one of them.
    pub(super) fn open_to_all(&self, path: &Path) -> Option<u32> {
        let metadata = self.folder.join(path).metadata().ok()?;
        let mode = metadata.mode() & 0o7777;
        (mode & 0o007 != 0).then_some(mode)
    }

    /// Whether there is something at this path, readable or not.
    pub(super) fn has(&self, path: &Path) -> bool {
        self.folder.join(path).symlink_metadata().is_ok()
    }

    /// Whether one of the files that were read would be read otherwise now.
    pub(super) fn changed(&self) -> bool {
        let mut files = self.read.iter();
        files.any(|(path, content)| read(path).ok() != *content)
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    // A pipe would keep everybody waiting for who writes into it, now or at the next connection.
    let without_waiting = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(without_waiting)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other(
            "it is no regular file, which can be read again for each connection",
        ));
    }
    file.take(BYTES_MAX + 1).read_to_end(&mut content)?;
    if content.len() as u64 > BYTES_MAX {
        return Err(io::Error::other(format!(
            "it is longer than {BYTES_MAX} bytes"
        )));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::Duration;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn what_is_too_long_is_not_read_to_its_end() {
        let path = std::env::temp_dir().join(format!("ipcon-long.{}", std::process::id()));
        let long = File::create(&path).unwrap();
        long.set_len(BYTES_MAX + 1).unwrap();
        let read = Files::default().read(&path);
        std::fs::remove_file(&path).unwrap();
        let error = read.unwrap_err().to_string();
        assert!(error.contains("longer than"), "{error}");
    }

    #[test]
    fn nobody_is_waited_for() {
        let path = std::env::temp_dir().join(format!("ipcon-pipe.{}", std::process::id()));
        let mode = Mode::from_raw_mode(0o600);
        mknodat(CWD, &path, FileType::Fifo, mode, 0).unwrap();
        let (sender, answer) = channel();
        for file in [path.clone(), "/dev/zero".into()] {
            let sender = sender.clone();
            thread::spawn(move || {
                let mut files = Files::default();
                let error = files.read(&file).unwrap_err().to_string();
                _ = sender.send((error, files.changed()));
            });
        }
        let answers = [0; 2].map(|_| answer.recv_timeout(Duration::from_secs(10)));
        std::fs::remove_file(&path).unwrap();
        for answer in answers {
            let (error, changed) = answer.expect("it waits");
            assert!(error.contains("no regular file"), "{error}");
            assert!(!changed);
        }
    }
}
