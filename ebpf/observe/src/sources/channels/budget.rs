// SPDX-License-Identifier: MIT OR Apache-2.0
//! How many pages are read at most, so that nobody can fill up an observer, or keep it from seeing others. Pure.

use std::collections::BTreeMap;

/// Bounds of one reading.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Descriptors of a process that are looked at.
    pub(super) descriptors: usize,
    /// Pages of a process.
    pub(super) process: usize,
    /// Pages of all processes of a user.
    pub(super) user: usize,
    /// Pages in all.
    pub(super) total: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            descriptors: 65_536,
            process: 4096,
            user: 8192,
            total: 16_384,
        }
    }
}

/// What is left of the bounds.
#[derive(Debug)]
pub(super) struct Budget {
    limits: Limits,
    total: usize,
    users: BTreeMap<u32, usize>,
}

impl Budget {
    /// A budget of which those who have pages already, a user for each page, have theirs.
    pub(super) fn new<'u>(limits: Limits, users_of_known: impl Iterator<Item = &'u u32>) -> Self {
        let mut budget = Self {
            limits,
            total: 0,
            users: BTreeMap::new(),
        };
        for &user in users_of_known {
            budget.total += 1;
            *budget.users.entry(user).or_default() += 1;
        }
        budget
    }

    /// Takes one page for a user. False if there is none left.
    pub(super) fn take(&mut self, user: u32) -> bool {
        let of_user = self.users.entry(user).or_default();
        let left = self.total < self.limits.total && *of_user < self.limits.user;
        if left {
            self.total += 1;
            *of_user += 1;
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        descriptors: 1,
        process: 1,
        user: 3,
        total: 5,
    };

    #[test]
    fn no_user_gets_all_of_it() {
        let mut budget = Budget::new(LIMITS, [].iter());
        let taken = [1, 1, 1, 1, 2, 2, 2].map(|user| budget.take(user));
        assert_eq!(taken, [true, true, true, false, true, true, false]);
    }

    #[test]
    fn those_that_are_there_keep_their_place() {
        let mut budget = Budget::new(LIMITS, [1, 1, 2].iter());
        let taken = [1, 1, 3, 3].map(|user| budget.take(user));
        assert_eq!(taken, [true, false, true, false]);
    }
}
