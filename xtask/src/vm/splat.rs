// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finds in a kernel log what must not be there.
//!
//! A WARN, a KASAN report or a hung task leaves the VM running, so a test program still exits 0 on
//! a kernel that hit a real bug. This is the check that turns such a run red.

/// Something a healthy kernel does not log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Splat {
    /// The line's number in the log, from 1.
    pub(crate) line: usize,
    /// The line and what follows it, up to the end of the report.
    pub(crate) text: String,
}

/// Begins a line that the guest writes where it could not read the log: what was not seen was not
/// clean.
pub(crate) const GAP: &str = "xtask: the kernel's log";

/// Beginnings of a message that are reports by themselves.
const BEGINS: &[&str] = &[
    GAP,
    "BUG:",
    "WARNING:",
    "KASAN:",
    "UBSAN:",
    "KFENCE:",
    "KCSAN:",
    "Oops",
    "Kernel panic",
    "PANIC:",
    "kernel BUG at",
    "general protection fault",
    "stack segment:",
    "divide error",
    "invalid opcode",
    "int3:",
    "Unable to handle kernel",
    "unregister_netdevice: waiting for",
    "VFS: Busy inodes",
    "rust_kernel: panicked",
    "Internal error:",
    "Call Trace:",
    "list_add corruption",
    "list_del corruption",
    "refcount_t:",
    "ODEBUG:",
    "BUG kmalloc-",
    "workqueue: lockup",
];

/// Texts that are reports wherever they stand in the message.
const CONTAINS: &[&str] = &[
    "BUG: ",
    "WARNING: CPU:",
    "detected stall",
    "detected stalls on CPUs",
    "blocked for more than",
    "soft lockup",
    "hard LOCKUP",
    "self-detected stall",
    "kthread starved",
    "kernel memory leaks",
    "suspicious RCU usage",
    "possible circular locking",
    "scheduling while atomic",
    "sleeping function called from invalid context",
    "module verification failed: invalid",
];

/// What looks like a report and is none, with the reason.
const HARMLESS: &[&str] = &[
    // virtme-ng hands compressed modules to busybox first, which says so and goes on.
    "Invalid ELF header magic",
    // A statement about the processor, made at every boot.
    "Unprivileged eBPF is enabled with eIBRS",
    // Advice about the host, not about the guest.
    "Spectre V2",
];

/// How much of a report is kept.
const MAX_LINES: usize = 40;

/// All reports in a log, in its order. A report's own later lines are part of it, not new ones.
pub(crate) fn scan(log: &str) -> Vec<Splat> {
    let lines: Vec<&str> = log.lines().collect();
    let mut splats = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        if !is_report(message(lines[at])) {
            at += 1;
            continue;
        }
        let end = report_end(&lines, at);
        splats.push(Splat {
            line: at + 1,
            text: lines[at..end].join("\n"),
        });
        at = end;
    }
    splats
}

/// A short account of the reports, for a person.
pub(crate) fn summary(splats: &[Splat]) -> String {
    const SHOWN: usize = 3;
    let mut text = format!(
        "the kernel log has {} report(s) of trouble:\n",
        splats.len()
    );
    for splat in splats.iter().take(SHOWN) {
        text.push_str(&format!("line {}:\n", splat.line));
        for line in splat.text.lines() {
            text.push_str(&format!("    {line}\n"));
        }
    }
    if splats.len() > SHOWN {
        text.push_str(&format!("and {} more\n", splats.len() - SHOWN));
    }
    text
}

fn is_report(message: &str) -> bool {
    if HARMLESS.iter().any(|harmless| message.contains(harmless)) {
        return false;
    }
    // The command line is echoed into the log and may name any of these words.
    if message.starts_with("Command line:") || message.starts_with("Kernel command line:") {
        return false;
    }
    BEGINS.iter().any(|begin| message.starts_with(begin))
        || CONTAINS.iter().any(|part| message.contains(part))
}

/// A report goes on until its end mark, or until the log has moved on for a second.
fn report_end(lines: &[&str], begin: usize) -> usize {
    let started = seconds(lines[begin]);
    let limit = lines.len().min(begin + MAX_LINES);
    for (offset, line) in lines[begin + 1..limit].iter().enumerate() {
        let at = begin + 1 + offset;
        let text = message(line);
        if text.starts_with("---[ end") {
            return at + 1;
        }
        if let (Some(started), Some(now)) = (started, seconds(line))
            && now > started + 1.0
        {
            return at;
        }
    }
    limit
}

/// The message without the bracketed prefixes (time, CPU or task) in front of it.
fn message(line: &str) -> &str {
    let mut rest = line.trim_start();
    while let Some(inside) = rest.strip_prefix('[') {
        match inside.split_once(']') {
            Some((_, after)) => rest = after.trim_start(),
            None => break,
        }
    }
    // rcu's stall reports put the subsystem first.
    rest.strip_prefix("rcu: INFO: ")
        .or_else(|| rest.strip_prefix("INFO: "))
        .unwrap_or(rest)
}

fn seconds(line: &str) -> Option<f64> {
    line.trim_start()
        .strip_prefix('[')?
        .split_once(']')?
        .0
        .trim()
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAN: &str = "\
[    0.000000] Command line: x y=BUG: WARNING: CPU: 1
[    0.000000] Linux version 7.3.4
[    0.500000] Spectre V2 : WARNING: Unprivileged eBPF is enabled with eIBRS on
[    0.600000] debug: turn on WARNING tracing with BUG=1
[    1.000000] ipcon: loading out-of-tree module taints kernel.
[    1.100000] clocksource: Watchdog remote CPU 1 read timed out
";

    #[test]
    fn a_healthy_log_is_clean() {
        assert_eq!(scan(CLEAN), []);
        assert_eq!(scan(""), []);
    }

    #[test]
    fn one_report_is_one_splat_with_its_lines() {
        let log = format!(
            "{CLEAN}\
[    2.000000] ------------[ cut here ]------------
[    2.000001] WARNING: CPU: 0 PID: 9 at net/core/skbuff.c:1 f+0x1/0x2
[    2.000002] Call Trace:
[    2.000003]  <TASK>
[    2.000004] ---[ end trace 0000000000000000 ]---
[    2.100000] all is well again
"
        );
        let splats = scan(&log);
        assert_eq!(splats.len(), 1);
        assert_eq!(splats[0].line, 8);
        assert!(
            splats[0]
                .text
                .ends_with("---[ end trace 0000000000000000 ]---")
        );
    }

    #[test]
    fn each_kind_is_known() {
        for line in [
            "[   10.1] BUG: kernel NULL pointer dereference, address: 0000000000000000",
            "[   10.1] Oops: Oops: 0002 [#1] SMP",
            "[   10.1] Kernel panic - not syncing: Fatal exception",
            "[   10.1] rcu: INFO: rcu_preempt self-detected stall on CPU",
            "[   10.1] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
            "[   10.1] INFO: task traffic:12 blocked for more than 120 seconds.",
            "[   10.1] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [x:1]",
            "[   10.1] BUG: KASAN: slab-use-after-free in f+0x1/0x2",
            "[   10.1] BUG: KFENCE: use-after-free read in f+0x1/0x2",
            "[   10.1] rust_kernel: panicked at ipcon_core.rs:877:13:",
            "[   10.1] UBSAN: array-index-out-of-bounds in x.c:1:2",
            "[   10.1][    T9] BUG: sleeping function called from invalid context at x.c:1",
            "[   10.1] BUG kmalloc-64 (Not tainted): Left Redzone overwritten",
            "[   10.1] refcount_t: underflow; use-after-free.",
            "[   10.1] general protection fault, probably for non-canonical address",
        ] {
            assert_eq!(scan(line).len(), 1, "missed: {line}");
        }
    }

    #[test]
    fn two_reports_far_apart_are_two() {
        let log = "[    2.0] WARNING: CPU: 0\n[    2.1] x\n[    9.0] y\n[    9.1] BUG: z\n";
        let lines: Vec<_> = scan(log).iter().map(|splat| splat.line).collect();
        assert_eq!(lines, [1, 4]);
    }

    #[test]
    fn summary_names_the_first_and_counts_the_rest() {
        let log: String = (0..5)
            .map(|n| format!("[   {n}0.0] BUG: number {n}\n"))
            .collect();
        let text = summary(&scan(&log));
        assert!(text.contains("5 report") && text.contains("BUG: number 0"));
        assert!(text.contains("and 2 more"));
    }
}
