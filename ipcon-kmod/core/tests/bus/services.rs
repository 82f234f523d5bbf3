// SPDX-License-Identifier: GPL-2.0

//! Services and names.

use ipcon_core::bus::{Error, GroupName, ServiceName};

use crate::fixture::{Fixture, service};

#[test]
fn a_name_leads_to_its_peer_while_it_is_registered() {
    let bus = Fixture::new();
    let a = bus.peer(1);
    assert_eq!(
        bus.service_named(service("clock")).err(),
        Some(Error::Unknown)
    );
    a.register("clock").unwrap();
    assert_eq!(bus.service_named(service("clock")).unwrap().peer.port, 1);
    a.unregister("clock").unwrap();
    assert_eq!(
        bus.service_named(service("clock")).err(),
        Some(Error::Unknown)
    );
    bus.peer(2).send(1, b"the peer and its port stay").unwrap();
}

#[test]
fn a_name_is_held_once() {
    let bus = Fixture::new();
    let (a, b) = (bus.peer(1), bus.peer(2));
    a.register("clock").unwrap();
    assert_eq!(b.register("clock"), Err(Error::NameTaken));
    assert_eq!(
        a.register("clock"),
        Err(Error::NameTaken),
        "by itself as well"
    );
    a.register("clock2").unwrap();
    assert_eq!(b.unregister("clock"), Err(Error::NotOwner));
    assert_eq!(b.unregister("disk"), Err(Error::Unknown));
    a.unregister("clock").unwrap();
    assert_eq!(a.unregister("clock"), Err(Error::Unknown));
    b.register("clock").unwrap();
    assert_eq!(bus.service_named(service("clock")).unwrap().peer.port, 2);
    assert_eq!(bus.service_named(service("clock2")).unwrap().peer.port, 1);
}

#[test]
fn a_group_may_have_the_name_of_a_service() {
    let bus = Fixture::new();
    let a = bus.peer(1);
    a.register("clock").unwrap();
    a.open_group("clock").unwrap();
    a.register("ipcon_kevent").unwrap();
    a.close_group("clock").unwrap();
    assert!(bus.service_named(service("clock")).is_ok());
}

#[test]
fn names_have_1_to_31_and_1_to_15_bytes() {
    for (len, as_service, as_group) in [
        (0, false, false),
        (1, true, true),
        (15, true, true),
        (16, true, false),
        (31, true, false),
        (32, false, false),
    ] {
        let name = vec![b'n'; len];
        assert_eq!(ServiceName::new(&name).is_ok(), as_service, "{len} bytes");
        assert_eq!(GroupName::new(&name).is_ok(), as_group, "{len} bytes");
    }
}

#[test]
fn names_hold_no_control_characters() {
    for byte in 0..=255u8 {
        let c0 = byte < 0x20 || byte == 0x7f;
        let name = [b'a', byte, b'b'];
        assert_eq!(
            ServiceName::new(&name).err(),
            c0.then_some(Error::BadName),
            "{byte:#x}"
        );
    }
    for code in 0..0x300 {
        let letter = char::from_u32(code).unwrap();
        let found = ServiceName::new(letter.to_string().as_bytes());
        assert_eq!(found.is_err(), letter.is_control(), "U+{code:04X}");
    }
    assert!(ServiceName::new("é ü 時計".as_bytes()).is_ok());
}

#[test]
fn names_keep_their_bytes_and_their_order() {
    let names: [&[u8]; 5] = [b"a", b"a ", b"ab", b"abc", b"b"];
    for (at, one) in names.iter().enumerate() {
        let name = ServiceName::new(one).unwrap();
        assert_eq!(name.as_bytes(), *one);
        for (other_at, other) in names.iter().enumerate() {
            let other = ServiceName::new(other).unwrap();
            assert_eq!(name.cmp(&other), at.cmp(&other_at));
        }
    }
    let awkward = ServiceName::new(b"\"\\\xff").unwrap();
    assert_eq!(format!("{awkward:?}"), r#""\"\\\xff""#);
}
