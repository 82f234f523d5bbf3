// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who may ask, and how safely: what `--web.config.file` says.
//!
//! The file, and those that it names, are looked at for each connection, so that certificates can be renewed and
//! users changed at any time. While they are wrong, the last that were right stay in force.

mod file;
mod files;
mod headers;
mod rate;
mod tls;
mod users;

use std::io::Write;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Error, Result};
use hyper::header::AUTHORIZATION;
use hyper::{HeaderMap, StatusCode};
use ipcon_observe::model::{SafeText, display_name};
use ipcon_observe::privilege::drop_all;
use tokio::task::spawn_blocking;

use crate::listen::Stream;
use file::File;
use files::Files;
use rate::Rate;
use tls::Tls;
use users::Users;

/// The configuration, as it is now.
#[derive(Clone)]
pub(crate) struct WebConfig(Arc<Shared>);

struct Shared {
    path: Option<PathBuf>,
    state: Mutex<State>,
}

struct State {
    current: Arc<Web>,
    /// What was read last, right or wrong.
    files: Files,
}

impl WebConfig {
    /// Reads the file; without one everybody may ask, in the clear. It is read as it will be for each connection: unless
    /// they are kept, without the capabilities of the calling thread.
    ///
    /// # Errors
    ///
    /// Something in it is wrong, or cannot be read so.
    pub(crate) fn load(path: Option<&Path>, keep_capabilities: bool) -> Result<Self> {
        let (current, files) = match path {
            Some(path) => match keep_capabilities {
                true => Web::load(path),
                false => Web::load_without_capabilities(path),
            },
            None => {
                let mut files = Files::default();
                (Web::open(File::default(), &mut files), files)
            }
        };
        let current = current?;
        if let Some(path) = path {
            current.warn(path);
        }
        Ok(Self(Arc::new(Shared {
            path: path.map(Path::to_path_buf),
            state: Mutex::new(State {
                current: Arc::new(current),
                files,
            }),
        })))
    }

    /// As it is for the next connection.
    pub(crate) async fn current(&self) -> Arc<Web> {
        let config = self.clone();
        match self.0.path {
            // Files may be slow.
            Some(_) => match spawn_blocking(move || config.look()).await {
                Ok(web) => web,
                Err(_) => self.last(),
            },
            None => self.last(),
        }
    }

    fn last(&self) -> Arc<Web> {
        let state = self.0.state.lock();
        state
            .unwrap_or_else(PoisonError::into_inner)
            .current
            .clone()
    }

    fn look(&self) -> Arc<Web> {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = self.0.path.as_deref().filter(|_| state.files.changed()) {
            let (web, files) = Web::load(path);
            state.files = files;
            match web {
                Ok(web) => {
                    web.warn(path);
                    state.current = Arc::new(web);
                }
                Err(error) => {
                    let message = format!("{error:#}; what was read before stays in force");
                    _ = writeln!(std::io::stderr(), "{message}");
                }
            }
        }
        state.current.clone()
    }

    /// What a URL of the pages begins with.
    pub(crate) fn scheme(&self) -> &'static str {
        match self.last().tls {
            Some(_) => "https",
            None => "http",
        }
    }
}

/// A message about the file, which it may quote, without hashes and without what could control a terminal or begin a
/// further line.
fn about(path: &Path, message: &str) -> SafeText {
    let message = without_hashes(message);
    let message = format!("web configuration {}: {message}", path.display());
    display_name(message.as_bytes())
}

/// Leaves out what follows the beginning of bcrypt's hashes: they may stand in the place of names and keys.
fn without_hashes(message: &str) -> String {
    let of_hash = |c: char| c.is_ascii_alphanumeric() || "$./".contains(c);
    let mut parts = message.split("$2");
    let first = parts.next().unwrap_or_default();
    parts.fold(first.to_owned(), |text, part| {
        text + "$2…" + part.trim_start_matches(of_hash)
    })
}

/// The configuration, as one connection sees it.
pub(crate) struct Web {
    tls: Option<Tls>,
    users: Arc<Users>,
    rate: Option<Rate>,
    headers: HeaderMap,
}

impl Web {
    /// Reads it in a thread that has no capabilities.
    fn load_without_capabilities(path: &Path) -> (Result<Self>, Files) {
        let apart = || {
            // If they cannot be given up, the threads that serve clients keep them as well, and say so.
            _ = drop_all();
            Self::load(path)
        };
        let loaded = thread::scope(|scope| scope.spawn(apart).join());
        let (web, files) = loaded.unwrap_or_else(|panic| resume_unwind(panic));
        let web = web.map_err(|error| match Self::load(path).0 {
            Ok(_) => error.context(
                "the web configuration can be read only with capabilities that are given up; give the user the \
                 group of the file, or use --keep-capabilities",
            ),
            Err(_) => error,
        });
        (web, files)
    }

    fn load(path: &Path) -> (Result<Self>, Files) {
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut files = Files::relative_to(folder);
        let name = path.file_name().unwrap_or_default();
        let web = files
            .read(name.as_ref())
            .context("cannot read it")
            .and_then(|text| String::from_utf8(text).context("it is not in UTF-8"))
            .and_then(|text| File::parse(&text).context("it is not as it should be"))
            .and_then(|file| Self::open(file, &mut files))
            .map_err(|error| Error::msg(about(path, &format!("{error:#}"))));
        (web, files)
    }

    /// Tells what is not safe in it and goes all the same, on one line.
    fn warn(&self, path: &Path) {
        if let Some(warning) = self.tls.as_ref().and_then(|tls| tls.warning.as_ref()) {
            let message = about(path, &format!("warning: {warning}"));
            _ = writeln!(std::io::stderr(), "{message}");
        }
    }

    fn open(file: File, files: &mut Files) -> Result<Self> {
        let tls = match &file.tls_server_config {
            Some(config) => Tls::new(config, files)?,
            None => None,
        };
        let rate = match &file.rate_limit {
            Some(config) => Rate::new(config, Instant::now())?,
            None => None,
        };
        let headers = file.http_server_config.unwrap_or_default().headers;
        Ok(Self {
            tls,
            users: Arc::new(Users::new(file.basic_auth_users.unwrap_or_default())?),
            rate,
            headers: headers::headers(&headers.unwrap_or_default())?,
        })
    }

    /// Encrypts a connection, if that is wanted. `None` when client and server do not trust each other.
    pub(crate) async fn secure(&self, stream: Box<dyn Stream>) -> Option<Box<dyn Stream>> {
        match &self.tls {
            Some(tls) => tls.accept(stream).await,
            None => Some(stream),
        }
    }

    /// Whether a request with these headers may be answered.
    ///
    /// # Errors
    ///
    /// With the status of the refusal.
    pub(crate) async fn permit(&self, headers: &HeaderMap) -> Result<(), StatusCode> {
        if let Some(rate) = &self.rate
            && !rate.permit(Instant::now())
        {
            return Err(StatusCode::TOO_MANY_REQUESTS);
        }
        match self.users.permit(headers.get(AUTHORIZATION)).await {
            true => Ok(()),
            false => Err(StatusCode::UNAUTHORIZED),
        }
    }

    /// Headers for each answer.
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.headers
    }
}
