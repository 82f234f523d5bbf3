// SPDX-License-Identifier: MIT OR Apache-2.0
//! One thread, three tasks: a service that echoes, a client that asks it, and a table of services that is kept
//! current meanwhile.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use libipcon::{AsyncEvents, AsyncPeer, Event, Origin, Result, Update};
use tokio::select;

const SERVICE: &str = "echo";
const ROUNDS: u32 = 3;

/// Sends each message back to its sender, for as long as somebody polls it.
async fn echo(server: &AsyncPeer) -> Result<()> {
    loop {
        let message = server.recv().await?;
        if let Origin::Peer(sender) = message.origin {
            server.send_wait(sender, &message.data).await?;
        }
    }
}

async fn ask() -> Result<()> {
    let client = AsyncPeer::connect()?;
    let deadline = Instant::now() + Duration::from_secs(5);
    let echo = client.wait_for_service(SERVICE, deadline).await?;
    for round in 1..=ROUNDS {
        client.send(echo, format!("call {round}").as_bytes())?;
        let answer = client.recv().await?;
        println!("{}", String::from_utf8_lossy(&answer.data));
    }
    Ok(())
}

/// Tells which services there are whenever that changes.
async fn watch(mut events: AsyncEvents) -> Result<()> {
    let mut services = BTreeMap::new();
    loop {
        match events.recv().await? {
            Update::Snapshot(now) => {
                services = now.services.iter().map(|it| (it.name, it.port)).collect();
            }
            Update::Kevent(kevent) => match kevent.event {
                Event::ServiceAdded { name, port } => _ = services.insert(name, port),
                Event::ServiceRemoved { name, .. } => _ = services.remove(&name),
                _ => continue,
            },
        }
        let names: Vec<_> = services.keys().map(|name| name.to_string()).collect();
        println!("services: [{}]", names.join(", "));
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let events = AsyncEvents::open()?;
    let server = AsyncPeer::connect()?;
    server.register_service(SERVICE)?;
    // The first that ends drops the others, at whatever point they are.
    select! {
        biased;
        outcome = watch(events) => outcome,
        outcome = echo(&server) => outcome,
        outcome = ask() => outcome,
    }
}
