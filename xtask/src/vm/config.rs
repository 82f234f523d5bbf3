// SPDX-License-Identifier: MIT OR Apache-2.0
//! From what a VM shall be to the command line that starts it. Pure: nothing is run here.

use std::path::PathBuf;

use super::accel::Accel;
use crate::channel::PORT_NAME;
use crate::setup::Flavour;

/// Folders of the host that are writable in the VM; what is written there is gone with it.
const WRITABLE: &[&str] = &[
    "/etc", "/home", "/lib", "/opt", "/root", "/srv", "/tmp", "/usr", "/var",
];

/// Kernel parameters for every VM.
const PARAMETERS: &[&str] = &[
    // An oops may leave locks held; better one clear end than a hang with a deadline.
    "oops=panic",
    "log_buf_len=16M",
    "printk.devkmsg=on",
    "cryptomgr.notests",
    "audit=0",
    "selinux=0",
    "apparmor=0",
];

/// More of them for a kernel of the distribution.
const PARAMETERS_STOCK: &[&str] = &[
    // Catches a use after free now and then, at nearly no cost.
    "kfence.sample_interval=100",
];

/// More of them for the debug kernel.
const PARAMETERS_DEBUG: &[&str] = &[
    // Every bad access is reported, not the first alone: each belongs to a test.
    "kasan_multi_shot",
    "kmemleak=on",
    // Its checkers hold locks and processors for long; a deadlock lasts longer still.
    "hung_task_panic=0",
    "softlockup_panic=0",
];

/// More of them for a VM whose code is translated.
const PARAMETERS_TCG: &[&str] = &[
    // Panics under TCG: "IO-APIC + timer doesn't work".
    "no_timer_check",
    // Rare crashes at boot were traced to it elsewhere, and its page walks cost time.
    "no5lvl",
    "mitigations=off",
    "random.trust_cpu=on",
    // A loaded host lets a virtual processor wait for many seconds; that is no stall of the guest.
    "rcupdate.rcu_cpu_stall_timeout=120",
    "watchdog_thresh=60",
];

/// What passes for time in the VM.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Clock {
    /// The time of the host.
    #[default]
    Host,
    /// A nanosecond for each instruction that the VM executes, and the host's time while it has nothing to do.
    /// However busy the host is, the same work takes the same time. Code must be translated, and the VM's
    /// processors take turns.
    Instructions,
}

/// How the processors of a VM whose code is translated run. With hardware virtualisation it is always at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Processors {
    /// Each in a thread of the host: races between them come up.
    #[default]
    AtOnce,
    /// All in one thread: code may be patched that runs, which QEMU before 8.1 does not bear otherwise.
    InTurn,
}

/// What a VM shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VmConfig {
    /// The program `virtme-run` of virtme-ng.
    pub(crate) virtme_run: PathBuf,
    /// What kind of kernel is booted…
    pub(crate) flavour: Flavour,
    /// …and its image.
    pub(crate) image: PathBuf,
    pub(crate) accel: Accel,
    pub(crate) clock: Clock,
    pub(crate) processors: Processors,
    /// Size of memory in QEMU's words, such as `2G`.
    pub(crate) memory: String,
    pub(crate) cpus: u32,
    /// The program that runs inside, as a path of the host.
    pub(crate) agent: PathBuf,
    /// The socket that the host listens on for the agent.
    pub(crate) socket: PathBuf,
}

impl VmConfig {
    /// Program and arguments that boot this VM. It runs until its kernel powers off.
    pub(crate) fn command_line(&self) -> Vec<String> {
        let mut words = vec![
            self.virtme_run.display().to_string(),
            "--kimg".to_owned(),
            self.image.display().to_string(),
            "--mods=auto".to_owned(),
            "--name=ipcon".to_owned(),
            // The console is the only witness of a panic.
            "--show-boot-console".to_owned(),
            "--verbose".to_owned(),
            "--disable-microvm".to_owned(),
            format!("--memory={}", self.memory),
            format!("--cpus={}", self.cpus),
        ];
        for folder in WRITABLE {
            words.push(format!("--overlay-rwdir={folder}"));
        }
        for parameter in self.parameters() {
            words.push(format!("--kopt={parameter}"));
        }
        if self.accel == Accel::Tcg {
            words.push("--disable-kvm".to_owned());
        }
        words.push("--script-sh".to_owned());
        words.push(format!(
            "exec {} guest agent",
            shell_word(&self.agent.display().to_string())
        ));
        // Takes all that follows, so it comes last.
        words.push("--qemu-opts".to_owned());
        words.extend(self.qemu_options());
        words
    }

    fn parameters(&self) -> impl Iterator<Item = &'static str> {
        let more = match self.accel {
            Accel::Kvm => &[][..],
            Accel::Tcg => PARAMETERS_TCG,
        };
        let of_the_flavour = match self.flavour {
            Flavour::Amd64 | Flavour::CloudAmd64 | Flavour::RtAmd64 => PARAMETERS_STOCK,
            Flavour::Debug => PARAMETERS_DEBUG,
        };
        PARAMETERS.iter().chain(of_the_flavour).chain(more).copied()
    }

    fn qemu_options(&self) -> Vec<String> {
        // A comma ends a value in QEMU's option syntax unless it is doubled.
        let socket = self.socket.display().to_string().replace(',', ",,");
        let mut options = vec![
            "-chardev".to_owned(),
            format!("socket,id=ipcon-agent,path={socket}"),
            "-device".to_owned(),
            "virtio-serial-pci,id=ipcon-serial".to_owned(),
            "-device".to_owned(),
            format!("virtserialport,bus=ipcon-serial.0,chardev=ipcon-agent,name={PORT_NAME}"),
        ];
        if self.accel == Accel::Tcg {
            // A bounded translation cache keeps QEMU from reserving a gigabyte.
            let threads = match (self.clock, self.processors) {
                (Clock::Host, Processors::AtOnce) => "multi",
                (Clock::Instructions, _) | (_, Processors::InTurn) => "single",
            };
            options.extend([
                "-accel".to_owned(),
                format!("tcg,thread={threads},tb-size=256"),
            ]);
        }
        if self.clock == Clock::Instructions {
            options.extend(["-icount".to_owned(), "shift=0,sleep=on".to_owned()]);
        }
        options
    }
}

fn shell_word(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> VmConfig {
        VmConfig {
            virtme_run: "/c/venv/bin/virtme-run".into(),
            flavour: Flavour::Amd64,
            image: "/c/kernels/7/vmlinuz".into(),
            accel: Accel::Tcg,
            clock: Clock::Host,
            processors: Processors::AtOnce,
            memory: "2G".to_owned(),
            cpus: 2,
            agent: "/w/it's/agent".into(),
            socket: "/c/run/1,2/agent.sock".into(),
        }
    }

    #[test]
    fn translated_vm() {
        let words = config().command_line();
        assert_eq!(words[0], "/c/venv/bin/virtme-run");
        assert_eq!(words[1..3], ["--kimg", "/c/kernels/7/vmlinuz"]);
        for word in [
            "--disable-kvm",
            "--memory=2G",
            "--cpus=2",
            "--kopt=no5lvl",
            "--kopt=oops=panic",
        ] {
            assert!(
                words.iter().any(|found| found == word),
                "{word} is missing: {words:?}"
            );
        }
        let script = words
            .iter()
            .position(|word| word == "--script-sh")
            .map(|at| &words[at + 1]);
        assert_eq!(
            script.map(String::as_str),
            Some(r"exec '/w/it'\''s/agent' guest agent")
        );
    }

    #[test]
    fn counting_instructions_takes_one_thread() {
        let has = |clock, word: &str| {
            let words = VmConfig { clock, ..config() }.command_line();
            words.iter().any(|found| found.contains(word))
        };
        assert!(has(Clock::Instructions, "tcg,thread=single"));
        assert!(has(Clock::Instructions, "-icount"));
        assert!(has(Clock::Host, "tcg,thread=multi"));
        assert!(!has(Clock::Host, "-icount"));
    }

    #[test]
    fn processors_in_turn_take_one_thread_and_the_time_of_the_host() {
        let words = VmConfig {
            processors: Processors::InTurn,
            ..config()
        }
        .command_line();
        let has = |word: &str| words.iter().any(|found| found.contains(word));
        assert!(has("tcg,thread=single"));
        assert!(!has("-icount"));
    }

    #[test]
    fn kvm_vm_is_not_slowed_down() {
        let words = VmConfig {
            accel: Accel::Kvm,
            processors: Processors::InTurn,
            ..config()
        }
        .command_line();
        assert!(
            !words
                .iter()
                .any(|word| word == "--disable-kvm" || word.contains("tcg"))
        );
        assert!(!words.iter().any(|word| word.contains("mitigations")));
    }

    #[test]
    fn each_kernel_gets_the_parameters_it_knows() {
        let debug = VmConfig {
            flavour: Flavour::Debug,
            ..config()
        };
        let has = |config: &VmConfig, word: &str| {
            let word = format!("--kopt={word}");
            config.command_line().contains(&word)
        };
        assert!(has(&debug, "kasan_multi_shot") && has(&debug, "oops=panic"));
        assert!(!has(&debug, "kfence.sample_interval=100"));
        assert!(has(&config(), "kfence.sample_interval=100"));
        assert!(!has(&config(), "kasan_multi_shot"));
    }

    #[test]
    fn qemu_gets_the_socket_and_everything_behind_qemu_opts() {
        let words = config().command_line();
        let at = words
            .iter()
            .position(|word| word == "--qemu-opts")
            .unwrap_or(0);
        assert!(
            words[at..]
                .iter()
                .any(|word| word.ends_with("path=/c/run/1,,2/agent.sock"))
        );
        assert!(words[at + 1..].iter().all(|word| !word.starts_with("--")));
    }
}
