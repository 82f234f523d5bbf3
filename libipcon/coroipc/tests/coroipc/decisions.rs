// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the application decides: all must agree, and a panic harms only whom it was about.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use coroipc::{
    Address, CallError, Client, ConnectError, Disconnected, Endpoint, EndpointBuilder, Reason,
    Refusal, Service,
};

use crate::world::*;

pub(crate) fn all() -> Vec<Case> {
    cases![
        a_panic_while_connecting_refuses_one_client,
        a_panic_about_a_call_ends_its_connection,
        a_panic_of_what_a_connection_keeps_harms_nobody,
        a_client_without_a_thread_is_told_so,
        all_must_agree,
        times_without_end_are_taken,
    ]
}

/// True the first time.
fn once() -> impl Fn() -> bool + Send + Sync {
    let first = AtomicBool::new(true);
    move || first.swap(false, Ordering::SeqCst)
}

fn connect(address: &Address) -> Result<Client, ConnectError> {
    Client::builder(address.clone(), SERVICE).connect()
}

fn reason(result: Result<Client, ConnectError>) -> Reason {
    match result {
        Err(ConnectError::Refused(refusal)) => refusal.reason(),
        other => panic!("it should be refused: {other:?}"),
    }
}

/// The first client meets a panic while it connects, the next is served, and nothing is left.
fn the_first_is_refused(build: impl FnOnce(EndpointBuilder) -> EndpointBuilder) {
    let address = address();
    let server = serve(build(Endpoint::builder(address.clone())));
    assert_eq!(reason(connect(&address)), Reason::Panicked);
    assert_eq!(client(&address).call(ECHO, b"x").unwrap().to_vec(), b"x");
    until("nobody is left", || server.connections().is_empty());
    server.shut_down(Duration::from_secs(20));
}

fn a_panic_while_connecting_refuses_one_client() {
    let panics = once();
    the_first_is_refused(|builder| {
        builder.service(service()).policy(move |_| {
            assert!(!panics(), "as asked for");
            Ok(())
        })
    });
    let panics = once();
    the_first_is_refused(|builder| {
        builder.service(service().policy(move |_| {
            assert!(!panics(), "as asked for");
            Ok(())
        }))
    });
    let panics = once();
    let hooked = Service::new(SERVICE, move |_| {
        assert!(!panics(), "as asked for");
        Ok(())
    });
    the_first_is_refused(|builder| {
        builder.service(hooked.command(ECHO, |_, call| {
            let payload = call.payload().to_vec();
            call.reply(&payload);
        }))
    });
}

fn a_panic_about_a_call_ends_its_connection() {
    let permitting = || service().command_for(CALLED, |_| panic!("as asked for"), |_, _| ());
    for looped in [false, true] {
        for admission in [false, true] {
            let address = address();
            let mut builder = Endpoint::builder(address.clone()).service(permitting());
            if admission {
                builder = builder.admission(|call| {
                    assert_ne!(call.command(), CALLED, "as asked for");
                    Ok(())
                });
            }
            let over = AtomicBool::new(false);
            std::thread::scope(|scope| {
                let endpoint = builder.bind().unwrap();
                if looped {
                    let mut server = endpoint.into_loop().unwrap();
                    let over = &over;
                    scope.spawn(move || {
                        while !over.load(Ordering::SeqCst) {
                            server.dispatch().unwrap();
                            std::thread::yield_now();
                        }
                        assert!(server.connections().len() <= 1);
                    });
                    meet_the_panic(&address);
                } else {
                    let server = endpoint.spawn().unwrap();
                    meet_the_panic(&address);
                    until("nobody is left", || server.connections().is_empty());
                }
                over.store(true, Ordering::SeqCst);
            });
        }
    }
}

const CALLED: coroipc::CommandId = coroipc::CommandId::new(20);

fn meet_the_panic(address: &Address) {
    let (unlucky, other) = (client(address), client(address));
    let error = unlucky.call(CALLED, b"").unwrap_err();
    assert_eq!(error, CallError::Panicked);
    until("it is disconnected", || unlucky.disconnected().is_some());
    let Some(Disconnected::Told(why)) = unlucky.disconnected() else {
        panic!("it is told why");
    };
    assert_eq!(why.reason(), Reason::Panicked);
    assert_eq!(other.call(ECHO, b"x").unwrap().to_vec(), b"x");
}

fn a_panic_of_what_a_connection_keeps_harms_nobody() {
    struct Loud;
    impl Drop for Loud {
        fn drop(&mut self) {
            panic!("as asked for");
        }
    }
    let address = address();
    let server =
        serve(Endpoint::builder(address.clone()).service(Service::new(SERVICE, |_| Ok(Loud))));
    drop(client(&address));
    drop(client(&address));
    until("nobody is left", || server.connections().is_empty());
    server.shut_down(Duration::from_secs(20));
}

fn a_client_without_a_thread_is_told_so() {
    let address = address();
    let builder = Endpoint::builder(address.clone()).service(service());
    // More address space than there is.
    let server = serve(builder.stack_size(1 << 60));
    assert_eq!(reason(connect(&address)), Reason::Resources);
    until("nobody is left", || server.connections().is_empty());
    server.shut_down(Duration::from_secs(20));
}

fn all_must_agree() {
    let uid = rustix::process::geteuid().as_raw();
    let no = || Err(Refusal::denied("no"));
    for first in [false, true] {
        let decide =
            move |yes: bool| move |_: &coroipc::Credentials| if yes { Ok(()) } else { no() };
        let address = address();
        let _server = serve(
            Endpoint::builder(address.clone())
                .service(service())
                .policy(decide(first))
                .policy(decide(!first)),
        );
        assert_eq!(reason(connect(&address)), Reason::Denied);
        let address = crate::world::address();
        let picky = service().policy(decide(first)).policy(decide(!first));
        let _server = serve(Endpoint::builder(address.clone()).service(picky));
        assert_eq!(reason(connect(&address)), Reason::Denied);
    }
    let address = address();
    let _server = server(&address);
    let to = || Client::builder(address.clone(), SERVICE);
    let other = to().require_server_uid(uid + 1).verify_server(|_| Ok(()));
    assert!(matches!(other.connect(), Err(ConnectError::Untrusted(_))));
    let other = to().verify_server(move |_| no()).require_server_uid(uid);
    assert!(matches!(other.connect(), Err(ConnectError::Untrusted(_))));
}

fn times_without_end_are_taken() {
    let address = address();
    let builder = Endpoint::builder(address.clone()).service(service());
    let server = serve(builder.greeting_time(Duration::MAX));
    let client = Client::builder(address, SERVICE)
        .connect_timeout(Duration::MAX)
        .timeout(Duration::MAX)
        .connect()
        .unwrap();
    assert_eq!(client.call(ECHO, b"x").unwrap().to_vec(), b"x");
    server.shut_down(Duration::MAX);
}
