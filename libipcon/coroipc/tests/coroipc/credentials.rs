// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a policy can know of a client beyond its numbers.

use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use coroipc::{Address, Client, ConnectError, Credentials, Endpoint, Reason, Refusal, Running};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};

use crate::world::*;

pub(crate) fn all() -> Vec<Case> {
    cases![
        a_policy_knows_what_a_client_runs_and_where,
        a_policy_decides_by_what_it_knows,
        of_a_process_that_is_gone_nothing_is_said,
        a_client_in_namespaces_of_its_own_is_told_from_others,
        the_label_is_what_the_kernel_says,
    ]
}

/// What cannot be run here, and why.
pub(crate) fn lacks() -> Vec<Lack> {
    let label = (!labels_sockets().unwrap()).then_some((
        "the_label_is_what_the_kernel_says",
        "no security module labels sockets here",
    ));
    let tries = in_role("credentials::as_founder").status().unwrap();
    let namespaces = (!tries.success()).then_some((
        "a_client_in_namespaces_of_its_own_is_told_from_others",
        "this user may make no namespaces here",
    ));
    let lacks = label.into_iter().chain(namespaces);
    lacks
        .map(|(name, why)| (format!("credentials::{name}"), why))
        .collect()
}

pub(crate) const ROLES: &[Role] = &[
    ("credentials::as_founder", as_founder),
    ("credentials::as_client", as_client),
    ("credentials::as_stranger", as_stranger),
    ("credentials::as_parent", as_parent),
];

/// What a policy found out.
#[derive(Debug, PartialEq, Eq)]
struct Known {
    executable: Option<PathBuf>,
    same_user_namespace: Option<bool>,
    same_pid_namespace: Option<bool>,
    label: Option<Vec<u8>>,
}

impl Known {
    fn of(client: &Credentials) -> Self {
        Self {
            executable: client.executable(),
            same_user_namespace: client.same_user_namespace(),
            same_pid_namespace: client.same_pid_namespace(),
            label: client.label().map(<[u8]>::to_vec),
        }
    }
}

/// A server that tells what its policy knows of each client.
fn telling(address: &Address, tell: Sender<Known>) -> Running {
    let tell = Mutex::new(tell);
    let builder = Endpoint::builder(address.clone()).service(service());
    serve(builder.policy(move |client| {
        tell.lock().unwrap().send(Known::of(client)).unwrap();
        Ok(())
    }))
}

/// What is known of a client in another process and in a role.
fn known_of(role: &str) -> Known {
    let (tell, told) = channel();
    let name = format!("coroipc-{}-{}", role.replace(':', "-"), std::process::id());
    let _server = telling(&Address::abstract_name(&name), tell);
    let mut client = Process::start(role, &name);
    client.wait_for("connected");
    told.recv_timeout(Duration::from_secs(20)).unwrap()
}

fn ours() -> PathBuf {
    std::fs::read_link("/proc/self/exe").unwrap()
}

fn a_policy_knows_what_a_client_runs_and_where() {
    let known = known_of("credentials::as_client");
    assert_eq!(known.executable, Some(ours()));
    assert_eq!(known.same_user_namespace, Some(true));
    assert_eq!(known.same_pid_namespace, Some(true));
}

fn as_client() {
    let _client = client(&Address::abstract_name(argument()));
    say("connected");
    run_on();
}

fn a_policy_decides_by_what_it_knows() {
    for (wanted, welcome) in [(ours(), true), ("/usr/bin/something-else".into(), false)] {
        let address = address();
        let builder = Endpoint::builder(address.clone()).service(service());
        let _server = serve(builder.policy(move |client| {
            if client.executable().as_ref() == Some(&wanted) {
                return Ok(());
            }
            Err(Refusal::denied("another program"))
        }));
        match Client::builder(address, SERVICE).connect() {
            Ok(_) => assert!(welcome),
            Err(ConnectError::Refused(why)) => {
                assert!(!welcome);
                assert_eq!(why.reason(), Reason::Denied);
            }
            other => panic!("{other:?}"),
        }
    }
}

fn of_a_process_that_is_gone_nothing_is_said() {
    let (tell, told) = channel::<Option<coroipc::Connection>>();
    let tell = Mutex::new(tell);
    let address = address();
    let hooked = coroipc::Service::new(SERVICE, move |connection| {
        tell.lock().unwrap().send(Some(connection.clone())).unwrap();
        Ok(())
    });
    let _server = serve(Endpoint::builder(address.clone()).service(hooked));
    let name = address.to_string();
    let mut other = Process::start("credentials::as_client", &name[1..]);
    let connection = told.recv_timeout(Duration::from_secs(20)).unwrap().unwrap();
    other.wait_for("connected");
    let known = || Known::of(connection.credentials());
    assert_eq!(known().executable, Some(ours()));
    other.kill();
    // Another process has its number now, where that can be had.
    let _heir = heir_of(other.pid());
    let known = known();
    assert_eq!(known.executable, None);
    assert_eq!(known.same_user_namespace, None);
    assert_eq!(known.same_pid_namespace, None);
}

/// A process that gets the number of one that is gone; root may say which number comes next.
fn heir_of(pid: u32) -> Option<Heir> {
    for _ in 0..100 {
        std::fs::write("/proc/sys/kernel/ns_last_pid", (pid - 1).to_string()).ok()?;
        let mut cat = std::process::Command::new("cat");
        let heir = Heir(cat.stdin(std::process::Stdio::piped()).spawn().ok()?);
        if heir.0.id() == pid {
            return Some(heir);
        }
    }
    None
}

/// It ends with the test.
struct Heir(std::process::Child);

impl Drop for Heir {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn a_client_in_namespaces_of_its_own_is_told_from_others() {
    let known = known_of("credentials::as_parent");
    assert_eq!(known.executable, Some(ours()));
    assert_eq!(known.same_user_namespace, Some(false));
    assert_eq!(known.same_pid_namespace, Some(false));
}

/// Leaves the namespaces of this process, whose children will be in new ones.
#[allow(unsafe_code)]
fn make_namespaces() -> std::io::Result<()> {
    // SAFETY: This process has one thread yet, and no memory is touched.
    match unsafe { libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWPID) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

/// Says by its exit status whether namespaces can be made.
fn as_founder() {
    std::process::exit(i32::from(make_namespaces().is_err()));
}

/// The parent of a client in other namespaces, since only children are in a new pid namespace.
fn as_parent() {
    make_namespaces().unwrap();
    let mut stranger = Process::start("credentials::as_stranger", &argument());
    stranger.wait_for("connected");
    say("connected");
    run_on();
}

fn as_stranger() {
    let kill = rustix::process::Signal::KILL;
    rustix::process::set_parent_process_death_signal(Some(kill)).unwrap();
    as_client();
}

fn the_label_is_what_the_kernel_says() {
    let (tell, told) = channel();
    let address = address();
    let _server = telling(&address, tell);
    let _client = client(&address);
    let known = told.recv_timeout(Duration::from_secs(20)).unwrap();
    // What labels sockets labels processes, and says so here.
    let process = std::fs::read("/proc/self/attr/current").unwrap_or_default();
    let process = process.trim_ascii_end();
    let process = process.strip_suffix(b"\0").unwrap_or(process);
    let label = known.label.unwrap();
    assert_eq!(label, process);
    assert!(!label.contains(&0));
}

/// Whether the kernel has a label for the other end of a socket like those of connections.
#[allow(unsafe_code)]
fn labels_sockets() -> Result<bool, Errno> {
    let name = format!("coroipc-label-{}", std::process::id());
    let address = SocketAddrUnix::new_abstract_name(name.as_bytes())?;
    let socket = || rustix::net::socket(AddressFamily::UNIX, SocketType::SEQPACKET, None);
    let (listener, ours) = (socket()?, socket()?);
    rustix::net::bind(&listener, &address)?;
    rustix::net::listen(&listener, 1)?;
    rustix::net::connect(&ours, &address)?;
    let mut label = [0u8; 4096];
    let mut len = 4096;
    // SAFETY: The kernel writes at most so many bytes, and how many there are; both live for as long as the call takes.
    let status = unsafe {
        libc::getsockopt(
            ours.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERSEC,
            label.as_mut_ptr().cast(),
            &raw mut len,
        )
    };
    let error = std::io::Error::last_os_error();
    Ok(status == 0 || Errno::from_io_error(&error) != Some(Errno::NOPROTOOPT))
}
