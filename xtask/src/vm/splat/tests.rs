// SPDX-License-Identifier: MIT OR Apache-2.0
//! The detector against logs: each folder below `cases/` has the logs of a run, perhaps the tests
//! that ran (`tests.txt`), and what must be found (`expected.snap`). A new case is a new folder.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use super::*;

/// What `tests.txt` says: a name in each line, with `unfinished` behind that of a test that did not
/// come to its end.
fn tests(text: &str) -> Vec<(&str, bool)> {
    text.lines()
        .map(|line| match line.split_once(' ') {
            Some((name, "unfinished")) => (name, false),
            _ => (line, true),
        })
        .collect()
}

fn found(case: &Path) -> String {
    let read = |name: &str| fs::read_to_string(case.join(name)).unwrap_or_default();
    let (kernel_log, console, ran) = (read("kernel.log"), read("console.log"), read("tests.txt"));
    let tests = tests(&ran);
    let expected = Expected {
        booted: true,
        ended: tests.iter().all(|(_, finished)| *finished),
        tests: &tests,
    };
    let policy = Policy::built_in().unwrap();
    let splats = examine(&policy, &kernel_log, &console, expected);
    if splats.is_empty() {
        "clean\n".to_owned()
    } else {
        render_all(&splats)
    }
}

#[test]
fn cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/vm/splat/cases");
    let mut cases: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    assert!(cases.len() > 10, "the cases are missing");
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for case in cases {
        settings.set_snapshot_path(&case);
        settings.bind(|| insta::assert_snapshot!("expected", found(&case)));
    }
}

#[test]
fn each_kind_has_its_detector() {
    let policy = Policy::built_in().unwrap();
    for (message, detector) in [
        (
            "BUG: kernel NULL pointer dereference, address: 0000000000000000",
            "oops",
        ),
        ("Oops: Oops: 0002 [#1] SMP", "oops"),
        (
            "general protection fault, probably for non-canonical address",
            "oops",
        ),
        ("Kernel panic - not syncing: Fatal exception", "panic"),
        ("kernel BUG at mm/slub.c:1!", "bug"),
        ("BUG: Bad page state in process x  pfn:12345", "bug"),
        (
            "WARNING: CPU: 0 PID: 9 at net/core/skbuff.c:1 f+0x1/0x2",
            "warn",
        ),
        (
            "WARNING: net/core/skbuff.c:1 at f+0x1/0x2, CPU#0: x/9",
            "warn",
        ),
        (
            "WARNING: possible circular locking dependency detected",
            "lockdep",
        ),
        ("WARNING: possible recursive locking detected", "lockdep"),
        ("WARNING: inconsistent lock state", "lockdep"),
        ("WARNING: suspicious RCU usage", "lockdep"),
        (
            "WARNING: SOFTIRQ-safe -> SOFTIRQ-unsafe lock order detected",
            "lockdep",
        ),
        (
            "WARNING: lock held when returning to user space!",
            "lockdep",
        ),
        ("WARNING: bad unlock balance detected!", "lockdep"),
        ("WARNING: held lock freed!", "lockdep"),
        ("WARNING: x/1 still has locks held!", "lockdep"),
        ("INFO: trying to register non-static key.", "lockdep"),
        ("[ BUG: Invalid wait context ]", "lockdep"),
        ("BUG: MAX_LOCKDEP_CHAINS too low!", "lockdep"),
        ("turning off the locking correctness validator.", "lockdep"),
        ("BUG: KASAN: slab-use-after-free in f+0x1/0x2", "kasan"),
        ("BUG: KFENCE: use-after-free read in f+0x1/0x2", "kfence"),
        ("UBSAN: array-index-out-of-bounds in x.c:1:2", "ubsan"),
        (
            "BUG: sleeping function called from invalid context at x.c:1",
            "atomic-sleep",
        ),
        (
            "BUG: scheduling while atomic: x/9/0x00000002",
            "atomic-sleep",
        ),
        (
            "INFO: task traffic:12 blocked for more than 120 seconds.",
            "hung-task",
        ),
        (
            "rcu: INFO: rcu_preempt self-detected stall on CPU",
            "rcu-stall",
        ),
        (
            "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
            "rcu-stall",
        ),
        (
            "watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [x:1]",
            "soft-lockup",
        ),
        (
            "watchdog: CPU0: Watchdog detected hard LOCKUP on cpu 0",
            "soft-lockup",
        ),
        (
            "rust_kernel: panicked at ipcon_core.rs:877:13:",
            "rust-panic",
        ),
        ("unreferenced object 0xffff888004c2d000 (size 64):", "leak"),
        ("kmemleak: Kernel memory leak detector disabled", "leak"),
        ("xtask: the scan for leaks found more than that", "leak"),
        ("refcount_t: underflow; use-after-free.", "refcount"),
        (
            "unregister_netdevice: waiting for lo to become free. Usage count = 2",
            "refcount",
        ),
        (
            "BUG kmalloc-64 (Not tainted): Left Redzone overwritten",
            "slab",
        ),
        (
            "ODEBUG: free active (active state 0) object: 0 object type: work_struct",
            "odebug",
        ),
        ("list_add corruption. next->prev should be prev", "list"),
        (
            "vm: page allocation failure: order:0, mode:0xcc0(GFP_KERNEL)",
            "memory",
        ),
        ("xtask: the kernel's log lost lines here", "log-gap"),
        ("Call Trace:", "trace"),
    ] {
        let hit = policy.judge(message);
        assert_eq!(
            hit.map(|hit| (hit.detector, hit.allowed)),
            Some((detector, false)),
            "{message}"
        );
    }
}

#[test]
fn quotations_and_news_are_no_reports() {
    let policy = Policy::built_in().unwrap();
    for message in [
        "Command line: x y=BUG: WARNING: CPU: 1",
        "Spectre V2 : WARNING: Unprivileged eBPF is enabled with eIBRS on",
        "debug: turn on WARNING tracing with BUG=1",
        "kasan: KernelAddressSanitizer initialized (generic)",
        "ipcon-vmtest: START attack::a_kernel_BUG_at_will",
    ] {
        assert_eq!(policy.judge(message), None, "{message}");
    }
    let news =
        policy.judge("kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)");
    assert!(news.is_some_and(|hit| hit.allowed));
}

#[test]
fn a_summary_shows_the_first_and_names_the_rest() {
    let log: String = (0..5)
        .map(|n| format!("[   {n}0.000000] BUG: number {n}\n"))
        .collect();
    let policy = Policy::built_in().unwrap();
    let text = summary(&examine(&policy, &log, "", Expected::default()));
    assert!(text.contains("5 report") && text.contains("    [   00.000000] BUG: number 0"));
    assert!(text.contains("bug before the first test: [   40.000000] BUG: number 4"));
}
