// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which Debian mirror to use: the one that the host itself uses.

use std::process::Command;

use anyhow::Context;

use crate::process::capture;

/// The mirror given by the caller, else the one in the host's apt configuration.
pub(super) fn choose(given: Option<&str>) -> anyhow::Result<String> {
    if let Some(mirror) = given {
        return Ok(mirror.to_owned());
    }
    let targets = capture(Command::new("apt-get").args([
        "indextargets",
        "--format",
        "$(REPO_URI) $(COMPONENT)",
        "Created-By: Packages",
    ]))
    .context("asking apt for the host's mirror")?;
    from_targets(&targets).map(str::to_owned).context(
        "the host's apt configuration names no Debian mirror; \
         name one: cargo xtask setup --mirror URL (a URL that ends in /debian)",
    )
}

/// The first archive of Debian proper among apt's targets (neither security nor another vendor's).
fn from_targets(targets: &str) -> Option<&str> {
    targets
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(_, component)| *component == "main")
        .map(|(uri, _)| uri.trim_end_matches('/'))
        .find(|uri| uri.rsplit('/').next() == Some("debian"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_debian_proper() {
        let targets = "http://one.example/debian-security/ main\n\
                       https://two.example/ubuntu/ main\n\
                       http://three.example/debian/ contrib\n\
                       http://four.example/debian/ main\n";
        assert_eq!(from_targets(targets), Some("http://four.example/debian"));
    }

    #[test]
    fn no_debian_is_none() {
        assert_eq!(from_targets("https://two.example/ubuntu/ main\n"), None);
    }
}
