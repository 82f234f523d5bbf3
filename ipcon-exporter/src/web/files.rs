// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files that a configuration is made of, and whether one of them has changed since.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

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
        let content = fs::read(&path);
        self.read.push((path, content.as_ref().ok().cloned()));
        content
    }

    /// Whether one of the files that were read would be read otherwise now.
    pub(super) fn changed(&self) -> bool {
        let mut files = self.read.iter();
        files.any(|(path, content)| fs::read(path).ok() != *content)
    }
}
