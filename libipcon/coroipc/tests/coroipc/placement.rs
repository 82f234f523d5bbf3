// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the threads of connections are scheduled, and where they run.
#![allow(unsafe_code)]

use coroipc::{BindError, CommandId, Endpoint, EndpointBuilder, Scheduling, Service};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::users::{self, become_nobody};
use crate::world::*;

pub(crate) fn all() -> Vec<Case> {
    cases![
        threads_run_where_they_should,
        threads_are_scheduled_as_they_should,
        who_may_not_is_told_the_limit,
        what_is_impossible_is_an_error,
    ]
}

pub(crate) const ROLES: &[Role] = &[
    ("placement::as_limited", as_limited),
    ("placement::as_unlimited", as_unlimited),
];

/// What cannot be run here, and why.
pub(crate) fn lacks() -> Vec<Lack> {
    let limit = users::lack().map(|why| ("who_may_not_is_told_the_limit", why));
    // In some containers not even root may.
    let denied = std::thread::spawn(denies_real_time).join().unwrap();
    let why = "nobody here may have a thread scheduled by real time";
    let schedule = denied.then_some(("threads_are_scheduled_as_they_should", why));
    let lacks = limit.into_iter().chain(schedule);
    lacks
        .map(|(name, why)| (format!("placement::{name}"), why))
        .collect()
}

/// Whether the calling thread, which is changed, may not have what the test asks for.
fn denies_real_time() -> bool {
    let parameter = libc::sched_param {
        sched_priority: HIGHEST.into(),
    };
    // SAFETY: The parameter is the caller's, and lives for as long as the call takes.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const parameter) != 0 }
}

/// The highest priority that [`as_unlimited`] asks for.
const HIGHEST: u8 = 3;

/// Replies with how its thread is scheduled, at which priority, how a thread that it starts is, and on how many processors
/// and on which first it may run.
const ASK: CommandId = CommandId::new(1);

fn scheduling() -> [u32; 2] {
    let mut parameter = libc::sched_param { sched_priority: 0 };
    // SAFETY: The parameter is the caller's, and lives for as long as both calls take.
    let policy = unsafe {
        assert_eq!(libc::sched_getparam(0, &raw mut parameter), 0);
        libc::sched_getscheduler(0)
    };
    let policy = policy & !libc::SCHED_RESET_ON_FORK;
    [policy as u32, parameter.sched_priority as u32]
}

fn ask(builder: impl FnOnce(EndpointBuilder) -> EndpointBuilder) -> Result<[u32; 5], BindError> {
    let address = address();
    let service = Service::new(SERVICE, |_| Ok(())).command(ASK, |_, call| {
        let [policy, priority] = scheduling();
        let [inherited, _] = std::thread::spawn(scheduling).join().unwrap();
        let on = rustix::thread::sched_getaffinity(None).unwrap();
        let first = (0..1024).find(|&it| on.is_set(it)).unwrap() as u32;
        let words = [policy, priority, inherited, on.count(), first];
        call.reply(&words.map(u32::to_ne_bytes).concat());
    });
    let endpoint = builder(Endpoint::builder(address.clone()).service(service));
    let _server = endpoint.bind()?.spawn()?;
    let reply = client(&address).call(ASK, b"").unwrap().to_vec();
    let words = reply
        .chunks(4)
        .map(|it| u32::from_ne_bytes(it.try_into().unwrap()));
    Ok(words.collect::<Vec<_>>().try_into().unwrap())
}

fn threads_run_where_they_should() {
    let own = rustix::thread::sched_getaffinity(None).unwrap();
    let last = (0..1024).rfind(|&it| own.is_set(it)).unwrap();
    let [.., count, _] = ask(|it| it).unwrap();
    assert_eq!(count, own.count());
    let [.., count, first] = ask(|it| it.processors(&[last])).unwrap();
    assert_eq!((count, first), (1, last as u32));
    // That of this thread is as it was.
    assert_eq!(rustix::thread::sched_getaffinity(None).unwrap(), own);
}

fn threads_are_scheduled_as_they_should() {
    let mut alone = Process::start("placement::as_unlimited", "");
    alone.wait_for("scheduled");
}

/// The test above, in a process where no other test runs.
fn as_unlimited() {
    let [policy, ..] = ask(|it| it).unwrap();
    assert_eq!(policy, libc::SCHED_OTHER as u32);
    let wanted = [
        (Scheduling::Fifo, libc::SCHED_FIFO, HIGHEST),
        (Scheduling::RoundRobin, libc::SCHED_RR, 1),
    ];
    for (scheduling, number, priority) in wanted {
        let [policy, at, inherited, ..] = ask(|it| it.schedule(scheduling, priority)).unwrap();
        assert_eq!([policy, at], [number as u32, priority.into()]);
        assert_eq!(inherited, libc::SCHED_OTHER as u32);
    }
    say("scheduled");
}

fn who_may_not_is_told_the_limit() {
    let mut alone = Process::start("placement::as_limited", "");
    alone.wait_for("was told");
}

fn limit(most: u64, highest: u64) -> Rlimit {
    Rlimit {
        current: Some(most),
        maximum: Some(highest),
    }
}

/// The test above, as a user without rights.
fn as_limited() {
    // Not even root may raise it in some containers.
    let highest = match setrlimit(Resource::Rtprio, limit(4, 4)) {
        Ok(()) => 4,
        Err(_) => getrlimit(Resource::Rtprio).maximum.unwrap_or(0).min(4),
    };
    become_nobody();
    for (most, priority, may) in [(4, 4, true), (4, 5, false), (0, 1, false)] {
        if most > highest {
            continue;
        }
        setrlimit(Resource::Rtprio, limit(most, highest)).unwrap();
        match ask(|it| it.schedule(Scheduling::Fifo, priority)) {
            Ok([policy, at, ..]) => {
                assert!(may);
                assert_eq!([policy, at], [libc::SCHED_FIFO as u32, priority.into()]);
            }
            Err(error) => {
                assert!(!may, "{error}");
                let text = error.to_string();
                let told = format!("at priority {priority}");
                assert!(
                    text.contains(&told) && text.contains("RLIMIT_RTPRIO"),
                    "{text}"
                );
                let BindError::Schedule { most: found, .. } = error else {
                    panic!("{text}");
                };
                assert_eq!(found, most);
            }
        }
    }
    say("was told");
}

fn what_is_impossible_is_an_error() {
    for priority in [0, 100, 255] {
        let error = ask(|it| it.schedule(Scheduling::RoundRobin, priority)).unwrap_err();
        assert!(matches!(error, BindError::Schedule { .. }), "{error}");
    }
    for processor in [1023, 1024, usize::MAX] {
        let error = ask(|it| it.processors(&[processor])).unwrap_err();
        assert!(matches!(error, BindError::Processors { .. }), "{error}");
    }
}
