// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the harness tells the tests through the environment.

use std::path::PathBuf;

/// Where chance begins, so that a run can be had again: `IPCON_SEED`, or 1.
pub fn seed() -> u64 {
    number("IPCON_SEED").unwrap_or(1)
}

/// How long the soak lasts, in seconds: `IPCON_SOAK_SECONDS`, or 20.
pub fn soak_seconds() -> u64 {
    number("IPCON_SOAK_SECONDS").unwrap_or(20)
}

/// How often the module is loaded and unloaded under use: `IPCON_LOADS`, or 50.
pub fn loads() -> u64 {
    number("IPCON_LOADS").unwrap_or(50)
}

/// How long the fuzzer goes on, in seconds: `IPCON_FUZZ_SECONDS`, or 30, and 180 on a slow kernel.
pub fn fuzz_seconds() -> u64 {
    let usual = if kernel_is_slow() { 180 } else { 30 };
    number("IPCON_FUZZ_SECONDS").unwrap_or(usual)
}

/// How many messages the fuzzer sends at most: `IPCON_FUZZ_MESSAGES`, or a million.
pub fn fuzz_messages() -> u64 {
    number("IPCON_FUZZ_MESSAGES").unwrap_or(1_000_000)
}

/// How long threads share one peer, in seconds: `IPCON_SHARING_SECONDS`, or 10.
pub fn sharing_seconds() -> u64 {
    number("IPCON_SHARING_SECONDS").unwrap_or(10)
}

/// Whether the length of that was chosen, by somebody who wants to know how long threads wait.
pub fn is_sharing_asked_for() -> bool {
    number("IPCON_SHARING_SECONDS").is_some()
}

/// How many peers echo on one thread: `IPCON_ECHO_PEERS`, or 200.
pub fn echo_peers() -> usize {
    number("IPCON_ECHO_PEERS").unwrap_or(200) as usize
}

/// How many times as long a slow kernel takes for the same work, at most.
pub const SLOWNESS: u32 = 10;

/// Whether the kernel that runs was built to look for bugs, and takes up to [`SLOWNESS`] times as long for everything.
pub fn kernel_is_slow() -> bool {
    match std::env::var("IPCON_FLAVOUR") {
        Ok(flavour) => flavour == "debug",
        Err(_) => std::env::var("IPCON_KVER").is_ok_and(|release| release.contains("debug")),
    }
}

/// What a test needs that takes a slow kernel many minutes and shows nothing there that a stock one does not show: it
/// looks at programs, or measures.
///
/// # Errors
///
/// The reason why the test is skipped.
pub fn quick_kernel() -> Result<(), String> {
    match kernel_is_slow() {
        true => Err("the stock kernels show the same in less time".to_owned()),
        false => Ok(()),
    }
}

/// What a test needs that attaches probes while messages flow on another processor, on a quick kernel.
///
/// QEMU before 8.1 translates a guest's code while the guest patches it: a processor may meet the `int3` of a tracepoint that is
/// being switched after it has gone, and the guest dies. With KVM it is the processor that runs the code; with
/// `--processors in-turn` none runs while another one patches.
///
/// # Errors
///
/// The reason why the test is skipped.
pub fn patching_under_load() -> Result<(), String> {
    quick_kernel()?;
    if std::env::var("IPCON_PROCESSORS").is_ok_and(|how| how == "in-turn") {
        return Ok(());
    }
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let translated = read("/proc/cpuinfo").contains("QEMU TCG CPU");
    let machine = read("/sys/class/dmi/id/product_version");
    match translated && patches_badly(machine.trim()) {
        true => Err(format!(
            "the machine {} is of a QEMU before 8.1, whose guests die when code is patched that runs: \
             cargo xtask vmtest stopped:: --processors in-turn",
            machine.trim()
        )),
        false => Ok(()),
    }
}

/// Whether a machine such as `pc-q35-7.2` is of a QEMU before 8.1.
fn patches_badly(machine: &str) -> bool {
    let version = machine.rsplit('-').next().unwrap_or_default();
    let numbers: Option<Vec<u32>> = version.split('.').map(|it| it.parse().ok()).collect();
    numbers.is_some_and(|numbers| numbers.as_slice() < [8, 1].as_slice())
}

/// The server of Prometheus, which set-up unpacks with its tool.
///
/// # Errors
///
/// The reason why the test is skipped.
pub fn prometheus() -> Result<PathBuf, String> {
    of_prometheus("prometheus", promtool_by_environment())
}

/// The tool of Prometheus that judges metrics and rules.
///
/// # Errors
///
/// The reason why the test is skipped.
pub fn promtool() -> Result<PathBuf, String> {
    of_prometheus("promtool", promtool_by_environment())
}

fn promtool_by_environment() -> Option<PathBuf> {
    std::env::var_os("IPCON_PROMTOOL").map(PathBuf::from)
}

/// A program of Prometheus, which lies beside its tool.
fn of_prometheus(program: &str, promtool: Option<PathBuf>) -> Result<PathBuf, String> {
    let promtool = promtool.ok_or("IPCON_PROMTOOL does not say where Prometheus is")?;
    let path = promtool.with_file_name(program);
    match path.is_file() {
        true => Ok(path),
        false => Err(format!(
            "{program} is not there ({}): cargo xtask setup",
            path.display()
        )),
    }
}

fn number(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    let number = value.parse();
    Some(number.unwrap_or_else(|_| panic!("{name} is {value:?}, and must be a number")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_tell_the_version_of_qemu() {
        assert!(patches_badly("pc-q35-7.2") && patches_badly("pc-q35-8.0"));
        assert!(!patches_badly("pc-q35-8.1") && !patches_badly("pc-q35-10.0"));
        assert!(
            !patches_badly("pc-q35-10.0.2") && !patches_badly("") && !patches_badly("a laptop")
        );
    }

    #[test]
    fn a_missing_prometheus_is_a_reason() {
        let nowhere = of_prometheus("prometheus", None).unwrap_err();
        assert!(nowhere.contains("IPCON_PROMTOOL"), "{nowhere}");
        let folder = std::env::temp_dir().join("ipcon-a-missing-prometheus");
        std::fs::create_dir_all(&folder).unwrap();
        let promtool = folder.join("promtool");
        let missing = of_prometheus("prometheus", Some(promtool.clone())).unwrap_err();
        assert!(missing.contains("cargo xtask setup"), "{missing}");
        let prometheus = folder.join("prometheus");
        std::fs::write(&prometheus, "").unwrap();
        assert_eq!(
            of_prometheus("prometheus", Some(promtool.clone())),
            Ok(prometheus)
        );
        assert!(of_prometheus("promtool", Some(promtool)).is_err());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
