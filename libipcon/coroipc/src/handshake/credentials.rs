// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who the other side is, as the kernel says.
#![allow(unsafe_code)]

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::process::Process;
use super::refusal::Refusal;

/// Who the other side is, as the kernel recorded it when the socket was connected (of a client) or listened on (of a
/// server). Nothing that the other side says goes into it.
#[derive(Debug)]
pub struct Credentials {
    pid: u32,
    uid: u32,
    gid: u32,
    groups: Vec<u32>,
    pidfd: Option<Arc<OwnedFd>>,
    label: Option<Vec<u8>>,
}

impl Credentials {
    /// Asks the kernel about the other end of a connected socket.
    pub(crate) fn of_peer(socket: BorrowedFd<'_>) -> Result<Self, Errno> {
        let mut ucred = [0; 3];
        option(socket, SO_PEERCRED, &mut ucred)?;
        let [pid, uid, gid] = ucred;
        Ok(Self {
            pid,
            uid,
            gid,
            groups: groups(socket)?,
            pidfd: pidfd(socket, pid).map(Arc::new),
            label: label(socket),
        })
    }

    /// The effective user of the other end, alone.
    pub(crate) fn uid_of_peer(socket: BorrowedFd<'_>) -> Result<u32, Errno> {
        let mut ucred = [0; 3];
        option(socket, SO_PEERCRED, &mut ucred)?;
        Ok(ucred[1])
    }

    /// The process, in this side's namespace, or 0 if it is not in there. It may be gone by now, and its number be another's: see [`Self::pidfd`].
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The effective user; the kernel's overflow user (65534) if it has no number in this side's namespace, as have all such
    /// users: a policy that lets that one pass lets all of them pass.
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// A policy: the other side has the effective user of this process. For users without a number see [`Self::uid`].
    ///
    /// # Errors
    /// A refusal that says so if it is not.
    pub fn require_same_user(&self) -> Result<(), Refusal> {
        let ours = rustix::process::geteuid().as_raw();
        if self.uid == ours {
            return Ok(());
        }
        let text = format!("user {} is wanted, not {}", ours, self.uid);
        Err(Refusal::denied(text))
    }

    /// The effective group.
    pub fn gid(&self) -> u32 {
        self.gid
    }

    /// The supplementary groups.
    pub fn groups(&self) -> &[u32] {
        &self.groups
    }

    /// Whether it belongs to a group, as its effective or a supplementary one.
    pub fn in_group(&self, gid: u32) -> bool {
        self.gid == gid || self.groups.contains(&gid)
    }

    /// Whether it could end this process as well: as its user, or as the superuser. Who has the overflow user's number may be
    /// anybody that has none in this side's namespace.
    pub(crate) fn could_kill_us(&self) -> bool {
        let own = rustix::process::geteuid().as_raw();
        self.uid == 0 || self.uid == own && own != overflow_user()
    }

    /// A descriptor of the process, which no other process can come to be behind. From Linux 6.5 on it is that of the
    /// process that connected for sure; before, it is opened by number. `None` if the process is gone already.
    pub fn pidfd(&self) -> Option<BorrowedFd<'_>> {
        self.pidfd.as_ref().map(|pidfd| pidfd.as_fd())
    }

    /// The label that the kernel's security module gave it, such as `unconfined` of AppArmor or a context of SELinux, which
    /// need not be UTF-8. `None` where no module labels sockets.
    pub fn label(&self) -> Option<&[u8]> {
        self.label.as_deref()
    }

    /// The file that the process runs now. It is a hint and no proof: whoever may run that file can have it do what they
    /// like, a process may run another one by the time that this returns, and the path is as `/proc` shows it, with
    /// ` (deleted)` at the end of one that is gone. It takes a few system calls.
    ///
    /// `None` if the process is gone, is not in this side's namespace, or may not be looked at: that takes the right to
    /// trace it, which a process of the same user usually has, and root.
    pub fn executable(&self) -> Option<PathBuf> {
        self.known_process()?.executable()
    }

    /// Whether the process is in the same user namespace as this one now. `None` where [`Credentials::executable`] is.
    pub fn same_user_namespace(&self) -> Option<bool> {
        self.known_process()?.shares_namespace("user")
    }

    /// Whether the process is in the same pid namespace as this one. `None` where [`Credentials::executable`] is.
    pub fn same_pid_namespace(&self) -> Option<bool> {
        self.known_process()?.shares_namespace("pid")
    }

    fn known_process(&self) -> Option<Process<'_>> {
        let (pidfd, pid) = (self.pidfd()?, self.pid);
        Some(Process { pidfd, pid })
    }

    /// The same, to be watched.
    pub(crate) fn process(&self) -> Option<Arc<OwnedFd>> {
        self.pidfd.clone()
    }
}

/// The number that the kernel tells for users that have none in this side's namespace.
fn overflow_user() -> u32 {
    static USER: OnceLock<u32> = OnceLock::new();
    *USER.get_or_init(|| {
        let told = std::fs::read_to_string("/proc/sys/kernel/overflowuid").ok();
        told.and_then(|told| told.trim().parse().ok())
            .unwrap_or(65534)
    })
}

/// Options of `asm-generic/socket.h`.
const SO_PEERCRED: libc::c_int = 17;
const SO_PEERSEC: libc::c_int = 31;
const SO_PEERGROUPS: libc::c_int = 59;
const SO_PEERPIDFD: libc::c_int = 77;

fn groups(socket: BorrowedFd<'_>) -> Result<Vec<u32>, Errno> {
    // 32 are enough for almost everybody; the kernel says when they are not.
    let mut groups = vec![0u32; 32];
    loop {
        match option(socket, SO_PEERGROUPS, &mut groups) {
            Ok(bytes) => {
                groups.truncate(bytes / size_of::<u32>());
                return Ok(groups);
            }
            // There are at most 65,536.
            Err(Errno::RANGE) if groups.len() < 1 << 17 => groups.resize(groups.len() * 4, 0),
            // The other side has none that are known, as when it was connected without an address.
            Err(Errno::NODATA) => return Ok(Vec::new()),
            Err(errno) => return Err(errno),
        }
    }
}

fn label(socket: BorrowedFd<'_>) -> Option<Vec<u8>> {
    let mut label = vec![0u8; 256];
    loop {
        match option(socket, SO_PEERSEC, &mut label) {
            Ok(bytes) => {
                label.truncate(bytes);
                // Some modules end it as C does.
                if label.last() == Some(&0) {
                    label.pop();
                }
                return (!label.is_empty()).then_some(label);
            }
            // A label has at most a page.
            Err(Errno::RANGE) if label.len() < 1 << 16 => label.resize(label.len() * 4, 0),
            Err(_) => return None,
        }
    }
}

fn pidfd(socket: BorrowedFd<'_>, pid: u32) -> Option<OwnedFd> {
    let mut number = [0u32];
    match option(socket, SO_PEERPIDFD, &mut number) {
        // SAFETY: The kernel has just made this descriptor for us, and nobody else knows of it.
        Ok(_) => Some(unsafe { OwnedFd::from_raw_fd(number[0] as i32) }),
        // Linux before 6.5.
        Err(Errno::NOPROTOOPT) => {
            let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
            pidfd_open(pid, PidfdFlags::empty()).ok()
        }
        Err(_) => None,
    }
}

/// A descriptor of this process, for the other side to watch.
pub(crate) fn own_process() -> Option<OwnedFd> {
    pidfd_open(rustix::process::getpid(), PidfdFlags::empty()).ok()
}

/// Whether a descriptor that the other side sent is that of a process. Any other could keep waiting who watches it, as a
/// file in a file system of the other side's does.
pub(crate) fn is_process(file: BorrowedFd<'_>) -> bool {
    const NO_SIGNAL: libc::c_long = 0;
    let no_info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: Nothing is sent and nothing is read: the kernel only looks whether it could.
    let status = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            file.as_raw_fd(),
            NO_SIGNAL,
            no_info,
            0u32,
        )
    };
    // Whatever else it finds wrong, it has found a process.
    let error = || std::io::Error::last_os_error().raw_os_error();
    status == 0 || !matches!(error(), Some(libc::EBADF | libc::ENOSYS))
}

/// A number, as which any bytes are good.
trait Number {}
impl Number for u8 {}
impl Number for u32 {}

/// Asks for an option of the socket's own level that is an array of numbers. How many bytes there are.
fn option<T: Number>(
    socket: BorrowedFd<'_>,
    name: libc::c_int,
    value: &mut [T],
) -> Result<usize, Errno> {
    let mut len = size_of_val(value) as libc::socklen_t;
    // SAFETY: `value` has `len` bytes for the kernel to write to, and any content of them is a number.
    let status = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            name,
            value.as_mut_ptr().cast(),
            &raw mut len,
        )
    };
    if status == 0 {
        Ok(len as usize)
    } else {
        let error = std::io::Error::last_os_error();
        Err(Errno::from_io_error(&error).unwrap_or(Errno::INVAL))
    }
}
