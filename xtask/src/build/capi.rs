// SPDX-License-Identifier: MIT OR Apache-2.0
//! The C library, and the C programs that the tests run in the VM.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use super::sources::describe;
use super::{Build, DEADLINE};
use crate::cache::Workspace;
use crate::process::{capture, run_logged};
use crate::setup::stamp;

/// The file of the library that programs are linked with, and the one that they load.
pub(crate) const LINK_NAME: &str = "libipcon.so";
pub(crate) const SONAME: &str = "libipcon.so.0";
pub(crate) const ARCHIVE: &str = "libipcon.a";

/// The headers: where each is in a checkout, and its place below a folder of headers.
pub(crate) const HEADERS: &[(&str, &str)] = &[
    ("libipcon/capi/include/libipcon.h", "libipcon.h"),
    ("libipcon/capi/include/ipcon.h", "ipcon.h"),
    ("ipcon-kmod/include/uapi/ipcon.h", "linux/ipcon.h"),
];

/// Folders of C programs, each file one of them, and the folder below the library's that they go to.
const PROGRAMS: &[(&str, &str)] = &[
    ("libipcon/capi/samples", "samples"),
    ("libipcon/capi/tutorial", "tutorial"),
    ("vm-tests/tests/vm/capi", "tests"),
];

pub(crate) const MAP: &str = "libipcon/capi/libipcon.map";

impl Build<'_> {
    /// Makes the library of what cargo has built, and the programs that use it.
    pub(super) fn capi(&self) -> anyhow::Result<()> {
        let folder = folder(self.workspace);
        let inputs = self.inputs()?;
        let stamp = folder.join("stamp");
        if stamp::is_current(&stamp, &inputs) {
            self.progress.say("C library: up to date");
            return Ok(());
        }
        stamp::forget(&stamp)?;
        {
            let _step = self.progress.step("C library");
            fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
            let linking = Linking {
                workspace: self.workspace,
                folder: &folder,
                names: exported(&self.read(MAP)?),
            };
            linking.headers()?;
            linking.shared_library()?;
            linking.archive()?;
            linking.programs()?;
        }
        stamp::write(&stamp, &inputs)?;
        self.progress
            .say(format!("C library: {}", folder.display()));
        Ok(())
    }

    /// What the results depend on.
    fn inputs(&self) -> anyhow::Result<String> {
        let mut text = String::new();
        for (sources, _) in PROGRAMS {
            let sources = self.workspace.root().join(sources);
            if sources.is_dir() {
                text.push_str(&describe(&sources)?);
            }
        }
        for path in HEADERS.iter().map(|(header, _)| *header).chain([MAP]) {
            text.push_str(&self.read(path)?);
        }
        let archive =
            fs::metadata(rust_archive(self.workspace)).context("looking at what cargo built")?;
        let time = archive.modified().context("a file without a time")?;
        text.push_str(&format!("{time:?} {}\n", env!("CARGO_PKG_VERSION")));
        Ok(text)
    }

    fn read(&self, path: &str) -> anyhow::Result<String> {
        let path = self.workspace.root().join(path);
        fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
    }
}

/// Where the library and the programs are.
pub(crate) fn folder(workspace: &Workspace) -> PathBuf {
    workspace.programs().join("capi")
}

/// What cargo makes of `libipcon/capi`: all of Rust that it needs, with every name visible.
fn rust_archive(workspace: &Workspace) -> PathBuf {
    workspace.programs().join("libipcon_capi.a")
}

struct Linking<'a> {
    workspace: &'a Workspace,
    folder: &'a Path,
    /// The functions of the library.
    names: BTreeSet<String>,
}

impl Linking<'_> {
    fn headers(&self) -> anyhow::Result<()> {
        for (from, to) in HEADERS {
            let from = self.workspace.root().join(from);
            let to = self.folder.join("include").join(to);
            if let Some(parent) = to.parent() {
                fs::create_dir_all(parent)
                    .with_context(|| format!("making {}", parent.display()))?;
            }
            fs::copy(&from, &to).with_context(|| format!("copying {}", from.display()))?;
        }
        Ok(())
    }

    /// `libipcon.so.0`: what the functions need and nothing else, visible by the names of the map.
    fn shared_library(&self) -> anyhow::Result<()> {
        let library = self.folder.join(SONAME);
        let map = self.workspace.root().join(MAP);
        let mut cc = compiler("CC", "cc");
        cc.args(["-shared", "-o"]).arg(&library);
        cc.arg(format!("-Wl,-soname,{SONAME}"));
        cc.arg(format!("-Wl,--version-script={}", map.display()));
        cc.args(["-Wl,--gc-sections", "-Wl,-z,defs,-z,relro,-z,now"]);
        cc.args(
            self.names
                .iter()
                .map(|name| format!("-Wl,--undefined={name}")),
        );
        cc.arg(rust_archive(self.workspace));
        self.run(&mut cc).context("linking the C library")?;

        let visible = capture(
            Command::new("nm")
                .args(["-D", "--defined-only"])
                .arg(&library),
        )?;
        let visible = versioned(&visible);
        if visible != self.names {
            let odd: Vec<_> = visible.symmetric_difference(&self.names).collect();
            bail!(
                "{MAP} and {} do not have the same names: {odd:?}",
                library.display()
            );
        }
        let link = self.folder.join(LINK_NAME);
        stamp::forget(&link)?;
        symlink(SONAME, &link).with_context(|| format!("making {}", link.display()))
    }

    /// `libipcon.a`: one object, with no names but those of the functions, so that it meets no other Rust that is
    /// linked to the same program. The bitcode of Rust's own library would make up most of it.
    fn archive(&self) -> anyhow::Result<()> {
        let object = self.folder.join("ipcon.o");
        let mut cc = compiler("CC", "cc");
        cc.args(["-r", "-nostdlib", "-Wl,--gc-sections", "-o"])
            .arg(&object);
        cc.args(
            self.names
                .iter()
                .map(|name| format!("-Wl,--undefined={name}")),
        );
        cc.arg(rust_archive(self.workspace));
        self.run(&mut cc)
            .context("linking the object of the C library")?;

        let mut objcopy = Command::new("objcopy");
        objcopy.args(["--strip-debug", "-R", ".llvmbc", "-R", ".llvmcmd"]);
        objcopy.args(
            self.names
                .iter()
                .map(|name| format!("--keep-global-symbol={name}")),
        );
        self.run(objcopy.arg(&object))
            .context("hiding names of the C library")?;

        let archive = self.folder.join(ARCHIVE);
        stamp::forget(&archive)?;
        self.run(Command::new("ar").arg("rcsD").args([&archive, &object]))
            .context("making the archive of the C library")
    }

    /// Each program twice, as C and as C++.
    fn programs(&self) -> anyhow::Result<()> {
        for (sources, to) in PROGRAMS {
            let sources = self.workspace.root().join(sources);
            let to = self.folder.join(to);
            fs::create_dir_all(&to).with_context(|| format!("making {}", to.display()))?;
            for source in c_files(&sources)? {
                let name = source.file_stem().context("a file without a name")?;
                self.program(compiler("CC", "cc"), &source, &to.join(name))?;
                let mut cxx = compiler("CXX", "c++");
                cxx.args(["-x", "c++"]);
                self.program(cxx, &source, &to.join(name).with_extension("cxx"))?;
            }
        }
        Ok(())
    }

    fn program(&self, mut compiler: Command, source: &Path, to: &Path) -> anyhow::Result<()> {
        compiler.args(["-Wall", "-Wextra", "-Werror", "-O2", "-g", "-pthread"]);
        compiler
            .arg("-I")
            .arg(self.folder.join("include"))
            .arg(source);
        compiler.arg("-o").arg(to).arg("-L").arg(self.folder);
        compiler.args(["-lipcon", "-Wl,-rpath,$ORIGIN/.."]);
        self.run(&mut compiler)
            .with_context(|| format!("compiling {}", source.display()))
    }

    fn run(&self, command: &mut Command) -> anyhow::Result<()> {
        run_logged(command, &self.folder.join("build.log"), DEADLINE)
    }
}

fn compiler(variable: &str, usual: &str) -> Command {
    Command::new(std::env::var_os(variable).unwrap_or_else(|| usual.into()))
}

/// The files of C right in `folder`; none where there is no folder.
fn c_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry.context("reading a folder")?.path();
        if path.extension().is_some_and(|extension| extension == "c") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The names that a version script makes visible.
pub(crate) fn exported(map: &str) -> BTreeSet<String> {
    map.lines()
        .filter_map(|line| line.trim().strip_suffix(';'))
        .filter(|name| {
            name.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        })
        .map(str::to_owned)
        .collect()
}

/// The functions of `nm -D` that have a version, without it.
fn versioned(symbols: &str) -> BTreeSet<String> {
    symbols
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2))
        .filter(|name| *name != "IPCON_0")
        .map(|name| name.strip_suffix("@@IPCON_0").unwrap_or(name).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_names_the_functions() {
        let map = "/* words; */\nIPCON_0 {\nglobal:\n\tipcon_rcv;\n\tis_peer_present;\nlocal:\n\t*;\n};\n";
        let names: Vec<_> = exported(map).into_iter().collect();
        assert_eq!(names, ["ipcon_rcv", "is_peer_present"]);
    }

    #[test]
    fn a_name_without_its_version_is_told_from_one_with_it() {
        let symbols = "0000 A IPCON_0\n0a T ipcon_rcv@@IPCON_0\n0b T rust_panic\n";
        let names: Vec<_> = versioned(symbols).into_iter().collect();
        assert_eq!(names, ["ipcon_rcv", "rust_panic"]);
    }
}
