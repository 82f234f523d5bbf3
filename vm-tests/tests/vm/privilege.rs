// SPDX-License-Identifier: MIT OR Apache-2.0

//! What observers see with each set of capabilities: as predicted, and as the documentation says. And that those which
//! are not needed any more are gone once the probes are attached, without harm.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use ipcon_vm_tests::process::{Process, program};
use ipcon_vm_tests::{Case, cases, settings};
use libipcon::Peer;
use rustix::process::Signal;
use serde_json::Value;

use crate::support::{ask_exporter, start_exporter};

pub(crate) fn all() -> Vec<Case> {
    cases![
        doctor_predicts_what_happens_with_each_set_of_capabilities
            => on_the_initial_bus().needs(settings::quick_kernel).within(300),
        without_privilege_what_is_not_measured_is_absent
            => on_the_initial_bus().needs(settings::quick_kernel).within(60),
        nobody_reads_more_files_by_the_capabilities_of_the_programs
            => needs(settings::quick_kernel).within(60),
        the_exporter_gives_up_what_it_does_not_need_and_reads_on
            => on_the_initial_bus().needs(settings::quick_kernel).within(120),
    ]
}

/// Who runs a program.
enum Who {
    Root,
    /// Root without these, for good.
    RootWithout(&'static str),
    /// Root of a user namespace that an ordinary process made.
    RootOfNamespace,
    /// A user with these alone.
    Nobody(&'static str),
}

/// The table of `docs/privileges.md`: who, whether the probes are attached, and whether the servers of all users are
/// seen. Dumps and kevents are there for everybody.
const TABLE: [(&str, Who, bool, bool); 11] = [
    ("no capabilities", Who::Nobody(""), false, false),
    ("`CAP_BPF`", Who::Nobody(",+bpf"), false, false),
    ("`CAP_PERFMON`", Who::Nobody(",+perfmon"), false, false),
    ("`CAP_NET_ADMIN`", Who::Nobody(",+net_admin"), false, false),
    (
        "`CAP_BPF` and `CAP_PERFMON`",
        Who::Nobody(",+bpf,+perfmon"),
        true,
        false,
    ),
    ("`CAP_SYS_ADMIN`", Who::Nobody(",+sys_admin"), true, false),
    (
        "`CAP_SYS_PTRACE` and `CAP_DAC_READ_SEARCH`",
        Who::Nobody(",+sys_ptrace,+dac_read_search"),
        false,
        true,
    ),
    (
        "all four",
        Who::Nobody(",+bpf,+perfmon,+sys_ptrace,+dac_read_search"),
        true,
        true,
    ),
    ("root", Who::Root, true, true),
    (
        "root without `CAP_BPF`, `CAP_SYS_ADMIN` and `CAP_SYS_PTRACE` in the bounding set",
        Who::RootWithout("-bpf,-sys_admin,-sys_ptrace"),
        false,
        false,
    ),
    (
        "root of a user namespace",
        Who::RootOfNamespace,
        false,
        false,
    ),
];

fn command(who: &Who, program: &Command) -> Command {
    let mut command = match who {
        Who::Root => Command::new("env"),
        Who::RootWithout(missing) => {
            let mut setpriv = Command::new("setpriv");
            setpriv.arg(format!("--bounding-set={missing}"));
            setpriv
        }
        Who::RootOfNamespace => {
            let mut unshare = Command::new("unshare");
            unshare.args(["--user", "--map-root-user"]);
            unshare
        }
        Who::Nobody(capabilities) => {
            let mut setpriv = Command::new("setpriv");
            setpriv.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
            for set in ["--inh-caps", "--ambient-caps", "--bounding-set"] {
                setpriv.arg(format!("{set}=-all{capabilities}"));
            }
            setpriv
        }
    };
    command.arg(program.get_program()).args(program.get_args());
    command
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// What is available, by the name of the source or the probe.
fn available(report: &Value) -> BTreeMap<String, String> {
    let rows = [("sources", "source"), ("probes", "probe")].map(|(list, name)| {
        report[list]
            .as_array()
            .unwrap()
            .iter()
            .map(move |row| {
                let text = |key: &str| row[key].as_str().unwrap().to_owned();
                (text(name), text("available"))
            })
            .collect::<Vec<_>>()
    });
    rows.concat().into_iter().collect()
}

fn doctor_predicts_what_happens_with_each_set_of_capabilities() {
    for (name, who, probes, others) in &TABLE {
        let mut doctor = program("ipcon-top");
        let predicted = command(who, doctor.args(["doctor", "--format", "json"]))
            .output()
            .unwrap();
        let tried = command(who, doctor.arg("--try")).output().unwrap();
        let (only_predicted, tried_too) = (json(&predicted), json(&tried));
        assert_eq!(only_predicted["tried"], Value::Null);
        assert_eq!(
            only_predicted["predicted"], tried_too["predicted"],
            "{name}"
        );

        let prediction = available(&only_predicted["predicted"]);
        let reality = available(&tried_too["tried"]);
        assert_eq!(prediction, reality, "{name}: {tried_too:#}");
        // Five programs of the module's tracepoints at the least, and the four sources.
        assert!(reality.len() >= 9, "{reality:?}");
        for source in ["dumps", "kevents"] {
            assert_eq!(reality[source], "yes", "{name}");
        }
        let yes_or = |yes: bool, no: &'static str| if yes { "yes" } else { no };
        assert_eq!(reality["probes"], yes_or(*probes, "no"), "{name}");
        assert_eq!(reality["ipcon_send"], yes_or(*probes, "no"), "{name}");
        assert_eq!(reality["channels"], yes_or(*others, "partly"), "{name}");
        let status = if *probes && *others { 0 } else { 3 };
        assert_eq!(predicted.status.code(), Some(status), "{name}");
        assert_eq!(tried.status.code(), Some(status), "{name}");
        let mut exporter = program("ipcon-exporter");
        let checked = command(who, exporter.arg("--check")).output().unwrap();
        assert_eq!(checked.status.code(), Some(status), "{name}: {checked:?}");

        for row in only_predicted["predicted"]["sources"].as_array().unwrap() {
            let is_whole = row["available"] == "yes";
            for key in ["reasons", "remedies", "lost"] {
                let is_empty = row[key].as_array().unwrap().is_empty();
                assert_eq!(is_empty, is_whole, "{name}: {key} of {row:#}");
            }
        }
        // As the documentation has it.
        let word = |yes: bool, no: &'static str| if yes { "yes" } else { no };
        let line = format!(
            "| {name} | yes | {} | {} |",
            word(*probes, "no"),
            word(*others, "of the same user")
        );
        let page = include_str!("../../../docs/privileges.md");
        assert!(page.lines().any(|known| known == line), "no line {line}");
    }
    // Without its options there is less to see, and nothing missing.
    let mut doctor = program("ipcon-top");
    doctor.args(["doctor", "--no-probes", "--no-channels", "--try"]);
    let output = command(&Who::Nobody(""), &doctor).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

fn without_privilege_what_is_not_measured_is_absent() {
    let mut once = program("ipcon-top");
    once.args(["once", "--format", "json", "--interval", "250ms"]);
    let output = command(&Who::Nobody(""), &once).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let report = json(&output);
    for there in ["bus", "peers", "groups", "kevents", "channels"] {
        assert!(!report[there].is_null(), "{there}: {report:#}");
    }
    for absent in ["probes", "reconciliation"] {
        assert_eq!(report.get(absent), None, "{report:#}");
    }
}

/// Those for the channels would let everybody read every file that an option names, where a program has them by its file.
fn nobody_reads_more_files_by_the_capabilities_of_the_programs() {
    let secret = std::env::temp_dir().join("a-file-of-root-alone");
    fs::write(&secret, "s3cret = true\n").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let who = Who::Nobody(",+sys_ptrace,+dac_read_search");
    for (name, words) in [
        ("ipcon-top", ["once", "--config"]),
        ("ipcon-top", ["once", "--from"]),
        ("ipcon-top", ["batch", "--from"]),
        ("ipcon-exporter", ["--check", "--web.config.file"]),
    ] {
        let mut named = program(name);
        let output = command(&who, named.args(words).arg(&secret))
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains("Permission denied"), "{words:?}: {output:?}");
        assert!(!told.contains("s3cret"), "{words:?}: {told}");
    }
    fs::remove_file(&secret).unwrap();
}

/// Of each thread of a process: its name, and the sets of its capabilities as the kernel has them.
fn threads(pid: u32) -> Vec<(String, BTreeMap<String, String>)> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let each = tasks.map(|task| {
        let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        let fields: BTreeMap<_, _> = status
            .lines()
            .filter_map(|line| line.split_once(":\t"))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        (fields["Name"].clone(), fields)
    });
    each.collect()
}

const SETS: [&str; 4] = ["CapEff", "CapPrm", "CapInh", "CapAmb"];
const NONE: &str = "0000000000000000";
/// `CAP_DAC_READ_SEARCH` and `CAP_SYS_PTRACE`.
const FOR_CHANNELS: &str = "0000000000080004";

fn the_exporter_gives_up_what_it_does_not_need_and_reads_on() {
    for (options, of_reader) in [(&[] as &[&str], FOR_CHANNELS), (&["--no-channels"], NONE)] {
        let (mut exporter, address) = start_exporter(options);
        // Once it has answered, it has read the bus. On a slow machine it listens before.
        get(&address);
        // By root, who had all of them.
        let threads = threads(exporter.pid());
        assert!(threads.len() >= 3, "{threads:?}");
        for (name, fields) in &threads {
            let kept = match name.as_str() {
                "bus reader" => of_reader,
                _ => NONE,
            };
            let expected = [kept, kept, NONE, NONE];
            let has = SETS.map(|set| fields[set].as_str());
            assert_eq!(has, expected, "{name}");
            assert_eq!(fields["NoNewPrivs"], "1", "{name}");
        }

        // What it attached counts on, and is read and told of as before.
        let (one, two) = (Peer::connect().unwrap(), Peer::connect().unwrap());
        let seen = "ipcon_exporter_events_total{probe=\"ipcon_send\",stage=\"seen\"} ";
        let before = number(&get(&address), seen);
        for _ in 0..10 {
            one.send(two.port(), b"counted").unwrap();
        }
        let page = get(&address);
        assert_eq!(number(&page, seen), before + 10.0);
        let missed = "ipcon_exporter_probe_missed_runs_total{probe=\"ipcon_send\"} ";
        assert_eq!(
            number(&page, missed),
            0.0,
            "what the kernel tells of programs"
        );
        let on = "ipcon_exporter_collector_success{collector=\"probes\"} ";
        assert_eq!(number(&page, on), 1.0);
        exporter.signal(Signal::TERM);
        assert!(exporter.wait().success());
    }
    // Who wants to attach them again keeps all.
    let mut exporter = Process::spawn_complaining(program("ipcon-exporter").args([
        "--web.listen-address",
        "127.0.0.1:0",
        "--keep-capabilities",
    ]));
    // As much as it will ever give up, it has by then.
    while !exporter.line().starts_with("probes: on") {}
    let threads = threads(exporter.pid());
    let reader = threads
        .iter()
        .find(|(name, _)| name == "bus reader")
        .unwrap();
    assert_ne!(reader.1["CapEff"], FOR_CHANNELS);
    assert_eq!(reader.1["CapEff"], reader.1["CapBnd"]);
    exporter.signal(Signal::TERM);
    assert!(exporter.wait().success());
}

/// The page of metrics.
fn get(address: &str) -> String {
    let answer = ask_exporter(address, "/metrics");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    answer
}

fn number(page: &str, series: &str) -> f64 {
    let line = page.lines().find_map(|line| line.strip_prefix(series));
    line.unwrap_or_else(|| panic!("no {series} in {page}"))
        .parse()
        .unwrap()
}
