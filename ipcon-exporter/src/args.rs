// SPDX-License-Identifier: MIT OR Apache-2.0
//! Command line.

use std::net::{Ipv6Addr, SocketAddr};

use clap::Parser;

/// Prometheus exporter of the ipcon bus of this network namespace.
///
/// Serves /metrics, /healthz and a landing page. Needs no privilege; with CAP_BPF and CAP_PERFMON it attaches
/// eBPF probes and serves what they tell as well. While it uses probes or kevents, the module cannot be unloaded.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Args {
    /// Address and port to listen at; `:PORT` means every address, port 0 any free port.
    #[arg(
        long = "web.listen-address",
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:9421",
        value_parser = listen_address
    )]
    pub(crate) listen: SocketAddr,

    /// Most peers with a label of their own; further ones share the label _other.
    #[arg(long = "limit.peers", value_name = "NUMBER", default_value_t = 200)]
    pub(crate) limit_peers: usize,

    /// Most groups with a label of their own; further ones share the label _other.
    #[arg(long = "limit.groups", value_name = "NUMBER", default_value_t = 200)]
    pub(crate) limit_groups: usize,

    /// Attach no eBPF probes.
    #[arg(long)]
    pub(crate) no_probes: bool,

    /// Do not listen to the kevents, so that the exporter is no peer of the bus.
    #[arg(long)]
    pub(crate) no_kevents: bool,
}

fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let parsed = match text.strip_prefix(':') {
        Some(port) => port
            .parse()
            .ok()
            .map(|port| (Ipv6Addr::UNSPECIFIED, port).into()),
        None => text.parse().ok(),
    };
    parsed.ok_or_else(|| "write it as 127.0.0.1:9421, [::1]:9421 or :9421".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn addresses() {
        assert_eq!(
            listen_address("127.0.0.1:1").unwrap(),
            "127.0.0.1:1".parse().unwrap()
        );
        assert_eq!(
            listen_address(":9421").unwrap(),
            "[::]:9421".parse().unwrap()
        );
        for bad in ["", "9421", ":", "localhost", "127.0.0.1", "127.0.0.1:99999"] {
            assert!(listen_address(bad).is_err(), "{bad}");
        }
    }
}
