// SPDX-License-Identifier: MIT OR Apache-2.0
//! A socket that has doorbells only, and the poll loops of a client that share it.

use loom::sync::{Arc, Condvar, Mutex, MutexGuard};

use crate::polled::{Awaited, DOORBELL, Found, Memory, Next, Polled};
use crate::region::{Own, Peer, World};
use crate::sizes::Sizes;

/// How many doorbells there are.
#[derive(Default)]
pub(crate) struct Socket {
    doorbells: Mutex<usize>,
    rung: Condvar,
}

impl Socket {
    pub(crate) fn ring(&self) {
        *self.doorbells.lock().unwrap() += 1;
        self.rung.notify_all();
    }

    /// Bytes of all that is there.
    fn queued(&self) -> u64 {
        *self.doorbells.lock().unwrap() as u64 * DOORBELL
    }

    /// Takes one, if there is one.
    fn take(&self) -> bool {
        let mut doorbells = self.doorbells.lock().unwrap();
        let taken = *doorbells != 0;
        *doorbells -= usize::from(taken);
        taken
    }

    /// Waits as `poll` does: who is woken looks again, and goes on sleeping if another has taken all.
    pub(crate) fn poll(&self) {
        let mut doorbells = self.doorbells.lock().unwrap();
        while *doorbells == 0 {
            doorbells = self.rung.wait(doorbells).unwrap();
        }
        drop(doorbells);
        // A doorbell that is left for another loop stays until that one has run.
        loom::thread::yield_now();
    }
}

/// A client's side.
pub(crate) struct Client {
    own: Own,
    peer: Peer,
    sizes: Sizes,
    pub(crate) socket: Arc<Socket>,
    heard: Mutex<Polled>,
}

impl Client {
    pub(crate) fn new(world: &World, sizes: Sizes) -> Self {
        Self {
            own: world.client_own(),
            peer: world.server_peer(),
            sizes,
            socket: Arc::default(),
            heard: Mutex::default(),
        }
    }

    fn memory(&self) -> Memory<'_> {
        Memory {
            own: &self.own,
            peer: &self.peer,
            sizes: &self.sizes,
        }
    }

    /// As `Core::poll` of the library.
    pub(crate) fn ask(&self, awaited: Awaited) -> bool {
        let mut heard = self.heard.lock().unwrap();
        // No task waits here, so there are no wakers.
        let _ = heard.stop(self.memory(), awaited);
        self.listen(&mut heard);
        heard.wait(self.memory(), awaited, None).0
    }

    /// As `Core::listen` of the library. A doorbell may come at any time, also between two looks.
    fn listen(&self, heard: &mut MutexGuard<'_, Polled>) {
        loop {
            let queued = || self.socket.queued();
            let goes_on = match heard.next(self.memory(), queued, &mut Found::default()) {
                Next::Leave => false,
                Next::Take => self.socket.take(),
                Next::Nothing => self.socket.queued() != 0,
            };
            if !goes_on {
                return;
            }
        }
    }
}
