// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads the map of flows, and that of failed requests.

use std::collections::BTreeMap;

use aya::Ebpf;
use aya::maps::{HashMap, MapData};
use ipcon_probes_abi::{
    ERRORS_MAP, FLOWS_MAP, FlowCounts, FlowKey, OTHER_ERRORS, command_and_errno,
};

use super::read_error::{ReadError, failed};
use super::reading::{FlowEnds, FlowProbe, Volume};
use super::unavailable::Unavailable;

/// Flows by their ends. Those of peers that have gone are counted together, with those for which there is no room.
pub(super) struct Flows {
    map: HashMap<MapData, FlowKey, FlowCounts>,
    /// Sum of the entries that were taken out.
    departed: FlowProbe,
}

impl Flows {
    /// Opens the map, and makes the entry for those that find no room. Nothing may be counted yet.
    pub(super) fn open(programs: &mut Ebpf) -> Result<Self, Unavailable> {
        let mut map: HashMap<_, _, _> = super::loader::take(programs, FLOWS_MAP)?;
        map.insert(FlowKey::OTHERS, FlowCounts::default(), 0)
            .map_err(|error| Unavailable::refused("make room for flows", error))?;
        Ok(Self {
            map,
            departed: FlowProbe::default(),
        })
    }

    /// Reads all flows, and takes out those of `departed` peers, in ascending order of id: they are part of the flow of all
    /// others from the next reading on.
    pub(super) fn read(
        &mut self,
        departed: &[u64],
    ) -> Result<BTreeMap<FlowEnds, FlowProbe>, ReadError> {
        let before = self.departed;
        let mut flows = BTreeMap::new();
        for entry in self.map.iter() {
            let (FlowKey { from, to }, counts) = entry.map_err(failed(FLOWS_MAP))?;
            flows.insert(FlowEnds { from, to }, probe(counts));
        }
        if !departed.is_empty() {
            let has_gone = |ends: &FlowEnds| {
                [ends.from, ends.to]
                    .iter()
                    .any(|id| departed.binary_search(id).is_ok())
            };
            for (&FlowEnds { from, to }, &last) in flows.iter().filter(|(ends, _)| has_gone(ends)) {
                let removed = self.map.remove(&FlowKey { from, to });
                removed.map_err(failed(FLOWS_MAP))?;
                self.departed += last;
            }
        }
        *flows.entry(FlowEnds::OTHERS).or_default() += before;
        Ok(flows)
    }
}

fn probe(counts: FlowCounts) -> FlowProbe {
    FlowProbe {
        delivered: Volume {
            messages: counts.messages,
            bytes: counts.bytes,
        },
        refused: counts.refused,
    }
}

/// Failed requests by command and error.
pub(super) struct Errors(HashMap<MapData, u64, u64>);

impl Errors {
    /// Opens the map, and makes the entry for those that find no room. Nothing may be counted yet.
    pub(super) fn open(programs: &mut Ebpf) -> Result<Self, Unavailable> {
        let mut map: HashMap<_, _, _> = super::loader::take(programs, ERRORS_MAP)?;
        map.insert(OTHER_ERRORS, 0, 0)
            .map_err(|error| Unavailable::refused("make room for errors", error))?;
        Ok(Self(map))
    }

    /// Requests by the number of the command and the errno; both are 0 for those that found no room.
    pub(super) fn read(&self) -> Result<BTreeMap<(u32, u32), u64>, ReadError> {
        let mut errors = BTreeMap::new();
        for entry in self.0.iter() {
            let (key, requests) = entry.map_err(failed(ERRORS_MAP))?;
            errors.insert(command_and_errno(key), requests);
        }
        Ok(errors)
    }
}
