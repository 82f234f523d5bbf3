// SPDX-License-Identifier: MIT OR Apache-2.0
//! Serving from the application's own loop: one descriptor to poll, one function to call.

use std::collections::{HashMap, VecDeque};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use super::acceptor::{Accepted, GREETINGS, accept_one, to_give_up};
use super::channel::{Channel, Heard};
use super::connection::Connection;
use super::endpoint::Shared;
use super::greeting::{Greeting, Progress};
use super::listener::Listener;
use super::service::{AnyService, AnySession};
use super::threads::not_ready;
use crate::handshake::{Reason, Refusal};
use crate::layout::server;
use crate::ring::Inbox;
use crate::wait::watcher::{self, Watching};
use crate::wait::{End, Mode, State, publish_cpu};

/// An endpoint that is served from a loop of the application's own.
///
/// Its descriptor can be read when there is something to do; then call [`EndpointLoop::dispatch`], which runs handlers
/// and hooks in the calling thread and never waits. Any poll function and any loop will do, level- or edge-triggered.
/// Dropping it disconnects all clients.
///
/// Nothing waits for a client here: where a service does not say otherwise, its events are refused when there is no room
/// for them, [`Overflow::Refuse`](super::Overflow::Refuse).
///
/// ```
/// use coroipc::{Address, Client, CommandId, Endpoint, Service, ServiceId};
/// use rustix::event::{PollFd, PollFlags, poll};
///
/// let address = Address::abstract_name(format!("doc-loop-{}", std::process::id()));
/// let hello = Service::new(ServiceId::new(1), |_connection| Ok(()))
///     .command(CommandId::new(1), |_session, call| call.reply(b"hello"));
/// let mut server = Endpoint::builder(address.clone()).service(hello).bind()?.into_loop()?;
///
/// let client = std::thread::spawn(move || {
///     let client = Client::builder(address, ServiceId::new(1)).connect()?;
///     Ok::<_, coroipc::ConnectError>(client.call(CommandId::new(1), b"").map(|it| it.to_vec()))
/// });
/// while !client.is_finished() {
///     let timeout = rustix::event::Timespec { tv_sec: 0, tv_nsec: 10_000_000 };
///     poll(&mut [PollFd::new(&server, PollFlags::IN)], Some(&timeout))?;
///     server.dispatch()?;
/// }
/// assert_eq!(client.join().expect("it does not panic")??, b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct EndpointLoop {
    shared: Arc<Shared>,
    listener: Listener,
    epoll: OwnedFd,
    /// Can be read while a connection has more requests than were handled in one go.
    again: OwnedFd,
    /// Can be read when a client has taken too long to say what it wants.
    timer: OwnedFd,
    next: u64,
    greetings: HashMap<u64, Greeting>,
    served: HashMap<u64, Served>,
    busy: VecDeque<u64>,
    /// There may be more to accept or to ask the kernel for.
    more: bool,
    /// Nobody is accepted until then, since no descriptor was left.
    paused_until: Option<Instant>,
    pid: u32,
}

struct Served {
    channel: Arc<Channel>,
    session: Box<dyn AnySession>,
    inbox: Inbox,
    _watching: Watching,
}

const LISTENER: u64 = 0;
const AGAIN: u64 = 1;
const TIMER: u64 = 2;

/// How long nobody is accepted after no descriptor was left.
const PAUSE: Duration = Duration::from_millis(10);

/// Requests of one connection, and clients, that are handled before others get their turn.
const TURN: usize = 64;

impl EndpointLoop {
    pub(super) fn new(shared: Arc<Shared>, listener: Listener) -> Result<Self, Errno> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let again = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let add = |source: BorrowedFd<'_>, token| {
            epoll::add(&epoll, source, EventData::new_u64(token), EventFlags::IN)
        };
        add(listener.as_fd(), LISTENER)?;
        add(again.as_fd(), AGAIN)?;
        add(timer.as_fd(), TIMER)?;
        Ok(Self {
            shared,
            listener,
            epoll,
            again,
            timer,
            next: TIMER + 1,
            greetings: HashMap::new(),
            served: HashMap::new(),
            busy: VecDeque::new(),
            more: false,
            paused_until: None,
            pid: std::process::id(),
        })
    }

    /// Does what there is to do: accepts clients, runs handlers and hooks. It never waits for anybody, and leaves what
    /// is much for the next time. How many requests were handled.
    ///
    /// # Errors
    /// The kernel's, when it cannot be asked what there is to do.
    pub fn dispatch(&mut self) -> std::io::Result<usize> {
        let mut events = [const { MaybeUninit::uninit() }; TURN];
        let now = Some(&Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        });
        let ready: Vec<u64> = match epoll::wait(&self.epoll, &mut events, now) {
            Ok((ready, _)) => ready.iter().map(|event| event.data.u64()).collect(),
            Err(Errno::INTR) => Vec::new(),
            Err(errno) => return Err(errno.into()),
        };
        // An edge-triggered outer loop is told once, so there must be an edge for what is left.
        self.more = ready.len() == TURN;
        let had_more = self.more;
        let mut handled = 0;
        let busy = std::mem::take(&mut self.busy);
        for token in ready {
            match token {
                LISTENER => self.accept(),
                // What is level-triggered in here is found by asking again.
                AGAIN => {}
                TIMER => self.give_up_the_slow(),
                token if self.greetings.contains_key(&token) => self.greet(token),
                token if !busy.contains(&token) => handled += self.serve(token),
                _ => {}
            }
        }
        self.more |= had_more;
        for token in busy {
            handled += self.serve(token);
        }
        self.mark_again();
        Ok(handled)
    }

    /// Those who are connected now.
    pub fn connections(&self) -> Vec<Connection> {
        let channels = self.served.values().map(|served| served.channel.clone());
        channels.map(Connection::new).collect()
    }

    fn accept(&mut self) {
        self.more = true;
        for _ in 0..TURN {
            match accept_one(&self.shared, &self.listener) {
                Accepted::Nobody => {
                    self.more = false;
                    break;
                }
                Accepted::NoResources => {
                    // The listening socket stays readable: leave it alone for a moment.
                    self.more = false;
                    self.pause(Some(Instant::now() + PAUSE));
                    break;
                }
                Accepted::Refused => {}
                Accepted::Client(mut greeting) => {
                    self.make_room();
                    let (token, data) = (self.next, EventData::new_u64(self.next));
                    let flags = EventFlags::IN | EventFlags::RDHUP;
                    if let Err(errno) = epoll::add(&self.epoll, &greeting, data, flags) {
                        let text = format!("watching the connection: {errno}");
                        greeting.refuse(&self.shared, Refusal::new(Reason::Resources, text));
                        continue;
                    }
                    self.next += 1;
                    self.greetings.insert(token, greeting);
                }
            }
        }
        self.set_timer();
    }

    /// Gives up a greeting if there are too many.
    fn make_room(&mut self) {
        if self.greetings.len() >= GREETINGS
            && let Some(token) = to_give_up(self.greetings.iter().map(|(&token, it)| (token, it)))
            && let Some(mut greeting) = self.greetings.remove(&token)
        {
            greeting.refuse(&self.shared, Refusal::new(Reason::TooSlow, ""));
        }
    }

    /// Listens to nobody new until then, or does again.
    fn pause(&mut self, until: Option<Instant>) {
        self.paused_until = until;
        let flags = match until {
            Some(_) => EventFlags::empty(),
            None => EventFlags::IN,
        };
        let data = EventData::new_u64(LISTENER);
        // Both descriptors are good, so it cannot fail.
        let _ = epoll::modify(&self.epoll, &self.listener, data, flags);
    }

    fn greet(&mut self, token: u64) {
        let Some(greeting) = self.greetings.get_mut(&token) else {
            return;
        };
        match greeting.advance(&self.shared) {
            Progress::Waiting => {}
            Progress::Over => {
                self.greetings.remove(&token);
                self.set_timer();
            }
            Progress::Connected(channel, service) => {
                self.greetings.remove(&token);
                // So that a client which was in time does not wake the loop.
                self.set_timer();
                if let Some(served) = self.connected(&channel, service) {
                    self.served.insert(token, served);
                    self.serve(token);
                }
            }
        }
    }

    fn connected(&self, channel: &Arc<Channel>, service: Arc<dyn AnyService>) -> Option<Served> {
        // Also here: a thread that waits for room in a ring, perhaps this one, must learn that the client is gone.
        let watching = watcher::watch(
            &*channel.socket,
            channel.credentials.process(),
            watcher::weak(channel),
        );
        let id = service.id();
        let refused = match watching {
            Err(errno) => Refusal::new(Reason::Resources, errno.to_string()),
            Ok(watching) => match service.connect(Connection::new(channel.clone())) {
                Err(refusal) => refusal,
                Ok(session) => {
                    self.shared.connected(channel, id);
                    match channel.say_ready(self.shared.process()) {
                        Ok(()) => {
                            return Some(Served {
                                channel: channel.clone(),
                                session,
                                inbox: Inbox::default(),
                                _watching: watching,
                            });
                        }
                        Err(errno) => {
                            session.disconnect();
                            not_ready(errno)
                        }
                    }
                }
            },
        };
        let uid = channel.credentials.uid();
        self.shared.refused(Some(uid), &refused);
        channel.refuse(refused);
        // The hook may keep the connection, and so its socket, which is of no interest any more.
        let _ = epoll::delete(&self.epoll, &*channel.socket);
        None
    }

    /// Handles requests of a connection. How many.
    fn serve(&mut self, token: u64) -> usize {
        let Some(served) = self.served.get_mut(&token) else {
            return 0;
        };
        publish_cpu(served.channel.own.word(server::CPU));
        let (handled, end) = served.turn(&self.shared);
        match end {
            Turn::Idle => {}
            Turn::More => self.busy.push_back(token),
            Turn::Over => {
                if let Some(served) = self.served.remove(&token) {
                    let _ = epoll::delete(&self.epoll, &*served.channel.socket);
                    served.session.disconnect();
                }
            }
        }
        handled
    }

    fn give_up_the_slow(&mut self) {
        let now = Instant::now();
        if self.paused_until.is_some_and(|until| until <= now) {
            self.pause(None);
        }
        let shared = &self.shared;
        self.greetings.retain(|_, greeting| {
            let slow = greeting.deadline <= now;
            if slow {
                greeting.refuse(shared, Refusal::new(Reason::TooSlow, ""));
            }
            !slow
        });
        self.set_timer();
    }

    fn set_timer(&self) {
        let deadlines = self.greetings.values().map(|it| it.deadline);
        let next = deadlines.chain(self.paused_until).min();
        // A time of zero stops it.
        let left = next.map_or(Duration::ZERO, |next| {
            let left = next.saturating_duration_since(Instant::now());
            left.max(Duration::from_nanos(1))
        });
        let zero = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let time = Itimerspec {
            it_interval: zero,
            it_value: Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            },
        };
        // The descriptor and the time are good, so it cannot fail.
        let _ = timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &time);
    }

    fn mark_again(&self) {
        let mut count = [0; 8];
        let _ = if self.busy.is_empty() && !self.more {
            rustix::io::read(&self.again, &mut count)
        } else {
            rustix::io::write(&self.again, &1u64.to_ne_bytes())
        };
    }
}

/// How a connection's turn ended.
enum Turn {
    /// It has no more requests, and will ring for the next.
    Idle,
    /// It has more requests.
    More,
    /// The connection is over.
    Over,
}

impl Served {
    fn turn(&mut self, shared: &Shared) -> (usize, Turn) {
        let channel = self.channel.clone();
        let heard = channel.hear();
        channel.room_made();
        if channel.events.take_room_again() && !self.session.room_again() {
            channel.refuse(Refusal::new(Reason::Panicked, ""));
            return (0, Turn::Over);
        }
        State::withdraw(channel.own.word(server::WAIT));
        for handled in 0..TURN {
            if channel.life.over().is_some() {
                return (handled, Turn::Over);
            }
            match self.handle_one(shared) {
                Ok(true) => {}
                Ok(false) if heard == Heard::End => {
                    channel.end(End::HungUp);
                    return (handled, Turn::Over);
                }
                Ok(false) => {
                    State::announce(channel.own.word(server::WAIT), Mode::Poll);
                    // SYNC POINT: as in `wait::sleep`.
                    crate::sync::fence(crate::sync::Ordering::SeqCst);
                    match self.handle_one(shared) {
                        Ok(true) => State::withdraw(channel.own.word(server::WAIT)),
                        Ok(false) if heard == Heard::All => return (handled, Turn::Idle),
                        Ok(false) => return (handled, Turn::More),
                        Err(()) => return (handled, Turn::Over),
                    }
                }
                Err(()) => return (handled, Turn::Over),
            }
        }
        (TURN, Turn::More)
    }

    /// Handles a request if there is one. An error when the connection is over.
    fn handle_one(&mut self, shared: &Shared) -> Result<bool, ()> {
        let channel = &self.channel;
        let begun = self
            .inbox
            .take(&channel.peer, &channel.sizes)
            .and_then(|taken| taken.map(|request| channel.call(request)).transpose());
        match begun {
            Ok(None) => Ok(false),
            Ok(Some(call)) => {
                let goes_on = shared
                    .admit(call)
                    .is_ok_and(|admitted| admitted.is_none_or(|call| self.session.dispatch(call)));
                if !goes_on {
                    channel.refuse(Refusal::new(Reason::Panicked, ""));
                    return Err(());
                }
                Ok(true)
            }
            Err(violation) => {
                channel.violated(violation);
                Err(())
            }
        }
    }
}

impl AsFd for EndpointLoop {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

impl Drop for EndpointLoop {
    fn drop(&mut self) {
        // In a process that was forked they are not its own.
        if self.pid != std::process::id() {
            return;
        }
        for (_, served) in self.served.drain() {
            served
                .channel
                .refuse(Refusal::new(Reason::ShuttingDown, ""));
            served.session.disconnect();
        }
    }
}

impl std::fmt::Debug for EndpointLoop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EndpointLoop")
            .field("greetings", &self.greetings.len())
            .field("served", &self.served.len())
            .finish_non_exhaustive()
    }
}
