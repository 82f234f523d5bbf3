// SPDX-License-Identifier: MIT OR Apache-2.0
//! The configuration file. What the command line says wins over it.

mod read;
mod template;

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};
use ipcon_observe::model::display_name;

use crate::app::Setup;
use crate::args::Colour;
use crate::regular_file;
use crate::theme::Preset;

pub use read::Problem;
pub use template::template;

/// Most bytes of a file. The template has a few thousand.
const BYTES_MAX: u64 = 1 << 20;

/// What the file says; `None` where it says nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Config {
    /// Time from one refresh to the next.
    pub interval: Option<Duration>,
    /// Colours.
    pub theme: Option<Preset>,
    /// When to use colour.
    pub color: Option<Colour>,
    /// Draw with ASCII characters only.
    pub ascii: Option<bool>,
    /// Keys, history, mouse and views.
    pub setup: Setup,
}

impl Config {
    /// Reads the text of a file.
    ///
    /// # Errors
    ///
    /// It is no TOML, or a name or a value in it is none.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        read::parse(text)
    }

    /// Reads the file at `path`, or the user's own if there is one. What `variable` says of the environment decides where
    /// that is: `$XDG_CONFIG_HOME/ipcon-top/config.toml`, else `~/.config/ipcon-top/config.toml`.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is wrong: the error has its name and the line.
    pub fn load(
        path: Option<&Path>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> anyhow::Result<Self> {
        let (path, file) = match path {
            // May be a pipe, as of `--config <(…)`.
            Some(path) => (path.to_path_buf(), File::open(path)),
            None => match own(variable).map(|path| (open_own(&path), path)) {
                Some((Some(opened), path)) => (path, opened),
                _ => return Ok(Self::default()),
            },
        };
        let text = file.and_then(read_some);
        let text = text.with_context(|| format!("reading {}", path.display()))?;
        Self::parse(&text).map_err(|problem| {
            let Problem { line, message } = problem;
            anyhow!(
                "{}:{line}: {}",
                path.display(),
                display_name(message.as_bytes())
            )
        })
    }
}

/// Opens the file that is read without being named. `None` when there is none of the user: the environment may have the home of
/// somebody else, as after `setpriv` or `sudo -E`, and what cannot be opened there is no file of his.
fn open_own(path: &Path) -> Option<io::Result<File>> {
    match regular_file::open(path) {
        Ok(file) => Some(Ok(file)),
        Err(error) => {
            let data = path.symlink_metadata();
            let ours = data.is_ok_and(|it| it.uid() == rustix::process::geteuid().as_raw());
            ours.then_some(Err(error))
        }
    }
}

/// The text of a file, if it is no longer than a configuration may be: what never ends would take all memory.
fn read_some(file: File) -> io::Result<String> {
    let mut text = String::new();
    file.take(BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > BYTES_MAX {
        return Err(io::Error::other(format!(
            "it is longer than {BYTES_MAX} bytes, and no configuration"
        )));
    }
    Ok(text)
}

/// Where the user's own file is.
fn own(variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    // By the base directory specification, what is not absolute does not count.
    let folder = |name: &str| {
        variable(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let base = folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")))?;
    Some(base.join("ipcon-top/config.toml"))
}

#[cfg(test)]
mod tests;
