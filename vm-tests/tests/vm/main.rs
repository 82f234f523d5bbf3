// SPDX-License-Identifier: MIT OR Apache-2.0

//! End-to-end tests against the real module, all in one boot of the VM: `cargo xtask vmtest [FILTER]`.

#![allow(clippy::unwrap_used)]

use std::process::ExitCode;

use ipcon_vm_tests::process;

mod asynchronous;
mod attack;
mod batches;
mod books;
mod capi;
mod credentials;
mod death;
mod discovery;
mod dumps;
mod errors;
mod events;
mod exporter;
mod faults;
mod filters;
mod flows;
mod forging;
mod groups;
mod kevents;
mod messages;
mod model;
mod module;
mod privilege;
mod probes;
mod programs;
mod quotas;
mod replay;
mod run_times;
mod samples;
mod screen;
mod services;
mod sharing;
mod soak;
mod speaker;
mod stopped;
mod support;
mod tracepoints;
#[path = "../../../libipcon/src/wire/uapi.rs"]
mod uapi;
mod unprivileged;
mod waiting;
mod ynl;

fn main() -> ExitCode {
    let roles = [
        books::ROLES.as_slice(),
        &credentials::ROLES,
        &death::ROLES,
        &module::ROLES,
        &probes::ROLES,
        &run_times::ROLES,
        &quotas::ROLES,
        &services::ROLES,
        &soak::ROLES,
        &stopped::ROLES,
        &unprivileged::ROLES,
        &waiting::ROLES,
    ];
    if process::play(&[roles.concat(), attack::roles(), discovery::roles()].concat()) {
        return ExitCode::SUCCESS;
    }
    let mut subjects = vec![
        ("services", services::all()),
        ("groups", groups::all()),
        ("replay", replay::all()),
        ("kevents", kevents::all()),
        ("events", events::all()),
        ("messages", messages::all()),
        ("batches", batches::all()),
        ("asynchronous", asynchronous::all()),
        ("sharing", sharing::all()),
        ("death", death::all()),
        ("errors", errors::all()),
        ("dumps", dumps::all()),
        ("discovery", discovery::all()),
        ("books", books::all()),
        ("unprivileged", unprivileged::all()),
        ("forging", forging::all()),
        ("filters", filters::all()),
        ("credentials", credentials::all()),
        ("quotas", quotas::all()),
        ("model", model::all()),
        ("faults", faults::all()),
        ("tracepoints", tracepoints::all()),
        ("probes", probes::all()),
        ("run_times", run_times::all()),
        ("flows", flows::all()),
        ("waiting", waiting::all()),
        ("privilege", privilege::all()),
        ("ynl", ynl::all()),
        ("programs", programs::all()),
        ("exporter", exporter::all()),
        ("stopped", stopped::all()),
        ("samples", samples::all()),
        ("capi", capi::all()),
        ("module", module::all()),
        ("soak", soak::all()),
    ];
    subjects.extend(attack::all());
    ipcon_vm_tests::run(subjects)
}
