// SPDX-License-Identifier: MIT OR Apache-2.0
//! Stamps: what a finished step was done for. They hold the inputs themselves, so a person can see
//! why a step runs again.

use std::fs;
use std::path::Path;

use anyhow::Context;

use super::Setup;

/// Does `work` unless it was done before for the same `inputs`. Returns whether it ran.
pub(super) fn once(
    setup: &Setup<'_>,
    step: &str,
    what: &str,
    inputs: &str,
    work: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<bool> {
    once_shown(setup, step, what, inputs, None, work)
}

/// The same for long work: while it runs, the last line of its `log` is shown now and then.
pub(super) fn once_following(
    setup: &Setup<'_>,
    step: &str,
    what: &str,
    inputs: &str,
    log: &Path,
    work: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<bool> {
    once_shown(setup, step, what, inputs, Some(log), work)
}

fn once_shown(
    setup: &Setup<'_>,
    step: &str,
    what: &str,
    inputs: &str,
    log: Option<&Path>,
    work: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<bool> {
    let stamp = setup.cache.stamp(step);
    if is_current(&stamp, inputs) {
        setup.progress.say(format!("{what}: there already"));
        return Ok(false);
    }
    forget(&stamp)?;
    {
        let _step = match log {
            Some(log) => setup.progress.step_following(what, log),
            None => setup.progress.step(what),
        };
        work().with_context(|| {
            format!("setting up {step}; run `cargo xtask setup` again to resume from here")
        })?;
    }
    write(&stamp, inputs)?;
    setup.progress.say(format!("{what}: done"));
    Ok(true)
}

/// Whether the stamp is there and was made for these inputs.
pub(crate) fn is_current(stamp: &Path, inputs: &str) -> bool {
    fs::read_to_string(stamp).is_ok_and(|found| found == inputs)
}

/// Records that a step is done. A reader sees the old stamp or the new one, never half of it.
pub(crate) fn write(stamp: &Path, inputs: &str) -> anyhow::Result<()> {
    if let Some(dir) = stamp.parent() {
        fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
    }
    let draft = stamp.with_extension("draft");
    fs::write(&draft, inputs).with_context(|| format!("writing {}", draft.display()))?;
    fs::rename(&draft, stamp).with_context(|| format!("putting {} in place", stamp.display()))
}

/// Records that a step is no longer done.
pub(crate) fn forget(stamp: &Path) -> anyhow::Result<()> {
    match fs::remove_file(stamp) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", stamp.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::cache::Cache;
    use crate::progress::{Progress, Verbosity};

    #[test]
    fn runs_once_for_the_same_inputs_and_again_after_a_failure() {
        let dir = std::env::temp_dir().join(format!("xtask-stamp-{}", std::process::id()));
        let cache = Cache::at(&dir);
        let setup = Setup {
            cache: &cache,
            progress: Progress::new(Verbosity::Quiet),
            mirror: None,
        };
        assert!(once(&setup, "s", "s", "a", || anyhow::bail!("broken")).is_err());
        assert!(once(&setup, "s", "s", "a", || Ok(())).unwrap());
        assert!(!once(&setup, "s", "s", "a", || panic!("must not run")).unwrap());
        assert!(once(&setup, "s", "s", "b", || Ok(())).unwrap());
        // A failure for new inputs must not leave the old stamp behind.
        assert!(once(&setup, "s", "s", "c", || anyhow::bail!("broken")).is_err());
        assert!(once(&setup, "s", "s", "b", || Ok(())).unwrap());
        fs::remove_dir_all(dir).unwrap();
    }
}
