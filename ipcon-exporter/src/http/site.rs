// SPDX-License-Identifier: MIT OR Apache-2.0
//! The pages.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    ALLOW, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::Bounds;
use super::coding::gzip;
use crate::metrics::{self, Parts};
use crate::reader::Reader;
use crate::web::{Web, WebConfig};

pub(super) type Answer = Response<Full<Bytes>>;

/// A connection, for as long as it lives.
pub(super) struct Visit {
    /// The configuration, as it was when the connection began.
    pub(super) web: Arc<Web>,
    /// Set once the client has asked for something that it may have.
    pub(super) welcome: Arc<AtomicBool>,
    /// Its place among the scrapes, once it has one.
    pub(super) place: OnceLock<OwnedSemaphorePermit>,
}

/// What is to be seen.
pub(crate) struct Site {
    reader: Reader,
    web: WebConfig,
    scrapes: Arc<Semaphore>,
    read: Duration,
}

impl Site {
    pub(crate) fn new(reader: Reader, web: WebConfig, bounds: Bounds) -> Self {
        Self {
            reader,
            web,
            scrapes: Arc::new(Semaphore::new(bounds.scrapes)),
            read: bounds.read,
        }
    }

    pub(super) fn web(&self) -> &WebConfig {
        &self.web
    }

    pub(super) async fn answer<B>(&self, request: &Request<B>, visit: &Visit) -> Answer {
        let mut answer = match visit.web.permit(request.headers()).await {
            Ok(()) => {
                visit.welcome.store(true, Ordering::Relaxed);
                self.page(request, visit).await
            }
            Err(StatusCode::UNAUTHORIZED) => with(
                text(StatusCode::UNAUTHORIZED, "name and password, please\n"),
                WWW_AUTHENTICATE,
                "Basic realm=\"ipcon exporter\"",
            ),
            Err(status) => with(text(status, "too often\n"), RETRY_AFTER, "1"),
        };
        answer.headers_mut().extend(visit.web.headers().clone());
        answer
    }

    async fn page<B>(&self, request: &Request<B>, visit: &Visit) -> Answer {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let refusal = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
            return with(refusal, ALLOW, "GET, HEAD");
        }
        match request.uri().path() {
            "/metrics" => {
                let query = request.uri().query().unwrap_or_default();
                self.metrics(query, request.headers(), visit).await
            }
            "/healthz" => match within(self.read, self.reader.health()).await {
                Ok(()) => text(StatusCode::OK, "ok\n"),
                Err(reason) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
            },
            "/" => page(StatusCode::OK, "text/html; charset=utf-8", LANDING.into()),
            _ => text(
                StatusCode::NOT_FOUND,
                "there are /, /metrics and /healthz\n",
            ),
        }
    }

    async fn metrics(&self, query: &str, headers: &HeaderMap, visit: &Visit) -> Answer {
        let parts = match Parts::from_query(query) {
            Ok(parts) => parts,
            Err(reason) => return text(StatusCode::BAD_REQUEST, format!("{reason}\n")),
        };
        let Ok(permit) = self.scrapes.clone().try_acquire_owned() else {
            let refusal = text(
                StatusCode::SERVICE_UNAVAILABLE,
                "as many scrapes are under way as --web.max-requests permits\n",
            );
            return with(refusal, RETRY_AFTER, "1");
        };
        _ = visit.place.set(permit);
        let read = match within(self.read, self.reader.page(parts)).await {
            Ok(read) => read,
            Err(reason) => return text(StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
        };
        let answer = match gzip(headers, read.as_bytes()) {
            Some(packed) => with(
                page(StatusCode::OK, metrics::CONTENT_TYPE, packed.into()),
                CONTENT_ENCODING,
                "gzip",
            ),
            None => page(
                StatusCode::OK,
                metrics::CONTENT_TYPE,
                Bytes::from_owner(Shared(read)),
            ),
        };
        with(answer, VARY, "Accept-Encoding")
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
struct Shared(Arc<str>);

impl AsRef<[u8]> for Shared {
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

pub(super) fn text(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    page(status, "text/plain; charset=utf-8", text.into())
}

fn page(status: StatusCode, content_type: &'static str, body: Bytes) -> Answer {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    with(response, CONTENT_TYPE, content_type)
}

pub(super) fn with(
    mut answer: Answer,
    name: hyper::header::HeaderName,
    value: &'static str,
) -> Answer {
    answer
        .headers_mut()
        .insert(name, HeaderValue::from_static(value));
    answer
}
