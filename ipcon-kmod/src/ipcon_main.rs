// SPDX-License-Identifier: GPL-2.0

//! Packet IPC over generic netlink.
//!
//! [`bus`] is the safe core: who is on the bus and where a message goes. The other modules are the shell around
//! it, which holds all of the `unsafe`: [`netlink`] and [`dump`] read requests, [`transport`] queues messages
//! ([`packet`]) to sockets ([`socket`]), [`namespace`] gives each network namespace its bus.

use kernel::prelude::*;

use crate::bus::Accounts;
use crate::seam::Arc;

// Public where the crate that the host compiles these files in wants it.
#[allow(unreachable_pub)]
#[path = "../core/src/bus/mod.rs"]
mod bus;

mod attributes;
mod dump;
mod ffi;
mod namespace;
mod netlink;
mod packet;
mod refusal;
mod replies;
mod seam;
mod socket;
mod transport;
mod uapi;

module! {
    type: Ipcon,
    name: "ipcon",
    authors: ["The ipcon developers"],
    description: "Packet IPC over generic netlink",
    license: "GPL",
}

/// The loaded module.
struct Ipcon {
    /// Of the users of all network namespaces; the buses hold it as well.
    accounts: Arc<Accounts>,
}

impl kernel::Module for Ipcon {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let accounts = seam::arc(Accounts::new()?)?;
        let shared = Arc::as_ptr(&accounts).cast();
        // SAFETY: Called once, before anything else of the module can run; the accounts are dropped only after
        // `ipcon_shell_unregister`.
        kernel::error::to_result(unsafe { ffi::ipcon_shell_register(shared) })?;
        Ok(Self { accounts })
    }
}

impl Drop for Ipcon {
    fn drop(&mut self) {
        // SAFETY: The module goes once, after `init` succeeded; no socket is held, since each holds the module.
        unsafe { ffi::ipcon_shell_unregister() };
        // Whoever had something is gone: an account that is still open would have refused somebody some day.
        // SAFETY: No requirements.
        unsafe { ffi::ipcon_warn_if(!self.accounts.is_empty()) };
    }
}
