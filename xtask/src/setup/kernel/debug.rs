// SPDX-License-Identifier: MIT OR Apache-2.0
//! The debug kernel: the source of the default flavour's kernel, built here with the checkers that no
//! distribution switches on.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};

use super::super::chroot::{Bind, Chroot};
use super::super::privilege::as_root;
use super::super::{BUILD, DOWNLOAD, Flavour, Setup, stamp, unpack};
use super::{Kernel, index_modules, series_of};
use crate::cache::Cache;
use crate::process::run_logged;

/// What its configuration shall have; everything else is off.
const FRAGMENT: &str = include_str!("debug.config");

/// Longest time for building it, also on a machine with two processors that is busy otherwise.
const BUILD_KERNEL: Duration = Duration::from_secs(90 * 60);

/// What tells programs about the modules that are part of the image.
const INDEXES: &[&str] = &[
    "modules.builtin",
    "modules.builtin.modinfo",
    "modules.order",
];

/// The release that is built from the source of `base`, the default flavour's.
fn release_of(base: &str) -> anyhow::Result<String> {
    let Some(start) = base.strip_suffix(Flavour::Amd64.name()) else {
        bail!("the release {base} does not end in {}", Flavour::Amd64);
    };
    Ok(format!("{start}{}", Flavour::Debug))
}

/// Whether the debug kernel there is was built from this configuration and from the source in use.
pub(super) fn is_current(cache: &Cache) -> bool {
    let built = || {
        let base = Kernel::find(cache, Flavour::Amd64).ok()?;
        let release = release_of(&base.release).ok()?;
        let inputs = inputs(&base.release, &release).ok()?;
        Some(stamp::is_current(&cache.stamp(&step(&release)), &inputs))
    };
    built().unwrap_or(false)
}

/// Builds it, unless it is there, from the source of `base`; returns its release.
pub(super) fn prepare(setup: &Setup<'_>, base: &str) -> anyhow::Result<String> {
    let release = release_of(base)?;
    stamp::once(
        setup,
        &format!("source-{release}"),
        &format!("kernel {release}: source"),
        base,
        || unpack_source(setup, base, &release),
    )?;
    let what = format!("kernel {release}: building (takes ten minutes or more)");
    let inputs = inputs(base, &release)?;
    let log = setup.cache.log("debug-kernel");
    stamp::once_following(setup, &step(&release), &what, &inputs, &log, || {
        build(setup, base, &release, &log)
    })?;
    Ok(release)
}

fn step(release: &str) -> String {
    format!("kernel-{release}")
}

/// All that the result depends on.
fn inputs(base: &str, release: &str) -> anyhow::Result<String> {
    Ok(format!(
        "{base}\n{}{}",
        configure_script(release),
        fragment(base, release)?
    ))
}

fn unpack_source(setup: &Setup<'_>, base: &str, release: &str) -> anyhow::Result<()> {
    let log = setup.cache.log("debug-kernel");
    let tree = setup.cache.kernel_tree(release);
    if tree.exists() {
        // The build ran as root inside the Debian root.
        run_logged(
            as_root("rm")?.args(["-rf", "--one-file-system"]).arg(&tree),
            &log,
            DOWNLOAD,
        )?;
    }
    fs::create_dir_all(&tree).with_context(|| format!("making {}", tree.display()))?;
    let script = format!(
        "tar -C /k/tree --strip-components=1 --exclude='*/Documentation/*.rst' \
             -xf /k/packages/usr/src/linux-source-{}.tar.xz",
        series_of(release)?
    );
    let packages = setup.cache.kernel(base);
    run_logged(
        &mut Chroot::of(setup.cache).command(
            &[
                Bind::write(&tree, "/k/tree"),
                Bind::read(&packages, "/k/packages"),
            ],
            &script,
        )?,
        &log,
        BUILD,
    )
    .with_context(|| format!("unpacking the source of kernel {base}"))
}

fn build(setup: &Setup<'_>, base: &str, release: &str, log: &Path) -> anyhow::Result<()> {
    let tree = setup.cache.kernel_tree(release);
    let target = setup.cache.kernel(release);
    unpack::fresh(&target)?;
    let fragment = fragment(base, release)?;
    fs::write(target.join("fragment"), &fragment).context("writing the kernel's fragment")?;
    let make = |script: &str, deadline| {
        run_logged(
            &mut Chroot::of(setup.cache).command(
                &[
                    Bind::write(&tree, "/k/tree"),
                    Bind::read(&target, "/k/target"),
                ],
                script,
            )?,
            log,
            deadline,
        )
        .with_context(|| format!("building kernel {release}"))
    };
    make(&configure_script(release), BUILD)?;
    let config = tree.join(".config");
    let config =
        fs::read_to_string(&config).with_context(|| format!("reading {}", config.display()))?;
    let refused = refused(&fragment, &config);
    if !refused.is_empty() {
        bail!(
            "the kernel's configuration did not take these lines of xtask/src/setup/kernel/debug.config: {}\n\
             their dependencies in the source's Kconfig files tell why",
            refused.join(", ")
        );
    }
    make(&build_script(), BUILD_KERNEL)?;
    let modules = target.join("usr/lib/modules").join(release);
    fs::create_dir_all(&modules).with_context(|| format!("making {}", modules.display()))?;
    for name in INDEXES {
        copy(&tree.join(name), &modules.join(name))?;
    }
    copy(
        &tree.join("arch/x86/boot/bzImage"),
        &modules.join("vmlinuz"),
    )?;
    index_modules(&target.join("usr"), release, log)
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::copy(from, to)
        .map(|_| ())
        .with_context(|| format!("copying {} to {}", from.display(), to.display()))
}

/// The fragment with the name that the kernel gets.
fn fragment(base: &str, release: &str) -> anyhow::Result<String> {
    let version = base.split(['+', '-']).next().unwrap_or(base);
    let name = release
        .strip_prefix(version)
        .with_context(|| format!("{release} does not begin with {version}"))?;
    Ok(format!("{FRAGMENT}CONFIG_LOCALVERSION=\"{name}\"\n"))
}

/// Makes the configuration in `/k/tree` from the fragment in `/k/target`.
fn configure_script(release: &str) -> String {
    let make = Flavour::Debug.compilers();
    format!(
        "cd /k/tree
         make {make} KCONFIG_ALLCONFIG=/k/target/fragment allnoconfig
         make {make} syncconfig
         built=$(make -s {make} kernelrelease)
         if [ \"$built\" != '{release}' ]; then
             echo \"the source is that of $built, the kernel shall be {release}\" >&2
             exit 1
         fi"
    )
}

/// Builds what was configured; `modules` makes the symbol table that modules are built with.
fn build_script() -> String {
    let make = Flavour::Debug.compilers();
    format!(
        "cd /k/tree
         make {make} -j\"$(nproc)\" bzImage modules modules_prepare"
    )
}

/// The lines of `fragment` that `config` does not have.
fn refused<'a>(fragment: &'a str, config: &str) -> Vec<&'a str> {
    fragment.lines().filter(|line| !has(config, line)).collect()
}

fn has(config: &str, line: &str) -> bool {
    let off = line
        .strip_prefix("# ")
        .and_then(|rest| rest.strip_suffix(" is not set"));
    match off {
        // An option whose dependencies are off is not mentioned, and is off too.
        Some(name) => {
            let on = format!("{name}=");
            !config.lines().any(|found| found.starts_with(&on))
        }
        None => !line.starts_with("CONFIG_") || config.lines().any(|found| found == line),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn release_differs_from_that_of_the_source_in_the_flavour_alone() {
        let release = release_of("7.3.4+deb13-amd64").unwrap();
        assert_eq!(release, "7.3.4+deb13-debug");
        assert!(release_of("7.3.4").is_err());
        let fragment = fragment("7.3.4+deb13-amd64", &release).unwrap();
        assert!(fragment.ends_with("\nCONFIG_LOCALVERSION=\"+deb13-debug\"\n"));
    }

    #[test]
    fn an_option_that_did_not_take_is_named() {
        let fragment = "# Why.\n\nCONFIG_KASAN=y\nCONFIG_HZ=250\nCONFIG_RUST=y\n\
                        # CONFIG_SCAN is not set\n# CONFIG_GONE is not set\n";
        let config = "CONFIG_KASAN=y\nCONFIG_HZ=1000\n# CONFIG_RUST is not set\nCONFIG_SCAN=y\n";
        assert_eq!(
            refused(fragment, config),
            ["CONFIG_HZ=250", "CONFIG_RUST=y", "# CONFIG_SCAN is not set"]
        );
    }

    #[test]
    fn each_line_of_the_fragment_is_an_option_or_a_comment() {
        let mut names = Vec::new();
        for line in FRAGMENT.lines().filter(|line| line.contains("CONFIG_")) {
            let (name, _) = line
                .trim_start_matches("# ")
                .split_once(['=', ' '])
                .unwrap();
            assert!(!names.contains(&name), "{name} stands there twice");
            names.push(name);
        }
        for checker in ["KASAN", "PROVE_LOCKING", "DEBUG_KMEMLEAK", "FAILSLAB"] {
            assert!(names.contains(&format!("CONFIG_{checker}").as_str()));
        }
    }
}
