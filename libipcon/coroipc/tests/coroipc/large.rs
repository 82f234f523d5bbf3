// SPDX-License-Identifier: MIT OR Apache-2.0
//! Payloads that are longer than a room.

use std::io::IoSlice;

use coroipc::{Address, CallError, Client, CommandId, Endpoint, EndpointBuilder, Service, Sizes};

use crate::serving::*;
use crate::world::*;

pub(crate) fn all() -> Vec<ServedCase> {
    served_cases![
        payloads_longer_than_a_room_travel_both_ways,
        both_sides_bound_them,
        they_may_be_written_in_place_and_dropped_unsent,
        each_reply_finds_its_request,
        those_that_nobody_takes_leave_nothing,
        memory_that_is_not_to_be_had_is_an_error_and_no_end,
    ]
}

pub(crate) const ROLES: &[Role] = &[("large::as_both", as_both), ("large::as_poor", as_poor)];

const SMALL: Sizes = Sizes {
    slots: 4,
    request: 64,
    reply: 64,
    events: 4096,
    large: 0,
};
const MOST: u32 = 3 << 20;

/// Replies with the payload turned round.
const TURN: CommandId = CommandId::new(1);
/// Replies with as many bytes as the payload says.
const GROW: CommandId = CommandId::new(2);
/// Replies with what [`GROW`] does, later.
const GROW_LATER: CommandId = CommandId::new(3);
/// Replies to what was kept.
const NOW: CommandId = CommandId::new(4);

fn number(call: &coroipc::Call) -> u32 {
    u32::from_ne_bytes(call.payload().first().unwrap())
}

fn grown(len: u32) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

fn endpoint(address: &Address) -> EndpointBuilder {
    let service = Service::new(SERVICE, |_| Ok(Vec::new()))
        .command(TURN, |_, call| {
            let mut payload = call.payload().to_vec();
            payload.reverse();
            let (first, rest) = payload.split_at(payload.len() / 2);
            call.reply_vectored(&[IoSlice::new(first), IoSlice::new(rest)]);
        })
        .command(GROW, |_, call| {
            let len = number(&call);
            call.reply(&grown(len));
        })
        .command(GROW_LATER, |session, call| session.state.push(call))
        .command(NOW, |session, call| {
            for kept in session.state.drain(..) {
                let len = number(&kept);
                kept.reply(&grown(len));
            }
            call.reply(b"");
        });
    let most = Sizes {
        large: MOST,
        ..Sizes::MAX
    };
    Endpoint::builder(address.clone())
        .service(service)
        .sizes(Sizes::MIN, most)
}

fn to(address: &Address, large: u32) -> Client {
    let sizes = Sizes { large, ..SMALL };
    let client = Client::builder(address.clone(), SERVICE).sizes(sizes);
    client.connect().unwrap()
}

fn payload(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 % 253) as u8).collect()
}

fn turn_round(client: &Client) {
    for len in [0, 1, 63, 64, 65, 4095, 4096, 4097, 100_000, MOST as usize] {
        let payload = payload(len);
        let reply = client.call(TURN, &payload).unwrap();
        assert_eq!(reply.len(), len);
        let turned: Vec<_> = payload.into_iter().rev().collect();
        assert!(reply.to_vec() == turned, "{len} bytes");
    }
}

fn payloads_longer_than_a_room_travel_both_ways(serving: Serving) {
    let address = address();
    let _server = serving.serve(endpoint(&address));
    turn_round(&to(&address, u32::MAX));
}

fn both_sides_bound_them(serving: Serving) {
    let address = address();
    let _server = serving.serve(endpoint(&address));
    // The client's bound, the server's, and none at all.
    for (wanted, most) in [(1000, 1000), (u32::MAX, MOST), (0, 64)] {
        let client = to(&address, wanted);
        assert_eq!(client.sizes().large.max(64), most);
        let fits = payload(most as usize);
        assert_eq!(client.call(TURN, &fits).unwrap().len(), fits.len());
        let error = client.call(TURN, &payload(most as usize + 1)).unwrap_err();
        let (len, most_bytes) = (most as usize + 1, most as usize);
        assert_eq!(
            error,
            CallError::TooLong {
                len,
                most: most_bytes
            }
        );
        let grow = |len: u32| client.call(GROW, &len.to_ne_bytes()).map(|it| it.to_vec());
        assert!(grow(most).unwrap() == grown(most));
        assert_eq!(grow(most + 1), Err(CallError::ReplyTooLong(most + 1)));
    }
}

fn they_may_be_written_in_place_and_dropped_unsent(serving: Serving) {
    let address = address();
    let _server = serving.serve(endpoint(&address));
    let client = to(&address, MOST);
    for _ in 0..20 {
        let mut room = client.room(5000, None).unwrap();
        assert_eq!(room.bytes().len(), 5000);
        room.bytes().fill(1);
    }
    let mut room = client.room(5000, None).unwrap();
    room.bytes().copy_from_slice(&payload(5000));
    let reply = room.call(TURN, None).unwrap();
    assert_eq!(
        reply.bytes().first(),
        payload(5000).last().map(|&last| [last])
    );
}

fn each_reply_finds_its_request(serving: Serving) {
    let address = address();
    let _server = serving.serve(endpoint(&address));
    let client = to(&address, MOST);
    let mut events = client.events().unwrap();
    for round in 0..50u32 {
        let lens = [5000 + round, 70, 9000 + round];
        let start = |len: u32| client.start(GROW_LATER, &[IoSlice::new(&len.to_ne_bytes())], None);
        let kept = lens.map(|len| start(len).unwrap());
        client.call(NOW, b"").unwrap();
        // Another thread's look at the socket takes what is for all.
        assert!(events.try_next().unwrap().is_none());
        let [first, cancelled, last] = kept;
        drop(cancelled);
        assert!(last.wait().unwrap().to_vec() == grown(lens[2]));
        assert!(first.wait().unwrap().to_vec() == grown(lens[0]));
    }
}

fn those_that_nobody_takes_leave_nothing(serving: Serving) {
    let mut alone = Process::start("large::as_both", serving.name());
    alone.wait_for("left nothing");
}

/// The test above, in a process where no other test runs.
fn as_both() {
    let serving = Serving::named(&argument());
    let address = address();
    let _server = serving.serve(endpoint(&address));
    let client = to(&address, MOST);
    client.call(TURN, &payload(5000)).unwrap();
    let before = Left::now();
    for _ in 0..500 {
        let len = 5000u32.to_ne_bytes();
        let request = [IoSlice::new(&len), IoSlice::new(&[0; 5000])];
        client.notify(GROW, &request).unwrap();
        // Answered before it is given up.
        let pending = client.start(GROW_LATER, &[IoSlice::new(&len)], None);
        client.call(NOW, b"").unwrap();
        drop(pending);
    }
    // They would fill the socket.
    assert_eq!(client.call(TURN, &payload(5000)).unwrap().len(), 5000);
    // The slots are used again, and with that the last ones are taken out of the way.
    let all: Vec<_> = (0..4).map(|_| client.room(1, None).unwrap()).collect();
    until("nothing is left", || Left::now().is_within(before));
    drop(all);
    say("left nothing");
}

fn memory_that_is_not_to_be_had_is_an_error_and_no_end(serving: Serving) {
    let mut alone = Process::start("large::as_poor", serving.name());
    alone.wait_for("was told");
}

/// The test above, in a process whose files may not be large.
fn as_poor() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let serving = Serving::named(&argument());
    let address = address();
    let _server = serving.serve(endpoint(&address));
    let client = to(&address, MOST);
    let room = client.room(5000, None).unwrap();
    let limit = Rlimit {
        // As many as a loop polls: `poll` wants to be allowed so many. They are taken.
        current: Some(2),
        ..getrlimit(Resource::Nofile)
    };
    setrlimit(Resource::Nofile, limit).unwrap();
    // Nothing can be made, neither here nor, as that is this process, by the server.
    let error = client.call(TURN, &payload(5000)).map(drop).unwrap_err();
    assert!(matches!(error, CallError::NoMemory { .. }), "{error}");
    let grow = client.call(GROW, &5000u32.to_ne_bytes()).map(drop);
    assert!(matches!(grow, Err(CallError::NoMemory { .. })), "{grow:?}");
    drop(room);
    assert_eq!(client.call(TURN, b"ab").unwrap().to_vec(), b"ba");
    say("was told");
}
