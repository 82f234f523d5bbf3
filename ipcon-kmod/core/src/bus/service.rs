// SPDX-License-Identifier: GPL-2.0

//! One service: a name that a peer holds.

use crate::seam::Arc;

use super::name::ServiceName;
use super::peer::Peer;
use super::quota::Charge;
use super::transport::Transport;

/// A registered name.
pub struct Service<T: Transport> {
    /// Number that is never used again.
    pub id: u64,
    /// The name.
    pub name: ServiceName,
    /// Who holds it.
    pub peer: Arc<Peer<T>>,
    /// CLOCK_MONOTONIC in nanoseconds.
    pub created_at: u64,
    pub(super) _charge: Charge,
}
