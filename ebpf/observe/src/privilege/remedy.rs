// SPDX-License-Identifier: MIT OR Apache-2.0
//! What would let a source deliver.

use std::path::Path;

use serde::Serialize;

use super::capabilities::Capabilities;
use super::standing::Standing;

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

/// What would give it these capabilities, of which `missing` are missing.
pub(super) fn for_capabilities(
    standing: &Standing,
    wanted: Capabilities,
    missing: Capabilities,
) -> Vec<Remedy> {
    // setcap replaces what the file gives already.
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
        } else if binary.nosuid {
            let name = binary.path.file_name().unwrap_or_default();
            let copy = quoted(&Path::new("/usr/local/bin").join(name));
            remedies.push(Remedy::Command(format!(
                "sudo install {path} {copy} && {setcap} {copy}"
            )));
        } else {
            remedies.push(Remedy::Command(format!("{setcap} {path}")));
        }
        if standing.uid != 0 && !standing.no_new_privs {
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

/// A path as a word for a shell.
fn quoted(path: &Path) -> String {
    let path = path.to_string_lossy();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._+-".contains(&byte);
    match path.bytes().all(plain) {
        true => path.into_owned(),
        false => format!("'{}'", path.replace('\'', r"'\''")),
    }
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
    fn setcap_does_not_take_away_what_the_file_gives() {
        let mut standing = standing();
        standing.binary.as_mut().unwrap().capabilities = Capabilities::PROBES;
        let setcap = &commands(&standing, Capabilities::CHANNELS)[0];
        let all = "cap_bpf,cap_dac_read_search,cap_perfmon,cap_sys_ptrace+ep";
        assert!(setcap.contains(all), "{setcap}");
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
