//! Has numbers added up by a server of its own user.

use libipcon::coroipc::{self, Address, Client, Credentials};

coroipc::interface! {
    mod adder = service 1, version 1;
    types { struct Term { number: u64 } struct Sum { total: u64 } }
    commands { add(Term) -> Sum = 1; }
    events { Added(Sum) = 1; }
}
use adder::{Event, Term};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let adder = Client::builder(Address::path("adder.sock"), adder::SERVICE)
        .verify_server(Credentials::require_same_user)
        .connect_as::<adder::Client>()?;
    let mut events = adder.events().ok_or("no events")?;
    for number in [7, 5] {
        let sum = adder.add(&Term { number })?;
        println!("the sum is {}", sum.total);
        if let Some(Event::Added(sum)) = events.next(None)? {
            println!("the server told that it is {}", sum.total);
        }
    }
    Ok(())
}
