// SPDX-License-Identifier: MIT OR Apache-2.0
//! The names of endpoints on the bus, and the addresses that belong to them.

use coroipc::Address;
use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};

use super::process;

/// What the names of all endpoints begin with.
const PREFIX: &str = "coroipc:";

/// The name of an endpoint. It tells which process listens there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EndpointName {
    text: String,
    process: u64,
}

impl EndpointName {
    /// A new one, for this process.
    pub(super) fn fresh() -> Result<Self, Errno> {
        let process = process::own_number()?;
        let mut random = [0; 3];
        // So few bytes are never cut short.
        getrandom(&mut random, GetRandomFlags::empty())?;
        let [a, b, c] = random;
        Ok(Self {
            text: format!("{PREFIX}{process:x}-{a:02x}{b:02x}{c:02x}"),
            process,
        })
    }

    /// The name of an endpoint, if this is one.
    pub(super) fn of(name: &[u8]) -> Option<Self> {
        let text = str::from_utf8(name).ok()?;
        let (process, random) = text.strip_prefix(PREFIX)?.split_once('-')?;
        let is_lower_hex = |it: &str| it.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'));
        if random.len() != 6 || !is_lower_hex(random) || !is_lower_hex(process) {
            return None;
        }
        Some(Self {
            process: u64::from_str_radix(process, 16).ok()?,
            text: text.to_owned(),
        })
    }

    /// The service on the bus.
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// The process that listens there; see [`process::number`].
    pub(super) fn process(&self) -> u64 {
        self.process
    }

    /// Where it listens.
    pub(super) fn address(&self) -> Address {
        Address::abstract_name(format!("ipcon/{}", self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_the_process_and_the_address() {
        let name = EndpointName::of(b"coroipc:1f-00ab3c").unwrap();
        assert_eq!(name.process(), 31);
        assert_eq!(name.as_bytes(), b"coroipc:1f-00ab3c");
        assert_eq!(name.address().to_string(), "@ipcon/coroipc:1f-00ab3c");
    }

    #[test]
    fn the_longest_name_is_one_that_the_bus_takes() {
        let longest = b"coroipc:ffffffffffffffff-ffffff";
        assert_eq!(longest.len(), 31);
        assert_eq!(EndpointName::of(longest).unwrap().process(), u64::MAX);
    }

    #[test]
    fn other_names_are_none() {
        for name in [
            "clock",
            "coroipc:",
            "coroipc:-000000",
            "coroipc:1f",
            "coroipc:1f-00000",
            "coroipc:1f-0000000",
            "coroipc:1f-00000g",
            "coroipc:1F-000000",
            "coroipc:+1-000000",
            "coroipc:1ffffffffffffffff-00000",
        ] {
            assert_eq!(EndpointName::of(name.as_bytes()), None, "{name}");
        }
        assert_eq!(EndpointName::of(b"coroipc:1f-00000\xff"), None);
    }

    #[test]
    fn fresh_names_differ_and_can_be_read() {
        // Older kernels have no numbers of processes.
        let Ok(one) = EndpointName::fresh() else {
            return;
        };
        assert_eq!(EndpointName::of(one.as_bytes()), Some(one.clone()));
        assert_ne!(EndpointName::fresh().unwrap(), one);
    }
}
