// SPDX-License-Identifier: MIT OR Apache-2.0
//! Manual pages and completions, made from the command line itself.

use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::args::Cli;

/// Options of `completions`.
#[derive(Debug, Clone, Args)]
pub struct Completions {
    /// Which shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Options of `man`.
#[derive(Debug, Clone, Args)]
pub struct Man {
    /// Write the pages of the program and of all its commands to this folder instead
    #[arg(long, value_name = "DIR")]
    pub to: Option<PathBuf>,
}

/// Writes what a shell needs to complete the command line.
///
/// # Errors
///
/// `out` cannot be written.
pub fn completions(options: &Completions, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Cli::command(), "ipcon-top", &mut script);
    write(&script, out)
}

/// Writes the manual page, or all pages to a folder.
///
/// # Errors
///
/// `out` or the folder cannot be written.
pub fn man(options: &Man, out: &mut dyn Write) -> anyhow::Result<()> {
    // Nobody needs a page about `help`.
    let command = Cli::command().disable_help_subcommand(true);
    if let Some(folder) = &options.to {
        let told = || format!("writing manual pages to {}", folder.display());
        return clap_mangen::generate_to(command, folder).with_context(told);
    }
    let mut page = Vec::new();
    let man = clap_mangen::Man::new(command);
    man.render(&mut page).context("making the manual page")?;
    write(&page, out)
}

fn write(bytes: &[u8], out: &mut dyn Write) -> anyhow::Result<()> {
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("printing"),
    }
}
