// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which processes to look at, so that looking costs little however many there are. Pure.
//!
//! Those that serve connections, or did, and those that are new are looked at each time. A process may begin to serve
//! later. To look at its descriptors takes thirty times as long as to ask how many it has, so of the others many are
//! asked and those that answer something new are looked at, and a few are looked at whatever they answer, as the number
//! may be the same by chance: the more rarely, the more descriptors they have. In both the longest not looked at come
//! first.

use std::collections::BTreeMap;

/// What is known of the processes there are.
#[derive(Debug, Default)]
pub(super) struct Rota {
    /// Number of the round.
    round: u64,
    processes: BTreeMap<u32, Known>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    /// Round in which it was last looked at.
    looked_at: u64,
    /// Round in which it was last asked, or looked at.
    asked_at: u64,
    seen: Seen,
    /// Whether it ever served.
    served: bool,
    /// Descriptors it had; `None` if the kernel does not tell.
    descriptors: Option<u64>,
}

impl Known {
    /// Whether it may be looked at in this round whatever it answers.
    fn is_due(&self, round: u64) -> bool {
        round - self.looked_at > self.descriptors.unwrap_or(0) / Rota::DESCRIPTORS
    }
}

/// What was seen of a process when it was last looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// It serves connections.
    Serving,
    /// It serves none.
    Idle,
    /// Its descriptors may not be looked at.
    Closed,
    /// It is one of the kernel's own, which have none.
    Kernel,
}

/// Whom to look at in one round.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Round {
    /// Those that serve connections, those that are new, and those whose turn it is.
    pub(super) look: Vec<u32>,
    /// Those to be asked how many descriptors they have.
    pub(super) ask: Vec<u32>,
}

impl Rota {
    /// So many of the others are looked at in each round.
    const LOOKS: usize = 64;
    /// So many descriptors of one of them are looked at in a round, on average over many rounds.
    const DESCRIPTORS: u64 = 256;
    /// So many are asked.
    const QUESTIONS: usize = 1024;
    /// So many of those asked are looked at.
    pub(super) const CHANGED: usize = 256;

    /// Begins a round: `pids` are all processes there are.
    pub(super) fn begin(&mut self, pids: &[u32]) -> Round {
        self.round += 1;
        let before = std::mem::take(&mut self.processes);
        let mut round = Round::default();
        let mut new = Vec::new();
        let mut others = Vec::new();
        for &pid in pids {
            match before.get(&pid) {
                None => new.push(pid),
                Some(known) => {
                    if known.served {
                        round.look.push(pid);
                    } else {
                        others.push((pid, *known));
                    }
                    self.processes.insert(pid, *known);
                }
            }
        }
        round.look.extend(new);
        let is_due = |&(_, known): &(u32, Known)| known.is_due(self.round);
        let (mut due, mut asked): (Vec<_>, Vec<_>) = others.into_iter().partition(is_due);
        due.sort_unstable_by_key(|&(pid, known)| (known.looked_at, pid));
        asked.extend(due.split_off(due.len().min(Self::LOOKS)));
        round.look.extend(due.into_iter().map(|(pid, _)| pid));
        asked.sort_unstable_by_key(|&(pid, known)| (known.asked_at, pid));
        round
            .ask
            .extend(asked.into_iter().take(Self::QUESTIONS).map(|(pid, _)| pid));
        round
    }

    /// Whether a process that was asked has to be looked at.
    pub(super) fn is_changed(&mut self, pid: u32, descriptors: Option<u64>) -> bool {
        let Some(known) = self.processes.get_mut(&pid) else {
            return false;
        };
        known.asked_at = self.round;
        descriptors.is_none() || known.descriptors != descriptors
    }

    /// Notes what was seen of a process in this round.
    pub(super) fn note(&mut self, pid: u32, seen: Seen, descriptors: Option<u64>) {
        let served = self.processes.get(&pid).is_some_and(|known| known.served);
        let known = Known {
            looked_at: self.round,
            asked_at: self.round,
            seen,
            served: served || seen == Seen::Serving,
            descriptors,
        };
        self.processes.insert(pid, known);
    }

    /// Notes that a process is gone.
    pub(super) fn forget(&mut self, pid: u32) {
        self.processes.remove(&pid);
    }

    /// How many processes there are in this state.
    pub(super) fn count(&self, seen: Seen) -> u64 {
        self.processes.values().filter(|it| it.seen == seen).count() as u64
    }

    /// How many processes were looked at and are still there.
    pub(super) fn total(&self) -> u64 {
        self.processes.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn look(rota: &mut Rota, pids: &[u32], serving: &[u32]) -> Round {
        let round = rota.begin(pids);
        for &pid in &round.look {
            let seen = if serving.contains(&pid) {
                Seen::Serving
            } else {
                Seen::Idle
            };
            rota.note(pid, seen, Some(3));
        }
        for &pid in &round.ask {
            assert!(!rota.is_changed(pid, Some(3)));
        }
        round
    }

    #[test]
    fn servers_and_new_ones_are_looked_at_each_time() {
        let mut rota = Rota::default();
        let mut pids: Vec<u32> = (1..=10_000).collect();
        assert_eq!(look(&mut rota, &pids, &[7]).look, pids, "all are new");
        pids.push(10_001);
        let round = look(&mut rota, &pids, &[7]);
        assert!(round.look.starts_with(&[7, 10_001]));
        assert_eq!(round.look.len(), 2 + Rota::LOOKS);
        assert_eq!(round.ask.len(), Rota::QUESTIONS);
        look(&mut rota, &pids, &[]);
        assert!(
            look(&mut rota, &pids, &[]).look.contains(&7),
            "it served once"
        );
    }

    #[test]
    fn each_gets_its_turn() {
        for count in [10, 300, 10_000u32] {
            let mut rota = Rota::default();
            let pids: Vec<u32> = (1..=count).collect();
            look(&mut rota, &pids, &[]);
            let (mut looked, mut asked) = (BTreeSet::new(), BTreeSet::new());
            for round in 1.. {
                let now = look(&mut rota, &pids, &[]);
                looked.extend(now.look.iter().copied());
                asked.extend(now.look.into_iter().chain(now.ask));
                if asked.len() < pids.len() {
                    assert!(round <= 10, "asked within ten rounds");
                }
                if looked.len() == pids.len() {
                    break;
                }
                assert!(
                    round <= 157,
                    "looked at within {} rounds",
                    10_000 / Rota::LOOKS
                );
            }
        }
    }

    #[test]
    fn one_with_many_descriptors_gets_its_turn_more_rarely() {
        let mut rota = Rota::default();
        let mut looked_at = Vec::new();
        for round in 1..=250 {
            let now = rota.begin(&[1, 2]);
            assert!(now.look.contains(&1), "round {round}");
            assert_ne!(now.look.contains(&2), now.ask.contains(&2));
            rota.note(1, Seen::Idle, Some(255));
            if now.look.contains(&2) {
                looked_at.push(round);
                rota.note(2, Seen::Idle, Some(100 * Rota::DESCRIPTORS));
            } else {
                assert!(!rota.is_changed(2, Some(100 * Rota::DESCRIPTORS)));
            }
        }
        assert_eq!(looked_at, [1, 102, 203]);
    }

    #[test]
    fn another_number_of_descriptors_is_a_reason_to_look() {
        let mut rota = Rota::default();
        rota.begin(&[1]);
        rota.note(1, Seen::Idle, Some(4));
        assert!(!rota.is_changed(1, Some(4)));
        assert!(rota.is_changed(1, Some(9)));
        assert!(rota.is_changed(1, None), "not known");
        assert!(!rota.is_changed(2, None), "gone");
    }

    #[test]
    fn who_is_gone_is_forgotten() {
        let mut rota = Rota::default();
        look(&mut rota, &[1, 2, 3], &[2]);
        assert_eq!((rota.total(), rota.count(Seen::Serving)), (3, 1));
        assert_eq!(look(&mut rota, &[1, 3], &[]).look, [1, 3]);
        assert_eq!((rota.total(), rota.count(Seen::Serving)), (2, 0));
        rota.forget(3);
        assert_eq!(rota.total(), 1);
    }
}
