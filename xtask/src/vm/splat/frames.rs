// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names of functions in a report: made readable, and made a fingerprint.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// How many functions make a fingerprint.
const DEPTH: usize = 5;

/// Beginnings of functions that are on every stack of their kind: they report, they did not err.
const REPORTERS: &[&str] = &[
    "<kernel::alloc",
    "__asan_",
    "__dump_stack",
    "__kasan_",
    "__kmalloc",
    "__kmem_cache_alloc",
    "__lock_acquire",
    "__might_",
    "__rust",
    "__schedule",
    "__ubsan_",
    "__warn",
    "asm_exc_",
    "check_noncircular",
    "check_prev",
    "core::panicking",
    "die",
    "dump_stack",
    "exc_",
    "handle_bug",
    "kasan_",
    "kfence_",
    "kmalloc",
    "kmem_cache_alloc",
    "krealloc",
    "kthread",
    "kvmalloc",
    "lock_acquire",
    "oops_",
    "page_fault_oops",
    "panic",
    "print_",
    "refcount_warn_saturate",
    "report_bug",
    "ret_from_fork",
    "rust_begin_unwind",
    "rust_helper_BUG",
    "schedule",
    "show_",
    "validate_chain",
    "kmemleak_",
    "lockdep_",
];

/// A function with its offset, as the kernel prints it; a question mark before it means that it was
/// found on the stack but not on the way.
static FRAME: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(\? )?([A-Za-z_.$][A-Za-z0-9_.$:<>]*)\+0x[0-9a-f]+/0x[0-9a-f]+"));
static MANGLED: LazyLock<Regex> =
    LazyLock::new(|| regex(r"\b(_R[A-Za-z0-9_]+|_ZN[A-Za-z0-9_.$]+)"));

#[expect(clippy::expect_used, reason = "constants, compiled by the tests")]
fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a valid expression")
}

/// The text with Rust's symbols in words.
pub(crate) fn demangle(text: &str) -> Cow<'_, str> {
    MANGLED.replace_all(text, |found: &Captures<'_>| readable(&found[0]))
}

fn readable(symbol: &str) -> String {
    match rustc_demangle::try_demangle(symbol) {
        Ok(name) => format!("{name:#}"),
        Err(_) => symbol.to_owned(),
    }
}

/// The first functions of the report that say where it came from: reports of one fault share them.
pub(super) fn fingerprint<'a>(messages: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut functions: Vec<String> = Vec::new();
    for message in messages {
        for frame in FRAME.captures_iter(message) {
            let function = readable(&frame[2]);
            let reports = REPORTERS.iter().any(|begin| function.starts_with(begin));
            let unsure = frame.get(1).is_some();
            if !(unsure || reports || functions.contains(&function)) {
                functions.push(function);
            }
            if functions.len() == DEPTH {
                return functions;
            }
        }
    }
    functions
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYMBOL: &str = "_RNvMs2_NtNtCsgW3pWzjwMGJ_10ipcon_core3bus5peersNtB5_5Peers6remove";

    #[test]
    fn symbols_of_rust_become_readable_and_others_stay() {
        let text = format!(" {SYMBOL}+0x1/0x2 [ipcon]");
        assert_eq!(
            demangle(&text),
            " <ipcon_core::bus::peers::Peers>::remove+0x1/0x2 [ipcon]"
        );
        assert_eq!(demangle("_Rubbish x_R y"), "_Rubbish x_R y");
    }

    #[test]
    fn a_fingerprint_has_the_culprits_only() {
        let found = fingerprint(
            [
                " dump_stack_lvl+0x5d/0x80",
                " ? nowhere+0x1/0x2",
                &format!(" {SYMBOL}+0x1/0x2 [ipcon]"),
                "RIP: 0010:genl_rcv_msg+0x1/0x2",
                " genl_rcv_msg+0x1/0x2",
            ]
            .into_iter(),
        );
        assert_eq!(
            found,
            ["<ipcon_core::bus::peers::Peers>::remove", "genl_rcv_msg"]
        );
    }
}
