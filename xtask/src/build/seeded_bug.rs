// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bugs that can be put into the module, so that the test harness shows that it finds them.

use std::fmt;

use clap::ValueEnum;

/// A bug in a path that most tests take, each for another detector of the debug kernel.
/// `ipcon-kmod/src/seeded-bug.c` has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SeededBug {
    /// Memory is read after it was freed; KASAN reports it.
    UseAfterFree,
    /// Two locks are taken in either order; lockdep reports it.
    LockInversion,
    /// Memory is forgotten; kmemleak reports it.
    Leak,
}

impl SeededBug {
    /// The name on the command line and in the module's build.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::UseAfterFree => "use-after-free",
            Self::LockInversion => "lock-inversion",
            Self::Leak => "leak",
        }
    }
}

impl fmt::Display for SeededBug {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_knows_each_by_the_name_on_the_command_line() {
        let source = include_str!("../../../ipcon-kmod/src/seeded-bug.c");
        for &bug in SeededBug::value_variants() {
            assert_eq!(SeededBug::from_str(bug.name(), false), Ok(bug));
            assert!(source.contains(&format!("strcmp(IPCON_SEEDED_BUG, \"{bug}\")")));
        }
    }
}
