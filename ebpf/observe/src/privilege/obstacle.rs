// SPDX-License-Identifier: MIT OR Apache-2.0
//! What keeps a source from delivering, in words.

use std::sync::atomic::{AtomicBool, Ordering};

use super::bpf_call::BpfCall;
use super::capabilities::Capabilities;
use super::remedy::is_of_module;
use super::standing::Standing;

/// What keeps a source from delivering, or from delivering all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Obstacle {
    /// The program was compiled without the probes.
    #[error("the probes were not built in; run: cargo xtask build")]
    NotBuilt,
    /// A filter of system calls answers bpf(2) with an error.
    #[error("a seccomp filter refuses bpf(2)")]
    CallRefused,
    /// A filter of system calls kills who calls bpf(2).
    #[error("a seccomp filter kills who calls bpf(2)")]
    CallFatal,
    /// The capabilities are those of a user namespace, which do not count.
    #[error("in a user namespace, as in many containers, capabilities do not count for the probes")]
    UserNamespace,
    /// Capabilities for the probes are missing.
    // No command, which would take away what the file of the program gives already: the doctor knows that.
    #[error(
        "the probes need {0}; run as root, or give that to the program as `ipcon-top doctor` tells"
    )]
    Lacking(Capabilities),
    /// Capabilities for the probes were there and are not any more.
    #[error(
        "the probes need {0}, which was given up when they had been attached; start again, with --keep-capabilities if \
         they shall be attached at any time"
    )]
    GivenUp(Capabilities),
    /// The tracepoint of a probe is not there.
    #[error("{}", no_tracepoint(tracepoint))]
    NoTracepoint {
        /// Its name.
        tracepoint: &'static str,
    },
    /// The bus cannot be read.
    #[error("{0}")]
    NoBus(String),
    /// Processes cannot be looked at.
    #[error("{0}")]
    NoProc(String),
    /// Of other users' processes nothing is seen.
    #[error("only servers of the same user are seen; those of others need {0}")]
    OthersClosed(Capabilities),
    /// Capabilities count for processes of the same user namespace only.
    #[error("only servers of the same user namespace are seen")]
    OtherNamespaces,
    /// The file has the capabilities, and they do not count there.
    #[error(
        "the file of the program gives {0}, but its file system is mounted nosuid, so that this does not count"
    )]
    NosuidMount(Capabilities),
    /// The file has the capabilities, and they do not count for who started it.
    #[error(
        "the file of the program gives {0}, but it was started under no_new_privs, so that this does not count"
    )]
    NoNewPrivs(Capabilities),
    /// No program started from there can have them.
    #[error("the bounding set lacks {0}, so that no program can get it here, nor root")]
    Bounded(Capabilities),
}

/// What it means that a tracepoint is not there.
pub(crate) fn no_tracepoint(tracepoint: &str) -> String {
    match is_of_module(tracepoint) {
        true => format!(
            "the kernel has no tracepoint {tracepoint}: the module ipcon of this version is not loaded"
        ),
        false => format!("the kernel has no tracepoint {tracepoint}"),
    }
}

/// Whether this process gave up what it needed to attach the probes.
static GIVEN_UP: AtomicBool = AtomicBool::new(false);

/// From now on, capabilities for the probes that are missing were given up.
pub(super) fn note_given_up() {
    GIVEN_UP.store(true, Ordering::Relaxed);
}

/// The one obstacle that missing capabilities are, for a process that may have given them up.
pub(crate) fn lacking(missing: Capabilities) -> Obstacle {
    match GIVEN_UP.load(Ordering::Relaxed) {
        true => Obstacle::GivenUp(missing),
        false => Obstacle::Lacking(missing),
    }
}

/// Why the kernel refused one who has the capabilities, as far as it can be found out.
pub(crate) fn explain_refusal() -> Option<Obstacle> {
    let standing = Standing::of_thread();
    before_loading(&standing).into_iter().next()
}

/// What stands in the way of loading any program.
pub(super) fn before_loading(standing: &Standing) -> Vec<Obstacle> {
    let mut obstacles = Vec::new();
    match standing.bpf_call {
        BpfCall::Allowed => {}
        BpfCall::Refused => obstacles.push(Obstacle::CallRefused),
        BpfCall::Fatal => obstacles.push(Obstacle::CallFatal),
    }
    if standing.initial_user_namespace == Some(false) {
        obstacles.push(Obstacle::UserNamespace);
    } else {
        let missing = standing.permitted.lacking_for_probes();
        if !missing.is_empty() {
            obstacles.push(lacking(missing));
            obstacles.extend(why_not_granted(standing, missing));
        }
    }
    obstacles
}

/// Why these are missing although they seem to have been given.
pub(super) fn why_not_granted(standing: &Standing, missing: Capabilities) -> Option<Obstacle> {
    let unbounded = missing.without(standing.bounding);
    if !unbounded.is_empty() {
        return Some(Obstacle::Bounded(unbounded));
    }
    let binary = standing.binary.as_ref()?;
    let on_file = binary.capabilities.among(missing);
    if on_file.is_empty() {
        return None;
    }
    if binary.nosuid {
        Some(Obstacle::NosuidMount(on_file))
    } else if standing.no_new_privs {
        Some(Obstacle::NoNewPrivs(on_file))
    } else {
        None
    }
}
