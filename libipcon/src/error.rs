// SPDX-License-Identifier: MIT OR Apache-2.0
//! What went wrong: the operation, the error number and the kernel's own words.

mod kind;

use std::fmt;
use std::io;

pub use kind::ErrorKind;

use rustix::io::Errno;

use crate::errno::{error_name, system_text};
use crate::operation::Operation;
use crate::wire::{Malformed, Unfit};

/// The result of an operation on the bus.
pub type Result<T> = std::result::Result<T, Error>;

/// A failed operation.
///
/// It reads like `register service "clock": the name is taken (EEXIST): name is taken`, where the last
/// part is the kernel's own text.
pub struct Error {
    // One pointer, so that a `Result<()>` on the fast path stays small.
    inner: Box<Inner>,
}

struct Inner {
    operation: Operation,
    errno: i32,
    detail: Detail,
}

enum Detail {
    None,
    /// The kernel's extended acknowledgement.
    Kernel(String),
    /// This library's own finding.
    Found(&'static str),
    Malformed(Malformed),
    /// Bytes of a message that did not fit into a buffer.
    MessageLen(usize),
    /// The kernel may have done it.
    Unanswered,
}

/// Why an operation failed, before it is known which one it was.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A system call failed.
    System(Errno),
    /// The kernel refused, with its text if it gave one.
    Refused { errno: i32, text: Option<String> },
    /// The kernel left a request without an answer.
    NoAnswer,
    /// The kernel was asked to send, and could not say whether it refused.
    Unanswered { errno: i32 },
    /// This library found something wrong with what it was given.
    Found { errno: i32, text: &'static str },
    /// Something from the kernel does not follow the wire.
    Malformed(Malformed),
    /// A message of `len` bytes is larger than the caller's buffer.
    TooSmall { len: usize },
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        Self::System(errno)
    }
}

impl From<Malformed> for Failure {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// A name, or other text, that no request can carry.
impl From<Unfit> for Failure {
    fn from(unfit: Unfit) -> Self {
        Self::Found {
            errno: libc::EINVAL,
            text: match unfit {
                Unfit::HoldsNul => "it holds a NUL",
                Unfit::TooLong => "no netlink attribute holds so many bytes",
            },
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::System(Errno::from_io_error(&error).unwrap_or(Errno::IO))
    }
}

impl Error {
    pub(crate) fn new(operation: Operation, failure: impl Into<Failure>) -> Self {
        let (errno, detail) = match failure.into() {
            Failure::System(errno) => (errno.raw_os_error(), Detail::None),
            Failure::Refused { errno, text } => (errno, text.map_or(Detail::None, Detail::Kernel)),
            Failure::NoAnswer => (libc::EPROTO, Detail::None),
            Failure::Unanswered { errno } => (errno, Detail::Unanswered),
            Failure::Found { errno, text } => (errno, Detail::Found(text)),
            Failure::Malformed(malformed) => (libc::EBADMSG, Detail::Malformed(malformed)),
            Failure::TooSmall { len } => (libc::EMSGSIZE, Detail::MessageLen(len)),
        };
        Self {
            inner: Box::new(Inner {
                operation,
                errno,
                detail,
            }),
        }
    }

    /// The error number, as in `errno(3)`: positive.
    pub fn errno(&self) -> i32 {
        self.inner.errno
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::of(&self.inner.operation, self.inner.errno)
    }

    /// What was being done.
    pub fn operation(&self) -> &Operation {
        &self.inner.operation
    }

    /// The kernel's own words about it, if it had any.
    pub fn kernel_text(&self) -> Option<&str> {
        match &self.inner.detail {
            Detail::Kernel(text) => Some(text),
            _ => None,
        }
    }

    /// The length in bytes of the message that did not fit into the buffer of
    /// [`Peer::recv_into`](crate::Peer::recv_into).
    pub fn message_len(&self) -> Option<usize> {
        match self.inner.detail {
            Detail::MessageLen(len) => Some(len),
            _ => None,
        }
    }

    /// Nobody knows whether the message was sent: the kernel refused it or had another answer for it, or had
    /// none, and had no memory to tell (`ENOBUFS`), or told it in a way that is none of this module's (`EBADMSG`).
    /// After every other error of a send nothing was sent.
    pub fn may_have_been_sent(&self) -> bool {
        matches!(self.inner.detail, Detail::Unanswered)
    }

    /// There is no such service, group or peer, or the bus is not there (`ENOENT`).
    pub fn is_not_found(&self) -> bool {
        self.errno() == libc::ENOENT
    }

    /// The name is taken (`EEXIST`).
    pub fn is_taken(&self) -> bool {
        self.errno() == libc::EEXIST
    }

    /// The receiver's queue is full; the message was not sent (`EAGAIN`).
    pub fn is_would_block(&self) -> bool {
        self.errno() == libc::EAGAIN
    }

    /// No peer has the port that was sent to (`ECONNREFUSED`).
    pub fn is_no_peer(&self) -> bool {
        self.errno() == libc::ECONNREFUSED
    }

    /// The deadline passed (`ETIMEDOUT`).
    pub fn is_timed_out(&self) -> bool {
        self.errno() == libc::ETIMEDOUT
    }

    /// A signal handler ran meanwhile; nothing was received (`EINTR`).
    pub fn is_interrupted(&self) -> bool {
        self.errno() == libc::EINTR
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            operation,
            errno,
            detail,
        } = &*self.inner;
        write!(f, "{operation}: ")?;
        match operation.explain(*errno) {
            Some(text) => f.write_str(text)?,
            None => write!(f, "{}", system_text(*errno))?,
        }
        match error_name(*errno) {
            Some(name) => write!(f, " ({name})")?,
            None => write!(f, " (errno {errno})")?,
        }
        match detail {
            Detail::None => Ok(()),
            Detail::Kernel(text) => write!(f, ": {text}"),
            Detail::Found(text) => write!(f, ": {text}"),
            Detail::Malformed(malformed) => write!(f, ": {malformed}"),
            Detail::MessageLen(len) => write!(f, ": it has {len} bytes"),
            Detail::Unanswered => f.write_str(": it may have been sent or not"),
        }
    }
}

/// The same text: a `main` that returns the error, or an `unwrap`, shows it to people.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = Self::from_raw_os_error(error.errno()).kind();
        Self::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Port;

    #[test]
    fn an_error_tells_what_was_done_what_was_found_and_the_kernels_words() {
        let error = Error::new(
            Operation::RegisterService("x".into()),
            Failure::Refused {
                errno: libc::EEXIST,
                text: Some("name is taken".into()),
            },
        );
        assert_eq!(
            error.to_string(),
            "register service \"x\": a service of this name exists already (EEXIST): name is taken"
        );
        assert_eq!(error.errno(), 17);
        assert_eq!(error.kernel_text(), Some("name is taken"));
        assert!(error.is_taken() && !error.is_not_found());
    }

    #[test]
    fn a_missing_module_is_named_with_the_remedy() {
        let text = Error::new(Operation::Connect, Errno::NOENT).to_string();
        assert!(
            text.contains(
                "the ipcon module is not loaded; where it is installed, run: modprobe ipcon"
            ),
            "{text}"
        );
    }

    #[test]
    fn the_kind_tells_a_missing_bus_from_a_missing_service() {
        let kind = |operation| Error::new(operation, Errno::NOENT).kind();
        assert_eq!(kind(Operation::Connect), ErrorKind::NoBus);
        let going = Error::new(Operation::Connect, Errno::NODEV);
        assert_eq!(going.kind(), ErrorKind::NoBus);
        assert!(
            going
                .to_string()
                .contains("is being unloaded; connect again"),
            "{going}"
        );
        assert_eq!(
            kind(Operation::FindService("x".into())),
            ErrorKind::NotFound
        );
        let error = Error::new(Operation::Receive, Malformed::Header);
        assert_eq!(error.kind(), ErrorKind::Protocol);
        let error = Error::new(Operation::Receive, Errno::from_raw_os_error(999));
        assert_eq!(error.kind(), ErrorKind::Other);
    }

    #[test]
    fn a_send_without_an_answer_says_that_nobody_knows() {
        let operation = Operation::Send(Port::new(7).unwrap());
        let error = Error::new(
            operation.clone(),
            Failure::Unanswered {
                errno: libc::ENOBUFS,
            },
        );
        assert!(error.may_have_been_sent());
        assert!(
            error.to_string().ends_with("it may have been sent or not"),
            "{error}"
        );
        assert!(!Error::new(operation, Errno::NOBUFS).may_have_been_sent());
    }

    #[test]
    fn errors_without_words_of_ours_have_those_of_the_system() {
        let error = Error::new(Operation::Receive, Errno::NOMEM);
        assert_eq!(
            error.to_string(),
            "receive a message: Cannot allocate memory (ENOMEM)"
        );
        let error = Error::new(Operation::Receive, Errno::from_raw_os_error(999));
        assert!(error.to_string().ends_with("(errno 999)"), "{error}");
    }

    #[test]
    fn a_name_cannot_smuggle_control_characters_into_a_log() {
        let name = b"a\n\x1b[2J\xc2\x9b\xe9\"\xc3\xa9";
        let error = Error::new(Operation::FindService(name.to_vec()), Errno::INVAL);
        let shown = "find service \"a\\n\\u{1b}[2J\\u{9b}\\xe9\\\"é\": ";
        assert!(error.to_string().starts_with(shown), "{error}");
    }

    #[test]
    fn the_length_of_a_message_that_did_not_fit_is_told() {
        let error = Error::new(Operation::Receive, Failure::TooSmall { len: 700 });
        assert_eq!(
            (error.errno(), error.message_len()),
            (libc::EMSGSIZE, Some(700))
        );
        assert!(error.to_string().ends_with("it has 700 bytes"), "{error}");
    }

    #[test]
    fn an_io_error_keeps_the_kind_and_the_text() {
        let port = Port::new(7).unwrap();
        let error: io::Error = Error::new(Operation::Send(port), Errno::AGAIN).into();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        assert!(error.to_string().starts_with("send to port 7:"), "{error}");
    }

    #[test]
    fn a_deadline_that_passed_is_no_invitation_to_try_again_at_once() {
        let port = Port::new(7).unwrap();
        let error = Error::new(Operation::Send(port), Errno::TIMEDOUT);
        assert!(error.is_timed_out() && !error.is_would_block());
        assert_eq!(
            error.to_string(),
            "send to port 7: the receive queue of the peer stayed full until the deadline (ETIMEDOUT)"
        );
    }

    #[test]
    fn an_error_is_one_pointer() {
        assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
    }
}
