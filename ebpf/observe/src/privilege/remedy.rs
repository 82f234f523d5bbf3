// SPDX-License-Identifier: MIT OR Apache-2.0
//! What would let the sources deliver.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use serde::Serialize;

use super::capabilities::Capabilities;
use super::obstacle::Obstacle;
use super::prediction::SourcePrediction;
use super::standing::Standing;
use crate::model::Source;

/// One way to change it; where there are several, any of them will do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", content = "text", rename_all = "snake_case")]
pub enum Remedy {
    /// To be typed into a shell.
    Command(String),
    /// Lines of the section `[Service]` of its unit of systemd.
    Unit(String),
    /// Words.
    Advice(String),
}

/// One thing to change. No step takes away what another one gave, in whatever order they are taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The sources that it is needed for.
    pub sources: Vec<Source>,
    /// How; any of these will do.
    pub ways: Vec<Remedy>,
}

/// What has to be done until all these sources deliver all: every step.
pub(super) fn steps(standing: &Standing, sources: &[SourcePrediction]) -> Vec<Step> {
    let reasons = sources.iter().flat_map(|source| &source.reasons);
    let missing = reasons
        .filter_map(lacking)
        .fold(Capabilities::NONE, Capabilities::with);
    // Of all sources together: the capabilities of a file replace those that the program was started with.
    let wanted = sources
        .iter()
        .map(|source| needed(source.source))
        .fold(Capabilities::NONE, Capabilities::with);
    let mut steps: Vec<Step> = Vec::new();
    for source in sources {
        for reason in &source.reasons {
            let ways = match lacking(reason) {
                Some(_) => for_capabilities(standing, wanted, missing),
                None => other_ways(standing, reason),
            };
            match steps.iter_mut().find(|step| step.ways == ways) {
                _ if ways.is_empty() => {}
                Some(step) if step.sources.contains(&source.source) => {}
                Some(step) => step.sources.push(source.source),
                None => steps.push(Step {
                    sources: vec![source.source],
                    ways,
                }),
            }
        }
    }
    steps
}

/// Capabilities that would change it.
fn lacking(reason: &Obstacle) -> Option<Capabilities> {
    match reason {
        Obstacle::Lacking(missing) | Obstacle::OthersClosed(missing) => Some(*missing),
        _ => None,
    }
}

fn needed(source: Source) -> Capabilities {
    match source {
        Source::Dumps | Source::Kevents => Capabilities::NONE,
        Source::Probes => Capabilities::PROBES,
        Source::Channels => Capabilities::CHANNELS,
    }
}

/// What would change it, if that is no matter of capabilities that can be given.
fn other_ways(standing: &Standing, reason: &Obstacle) -> Vec<Remedy> {
    match reason {
        Obstacle::NotBuilt => vec![Remedy::Command("cargo xtask build".to_owned())],
        Obstacle::CallRefused | Obstacle::CallFatal => vec![
            // The latter to give capabilities up when the probes are attached.
            Remedy::Unit("SystemCallFilter=bpf capset".to_owned()),
            Remedy::Advice("of a container: a seccomp profile that lets bpf(2) through".to_owned()),
        ],
        Obstacle::UserNamespace | Obstacle::OtherNamespaces => vec![Remedy::Advice(
            "start it outside of the container, or in one without a user namespace".to_owned(),
        )],
        Obstacle::NoBus(_) => vec![load_module(standing)],
        Obstacle::NoTracepoint { tracepoint } if !is_of_module(tracepoint) => {
            vec![Remedy::Advice(
                "start a kernel that has it; it is built with CONFIG_TRACEPOINTS and CONFIG_NET"
                    .to_owned(),
            )]
        }
        Obstacle::NoTracepoint { .. } if standing.no_bus.is_some() => vec![load_module(standing)],
        Obstacle::NoTracepoint { .. } => vec![Remedy::Advice(
            "unload the module, which is another one than this program was made for, and load the one of this version"
                .to_owned(),
        )],
        Obstacle::NoProc(_) => vec![Remedy::Command("sudo mount -t proc proc /proc".to_owned())],
        Obstacle::GivenUp(_) => vec![Remedy::Advice("start it again".to_owned())],
        // These explain another one, which is a matter of capabilities.
        Obstacle::Lacking(_)
        | Obstacle::OthersClosed(_)
        | Obstacle::NosuidMount(_)
        | Obstacle::NoNewPrivs(_)
        | Obstacle::Bounded(_) => Vec::new(),
    }
}

/// Whether the module brings a tracepoint, and not the kernel itself.
pub(super) fn is_of_module(tracepoint: &str) -> bool {
    tracepoint.starts_with("ipcon_")
}

/// A command only where it works.
fn load_module(standing: &Standing) -> Remedy {
    match standing.module_installed {
        Some(true) => Remedy::Command("sudo modprobe ipcon".to_owned()),
        Some(false) => Remedy::Advice(
            "the module is not installed for this kernel: `cargo xtask install --prefix DIR` puts its source into \
             DIR/src for DKMS, which builds it (dkms install); then run: sudo modprobe ipcon"
                .to_owned(),
        ),
        None => Remedy::Advice(
            "the modules of this kernel are not here; in a container, run outside of it: sudo modprobe ipcon"
                .to_owned(),
        ),
    }
}

/// What would give it these capabilities, of which `missing` are missing.
fn for_capabilities(
    standing: &Standing,
    wanted: Capabilities,
    missing: Capabilities,
) -> Vec<Remedy> {
    // setcap replaces what the file gives already. Lines of a unit add up.
    let all = standing
        .binary
        .as_ref()
        .map_or(wanted, |binary| wanted.with(binary.capabilities));
    let names = all.names();
    let unit = format!("AmbientCapabilities={}", names.join(" "));
    if !standing.bounding.contains(missing) {
        return vec![
            Remedy::Unit(format!("CapabilityBoundingSet={}\n{unit}", names.join(" "))),
            Remedy::Advice(format!("of a container: {}", docker(missing))),
        ];
    }
    let mut remedies = Vec::new();
    if let Some(binary) = &standing.binary {
        let setcap = format!("sudo setcap {}+ep", names.join(",").to_lowercase());
        let path = quoted(&binary.path);
        if standing.no_new_privs {
            remedies.push(Remedy::Advice(
                "start it where no_new_privs is not set".to_owned(),
            ));
        } else if binary.replaced {
            remedies.push(Remedy::Advice(
                "its file was removed or replaced by somebody else; start the one that shall be used, and ask again"
                    .to_owned(),
            ));
        } else if binary.nosuid {
            let name = binary.path.file_name().unwrap_or_default();
            let copy = quoted(&Path::new("/usr/local/bin").join(name));
            remedies.push(Remedy::Command(format!(
                "sudo install {path} {copy} && {setcap} {copy}"
            )));
        } else {
            remedies.push(Remedy::Command(format!("{setcap} {path}")));
        }
        if standing.uid != 0 && !standing.no_new_privs && !binary.replaced {
            remedies.push(Remedy::Command(format!("sudo {path}")));
        }
    }
    remedies.push(Remedy::Unit(unit));
    remedies
}

fn docker(missing: Capabilities) -> String {
    let names = missing.names();
    let options = names
        .iter()
        .map(|name| format!("--cap-add={}", name.trim_start_matches("CAP_")));
    options.collect::<Vec<_>>().join(" ")
}

/// A path as a word for a shell, byte for byte, of nothing but ASCII that shows. Where it has other bytes it takes a shell that
/// knows `$'…'`, as bash and zsh do.
fn quoted(path: &Path) -> String {
    let path = path.as_os_str().as_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._+-".contains(byte);
    let shows = |byte: &u8| matches!(byte, b' '..=b'~');
    let (begin, quote): (_, &dyn Fn(u8) -> String) = if path.iter().all(plain) {
        return path.iter().copied().map(char::from).collect();
    } else if path.iter().all(shows) {
        ("'", &|byte| match byte {
            b'\'' => r"'\''".to_owned(),
            _ => char::from(byte).to_string(),
        })
    } else {
        ("$'", &|byte| match byte {
            b'\'' | b'\\' => format!("\\{}", char::from(byte)),
            b' '..=b'~' => char::from(byte).to_string(),
            _ => format!("\\x{byte:02x}"),
        })
    };
    let inner: String = path.iter().copied().map(quote).collect();
    format!("{begin}{inner}'")
}

#[cfg(test)]
mod tests {
    use super::super::standing::Binary;
    use super::*;

    fn standing() -> Standing {
        Standing {
            binary: Some(Binary {
                path: "/opt/ipcon top".into(),
                ..Binary::default()
            }),
            uid: 1000,
            bounding: Capabilities::PROBES.with(Capabilities::CHANNELS),
            ..Standing::default()
        }
    }

    fn commands(standing: &Standing, wanted: Capabilities) -> Vec<String> {
        let remedies = for_capabilities(standing, wanted, wanted);
        let texts = remedies.into_iter().map(|remedy| match remedy {
            Remedy::Command(text) | Remedy::Unit(text) | Remedy::Advice(text) => text,
        });
        texts.collect()
    }

    #[test]
    fn an_ordinary_user_gets_commands_to_paste() {
        assert_eq!(
            commands(&standing(), Capabilities::PROBES),
            [
                "sudo setcap cap_bpf,cap_perfmon+ep '/opt/ipcon top'",
                "sudo '/opt/ipcon top'",
                "AmbientCapabilities=CAP_BPF CAP_PERFMON"
            ]
        );
    }

    #[test]
    fn a_shell_takes_any_path_as_it_is() {
        use std::ffi::OsStr;
        use std::process::Command;

        let paths: [&[u8]; 6] = [
            b"/opt/ipcon-top",
            b"/opt/it's \\ $HOME `id`",
            b"/opt/a\nsudo rm '\\'",
            b"/opt/\x1b[2J\x7f",
            b"/opt/\xff\xfe0",
            "/opt/\u{fc}\u{202e}".as_bytes(),
        ];
        for path in paths {
            let word = quoted(Path::new(OsStr::from_bytes(path)));
            assert!(
                word.bytes().all(|byte| matches!(byte, b' '..=b'~')),
                "{word}"
            );
            let script = format!("printf %s {word}");
            let bash = Command::new("bash").args(["-c", &script]).output();
            assert_eq!(bash.unwrap().stdout, path, "{word}");
        }
        let words = [paths[0], paths[1], paths[2], paths[4]]
            .map(|path| quoted(Path::new(OsStr::from_bytes(path))));
        assert_eq!(
            words,
            [
                "/opt/ipcon-top",
                r"'/opt/it'\''s \ $HOME `id`'",
                r"$'/opt/a\x0asudo rm \'\\\''",
                r"$'/opt/\xff\xfe0'"
            ]
        );
    }

    #[test]
    fn setcap_does_not_take_away_what_the_file_gives() {
        let mut standing = standing();
        standing.binary.as_mut().unwrap().capabilities = Capabilities::PROBES;
        let setcap = &commands(&standing, Capabilities::CHANNELS)[0];
        let all = "cap_bpf,cap_dac_read_search,cap_perfmon,cap_sys_ptrace+ep";
        assert!(setcap.contains(all), "{setcap}");
    }

    #[test]
    fn nobody_gives_capabilities_to_a_file_that_somebody_else_put_there() {
        let mut replaced = standing();
        let binary = replaced.binary.as_mut().unwrap();
        binary.replaced = true;
        let expected = [
            "its file was removed or replaced by somebody else; start the one that shall be used, and ask again",
            "AmbientCapabilities=CAP_BPF CAP_PERFMON",
        ];
        assert_eq!(commands(&replaced, Capabilities::PROBES), expected);
        replaced.binary.as_mut().unwrap().nosuid = true;
        assert_eq!(commands(&replaced, Capabilities::PROBES), expected);
    }

    #[test]
    fn what_would_not_help_is_not_told() {
        let mut there = standing();
        there.binary.as_mut().unwrap().nosuid = true;
        let copy = &commands(&there, Capabilities::PROBES)[0];
        assert!(copy.starts_with("sudo install '/opt/ipcon top' '/usr/local/bin/ipcon top' && "));

        let mut there = standing();
        there.no_new_privs = true;
        let told = commands(&there, Capabilities::PROBES);
        assert!(!told.iter().any(|line| line.contains("sudo")), "{told:?}");

        let mut there = standing();
        there.bounding = Capabilities::NONE;
        assert_eq!(
            commands(&there, Capabilities::PROBES),
            [
                "CapabilityBoundingSet=CAP_BPF CAP_PERFMON\nAmbientCapabilities=CAP_BPF CAP_PERFMON",
                "of a container: --cap-add=BPF --cap-add=PERFMON"
            ]
        );
    }
}
