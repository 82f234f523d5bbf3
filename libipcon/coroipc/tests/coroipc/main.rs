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
        limits::ROLES,
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
        ("connecting", connecting::all()),
        ("credentials", credentials::all()),
        ("death", death::all()),
        ("decisions", decisions::all()),
        ("descriptors", descriptors::all()),
        ("examples", examples::all()),
        ("features", features::all()),
        ("hostile", hostile::all()),
        ("idle", idle::all()),
        ("limits", limits::all()),
        ("loop_limits", loop_limits::all()),
        ("looped", looped::all()),
        ("memory", memory::all()),
        ("overflow", overflow::all()),
        ("paths", paths::all()),
        ("placement", placement::all()),
        ("rate", rate::all()),
        ("reconnecting", reconnecting::all()),
        ("sharing", sharing::all()),
        ("sleepers", sleepers::all()),
        ("slots", slots::all()),
        ("statistics", statistics::all()),
        #[cfg(feature = "tokio")]
        ("tasks", tasks::all()),
        #[cfg(feature = "tracing")]
        ("tracing", tracing::all()),
        ("typed", typed::all()),
        ("users", users::all()),
        ("wakers", wakers::all()),
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
    // What this machine, or this user, cannot show.
    let lacks = [credentials::lacks(), placement::lacks(), users::lacks()].concat();
    for (name, lack) in &lacks {
        eprintln!("{name}: skipped: {lack}");
    }
    for (subject, cases) in subjects {
        for (name, body) in cases {
            let run = move || {
                body();
                Ok(())
            };
            let name = format!("{subject}::{name}");
            let lacking = lacks.iter().any(|(lacking, _)| *lacking == name);
            trials.push(Trial::test(name, run).with_ignored_flag(lacking));
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
