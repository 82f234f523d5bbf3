// SPDX-License-Identifier: MIT OR Apache-2.0

//! Loading and unloading, also under use.

use std::time::{Duration, Instant};

use ipcon_vm_tests::module::{self, Restore};
use ipcon_vm_tests::process::{Process, Role, hear, say};
use ipcon_vm_tests::{Case, cases, place, settings};
use libipcon::{Inspector, Peer, Replay};
use rustix::io::Errno;

use crate::support::{next, number, numbered, soon};

pub(crate) fn all() -> Vec<Case> {
    // A second for each time, and what else it takes.
    let seconds = settings::loads() + 190;
    cases![
        unloading_is_refused_while_there_are_peers => on_the_initial_bus().unwatched(),
        without_the_module_connecting_says_what_to_do => on_the_initial_bus().unwatched(),
        the_limit_of_messages_is_a_parameter => on_the_initial_bus().unwatched(),
        a_limit_out_of_range_is_refused => on_the_initial_bus().unwatched(),
        loading_and_unloading_under_use => on_the_initial_bus().unwatched().within(seconds),
    ]
}

pub(crate) const ROLES: [Role; 1] = [("chatterer", chatter)];

fn unloading_is_refused_while_there_are_peers() {
    let (sender, receiver) = (Peer::connect().unwrap(), Peer::connect().unwrap());
    sender.register_group("group").unwrap();
    receiver.join_group("group", Replay::None).unwrap();
    for round in 0..200 {
        let refused = module::unload().unwrap_err();
        assert!([Errno::BUSY, Errno::AGAIN].contains(&refused), "{refused}");
        sender.multicast("group", &numbered(round)).unwrap();
        sender.send(receiver.port(), &numbered(round)).unwrap();
        for _ in 0..2 {
            let message = next(&receiver);
            assert_eq!((number(&message.data), message.lost), (round, 0));
        }
    }
    drop(sender);
    assert!(module::unload().is_err(), "unloaded under a peer");
    // An observer is no peer and holds nothing.
    let _inspector = Inspector::open().unwrap();
    drop(receiver);
    assert_eq!(module::references(), 0);
    let _restore = Restore;
    module::unload().unwrap();
    assert!(!module::is_loaded());
}

fn without_the_module_connecting_says_what_to_do() {
    let _restore = Restore;
    module::unload().unwrap();
    let error = Peer::connect().unwrap_err();
    assert_eq!(error.errno(), libc::ENOENT);
    assert!(
        error.to_string().contains("module is not loaded"),
        "{error}"
    );
    assert!(Inspector::open().is_err());
}

fn the_limit_of_messages_is_a_parameter() {
    let _restore = Restore;
    module::unload().unwrap();
    module::load("max_msg_len=512").unwrap();
    assert_eq!(module::parameter("max_msg_len"), "512");
    let (sender, receiver) = (Peer::connect().unwrap(), Peer::connect().unwrap());
    assert_eq!(sender.max_message_len(), 512);
    assert_eq!(Inspector::open().unwrap().bus().unwrap().max_msg_len, 512);
    sender.send(receiver.port(), &[7; 512]).unwrap();
    assert_eq!(next(&receiver).data, [7; 512]);
    let error = sender.send(receiver.port(), &[7; 513]).unwrap_err();
    assert_eq!(error.errno(), libc::EMSGSIZE, "{error}");
    assert_eq!(receiver.try_recv().unwrap(), None);
}

fn a_limit_out_of_range_is_refused() {
    let _restore = Restore;
    module::unload().unwrap();
    for limit in ["0", "65001", "-1", "many"] {
        let refused = module::load(&format!("max_msg_len={limit}")).unwrap_err();
        assert!(
            [Errno::INVAL, Errno::RANGE].contains(&refused),
            "max_msg_len={limit}: {refused}"
        );
        assert!(!module::is_loaded(), "max_msg_len={limit}");
    }
    for limit in ["1", "65000"] {
        module::load(&format!("max_msg_len={limit}")).unwrap();
        assert_eq!(module::parameter("max_msg_len"), limit);
        module::unload().unwrap();
    }
}

/// Uses the bus in every way, for as long as it lives.
fn chatter() {
    let (one, two) = (Peer::connect().unwrap(), Peer::connect().unwrap());
    one.register_service("chatter").unwrap();
    one.register_group("chatter").unwrap();
    let observer = crate::support::observer();
    say("ready");
    std::thread::spawn(|| {
        // The end of the input means an orderly end.
        while hear().is_some() {}
        std::process::exit(0);
    });
    loop {
        two.join_group("chatter", Replay::Last).unwrap();
        one.multicast("chatter", &[1; 2000]).unwrap();
        two.send(two.find_service("chatter").unwrap(), &[2; 3000])
            .unwrap();
        next(&one);
        next(&two);
        two.leave_group("chatter").unwrap();
        while two.try_recv().unwrap().is_some() {}
        drop(Peer::connect().unwrap());
        while observer.try_recv().unwrap().is_some() {}
        Inspector::open().unwrap().peers().unwrap();
    }
}

/// As often as `IPCON_LOADS` says, processes use the bus in two namespaces while the module is asked to go; half are
/// killed, half end by themselves.
fn loading_and_unloading_under_use() {
    let _restore = Restore;
    for round in 0..settings::loads() {
        let start = |_| {
            let mut process = Process::start("chatterer");
            process.expect("ready");
            process
        };
        let (here, there): (Process, Process) = (start(0), place::elsewhere(|| start(1)));
        let refused = module::unload().expect_err("unloaded under use");
        assert!(
            [Errno::BUSY, Errno::AGAIN].contains(&refused),
            "round {round}: {refused}"
        );
        let (killed, ending) = if round % 2 == 0 {
            (here, there)
        } else {
            (there, here)
        };
        killed.kill();
        assert!(
            module::unload().is_err(),
            "round {round}: unloaded under the other process"
        );
        ending.end();
        unload_when_idle();
        assert!(!module::is_loaded());
        module::load("").unwrap();
    }
}

/// A socket may still be on its way out for a moment after its process has been waited for.
fn unload_when_idle() {
    let deadline: Instant = soon();
    loop {
        match module::unload() {
            Ok(()) => return,
            Err(error) => {
                assert!(
                    Instant::now() < deadline,
                    "unload: {error}; {} references",
                    module::references()
                );
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}
