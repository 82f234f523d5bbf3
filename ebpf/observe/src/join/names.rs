// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names of what the probes tell by number.

use rustix::io::Errno;

/// What has no name.
pub(super) const OTHER: &str = "other";

/// Commands of the wire definition from number 1, in its order, with underscores.
const COMMANDS: [&str; 16] = [
    "peer_new",
    "peer_attach",
    "peer_get",
    "service_register",
    "service_unregister",
    "service_get",
    "group_register",
    "group_unregister",
    "group_join",
    "group_leave",
    "group_get",
    "member_get",
    "bus_get",
    "send_unicast",
    "send_multicast",
    "message",
];

/// Errors that the module refuses requests with.
const ERRORS: [(Errno, &str); 14] = [
    (Errno::PERM, "EPERM"),
    (Errno::NOENT, "ENOENT"),
    (Errno::AGAIN, "EAGAIN"),
    (Errno::NOMEM, "ENOMEM"),
    (Errno::EXIST, "EEXIST"),
    (Errno::NODEV, "ENODEV"),
    (Errno::INVAL, "EINVAL"),
    (Errno::MSGSIZE, "EMSGSIZE"),
    (Errno::NOBUFS, "ENOBUFS"),
    (Errno::ISCONN, "EISCONN"),
    (Errno::NOTCONN, "ENOTCONN"),
    (Errno::CONNREFUSED, "ECONNREFUSED"),
    (Errno::ALREADY, "EALREADY"),
    (Errno::DQUOT, "EDQUOT"),
];

/// Reasons of drops, by number.
const REASONS: [&str; 4] = ["unknown", "queue_full", "no_peer", "no_memory"];

/// The name of a command; `other` for one that is not known.
pub(super) fn command(number: u32) -> &'static str {
    let place = usize::try_from(number)
        .ok()
        .and_then(|it| it.checked_sub(1));
    place
        .and_then(|place| COMMANDS.get(place).copied())
        .unwrap_or(OTHER)
}

/// The name of an errno; `other` for one that is not expected of the module.
pub(super) fn errno(number: u32) -> &'static str {
    let known = ERRORS
        .iter()
        .find(|(errno, _)| u32::try_from(errno.raw_os_error()) == Ok(number));
    known.map_or(OTHER, |&(_, name)| name)
}

/// The name of the reason of a drop, as in [`crate::model::Drops::reason`].
pub(super) fn reason(number: u64) -> &'static str {
    let place = usize::try_from(number).ok();
    place
        .and_then(|place| REASONS.get(place).copied())
        .unwrap_or(REASONS[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_those_of_the_wire_definition() {
        let wire = include_str!("../../../../ipcon-kmod/ipcon.yaml");
        let operations = wire.split_once("operations:").unwrap().1;
        let names: Vec<String> = operations
            .lines()
            .filter_map(|line| line.strip_prefix("      name: "))
            .map(|name| name.replace('-', "_"))
            .collect();
        assert_eq!(names, COMMANDS);
        assert_eq!(command(4), "service_register");
        assert_eq!((command(0), command(17)), (OTHER, OTHER));
    }

    #[test]
    fn errors_and_reasons_have_their_names() {
        assert_eq!((errno(17), errno(111)), ("EEXIST", "ECONNREFUSED"));
        assert_eq!((errno(0), errno(5)), (OTHER, OTHER));
        assert_eq!(
            (reason(1), reason(3), reason(9)),
            ("queue_full", "no_memory", "unknown")
        );
    }
}
