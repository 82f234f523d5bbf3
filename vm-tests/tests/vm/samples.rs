// SPDX-License-Identifier: MIT OR Apache-2.0

//! The samples, as an unprivileged user starts them: a server, who listens to it, and who tells it something. Those of
//! C, C++ and Rust do the same and understand each other.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use ipcon_vm_tests::process::{Process, program};
use ipcon_vm_tests::{Case, cases};
use libipcon::{Origin, Peer};
use rustix::process::Signal;

use crate::capi::c_program;
use crate::support::next;

pub(crate) fn all() -> Vec<Case> {
    cases![
        what_the_server_is_told_all_users_hear => within(120),
        who_comes_late_hears_the_last_message,
        messages_of_any_kind_and_length_are_passed_on,
        the_sender_sends_every_second,
        a_user_waits_for_the_server_and_outlives_it,
        a_user_says_what_it_lost_and_finds_the_group_again,
        a_second_server_says_what_is_taken,
        without_a_server_there_is_nobody_to_tell,
        what_a_sample_is_to_say_it_must_be_told,
        the_async_sample_echoes_and_watches,
    ]
}

const NOBODY: u32 = 65_534;

/// In which languages there are samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    C,
    Cxx,
    Rust,
}

use Language::{C, Cxx, Rust};

const LANGUAGES: [Language; 3] = [C, Cxx, Rust];

fn sample(name: &str, language: Language) -> Command {
    match language {
        C => c_program(&format!("samples/{name}")),
        Cxx => c_program(&format!("samples/{name}.cxx")),
        Rust => {
            let mut command = program(&format!("examples/{name}"));
            command.uid(NOBODY).gid(NOBODY);
            command
        }
    }
}

fn start(name: &str, language: Language) -> Process {
    Process::spawn(&mut sample(name, language))
}

fn start_server(language: Language) -> Process {
    let mut server = start("ipcon_server", language);
    server.expect("Service ipcon_server and group str_msg are there");
    server
}

fn start_user(language: Language) -> Process {
    let mut user = start("ipcon_user", language);
    user.expect("Joined the group str_msg");
    user
}

/// Sends a message by `ipcon_cmd`.
fn tell(language: Language, message: &str) -> ExitStatus {
    let mut command = sample("ipcon_cmd", language);
    command.arg(message).status().unwrap()
}

/// Ends a program with a signal, which must be a good end.
fn end_with(signal: Signal, mut program: Process) {
    program.signal(signal);
    let status = program.wait();
    assert!(status.success(), "{status}");
}

fn end(program: Process) {
    end_with(Signal::TERM, program);
}

fn what_the_server_is_told_all_users_hear() {
    for language in LANGUAGES {
        let mut server = start_server(language);
        let mut users = LANGUAGES.map(start_user);
        for cmd in LANGUAGES {
            assert!(tell(cmd, "Hello world!").success());
            assert!(server.line().ends_with(" says: Hello world!"));
            for user in &mut users {
                user.expect("str_msg: Hello world!");
            }
        }
        for signal in [Signal::TERM, Signal::INT] {
            end_with(signal, start_user(language));
        }
        for user in users {
            end(user);
        }
        end_with(Signal::INT, server);
    }
}

fn who_comes_late_hears_the_last_message() {
    for language in LANGUAGES {
        let server = start_server(language);
        for message in ["first", "last"] {
            assert!(tell(language, message).success());
        }
        let mut late = start_user(language);
        late.expect("str_msg: last");
        end(late);
        end(server);
    }
}

/// A string with or without its end, and one that is longer than a program of C takes unless it asks for more.
fn messages_of_any_kind_and_length_are_passed_on() {
    for language in LANGUAGES {
        let mut server = start_server(language);
        let mut user = start_user(language);
        let peer = Peer::connect().unwrap();
        let port = peer.find_service("ipcon_server").unwrap();
        let long = "long ".repeat(200);
        for (message, shown) in [
            (b"ended\0".as_slice(), "ended"),
            (b"plain", "plain"),
            (b"two\0words\0", "two"),
            (long.as_bytes(), long.trim_end()),
        ] {
            peer.send(port, message).unwrap();
            server.expect(&format!("{} says: {shown}", peer.port()));
            user.expect(&format!("str_msg: {shown}"));
        }
        assert!(tell(language, long.trim_end()).success());
        user.expect(&format!("str_msg: {}", long.trim_end()));
        end(user);
        end(server);
    }
}

fn the_sender_sends_every_second() {
    let server = Peer::connect().unwrap();
    server.register_service("ipcon_server").unwrap();
    for language in LANGUAGES {
        let mut sender = Process::spawn(sample("ipcon_sender", language).arg("tick"));
        let received: Vec<_> = [(); 3]
            .into_iter()
            .map(|()| {
                let message = next(&server);
                assert_eq!(message.data, b"tick\0");
                assert!(matches!(message.origin, Origin::Peer(_)));
                Instant::now()
            })
            .collect();
        let gap = received[2] - received[0];
        assert!(
            gap > Duration::from_millis(1500),
            "three messages within {gap:?}"
        );
        sender.expect(&format!("Sent to ipcon_server@{}", server.port()));
        end(sender);
        while server.try_recv().unwrap().is_some() {}
    }
}

fn a_user_waits_for_the_server_and_outlives_it() {
    for language in LANGUAGES {
        let mut user = start("ipcon_user", language);
        user.expect("Waiting for the group str_msg");
        for word in ["first", "second"] {
            let server = start_server(language);
            user.expect("Joined the group str_msg");
            assert!(tell(language, word).success());
            user.expect(&format!("str_msg: {word}"));
            end(server);
            user.expect("The group str_msg is gone");
        }
        end(user);
    }
}

/// The group comes again while its user cannot hear of it.
fn a_user_says_what_it_lost_and_finds_the_group_again() {
    for language in LANGUAGES {
        let owner = Peer::connect().unwrap();
        owner.register_group("str_msg").unwrap();
        let mut user = start_user(language);
        user.signal(Signal::STOP);
        // More than its queue has room for, of which nothing is read meanwhile.
        for _ in 0..5000 {
            owner.multicast("str_msg", b"flood\0").unwrap();
        }
        owner.unregister_group("str_msg").unwrap();
        owner.register_group("str_msg").unwrap();
        owner.multicast("str_msg", b"again\0").unwrap();
        user.signal(Signal::CONT);
        let mut heard = 0;
        let said = loop {
            match user.line() {
                line if line == "str_msg: flood" => heard += 1,
                line => break line,
            }
        };
        assert_eq!(said, "Joined the group str_msg");
        // The first message that finds room tells of the loss.
        let said = user.line();
        let lost = said.strip_suffix(" messages were lost");
        let lost: usize = lost.unwrap_or_else(|| panic!("{said}")).parse().unwrap();
        // Two are the removal of the group and its return.
        assert_eq!(heard + lost, 5000 + 2, "{heard} heard, {lost} lost");
        user.expect("str_msg: again");
        end(user);
    }
}

fn a_second_server_says_what_is_taken() {
    for language in LANGUAGES {
        let server = start_server(language);
        let mut second = Process::spawn_complaining(&mut sample("ipcon_server", language));
        let said = second.line();
        let wanted = "ipcon_server: register group \"str_msg\": ";
        assert!(said.starts_with(wanted), "{said}");
        assert_eq!(second.wait().code(), Some(1));
        end(server);
    }
}

fn without_a_server_there_is_nobody_to_tell() {
    for language in LANGUAGES {
        for name in ["ipcon_cmd", "ipcon_sender"] {
            let mut program = Process::spawn_complaining(sample(name, language).arg("hello"));
            let said = program.line();
            let wanted = format!("{name}: find service \"ipcon_server\": ");
            assert!(said.starts_with(&wanted), "{said}");
            assert_eq!(program.wait().code(), Some(1));
        }
        let mut server = start_server(language);
        let mut sender = Process::spawn_complaining(sample("ipcon_sender", language).arg("hello"));
        assert!(server.line().ends_with(" says: hello"));
        server.signal(Signal::KILL);
        let said = sender.line();
        assert!(said.starts_with("ipcon_sender: send to "), "{said}");
        assert_eq!(sender.wait().code(), Some(1));
    }
}

fn what_a_sample_is_to_say_it_must_be_told() {
    for language in LANGUAGES {
        for name in ["ipcon_cmd", "ipcon_sender"] {
            for words in [&[][..], &["two", "words"]] {
                let output = sample(name, language).args(words).output().unwrap();
                assert_eq!(output.status.code(), Some(2));
                let said = String::from_utf8_lossy(&output.stderr);
                assert_eq!(said, format!("Usage: {name} MESSAGE\n"));
            }
        }
    }
}

fn the_async_sample_echoes_and_watches() {
    let output = sample("async_echo", Rust).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}: {said}", output.status);
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines, ["services: [echo]", "call 1", "call 2", "call 3"]);
}
