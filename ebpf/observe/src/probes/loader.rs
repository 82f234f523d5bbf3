// SPDX-License-Identifier: MIT OR Apache-2.0
//! Loads, attaches and reads the probes.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::time::Duration;
use std::{fmt, io};

use aya::maps::{Map, MapData, MapError, PerCpuArray};
use aya::programs::{ProgramError, RawTracePoint};
use aya::{Ebpf, EbpfLoader, Pod};
use ipcon_probes_abi::{
    Count, DROPS_MAP, GROUPS_MAP, GroupCounts, MAX_GROUPS, MAX_PEERS, PEERS_MAP, PeerCounts,
    ProgramIndex, SIZES_MAP, TALLIES_MAP, TallyCounts,
};
use rustix::time::{ClockId, clock_gettime};

use super::counters::Counters;
use super::read_error::ReadError;
use super::reading::{Fill, GroupProbe, PeerProbe, ProbeReading, Program, Tally};
use super::unavailable::{Capability, Unavailable, system_error};
use super::{missed, object, sum};

/// How much room the probes have. The kernel allocates it at once, 136 and 88 bytes an entry for each
/// possible processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Peers that can be counted at the same time, at least 1.
    pub peers: u32,
    /// Groups that can be counted at the same time, at least 1.
    pub groups: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            peers: MAX_PEERS,
            groups: MAX_GROUPS,
        }
    }
}

/// The attached probes. Dropping them detaches the programs and frees their maps.
pub struct Probes {
    /// Holds the programs and their attachments.
    programs: Ebpf,
    peers: Counters<PeerCounts, PeerProbe>,
    groups: Counters<GroupCounts, GroupProbe>,
    drops: PerCpuArray<MapData, Count>,
    sizes: PerCpuArray<MapData, u64>,
    tallies: PerCpuArray<MapData, TallyCounts>,
    limits: Limits,
    attached_at: Duration,
}

impl Probes {
    /// Loads the programs and attaches all of them, with room for 16,384 peers and as many groups.
    ///
    /// # Errors
    /// Why they cannot be attached. Nothing stays behind then.
    pub fn attach() -> Result<Self, Unavailable> {
        Self::attach_with(Limits::default())
    }

    /// As [`Self::attach`], with other limits.
    ///
    /// # Errors
    /// As [`Self::attach`].
    pub fn attach_with(limits: Limits) -> Result<Self, Unavailable> {
        let object = object::embedded().ok_or(Unavailable::NotBuilt)?;
        let missing = Capability::missing();
        if !missing.is_empty() {
            return Err(Unavailable::NotPermitted { missing });
        }
        let mut programs = EbpfLoader::new()
            .btf(None)
            .map_max_entries(PEERS_MAP, limits.peers)
            .map_max_entries(GROUPS_MAP, limits.groups)
            .load(object)
            .map_err(|error| Unavailable::refused("make the maps of the probes", error))?;
        let peers = Counters::new(take(&mut programs, PEERS_MAP)?, PEERS_MAP, sum::peer);
        let groups = Counters::new(take(&mut programs, GROUPS_MAP)?, GROUPS_MAP, sum::group);
        let drops = take(&mut programs, DROPS_MAP)?;
        let sizes = take(&mut programs, SIZES_MAP)?;
        let tallies = take(&mut programs, TALLIES_MAP)?;
        for program in Program::ALL {
            load(&mut programs, program)?;
        }
        // Ends first: who comes before its end can be seen must not be counted already.
        for program in Program::ALL.into_iter().rev() {
            attach(&mut programs, program)?;
        }
        let attached_at = now();
        Ok(Self {
            programs,
            peers,
            groups,
            drops,
            sizes,
            tallies,
            limits,
            attached_at,
        })
    }

    /// Reads all counters. An ended peer or group is in at least two readings; the first one that comes
    /// 2 seconds or more after it was shown takes it out of the kernel's map, and from then on it is part
    /// of the departed sums.
    ///
    /// # Errors
    /// A map cannot be read.
    pub fn read(&mut self) -> Result<ProbeReading, ReadError> {
        let departed_peers = self.peers.departed();
        let departed_groups = self.groups.departed();
        let begun = now();
        let peers = self.peers.read(begun)?;
        let groups = self.groups.read(begun)?;
        let drops = sum::drops(|slot| at(&self.drops, DROPS_MAP, slot))?;
        let sizes = sum::sizes(|slot| at(&self.sizes, SIZES_MAP, slot))?;
        let mut programs = BTreeMap::new();
        for program in Program::ALL {
            programs.insert(program, self.tally(program)?);
        }
        Ok(ProbeReading {
            attached_at: self.attached_at,
            taken_at: now(),
            peers_fill: fill(peers.len(), self.limits.peers),
            groups_fill: fill(groups.len(), self.limits.groups),
            peers,
            groups,
            departed_peers,
            departed_groups,
            drops,
            sizes,
            programs,
        })
    }

    fn tally(&self, program: Program) -> Result<Tally, ReadError> {
        let per_cpu = at(&self.tallies, TALLIES_MAP, index(program) as u32)?;
        let missed = raw_tracepoint(&self.programs, program)
            .and_then(|program| program.fd().ok())
            .and_then(|fd| missed::runs(fd.as_fd()));
        Ok(sum::tally(per_cpu.as_ref(), missed))
    }
}

impl fmt::Debug for Probes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut probes = f.debug_struct("Probes");
        probes
            .field("limits", &self.limits)
            .field("attached_at", &self.attached_at);
        probes.finish_non_exhaustive()
    }
}

fn take<M>(programs: &mut Ebpf, name: &'static str) -> Result<M, Unavailable>
where
    M: TryFrom<Map, Error = MapError>,
{
    let map = programs.take_map(name).ok_or(MapError::ElementNotFound);
    map.and_then(M::try_from)
        .map_err(|error| Unavailable::refused(format!("open the map {name}"), error))
}

fn load(programs: &mut Ebpf, program: Program) -> Result<(), Unavailable> {
    raw_tracepoint_mut(programs, program)
        .and_then(RawTracePoint::load)
        .map_err(|error| {
            Unavailable::refused(format!("load the probe {}", program.tracepoint()), error)
        })
}

fn attach(programs: &mut Ebpf, program: Program) -> Result<(), Unavailable> {
    let tracepoint = program.tracepoint();
    let attached =
        raw_tracepoint_mut(programs, program).and_then(|program| program.attach(tracepoint));
    match attached {
        Ok(_) => Ok(()),
        Err(error) if is_not_found(&error) => Err(Unavailable::NoTracepoint { tracepoint }),
        Err(error) => Err(Unavailable::refused(
            format!("attach the probe {tracepoint}"),
            error,
        )),
    }
}

fn raw_tracepoint_mut(
    programs: &mut Ebpf,
    program: Program,
) -> Result<&mut RawTracePoint, ProgramError> {
    let name = program.tracepoint();
    programs
        .program_mut(name)
        .ok_or_else(|| ProgramError::InvalidName {
            name: name.to_owned(),
        })?
        .try_into()
}

fn is_not_found(error: &ProgramError) -> bool {
    system_error(error).is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}

fn raw_tracepoint(programs: &Ebpf, program: Program) -> Option<&RawTracePoint> {
    programs.program(program.tracepoint())?.try_into().ok()
}

fn at<V: Pod>(
    map: &PerCpuArray<MapData, V>,
    name: &'static str,
    slot: u32,
) -> Result<Box<[V]>, ReadError> {
    let values = map
        .get(&slot, 0)
        .map_err(|source| ReadError { map: name, source })?;
    Ok(values.iter().copied().collect())
}

fn index(program: Program) -> ProgramIndex {
    match program {
        Program::Send => ProgramIndex::Send,
        Program::Deliver => ProgramIndex::Deliver,
        Program::Drop => ProgramIndex::Drop,
        Program::Peer => ProgramIndex::Peer,
        Program::Group => ProgramIndex::Group,
    }
}

fn fill(entries: usize, limit: u32) -> Fill {
    Fill {
        entries: entries as u64,
        limit: u64::from(limit),
    }
}

fn now() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}
