// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads the maps of messages that wait, and of how long others did.

use std::collections::BTreeMap;

use aya::Ebpf;
use aya::maps::{HashMap, Map, MapData, MapError, PerCpuArray};
use ipcon_probes_abi::{
    KIND_WAITS_MAP, Kind, PeerWaits, SLOTS_MAP, STAMP_COUNTS_MAP, STAMPS_MAP, Stamp, StampCounts,
    WAITS_MAP, Waits,
};

use super::read_error::{ReadError, failed};
use super::slots::Slots;
use super::sum;
use super::unavailable::Unavailable;
use super::waiting::{PeerWaiting, Stamps, Waiting};

/// Keys that are looked at beyond those that are expected. While messages flow the kernel begins anew whenever the key
/// that was read last has gone, so that the end may never be reached.
const KEYS_BEYOND: u64 = 1024;

/// The maps, and what was taken out of them.
pub(super) struct WaitingMaps {
    slots: Slots,
    /// Of messages whose slot was taken.
    stamps: HashMap<MapData, u64, Stamp>,
    counts: PerCpuArray<MapData, StampCounts>,
    waits: HashMap<MapData, u64, PeerWaits>,
    kinds: PerCpuArray<MapData, Waits>,
    departed: PeerWaiting,
    swept: u64,
}

impl WaitingMaps {
    /// `slots` is how many there are.
    pub(super) fn open(programs: &mut Ebpf, slots: u32) -> Result<Self, Unavailable> {
        let map = programs.map(SLOTS_MAP);
        let slots = match map {
            Some(Map::Array(map)) => Slots::open(map.fd(), slots).map_err(MapError::IoError),
            _ => Err(MapError::ElementNotFound),
        };
        let slots = slots.map_err(|error| Unavailable::refused("map the slots of messages", error));
        Ok(Self {
            slots: slots?,
            stamps: super::loader::take(programs, STAMPS_MAP)?,
            counts: super::loader::take(programs, STAMP_COUNTS_MAP)?,
            waits: super::loader::take(programs, WAITS_MAP)?,
            kinds: super::loader::take(programs, KIND_WAITS_MAP)?,
            departed: PeerWaiting::default(),
            swept: 0,
        })
    }

    /// Reads all of them. So many stamped messages were read and left unread. What `departed` peers had, in ascending order
    /// of id, is taken out; it is part of the departed sum from the next reading on.
    pub(super) fn read(
        &mut self,
        read: u64,
        unread: u64,
        departed: &[u64],
    ) -> Result<Waiting, ReadError> {
        let before = self.departed;
        let mut peers = BTreeMap::new();
        for entry in self.waits.iter() {
            let (id, waits) = entry.map_err(failed(WAITS_MAP))?;
            peers.insert(id, sum::peer_waits(&waits));
        }
        self.sweep(departed, &peers)?;
        let kind = |kind| {
            let per_cpu = super::loader::at(&self.kinds, KIND_WAITS_MAP, kind as u32)?;
            Ok(sum::waits(&per_cpu))
        };
        let counts = super::loader::at(&self.counts, STAMP_COUNTS_MAP, 0)?;
        let mut stamps = Stamps {
            read,
            unread,
            swept: self.swept,
            ..sum::stamps(&counts)
        };
        let expected = stamps.outstanding().saturating_add(KEYS_BEYOND);
        stamps.waiting = self.slots.count() + self.count_stamps(expected)?;
        Ok(Waiting {
            peers,
            departed: before,
            unicast: kind(Kind::Unicast)?,
            multicast: kind(Kind::Multicast)?,
            stamps,
        })
    }

    fn count_stamps(&self, at_most: u64) -> Result<u64, ReadError> {
        let mut count = 0;
        for key in self.stamps.keys() {
            key.map_err(failed(STAMPS_MAP))?;
            count += 1;
            if count >= at_most {
                break;
            }
        }
        Ok(count)
    }

    fn sweep(
        &mut self,
        departed: &[u64],
        peers: &BTreeMap<u64, PeerWaiting>,
    ) -> Result<(), ReadError> {
        if departed.is_empty() {
            return Ok(());
        }
        for id in departed {
            if let Some(&last) = peers.get(id) {
                gone(self.waits.remove(id)).map_err(failed(WAITS_MAP))?;
                self.departed += last;
            }
        }
        self.swept += self.slots.sweep(departed);
        let mut stale = Vec::new();
        for entry in self.stamps.iter() {
            let (message, stamp) = entry.map_err(failed(STAMPS_MAP))?;
            if departed.binary_search(&stamp.peer).is_ok() {
                stale.push(message);
            }
        }
        for message in stale {
            let removed = gone(self.stamps.remove(&message)).map_err(failed(STAMPS_MAP))?;
            self.swept += u64::from(removed);
        }
        Ok(())
    }
}

/// Whether an entry was there to be taken out.
fn gone(removed: Result<(), MapError>) -> Result<bool, MapError> {
    match removed {
        Ok(()) => Ok(true),
        Err(MapError::KeyNotFound) => Ok(false),
        Err(MapError::SyscallError(error))
            if error.io_error.kind() == std::io::ErrorKind::NotFound =>
        {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}
