// SPDX-License-Identifier: MIT OR Apache-2.0
//! Command line.

use std::path::PathBuf;

use clap::Parser;
use ipcon_observe::Options;
use ipcon_observe::ledger::Limits;

use crate::listen::{Address, mode};

/// Prometheus exporter of the ipcon bus of this network namespace.
///
/// Serves /metrics, /healthz and a landing page. Needs no privilege; with CAP_BPF and CAP_PERFMON it attaches
/// eBPF probes and serves what they tell as well. While it uses probes or kevents, the module cannot be unloaded.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Args {
    /// Address and port to listen at, or `unix:` and the path of a socket; may be given several times. `:PORT` means
    /// every address, port 0 any free port.
    #[arg(
        long = "web.listen-address",
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:9421"
    )]
    pub(crate) listen: Vec<Address>,

    /// Permissions of the Unix-domain sockets, in octal.
    #[arg(
        long = "web.unix-socket-mode",
        value_name = "MODE",
        default_value = "0660",
        value_parser = mode
    )]
    pub(crate) unix_mode: u32,

    /// Listen at the sockets that systemd passes, instead of --web.listen-address.
    #[arg(long = "web.systemd-socket", conflicts_with_all = ["listen", "unix_mode"])]
    pub(crate) systemd_socket: bool,

    /// File with certificates, users and their passwords, in the format of Prometheus' exporter-toolkit.
    #[arg(long = "web.config.file", value_name = "FILE")]
    pub(crate) web_config: Option<PathBuf>,

    /// Most scrapes at a time; further ones are answered with status 503.
    #[arg(
        long = "web.max-requests",
        value_name = "NUMBER",
        default_value_t = 40,
        value_parser = clap::value_parser!(u16).range(1..=1000)
    )]
    pub(crate) max_requests: u16,

    /// Most peers with a label of their own; further ones share the label _other.
    #[arg(long = "limit.peers", value_name = "NUMBER", default_value_t = 200)]
    pub(crate) limit_peers: usize,

    /// Most groups with a label of their own; further ones share the label _other.
    #[arg(long = "limit.groups", value_name = "NUMBER", default_value_t = 200)]
    pub(crate) limit_groups: usize,

    /// Most servers and services of coroipc with labels of their own; further ones share the label _other.
    #[arg(long = "limit.channels", value_name = "NUMBER", default_value_t = 200)]
    pub(crate) limit_channels: usize,

    /// Attach no eBPF probes.
    #[arg(long)]
    pub(crate) no_probes: bool,

    /// Read everything once, tell what is measured, what is not and why, and exit: with status 0 if all that was
    /// asked for is measured, 3 if not all of it, and 1 if neither the bus nor coroipc can be measured, or the web
    /// configuration is wrong. Who does not have the capabilities to see coroipc servers of all users gets 3, and 0
    /// with --no-channels; `ipcon-top doctor --try` has the same statuses.
    #[arg(long)]
    pub(crate) check: bool,

    /// Do not listen to the kevents, so that the exporter is no peer of the bus.
    #[arg(long)]
    pub(crate) no_kevents: bool,

    /// Do not look for connections of coroipc.
    #[arg(long)]
    pub(crate) no_channels: bool,

    /// Do not measure how long messages wait: for that, the probes look at each datagram that anybody on this machine
    /// reads.
    #[arg(long)]
    pub(crate) no_latency: bool,

    /// Keep all capabilities, so that probes can be attached again, and files of others be read. By default those that
    /// are not needed any more are given up once the probes are attached.
    #[arg(long)]
    pub(crate) keep_capabilities: bool,
}

impl Args {
    /// What to use beside the dumps.
    pub(crate) fn options(&self) -> Options {
        Options {
            probes: !self.no_probes,
            kevents: !self.no_kevents,
            channels: !self.no_channels,
            latency: !self.no_latency,
        }
    }

    /// Bounds of the labels.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            peers: self.limit_peers,
            groups: self.limit_groups,
            channels: self.limit_channels,
            ..Limits::default()
        }
    }
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
    fn sockets_come_from_systemd_or_from_the_command_line() {
        let parse = |words: &[&str]| Args::try_parse_from([&["ipcon-exporter"], words].concat());
        assert_eq!(
            parse(&[]).unwrap().listen,
            ["127.0.0.1:9421".parse().unwrap()]
        );
        assert!(parse(&["--web.systemd-socket"]).unwrap().systemd_socket);
        assert!(parse(&["--web.systemd-socket", "--web.listen-address=:1"]).is_err());
        let both = parse(&["--web.listen-address=:1", "--web.listen-address=unix:/a"]).unwrap();
        assert_eq!(both.listen.len(), 2);
    }

    #[test]
    fn the_documentation_shows_options_that_exist() {
        let page = include_str!("../../docs/exporter.md");
        let commands = page
            .lines()
            .filter(|line| line.starts_with("ipcon-exporter"));
        let commands: Vec<_> = commands.collect();
        assert!(commands.len() >= 3, "{commands:?}");
        for command in commands {
            Args::try_parse_from(command.split(' ')).unwrap();
        }
        let spans = page.split('`').skip(1).step_by(2);
        for span in spans.filter(|span| span.starts_with("--") && !span.contains(' ')) {
            let known = Args::command()
                .get_arguments()
                .any(|known| known.get_long() == Some(&span[2..]));
            assert!(known, "{span}");
        }
    }
}
