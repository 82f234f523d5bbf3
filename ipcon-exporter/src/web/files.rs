// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files that a configuration is made of, and whether one of them has changed since.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

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

    /// Whether one of the files that were read would be read otherwise now.
    pub(super) fn changed(&self) -> bool {
        let mut files = self.read.iter();
        files.any(|(path, content)| read(path).ok() != *content)
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?
        .take(BYTES_MAX + 1)
        .read_to_end(&mut content)?;
    if content.len() as u64 > BYTES_MAX {
        return Err(io::Error::other(format!(
            "it is longer than {BYTES_MAX} bytes"
        )));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_ends_is_not_read_to_its_end() {
        let mut files = Files::relative_to(Path::new("/dev"));
        let error = files.read(Path::new("zero")).unwrap_err().to_string();
        assert!(error.contains("longer than"), "{error}");
        assert!(!files.changed());
    }
}
