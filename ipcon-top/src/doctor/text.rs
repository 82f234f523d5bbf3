// SPDX-License-Identifier: MIT OR Apache-2.0
//! The examination as text: one paragraph for each source.

use std::fmt::{self, Write};

use ipcon_observe::privilege::{
    Available, Binary, BpfCall, Capabilities, Lockdown, Remedy, SourcePrediction, Standing,
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
    Ok(())
}

fn standing(standing: &Standing, out: &mut impl Write) -> fmt::Result {
    if let Some(Binary {
        path, capabilities, ..
    }) = &standing.binary
    {
        writeln!(out, "program        {}", path.display())?;
        if !capabilities.is_empty() {
            writeln!(out, "  its file     gives {capabilities}")?;
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
    if predicted.source == ipcon_observe::model::Source::Probes {
        probes(report, out)?;
    }
    for lost in &predicted.lost {
        writeln!(out, "  not seen     {lost}")?;
    }
    for remedy in &predicted.remedies {
        let (title, text) = match remedy {
            Remedy::Command(text) => ("run", text),
            Remedy::Unit(text) => ("in its unit", text),
            Remedy::Advice(text) => ("or", text),
        };
        let mut title = title;
        for line in text.lines() {
            writeln!(out, "  {title:<13}{line}")?;
            title = "";
        }
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
