// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sockets that systemd opened and passes on.

use std::os::fd::{FromRawFd, OwnedFd};

use anyhow::{Context, Result, ensure};

/// Takes the sockets over. To be called once, before this process opens any file.
///
/// # Errors
///
/// systemd passed none, or what it says it passed is not there.
pub(crate) fn take() -> Result<Vec<OwnedFd>> {
    let passed = sd_notify::listen_fds().context("cannot take the sockets that systemd passes")?;
    ensure!(
        passed.len() > 0,
        "systemd passed no socket; start the exporter through ipcon-exporter.socket, \
         or leave out --web.systemd-socket"
    );
    let sockets = passed.map(|number| {
        // SAFETY: `listen_fds` has seen that LISTEN_PID is this process and, by setting FD_CLOEXEC, that the
        // descriptor is open. Nothing was opened in this process before, so it was passed through exec, and nothing
        // else in here owns it; this function, called once, makes the only owner.
        unsafe { OwnedFd::from_raw_fd(number) }
    });
    Ok(sockets.collect())
}
