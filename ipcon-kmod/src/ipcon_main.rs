// SPDX-License-Identifier: GPL-2.0

//! Packet IPC over generic netlink.
//!
//! [`bus`] is the safe core: who is on the bus and where a message goes. The other modules are the shell around
//! it, which holds all of the `unsafe`: [`netlink`] and [`dump`] read requests, [`transport`] queues messages
//! ([`packet`]) to sockets ([`socket`]), [`namespace`] gives each network namespace its bus.

use kernel::prelude::*;

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
struct Ipcon;

impl kernel::Module for Ipcon {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        // SAFETY: Called once, before anything else of the module can run.
        kernel::error::to_result(unsafe { ffi::ipcon_shell_register() })?;
        Ok(Self)
    }
}

impl Drop for Ipcon {
    fn drop(&mut self) {
        // SAFETY: The module goes once, after `init` succeeded; no socket is held, since each holds the module.
        unsafe { ffi::ipcon_shell_unregister() }
    }
}
