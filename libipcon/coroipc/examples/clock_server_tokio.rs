// SPDX-License-Identifier: MIT OR Apache-2.0
//! A server on tokio: `clock_server_tokio [NAME]`.

mod clock;

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> clock::Result<()> {
    let mut server = clock::endpoint()?.into_async()?;
    let mut ticks = tokio::time::interval(clock::TICK);
    let mut time = 0;
    loop {
        tokio::select! {
            failed = server.serve() => match failed? {},
            _ = ticks.tick() => {}
        }
        time += 1;
        clock::tell(&server.connections(), time);
    }
}
