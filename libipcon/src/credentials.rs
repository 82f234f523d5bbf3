// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who sent a message, beyond its port.

/// The process that sent a message, on the kernel's word: it takes them from the process itself and not from
/// what that one says.
///
/// They are those at the moment of sending. The process need not be the one that made the peer, whom
/// [`PeerInfo`](crate::PeerInfo) names, and may have ended since: then its pid may be another's already. A
/// replayed message has those of its sender. A kevent has `pid` 0 and the ids of root.
///
/// The ids are the real ones, as `unix(7)` has it, so that a set-user-ID program that somebody makes write to
/// a socket lends nobody its rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Credentials {
    /// Process id, as seen from the initial pid namespace; 0 for the kernel.
    pub pid: u32,
    /// Real user id, as seen from the user namespace of the receiving process. A user that has no number in
    /// there is `/proc/sys/kernel/overflowuid`, usually 65534.
    pub uid: u32,
    /// Real group id, as seen from the user namespace of the receiving process. A group that has no number
    /// in there is `/proc/sys/kernel/overflowgid`, usually 65534.
    pub gid: u32,
}
