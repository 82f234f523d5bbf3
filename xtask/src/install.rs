// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask install`: puts in place what a user of ipcon gets.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};

use crate::build::{Build, capi, sources};
use crate::cache::{Cache, Workspace};
use crate::process::capture;
use crate::progress::{Progress, Verbosity};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The programs for users.
const PROGRAMS: &[&str] = &["ipcon-top", "ipcon-exporter"];
/// The one that prints its manual pages and completions.
const DESCRIBES_ITSELF: &str = "ipcon-top";
/// Shells, and where each looks for completions below `share`.
const COMPLETIONS: &[(&str, &str)] = &[
    ("bash", "bash-completion/completions/ipcon-top"),
    ("fish", "fish/vendor_completions.d/ipcon-top.fish"),
    ("zsh", "zsh/site-functions/_ipcon-top"),
];
/// What systemd starts the exporter with. The end `.in` says that it names the prefix.
const UNITS: &str = "ipcon-exporter/systemd";
/// Alerts and a dashboard.
const MIXIN: &[&str] = &[
    "ipcon-exporter/mixin/alerts.yml",
    "ipcon-exporter/mixin/dashboard.json",
];
/// Manual pages, in sections by the ends of their names.
const MANUAL: &str = "libipcon/capi/man";
const PC: &str = "libipcon/capi/libipcon.pc.in";
/// What a static program must be linked with besides: what Rust's own library needs.
const PRIVATE_LIBRARIES: &str = "-lgcc_s -lpthread -lm -ldl -lc";
const MODULE: &str = "ipcon-kmod";
const DKMS: &str = "ipcon-kmod/dkms.conf.in";
/// Nothing of these is compiled into the module.
const NOT_OF_THE_MODULE: &[&str] = &["core/tests", "core/Cargo.toml", "dkms.conf.in"];

/// Options of `cargo xtask install`.
///
/// Builds the library and the programs if need be, and copies them with the headers, the manual pages, completions for shells, the
/// file for pkg-config, the units of systemd, alerts and a dashboard, and the source of the module for DKMS to `lib`,
/// `include`, `bin`, `share` and `src` below the prefix. The environment variable DESTDIR names a folder that stands
/// before the prefix while it copies, for those who make packages.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder to install to, as programs will find it; usual are /usr/local and /usr.
    #[arg(long, value_name = "DIR")]
    prefix: PathBuf,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let workspace = Workspace::locate()?;
    let progress = Progress::new(Verbosity::Steps);
    let build = Build {
        cache: &Cache::locate()?,
        workspace: &workspace,
        progress,
    };
    // The programs hold the probes, where they can be built.
    if let Err(error) = build.probes() {
        progress.say(format!(
            "installing programs that know no probes, and show what the module counts: {error:#}"
        ));
    }
    build.programs()?;
    let destination = std::env::var_os("DESTDIR").map(PathBuf::from);
    let stage = Stage::new(&workspace, &args.prefix, destination.as_deref())?;
    stage.all()?;
    progress.say(format!("installed to {}", stage.root.display()));
    Ok(())
}

/// A place to install to.
pub(crate) struct Stage<'a> {
    workspace: &'a Workspace,
    prefix: &'a Path,
    /// The prefix, below the destination if there is one.
    root: PathBuf,
}

impl<'a> Stage<'a> {
    pub(crate) fn new(
        workspace: &'a Workspace,
        prefix: &'a Path,
        destination: Option<&Path>,
    ) -> anyhow::Result<Self> {
        ensure!(
            prefix.is_absolute(),
            "the prefix {} does not begin with /; programs must find it from anywhere",
            prefix.display()
        );
        let root = match destination {
            Some(destination) if !destination.as_os_str().is_empty() => {
                destination.join(prefix.strip_prefix("/").unwrap_or(prefix))
            }
            _ => prefix.to_path_buf(),
        };
        Ok(Self {
            workspace,
            prefix,
            root,
        })
    }

    pub(crate) fn all(&self) -> anyhow::Result<()> {
        self.library()?;
        self.pkg_config()?;
        self.programs()?;
        self.units()?;
        self.mixin()?;
        self.manual()?;
        self.made_by_programs()?;
        self.module()
    }

    fn library(&self) -> anyhow::Result<()> {
        let (built, lib) = (capi::folder(self.workspace), self.root.join("lib"));
        let library = lib.join(capi::SONAME);
        copy(&built.join(capi::SONAME), &library, 0o644)?;
        strip(&library)?;
        link(capi::SONAME, &lib.join(capi::LINK_NAME))?;
        copy(&built.join(capi::ARCHIVE), &lib.join(capi::ARCHIVE), 0o644)?;
        for (from, to) in capi::HEADERS {
            let to = self.root.join("include").join(to);
            copy(&self.workspace.root().join(from), &to, 0o644)?;
        }
        Ok(())
    }

    fn pkg_config(&self) -> anyhow::Result<()> {
        let text = self
            .read(PC)?
            .replace("@PREFIX@", &self.prefix.display().to_string())
            .replace("@VERSION@", VERSION)
            .replace("@PRIVATE@", PRIVATE_LIBRARIES);
        write(&self.root.join("lib/pkgconfig/libipcon.pc"), &text)
    }

    fn programs(&self) -> anyhow::Result<()> {
        for name in PROGRAMS {
            let to = self.root.join("bin").join(name);
            copy(&self.workspace.programs().join(name), &to, 0o755)?;
            strip(&to)?;
        }
        Ok(())
    }

    fn units(&self) -> anyhow::Result<()> {
        let folder = self.root.join("lib/systemd/system");
        for unit in sources::files(&self.workspace.root().join(UNITS))? {
            let text = self.read(&format!("{UNITS}/{}", unit.display()))?;
            let text = text.replace("@PREFIX@", &self.prefix.display().to_string());
            let name = match unit.extension() {
                Some(end) if end == "in" => unit.with_extension(""),
                _ => unit,
            };
            write(&folder.join(name), &text)?;
        }
        Ok(())
    }

    fn mixin(&self) -> anyhow::Result<()> {
        let folder = self.root.join("share/ipcon");
        for path in MIXIN {
            let name = Path::new(path).file_name().unwrap_or_default();
            copy(&self.workspace.root().join(path), &folder.join(name), 0o644)?;
        }
        Ok(())
    }

    /// Each page, and a link to it for each other name that it has.
    fn manual(&self) -> anyhow::Result<()> {
        let pages = self.workspace.root().join(MANUAL);
        for page in sources::files(&pages)? {
            let section = page.extension().and_then(OsStr::to_str);
            let section = section.with_context(|| format!("{} has no section", page.display()))?;
            let folder = self.root.join(format!("share/man/man{section}"));
            copy(&pages.join(&page), &folder.join(&page), 0o644)?;
            let text = self.read(&format!("{MANUAL}/{}", page.display()))?;
            for name in names(&text) {
                let other = folder.join(format!("{name}.{section}"));
                if other.file_name() != page.file_name() {
                    link(&page, &other)?;
                }
            }
        }
        Ok(())
    }

    /// Manual pages and completions that a program makes of its own command line.
    fn made_by_programs(&self) -> anyhow::Result<()> {
        let program = self.workspace.programs().join(DESCRIBES_ITSELF);
        let share = self.root.join("share");
        let pages = share.join("man/man1");
        fs::create_dir_all(&pages).with_context(|| format!("making {}", pages.display()))?;
        capture(Command::new(&program).args(["man", "--to"]).arg(&pages))?;
        for (shell, place) in COMPLETIONS {
            let script = capture(Command::new(&program).args(["completions", shell]))?;
            write(&share.join(place), &script)?;
        }
        Ok(())
    }

    /// The module as DKMS builds it for each kernel of the machine.
    fn module(&self) -> anyhow::Result<()> {
        let folder = self.root.join(format!("src/ipcon-{VERSION}"));
        let sources = self.workspace.root().join(MODULE);
        for path in sources::files(&sources)? {
            if !NOT_OF_THE_MODULE.iter().any(|not| path.starts_with(not)) {
                copy(&sources.join(&path), &folder.join(&path), 0o644)?;
            }
        }
        let text = self.read(DKMS)?.replace("@VERSION@", VERSION);
        write(&folder.join("dkms.conf"), &text)
    }

    fn read(&self, path: &str) -> anyhow::Result<String> {
        let path = self.workspace.root().join(path);
        fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
    }
}

/// The names that a manual page says it is about.
fn names(page: &str) -> Vec<&str> {
    let mut lines = page.lines().skip_while(|line| *line != ".SH NAME").skip(1);
    let line = lines.next().unwrap_or_default();
    let names = line.split(" \\- ").next().unwrap_or_default();
    names.split(", ").filter(|name| !name.is_empty()).collect()
}

/// Copies a file over whatever is there, in one step: somebody may be running what is there.
fn copy(from: &Path, to: &Path, mode: u32) -> anyhow::Result<()> {
    in_place(to, |draft| {
        fs::copy(from, draft).with_context(|| format!("copying {}", from.display()))?;
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(draft, mode).with_context(|| format!("permissions of {}", to.display()))
    })
}

fn write(to: &Path, text: &str) -> anyhow::Result<()> {
    in_place(to, |draft| {
        fs::write(draft, text).with_context(|| format!("writing {}", to.display()))
    })
}

fn link(target: impl AsRef<Path>, to: &Path) -> anyhow::Result<()> {
    in_place(to, |draft| {
        symlink(target, draft).with_context(|| format!("making the link {}", to.display()))
    })
}

fn in_place(to: &Path, make: impl FnOnce(&Path) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let (Some(folder), Some(name)) = (to.parent(), to.file_name()) else {
        bail!("{} is no place for a file", to.display());
    };
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let mut draft = name.to_owned();
    draft.push(".draft");
    let draft = folder.join(draft);
    crate::setup::stamp::forget(&draft)?;
    make(&draft)?;
    fs::rename(&draft, to).with_context(|| format!("putting {} in place", to.display()))
}

fn strip(file: &Path) -> anyhow::Result<()> {
    capture(Command::new("strip").arg("--strip-unneeded").arg(file))
        .map(drop)
        .with_context(|| format!("stripping {}", file.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_names_of_a_page_stand_in_its_first_section() {
        let page = ".TH A 3\n.SH NAME\na, b, c \\- do it\n.SH SYNOPSIS\nd, e \\- no\n";
        assert_eq!(names(page), ["a", "b", "c"]);
        assert!(names("nothing").is_empty());
    }

    #[test]
    fn a_destination_stands_before_the_prefix() {
        let workspace = Workspace::locate().unwrap();
        let root = |prefix: &str, destination: Option<&str>| {
            Stage::new(&workspace, Path::new(prefix), destination.map(Path::new))
                .map(|stage| stage.root.display().to_string())
        };
        assert_eq!(
            root("/usr", Some("/tmp/package")).unwrap(),
            "/tmp/package/usr"
        );
        assert_eq!(root("/usr", Some("")).unwrap(), "/usr");
        assert_eq!(root("/usr", None).unwrap(), "/usr");
        assert!(root("usr", None).is_err());
    }

    #[test]
    fn every_function_of_the_library_has_a_manual_page() {
        let root = Workspace::locate().unwrap().root().to_path_buf();
        let pages = root.join(MANUAL);
        let mut told = Vec::new();
        for page in sources::files(&pages).unwrap() {
            let text = fs::read_to_string(pages.join(page)).unwrap();
            told.extend(names(&text).into_iter().map(str::to_owned));
        }
        let map = fs::read_to_string(root.join(capi::MAP)).unwrap();
        for name in capi::exported(&map) {
            assert!(told.contains(&name), "{name}");
        }
    }
}
