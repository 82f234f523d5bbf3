// SPDX-License-Identifier: MIT OR Apache-2.0

//! One test.

use std::time::Duration;

use crate::settings;

/// A test with its name, its deadline and the namespace that it wants.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub(crate) name: &'static str,
    pub(crate) body: fn(),
    pub(crate) deadline: Duration,
    pub(crate) bus: Bus,
    pub(crate) need: Option<Need>,
    pub(crate) is_watched: bool,
}

/// Says what the kernel lacks that a test cannot do without.
pub type Need = fn() -> Result<(), String>;

/// Which bus a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bus {
    /// That of a network namespace made for the test: all counters are 0, and nobody else is there.
    Fresh,
    /// That of the initial network namespace, which the module made when it was loaded.
    Initial,
}

impl Case {
    /// A test that has a minute, on a fresh bus.
    pub const fn new(name: &'static str, body: fn()) -> Self {
        Self {
            name,
            body,
            deadline: Duration::from_secs(60),
            bus: Bus::Fresh,
            need: None,
            is_watched: true,
        }
    }

    /// Skips the test where the kernel lacks something.
    #[must_use]
    pub const fn needs(self, need: Need) -> Self {
        Self {
            need: Some(need),
            ..self
        }
    }

    /// The deadline on the kernel that runs.
    pub(crate) fn deadline(&self) -> Duration {
        let slow = settings::kernel_is_slow();
        self.deadline * if slow { settings::SLOWNESS } else { 1 }
    }

    /// Gives the test this many seconds on a stock kernel; a slow one gives it more.
    #[must_use]
    pub const fn within(self, seconds: u64) -> Self {
        Self {
            deadline: Duration::from_secs(seconds),
            ..self
        }
    }

    /// Has no probes count along: they hold the module.
    #[must_use]
    pub const fn unwatched(self) -> Self {
        Self {
            is_watched: false,
            ..self
        }
    }

    /// Runs the test in the initial network namespace.
    #[must_use]
    pub const fn on_the_initial_bus(self) -> Self {
        Self {
            bus: Bus::Initial,
            ..self
        }
    }
}

/// Makes a [`Case`] of each function, named like it; what is special about it stands after an arrow.
#[macro_export]
macro_rules! cases {
    ($($body:ident $(=> $($option:ident($($value:expr)?)).+)?),+ $(,)?) => {
        vec![$($crate::Case::new(stringify!($body), $body)$($(.$option($($value)?))+)?),+]
    };
}
