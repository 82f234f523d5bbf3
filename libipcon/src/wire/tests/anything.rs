// SPDX-License-Identifier: MIT OR Apache-2.0
//! Any bytes, and any messages and requests.

use std::io::Cursor;

use neli::FromBytes as _;
use neli::consts::genl::{CtrlAttr, CtrlCmd};
use neli::consts::nl::{GenlId, NlmF};
use neli::genl::Genlmsghdr;
use neli::nl::Nlmsghdr;
use proptest::collection::vec;
use proptest::prelude::*;

use super::{FAMILY, datagram, kevent_bytes, long, nested, number, peer_sample, port};
use crate::name::Name;
use crate::origin::Origin;
use crate::wire::uapi::{attr, cmd};
use crate::wire::{
    Attributes, Flags, Frames, Incoming, Request, bus, event, family_number, group, least_message,
    member, padding, peer, service, welcome,
};

/// Everything that reads, on the same bytes.
fn read_all(bytes: &[u8]) {
    let _ = Incoming::read(bytes, FAMILY);
    let _ = event(bytes);
    for frame in Frames::new(bytes).flatten() {
        let _ = frame.answer();
    }
    for attributes in [
        Attributes::new(bytes),
        Attributes::new(bytes.get(20..).unwrap_or(&[])),
    ] {
        let _ = peer(attributes.clone());
        let _ = service(attributes.clone());
        let _ = group(attributes.clone());
        let _ = member(attributes.clone());
        let _ = welcome(attributes.clone());
        let _ = family_number(attributes.clone());
        let _ = bus(attributes);
    }
}

/// What the fuzzer found worth keeping.
#[test]
fn the_corpus_of_the_fuzzer_is_read_without_panic() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/wire");
    let (mut messages, mut longest) = (0, 0);
    for entry in std::fs::read_dir(corpus).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        read_all(&bytes);
        if let Ok(Some(message)) = Incoming::read(&bytes, FAMILY) {
            messages += 1;
            longest = longest.max(message.data.len());
        }
    }
    assert!(messages >= 3, "the corpus has {messages} whole messages");
    // With its header it is as long as an attribute can be.
    assert_eq!(longest + 4, usize::from(u16::MAX));
}

proptest! {
    #[test]
    fn noise_is_read_without_panic(bytes in vec(any::<u8>(), 0..300)) {
        read_all(&bytes);
    }

    /// Noise seldom gets past the first header. These bytes are good ones with a few changed and the end cut.
    #[test]
    fn damaged_messages_are_read_without_panic(
        which in 0..3_usize,
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
        whole in any::<bool>(),
    ) {
        let message = [
            (attr::message::PORT, number(0)),
            (attr::message::GROUP, b"ipcon_kevent\0".to_vec()),
            (attr::message::KEVENT_SEQUENCE, long(1)),
            (attr::message::DATA, kevent_bytes(0, b"clock", 36, 7).to_vec()),
        ];
        let mut refusal = number(0xffff_fff0);
        refusal.extend(datagram(cmd::SEND_UNICAST, &message));
        refusal.extend(nested(&[(1, b"a text\0".to_vec())]));
        let mut bytes = match which {
            0 => datagram(cmd::MESSAGE, &message),
            1 => datagram(cmd::PEER_GET, &peer_sample()),
            _ => {
                let mut bytes = datagram(0, &[]);
                bytes.truncate(16);
                bytes[4..8].copy_from_slice(&[2, 0, 0, 2]);
                bytes.extend(refusal);
                let len = u32::try_from(bytes.len()).unwrap();
                bytes[..4].copy_from_slice(&len.to_ne_bytes());
                bytes
            }
        };
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if !whole {
            bytes.truncate(cut.index(bytes.len() + 1));
        }
        read_all(&bytes);
    }

    #[test]
    fn messages_that_neli_builds_are_read(
        from in 1..=u32::MAX,
        name in proptest::option::of("[a-z]{1,15}"),
        data in vec(any::<u8>(), 1..200),
        replay in any::<bool>(),
        lost in 0..4_u32,
    ) {
        let mut attributes = vec![(attr::message::PORT, number(from))];
        attributes.extend(name.iter().map(|it| (attr::message::GROUP, format!("{it}\0").into_bytes())));
        attributes.push((attr::message::DATA, data.clone()));
        attributes.extend(replay.then(|| (attr::message::REPLAY, Vec::new())));
        attributes.extend((lost > 0).then(|| (attr::message::LOST, number(lost))));
        let bytes = datagram(cmd::MESSAGE, &attributes);

        let origin = match &name {
            None => Origin::Peer(port(from)),
            Some(name) => Origin::Group { name: Name::new(name).unwrap(), from: port(from) },
        };
        let expected = Incoming { origin, data: &data, replay, lost };
        prop_assert_eq!(Incoming::read(&bytes, FAMILY), Ok(Some(expected)));
        prop_assert!(least_message(data.len()) <= bytes.len());
    }

    #[test]
    fn requests_are_what_neli_reads(
        command in 1..=16_u8,
        sequence in any::<u32>(),
        to in any::<u32>(),
        name in "[a-z]{0,40}",
        data in vec(any::<u8>(), 0..200),
    ) {
        let mut bytes = vec![0xee; 5];
        let request = Request::new(&mut bytes, FAMILY, 1, command, Flags::Acknowledged, sequence);
        let request = request.text(1, name.as_bytes()).unwrap().u32(2, to).flag(4);
        let mut sent = request.finish_with_data(3, data.len()).unwrap().to_vec();
        sent.extend(&data);
        sent.extend(padding(data.len()));

        let read = Nlmsghdr::<GenlId, Genlmsghdr<CtrlCmd, CtrlAttr>>::from_bytes(
            &mut Cursor::new(&sent[..]),
        ).unwrap();
        prop_assert_eq!(*read.nl_len() as usize, sent.len());
        prop_assert_eq!(*read.nl_type(), GenlId::from(FAMILY));
        prop_assert_eq!(*read.nl_flags(), NlmF::REQUEST | NlmF::ACK);
        prop_assert_eq!((*read.nl_seq(), *read.nl_pid()), (sequence, 0));
        let message = read.get_payload().unwrap();
        prop_assert_eq!((u8::from(*message.cmd()), *message.version()), (command, 1));
        let attributes: Vec<_> = message
            .attrs()
            .iter()
            .map(|it| (u16::from(it.nla_type()), it.nla_payload().as_ref().to_vec()))
            .collect();
        prop_assert_eq!(
            attributes,
            [(1, format!("{name}\0").into_bytes()), (2, number(to)), (4, vec![]), (3, data)]
        );
    }
}
