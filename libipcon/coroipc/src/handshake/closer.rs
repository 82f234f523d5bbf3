// SPDX-License-Identifier: MIT OR Apache-2.0
//! Closes descriptors where nobody waits for that, in few threads however many there are.

use std::any::Any;
use std::os::fd::OwnedFd;
use std::sync::{Arc, LazyLock};

use parking_lot::Mutex;

/// Threads that close for all connections which have no closer of their own: where some are stuck, the others go on.
const THREADS: usize = 8;

/// Closes descriptors for a connection, or for several.
pub(crate) struct Closer {
    waiting: Mutex<Waiting>,
    most_threads: usize,
    /// What is to count for as long as anything is open here.
    _on_behalf_of: Option<Arc<dyn Any + Send + Sync>>,
}

#[derive(Debug, Default)]
struct Waiting {
    files: Vec<OwnedFd>,
    /// Those that are being closed too.
    open: usize,
    threads: usize,
}

impl Closer {
    fn new(most_threads: usize, on_behalf_of: Option<Arc<dyn Any + Send + Sync>>) -> Arc<Self> {
        Arc::new(Self {
            waiting: Mutex::default(),
            most_threads,
            _on_behalf_of: on_behalf_of,
        })
    }

    /// One for a connection of somebody, whose share is kept until all is closed.
    pub(crate) fn on_behalf_of(share: Arc<dyn Any + Send + Sync>) -> Arc<Self> {
        Self::new(1, Some(share))
    }

    /// The one for all connections that this process makes as a client.
    pub(crate) fn of_process() -> Arc<Self> {
        static OF_PROCESS: LazyLock<Arc<Closer>> = LazyLock::new(|| Closer::new(THREADS, None));
        OF_PROCESS.clone()
    }

    /// Descriptors that are not closed yet.
    pub(crate) fn open(&self) -> usize {
        self.waiting.lock().open
    }

    /// Closes them without making the caller wait.
    pub(super) fn close(self: &Arc<Self>, files: Vec<OwnedFd>) {
        let mut waiting = self.waiting.lock();
        waiting.open += files.len();
        waiting.files.extend(files);
        if waiting.threads == self.most_threads {
            return;
        }
        let closer = self.clone();
        let spawned = std::thread::Builder::new()
            .name("coroipc-close".into())
            .stack_size(64 << 10)
            .spawn(move || closer.run());
        // Where no thread can be had they stay open until there are more, which is better than to wait for who knows how
        // long.
        waiting.threads += usize::from(spawned.is_ok());
    }

    fn run(&self) {
        let mut closed = 0;
        loop {
            let mut waiting = self.waiting.lock();
            waiting.open -= closed;
            let Some(file) = waiting.files.pop() else {
                waiting.threads -= 1;
                return;
            };
            drop(waiting);
            drop(file);
            closed = 1;
        }
    }
}

impl Drop for Closer {
    fn drop(&mut self) {
        // No thread could be had. Perhaps one can be had later.
        let files = std::mem::take(&mut self.waiting.get_mut().files);
        if !files.is_empty() {
            Self::of_process().close(files);
        }
    }
}

impl std::fmt::Debug for Closer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Closer")
            .field("waiting", &*self.waiting.lock())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test ends where something is missing")]

    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    use super::*;

    /// A connection that lingers when it is closed, until the other end is closed.
    fn slow_to_close() -> (OwnedFd, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (other, _) = listener.accept().unwrap();
        let lingers = Some(Duration::from_secs(60));
        rustix::net::sockopt::set_socket_linger(&stream, lingers).unwrap();
        stream.set_nonblocking(true).unwrap();
        while stream.write(&[0; 1 << 16]).is_ok() {}
        stream.set_nonblocking(false).unwrap();
        (stream.into(), other)
    }

    #[test]
    fn one_thread_closes_what_is_many_and_the_share_is_kept_until_then() {
        let share = Arc::new(());
        let closer = Closer::on_behalf_of(share.clone());
        let mut others = Vec::new();
        for count in 1..=3 {
            let (slow, other) = slow_to_close();
            others.push(other);
            closer.close(vec![slow]);
            assert_eq!(closer.open(), count);
            assert_eq!(closer.waiting.lock().threads, 1);
        }
        drop(closer);
        assert_eq!(Arc::strong_count(&share), 2);
        drop(others);
        let began = std::time::Instant::now();
        while Arc::strong_count(&share) != 1 {
            assert!(began.elapsed() < Duration::from_secs(20));
            std::thread::yield_now();
        }
    }
}
