// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command line of `cargo xtask vmtest`.

use std::hash::{BuildHasher, RandomState};

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::build::SeededBug;
use crate::setup::Flavour;
use crate::vm::config::Processors;
use crate::vm::machine::Shape;

/// How long the soak runs unless told otherwise, in seconds.
const SOAK: u64 = 20;

/// How often the module is loaded and unloaded under use unless told otherwise.
const LOADS: u32 = 50;

/// What a script wants to know.
const STATUSES: &str = "\
Exit status:
    0  all tests passed and the kernel's log is clean
    1  a test failed
    3  all passed, but the kernel's log has a report of trouble
   69  not tested, or the results are not whole
  124  a test or all of them took too long
  125  the VM died under the tests
Of several kernels, the first of 125, 124, 1, 3, 69, 0 that one of them had.

Each run leaves in target/vm/RUN, of which target/vm/latest is the newest:
junit.xml, results.ktap, splats.txt, output.log, kernel.log, console.log, and
reproduce, the command that does the same again.";

/// Options of `cargo xtask vmtest`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = STATUSES)]
pub(crate) struct Args {
    /// Runs only the tests whose names contain this.
    #[arg(value_name = "FILTER")]
    pub(super) filter: Option<String>,
    /// Kernel to test on, or all of them, one after the other.
    #[arg(long, value_name = "FLAVOUR")]
    pub(super) kernel: Option<Kernels>,
    #[command(flatten)]
    pub(super) shape: Shape,
    /// Longest time all tests of one kernel may take together, in seconds; without it half an hour,
    /// an hour and a half on the debug kernel, and what was asked for takes.
    #[arg(long, value_name = "SECONDS")]
    pub(super) timeout: Option<u64>,
    /// What the random tests draw from; another number each time without it.
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
    /// How long the fuzzer runs; 30 seconds without it, 180 on the debug kernel.
    #[arg(long, value_name = "SECONDS")]
    pub(super) fuzz_seconds: Option<u64>,
    /// How long the soak runs.
    #[arg(long, value_name = "SECONDS", default_value_t = SOAK)]
    pub(super) soak_seconds: u64,
    /// How often the module is loaded and unloaded under use; about a second each.
    #[arg(long, value_name = "N", default_value_t = LOADS)]
    pub(super) loads: u32,
    /// How long threads share one peer, in Rust and in C; 10 seconds without it.
    #[arg(long, value_name = "SECONDS")]
    pub(super) sharing_seconds: Option<u64>,
    /// How many async peers echo on one thread; 200 without it. 10,000 take some minutes.
    #[arg(long, value_name = "N")]
    pub(super) echo_peers: Option<u64>,
    /// Tests a module that has this bug, to see that it is found; on the debug kernel unless
    /// another is named.
    #[arg(long, value_name = "BUG")]
    pub(super) seeded_bug: Option<SeededBug>,
    /// Prints the results as KTAP version 1 on stdout, when all tests have ended.
    #[arg(long)]
    pub(super) ktap: bool,
}

/// A kernel, or all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kernels {
    One(Flavour),
    All,
}

impl ValueEnum for Kernels {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self::One(Flavour::Amd64),
            Self::One(Flavour::CloudAmd64),
            Self::One(Flavour::RtAmd64),
            Self::One(Flavour::Debug),
            Self::All,
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::One(flavour) => flavour.to_possible_value(),
            Self::All => Some(PossibleValue::new("all").help("All of them, one after the other")),
        }
    }
}

impl Args {
    /// All tests on one kernel.
    pub(crate) fn on(flavour: Flavour) -> Self {
        Self {
            filter: None,
            kernel: Some(Kernels::One(flavour)),
            shape: Shape::default(),
            timeout: None,
            seed: None,
            fuzz_seconds: None,
            soak_seconds: SOAK,
            loads: LOADS,
            sharing_seconds: None,
            echo_peers: None,
            seeded_bug: None,
            ktap: false,
        }
    }

    /// The tests with `filter` in their names, on a VM whose processors take turns.
    pub(crate) fn in_turn_on(flavour: Flavour, filter: &str) -> Self {
        Self {
            filter: Some(filter.to_owned()),
            shape: Shape {
                processors: Some(Processors::InTurn),
                ..Shape::default()
            },
            ..Self::on(flavour)
        }
    }

    /// The tests with `filter` in their names, of a module with a bug.
    pub(crate) fn of_bug(bug: SeededBug, filter: &str) -> Self {
        Self {
            filter: Some(filter.to_owned()),
            seeded_bug: Some(bug),
            ..Self::on(Flavour::Debug)
        }
    }

    pub(super) fn flavours(&self) -> Vec<Flavour> {
        match (self.kernel, self.seeded_bug) {
            (Some(Kernels::All), _) => Flavour::ALL.to_vec(),
            (Some(Kernels::One(flavour)), _) => vec![flavour],
            (None, Some(_)) => vec![Flavour::Debug],
            (None, None) => vec![Flavour::default()],
        }
    }

    /// Whether code may be patched that runs, whatever QEMU it is.
    pub(super) fn in_turn(&self) -> bool {
        self.shape.processors == Some(Processors::InTurn)
    }

    pub(super) fn drawn_seed(&self) -> u64 {
        // Its keys are random, which is all that is wanted.
        self.seed
            .unwrap_or_else(|| RandomState::new().hash_one("seed"))
    }

    /// How long the fuzzer runs, in seconds.
    pub(super) fn fuzz(&self, flavour: Flavour) -> u64 {
        let usual = if flavour == Flavour::Debug { 180 } else { 30 };
        self.fuzz_seconds.unwrap_or(usual)
    }

    /// Longest time of all tests, in seconds.
    pub(super) fn limit(&self, flavour: Flavour) -> u64 {
        // The checks make the debug kernel several times slower.
        let usual = if flavour == Flavour::Debug {
            5400
        } else {
            1800
        };
        let asked = [
            self.fuzz(flavour),
            self.soak_seconds,
            u64::from(self.loads),
            self.sharing_seconds.unwrap_or(0),
            // Each takes less than a second.
            self.echo_peers.unwrap_or(0),
        ];
        let long = asked.into_iter().fold(usual, u64::saturating_add);
        self.timeout.unwrap_or(long)
    }

    /// The command that does on one kernel the same again.
    pub(super) fn reproduce(&self, flavour: Flavour, seed: u64) -> String {
        let mut words = vec!["cargo xtask vmtest".to_owned()];
        words.extend(self.filter.clone());
        words.push(format!("--kernel {flavour} --seed {seed}"));
        if let Some(seconds) = self.fuzz_seconds {
            words.push(format!("--fuzz-seconds {seconds}"));
        }
        if self.soak_seconds != SOAK {
            words.push(format!("--soak-seconds {}", self.soak_seconds));
        }
        if self.loads != LOADS {
            words.push(format!("--loads {}", self.loads));
        }
        if let Some(seconds) = self.sharing_seconds {
            words.push(format!("--sharing-seconds {seconds}"));
        }
        if let Some(peers) = self.echo_peers {
            words.push(format!("--echo-peers {peers}"));
        }
        if let Some(bug) = self.seeded_bug {
            words.push(format!("--seeded-bug {bug}"));
        }
        if let Some(memory) = &self.shape.memory {
            words.push(format!("--memory {memory}"));
        }
        // Races depend on it.
        if self.shape.cpus != Shape::default().cpus {
            words.push(format!("--cpus {}", self.shape.cpus));
        }
        if self.in_turn() {
            words.push("--processors in-turn".to_owned());
        }
        if let Some(seconds) = self.timeout {
            words.push(format!("--timeout {seconds}"));
        }
        words.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flavour_can_be_named_and_all_of_them() {
        let one = Kernels::value_variants()
            .iter()
            .filter_map(|kernels| match kernels {
                Kernels::One(flavour) => Some(*flavour),
                Kernels::All => None,
            });
        assert_eq!(one.collect::<Vec<_>>(), Flavour::ALL);
        assert_eq!(Kernels::from_str("all", false), Ok(Kernels::All));
    }

    #[test]
    fn the_command_for_another_time_has_all_that_matters() {
        let args = Args {
            fuzz_seconds: Some(60),
            shape: Shape {
                memory: Some("4G".to_owned()),
                cpus: 3,
                processors: Some(Processors::InTurn),
            },
            timeout: Some(90),
            loads: 60,
            sharing_seconds: Some(70),
            echo_peers: Some(80),
            ..Args::of_bug(SeededBug::Leak, "services")
        };
        assert_eq!(
            args.reproduce(Flavour::Debug, 7),
            "cargo xtask vmtest services --kernel debug --seed 7 --fuzz-seconds 60 --loads 60 \
             --sharing-seconds 70 --echo-peers 80 --seeded-bug leak --memory 4G --cpus 3 --processors in-turn --timeout 90"
        );
        assert_eq!(
            Args {
                seed: Some(9),
                ..args
            }
            .drawn_seed(),
            9
        );
    }
}
