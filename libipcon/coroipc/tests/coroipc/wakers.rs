// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tasks whose wakers do something when they are copied and dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

use crate::raw::Words;
use crate::raw::server_without_rules;
use crate::world::*;

pub(crate) fn all() -> Vec<Case> {
    cases![
        a_task_is_woken_though_the_server_takes_it_back,
        wakers_may_use_the_client,
    ]
}

/// What happens when a waker is copied, and when one is dropped without waking anybody.
pub(crate) struct Hooks {
    copied: Box<dyn Fn() + Send + Sync>,
    dropped: Box<dyn Fn() + Send + Sync>,
    woken: AtomicU32,
}

impl Hooks {
    pub(crate) fn new(
        copied: impl Fn() + Send + Sync + 'static,
        dropped: impl Fn() + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            copied: Box::new(copied),
            dropped: Box::new(dropped),
            woken: AtomicU32::new(0),
        })
    }

    /// How often the task was woken.
    fn woken(&self) -> u32 {
        self.woken.load(Ordering::SeqCst)
    }

    pub(crate) fn waker(self: &Arc<Self>) -> Waker {
        let data = Arc::into_raw(self.clone()).cast();
        // SAFETY: The table's functions take what `Arc::into_raw` gave, and all of it may be used by any thread.
        unsafe { Waker::new(data, &TABLE) }
    }
}

static TABLE: RawWakerVTable = RawWakerVTable::new(copy, wake, wake_by_ref, forget);

/// # Safety
/// The data is that of [`Hooks::waker`], whose count the caller has a share of.
unsafe fn borrow<'a>(data: *const ()) -> &'a Hooks {
    // SAFETY: The caller keeps it alive.
    unsafe { &*data.cast() }
}

unsafe fn copy(data: *const ()) -> RawWaker {
    // SAFETY: The waker that is copied keeps it alive.
    (unsafe { borrow(data) }.copied)();
    // SAFETY: It came from `Arc::into_raw`.
    unsafe { Arc::increment_strong_count(data.cast::<Hooks>()) };
    RawWaker::new(data, &TABLE)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: It came from `Arc::into_raw`, and the waker's share goes here.
    let hooks = unsafe { Arc::from_raw(data.cast::<Hooks>()) };
    hooks.woken.fetch_add(1, Ordering::SeqCst);
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: The waker keeps it alive.
    let hooks = unsafe { borrow(data) };
    hooks.woken.fetch_add(1, Ordering::SeqCst);
}

unsafe fn forget(data: *const ()) {
    // SAFETY: It came from `Arc::into_raw`, and the waker's share goes here.
    let hooks = unsafe { Arc::from_raw(data.cast::<Hooks>()) };
    (hooks.dropped)();
}

/// Writes a word of the server's region when the waker is copied, which is before it is waited for, and takes it back when
/// the waker is dropped, which is when it was found to be there.
fn taking_back(words: &Arc<Words>, at: usize, value: u32) -> Arc<Hooks> {
    let before = words.words()[at].load(Ordering::SeqCst);
    let write = |value| {
        let words = words.clone();
        move || words.words()[at].store(value, Ordering::SeqCst)
    };
    Hooks::new(write(value), write(before))
}

/// Ends the test when it does not go on, as with a lock that its thread has already.
pub(crate) fn goes_on(body: impl FnOnce() + Send + 'static) {
    let thread = std::thread::spawn(body);
    until("it goes on", || thread.is_finished());
    thread.join().unwrap();
}

fn a_task_is_woken_though_the_server_takes_it_back() {
    let name = format!("coroipc-wakers-back-{}", std::process::id());
    let (_raw, words, client) = server_without_rules(&name);
    let words = Arc::new(words);
    let mut events = client.events().unwrap();
    // The first request is number 1 in the slot 0.
    let mut pending = client.start(ECHO, &[], None).unwrap();
    let reply = taking_back(&words, 16 * 4, 1);
    let waker = reply.waker();
    let polled = pending.poll_reply(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
    assert_eq!(reply.woken(), 1, "nobody will wake it");
    let event = taking_back(&words, 16 * 2, 16);
    let waker = event.waker();
    let polled = events.poll_next(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
    assert_eq!(event.woken(), 1, "nobody will wake it");
}

fn wakers_may_use_the_client() {
    goes_on(|| {
        let name = format!("coroipc-wakers-use-{}", std::process::id());
        let (_raw, words, client) = server_without_rules(&name);
        let (words, client) = (Arc::new(words), Arc::new(client));
        let mut events = client.events().unwrap();
        let mut pending = client.start(ECHO, &[], None).unwrap();
        let uses = Arc::new(AtomicU32::new(0));
        let hear = {
            let (client, uses) = (client.clone(), uses.clone());
            move || {
                uses.fetch_add(1, Ordering::SeqCst);
                client.dispatch();
            }
        };
        let waker = Hooks::new(hear.clone(), hear.clone()).waker();
        let mut context = Context::from_waker(&waker);
        // The second wait is instead of the first.
        for expected in [1, 3] {
            assert!(pending.poll_reply(&mut context).is_pending());
            assert_eq!(uses.load(Ordering::SeqCst), expected);
        }
        for expected in [4, 6] {
            assert!(events.poll_next(&mut context).is_pending());
            assert_eq!(uses.load(Ordering::SeqCst), expected);
        }
        drop(events);
        assert_eq!(uses.load(Ordering::SeqCst), 7);
        // The answer to the first request, which is number 1 in the slot 0, comes when it is about to be waited for.
        let answer = {
            let hear = hear.clone();
            move || {
                words.words()[16 * 4].store(1, Ordering::SeqCst);
                hear();
            }
        };
        let answered = Hooks::new(answer, hear).waker();
        let reply = pending.poll_reply(&mut Context::from_waker(&answered));
        assert!(matches!(reply, Poll::Ready(Ok(_))), "{reply:?}");
        drop(reply);
        // This copy and the one before went.
        assert_eq!(uses.load(Ordering::SeqCst), 10);
    });
}
