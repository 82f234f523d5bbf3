// SPDX-License-Identifier: MIT OR Apache-2.0
//! Prints a snapshot as one line of JSON for each line that comes in, and on stderr where the probes and the
//! module disagree. With `--quiet-bus` it ends with 1 if they do.
//!
//! `echo | sudo target/debug/examples/snapshots`

use std::error::Error;
use std::io;
use std::process::ExitCode;

use ipcon_observe::{Collector, Options, reconcile};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let quiet_bus = std::env::args().any(|argument| argument == "--quiet-bus");
    let mut collector = Collector::open(Options::default())?;
    // The first reading is where the comparison begins.
    collector.collect()?;
    for line in io::stdin().lines() {
        line?;
        let snapshot = collector.collect()?;
        println!("{}", serde_json::to_string(&snapshot)?);
        let Some(compared) = reconcile(&snapshot) else {
            continue;
        };
        eprintln!(
            "{} numbers compared, {} rows skipped, {} differ",
            compared.compared,
            compared.skipped,
            compared.differences.len()
        );
        if let Some(reason) = compared.bus_skipped {
            eprintln!("the bus is not compared: {reason}");
        }
        for difference in &compared.differences {
            eprintln!("{}", difference.sentence(&snapshot));
        }
        let broken = snapshot.probes.iter().flat_map(|probes| &probes.identities);
        let broken: Vec<_> = broken.filter(|identity| !identity.holds()).collect();
        for identity in &broken {
            eprintln!(
                "{}: {} and {}",
                identity.name, identity.left, identity.right
            );
        }
        if quiet_bus && !(compared.agrees() && broken.is_empty()) {
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}
