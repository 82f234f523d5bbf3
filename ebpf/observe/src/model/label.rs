// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a person calls what has a name: names that look like something else are told apart.

use super::SafeText;

/// What a person calls the kernel, where it takes the place of a peer.
pub const KERNEL: &str = "the kernel";
/// The peer that nothing is known of.
pub(super) const NOBODY: &str = "nobody known";
/// Senders that were counted together.
pub(super) const OTHERS: &str = "others";

/// The name of a peer or a group, or `"NAME"#ID` of a name that could be mistaken for what this program says itself.
///
/// Nobody can register another's: all that begins with a quotation mark is made here, and ends in the number of whom it is for.
pub(super) fn told_apart(name: &SafeText, id: u64) -> String {
    match is_mistakable(name) {
        true => format!("\"{name}\"#{id}"),
        false => name.to_string(),
    }
}

fn is_mistakable(name: &str) -> bool {
    let begins = ["~", "\"", "peer ", "group "];
    begins.iter().any(|begin| name.starts_with(begin))
        || name.contains(" +")
        || [KERNEL, NOBODY, OTHERS].contains(&name)
        // What does not show at its ends.
        || name.trim() != name
        // As in `group 7`.
        || name.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use crate::model::{Flow, FlowKind, Group, Peer, Service, Snapshot};

    fn peer(id: u64, names: &[&str]) -> Peer {
        let service = |name: &&str| Service {
            name: (*name).into(),
            ..Service::default()
        };
        Peer {
            id,
            comm: "traffic".into(),
            services: names.iter().map(service).collect(),
            ..Peer::default()
        }
    }

    #[test]
    fn ordinary_names_are_labels() {
        for name in [
            "media.router",
            "log 7",
            "others.log",
            "c++",
            "peers",
            "a~b#3",
            "it's \"it\"",
        ] {
            assert_eq!(peer(7, &[name]).label(), name);
        }
        assert_eq!(peer(7, &["media.router", "~"]).label(), "media.router +1");
    }

    /// Whatever is said of others, a service with that very name is called something else.
    #[test]
    fn nobody_can_register_the_label_of_another() {
        let snapshot = Snapshot {
            peers: vec![
                peer(3, &[]),
                peer(4, &["media.router", "second"]),
                peer(5, &["~traffic#3"]),
                peer(6, &["others", "second"]),
            ],
            groups: vec![Group {
                id: 8,
                name: "frames".into(),
                ..Group::default()
            }],
            ..Snapshot::default()
        };
        let kernel = Group::default().owner_label(&snapshot);
        let counted_together = Flow::default().from_label(&snapshot);
        let published = Flow {
            kind: FlowKind::Published,
            ..Flow::default()
        };
        let mut labels = vec![
            kernel,
            counted_together,
            published.from_label(&snapshot),
            snapshot.peer_label(0, None),
            snapshot.peer_label(99, None),
            snapshot.group_label(8, None),
            snapshot.group_label(99, None),
        ];
        labels.extend(snapshot.peers.iter().map(Peer::label));
        for label in &labels {
            let forged = peer(23, &[label]).label();
            assert_eq!(forged, format!("\"{label}\"#23"));
            let told = snapshot.peer_label(23, Some(&label.as_str().into()));
            assert_eq!(told, forged, "of one that is not here");
            assert!(peer(23, &[label, "b"]).label().ends_with("#23 +1"));
            // Nor by naming oneself what that looks like now.
            assert_eq!(peer(24, &[&forged]).label(), format!("\"{forged}\"#24"));
        }
        assert_eq!(peer(23, &["the kernel "]).label(), "\"the kernel \"#23");
    }

    #[test]
    fn a_group_named_by_a_number_is_not_one_that_is_only_known_by_it() {
        let named = Some("99".into());
        let snapshot = Snapshot::default();
        assert_eq!(snapshot.group_label(99, None), "group 99");
        assert_eq!(snapshot.group_label(8, named.as_ref()), "group \"99\"#8");
    }
}
