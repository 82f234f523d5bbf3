// SPDX-License-Identifier: MIT OR Apache-2.0
//! The examination as text: one paragraph for each source, and one for each thing that can be changed.

use std::fmt::{self, Write};

use ipcon_observe::model::Source;
use ipcon_observe::privilege::{
    Available, BpfCall, Capabilities, Lockdown, Remedy, SourcePrediction, Standing, Step,
};

use super::Report;

pub(super) fn print(report: &Report) -> String {
    let mut text = String::new();
    write(report, &mut text).expect("a String takes everything");
    text
}

fn write(report: &Report, out: &mut impl Write) -> fmt::Result {
    standing(&report.standing, out)?;
    for predicted in &report.prediction.sources {
        writeln!(out)?;
        source(report, predicted, out)?;
    }
    for one in &report.prediction.steps {
        writeln!(out)?;
        step(one, out)?;
    }
    Ok(())
}

fn standing(standing: &Standing, out: &mut impl Write) -> fmt::Result {
    if let Some(binary) = &standing.binary {
        writeln!(out, "program        {}", binary.printable_path())?;
        if !binary.capabilities.is_empty() {
            writeln!(out, "  its file     gives {}", binary.capabilities)?;
        }
    }
    writeln!(out, "user           {}", standing.uid)?;
    writeln!(out, "capabilities   {}", some(standing.permitted))?;
    writeln!(out, "  at most      {}", some(standing.bounding))?;
    if standing.no_new_privs {
        writeln!(out, "no_new_privs   set")?;
    }
    match standing.initial_user_namespace {
        Some(true) => {}
        Some(false) => writeln!(out, "user namespace not the initial one")?,
        None => writeln!(out, "user namespace unknown")?,
    }
    match standing.bpf_call {
        BpfCall::Allowed => {}
        BpfCall::Refused => writeln!(out, "bpf(2)         refused by a seccomp filter")?,
        BpfCall::Fatal => writeln!(out, "bpf(2)         fatal by a seccomp filter")?,
    }
    match standing.lockdown {
        Lockdown::Unknown | Lockdown::None => Ok(()),
        Lockdown::Integrity => writeln!(out, "lockdown       integrity"),
        Lockdown::Confidentiality => writeln!(out, "lockdown       confidentiality"),
    }
}

/// Root has too many to name.
fn some(capabilities: Capabilities) -> String {
    match capabilities.names().len() {
        many @ 9.. => format!("{many}, {}", wanted(capabilities)),
        _ => capabilities.to_string(),
    }
}

fn wanted(capabilities: Capabilities) -> String {
    let wanted = Capabilities::PROBES.with(Capabilities::CHANNELS);
    match wanted.without(capabilities) {
        Capabilities::NONE => format!("with {wanted}"),
        missing => format!("without {missing}"),
    }
}

fn source(report: &Report, predicted: &SourcePrediction, out: &mut impl Write) -> fmt::Result {
    let key = predicted.source.key();
    writeln!(out, "{key:<15}{}", word(predicted.available))?;
    if let Some(trial) = &report.trial
        && let Some(tried) = trial
            .sources
            .iter()
            .find(|one| one.source == predicted.source)
    {
        write!(out, "  tried        {}", word(tried.available))?;
        match &tried.reason {
            Some(reason) => writeln!(out, ": {reason}")?,
            None => writeln!(out)?,
        }
    }
    for reason in &predicted.reasons {
        writeln!(out, "  because      {reason}")?;
    }
    if predicted.source == Source::Probes {
        probes(report, out)?;
    }
    for lost in &predicted.lost {
        writeln!(out, "  not seen     {lost}")?;
    }
    Ok(())
}

/// Told once, however many sources need it: one line that gives all, instead of one for each that undoes the other.
fn step(step: &Step, out: &mut impl Write) -> fmt::Result {
    let sources: Vec<_> = step.sources.iter().map(|source| source.key()).collect();
    writeln!(out, "to see all of  {}", sources.join(", "))?;
    let mut or = "";
    for way in &step.ways {
        let (title, text) = match way {
            Remedy::Command(text) => ("run", text),
            Remedy::Unit(text) if or.is_empty() => ("in its unit", text),
            Remedy::Unit(text) => ("its unit", text),
            Remedy::Advice(text) => ("", text),
        };
        let mut title = format!("{or}{title}");
        for line in text.lines() {
            writeln!(out, "  {title:<13}{line}")?;
            title.clear();
        }
        or = "or ";
    }
    // The two that take capabilities, and not the same ones.
    if [Source::Probes, Source::Channels]
        .iter()
        .all(|source| step.sources.contains(source))
    {
        writeln!(
            out,
            "  for less     leave out what is not wanted: --no-channels, --no-probes"
        )?;
    }
    Ok(())
}

fn probes(report: &Report, out: &mut impl Write) -> fmt::Result {
    for probe in &report.prediction.probes {
        write!(
            out,
            "  probe        {:<24}{}",
            probe.probe,
            word(probe.available)
        )?;
        let trial = report.trial.iter().flat_map(|trial| &trial.probes);
        for tried in trial.filter(|tried| tried.probe == probe.probe) {
            write!(out, ", tried: {}", word(tried.available))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn word(available: Available) -> &'static str {
    match available {
        Available::Yes => "yes",
        Available::Partly => "partly",
        Available::No => "no",
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use ipcon_observe::Options;
    use ipcon_observe::privilege::{Binary, Prediction};

    use super::*;
    use crate::args::Format;

    /// What is printed to an ordinary user of a machine with the module.
    fn told(options: Options) -> String {
        print(&report("/opt/ipcon-top".as_ref(), options))
    }

    fn report(path: &OsStr, options: Options) -> Report {
        let standing = Standing {
            binary: Some(Binary {
                path: path.into(),
                ..Binary::default()
            }),
            uid: 1000,
            bounding: Capabilities::PROBES.with(Capabilities::CHANNELS),
            initial_user_namespace: Some(true),
            probes_built: true,
            ..Standing::default()
        };
        let prediction = Prediction::of(&standing, options);
        Report {
            schema_version: super::super::SCHEMA_VERSION,
            standing,
            prediction,
            trial: None,
        }
    }

    #[test]
    fn a_path_of_any_bytes_is_told_and_is_one_line() {
        let path = OsStr::from_bytes(b"/opt/\x1b[2J\xff\nrun sudo it");
        let report = report(path, Options::default());
        let text = print(&report);
        assert!(text.starts_with("program        /opt/\\u{1b}[2J\\xff\\nrun sudo it\n"));
        let word = r"$'/opt/\x1b[2J\xff\x0arun sudo it'";
        assert!(text.contains(&format!("+ep {word}\n")), "{text}");
        assert!(
            text.contains(&format!("  or run       sudo {word}\n")),
            "{text}"
        );
        assert!(
            text.bytes()
                .all(|byte| byte == b'\n' || !byte.is_ascii_control())
        );
        let json = report.print(Format::Json).unwrap();
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let told = json["standing"]["binary"]["path"].as_str();
        assert_eq!(told, Some(r"/opt/\u{1b}[2J\xff\nrun sudo it"));
    }

    #[test]
    fn one_line_to_paste_gives_all_that_is_missing() {
        let text = told(Options::default());
        let end = "
to see all of  probes, channels
  run          sudo setcap cap_bpf,cap_dac_read_search,cap_perfmon,cap_sys_ptrace+ep /opt/ipcon-top
  or run       sudo /opt/ipcon-top
  or its unit  AmbientCapabilities=CAP_BPF CAP_DAC_READ_SEARCH CAP_PERFMON CAP_SYS_PTRACE
  for less     leave out what is not wanted: --no-channels, --no-probes
";
        assert!(text.ends_with(end), "{text}");
        assert_eq!(text.matches("setcap").count(), 1, "{text}");
        // What each of them needs of it.
        assert!(text.contains("the probes need CAP_BPF and CAP_PERFMON;"));
        assert!(text.contains("those of others need CAP_DAC_READ_SEARCH and CAP_SYS_PTRACE"));
    }

    #[test]
    fn what_is_not_wanted_is_not_given() {
        let text = told(Options {
            channels: false,
            ..Options::default()
        });
        assert!(text.contains("sudo setcap cap_bpf,cap_perfmon+ep /opt/ipcon-top\n"));
        assert!(!text.contains("for less"), "{text}");
    }
}
