// SPDX-License-Identifier: MIT OR Apache-2.0
//! Accepting clients and greeting them, all in one thread, none waiting for another.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::endpoint::Shared;
use super::greeting::{Greeting, Progress};
use super::listener::Listener;
use super::threads;
use crate::handshake::{Reason, Refusal};

/// Clients that may be greeted at once. The one that has been silent for longest makes room for the next.
const GREETINGS: usize = 256;

/// Accepts clients until `stop` can be read, and gives each a thread.
pub(super) fn run(shared: &Arc<Shared>, listener: &Listener, stop: &OwnedFd) {
    let mut greetings: Vec<Greeting> = Vec::new();
    let mut paused_until: Option<Instant> = None;
    loop {
        let now = Instant::now();
        if paused_until.is_some_and(|until| until <= now) {
            paused_until = None;
        }
        let listening = if paused_until.is_some() {
            PollFlags::empty()
        } else {
            PollFlags::IN
        };
        let mut fds = vec![
            PollFd::new(stop, PollFlags::IN),
            PollFd::new(listener, listening),
        ];
        fds.extend(greetings.iter().map(|it| PollFd::new(it, PollFlags::IN)));
        let next = greetings
            .iter()
            .map(|it| it.deadline)
            .chain(paused_until)
            .min();
        let timeout = next.map(|next| timespec(next.saturating_duration_since(now)));
        if poll(&mut fds, timeout.as_ref()).is_err() {
            continue;
        }
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        drop(fds);
        if ready[0] {
            return;
        }
        greet(shared, &mut greetings, &ready[2..]);
        if ready[1] && !accept(shared, listener, &mut greetings) {
            // Without descriptors the listening socket stays readable: leave it alone for a moment.
            paused_until = Some(Instant::now() + Duration::from_millis(10));
        }
    }
}

/// Goes on with the greetings that something came for, and ends those that take too long.
fn greet(shared: &Arc<Shared>, greetings: &mut Vec<Greeting>, ready: &[bool]) {
    let now = Instant::now();
    let mut ready = ready.iter();
    greetings.retain_mut(|greeting| {
        let progress = if *ready.next().unwrap_or(&false) {
            greeting.advance(shared)
        } else if greeting.deadline <= now {
            greeting.refuse(shared, Refusal::new(Reason::TooSlow, ""))
        } else {
            Progress::Waiting
        };
        match progress {
            Progress::Waiting => true,
            Progress::Over => false,
            Progress::Connected(channel, service) => {
                shared.registry.add(channel.clone());
                let (theirs, shared) = (channel.clone(), shared.clone());
                let spawned = std::thread::Builder::new()
                    .name(format!("coroipc-{}", channel.number))
                    .stack_size(shared.stack_size)
                    .spawn(move || {
                        threads::serve(&shared, &theirs, service);
                        theirs.end(crate::wait::End::Closed);
                        shared.registry.remove(&theirs);
                    });
                if let Err(error) = spawned {
                    let text = format!("starting a thread: {error}");
                    channel.refuse(Refusal::new(Reason::Resources, text));
                }
                false
            }
        }
    });
}

/// Accepts all who wait. Whether that was possible.
fn accept(shared: &Shared, listener: &Listener, greetings: &mut Vec<Greeting>) -> bool {
    loop {
        let connections = shared.registry.count() + greetings.len();
        let greeting = match accept_one(shared, listener, connections) {
            Accepted::Nobody => return true,
            Accepted::NoResources => return false,
            Accepted::Refused => continue,
            Accepted::Client(greeting) => greeting,
        };
        if greetings.len() >= GREETINGS {
            greetings
                .remove(0)
                .refuse(shared, Refusal::new(Reason::TooSlow, ""));
        }
        greetings.push(greeting);
    }
}

/// What came of accepting a client.
pub(super) enum Accepted {
    Client(Greeting),
    /// There are too many.
    Refused,
    /// Nobody waits.
    Nobody,
    /// No descriptor or no memory is left.
    NoResources,
}

/// Accepts a client where there are so many connections already.
pub(super) fn accept_one(shared: &Shared, listener: &Listener, connections: usize) -> Accepted {
    use rustix::io::Errno;
    let socket = match listener.accept() {
        Ok(socket) => socket,
        Err(Errno::MFILE | Errno::NFILE | Errno::NOMEM) => return Accepted::NoResources,
        // Nobody waits, or who did has gone.
        Err(_) => return Accepted::Nobody,
    };
    let mut greeting = Greeting::new(socket, Instant::now() + shared.greeting_time);
    if connections < shared.most_connections {
        return Accepted::Client(greeting);
    }
    let retry_after = Duration::from_millis(100);
    let reason = Reason::Overloaded { retry_after };
    greeting.refuse(shared, Refusal::new(reason, "too many connections"));
    Accepted::Refused
}

fn timespec(time: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: time.subsec_nanos().into(),
    }
}
