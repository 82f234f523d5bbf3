//! Adds up what its own user sends.

use libipcon::coroipc::{self, Address, Credentials, Endpoint, Session, typed::Responder};

coroipc::interface! {
    mod adder = service 1, version 1;
    types { struct Term { number: u64 } struct Sum { total: u64 } }
    commands { add(Term) -> Sum = 1; }
    events { Added(Sum) = 1; }
}
use adder::{Sum, Term, events::Added};

struct Adder;

impl adder::Server for Adder {
    type State = u64; // of each connection
    fn add(&self, session: &mut Session<u64>, term: Term, reply: Responder<Sum>) {
        let total = session.state.wrapping_add(term.number);
        session.state = total;
        reply.send(&Sum { total });
        let _ = session.connection().send::<Added>(&Sum { total });
    }
}

fn main() -> Result<(), coroipc::BindError> {
    let server = Endpoint::builder(Address::path("adder.sock"));
    let server = server.policy(Credentials::require_same_user);
    let server = server.service(adder::service(Adder, |_connection| Ok(0)));
    server.bind()?.serve()
}
