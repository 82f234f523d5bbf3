// SPDX-License-Identifier: MIT OR Apache-2.0
//! What `cargo xtask install` puts in place, used as its users would.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};

use crate::cache::Workspace;
use crate::process::{capture, describe, run_logged};

/// Where programs would find it, were it not for DESTDIR.
const PREFIX: &str = "/usr/local";

/// Installs, and then compiles, links and runs the programs that the documentation shows.
pub(super) fn check(workspace: &Workspace) -> anyhow::Result<()> {
    let folder = workspace.target().join("install");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))?;
    }
    let mut install = super::readme::xtask()?;
    install
        .args(["install", "--prefix", PREFIX])
        .env("DESTDIR", &folder);
    run_logged(
        &mut install,
        &workspace.target().join("install.log"),
        super::DEADLINE,
    )?;

    let root = folder.join(PREFIX.trim_start_matches('/'));
    let documentation = workspace.root().join("docs/c-api.md");
    let manual = root.join("share/man/man7/libipcon.7");
    let programs = [
        from_markdown(&read(&documentation)?),
        from_manual(&read(&manual)?),
    ];
    for (number, program) in programs.into_iter().enumerate() {
        let program = program.context("the documentation of the C library shows no program")?;
        let source = folder.join(format!("program-{number}.c"));
        fs::write(&source, program).with_context(|| format!("writing {}", source.display()))?;
        try_program(&folder, &root, &source)?;
    }
    service(&folder, &root)?;
    completions(&root.join("share/bash-completion/completions/ipcon-top"))?;
    manual_pages(&root.join("share/man"))
}

/// Sees that the service starts a program that was installed.
fn service(folder: &Path, root: &Path) -> anyhow::Result<()> {
    let unit = root.join("lib/systemd/system/ipcon-exporter.service");
    let text = read(&unit)?;
    let starts = text
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="));
    let program = starts.and_then(|words| words.split(' ').next());
    let program = program.with_context(|| format!("{} starts nothing", unit.display()))?;
    let program = folder.join(program.trim_start_matches('/'));
    let output = Command::new(&program).arg("--version").output();
    let output = output.with_context(|| format!("starting {}", program.display()))?;
    ensure!(
        output.status.success(),
        "{} --version {}",
        program.display(),
        describe(output.status)
    );
    Ok(())
}

/// Has a shell complete a command with what was installed.
fn completions(script: &Path) -> anyhow::Result<()> {
    // The function's name is the generator's affair; what is registered for the program is what bash calls.
    let asked = r#"
        . "$0"
        registered=($(complete -p ipcon-top))
        for at in "${!registered[@]}"; do
            [ "${registered[at]}" = -F ] && function=${registered[at + 1]}
        done
        COMP_WORDS=(ipcon-top rec)
        COMP_CWORD=1
        "$function" ipcon-top rec ipcon-top
        echo "${COMPREPLY[@]}"
    "#;
    let mut bash = Command::new("bash");
    let answer = capture(bash.args(["--norc", "-c", asked]).arg(script))?;
    ensure!(
        answer.trim() == "record",
        "bash completes `ipcon-top rec` to {answer:?}"
    );
    Ok(())
}

/// Compiles a program and runs it, with the shared library and without. There is no bus here, which it says.
fn try_program(folder: &Path, root: &Path, source: &Path) -> anyhow::Result<()> {
    let archive = root.join("lib/libipcon.a").display().to_string();
    let shared = pkg_config(folder, &["--cflags", "--libs"])?;
    let with_archive = pkg_config(folder, &["--cflags", "--libs", "--static"])?
        .into_iter()
        .map(|word| {
            if word == "-lipcon" {
                archive.clone()
            } else {
                word
            }
        });
    for words in [shared, with_archive.collect()] {
        let program = source.with_extension("");
        let mut cc = Command::new("cc");
        cc.args(["-Wall", "-Wextra", "-Werror", "-o"])
            .arg(&program)
            .arg(source);
        capture(cc.args(words))?;
        let output = Command::new(&program)
            .env("LD_LIBRARY_PATH", root.join("lib"))
            .output()
            .with_context(|| format!("starting {}", program.display()))?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.code() == Some(1) && said.contains("No such file or directory"),
            "{} {} and said {said:?}, not that there is no bus or no clock",
            program.display(),
            describe(output.status)
        );
    }
    Ok(())
}

/// What pkg-config says of the library that lies below `folder`.
fn pkg_config(folder: &Path, words: &[&str]) -> anyhow::Result<Vec<String>> {
    let mut search = OsString::from(folder);
    search.push(format!("{PREFIX}/lib/pkgconfig"));
    let said = capture(
        Command::new("pkg-config")
            .args(words)
            .arg("libipcon")
            .env("PKG_CONFIG_LIBDIR", search)
            .env("PKG_CONFIG_SYSROOT_DIR", folder)
            // It leaves out what compilers look into anyway, which they do not below `folder`.
            .env("PKG_CONFIG_ALLOW_SYSTEM_CFLAGS", "1")
            .env("PKG_CONFIG_ALLOW_SYSTEM_LIBS", "1"),
    )?;
    Ok(said.split_whitespace().map(str::to_owned).collect())
}

/// Has man judge each page, links included.
fn manual_pages(folder: &Path) -> anyhow::Result<()> {
    for section in ["man1", "man3", "man7"] {
        let folder = folder.join(section);
        for entry in
            fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?
        {
            let page: PathBuf = entry.context("reading a folder")?.path();
            let output = Command::new("man")
                .args(["--warnings", "--local-file"])
                .arg(&page)
                .env("LC_ALL", "C.UTF-8")
                .env("MANWIDTH", "100")
                .output()
                .context("starting man; install the package man-db")?;
            let said = String::from_utf8_lossy(&output.stderr);
            if !output.status.success() || !said.is_empty() {
                bail!(
                    "man {} on {}: {said}",
                    describe(output.status),
                    page.display()
                );
            }
        }
    }
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

/// The first program of C that a page of ours shows.
fn from_markdown(page: &str) -> Option<String> {
    let (_, rest) = page.split_once("```c\n")?;
    Some(rest.split_once("```")?.0.to_owned())
}

/// The program that a manual page shows as its example.
fn from_manual(page: &str) -> Option<String> {
    let (_, examples) = page.split_once(".SH EXAMPLES\n")?;
    let (_, rest) = examples.split_once(".EX\n")?;
    let text = rest.split_once(".EE")?.0;
    Some(text.replace("\\-", "-").replace("\\e", "\\"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_in_the_documentation() {
        let page = "text\n```sh\nls\n```\n```c\nint a;\n```\nmore\n";
        assert_eq!(from_markdown(page).as_deref(), Some("int a;\n"));
        assert_eq!(from_markdown("text"), None);
        let page = ".SH EXAMPLES\n.EX\nputs(\"\\en\" + \\-1);\n.EE\n";
        assert_eq!(from_manual(page).as_deref(), Some("puts(\"\\n\" + -1);\n"));
    }
}
