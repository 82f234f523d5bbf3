// SPDX-License-Identifier: MIT OR Apache-2.0
//! What `/proc` tells about privileges. Pure; the texts are passed in.

use super::capabilities::Capabilities;
use super::standing::Lockdown;

/// What `/proc/thread-self/status` tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Status {
    /// The effective one.
    pub(super) uid: u32,
    pub(super) inheritable: Capabilities,
    pub(super) permitted: Capabilities,
    pub(super) effective: Capabilities,
    pub(super) bounding: Capabilities,
    pub(super) ambient: Capabilities,
    pub(super) no_new_privs: bool,
    /// Whether system calls are filtered.
    pub(super) filtered: bool,
}

impl Status {
    /// `None` when one of the sets or the user is not in it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let value = |key: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix(':').map(str::trim))
        };
        let set = |key: &str| value(key).and_then(Capabilities::parse);
        Some(Self {
            uid: value("Uid")?.split_whitespace().nth(1)?.parse().ok()?,
            inheritable: set("CapInh")?,
            permitted: set("CapPrm")?,
            effective: set("CapEff")?,
            bounding: set("CapBnd")?,
            ambient: set("CapAmb")?,
            no_new_privs: value("NoNewPrivs") == Some("1"),
            filtered: value("Seccomp") == Some("2"),
        })
    }
}

/// Reads `/sys/kernel/security/lockdown`, which has all modes with the one in force in brackets.
pub(super) fn lockdown(text: &str) -> Lockdown {
    let in_force = text
        .split_whitespace()
        .find_map(|word| word.strip_prefix('[')?.strip_suffix(']'));
    match in_force {
        Some("none") => Lockdown::None,
        Some("integrity") => Lockdown::Integrity,
        Some("confidentiality") => Lockdown::Confidentiality,
        _ => Lockdown::Unknown,
    }
}

/// Whether `/proc`, as `/proc/thread-self/mountinfo` describes it, hides the processes of others.
pub(super) fn hides_processes(mountinfo: &str) -> bool {
    // The last one mounted there is the one that is seen.
    let mounted = mountinfo
        .lines()
        .rfind(|line| line.split(' ').nth(4) == Some("/proc"));
    let options = mounted.and_then(|line| line.rsplit(' ').next());
    options.is_some_and(|options| {
        options.split(',').any(|option| {
            let mode = option.strip_prefix("hidepid=");
            mode.is_some_and(|mode| !matches!(mode, "0" | "off"))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF_A_SERVICE: &str = "\
Name:\tipcon-exporter
Umask:\t0077
State:\tR (running)
Tgid:\t812
Pid:\t812
Uid:\t0\t61234\t61234\t61234
Gid:\t61234\t61234\t61234\t61234
CapInh:\t000000c000000000
CapPrm:\t000000c000000000
CapEff:\t0000008000000000
CapBnd:\t000000c000080004
CapAmb:\t000000c000000000
NoNewPrivs:\t1
Seccomp:\t2
Seccomp_filters:\t14
Speculation_Store_Bypass:\tthread vulnerable
";

    #[test]
    fn the_status_of_a_service_is_understood() {
        let status = Status::parse(OF_A_SERVICE).unwrap();
        assert_eq!(status.uid, 61234, "the effective one");
        assert_eq!(status.permitted, Capabilities::PROBES);
        assert_eq!(status.inheritable, status.ambient);
        assert_eq!(status.effective.to_string(), "CAP_BPF");
        let bounding = Capabilities::PROBES.with(Capabilities::CHANNELS);
        assert_eq!(status.bounding, bounding);
        assert!(status.no_new_privs && status.filtered);

        let unfiltered = OF_A_SERVICE
            .replace("NoNewPrivs:\t1", "NoNewPrivs:\t0")
            .replace("Seccomp:\t2", "Seccomp:\t0");
        let status = Status::parse(&unfiltered).unwrap();
        assert!(!status.no_new_privs && !status.filtered);
    }

    #[test]
    fn a_status_without_a_set_is_none() {
        for key in ["Uid", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            let text = OF_A_SERVICE.replace(&format!("{key}:"), "Gone:");
            assert_eq!(Status::parse(&text), None, "{key}");
        }
        assert_eq!(Status::parse(""), None);
    }

    #[test]
    fn the_mode_in_brackets_is_in_force() {
        let modes = [
            ("[none] integrity confidentiality\n", Lockdown::None),
            ("none [integrity] confidentiality\n", Lockdown::Integrity),
            (
                "none integrity [confidentiality]\n",
                Lockdown::Confidentiality,
            ),
            ("", Lockdown::Unknown),
            ("[paranoia]", Lockdown::Unknown),
        ];
        for (text, mode) in modes {
            assert_eq!(lockdown(text), mode, "{text}");
        }
    }

    #[test]
    fn a_proc_that_hides_processes_is_known_by_its_options() {
        let line = |at: &str, options: &str| {
            format!(
                "24 30 0:22 / {at} rw,nosuid,nodev,noexec,relatime shared:13 - proc proc {options}\n"
            )
        };
        assert!(!hides_processes(&line("/proc", "rw")));
        assert!(!hides_processes(&line("/proc", "rw,hidepid=off")));
        for mode in ["1", "2", "invisible", "ptraceable"] {
            assert!(hides_processes(&line(
                "/proc",
                &format!("rw,gid=4,hidepid={mode}")
            )));
        }
        let elsewhere = line("/proc", "rw") + &line("/srv/proc", "rw,hidepid=2");
        assert!(!hides_processes(&elsewhere));
        let over_it = line("/proc", "rw") + &line("/proc", "rw,hidepid=2");
        assert!(hides_processes(&over_it));
    }
}
