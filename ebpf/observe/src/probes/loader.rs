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
    Count, DROPS_MAP, EXCEPTIONS_MAP, Exception, FLOWS_MAP, GROUPS_MAP, GroupCounts,
    LATENCY_CONSTANT, PEERS_MAP, PeerCounts, ProgramIndex, SIZES_MAP, SLOT_SHIFT_CONSTANT,
    SLOTS_MAP, SLOW_CONSTANT, STAMPS_MAP, TALLIES_MAP, TallyCounts, WAITS_MAP, slot_shift,
    slots_for,
};
use rustix::time::{ClockId, clock_gettime};

use super::counters::Counters;
use super::flows::{Errors, Flows};
use super::read_error::ReadError;
use super::reading::{Fill, GroupProbe, PeerProbe, ProbeReading, Program, Tally};
use super::ring::Ring;
use super::settings::Settings;
use super::stamps::WaitingMaps;
use super::timing::{self, Runs, Timing};
use super::unavailable::{Capability, Unavailable, system_error};
use super::{object, program_info, sum};

/// The attached probes. Dropping them detaches the programs and frees their maps.
pub struct Probes {
    /// Holds the programs and their attachments.
    programs: Ebpf,
    peers: Counters<PeerCounts, PeerProbe>,
    groups: Counters<GroupCounts, GroupProbe>,
    flows: Flows,
    errors: Errors,
    /// `None` when that is not measured.
    waiting: Option<WaitingMaps>,
    ring: Ring,
    drops: PerCpuArray<MapData, Count>,
    sizes: PerCpuArray<MapData, u64>,
    tallies: PerCpuArray<MapData, TallyCounts>,
    timing: Timing,
    settings: Settings,
    attached_at: Duration,
}

impl Probes {
    /// Loads the programs and attaches all of them, as [`Settings`] are by default.
    ///
    /// # Errors
    /// Why they cannot be attached. Nothing stays behind then.
    pub fn attach() -> Result<Self, Unavailable> {
        Self::attach_with(Settings::default())
    }

    /// As [`Self::attach`], with other settings.
    ///
    /// # Errors
    /// As [`Self::attach`].
    pub fn attach_with(settings: Settings) -> Result<Self, Unavailable> {
        let missing = Capability::missing();
        if super::are_built_in() && !missing.is_empty() {
            return Err(Unavailable::NotPermitted { missing });
        }
        Self::attach_unasked(settings)
    }

    /// As [`Self::attach_with`], and leaves it to the kernel to find out whether that is permitted.
    pub(crate) fn attach_unasked(settings: Settings) -> Result<Self, Unavailable> {
        let object = object::embedded().ok_or(Unavailable::NotBuilt)?;
        let mut programs = make_maps(object, &settings)?;
        let peers = Counters::new(take(&mut programs, PEERS_MAP)?, PEERS_MAP, sum::peer);
        let groups = Counters::new(take(&mut programs, GROUPS_MAP)?, GROUPS_MAP, sum::group);
        let flows = Flows::open(&mut programs)?;
        let errors = Errors::open(&mut programs)?;
        let waiting = settings
            .latency
            .then(|| WaitingMaps::open(&mut programs, slots_for(settings.limits.messages)));
        let waiting = waiting.transpose()?;
        let ring = Ring::open(&mut programs, settings.limits.exceptions)?;
        let drops = take(&mut programs, DROPS_MAP)?;
        let sizes = take(&mut programs, SIZES_MAP)?;
        let tallies = take(&mut programs, TALLIES_MAP)?;
        for program in wanted(&settings) {
            load(&mut programs, program)?;
        }
        // Ends first: who comes before its end can be seen must not be counted already.
        for program in wanted(&settings) {
            attach(&mut programs, program)?;
        }
        let attached_at = now();
        Ok(Self {
            programs,
            peers,
            groups,
            flows,
            errors,
            waiting,
            ring,
            drops,
            sizes,
            tallies,
            timing: Timing::default(),
            settings,
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
        let flows = self.flows.read(self.peers.removed())?;
        let request_errors = self.errors.read()?;
        let drops = sum::drops(|slot| at(&self.drops, DROPS_MAP, slot))?;
        let sizes = sum::sizes(|slot| at(&self.sizes, SIZES_MAP, slot))?;
        let mut programs = BTreeMap::new();
        for program in wanted(&self.settings) {
            programs.insert(program, self.tally(program)?);
        }
        self.forget_what_is_not_timed(&mut programs);
        let seen = |program| programs.get(&program).map_or(0, |tally: &Tally| tally.seen);
        let (read, unread) = (seen(Program::Receive), seen(Program::Unread));
        let waiting = match &mut self.waiting {
            Some(maps) => Some(maps.read(read, unread, self.peers.removed())?),
            None => None,
        };
        if let (Some(waiting), Some(receive)) = (&waiting, programs.get_mut(&Program::Receive)) {
            receive.lost_unstamped = waiting.stamps.unstamped();
            receive.seen += receive.lost_unstamped;
        }
        self.ring.read();
        let limits = &self.settings.limits;
        Ok(ProbeReading {
            attached_at: self.attached_at,
            taken_at: now(),
            peers_fill: fill(peers.len() as u64, limits.peers),
            groups_fill: fill(groups.len() as u64, limits.groups),
            flows_fill: fill(flows.len() as u64, limits.flows),
            messages_fill: waiting
                .as_ref()
                .map(|it| fill(it.stamps.waiting, limits.messages_and_slots())),
            peers,
            groups,
            departed_peers,
            departed_groups,
            drops,
            sizes,
            flows,
            request_errors,
            waiting,
            reported: self.ring.reported(),
            forgotten: self.ring.forgotten(),
            programs,
        })
    }

    /// The exceptions that readings found since the last call, oldest first.
    pub fn take_exceptions(&mut self) -> Vec<Exception> {
        self.ring.take()
    }

    fn tally(&self, program: Program) -> Result<Tally, ReadError> {
        let per_cpu = at(&self.tallies, TALLIES_MAP, index(program) as u32)?;
        let loaded = raw_tracepoint(&self.programs, program);
        let info = loaded
            .and_then(|program| program.fd().ok())
            .map(|fd| program_info::of(fd.as_fd()))
            .unwrap_or_default();
        Ok(Tally {
            missed: info.missed,
            run_time: info.run_time,
            ..sum::tally(per_cpu.as_ref())
        })
    }

    /// The kernel's times stand still while it does not time programs, and would look as if none ran.
    fn forget_what_is_not_timed(&mut self, programs: &mut BTreeMap<Program, Tally>) {
        let runs = programs.values().fold(Runs::default(), |sum, tally| Runs {
            seen: sum.seen + tally.seen,
            timed: sum.timed + tally.run_time.map_or(0, |it| it.runs),
        });
        if !self.timing.judge(timing::is_switched_on(), runs) {
            programs
                .values_mut()
                .for_each(|tally| tally.run_time = None);
        }
    }
}

fn make_maps(object: &[u8], settings: &Settings) -> Result<Ebpf, Unavailable> {
    let Settings {
        limits,
        latency,
        slow,
    } = settings;
    let slow_nanos = u64::try_from(slow.as_nanos()).unwrap_or(u64::MAX);
    let room_if_measured = |room: u32| if *latency { room } else { 1 };
    let messages = room_if_measured(limits.messages);
    EbpfLoader::new()
        .btf(None)
        .override_global(SLOW_CONSTANT, &slow_nanos, true)
        .override_global(LATENCY_CONSTANT, &u8::from(*latency), true)
        .map_max_entries(PEERS_MAP, limits.peers)
        .map_max_entries(GROUPS_MAP, limits.groups)
        .map_max_entries(FLOWS_MAP, limits.flows)
        .override_global(SLOT_SHIFT_CONSTANT, &slot_shift(messages), true)
        .map_max_entries(SLOTS_MAP, slots_for(messages))
        .map_max_entries(STAMPS_MAP, messages)
        .map_max_entries(WAITS_MAP, room_if_measured(limits.peers))
        .map_max_entries(EXCEPTIONS_MAP, limits.exceptions)
        .load(object)
        .map_err(|error| Unavailable::refused("make the maps of the probes", error))
}

/// The programs that these settings want, in the order in which they are attached.
fn wanted(settings: &Settings) -> impl Iterator<Item = Program> + use<> {
    let latency = settings.latency;
    let all = Program::ALL.into_iter();
    all.filter(move |program| latency || !program.is_for_latency())
}

impl fmt::Debug for Probes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut probes = f.debug_struct("Probes");
        probes
            .field("settings", &self.settings)
            .field("attached_at", &self.attached_at);
        probes.finish_non_exhaustive()
    }
}

pub(super) fn take<M>(programs: &mut Ebpf, name: &'static str) -> Result<M, Unavailable>
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
        .map_err(|error| Unavailable::refused(format!("load the probe {}", program.name()), error))
}

fn attach(programs: &mut Ebpf, program: Program) -> Result<(), Unavailable> {
    let tracepoint = program.tracepoint();
    let attached = raw_tracepoint_mut(programs, program).and_then(|probe| probe.attach(tracepoint));
    match attached {
        Ok(_) => Ok(()),
        Err(error) if is_not_found(&error) => Err(Unavailable::NoTracepoint { tracepoint }),
        Err(error) => Err(Unavailable::refused(
            format!("attach the probe {}", program.name()),
            error,
        )),
    }
}

fn raw_tracepoint_mut(
    programs: &mut Ebpf,
    program: Program,
) -> Result<&mut RawTracePoint, ProgramError> {
    let name = program.name();
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
    programs.program(program.name())?.try_into().ok()
}

pub(super) fn at<V: Pod>(
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
        Program::Receive => ProgramIndex::Receive,
        Program::Unread => ProgramIndex::Unread,
        Program::Error => ProgramIndex::Error,
    }
}

fn fill(entries: u64, limit: u32) -> Fill {
    Fill {
        entries,
        limit: u64::from(limit),
    }
}

fn now() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}
