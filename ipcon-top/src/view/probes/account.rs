// SPDX-License-Identifier: MIT OR Apache-2.0
//! The account of the probes: what each saw, counted and missed, what it took, and what the kernel keeps for them.

use std::cmp::Reverse;

use ipcon_observe::ProbeRates;
use ipcon_observe::model::{MapFill, Probe, Probes, RequestErrors};

use super::lines::{Line, NAME, NUMBER, cell, number, share, title};
use crate::format::{self, ABSENT};
use crate::theme::{Role, Theme};

/// Adds the lines of all that the probes tell.
pub(super) fn lines(
    probes: &Probes,
    rates: &ProbeRates,
    theme: &Theme,
    width: usize,
    lines: &mut Vec<Line>,
) {
    lines.push(Line::new());
    lines.push(title("probes"));
    let heads = ["seen", "counted", "lost", "missed"];
    // A number that is cut is another number.
    let fits = width >= 5 + NAME - 1 + 10 + 5 * NUMBER;
    let mut head = vec![(
        format!("     {}", cell("tracepoint", NAME - 2, theme)),
        Role::Label,
    )];
    head.push((cell("attached", 9, theme), Role::Label));
    head.extend(heads.map(|it| (number(it, theme), Role::Label)));
    if fits {
        head.push((number("runs/s", theme), Role::Label));
    }
    lines.push(head);
    for probe in &probes.probes {
        let mut line = of_probe(probe, theme);
        if fits {
            line.push(rate(rates.runs(&probe.name), theme));
        }
        lines.push(line);
        lines.extend(
            probe
                .lost
                .iter()
                .filter(|lost| lost.events > 0)
                .map(|lost| {
                    let reason = lost.reason.replace('_', " ");
                    vec![(
                        format!("       lost {}: {reason}", lost.events),
                        Role::Alarm,
                    )]
                }),
        );
    }
    lines.push(Line::new());
    lines.push(title("run time of the probes"));
    lines.extend(of_run_times(&probes.probes, rates, theme, width));
    if !probes.request_errors.is_empty() {
        lines.push(Line::new());
        lines.push(title("requests that failed"));
        lines.extend(of_errors(&probes.request_errors, rates, theme));
    }
    if !probes.maps.is_empty() {
        lines.push(Line::new());
        lines.push(title("maps of the kernel"));
        lines.extend(probes.maps.iter().map(|map| of_map(map, theme)));
    }
    if !probes.identities.is_empty() {
        lines.push(Line::new());
        lines.push(title("what must be equal on a quiet bus"));
        for identity in &probes.identities {
            let (glyph, role) = if identity.holds() {
                (theme.glyphs.on, Role::Good)
            } else {
                (theme.glyphs.failed, Role::Warning)
            };
            lines.push(vec![
                (format!("   {glyph} "), role),
                (identity.name.clone(), Role::Normal),
                (format!("   {} = {}", identity.left, identity.right), role),
            ]);
        }
    }
    if probes.unreported_exceptions > 0 {
        lines.push(Line::new());
        lines.push(vec![(
            format!(
                "   {} exceptions were counted and not told one by one: there were too many at once",
                probes.unreported_exceptions
            ),
            Role::Warning,
        )]);
    }
}

fn of_probe(probe: &Probe, theme: &Theme) -> Line {
    let (glyph, role) = if probe.attached {
        (theme.glyphs.on, Role::Good)
    } else {
        (theme.glyphs.failed, Role::Alarm)
    };
    let attached = if probe.attached {
        &*probe.backend
    } else {
        "no"
    };
    let count = |n: u64, bad: bool| {
        let role = match (n, bad) {
            (0, _) => Role::Quiet,
            (_, true) => Role::Alarm,
            (_, false) => Role::Normal,
        };
        (number(&n.to_string(), theme), role)
    };
    let missed = match probe.missed {
        Some(missed) => count(missed, true),
        None => (number(ABSENT, theme), Role::Quiet),
    };
    vec![
        (format!("   {glyph} "), role),
        (cell(&probe.name, NAME - 2, theme), Role::Normal),
        (cell(attached, 9, theme), role),
        count(probe.seen, false),
        count(probe.counted, false),
        count(probe.lost_total(), true),
        missed,
    ]
}

/// How long each run takes, and how much of a processor all of them, where the kernel times them.
fn of_run_times(probes: &[Probe], rates: &ProbeRates, theme: &Theme, width: usize) -> Vec<Line> {
    let cells = |name: &str| format!("     {}", cell(name, NAME - 2, theme));
    let value = |text: Option<String>| match text {
        Some(text) => (number(&text, theme), Role::Normal),
        None => (number(ABSENT, theme), Role::Quiet),
    };
    let timed = probes.iter().filter_map(|probe| {
        let run_time = probe.run_time?;
        Some(vec![
            (cells(&probe.name), Role::Normal),
            value(rates.per_run(&probe.name).map(format::duration)),
            value(rates.cpu(&probe.name).map(share)),
            (number(&run_time.runs.to_string(), theme), Role::Normal),
        ])
    });
    let timed: Vec<Line> = timed.collect();
    if timed.is_empty() {
        let why = "not timed: sudo sysctl kernel.bpf_stats_enabled=1 has the kernel time all programs of the machine, which \
                   costs each of them";
        let wrapped = format::wrap(why, width.saturating_sub(6).max(10)).into_iter();
        let line = |line| vec![(format!("     {line}"), Role::Quiet)];
        return wrapped.map(line).collect();
    }
    let head = vec![
        (cells("tracepoint"), Role::Label),
        (number("per run", theme), Role::Label),
        (number("CPU", theme), Role::Label),
        (number("timed runs", theme), Role::Label),
    ];
    std::iter::once(head).chain(timed).collect()
}

/// Requests that were answered with an error, those with most at the top.
fn of_errors(errors: &[RequestErrors], rates: &ProbeRates, theme: &Theme) -> Vec<Line> {
    let cells = |command: &str, errno: &str| {
        format!(
            "     {}{}",
            cell(command, 24, theme),
            cell(errno, 16, theme)
        )
    };
    let head = vec![
        (cells("command", "error"), Role::Label),
        (number("requests", theme), Role::Label),
        (number("per second", theme), Role::Label),
    ];
    let mut errors: Vec<&RequestErrors> = errors.iter().collect();
    errors.sort_by_key(|it| Reverse(it.requests));
    let line = |it: &RequestErrors| {
        vec![
            (cells(&it.command, &it.errno), Role::Normal),
            (number(&it.requests.to_string(), theme), Role::Normal),
            rate(rates.errors(it), theme),
        ]
    };
    std::iter::once(head)
        .chain(errors.into_iter().map(line))
        .collect()
}

fn rate(per_second: Option<f64>, theme: &Theme) -> (String, Role) {
    match per_second {
        Some(rate) if rate > 0.0 => (number(&format!("{rate:.1}"), theme), Role::Normal),
        Some(_) => (number("0", theme), Role::Quiet),
        None => (number(ABSENT, theme), Role::Quiet),
    }
}

fn of_map(map: &MapFill, theme: &Theme) -> Line {
    let percent = format::percent(map.entries, map.limit);
    let role = match percent {
        Some(80..) => Role::Warning,
        _ => Role::Graph,
    };
    let mark = if role == Role::Warning {
        theme.glyphs.alarm
    } else {
        " "
    };
    vec![
        (format!("   {mark} "), role),
        (cell(&map.map, NAME - 2, theme), Role::Normal),
        (theme.bar(map.entries, map.limit, 20), role),
        (format!(" {} of {}", map.entries, map.limit), Role::Normal),
    ]
}
