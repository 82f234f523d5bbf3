// SPDX-License-Identifier: GPL-2.0

//! What a refused request is told: an errno, a sentence and the attribute at fault.

use kernel::bindings;
use kernel::error::code;
use kernel::prelude::*;

use crate::bus::{Error as BusError, Resource};
use crate::seam::NoMemory;

/// Why a request is refused.
pub(crate) struct Refusal {
    pub(crate) error: Error,
    pub(crate) text: &'static CStr,
    pub(crate) attribute: Blame,
}

/// The attribute at fault.
#[derive(Clone, Copy)]
pub(crate) enum Blame {
    Nothing,
    Bad(u16),
    Missing(u16),
}

impl Refusal {
    pub(crate) fn new(error: Error, text: &'static CStr) -> Self {
        Self {
            error,
            text,
            attribute: Blame::Nothing,
        }
    }

    /// The request lacks an attribute.
    pub(crate) fn missing(attribute: u16, text: &'static CStr) -> Self {
        Self {
            error: code::EINVAL,
            text,
            attribute: Blame::Missing(attribute),
        }
    }

    /// Blames an attribute of the request.
    pub(crate) fn about(self, attribute: u16) -> Self {
        Self {
            attribute: Blame::Bad(attribute),
            ..self
        }
    }

    /// The errno, above 0.
    pub(crate) fn errno(&self) -> u32 {
        self.error.to_errno().unsigned_abs()
    }

    /// Tells the sender, and gives the value that the handler returns.
    ///
    /// # Safety
    ///
    /// `info` must be the valid `genl_info` of the request, with attributes up to the ones that are blamed.
    pub(crate) unsafe fn tell(&self, info: *mut bindings::genl_info) -> kernel::ffi::c_int {
        // SAFETY: `info` is valid by the requirements of this function.
        let (extack, attrs) = unsafe { ((*info).extack, (*info).attrs) };
        if !extack.is_null() {
            // SAFETY: `extack` belongs to this request; the text is static.
            unsafe { (*extack)._msg = self.text.as_char_ptr() };
            match self.attribute {
                Blame::Nothing => {}
                // SAFETY: `attrs` has an entry for each attribute of the operation.
                Blame::Bad(attribute) => unsafe {
                    (*extack).bad_attr = *attrs.add(usize::from(attribute));
                },
                // SAFETY: `extack` belongs to this request.
                Blame::Missing(attribute) => unsafe { (*extack).miss_type = attribute },
            }
        }
        self.error.to_errno()
    }
}

impl From<BusError> for Refusal {
    fn from(error: BusError) -> Self {
        let (error, text) = match error {
            BusError::BadName => (
                code::EINVAL,
                c"name is empty, too long or holds a control character",
            ),
            BusError::ReservedName => (code::EINVAL, c"name is reserved for the kernel"),
            BusError::NameTaken => (code::EEXIST, c"name is taken"),
            BusError::Unknown => (code::ENOENT, c"no such name, or not a member of it"),
            BusError::NotOwner => (code::EPERM, c"name belongs to another peer"),
            BusError::AlreadyMember => (code::EALREADY, c"peer is a member already"),
            BusError::NotPeer => (code::ENOTCONN, c"socket is no peer: send peer-new first"),
            BusError::AlreadyPeer => (code::EISCONN, c"socket is a peer or control socket already"),
            BusError::NotInvited => (
                code::EPERM,
                c"peer did not name this socket as its ctl-port in peer-new, or another process did",
            ),
            BusError::NoSuchPeer => (code::ECONNREFUSED, c"no peer has this port"),
            BusError::QueueFull => (code::EAGAIN, c"receive queue of the peer is full"),
            BusError::QuotaExceeded(resource) => (
                code::EDQUOT,
                match resource {
                    Resource::Peers => c"user has as many peers as parameter peers_per_user allows",
                    Resource::Services => {
                        c"user has as many services as parameter services_per_user allows"
                    }
                    Resource::Groups => {
                        c"user has as many groups as parameter groups_per_user allows"
                    }
                    Resource::Memberships => {
                        c"user has as many memberships as parameter memberships_per_user allows"
                    }
                    Resource::CachedBytes => {
                        c"groups of the user keep as much as parameter cached_bytes_per_user allows"
                    }
                },
            ),
            BusError::NoMemory => (code::ENOMEM, c"out of memory"),
        };
        Self::new(error, text)
    }
}

impl From<NoMemory> for Refusal {
    fn from(_: NoMemory) -> Self {
        BusError::NoMemory.into()
    }
}
