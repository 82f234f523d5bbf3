// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the host computes with.

use std::fs;

/// The name of the host's processor.
pub(super) fn name() -> String {
    named(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default())
}

/// How many threads ran or wanted to on an average of the last minute.
pub(super) fn load() -> Option<f64> {
    let averages = fs::read_to_string("/proc/loadavg").ok()?;
    averages.split(' ').next()?.parse().ok()
}

fn named(cpuinfo: &str) -> String {
    cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("an unknown processor", |(_, name)| name)
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_has_its_name() {
        let intel = "processor\t: 0\nmodel name\t: A Processor @ 2 GHz\nflags\t\t: fpu\n";
        assert_eq!(named(intel), "A Processor @ 2 GHz");
        assert_eq!(named(""), "an unknown processor");
    }
}
