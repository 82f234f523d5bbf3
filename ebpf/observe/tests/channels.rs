// SPDX-License-Identifier: MIT OR Apache-2.0
//! Real servers and clients in processes of their own, and files that only look like theirs.
#![allow(clippy::unwrap_used)]

#[path = "support/served.rs"]
mod served;

use std::ffi::CString;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use coroipc::statistics::{Counter, EndpointCounter, endpoints_of_process, of_process};
use ipcon_observe::model::{Channel, Channels, Endpoint, Source, SourceState};
use ipcon_observe::{Collector, Options, Rates, Snapshot};
use rustix::fs::{MemfdFlags, Mode, OFlags, SealFlags};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags};
use served::{Process, address, service};

const PATIENCE: Duration = Duration::from_secs(60);

/// Not a test of its own: the processes that the others start.
#[test]
fn in_a_role() {
    served::play();
}

fn collector() -> Collector {
    Collector::open(Options {
        probes: false,
        kevents: false,
        channels: true,
        ..Options::default()
    })
    .unwrap()
}

fn channels(snapshot: &Snapshot) -> &Channels {
    let status = snapshot.source(Source::Channels).unwrap();
    assert_eq!(status.state, SourceState::On);
    snapshot.channels.as_ref().unwrap()
}

fn of_server(snapshot: &Snapshot, pid: u32) -> Vec<&Channel> {
    let connections = &channels(snapshot).connections;
    connections
        .iter()
        .filter(|it| it.server_pid == pid)
        .collect()
}

fn endpoints_of(snapshot: &Snapshot, pid: u32) -> Vec<&Endpoint> {
    let endpoints = snapshot.endpoints().iter();
    endpoints.filter(|it| it.server_pid == pid).collect()
}

/// Collects until it holds for a snapshot: a process that is there already may have to wait for its turn.
fn until(collector: &mut Collector, holds: impl Fn(&Snapshot) -> bool) -> Snapshot {
    let begun = Instant::now();
    loop {
        let snapshot = collector.collect().unwrap();
        if holds(&snapshot) {
            return snapshot;
        }
        assert!(begun.elapsed() < PATIENCE, "{:#?}", channels(&snapshot));
    }
}

#[test]
fn what_a_client_counts_is_what_is_seen() {
    let address = address("seen");
    let server = Process::start("server", &address);
    let mut collector = collector();
    assert!(
        of_server(&collector.collect().unwrap(), server.pid()).is_empty(),
        "no client yet"
    );

    let mut client = Process::start("client", &address);
    let counted = client.rounds(1000);
    let first = until(&mut collector, |it| !of_server(it, server.pid()).is_empty());
    let rows = of_server(&first, server.pid());
    assert_eq!(rows.len(), 1);
    let row = rows[0];
    assert_eq!((row.service, row.client_pid), (service(), client.pid()));
    assert_eq!(row.client_uid, rustix::process::geteuid().as_raw());
    assert!(row.started_at < first.taken_at && row.started_at > Duration::ZERO);
    let seen: std::collections::BTreeMap<_, _> = row.counters.each().collect();
    for (what, count) in &counted {
        assert_eq!(seen[&**what], *count, "{what}");
    }
    assert_eq!(counted["requests"], 1300);
    assert_eq!(
        row.latency.count(),
        counted["requests"] / 16,
        "one of sixteen is timed"
    );
    assert!(row.latency.quantile(0.5).unwrap() <= row.latency.quantile(0.99).unwrap());

    // The library reads the same page.
    let library = of_process(server.pid()).unwrap();
    let told: Vec<_> = Counter::ALL
        .iter()
        .map(|&it| (it.key(), library[0].get(it)))
        .collect();
    assert_eq!(told, row.counters.each().collect::<Vec<_>>());
    assert_eq!(library[0].latency(), row.latency.counts);
    assert_eq!(library[0].started(), row.started_at);

    let (id, counted_before) = (row.id, counted);
    let counted = client.rounds(10);
    let second = collector.collect().unwrap();
    let now = second.channel(id).unwrap();
    assert_eq!(now.counters.requests, counted["requests"]);
    let rates = Rates::between(&first, &second);
    let seconds = channels(&second).read_at - channels(&first).read_at;
    let growth = (counted["requests"] - counted_before["requests"]) as f64;
    let rate = rates.channel(id).unwrap().get("requests").unwrap();
    assert!(
        (rate * seconds.as_secs_f64() - growth).abs() < 1e-6,
        "{rate}"
    );

    client.kill();
    until(&mut collector, |it| of_server(it, server.pid()).is_empty());
}

#[test]
fn who_is_refused_is_seen_with_the_reason() {
    let address = address("refused");
    let server = Process::start("server", &address);
    let mut stranger = Process::start("stranger", &address);
    let counted = stranger.rounds(2);
    assert_eq!(counted["refused_denied"], 2);
    let mut collector = collector();
    let first = until(&mut collector, |it| {
        !endpoints_of(it, server.pid()).is_empty()
    });
    let rows = endpoints_of(&first, server.pid());
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].address.as_deref(), Some(&*format!("@{address}")));
    assert!(rows[0].started_at < first.taken_at && rows[0].started_at > Duration::ZERO);
    let (id, refused) = (rows[0].id, rows[0].counters.refusals());
    for (reason, count) in refused {
        let met = counted.get(&format!("refused_{reason}"));
        assert_eq!(count, met.copied().unwrap_or(0), "{reason}");
    }
    assert_eq!(rows[0].counters.refused(), counted["refused"]);

    // With a connection that stays, and which has a page of its own.
    let client = Process::start("client", &address);
    let counted = stranger.rounds(3);
    let second = until(&mut collector, |it| {
        let rows = endpoints_of(it, server.pid());
        // What was refused goes in its own time.
        !of_server(it, server.pid()).is_empty() && rows[0].counters.connections == 1
    });
    let row = endpoints_of(&second, server.pid())[0];
    let counters = &row.counters;
    assert_eq!(row.id, id);
    assert_eq!(
        (counters.refused_denied, counters.refused_no_such_service),
        (5, 3)
    );
    assert_eq!(
        (counters.connected, counters.accepted),
        (1, counted["accepted"] + 1)
    );
    assert!(counters.memory_bytes > 0 && counters.memory_bytes <= counters.memory_bytes_max);
    let rates = Rates::between(&first, &second);
    assert!(rates.endpoint(id).unwrap().get("refused_denied").unwrap() > 0.0);

    // The library reads the same page.
    let library = endpoints_of_process(server.pid()).unwrap();
    let told: Vec<_> = EndpointCounter::ALL
        .iter()
        .map(|&it| (it.key(), library[0].get(it)))
        .collect();
    assert_eq!(told, row.counters.each().collect::<Vec<_>>());
    assert_eq!(library[0].started(), row.started_at);
    assert_eq!(row.address.as_deref(), Some(library[0].address()));
    drop(client);
    server.kill();
    until(&mut collector, |it| {
        endpoints_of(it, row.server_pid).is_empty()
    });
}

#[test]
fn each_connection_has_a_number_of_its_own_for_as_long_as_it_is_there() {
    let address = address("ids");
    let server = Process::start("server", &address);
    let mut clients: Vec<_> = (0..3).map(|_| Process::start("client", &address)).collect();
    let mut collector = collector();
    let first = collector.collect().unwrap();
    let ids = |snapshot: &Snapshot| -> Vec<_> {
        let rows = of_server(snapshot, server.pid());
        rows.iter().map(|row| (row.client_pid, row.id)).collect()
    };
    let before = ids(&first);
    assert_eq!(before.len(), 3);
    let gone = clients.remove(1);
    let pid = gone.pid();
    gone.kill();
    let fourth = Process::start("client", &address);
    let after = ids(&until(&mut collector, |it| {
        ids(it).len() == 3 && ids(it).iter().all(|row| row.0 != pid)
    }));
    let kept = after.iter().filter(|row| row.0 != fourth.pid());
    assert!(
        kept.clone().all(|row| before.contains(row)),
        "{before:?} {after:?}"
    );
    assert_eq!(kept.count(), 2);
    let newest = before.iter().map(|row| row.1).max().unwrap();
    let new = after.iter().find(|row| row.0 == fourth.pid()).unwrap();
    assert!(new.1 > newest);
}

/// Only what is a page is shown, and nothing that somebody puts there holds the observer up.
#[test]
fn files_that_only_look_like_pages_are_counted_and_hold_nobody_up() {
    let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::FUTURE_WRITE | SealFlags::SEAL;
    let named = |name: &str, size: u64, begin: &[u8], seals: SealFlags| -> OwnedFd {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = rustix::fs::memfd_create(name, flags).unwrap();
        rustix::fs::ftruncate(&file, size).unwrap();
        rustix::io::pwrite(&file, begin, 0).unwrap();
        rustix::fs::fcntl_add_seals(&file, seals).unwrap();
        file
    };
    let page = |size, begin: &[u8], seals| named("coroipc-stats", size, begin, seals);
    let endpoint = |size, begin: &[u8], seals| named("coroipc-endpoint", size, begin, seals);
    let version = |version: u64| [&b"cipcstat"[..], &version.to_ne_bytes()].concat();
    let of_endpoint = |version: u64| [&b"cipcends"[..], &version.to_ne_bytes()].concat();
    let mut forged = vec![
        endpoint(4096, b"nothing of the kind", seals),
        endpoint(4096, &of_endpoint(2), seals),
        endpoint(8192, &of_endpoint(1), seals),
        endpoint(4096, &of_endpoint(1), SealFlags::SEAL),
        endpoint(4096, &version(1), seals),
        page(4096, &of_endpoint(1), seals),
        page(4096, b"nothing of the kind", seals),
        page(4096, &version(2), seals),
        page(4095, &version(1), seals),
        page(4096, &version(1), SealFlags::SHRINK),
    ];
    for name in ["coroipc-stats", "coroipc-endpoint"] {
        match pipe_with_the_name_of_a_page(name) {
            Ok(pipe) => forged.push(pipe),
            Err(error) => {
                eprintln!(
                    "without a pipe that looks like a page, which needs CAP_SYS_ADMIN: {error}"
                )
            }
        }
    }
    // These are as good as real: who may make them may as well make real ones.
    let real = [
        page(4096, &version(1), seals),
        endpoint(4096, &of_endpoint(1), seals),
    ];

    let (done, outcome) = channel();
    thread::spawn(move || done.send(Box::new(collector().collect().unwrap())));
    let snapshot = outcome
        .recv_timeout(PATIENCE)
        .expect("it waits for somebody");
    assert_eq!(of_server(&snapshot, std::process::id()).len(), 1);
    assert_eq!(endpoints_of(&snapshot, std::process::id()).len(), 1);
    assert!(channels(&snapshot).scan.rejected_files >= forged.len() as u64);
    drop((real, forged));
}

/// A pipe without a writer, so that opening it waits, whose name below `/proc/PID/fd` is that of a page: it is in a
/// file system that is mounted nowhere.
fn pipe_with_the_name_of_a_page(page: &str) -> rustix::io::Result<OwnedFd> {
    let context = rustix::mount::fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    rustix::mount::fsconfig_create(&context)?;
    let root = rustix::mount::fsmount(
        &context,
        FsMountFlags::FSMOUNT_CLOEXEC,
        MountAttrFlags::empty(),
    )?;
    let name = &*format!("memfd:{page}");
    rustix::fs::mknodat(&root, name, rustix::fs::FileType::Fifo, Mode::RUSR, 0)?;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let pipe = rustix::fs::openat(&root, name, flags, Mode::empty())?;
    rustix::fs::unlinkat(&root, name, rustix::fs::AtFlags::empty())?;
    let link = format!("/proc/self/fd/{}", pipe.as_raw_fd());
    let link = rustix::fs::readlink(link, Vec::new())?;
    assert_eq!(
        link,
        CString::new(format!("/memfd:{page} (deleted)")).unwrap()
    );
    Ok(pipe)
}

/// A child that a server made by `fork` has its descriptors, too.
#[test]
fn a_page_that_two_processes_have_counts_once() {
    let address = address("fork");
    let server = Process::start("server", &address);
    let mut client = Process::start("client", &address);
    let counted = client.rounds(1);
    let open =
        |path: String| rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    let folder = format!("/proc/{}/fd", server.pid());
    let page = std::fs::read_dir(&folder).unwrap().find_map(|entry| {
        let path = entry.unwrap().path();
        let link = std::fs::read_link(&path).ok()?;
        (link.to_str()? == "/memfd:coroipc-stats (deleted)").then_some(path)
    });
    // This process has it now as a child would.
    let _ours = open(page.unwrap().to_str().unwrap().to_owned()).unwrap();
    let mut collector = collector();
    for _ in 0..3 {
        let snapshot = collector.collect().unwrap();
        let rows = channels(&snapshot)
            .connections
            .iter()
            .filter(|it| it.client_pid == client.pid());
        let requests: Vec<_> = rows.map(|it| it.counters.requests).collect();
        assert_eq!(requests, [counted["requests"]]);
    }
}

#[test]
fn the_state_of_the_machine_is_told() {
    let snapshot = collector().collect().unwrap();
    let scan = channels(&snapshot).scan;
    assert!(
        scan.processes >= 1 && scan.unreadable_processes < scan.processes,
        "{scan:?}"
    );
    if snapshot.bus.is_none() {
        let dumps = snapshot.source(Source::Dumps).unwrap();
        let SourceState::Off { reason } = &dumps.state else {
            panic!("{dumps:?}");
        };
        assert!(
            reason.contains("modprobe ipcon"),
            "what to do about it: {reason}"
        );
    }
}
