// SPDX-License-Identifier: MIT OR Apache-2.0
//! How long a round trip takes, beside what the machine allows: `ping_pong [one|two|free]`.
//!
//! `one` pins both processes to one processor, `two` to two, `free` leaves them to the scheduler. The floors are two
//! processes that do nothing but pass a word of shared memory to each other, by futex and by spinning.

use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use coroipc::typed::Responder;
use coroipc::{Address, Client, CommandId, Endpoint, Service, ServiceId, Session, Sizes};
use rustix::thread::futex;

const SERVICE: ServiceId = ServiceId::new(1);
const ECHO: CommandId = CommandId::new(1);
const IN_PLACE: CommandId = CommandId::new(2);
const EVENTS: CommandId = CommandId::new(3);
const ROUNDS: usize = 100_000;

coroipc::interface! {
    mod typed = service 2, version 1;
    types {
        struct Block { bytes: [u8; 64] }
    }
    commands {
        echo(Block) -> Block = 1;
    }
}

struct Echo;

impl typed::Server for Echo {
    type State = ();

    fn echo(&self, _: &mut Session<()>, block: typed::Block, reply: Responder<typed::Block>) {
        reply.send(&block);
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let placement = arguments.next().unwrap_or_else(|| "one".into());
    match arguments.next().as_deref() {
        Some("serve") => serve(&placement),
        Some("futex") => floor_peer(&placement, &arguments.next().ok_or("no descriptor")?, true),
        Some("spin") => floor_peer(&placement, &arguments.next().ok_or("no descriptor")?, false),
        _ => measure(&placement),
    }
}

fn measure(placement: &str) -> Result<(), Box<dyn std::error::Error>> {
    pin(placement, 0);
    floor(placement, true)?;
    if placement == "two" {
        floor(placement, false)?;
    }
    let _server = Guard(start(placement, "serve", None)?);
    let address = Address::abstract_name(format!("coroipc-ping-pong-{placement}"));
    let sizes = Sizes {
        request: 256 << 10,
        reply: 256 << 10,
        events: 1 << 20,
        ..Sizes::default()
    };
    let builder = || Client::builder(address.clone(), SERVICE).sizes(sizes);
    let client = (0..1000)
        .find_map(|_| {
            builder().connect().ok().or_else(|| {
                std::thread::sleep(Duration::from_millis(2));
                None
            })
        })
        .ok_or("the server did not start")?;

    let payload = [7; 64];
    report("coroipc 64 B, copied", ROUNDS, || {
        let reply = client.call(ECHO, &payload).expect("a reply");
        assert_eq!(reply.copy_to(&mut [0; 64]), 64);
    });
    let typed_client = builder().connect_as::<typed::Client>()?;
    let block = typed::Block { bytes: payload };
    report("coroipc 64 B, typed", ROUNDS, || {
        let reply = typed_client.echo(&block).expect("a reply");
        assert_eq!(reply.bytes[63], 7);
    });
    report("coroipc 64 B, in place", ROUNDS, || {
        let room = client.room(64, None).expect("a room");
        let reply = room.call(IN_PLACE, None).expect("a reply");
        assert_eq!(reply.len(), 64);
    });
    report("coroipc 256 KiB, in place", ROUNDS, || {
        let room = client.room(256 << 10, None).expect("a room");
        let reply = room.call(IN_PLACE, None).expect("a reply");
        assert_eq!(reply.len(), 256 << 10);
    });
    let mut events = client.events().ok_or("no events")?;
    for (len, count) in [(64u32, 2_000_000u32), (16 << 10, 200_000)] {
        let began = Instant::now();
        let order = [len.to_ne_bytes(), count.to_ne_bytes()].concat();
        client.notify(EVENTS, &[std::io::IoSlice::new(&order)])?;
        for _ in 0..count {
            events.next(None)?.ok_or("an event")?;
        }
        let rate = f64::from(count) / began.elapsed().as_secs_f64();
        println!("events of {len} bytes: {rate:.0}/s");
    }
    drop(client);
    let sizes = Sizes {
        slots: 8,
        request: 128 << 10,
        reply: 128 << 10,
        events: 1 << 20,
        ..Sizes::default()
    };
    report("connect and disconnect, 3 MiB", 500, || {
        Client::builder(address.clone(), SERVICE)
            .sizes(sizes)
            .connect()
            .expect("a connection");
    });
    report("connect and disconnect, default", 500, || {
        Client::builder(address.clone(), SERVICE)
            .connect()
            .expect("a connection");
    });
    Ok(())
}

fn serve(placement: &str) -> Result<(), Box<dyn std::error::Error>> {
    pin(placement, 1);
    let service = Service::new(SERVICE, |_| Ok(()))
        .command(ECHO, |_, call| {
            let mut copy = [0; 64];
            let len = call.payload().copy_to(&mut copy);
            call.reply(&copy[..len]);
        })
        .command(IN_PLACE, |_, call| {
            let len = call.payload().len();
            call.reply_in_place(len);
        })
        .command(EVENTS, |session, call| {
            let order: [u8; 8] = call.payload().first().expect("an order");
            let len = u32::from_ne_bytes([order[0], order[1], order[2], order[3]]);
            let count = u32::from_ne_bytes([order[4], order[5], order[6], order[7]]);
            let event = vec![1; len as usize];
            for _ in 0..count {
                if session
                    .connection()
                    .send_event(&[std::io::IoSlice::new(&event)])
                    .is_err()
                {
                    return;
                }
            }
        });
    let address = Address::abstract_name(format!("coroipc-ping-pong-{placement}"));
    let _running = Endpoint::builder(address)
        .service(service)
        .service(typed::service(Echo, |_| Ok(())))
        .bind()?
        .spawn()?;
    // Until the one who started this ends it.
    loop {
        std::thread::park();
    }
}

/// A round trip of nothing but a word in shared memory.
fn floor(placement: &str, sleep: bool) -> Result<(), Box<dyn std::error::Error>> {
    use std::os::fd::AsRawFd;
    let file = rustix::fs::memfd_create("floor", rustix::fs::MemfdFlags::empty())?;
    rustix::fs::ftruncate(&file, 4096)?;
    let (how, name) = if sleep {
        ("futex", "floor: futex")
    } else {
        ("spin", "floor: spin")
    };
    let word = map(&file)?;
    let _peer = Guard(start(placement, how, Some(file.as_raw_fd()))?);
    let mut turn = 0;
    pass(word, sleep, turn, turn + 1);
    turn += 2;
    report(name, ROUNDS, || {
        await_turn(word, sleep, turn);
        pass(word, sleep, turn, turn + 1);
        turn += 2;
    });
    Ok(())
}

fn floor_peer(placement: &str, file: &str, sleep: bool) -> Result<(), Box<dyn std::error::Error>> {
    pin(placement, 1);
    let file = std::fs::File::open(format!("/proc/self/fd/{file}")).and_then(|_| {
        std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(format!("/proc/self/fd/{file}"))
    })?;
    let word = map(&file)?;
    for turn in (1..).step_by(2) {
        await_turn(word, sleep, turn);
        pass(word, sleep, turn, turn + 1);
    }
    Ok(())
}

fn await_turn(word: &AtomicU32, sleep: bool, turn: u32) {
    loop {
        let now = word.load(Ordering::Acquire);
        if now == turn {
            return;
        }
        if sleep {
            let _ = futex::wait(word, futex::Flags::empty(), now, None);
        } else {
            std::hint::spin_loop();
        }
    }
}

fn pass(word: &AtomicU32, sleep: bool, _from: u32, to: u32) {
    word.store(to, Ordering::Release);
    if sleep {
        let _ = futex::wake(word, futex::Flags::empty(), 1);
    }
}

fn map(file: &impl std::os::fd::AsFd) -> rustix::io::Result<&'static AtomicU32> {
    use rustix::mm::{MapFlags, ProtFlags, mmap};
    let access = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: A new mapping of a page that the file has, which stays until the program ends.
    unsafe {
        let address = mmap(
            std::ptr::null_mut(),
            4096,
            access,
            MapFlags::SHARED,
            file,
            0,
        )?;
        Ok(&*address.cast::<AtomicU32>())
    }
}

fn report(what: &str, rounds: usize, mut round: impl FnMut()) {
    for _ in 0..rounds / 10 {
        round();
    }
    let mut times: Vec<Duration> = (0..rounds)
        .map(|_| {
            let began = Instant::now();
            round();
            began.elapsed()
        })
        .collect();
    times.sort_unstable();
    let at = |share: f64| times[(times.len() as f64 * share) as usize].as_nanos() as f64 / 1000.0;
    println!(
        "{what}: p50 {:.2} µs, p99 {:.2}, p99.9 {:.2}",
        at(0.5),
        at(0.99),
        at(0.999)
    );
}

fn pin(placement: &str, side: usize) {
    let cpu = match placement {
        "one" => 0,
        "two" => side,
        _ => return,
    };
    let mut set = rustix::thread::CpuSet::new();
    set.set(cpu);
    rustix::thread::sched_setaffinity(None, &set).expect("pinning");
}

fn start(placement: &str, role: &str, descriptor: Option<i32>) -> std::io::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(placement).arg(role).stdin(Stdio::null());
    if let Some(descriptor) = descriptor {
        command.arg(descriptor.to_string());
    }
    command.spawn()
}

struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
