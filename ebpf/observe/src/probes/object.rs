// SPDX-License-Identifier: MIT OR Apache-2.0
//! The BPF object that the build took in.

/// The object, or nothing when it was not built before this library.
static EMBEDDED: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/ipcon-probes"));

/// The object, if it was built.
pub(super) fn embedded() -> Option<&'static [u8]> {
    (!EMBEDDED.is_empty()).then_some(EMBEDDED)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::mem::size_of;

    use aya_obj::{Object, ProgramSection};
    use ipcon_probes_abi::{
        Count, DROP_SLOTS, DROPS_MAP, ERRORS_MAP, EXCEPTIONS_BYTES, EXCEPTIONS_MAP, FLOWS_MAP,
        FlowCounts, GROUPS_MAP, GroupCounts, KIND_WAITS_MAP, Kind, MAX_ERRORS, MAX_FLOWS,
        MAX_GROUPS, MAX_PEERS, MAX_STAMPS, PEERS_MAP, PROGRAMS, PeerCounts, PeerWaits, SIZE_SLOTS,
        SIZES_MAP, SLOTS_MAP, STAMP_COUNTS_MAP, STAMPS_MAP, Slot, Stamp, StampCounts, TALLIES_MAP,
        TallyCounts, WAITS_MAP, Waits, slots_for,
    };

    use super::super::reading::Program;
    use super::embedded;

    /// Parses only: nothing is loaded into the kernel of the machine that runs this.
    fn parsed() -> Option<Object> {
        let object = embedded()?;
        Some(Object::parse(object).unwrap())
    }

    #[test]
    fn no_program_looks_into_the_memory_of_the_kernel() {
        const CALL: u8 = 0x85;
        // bpf_probe_read, its kin for strings, and those of both for the kernel alone.
        const HELPERS: [i32; 4] = [4, 45, 113, 115];
        let Some(object) = parsed() else {
            eprintln!("not checked: the probes were not built in; run: cargo xtask build");
            return;
        };
        for (name, program) in &object.programs {
            let of_it =
                |function: &&aya_obj::Function| function.section_index.0 == program.section_index;
            let mut instructions = object
                .functions
                .values()
                .filter(of_it)
                .flat_map(|it| &it.instructions);
            let looks = instructions
                .any(|one| one.code == CALL && one.src_reg() == 0 && HELPERS.contains(&one.imm));
            // A kernel that is locked down to confidentiality would refuse it.
            assert!(!looks, "{name}");
        }
    }

    #[test]
    fn the_object_has_a_program_for_each_tracepoint_and_no_other() {
        let Some(object) = parsed() else {
            eprintln!("not checked: the probes were not built in; run: cargo xtask build");
            return;
        };
        let names: BTreeSet<_> = object.programs.keys().map(String::as_str).collect();
        assert_eq!(names, Program::ALL.map(Program::name).into());
        let raw = |section: &ProgramSection| matches!(section, ProgramSection::RawTracePoint);
        assert!(
            object
                .programs
                .values()
                .all(|program| raw(&program.section))
        );
    }

    #[test]
    fn the_maps_have_the_layout_that_is_read() {
        let Some(object) = parsed() else {
            eprintln!("not checked: the probes were not built in; run: cargo xtask build");
            return;
        };
        let maps: BTreeMap<_, _> = object
            .maps
            .iter()
            .filter(|(name, _)| !name.starts_with('.'))
            .map(|(name, map)| {
                (
                    name.as_str(),
                    (map.key_size(), map.value_size() as usize, map.max_entries()),
                )
            })
            .collect();
        let expected = BTreeMap::from([
            (PEERS_MAP, (8, size_of::<PeerCounts>(), MAX_PEERS)),
            (GROUPS_MAP, (8, size_of::<GroupCounts>(), MAX_GROUPS)),
            (DROPS_MAP, (4, size_of::<Count>(), DROP_SLOTS)),
            (SIZES_MAP, (4, size_of::<u64>(), SIZE_SLOTS)),
            (TALLIES_MAP, (4, size_of::<TallyCounts>(), PROGRAMS)),
            (FLOWS_MAP, (16, size_of::<FlowCounts>(), MAX_FLOWS)),
            (ERRORS_MAP, (8, size_of::<u64>(), MAX_ERRORS)),
            (SLOTS_MAP, (4, size_of::<Slot>(), slots_for(MAX_STAMPS))),
            (STAMPS_MAP, (8, size_of::<Stamp>(), MAX_STAMPS)),
            (STAMP_COUNTS_MAP, (4, size_of::<StampCounts>(), 1)),
            (WAITS_MAP, (8, size_of::<PeerWaits>(), MAX_PEERS)),
            (KIND_WAITS_MAP, (4, size_of::<Waits>(), Kind::COUNT)),
            (EXCEPTIONS_MAP, (0, 0, EXCEPTIONS_BYTES)),
        ]);
        assert_eq!(maps, expected);
    }
}
