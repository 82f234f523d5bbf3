// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the harness tells the tests through the environment.

/// Where chance begins, so that a run can be had again: `IPCON_SEED`, or 1.
pub fn seed() -> u64 {
    number("IPCON_SEED").unwrap_or(1)
}

/// How long the soak lasts, in seconds: `IPCON_SOAK_SECONDS`, or 20.
pub fn soak_seconds() -> u64 {
    number("IPCON_SOAK_SECONDS").unwrap_or(20)
}

/// Whether the kernel that runs was built to look for bugs, and takes 5 to 10 times as long for everything.
pub fn kernel_is_slow() -> bool {
    match std::env::var("IPCON_FLAVOUR") {
        Ok(flavour) => flavour == "debug",
        Err(_) => std::env::var("IPCON_KVER").is_ok_and(|release| release.contains("debug")),
    }
}

fn number(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    let number = value.parse();
    Some(number.unwrap_or_else(|_| panic!("{name} is {value:?}, and must be a number")))
}
