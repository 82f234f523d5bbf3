// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether the VM may use the host's hardware virtualisation.

use std::fs::{self, File};

/// How QEMU runs the guest's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accel {
    /// On the processor itself.
    Kvm,
    /// Translated; ten to fifty times slower, works everywhere.
    Tcg,
}

impl Accel {
    /// What this machine can do.
    pub(crate) fn detect() -> Self {
        let device_opens = File::options()
            .read(true)
            .write(true)
            .open("/dev/kvm")
            .is_ok();
        decide(
            device_opens,
            &fs::read_to_string("/proc/cpuinfo").unwrap_or_default(),
        )
    }
}

/// Some hosts have the device and cannot run an ordinary guest: their processor shows no
/// virtualisation. So both are asked for.
fn decide(device_opens: bool, cpuinfo: &str) -> Accel {
    let virtualises = cpuinfo
        .lines()
        .filter_map(|line| line.strip_prefix("flags"))
        .any(|flags| {
            flags
                .split_whitespace()
                .any(|flag| flag == "vmx" || flag == "svm")
        });
    if device_opens && virtualises {
        Accel::Kvm
    } else {
        Accel::Tcg
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kvm_needs_the_device_and_the_processor() {
        let intel = "model name\t: x\nflags\t\t: fpu vmx sse\n";
        assert_eq!(decide(true, intel), Accel::Kvm);
        assert_eq!(decide(true, "flags\t\t: fpu svm\n"), Accel::Kvm);
        assert_eq!(decide(false, intel), Accel::Tcg);
        assert_eq!(
            decide(true, "flags\t\t: fpu vmx_ept sse\nbugs\t: vmx\n"),
            Accel::Tcg
        );
        assert_eq!(decide(true, ""), Accel::Tcg);
    }
}
