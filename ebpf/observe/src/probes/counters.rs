// SPDX-License-Identifier: MIT OR Apache-2.0
//! A map of counters by id, whose entries go when what they count has gone.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;

use aya::Pod;
use aya::maps::{MapData, MapError, PerCpuHashMap};

use super::loader::ReadError;
use super::reading::{GroupProbe, PeerProbe};

/// What a reading tells of one id.
pub(super) trait Probe: Copy + Default + AddAssign {
    /// Whether the kernel reported the end of the peer or group.
    fn has_ended(&self) -> bool;
}

impl Probe for PeerProbe {
    fn has_ended(&self) -> bool {
        self.ended
    }
}

impl Probe for GroupProbe {
    fn has_ended(&self) -> bool {
        self.ended
    }
}

/// The map, and what must be remembered between two readings of it.
pub(super) struct Counters<C: Pod, P> {
    map: PerCpuHashMap<MapData, u64, C>,
    name: &'static str,
    sum: fn(&[C]) -> P,
    /// Ids that the last reading showed as ended. They get one reading more, since a message that was
    /// on its way when its receiver ended may still be counted a moment later.
    ending: BTreeSet<u64>,
    /// Sum of the entries that were taken out.
    departed: P,
}

impl<C: Pod, P: Probe> Counters<C, P> {
    pub(super) fn new(
        map: PerCpuHashMap<MapData, u64, C>,
        name: &'static str,
        sum: fn(&[C]) -> P,
    ) -> Self {
        Self {
            map,
            name,
            sum,
            ending: BTreeSet::new(),
            departed: P::default(),
        }
    }

    /// Sum of all entries that were taken out so far.
    pub(super) fn departed(&self) -> P {
        self.departed
    }

    /// Reads all entries, and takes out those that this reading and the one before it show as ended.
    pub(super) fn read(&mut self) -> Result<BTreeMap<u64, P>, ReadError> {
        let mut probes = BTreeMap::new();
        for entry in &self.map {
            let (id, per_cpu) = entry.map_err(|source| self.failed(source))?;
            probes.insert(id, (self.sum)(&per_cpu));
        }
        let (over, ending) = split_ended(&self.ending, &probes);
        for id in over {
            self.remove(id, probes[&id])?;
        }
        self.ending = ending;
        Ok(probes)
    }

    /// Takes one entry out, if it is there.
    pub(super) fn forget(&mut self, id: u64) -> Result<(), ReadError> {
        match self.map.get(&id, 0) {
            Ok(per_cpu) => self.remove(id, (self.sum)(&per_cpu)),
            Err(MapError::KeyNotFound) => Ok(()),
            Err(source) => Err(self.failed(source)),
        }
    }

    fn remove(&mut self, id: u64, last: P) -> Result<(), ReadError> {
        self.map.remove(&id).map_err(|source| self.failed(source))?;
        self.departed += last;
        self.ending.remove(&id);
        Ok(())
    }

    fn failed(&self, source: MapError) -> ReadError {
        ReadError {
            map: self.name,
            source,
        }
    }
}

/// Parts the ended ids into those that the last reading showed as ended and those that it did not.
fn split_ended<P: Probe>(
    shown: &BTreeSet<u64>,
    probes: &BTreeMap<u64, P>,
) -> (BTreeSet<u64>, BTreeSet<u64>) {
    let ended = probes
        .iter()
        .filter(|(_, probe)| probe.has_ended())
        .map(|(&id, _)| id);
    ended.partition(|id| shown.contains(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ended_peer_is_taken_out_in_its_second_reading() {
        let ended = PeerProbe {
            ended: true,
            ..PeerProbe::default()
        };
        let probes = BTreeMap::from([(1, ended), (2, PeerProbe::default()), (3, ended)]);

        let (over, ending) = split_ended(&BTreeSet::new(), &probes);
        assert_eq!((over, &ending), (BTreeSet::new(), &BTreeSet::from([1, 3])));

        let later = BTreeMap::from([(1, ended), (2, ended), (3, ended)]);
        let (over, ending) = split_ended(&ending, &later);
        assert_eq!(
            (over, ending),
            (BTreeSet::from([1, 3]), BTreeSet::from([2]))
        );
    }
}
