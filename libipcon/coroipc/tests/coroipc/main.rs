// SPDX-License-Identifier: MIT OR Apache-2.0
//! Clients and servers, in one process and in two.
#![cfg(not(loom))]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test says what it does by its name, and ends where something is missing"
)]
#![allow(
    clippy::duplicate_mod,
    reason = "each example has what all of them share"
)]

mod blocked;
mod calls;
mod connecting;
mod credentials;
mod death;
mod decisions;
mod descriptors;
mod events;
mod examples;
mod features;
mod hostile;
mod idle;
mod killed;
mod large;
mod libqb;
mod limits;
mod loop_limits;
mod looped;
mod memory;
mod overflow;
mod paths;
mod placement;
mod rate;
mod raw;
mod reconnecting;
mod serving;
mod sharing;
mod sleepers;
mod slots;
mod statistics;
mod stream;
#[cfg(feature = "tokio")]
mod tasks;
#[cfg(feature = "tracing")]
mod tracing;
mod typed;
mod users;
mod wakers;
mod world;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use serving::Serving;

fn main() -> ExitCode {
    let roles = [
        blocked::ROLES,
        connecting::ROLES,
        credentials::ROLES,
        death::ROLES,
        descriptors::ROLES,
        &examples::roles(),
        idle::ROLES,
        killed::ROLES,
        large::ROLES,
        libqb::ROLES,
        loop_limits::ROLES,
        memory::ROLES,
        paths::ROLES,
        placement::ROLES,
        rate::ROLES,
        reconnecting::ROLES,
        statistics::ROLES,
        stream::ROLES,
        #[cfg(feature = "tokio")]
        tasks::ROLES,
        #[cfg(feature = "tracing")]
        tracing::ROLES,
        users::ROLES,
    ];
    be_quiet_about_what_was_asked_for();
    if world::play(&roles.concat()) {
        return ExitCode::SUCCESS;
    }
    let subjects = [
        ("connecting", connecting::all(), None),
        ("credentials", credentials::all(), None),
        ("death", death::all(), None),
        ("decisions", decisions::all(), None),
        ("descriptors", descriptors::all(), None),
        ("examples", examples::all(), None),
        ("features", features::all(), None),
        ("hostile", hostile::all(), None),
        ("idle", idle::all(), None),
        ("limits", limits::all(), None),
        ("loop_limits", loop_limits::all(), None),
        ("looped", looped::all(), None),
        ("memory", memory::all(), None),
        ("overflow", overflow::all(), None),
        ("paths", paths::all(), None),
        ("placement", placement::all(), None),
        ("rate", rate::all(), None),
        ("reconnecting", reconnecting::all(), None),
        ("sharing", sharing::all(), None),
        ("sleepers", sleepers::all(), None),
        ("slots", slots::all(), None),
        ("statistics", statistics::all(), None),
        #[cfg(feature = "tokio")]
        ("tasks", tasks::all(), None),
        #[cfg(feature = "tracing")]
        ("tracing", tracing::all(), None),
        ("typed", typed::all(), None),
        ("users", users::all(), users::lack()),
        ("wakers", wakers::all(), None),
    ];
    // What a client may expect however it is served.
    let served = [
        ("blocked", blocked::all()),
        ("calls", calls::all()),
        ("events", events::all()),
        ("killed", killed::all()),
        ("large", large::all()),
        ("libqb", libqb::all()),
        ("stream", stream::all()),
    ];
    let mut trials = Vec::new();
    for (subject, cases) in served {
        for (name, body) in cases {
            for serving in Serving::BOTH {
                let run = move || {
                    body(serving);
                    Ok(())
                };
                let name = format!("{subject}::{}::{name}", serving.name());
                trials.push(Trial::test(name, run));
            }
        }
    }
    for (subject, cases, lack) in subjects {
        if let Some(lack) = lack {
            eprintln!("{subject}: skipped: {lack}");
        }
        for (name, body) in cases {
            let run = move || {
                body();
                Ok(())
            };
            let trial = Trial::test(format!("{subject}::{name}"), run);
            trials.push(trial.with_ignored_flag(lack.is_some()));
        }
    }
    let names = trials.iter().map(|trial| trial.name().to_owned());
    let _ = features::TESTS.set(names.collect());
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// Panics that a test asks its server for are no news.
fn be_quiet_about_what_was_asked_for() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !panic.to_string().contains("as asked for") {
            usual(panic);
        }
    }));
}
