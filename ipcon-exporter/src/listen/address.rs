// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where to listen, as it is written on the command line.

use std::fmt;
use std::net::{Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// An address and a port; port 0 is any free one.
    Tcp(SocketAddr),
    /// The path of a Unix-domain socket.
    Unix(PathBuf),
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = PathBuf::from(path);
            return match path.is_absolute() {
                true => Ok(Self::Unix(path)),
                false => Err("write the path of a socket in full: unix:/run/ipcon.sock".to_owned()),
            };
        }
        let parsed = match text.strip_prefix(':') {
            Some(port) => port
                .parse()
                .ok()
                .map(|port| (Ipv6Addr::UNSPECIFIED, port).into()),
            None => text.parse().ok(),
        };
        parsed.map(Self::Tcp).ok_or_else(|| {
            "write it as 127.0.0.1:9421, [::1]:9421, :9421 or unix:/run/ipcon.sock".to_owned()
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Permissions of a socket file, in octal as chmod takes them.
pub(crate) fn mode(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).ok();
    mode.filter(|mode| *mode <= 0o777)
        .ok_or_else(|| "write it in octal from 0 to 777, such as 0660".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let tcp = |text: &str| Address::Tcp(text.parse().unwrap());
        assert_eq!("127.0.0.1:1".parse(), Ok(tcp("127.0.0.1:1")));
        assert_eq!(":9421".parse(), Ok(tcp("[::]:9421")));
        let unix = Address::Unix("/run/a.sock".into());
        assert_eq!(unix.to_string().parse(), Ok(unix));
        for bad in [
            "",
            "9421",
            ":",
            "localhost",
            "127.0.0.1",
            "127.0.0.1:99999",
            "unix:",
            "unix:a.sock",
        ] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }

    #[test]
    fn modes() {
        assert_eq!(mode("0660"), Ok(0o660));
        for bad in ["", "8", "1777", "-1", "rw"] {
            assert!(mode(bad).is_err(), "{bad}");
        }
    }
}
