// SPDX-License-Identifier: MIT OR Apache-2.0
//! Serves the pages to clients that may be slow or hostile.
//!
//! Each connection carries one request and lives a bounded time. When there are too many, the one that has
//! waited longest without asking for anything makes room, so idle connections cannot keep a scrape out.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use crate::listen::{Listeners, Stream};
use crate::metrics;
use crate::reader::Reader;

/// Bounds of what clients may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Connections at a time.
    pub(crate) connections: usize,
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
            request: Duration::from_secs(5),
            read: Duration::from_secs(8),
            connection: Duration::from_secs(30),
        }
    }
}

/// Serves until `stop` is done.
pub(crate) async fn serve(
    mut listeners: Listeners,
    reader: Reader,
    bounds: Bounds,
    stop: impl Future<Output = ()>,
) {
    let mut stop = pin!(stop);
    let mut open = Connections::default();
    loop {
        let accepted = tokio::select! {
            () = &mut stop => return,
            accepted = listeners.accept() => accepted,
        };
        match accepted {
            Ok(stream) if open.make_room(bounds.connections) => {
                open.start(stream, reader.clone(), bounds);
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
    asked: Arc<AtomicBool>,
}

impl Connections {
    /// Makes room for one more. False when all have asked for something, so that the new one has to go.
    fn make_room(&mut self, limit: usize) -> bool {
        self.0.retain(|connection| !connection.task.is_finished());
        if self.0.len() < limit {
            return true;
        }
        let idle = self
            .0
            .iter()
            .position(|connection| !connection.asked.load(Ordering::Relaxed));
        let idle = idle.and_then(|index| self.0.remove(index));
        if let Some(connection) = &idle {
            connection.task.abort();
        }
        idle.is_some()
    }

    fn start(&mut self, stream: Box<dyn Stream>, reader: Reader, bounds: Bounds) {
        let asked = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(timeout(
            bounds.connection,
            handle(stream, reader, bounds, asked.clone()),
        ));
        self.0.push_back(Connection {
            task: task.abort_handle(),
            asked,
        });
    }
}

async fn handle(stream: Box<dyn Stream>, reader: Reader, bounds: Bounds, asked: Arc<AtomicBool>) {
    let service = service_fn(|request| {
        asked.store(true, Ordering::Relaxed);
        let reader = &reader;
        async move { Ok::<_, Infallible>(respond(&request, reader, bounds.read).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.request)
        .keep_alive(false)
        .max_buf_size(16 * 1024)
        .serve_connection(TokioIo::new(stream), service);
    // A client that breaks off or talks nonsense is its own trouble.
    _ = connection.await;
}

async fn respond(
    request: &Request<Incoming>,
    reader: &Reader,
    read: Duration,
) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = text(
            StatusCode::METHOD_NOT_ALLOWED,
            "only GET and HEAD\n".to_owned(),
        );
        response
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    match request.uri().path() {
        "/metrics" => match within(read, reader.page()).await {
            Ok(page) => {
                let page = Bytes::from_owner(Page(page));
                answer(StatusCode::OK, metrics::CONTENT_TYPE, page)
            }
            Err(reason) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
        },
        "/healthz" => match within(read, reader.health()).await {
            Ok(()) => text(StatusCode::OK, "ok\n".to_owned()),
            Err(reason) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
        },
        "/" => answer(StatusCode::OK, "text/html; charset=utf-8", LANDING.into()),
        _ => text(
            StatusCode::NOT_FOUND,
            "there are /, /metrics and /healthz\n".to_owned(),
        ),
    }
}

const LANDING: &str = concat!(
    "<!doctype html>\n<html lang=\"en\">\n<title>ipcon exporter</title>\n",
    "<h1>ipcon exporter ",
    env!("CARGO_PKG_VERSION"),
    "</h1>\n<p>What happens on the ipcon bus of this machine, for Prometheus.</p>\n",
    "<ul>\n<li><a href=\"/metrics\">Metrics</a></li>\n",
    "<li><a href=\"/healthz\">Health</a></li>\n</ul>\n</html>\n",
);

/// A page that several clients share.
struct Page(Arc<str>);

impl AsRef<[u8]> for Page {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

async fn within<A>(
    read: Duration,
    answer: impl Future<Output = Result<A, String>>,
) -> Result<A, String> {
    match timeout(read, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(format!(
            "the bus was not read within {} s",
            read.as_secs_f64()
        )),
    }
}

fn text(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    answer(status, "text/plain; charset=utf-8", text.into())
}

fn answer(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
