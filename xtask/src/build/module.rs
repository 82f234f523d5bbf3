// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel module, built by the kernel's own build system inside the Debian root.

use std::collections::BTreeSet;
use std::fs::{self, File, FileTimes};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rustix::process::{getegid, geteuid};

use super::sources::{describe, files};
use super::{Build, DEADLINE, SeededBug};
use crate::process::run_logged;
use crate::setup::{Bind, Chroot, Flavour, Kernel, stamp};

/// Where the module's sources are in a checkout.
const SOURCES: &str = "ipcon-kmod";

impl Build<'_> {
    /// Builds the module for `kernel`, with a bug in it if one is asked for; returns its file, at once
    /// when nothing changed. A module with a bug lies in a folder of its own.
    pub(crate) fn module(
        &self,
        kernel: &Kernel,
        bug: Option<SeededBug>,
    ) -> anyhow::Result<PathBuf> {
        let (module, options) = match bug {
            None => (self.workspace.module(&kernel.release), String::new()),
            Some(bug) => (
                self.folder(kernel, &format!("seeded-{bug}"))
                    .join("ipcon.ko"),
                format!("IPCON_SEEDED_BUG={bug}"),
            ),
        };
        let build = module.with_file_name("build");
        let name = match bug {
            None => format!("module for {}", kernel.release),
            Some(bug) => format!("module for {} with a seeded {bug}", kernel.release),
        };
        let sources = self.workspace.root().join(SOURCES);
        let inputs = format!("{}\n{}", kernel.tree.display(), describe(&sources)?);
        let stamp = module.with_extension("stamp");
        if module.is_file() && stamp::is_current(&stamp, &inputs) {
            self.progress.say(format!("{name}: up to date"));
            return Ok(module);
        }
        stamp::forget(&stamp)?;
        {
            let _step = self.progress.step(name.clone());
            self.make(kernel, &build, &options)?;
        }
        let built = build.join("ipcon.ko");
        let draft = module.with_extension("draft");
        fs::copy(&built, &draft).with_context(|| format!("copying {}", built.display()))?;
        fs::rename(&draft, &module).context("putting the module in place")?;
        stamp::write(&stamp, &inputs)?;
        let warnings = warnings(&build);
        self.progress
            .say(format!("{name}: {}{warnings}", module.display()));
        Ok(module)
    }

    /// Checks the module's Rust and C with every warning an error, and Clippy with the kernel's
    /// settings.
    pub(crate) fn lint_module(&self, kernel: &Kernel) -> anyhow::Result<()> {
        // On through errors: all complaints at once are worth more than the first. The file with the
        // seeded bugs, whichever is picked, is checked like the others.
        let options = format!("-k CLIPPY=1 W=e IPCON_SEEDED_BUG={}", SeededBug::Leak);
        self.make(kernel, &self.folder(kernel, "lint"), &options)
    }

    /// Builds in `folder`, with the log next to it.
    fn make(&self, kernel: &Kernel, folder: &Path, options: &str) -> anyhow::Result<()> {
        if !Chroot::is_made(self.cache) || !kernel.tree.join("Module.symvers").is_file() {
            bail!("the kernel's compilers or its tree are missing; run: cargo xtask setup");
        }
        // A copy: the kernel's build system writes next to the sources.
        mirror(&self.workspace.root().join(SOURCES), folder)?;
        let script = script(
            kernel.flavour,
            options,
            geteuid().as_raw(),
            getegid().as_raw(),
        );
        let log = folder.with_extension("log");
        // The log is about this build only.
        stamp::forget(&log)?;
        run_logged(
            &mut Chroot::of(self.cache).command(
                &[
                    // All checkouts share it.
                    Bind::read(&kernel.tree, "/k/tree"),
                    Bind::write(folder, "/k/ipcon-kmod"),
                ],
                &script,
            )?,
            &log,
            DEADLINE,
        )
        .map_err(|error| {
            // Paths as they are in the checkout, so that an editor finds them.
            anyhow::anyhow!("{}", error.to_string().replace("/k/ipcon-kmod", SOURCES))
        })
        .with_context(|| format!("building the module for {}", kernel.release))
    }

    fn folder(&self, kernel: &Kernel, purpose: &str) -> PathBuf {
        self.workspace
            .target()
            .join("kmod")
            .join(&kernel.release)
            .join(purpose)
    }
}

/// What the compilers warned of in `folder`, as words to follow the result.
fn warnings(folder: &Path) -> String {
    let log = folder.with_extension("log");
    let text = fs::read_to_string(&log).unwrap_or_default();
    match text.lines().filter(|line| is_warning(line)).count() {
        0 => String::new(),
        count => format!(" (warnings: {count}, see {})", log.display()),
    }
}

/// Whether a compiler of either language warns in this line.
fn is_warning(line: &str) -> bool {
    line.starts_with("warning: ") && !line.contains("warnings emitted")
        || line.contains(": warning: ")
}

/// What runs in the Debian root. The build runs as root there; its results belong to the caller.
fn script(flavour: Flavour, options: &str, uid: u32, gid: u32) -> String {
    let compilers = flavour.compilers();
    format!(
        "trap 'chown -R {uid}:{gid} /k/ipcon-kmod' EXIT
         make -s -C /k/tree M=/k/ipcon-kmod {compilers} {options} modules"
    )
}

/// Makes `target` have the files of `sources`, with their times, so that make rebuilds what changed.
/// Files that an earlier call put there and that are gone from `sources` are removed; what the
/// build made stays.
fn mirror(sources: &Path, target: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(target).with_context(|| format!("making {}", target.display()))?;
    let list = target.join(".mirrored");
    let now: BTreeSet<PathBuf> = files(sources)?.into_iter().collect();
    for line in fs::read_to_string(&list).unwrap_or_default().lines() {
        if !now.contains(Path::new(line)) {
            stamp::forget(&target.join(line))?;
        }
    }
    let mut text = String::new();
    for path in &now {
        copy_changed(&sources.join(path), &target.join(path))?;
        text.push_str(&format!("{}\n", path.display()));
    }
    fs::write(&list, text).with_context(|| format!("writing {}", list.display()))
}

fn copy_changed(from: &Path, to: &Path) -> anyhow::Result<()> {
    let source = fs::metadata(from).with_context(|| format!("looking at {}", from.display()))?;
    let modified = source.modified().context("a file without a time")?;
    if let Ok(there) = fs::metadata(to)
        && there.len() == source.len()
        && there.modified().is_ok_and(|time| time == modified)
    {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    }
    fs::copy(from, to).with_context(|| format!("copying {}", from.display()))?;
    File::options()
        .write(true)
        .open(to)
        .and_then(|file| file.set_times(FileTimes::new().set_modified(modified)))
        .with_context(|| format!("setting the time of {}", to.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn mirror_follows_its_source_and_leaves_results_alone() {
        let root = std::env::temp_dir().join(format!("xtask-mirror-{}", std::process::id()));
        let (from, to) = (root.join("from"), root.join("to"));
        fs::create_dir_all(from.join("src")).unwrap();
        fs::write(from.join("Kbuild"), "a").unwrap();
        fs::write(from.join("src/gone.rs"), "b").unwrap();
        mirror(&from, &to).unwrap();
        fs::write(to.join("ipcon.ko"), "result").unwrap();
        let before = describe(&from).unwrap();

        fs::remove_file(from.join("src/gone.rs")).unwrap();
        fs::write(from.join("src/new.rs"), "c").unwrap();
        assert_ne!(describe(&from).unwrap(), before);
        mirror(&from, &to).unwrap();
        let have: Vec<_> = files(&to).unwrap();
        let names: Vec<_> = have.iter().map(|path| path.to_str().unwrap()).collect();
        assert_eq!(names, [".mirrored", "Kbuild", "ipcon.ko", "src/new.rs"]);
        assert_eq!(
            fs::metadata(from.join("Kbuild"))
                .unwrap()
                .modified()
                .unwrap(),
            fs::metadata(to.join("Kbuild")).unwrap().modified().unwrap()
        );
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn results_belong_to_the_caller_however_make_ends() {
        let script = script(Flavour::Amd64, "W=e", 1000, 100);
        assert!(script.starts_with("trap 'chown -R 1000:100 /k/ipcon-kmod' EXIT\n"));
        assert!(script.contains("CC=gcc-14 HOSTCC=gcc-14 W=e modules"));
    }
}
