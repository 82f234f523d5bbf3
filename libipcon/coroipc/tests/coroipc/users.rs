// SPDX-License-Identifier: MIT OR Apache-2.0
//! A server of one user and a client of another. Only root can start processes of other users.

use std::io::IoSlice;

use coroipc::{
    Address, CallError, Client, ConnectError, Credentials, Disconnected, Endpoint, Reason, Refusal,
};

use crate::world::*;

pub(crate) fn all() -> Vec<Case> {
    cases![
        a_client_of_another_user_is_served_and_known,
        a_server_of_another_user_serves_and_is_known,
        another_user_keeps_no_thread_of_a_server_asleep,
    ]
}

pub(crate) const ROLES: &[Role] = &[
    ("users::as_client_of_nobody", as_client_of_nobody),
    ("users::as_server_of_nobody", as_server_of_nobody),
    ("users::as_mover_of_nobody", as_mover_of_nobody),
];

/// A user and group that own nothing.
pub(crate) const NOBODY: u32 = 65534;

/// Makes this process one of [`NOBODY`], for good.
#[allow(unsafe_code)]
pub(crate) fn become_nobody() {
    // SAFETY: The C library changes all threads, and no memory is touched.
    let status = unsafe {
        [
            libc::setgroups(0, std::ptr::null()),
            libc::setresgid(NOBODY, NOBODY, NOBODY),
            libc::setresuid(NOBODY, NOBODY, NOBODY),
        ]
    };
    assert_eq!(status, [0; 3], "only root can do this");
    assert_eq!(rustix::process::geteuid().as_raw(), NOBODY);
}

/// Why none of these can be run here, if that is so.
pub(crate) fn lacks() -> Vec<Lack> {
    let Some(why) = lack() else {
        return Vec::new();
    };
    let named = |(name, _)| (format!("users::{name}"), why);
    all().into_iter().map(named).collect()
}

/// Why no process of another user can be started here.
pub(crate) fn lack() -> Option<&'static str> {
    let root = rustix::process::geteuid().is_root();
    (!root).then_some("only root can start a process of another user")
}

fn a_client_of_another_user_is_served_and_known() {
    let name = format!("coroipc-users-client-{}", std::process::id());
    let builder = Endpoint::builder(Address::abstract_name(&name))
        .service(service())
        .policy(|client| {
            if client.uid() != NOBODY {
                return Err(Refusal::denied("for nobody only"));
            }
            assert_eq!(client.gid(), NOBODY);
            assert!(client.groups().is_empty());
            assert!(client.pidfd().is_some());
            Ok(())
        });
    let server = serve(builder);
    let mut other = Process::start("users::as_client_of_nobody", &name);
    other.wait_for("was served");
    assert_eq!(server.connections()[0].credentials().pid(), other.pid());
    other.kill();
    until("it has gone", || server.connections().is_empty());
    let ours = Client::builder(Address::abstract_name(&name), SERVICE).connect();
    let Err(ConnectError::Refused(refusal)) = ours else {
        panic!("it is root's: {ours:?}");
    };
    assert_eq!(refusal.reason(), Reason::Denied);
}

fn use_everything(client: &Client) {
    assert_eq!(client.call(ECHO, b"hello").unwrap().to_vec(), b"hello");
    let mut events = client.events().unwrap();
    let count = 20_000u32;
    let sending = client.start(SEND, &[IoSlice::new(&count.to_ne_bytes())], soon());
    for number in 0..count {
        assert_eq!(events.next(soon()).unwrap().unwrap().number(), number);
    }
    sending.unwrap().wait().unwrap();
}

/// The client of the test above, in a process of its own.
fn as_client_of_nobody() {
    become_nobody();
    let client = Client::builder(Address::abstract_name(argument()), SERVICE)
        .require_server_uid(0)
        .connect()
        .unwrap();
    use_everything(&client);
    say("was served");
    run_on();
}

fn another_user_keeps_no_thread_of_a_server_asleep() {
    let name = format!("coroipc-users-mover-{}", std::process::id());
    let server = server(&Address::abstract_name(&name));
    let mut other = Process::start("users::as_mover_of_nobody", &name);
    other.wait_for("moved it");
    until("it has gone", || server.connections().is_empty());
    // Its thread has ended too.
    server.shut_down(std::time::Duration::ZERO);
}

/// The client of the test above, in a process of its own.
fn as_mover_of_nobody() {
    become_nobody();
    crate::sleepers::move_the_servers_thread(&argument());
    say("moved it");
    run_on();
}

fn a_server_of_another_user_serves_and_is_known() {
    let name = format!("coroipc-users-server-{}", std::process::id());
    let mut other = Process::start("users::as_server_of_nobody", &name);
    other.wait_for("ready");
    let to = || Client::builder(Address::abstract_name(&name), SERVICE);
    let error = to().require_server_uid(0).connect().unwrap_err();
    assert!(matches!(error, ConnectError::Untrusted(_)), "{error}");
    let same = to().verify_server(Credentials::require_same_user);
    let error = same.connect().unwrap_err();
    assert!(matches!(error, ConnectError::Untrusted(_)), "{error}");
    let client = to().require_server_uid(NOBODY).connect().unwrap();
    assert_eq!(client.server().pid(), other.pid());
    use_everything(&client);
    other.kill();
    let gone = CallError::Disconnected(Disconnected::Gone);
    assert_eq!(client.call(KEEP, b"").map(drop).unwrap_err(), gone);
}

/// The server of the test above, in a process of its own.
fn as_server_of_nobody() {
    become_nobody();
    let _server = server(&Address::abstract_name(argument()));
    say("ready");
    run_on();
}
