// SPDX-License-Identifier: MIT OR Apache-2.0
//! Accepting clients and greeting them, all in one thread, none waiting for another.

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::endpoint::Shared;
use super::greeting::{Greeting, Progress};
use super::listener::Listener;
use super::registry::Registered;
use super::threads;
use crate::handshake::wire::Message;
use crate::handshake::{Credentials, Reason, Refusal, socket};
use crate::statistics::EndpointCounter;

/// Clients that are accepted before others get their turn.
const TURN: usize = 64;

/// Clients that may be greeted at once; see [`to_give_up`].
pub(super) const GREETINGS: usize = 256;

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
                let registered = Arc::new(Registered::new(shared.clone(), channel.clone()));
                let refusing = shared;
                let (shared, its) = (shared.clone(), registered.clone());
                let spawned = std::thread::Builder::new()
                    .name(format!("coroipc-{}", channel.number))
                    .stack_size(shared.stack_size)
                    .spawn(move || threads::serve(&shared, &its.channel, service));
                // Without a thread it is to be told why before the end, which comes with `registered`.
                if let Err(error) = spawned {
                    let text = format!("starting a thread: {error}");
                    let refusal = Refusal::new(Reason::Resources, text);
                    refusing.refused(Some(channel.credentials.uid()), &refusal);
                    channel.refuse(refusal);
                }
                false
            }
        }
    });
}

/// Accepts those who wait, and leaves what is many for the next time. Whether that was possible.
fn accept(shared: &Shared, listener: &Listener, greetings: &mut Vec<Greeting>) -> bool {
    for _ in 0..TURN {
        let greeting = match accept_one(shared, listener) {
            Accepted::Nobody => return true,
            Accepted::NoResources => return false,
            Accepted::Refused => continue,
            Accepted::Client(greeting) => greeting,
        };
        if greetings.len() >= GREETINGS
            && let Some(at) = to_give_up(greetings.iter().enumerate())
        {
            greetings
                .remove(at)
                .refuse(shared, Refusal::new(Reason::TooSlow, ""));
        }
        greetings.push(greeting);
    }
    true
}

/// Which of many greetings makes room for another: the oldest of the user who has most, so that nobody can push out others.
pub(super) fn to_give_up<'a, K>(
    greetings: impl Iterator<Item = (K, &'a Greeting)> + Clone,
) -> Option<K> {
    let mut of_user = HashMap::<u32, usize>::new();
    for (_, greeting) in greetings.clone() {
        *of_user.entry(greeting.uid).or_default() += 1;
    }
    let most = of_user.into_iter().max_by_key(|&(_, count)| count)?.0;
    greetings
        .filter(|(_, greeting)| greeting.uid == most)
        .min_by_key(|(_, greeting)| greeting.deadline)
        .map(|(key, _)| key)
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

/// Accepts a client.
pub(super) fn accept_one(shared: &Shared, listener: &Listener) -> Accepted {
    use rustix::io::Errno;
    let socket = match listener.accept() {
        Ok(socket) => socket,
        Err(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS) => {
            return Accepted::NoResources;
        }
        // Who waited has gone.
        Err(Errno::CONNABORTED | Errno::INTR) => return Accepted::Refused,
        Err(_) => return Accepted::Nobody,
    };
    shared.statistics.count(EndpointCounter::Accepted);
    let uid = Credentials::uid_of_peer(socket.as_fd());
    let entered = uid
        .map_err(|errno| Refusal::new(Reason::Resources, errno.to_string()))
        .and_then(|uid| shared.ledger.enter(uid));
    match entered {
        Ok(entry) => {
            let deadline = crate::clock::after(shared.greeting_time);
            Accepted::Client(Greeting::new(socket, entry, deadline))
        }
        Err(refusal) => {
            shared.refused(uid.ok(), &refusal);
            let _ = socket::send(&socket, &Message::Refused(refusal), &[]);
            Accepted::Refused
        }
    }
}

fn timespec(time: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: time.subsec_nanos().into(),
    }
}
