// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which sources will deliver. Pure.

use serde::Serialize;

use super::obstacle::{Obstacle, before_loading, why_not_granted};
use super::remedy::{self, Remedy, Step, is_of_module};
use super::standing::Standing;
use crate::Options;
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
    /// The sources that were asked for, of the dumps, the kevents, the probes and the channels.
    pub sources: Vec<SourcePrediction>,
    /// All probes, of which all are attached or none, if they were asked for.
    pub probes: Vec<ProbePrediction>,
    /// What has to be done until all sources deliver all: every step.
    pub steps: Vec<Step>,
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
    /// What would change that: the ways of all steps that this source needs.
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
    /// Says it for one who stands so and asks for this.
    #[must_use]
    pub fn of(standing: &Standing, options: Options) -> Self {
        let (probe_source, mut probes) = probes(standing);
        let mut sources = vec![
            of_bus(standing, Source::Dumps),
            of_bus(standing, Source::Kevents),
            probe_source,
            channels(standing),
        ];
        sources.retain(|source| options.include(source.source));
        if !options.probes {
            probes.clear();
        }
        let steps = remedy::steps(standing, &sources);
        for source in &mut sources {
            let own = steps
                .iter()
                .filter(|step| step.sources.contains(&source.source));
            source.remedies = own.flat_map(|step| step.ways.clone()).collect();
        }
        Self {
            sources,
            probes,
            steps,
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
    SourcePrediction {
        source,
        available: yes_without(&reason),
        remedies: Vec::new(),
        lost: if reason.is_some() {
            source.tells()
        } else {
            &[]
        }
        .to_vec(),
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
        _ => Source::Probes.tells(),
    };
    let each = each.collect();
    let source = SourcePrediction {
        source: Source::Probes,
        available,
        remedies: Vec::new(),
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

fn channels(standing: &Standing) -> SourcePrediction {
    let missing = standing.permitted.lacking_for_channels();
    let mut reasons = Vec::new();
    let (available, lost): (_, &[_]) = if let Some(reason) = &standing.no_proc {
        reasons.push(Obstacle::NoProc(reason.clone()));
        (Available::No, Source::Channels.tells())
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
        remedies: Vec::new(),
        reasons,
        lost: lost.to_vec(),
    }
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
    use super::super::capabilities::Capabilities;
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
        let sources = Prediction::of(standing, Options::default()).sources;
        [0, 1, 2, 3].map(|index| sources[index].available)
    }

    fn reasons(standing: &Standing) -> Vec<Obstacle> {
        let prediction = Prediction::of(standing, Options::default());
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
        let prediction = Prediction::of(&root(), Options::default());
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
        let prediction = Prediction::of(&nobody, Options::default());
        let probes = prediction.source(Source::Probes).unwrap();
        assert!(!probes.lost.is_empty() && !probes.remedies.is_empty());
    }

    #[test]
    fn whichever_line_is_pasted_last_gives_all_that_was_asked_for() {
        let nobody = Standing {
            permitted: Capabilities::NONE,
            binary: Some(Binary {
                path: "/opt/ipcon-top".into(),
                ..Binary::default()
            }),
            ..root()
        };
        let setcaps = |standing: &Standing, options| {
            let prediction = Prediction::of(standing, options);
            let remedies = prediction.sources.into_iter().flat_map(|it| it.remedies);
            remedies
                .filter_map(|remedy| match remedy {
                    Remedy::Command(text) => text.strip_prefix("sudo setcap ").map(str::to_owned),
                    _ => None,
                })
                .collect::<Vec<_>>()
        };
        let all = "cap_bpf,cap_dac_read_search,cap_perfmon,cap_sys_ptrace+ep /opt/ipcon-top";
        assert_eq!(setcaps(&nobody, Options::default()), [all, all]);
        let prediction = Prediction::of(&nobody, Options::default());
        let sources: Vec<_> = prediction.steps.iter().map(|it| &it.sources[..]).collect();
        assert_eq!(sources, [[Source::Probes, Source::Channels]]);
        // What it has otherwise than by its file, it would not have any more.
        let by_its_unit = Standing {
            permitted: Capabilities::PROBES,
            ..nobody.clone()
        };
        assert_eq!(setcaps(&by_its_unit, Options::default()), [all]);
        let probes_alone = Options {
            channels: false,
            ..Options::default()
        };
        assert_eq!(
            setcaps(&nobody, probes_alone),
            ["cap_bpf,cap_perfmon+ep /opt/ipcon-top"]
        );
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
        without.module_installed = Some(true);
        assert_eq!(available(&without), [No, No, No, Yes]);
        let modprobe = Remedy::Command("sudo modprobe ipcon".to_owned());
        for source in &Prediction::of(&without, Options::default()).sources[..3] {
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
    fn a_command_is_told_only_where_it_works() {
        let mut without = root();
        without.no_bus = Some("the module is not loaded".to_owned());
        for (installed, told) in [(Some(false), "DKMS"), (None, "outside of it")] {
            without.module_installed = installed;
            let steps = Prediction::of(&without, Options::default()).steps;
            let [Step { ways, .. }] = &steps[..] else {
                panic!("{steps:?}");
            };
            assert!(matches!(&ways[..], [Remedy::Advice(text)] if text.contains(told)));
        }
        // Loading the module that is there does not bring what it does not have.
        let mut old = root();
        let found = old.tracepoints.as_mut().unwrap();
        found.insert("ipcon_group", false);
        let steps = Prediction::of(&old, Options::default()).steps;
        assert!(
            matches!(&steps[..], [Step { ways, .. }]
                if matches!(&ways[..], [Remedy::Advice(text)] if text.contains("of this version"))),
            "{steps:?}"
        );
    }

    #[test]
    fn one_tracepoint_that_is_missing_is_named() {
        let mut old = root();
        let found = old.tracepoints.as_mut().unwrap();
        found.insert("ipcon_group", false);
        let prediction = Prediction::of(&old, Options::default());
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
