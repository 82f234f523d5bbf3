// SPDX-License-Identifier: MIT OR Apache-2.0
//! Serves the pages to clients that may be slow or hostile.
//!
//! Each connection carries one request and lives a bounded time. When there are too many, one of those that have not
//! asked for anything, or may not, makes room: the oldest from where most of them come. So neither idle clients nor those
//! who guess passwords can keep a scrape out that comes from elsewhere, nor one whose password is known already.

mod coding;
mod site;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use crate::listen::{Listeners, Origin, Stream};
pub(crate) use site::Site;
use site::Visit;

/// Most bytes of a request line and its headers. Bodies are not read.
const MOST_HEADER: usize = 16 * 1024;

/// Bounds of what clients may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Connections at a time.
    pub(crate) connections: usize,
    /// Scrapes at a time, each from its request until its connection ends.
    pub(crate) scrapes: usize,
    /// Time for a client to send its request.
    pub(crate) request: Duration,
    /// Time for the bus to be read.
    pub(crate) read: Duration,
    /// Time for all of a connection.
    pub(crate) connection: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 64,
            scrapes: 40,
            request: Duration::from_secs(5),
            read: Duration::from_secs(8),
            connection: Duration::from_secs(30),
        }
    }
}

impl Bounds {
    /// As usual, but for so many scrapes at a time.
    pub(crate) fn for_scrapes(scrapes: usize) -> Self {
        let usual = Self::default();
        Self {
            // Enough for those who are to be told that there are too many.
            connections: usual.connections.max(scrapes + 24),
            scrapes,
            ..usual
        }
    }
}

/// Serves until `stop` is done.
pub(crate) async fn serve(
    mut listeners: Listeners,
    site: Site,
    bounds: Bounds,
    stop: impl Future<Output = ()>,
) {
    let mut stop = pin!(stop);
    let site = Arc::new(site);
    let mut open = Connections::default();
    loop {
        let accepted = tokio::select! {
            () = &mut stop => return,
            accepted = listeners.accept() => accepted,
        };
        match accepted {
            Ok((stream, origin)) if open.make_room(bounds.connections) => {
                open.start(stream, origin, site.clone(), bounds);
            }
            Ok(_) => {}
            // Out of descriptors: waiting for connections to end is all that can be done.
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}

#[derive(Default)]
struct Connections(VecDeque<Connection>);

struct Connection {
    task: AbortHandle,
    origin: Origin,
    /// Whether it asked for something that it may have.
    welcome: Arc<AtomicBool>,
}

impl Connections {
    /// Makes room for one more. False when all are welcome, so that the new one has to go.
    fn make_room(&mut self, limit: usize) -> bool {
        self.0.retain(|connection| !connection.task.is_finished());
        if self.0.len() < limit {
            return true;
        }
        let idle = self.idle_of_most();
        let idle = idle.and_then(|index| self.0.remove(index));
        if let Some(connection) = &idle {
            connection.task.abort();
        }
        idle.is_some()
    }

    /// The oldest that is not welcome, from where most of these come.
    fn idle_of_most(&self) -> Option<usize> {
        let idle = || {
            let all = self.0.iter().enumerate();
            all.filter(|(_, connection)| !connection.welcome.load(Ordering::Relaxed))
        };
        let mut by_origin: BTreeMap<Origin, usize> = BTreeMap::new();
        for (_, connection) in idle() {
            *by_origin.entry(connection.origin).or_default() += 1;
        }
        let (most, _) = by_origin.into_iter().max_by_key(|(_, count)| *count)?;
        let oldest = idle().find(|(_, connection)| connection.origin == most);
        oldest.map(|(index, _)| index)
    }

    fn start(&mut self, stream: Box<dyn Stream>, origin: Origin, site: Arc<Site>, bounds: Bounds) {
        let welcome = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(timeout(
            bounds.connection,
            handle(stream, site, bounds, welcome.clone()),
        ));
        self.0.push_back(Connection {
            task: task.abort_handle(),
            origin,
            welcome,
        });
    }
}

async fn handle(
    stream: Box<dyn Stream>,
    site: Arc<Site>,
    bounds: Bounds,
    welcome: Arc<AtomicBool>,
) {
    // Until it is known who it is, a client has as long as for its request.
    let secured = timeout(bounds.request, async {
        let web = site.web().current().await;
        let stream = web.secure(stream).await?;
        Some((web, stream))
    });
    let Ok(Some((web, stream))) = secured.await else {
        return;
    };
    let visit = Visit {
        web,
        welcome,
        place: OnceLock::new(),
    };
    let service = service_fn(|request| {
        let (site, visit) = (&site, &visit);
        async move { Ok::<_, Infallible>(site.answer(&request, visit).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.request)
        .keep_alive(false)
        .max_buf_size(MOST_HEADER)
        .serve_connection(TokioIo::new(stream), service);
    // A client that breaks off or talks nonsense is its own trouble.
    _ = connection.await;
}
