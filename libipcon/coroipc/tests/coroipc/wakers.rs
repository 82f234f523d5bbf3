// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tasks whose wakers do something when they are copied and dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, RawWaker, RawWakerVTable, Waker};

use crate::loop_limits::server_without_rules;
use crate::raw::Words;
use crate::world::*;

pub(crate) fn all() -> Vec<Case> {
    cases![a_task_is_woken_though_the_server_takes_it_back]
}

/// What happens when a waker is copied, and when one is dropped without waking anybody.
struct Hooks {
    copied: Box<dyn Fn() + Send + Sync>,
    dropped: Box<dyn Fn() + Send + Sync>,
    woken: AtomicU32,
}

impl Hooks {
    fn new(
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

    fn waker(self: &Arc<Self>) -> Waker {
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
