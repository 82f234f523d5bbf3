// SPDX-License-Identifier: MIT OR Apache-2.0
//! A client on tokio: `clock_client_tokio [NAME]`.

mod clock;

use std::io::IoSlice;

use coroipc::AsyncClient;

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> clock::Result<()> {
    let client = AsyncClient::connect(clock::client()).await?;
    let mut events = client.events().ok_or("the server has no events")?;
    let sums = async {
        let mut pending = Vec::new();
        for number in clock::NUMBERS {
            let number = number.to_ne_bytes();
            pending.push(
                client
                    .start(clock::ADD, &[IoSlice::new(&number)], None)
                    .await?,
            );
        }
        for reply in pending {
            clock::print_sum(reply.await?.bytes().first());
        }
        clock::Result::Ok(())
    };
    let times = async {
        for _ in 0..clock::TICKS {
            clock::print_time(&events.next().await?.to_vec());
        }
        clock::Result::Ok(())
    };
    tokio::try_join!(sums, times)?;
    Ok(())
}
