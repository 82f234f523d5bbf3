// SPDX-License-Identifier: MIT OR Apache-2.0
//! The pages behind a connection.

use coroipc::{Client, Endpoint, Sizes};

use crate::world::*;

pub(crate) fn all() -> Vec<Case> {
    cases![
        all_pages_are_there_from_the_start,
        memory_is_locked_where_both_sides_want_it,
    ]
}

pub(crate) const ROLES: &[Role] = &[("memory::as_both", as_both)];

fn all_pages_are_there_from_the_start() {
    let mut alone = Process::start("memory::as_both", "reserved");
    alone.wait_for("as it should be");
}

fn memory_is_locked_where_both_sides_want_it() {
    let mut alone = Process::start("memory::as_both", "locked");
    alone.wait_for("as it should be");
}

/// Both ends of a connection, in a process where there is no other.
fn as_both() {
    let locked = argument() == "locked";
    let address = address();
    let builder = Endpoint::builder(address.clone()).service(service());
    let _server = serve(builder.lock_memory(locked));
    let sizes = Sizes {
        slots: 2,
        request: 4096,
        reply: 8192,
        events: 16384,
        large: 0,
    };
    let client = Client::builder(address, SERVICE).sizes(sizes);
    let client = client.lock_memory(locked).connect().unwrap();
    // Nothing was written yet but a few words.
    assert_eq!(client.sizes(), sizes);
    all_is_reserved();
    regions_are_locked(locked);
    say("as it should be");
}

fn all_is_reserved() {
    use std::os::unix::fs::MetadataExt;
    let mut files = 0;
    for entry in std::fs::read_dir("/proc/self/fd").unwrap() {
        let path = entry.unwrap().path();
        let name = std::fs::read_link(&path).unwrap_or_default();
        if name.to_string_lossy().contains("memfd:coroipc") {
            let file = std::fs::metadata(&path).unwrap();
            assert!(file.blocks() * 512 >= file.size(), "{}", name.display());
            files += 1;
        }
    }
    assert!(files > 0);
}

/// Pages that one mapping has locked stay in memory, for others of the same file too.
fn regions_are_locked(locked: bool) {
    let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    for file in ["coroipc-client", "coroipc-server", "coroipc-bells"] {
        let mapped = maps.split("VmFlags:").zip(maps.split("VmFlags:").skip(1));
        let ours = mapped.filter(|(before, _)| before.lines().any(|line| line.contains(file)));
        let flags: Vec<_> = ours
            .map(|(_, after)| after.lines().next().unwrap())
            .collect();
        assert!(flags.len() >= 2, "each side has mapped {file}");
        let mut flags_of_each = flags.iter().flat_map(|flags| flags.split(' '));
        let any = flags_of_each.any(|flag| flag == "lo");
        assert_eq!(any, locked, "{file}: {flags:?}");
    }
}
