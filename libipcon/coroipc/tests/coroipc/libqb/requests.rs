// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cases of requests and replies.

use std::time::{Duration, Instant};

use coroipc::{CallError, Client};

use super::server::*;
use crate::serving::*;
use crate::world::*;

pub(super) fn all() -> Vec<ServedCase> {
    served_cases![
        test_ipc_txrx_getauth,
        test_ipc_txrx_timeout,
        test_ipc_txrx_block,
        test_ipc_txrx_tmo,
        test_ipc_fc,
    ]
}

/// The client learns who the server is.
fn test_ipc_txrx_getauth(serving: Serving) {
    let mut server = start("getauth", serving);
    let client = connect(&server.address);
    assert_eq!(client.server().pid(), server.process.pid());
    assert_eq!(client.server().uid(), rustix::process::getuid().as_raw());
    assert_eq!(client.server().gid(), rustix::process::getgid().as_raw());
    server.exit(&client);
}

/// An event is no answer: the call ends at its deadline, and not before.
fn test_ipc_txrx_timeout(serving: Serving) {
    let mut server = start("timeout", serving);
    let client = connect(&server.address);
    let mut events = client.events().unwrap();
    let deadline = Instant::now() + Duration::from_millis(200);
    let error = client.call_vectored(DISPATCH, &[], Some(deadline));
    assert_eq!(error.map(drop), Err(CallError::TimedOut));
    assert!(Instant::now() >= deadline);
    assert!(events.next(soon()).unwrap().is_some(), "the event comes");
    server.exit(&client);
}

/// Sizes that double up to the longest; twice that is an error.
fn exchange(client: &Client) {
    let too_long = client.call(ANSWER, &vec![0; 2 * MOST as usize]).map(drop);
    let (len, most) = (2 * MOST as usize, MOST as usize);
    assert_eq!(too_long, Err(CallError::TooLong { len, most }));
    for power in 5..=20 {
        let reply = client.call(ANSWER, &vec![1; 1 << power]).unwrap();
        assert_eq!(reply.to_vec(), (1u32 << power).to_ne_bytes());
    }
}

/// Requests and replies, waiting for as long as it takes.
pub(super) fn test_ipc_txrx_block(serving: Serving) {
    let mut server = start("block", serving);
    let client = connect(&server.address);
    exchange(&client);
    server.exit(&client);
}

/// The same with a time-out, which does not come.
fn test_ipc_txrx_tmo(serving: Serving) {
    let mut server = start("tmo", serving);
    let builder = Client::builder(server.address.clone(), SERVICE);
    let client = builder.sizes(SIZES).most_sizes(coroipc::Sizes::MAX);
    let client = client.timeout(Duration::from_secs(20)).connect().unwrap();
    exchange(&client);
    server.exit(&client);
}

/// A server that takes no requests says so, and can be killed.
fn test_ipc_fc(serving: Serving) {
    let mut server = start("fc", serving);
    let client = connect(&server.address);
    exchange(&client);
    client.call(TURN_OFF, b"").unwrap();
    for _ in 0..10 {
        let error = client.call(ANSWER, b"").map(drop).unwrap_err();
        assert!(matches!(error, CallError::Overloaded { .. }), "{error}");
    }
    assert_eq!(client.disconnected(), None);
    drop(client);
    server.process.kill();
}
