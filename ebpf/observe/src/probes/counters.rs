// SPDX-License-Identifier: MIT OR Apache-2.0
//! A map of counters by id, whose entries go when what they count has gone.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::time::Duration;

use aya::Pod;
use aya::maps::{MapData, MapError, PerCpuHashMap};

use super::read_error::ReadError;
use super::reading::{GroupProbe, PeerProbe};

/// How long an entry stays after a reading first showed it as ended. A message that was on its way when
/// its receiver ended is counted once its sender runs again; were the entry gone by then, it would be made
/// anew, and nothing would ever end it.
const GRACE: Duration = Duration::from_secs(2);

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
    /// Ids that the last reading showed as ended, and when one first did.
    ending: BTreeMap<u64, Duration>,
    /// Sum of the entries that were taken out.
    departed: P,
    /// Ids whose entries the last reading took out.
    removed: Vec<u64>,
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
            ending: BTreeMap::new(),
            departed: P::default(),
            removed: Vec::new(),
        }
    }

    /// Sum of all entries that were taken out so far.
    pub(super) fn departed(&self) -> P {
        self.departed
    }

    /// Ids whose entries the last reading took out, in ascending order.
    pub(super) fn removed(&self) -> &[u64] {
        &self.removed
    }

    /// Reads all entries, and takes out those that have been ending for [`GRACE`]. `now` is the time of
    /// this reading.
    pub(super) fn read(&mut self, now: Duration) -> Result<BTreeMap<u64, P>, ReadError> {
        let mut probes = BTreeMap::new();
        for entry in &self.map {
            let (id, per_cpu) = entry.map_err(|source| self.failed(source))?;
            probes.insert(id, (self.sum)(&per_cpu));
        }
        let (over, ending) = split_ended(&self.ending, &probes, now);
        for &id in over.keys() {
            self.remove(id, probes[&id])?;
        }
        self.removed = over.into_keys().collect();
        self.ending = ending;
        Ok(probes)
    }

    fn remove(&mut self, id: u64, last: P) -> Result<(), ReadError> {
        self.map.remove(&id).map_err(|source| self.failed(source))?;
        self.departed += last;
        Ok(())
    }

    fn failed(&self, source: MapError) -> ReadError {
        ReadError {
            map: self.name,
            source,
        }
    }
}

/// Parts the ended ids, with the time when each was first shown, into those whose [`GRACE`] is over and
/// the others.
fn split_ended<P: Probe>(
    shown: &BTreeMap<u64, Duration>,
    probes: &BTreeMap<u64, P>,
    now: Duration,
) -> (BTreeMap<u64, Duration>, BTreeMap<u64, Duration>) {
    let ended = probes
        .iter()
        .filter(|(_, probe)| probe.has_ended())
        .map(|(&id, _)| (id, shown.get(&id).copied().unwrap_or(now)));
    ended.partition(|&(_, since)| now.saturating_sub(since) >= GRACE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ended_peer_is_taken_out_after_its_grace() {
        let ended = PeerProbe {
            ended: true,
            ..PeerProbe::default()
        };
        let at = |millis: u64| Duration::from_millis(10_000 + millis);
        let probes = BTreeMap::from([(1, ended), (2, PeerProbe::default()), (3, ended)]);
        let (over, ending) = split_ended(&BTreeMap::new(), &probes, at(0));
        assert!(over.is_empty());
        assert_eq!(ending, BTreeMap::from([(1, at(0)), (3, at(0))]));

        // However many readings come in a row, a late event still finds the entry.
        let later = BTreeMap::from([(1, ended), (2, ended), (3, ended)]);
        let (over, ending) = split_ended(&ending, &later, at(1_999));
        assert!(over.is_empty());
        let (over, ending) = split_ended(&ending, &later, at(2_000));
        assert!(over.into_keys().eq([1, 3]));
        assert_eq!(ending, BTreeMap::from([(2, at(1_999))]));
    }
}
