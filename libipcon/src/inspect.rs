// SPDX-License-Identifier: MIT OR Apache-2.0
//! Asking about the bus without being on it.

use crate::control::{Control, DUMPS};
use crate::error::{Error, Failure, Result};
use crate::info::{BusInfo, Dump, GroupInfo, MemberInfo, PeerInfo, ServiceInfo};
use crate::operation::Operation;
use crate::port::Port;
use crate::wire;
use crate::wire::uapi::{attr, cmd};

/// Asks about the bus and its objects without being a peer. Needs no privileges.
///
/// # Errors
///
/// Besides those named with each method: `ENOMEM` and `ENOBUFS` when the kernel has no memory, and `EBADMSG`
/// or `EPROTO` when the kernel's answers are not those of the module that this library was made for.
#[derive(Debug)]
pub struct Inspector {
    control: Control,
}

impl Inspector {
    /// Opens the bus of this network namespace.
    ///
    /// # Errors
    ///
    /// `ENOENT` when the module is not loaded; `EMFILE` or `ENFILE` when no descriptor is left.
    pub fn open() -> Result<Self> {
        let control =
            Control::open(DUMPS).map_err(|failure| Error::new(Operation::Connect, failure))?;
        Ok(Self { control })
    }

    /// Totals and limits.
    ///
    /// # Errors
    ///
    /// Those of all operations, see [`Inspector`].
    pub fn bus(&self) -> Result<BusInfo> {
        self.control
            .query(cmd::BUS_GET, |request| Ok(request), wire::bus)
            .map_err(|failure| about("the bus", failure))
    }

    /// All peers, in order of id.
    ///
    /// # Errors
    ///
    /// Those of all operations, see [`Inspector`].
    pub fn peers(&self) -> Result<Dump<PeerInfo>> {
        self.control
            .dump(cmd::PEER_GET, wire::peer)
            .map_err(|failure| about("peers", failure))
    }

    /// All services, in order of registration.
    ///
    /// # Errors
    ///
    /// Those of all operations, see [`Inspector`].
    pub fn services(&self) -> Result<Dump<ServiceInfo>> {
        self.control
            .dump(cmd::SERVICE_GET, wire::service)
            .map_err(|failure| about("services", failure))
    }

    /// All groups, in order of registration; the kevent group is the first.
    ///
    /// # Errors
    ///
    /// Those of all operations, see [`Inspector`].
    pub fn groups(&self) -> Result<Dump<GroupInfo>> {
        self.control
            .dump(cmd::GROUP_GET, wire::group)
            .map_err(|failure| about("groups", failure))
    }

    /// All memberships, in order of group id and peer id.
    ///
    /// # Errors
    ///
    /// Those of all operations, see [`Inspector`].
    pub fn members(&self) -> Result<Dump<MemberInfo>> {
        self.control
            .dump(cmd::MEMBER_GET, wire::member)
            .map_err(|failure| about("members", failure))
    }

    /// The peer with this port.
    ///
    /// # Errors
    ///
    /// `ECONNREFUSED` when no peer has the port.
    pub fn peer(&self, port: Port) -> Result<PeerInfo> {
        self.control
            .query(
                cmd::PEER_GET,
                |request| Ok(request.u32(attr::peer::PORT, port.get())),
                wire::peer,
            )
            .map_err(|failure| about("a peer", failure))
    }

    /// The service of this name.
    ///
    /// # Errors
    ///
    /// `ENOENT` when there is no such service; `EINVAL` when no service can have that name.
    pub fn service(&self, name: impl AsRef<[u8]>) -> Result<ServiceInfo> {
        let name = name.as_ref();
        self.control
            .query(
                cmd::SERVICE_GET,
                |request| request.text(attr::service::NAME, name),
                wire::service,
            )
            .map_err(|failure| about("a service", failure))
    }

    /// The group of this name.
    ///
    /// # Errors
    ///
    /// `ENOENT` when there is no such group; `EINVAL` when no group can have that name.
    pub fn group(&self, name: impl AsRef<[u8]>) -> Result<GroupInfo> {
        let name = name.as_ref();
        self.control
            .query(
                cmd::GROUP_GET,
                |request| request.text(attr::group::NAME, name),
                wire::group,
            )
            .map_err(|failure| about("a group", failure))
    }
}

fn about(what: &'static str, failure: Failure) -> Error {
    Error::new(Operation::Inspect(what), failure)
}
