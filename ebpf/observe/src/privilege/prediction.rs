// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which sources will deliver. Pure.

use serde::Serialize;

use super::capabilities::Capabilities;
use super::obstacle::{Obstacle, before_loading, why_not_granted};
use super::remedy::{self, Remedy};
use super::standing::Standing;
use crate::model::Source;
use crate::probes::Program;

/// How much a source delivers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Available {
    /// Nothing.
    #[default]
    No,
    /// Not all that there is.
    Partly,
    /// All that there is.
    Yes,
}

/// What the sources and the probes will do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Prediction {
    /// All sources: the dumps, the kevents, the probes and the channels.
    pub sources: Vec<SourcePrediction>,
    /// All probes, of which all are attached or none.
    pub probes: Vec<ProbePrediction>,
}

/// What a source will do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SourcePrediction {
    /// Which.
    pub source: Source,
    /// How much it delivers.
    pub available: Available,
    /// What keeps it from delivering all.
    #[serde(serialize_with = "as_texts")]
    pub reasons: Vec<Obstacle>,
    /// What would change that.
    pub remedies: Vec<Remedy>,
    /// What is not known until then.
    pub lost: Vec<&'static str>,
}

/// What a probe will do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProbePrediction {
    /// Its tracepoint, and its name.
    pub probe: &'static str,
    /// Whether it will be attached.
    pub available: Available,
    /// What keeps it from being attached.
    #[serde(serialize_with = "as_texts")]
    pub reasons: Vec<Obstacle>,
}

impl Prediction {
    /// Says it for one who stands so.
    #[must_use]
    pub fn of(standing: &Standing) -> Self {
        let (probe_source, probes) = probes(standing);
        Self {
            sources: vec![
                of_bus(standing, Source::Dumps),
                of_bus(standing, Source::Kevents),
                probe_source,
                channels(standing),
            ],
            probes,
        }
    }

    /// What a source will do.
    #[must_use]
    pub fn source(&self, source: Source) -> Option<&SourcePrediction> {
        self.sources.iter().find(|one| one.source == source)
    }
}

/// What comes from the module itself needs no privilege.
fn of_bus(standing: &Standing, source: Source) -> SourcePrediction {
    let reason = standing.no_bus.clone().map(Obstacle::NoBus);
    let lost: &[_] = match source {
        Source::Kevents => &["events: who came and went"],
        _ => &["peers, services, groups and their counts"],
    };
    SourcePrediction {
        source,
        available: yes_without(&reason),
        remedies: reason.iter().map(|_| modprobe()).collect(),
        lost: if reason.is_some() { lost } else { &[] }.to_vec(),
        reasons: reason.into_iter().collect(),
    }
}

fn probes(standing: &Standing) -> (SourcePrediction, Vec<ProbePrediction>) {
    let mut common = Vec::new();
    if !standing.probes_built {
        common.push(Obstacle::NotBuilt);
    }
    common.extend(before_loading(standing));
    let own: Vec<Vec<_>> = Program::ALL
        .iter()
        .map(|&program| of_probe(standing, program))
        .collect();
    let mut reasons = common.clone();
    // Missing tracepoints are missing for one reason; the probes below name each.
    for obstacle in own.iter().flatten() {
        let is_known =
            |known: &Obstacle| std::mem::discriminant(known) == std::mem::discriminant(obstacle);
        if !reasons.iter().any(is_known) {
            reasons.push(obstacle.clone());
        }
    }
    let available = yes_without(&reasons.first());
    let each = Program::ALL
        .iter()
        .zip(own)
        .map(|(program, own)| ProbePrediction {
            probe: program.tracepoint(),
            available,
            reasons: common.iter().cloned().chain(own).collect(),
        });
    let lost: &[_] = match available {
        Available::Yes => &[],
        _ => &[
            "sizes of messages",
            "flows from peer to peer",
            "time that messages wait in queues",
            "exceptions: what was refused or dropped, one by one",
            "a second count, to hold against that of the module",
        ],
    };
    let each = each.collect();
    let source = SourcePrediction {
        source: Source::Probes,
        available,
        remedies: remedies(standing, &reasons),
        reasons,
        lost: lost.to_vec(),
    };
    (source, each)
}

/// What one probe needs beside the right to load programs.
fn of_probe(standing: &Standing, program: Program) -> Vec<Obstacle> {
    let tracepoint = program.tracepoint();
    let mut obstacles = Vec::new();
    let there = match &standing.tracepoints {
        Some(known) => known.get(tracepoint).copied().unwrap_or(false),
        // Without a list of functions the module is known by its answers.
        None => standing.no_bus.is_none() || !is_of_module(tracepoint),
    };
    if !there {
        obstacles.push(Obstacle::NoTracepoint { tracepoint });
    }
    obstacles
}

fn is_of_module(tracepoint: &str) -> bool {
    tracepoint.starts_with("ipcon_")
}

fn channels(standing: &Standing) -> SourcePrediction {
    let missing = standing.permitted.lacking_for_channels();
    let mut reasons = Vec::new();
    let (available, lost): (_, &[_]) = if let Some(reason) = &standing.no_proc {
        reasons.push(Obstacle::NoProc(reason.clone()));
        (Available::No, &["connections of coroipc"])
    } else if standing.initial_user_namespace == Some(false) {
        reasons.push(Obstacle::OtherNamespaces);
        (Available::Partly, &["connections to servers of others"])
    } else if !missing.is_empty() {
        reasons.push(Obstacle::OthersClosed(missing));
        reasons.extend(why_not_granted(standing, missing));
        (Available::Partly, &["connections to servers of others"])
    } else {
        (Available::Yes, &[])
    };
    SourcePrediction {
        source: Source::Channels,
        available,
        remedies: remedies(standing, &reasons),
        reasons,
        lost: lost.to_vec(),
    }
}

fn remedies(standing: &Standing, reasons: &[Obstacle]) -> Vec<Remedy> {
    let mut remedies = Vec::new();
    for reason in reasons {
        match reason {
            Obstacle::NotBuilt => {
                remedies.push(Remedy::Command("cargo xtask build".to_owned()));
            }
            Obstacle::CallRefused | Obstacle::CallFatal => remedies.extend([
                Remedy::Unit("SystemCallFilter=bpf".to_owned()),
                Remedy::Advice("of a container: a seccomp profile that lets bpf(2) through".into()),
            ]),
            Obstacle::UserNamespace | Obstacle::OtherNamespaces => remedies.push(Remedy::Advice(
                "start it outside of the container, or in one without a user namespace".into(),
            )),
            Obstacle::Lacking(missing) => {
                let wanted = Capabilities::PROBES;
                remedies.extend(remedy::for_capabilities(standing, wanted, *missing));
            }
            Obstacle::OthersClosed(missing) => {
                let wanted = Capabilities::CHANNELS;
                remedies.extend(remedy::for_capabilities(standing, wanted, *missing));
            }
            Obstacle::NoTracepoint { .. } | Obstacle::NoBus(_) => remedies.push(modprobe()),
            Obstacle::NoProc(_) => {
                remedies.push(Remedy::Command("sudo mount -t proc proc /proc".into()));
            }
            Obstacle::GivenUp(_) => remedies.push(Remedy::Advice("start it again".into())),
            // These explain another one.
            Obstacle::NosuidMount(_) | Obstacle::NoNewPrivs(_) | Obstacle::Bounded(_) => {}
        }
    }
    remedies
}

fn modprobe() -> Remedy {
    Remedy::Command("sudo modprobe ipcon".to_owned())
}

fn yes_without<T>(reason: &Option<T>) -> Available {
    match reason {
        None => Available::Yes,
        Some(_) => Available::No,
    }
}

fn as_texts<S: serde::Serializer>(reasons: &[Obstacle], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(reasons.iter().map(ToString::to_string))
}

#[cfg(test)]
mod tests {
    use super::super::bpf_call::BpfCall;
    use super::super::standing::{Binary, Lockdown};
    use super::*;

    /// Root on a machine with the module, without restrictions.
    fn root() -> Standing {
        let all = Capabilities(rustix::thread::CapabilitySet::all());
        let tracepoints = Program::ALL.map(|program| (program.tracepoint(), true));
        Standing {
            effective: all,
            permitted: all,
            bounding: all,
            initial_user_namespace: Some(true),
            probes_built: true,
            tracepoints: Some(tracepoints.into()),
            ..Standing::default()
        }
    }

    fn available(standing: &Standing) -> [Available; 4] {
        let sources = Prediction::of(standing).sources;
        [0, 1, 2, 3].map(|index| sources[index].available)
    }

    fn reasons(standing: &Standing) -> Vec<Obstacle> {
        let prediction = Prediction::of(standing);
        let probes = prediction.source(Source::Probes).unwrap();
        let is_none = probes.available == Available::No;
        assert!(prediction.probes.iter().all(|probe| {
            probe.available == probes.available && probe.reasons.is_empty() != is_none
        }));
        probes.reasons.clone()
    }

    use Available::{No, Partly, Yes};

    #[test]
    fn root_sees_all_and_loses_nothing() {
        let prediction = Prediction::of(&root());
        assert_eq!(available(&root()), [Yes; 4]);
        for source in prediction.sources {
            assert!(source.reasons.is_empty() && source.remedies.is_empty());
            assert!(source.lost.is_empty());
        }
    }

    #[test]
    fn without_capabilities_the_module_is_read_all_the_same() {
        let nobody = Standing {
            permitted: Capabilities::NONE,
            ..root()
        };
        assert_eq!(available(&nobody), [Yes, Yes, No, Partly]);
        assert_eq!(reasons(&nobody), [Obstacle::Lacking(Capabilities::PROBES)]);
        let prediction = Prediction::of(&nobody);
        let probes = prediction.source(Source::Probes).unwrap();
        assert!(!probes.lost.is_empty() && !probes.remedies.is_empty());
    }

    #[test]
    fn capabilities_that_were_given_in_vain_are_explained() {
        let mut nobody = Standing {
            permitted: Capabilities::NONE,
            binary: Some(Binary {
                capabilities: Capabilities::PROBES,
                nosuid: true,
                ..Binary::default()
            }),
            ..root()
        };
        let in_vain = |standing: &Standing| reasons(standing).pop().unwrap();
        let given = Capabilities::PROBES;
        assert_eq!(in_vain(&nobody), Obstacle::NosuidMount(given));
        nobody.binary.as_mut().unwrap().nosuid = false;
        nobody.no_new_privs = true;
        assert_eq!(in_vain(&nobody), Obstacle::NoNewPrivs(given));
        nobody.bounding = Capabilities::CHANNELS;
        assert_eq!(in_vain(&nobody), Obstacle::Bounded(given));
    }

    #[test]
    fn a_container_is_told_apart_from_a_user() {
        let mut container = Standing {
            initial_user_namespace: Some(false),
            ..root()
        };
        assert_eq!(available(&container), [Yes, Yes, No, Partly]);
        assert_eq!(reasons(&container), [Obstacle::UserNamespace]);
        container.initial_user_namespace = Some(true);
        container.bpf_call = BpfCall::Refused;
        assert_eq!(reasons(&container), [Obstacle::CallRefused]);
        container.bpf_call = BpfCall::Fatal;
        assert_eq!(reasons(&container), [Obstacle::CallFatal]);
    }

    #[test]
    fn without_the_module_only_channels_are_left() {
        let mut without = root();
        without.no_bus = Some("the module is not loaded".to_owned());
        let found = without.tracepoints.as_mut().unwrap();
        found.values_mut().for_each(|there| *there = false);
        assert_eq!(available(&without), [No, No, No, Yes]);
        let modprobe = Remedy::Command("sudo modprobe ipcon".to_owned());
        for source in &Prediction::of(&without).sources[..3] {
            assert_eq!(
                source.remedies,
                std::slice::from_ref(&modprobe),
                "{source:?}"
            );
        }
        // Also where the kernel does not tell of its functions.
        without.tracepoints = None;
        assert_eq!(available(&without), [No, No, No, Yes]);
    }

    #[test]
    fn one_tracepoint_that_is_missing_is_named() {
        let mut old = root();
        let found = old.tracepoints.as_mut().unwrap();
        found.insert("ipcon_group", false);
        let prediction = Prediction::of(&old);
        assert_eq!(available(&old), [Yes, Yes, No, Yes]);
        let missing = Obstacle::NoTracepoint {
            tracepoint: "ipcon_group",
        };
        for probe in prediction.probes {
            let is_it = probe.probe == "ipcon_group";
            assert_eq!(probe.reasons.contains(&missing), is_it, "{probe:?}");
            assert_eq!(probe.available, No, "all are attached or none");
        }
    }

    #[test]
    fn confidentiality_is_no_obstacle_to_programs_that_look_at_arguments_alone() {
        let locked = Standing {
            lockdown: Lockdown::Confidentiality,
            ..root()
        };
        assert_eq!(available(&locked)[2], Yes);
    }

    #[test]
    fn every_obstacle_is_one_line() {
        let obstacles = [
            Obstacle::NotBuilt,
            Obstacle::Lacking(Capabilities::PROBES),
            Obstacle::GivenUp(Capabilities::PROBES),
            Obstacle::OthersClosed(Capabilities::CHANNELS),
            Obstacle::Bounded(Capabilities::PROBES),
        ];
        for text in obstacles.map(|obstacle| obstacle.to_string()) {
            assert!(!text.contains('\n') && !text.contains("  "), "{text}");
        }
    }
}
