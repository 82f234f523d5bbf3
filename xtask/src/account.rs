// SPDX-License-Identifier: MIT OR Apache-2.0
//! Users by their names. The VM's root is the host's, so both have the same.

use std::fs;

use anyhow::{Context, bail};

const PASSWD: &str = "/etc/passwd";

/// A user of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) uid: String,
    pub(crate) gid: String,
    /// The home folder, which may not exist.
    pub(crate) home: String,
}

impl Account {
    /// The user of this name.
    ///
    /// # Errors
    ///
    /// There is none, or the list of users cannot be read.
    pub(crate) fn named(user: &str) -> anyhow::Result<Self> {
        let accounts = fs::read_to_string(PASSWD).with_context(|| format!("reading {PASSWD}"))?;
        match Self::find(&accounts, user) {
            Some(account) => Ok(account),
            None => bail!("there is no user {user} in {PASSWD}; choose one that is"),
        }
    }

    fn find(accounts: &str, user: &str) -> Option<Self> {
        accounts.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            match fields[..] {
                [name, _, uid, gid, _, home, _] if name == user => Some(Self {
                    uid: uid.into(),
                    gid: gid.into(),
                    home: home.into(),
                }),
                _ => None,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const ACCOUNTS: &str =
        "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65533:nobody:/nonexistent:/bin/false\n";

    #[test]
    fn accounts_by_name() {
        let account = Account::find(ACCOUNTS, "nobody").unwrap();
        assert_eq!(
            (account.uid.as_str(), account.gid.as_str()),
            ("65534", "65533")
        );
        assert_eq!(account.home, "/nonexistent");
        assert!(Account::find(ACCOUNTS, "nob").is_none());
    }

    #[test]
    fn a_user_that_is_not_there_is_named() {
        let error = Account::named("nobody-such").unwrap_err().to_string();
        assert!(error.contains("no user nobody-such"), "{error}");
    }
}
