// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which tracepoints the kernel has, told without the right to look into tracefs.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};

/// The function that the kernel makes for each tracepoint begins so.
const ITERATOR: &[u8] = b"__traceiter_";

/// Whether each of these is there. `None` where the kernel does not show the names of its functions.
pub(super) fn find(names: &[&'static str]) -> Option<BTreeMap<&'static str, bool>> {
    look(BufReader::new(File::open("/proc/kallsyms").ok()?), names)
}

fn look(mut symbols: impl BufRead, names: &[&'static str]) -> Option<BTreeMap<&'static str, bool>> {
    let mut found: BTreeMap<_, _> = names.iter().map(|&name| (name, false)).collect();
    let mut any = false;
    let mut line = Vec::new();
    while symbols.read_until(b'\n', &mut line).ok()? > 0 {
        let mut words = line.split(u8::is_ascii_whitespace);
        if let Some(tracepoint) = words.nth(2).and_then(|name| name.strip_prefix(ITERATOR)) {
            any = true;
            let known = std::str::from_utf8(tracepoint).ok();
            if let Some(there) = known.and_then(|name| found.get_mut(name)) {
                *there = true;
            }
        }
        line.clear();
    }
    any.then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tracepoints_are_known_by_their_functions() {
        let symbols = b"\
0000000000000000 A fixed_percpu_data
0000000000000000 T __traceiter_skb_copy_datagram_iovec
0000000000000000 t __traceiter_ipcon_send\t[ipcon]
0000000000000000 t ipcon_drop\t[ipcon]
0000000000000000 t __traceiter_ipcon_peers\t[ipcon]
";
        let names = [
            "skb_copy_datagram_iovec",
            "ipcon_send",
            "ipcon_drop",
            "ipcon_peer",
        ];
        let found = look(symbols.as_slice(), &names).unwrap();
        assert_eq!(found.values().filter(|there| **there).count(), 2);
        assert!(found["skb_copy_datagram_iovec"] && found["ipcon_send"]);
    }

    #[test]
    fn a_kernel_that_shows_none_is_not_one_that_has_none() {
        assert_eq!(look(b"".as_slice(), &["ipcon_send"]), None);
        let hidden = b"0000000000000000 T __x64_sys_bpf\n";
        assert_eq!(look(hidden.as_slice(), &["ipcon_send"]), None);
    }
}
