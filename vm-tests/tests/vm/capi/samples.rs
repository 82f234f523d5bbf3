// SPDX-License-Identifier: MIT OR Apache-2.0

//! The samples, as their users start them: a server, who listens to it, and who tells it something.

use ipcon_vm_tests::process::Process;
use ipcon_vm_tests::{Case, cases};
use rustix::process::Signal;

use super::{LANGUAGES, c_program};

pub(super) fn all() -> Vec<Case> {
    cases![
        what_the_server_is_told_all_users_hear,
        a_user_waits_for_the_server_and_outlives_it,
        without_a_server_there_is_nobody_to_tell,
    ]
}

fn start(name: &str, language: &str, words: &[&str]) -> Process {
    Process::spawn(c_program(&format!("samples/{name}{language}")).args(words))
}

fn start_server(language: &str) -> Process {
    let mut server = start("ipcon_server", language, &[]);
    server.expect("Service ipcon_server and group str_msg are there");
    server
}

fn end(mut program: Process) {
    program.signal(Signal::TERM);
    assert!(program.wait().success());
}

fn what_the_server_is_told_all_users_hear() {
    for language in LANGUAGES {
        let mut server = start_server(language);
        let mut users = [(); 2].map(|()| start("ipcon_user", language, &[]));
        for user in &mut users {
            user.expect("Joined the group str_msg");
        }
        let mut cmd = start("ipcon_cmd", language, &["once"]);
        assert!(cmd.wait().success());
        assert!(server.line().ends_with(" says: once"));
        for user in &mut users {
            user.expect("str_msg: once");
        }

        let sender = start("ipcon_sender", language, &["again"]);
        for _ in 0..2 {
            assert!(server.line().ends_with(" says: again"));
            for user in &mut users {
                user.expect("str_msg: again");
            }
        }
        end(sender);

        // Who comes late hears the last message.
        let mut late = start("ipcon_user", language, &[]);
        late.expect("Joined the group str_msg");
        late.expect("str_msg: again");
        end(late);
        for user in users {
            end(user);
        }
        end(server);
    }
}

fn a_user_waits_for_the_server_and_outlives_it() {
    for language in LANGUAGES {
        let mut user = start("ipcon_user", language, &[]);
        user.expect("Waiting for the group str_msg");
        for word in ["first", "second"] {
            let server = start_server(language);
            user.expect("Joined the group str_msg");
            assert!(start("ipcon_cmd", language, &[word]).wait().success());
            user.expect(&format!("str_msg: {word}"));
            end(server);
            user.expect("The group str_msg is gone");
        }
        end(user);
    }
}

fn without_a_server_there_is_nobody_to_tell() {
    for language in LANGUAGES {
        for name in ["ipcon_cmd", "ipcon_sender"] {
            let mut command = c_program(&format!("samples/{name}{language}"));
            let mut program = Process::spawn_complaining(command.arg("hello"));
            let said = program.line();
            assert!(
                said.ends_with("ipcon_server: No such file or directory"),
                "{said}"
            );
            assert_eq!(program.wait().code(), Some(1));
        }
        let mut server = start_server(language);
        let mut sender = start("ipcon_sender", language, &["hello"]);
        assert!(server.line().ends_with(" says: hello"));
        server.signal(Signal::KILL);
        assert_eq!(sender.wait().code(), Some(1));
    }
}
