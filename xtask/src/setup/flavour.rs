// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernels that the module is built for and tested on.

use std::fmt;

use clap::ValueEnum;

/// A kernel, by what it is made for. Its name on the command line is Debian's own, where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, ValueEnum)]
pub(crate) enum Flavour {
    /// Debian's kernel for any machine.
    #[default]
    Amd64,
    /// Debian's small kernel for virtual machines.
    CloudAmd64,
    /// Debian's kernel with full preemption, where spinlocks sleep.
    RtAmd64,
    /// Built here from Debian's source, with the checkers of the kernel's developers; slow.
    Debug,
}

impl Flavour {
    /// All of them, the default first.
    pub(crate) const ALL: [Self; 4] = [Self::Amd64, Self::CloudAmd64, Self::RtAmd64, Self::Debug];

    /// The name on the command line, in messages and in the cache.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::CloudAmd64 => "cloud-amd64",
            Self::RtAmd64 => "rt-amd64",
            Self::Debug => "debug",
        }
    }
}

impl Flavour {
    /// What `make` gets so that everything is built by the compilers of this kernel.
    pub(crate) const fn compilers(self) -> &'static str {
        match self {
            Self::Amd64 | Self::CloudAmd64 | Self::RtAmd64 => "CC=gcc-14 HOSTCC=gcc-14",
            // Rust under KASAN wants clang: both then instrument in the same way.
            Self::Debug => "LLVM=1",
        }
    }
}

impl fmt::Display for Flavour {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_knows_each_by_its_name() {
        assert_eq!(Flavour::ALL, Flavour::value_variants());
        for flavour in Flavour::ALL {
            assert_eq!(Flavour::from_str(flavour.name(), false), Ok(flavour));
            assert_eq!(flavour.to_string(), flavour.name());
        }
        assert!(Flavour::from_str("arm64", false).is_err());
    }
}
