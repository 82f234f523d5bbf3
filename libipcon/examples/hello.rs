// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two peers talk: one holds a service, the other finds it, asks and gets an answer.

use std::thread;
use std::time::{Duration, Instant};

use libipcon::{Origin, Peer, Result};

const SERVICE: &str = "greeter";

/// Greets the first who writes.
fn greet(greeter: &Peer) -> Result<()> {
    let message = greeter.recv()?;
    if let Origin::Peer(guest) = message.origin {
        let greeting = format!("Hello, {}!", String::from_utf8_lossy(&message.data));
        greeter.send(guest, greeting.as_bytes())?;
    }
    Ok(())
}

fn main() -> Result<()> {
    let greeter = Peer::connect()?;
    greeter.register_service(SERVICE)?;
    println!("{SERVICE} is at port {}", greeter.port());

    thread::scope(|scope| {
        let greeting = scope.spawn(|| greet(&greeter));

        let deadline = Instant::now() + Duration::from_secs(5);
        let guest = Peer::connect()?;
        let port = guest.wait_for_service(SERVICE, deadline)?;
        guest.send(port, b"world")?;
        match guest.recv_deadline(deadline)? {
            Some(answer) => println!("{}", String::from_utf8_lossy(&answer.data)),
            None => println!("no answer in time"),
        }

        greeting
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
