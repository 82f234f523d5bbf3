// SPDX-License-Identifier: GPL-2.0

//! Messages to peers, as socket buffers.

use core::mem::size_of;
use core::ptr::NonNull;

use kernel::bindings;

use crate::attributes::Attributes;
use crate::bus::{Event, GroupName, KEVENT_GROUP, KEVENT_LEN, Kevent, Marks};
use crate::ffi;
use crate::seam::{NoMemory, allocated};
use crate::uapi::attr::message;
use crate::uapi::kevent_type;

/// A message ready to be queued.
///
/// # Invariants
///
/// The pointer is a valid `sk_buff` that belongs to this object and holds one complete `message`.
pub(crate) struct Packet {
    skb: NonNull<bindings::sk_buff>,
    payload_len: u32,
}

// SAFETY: A `struct sk_buff` may be used from any thread by its one owner.
unsafe impl Send for Packet {}
// SAFETY: All that is done through a shared `Packet` is to read it, and to clone it. Cloning notes in the buffer that it
// has a clone; the bus clones a shared message only under the lock of the group that keeps it.
unsafe impl Sync for Packet {}

/// Bytes that an attribute of `len` payload bytes takes.
const fn attribute_size(len: usize) -> usize {
    (size_of::<bindings::nlattr>() + len).next_multiple_of(4)
}

/// Bytes of a name with its terminator.
const NAME_SIZE: usize = attribute_size(16);
const U32_SIZE: usize = attribute_size(4);
/// A 64-bit attribute may want padding before it.
const U64_SIZE: usize = attribute_size(8) + attribute_size(0);
const FLAG_SIZE: usize = attribute_size(0);

impl Packet {
    /// A message from one peer.
    pub(crate) fn unicast(from: u32, data: &[u8]) -> Result<Self, NoMemory> {
        let draft = Draft::from_caller(U32_SIZE + attribute_size(data.len()))?;
        let mut attributes = draft.attributes();
        attributes.u32(message::PORT, from)?;
        attributes.bytes(message::DATA, data)?;
        Ok(draft.finish(data.len()))
    }

    /// A message of a group.
    pub(crate) fn multicast(from: u32, group: &GroupName, data: &[u8]) -> Result<Self, NoMemory> {
        let draft = Draft::from_caller(U32_SIZE + NAME_SIZE + attribute_size(data.len()))?;
        let mut attributes = draft.attributes();
        attributes.u32(message::PORT, from)?;
        attributes.name(message::GROUP, group.as_bytes())?;
        attributes.bytes(message::DATA, data)?;
        Ok(draft.finish(data.len()))
    }

    /// The message of the kevent group that announces `kevent`.
    pub(crate) fn kevent(kevent: &Kevent) -> Result<Self, NoMemory> {
        let data = kevent_bytes(&kevent.event);
        let size = 2 * U32_SIZE + NAME_SIZE + 2 * U64_SIZE + attribute_size(data.len());
        let draft = Draft::new(size)?;
        let mut attributes = draft.attributes();
        attributes.u32(message::PORT, 0)?;
        attributes.name(message::GROUP, KEVENT_GROUP)?;
        attributes.u64(message::KEVENT_SEQUENCE, kevent.sequence, message::PAD)?;
        attributes.u64(message::KEVENT_TIME, kevent.time, message::PAD)?;
        attributes.u32(message::KEVENT_PID, kevent.pid)?;
        attributes.bytes(message::DATA, &data)?;
        Ok(draft.finish(data.len()))
    }

    /// Payload bytes.
    pub(crate) fn payload_len(&self) -> u32 {
        self.payload_len
    }

    /// Bytes of memory that the message takes.
    pub(crate) fn memory(&self) -> u64 {
        // SAFETY: The buffer is valid by the type invariants.
        u64::from(unsafe { ffi::ipcon_message_memory(self.skb.as_ptr()) })
    }

    /// Another message of the same content, with marks. A plain one shares the bytes of this one.
    pub(crate) fn copy(&self, marks: Marks) -> Result<Self, NoMemory> {
        if marks.is_plain() {
            // SAFETY: The buffer is valid by the type invariants. Nobody else clones it meanwhile: a message is its
            // maker's alone, or lies in a group whose lock is held.
            let skb = allocated(unsafe { ffi::ipcon_message_clone(self.skb.as_ptr()) })?;
            // INVARIANT: A clone is a complete message as well.
            return Ok(Self {
                skb,
                payload_len: self.payload_len,
            });
        }
        // SAFETY: The buffer is valid by the type invariants.
        let skb = unsafe { ffi::ipcon_message_grow(self.skb.as_ptr(), FLAG_SIZE + U32_SIZE) };
        let draft = Draft {
            skb: allocated(skb)?,
        };
        let mut attributes = draft.attributes();
        if marks.replay {
            attributes.flag(message::REPLAY)?;
        }
        if marks.lost > 0 {
            attributes.u32(message::LOST, u32::try_from(marks.lost).unwrap_or(u32::MAX))?;
        }
        Ok(draft.finish(self.payload_len as usize))
    }

    /// Gives the buffer away.
    pub(crate) fn into_raw(self) -> *mut bindings::sk_buff {
        let packet = core::mem::ManuallyDrop::new(self);
        packet.skb.as_ptr()
    }

    /// Takes a buffer back that [`into_raw`](Self::into_raw) gave away and nobody wanted.
    ///
    /// # Safety
    ///
    /// `skb` must come from `into_raw` and belong to the caller.
    pub(crate) unsafe fn free_raw(skb: *mut bindings::sk_buff) {
        // SAFETY: `skb` is valid and belongs to the caller.
        unsafe { ffi::ipcon_message_free(skb) }
    }
}

impl Drop for Packet {
    fn drop(&mut self) {
        // SAFETY: The buffer belongs to this object.
        unsafe { ffi::ipcon_message_free(self.skb.as_ptr()) }
    }
}

/// The request for one unicast message, whose buffer may become the message itself.
///
/// # Invariants
///
/// `request` is the request that is being handled, and nobody reads its head meanwhile. `kept` is there when
/// the head was overwritten.
pub(crate) struct Relay {
    request: *mut bindings::sk_buff,
    kept: Option<ffi::RequestHead>,
}

impl Relay {
    /// Prepares for relaying a request.
    ///
    /// # Safety
    ///
    /// `request` must be valid and being handled by the caller for as long as this object lives, and who uses
    /// this object must not look at the head of the request.
    pub(crate) unsafe fn new(request: *mut bindings::sk_buff) -> Self {
        // INVARIANT: By the requirements of this function; nothing was overwritten.
        Self {
            request,
            kept: None,
        }
    }

    /// The request as a message of `payload_len` bytes from the peer at `from`; `None` when it has not the form for
    /// that or memory is short.
    pub(crate) fn message(&mut self, from: u32, payload_len: usize) -> Option<Packet> {
        let mut kept = ffi::RequestHead::default();
        // SAFETY: By the type invariants the request is valid and its head is ours to overwrite.
        let skb = unsafe { ffi::ipcon_message_relay(self.request, from, &mut kept) };
        let skb = NonNull::new(skb)?;
        // INVARIANT: It was overwritten just now.
        self.kept = Some(kept);
        // INVARIANT: The clone is ours, and its bytes are a complete message.
        Some(Packet {
            skb,
            payload_len: payload_len as u32,
        })
    }

    /// Gives the request its head back, after the message was not wanted: the sender is told with it.
    pub(crate) fn undo(self) {
        if let Some(kept) = &self.kept {
            // SAFETY: By the type invariants the request is valid and its head is ours to overwrite. The message
            // was not queued, so that it is gone.
            unsafe { ffi::ipcon_request_restore(self.request, kept) };
        }
    }
}

/// A message that attributes are still put to.
///
/// # Invariants
///
/// The pointer is a valid `sk_buff` that belongs to this object and begins with a netlink header.
struct Draft {
    skb: NonNull<bindings::sk_buff>,
}

impl Draft {
    /// A draft with the kernel as its sender.
    fn new(payload: usize) -> Result<Self, NoMemory> {
        // SAFETY: No requirements.
        let skb = allocated(unsafe { ffi::ipcon_message_new(payload) })?;
        // INVARIANT: The buffer is new and has its headers.
        Ok(Self { skb })
    }

    /// A draft that is stamped with the calling process as its sender.
    fn from_caller(payload: usize) -> Result<Self, NoMemory> {
        let draft = Self::new(payload)?;
        // SAFETY: The buffer is valid and belongs to the draft.
        unsafe { ffi::ipcon_message_stamp(draft.skb.as_ptr()) };
        Ok(draft)
    }

    fn attributes(&self) -> Attributes {
        // SAFETY: The buffer is valid and stays while the attributes are used, which is inside one function.
        unsafe { Attributes::new(self.skb) }
    }

    fn finish(self, payload_len: usize) -> Packet {
        let draft = core::mem::ManuallyDrop::new(self);
        // SAFETY: The buffer holds one message by the type invariants.
        unsafe { ffi::ipcon_message_close(draft.skb.as_ptr()) };
        // INVARIANT: The message is complete now, and the buffer moves on.
        Packet {
            skb: draft.skb,
            payload_len: payload_len as u32,
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // SAFETY: The buffer belongs to this object.
        unsafe { ffi::ipcon_message_free(self.skb.as_ptr()) }
    }
}

/// The bytes of `struct ipcon_kevent`: the type, then a union of which the longest member is a service name of
/// 32 bytes and a port.
fn kevent_bytes(event: &Event) -> [u8; KEVENT_LEN as usize] {
    let mut bytes = [0; KEVENT_LEN as usize];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    let kind = match event {
        Event::ServiceAdded { .. } => kevent_type::SRV_ADD,
        Event::ServiceRemoved { .. } => kevent_type::SRV_REMOVE,
        Event::GroupAdded { .. } => kevent_type::GRP_ADD,
        Event::GroupRemoved { .. } => kevent_type::GRP_REMOVE,
        Event::PeerRemoved { .. } => kevent_type::PEER_REMOVE,
    };
    put(0, &kind.to_ne_bytes());
    match event {
        Event::ServiceAdded { name, port } | Event::ServiceRemoved { name, port } => {
            put(4, name.as_bytes());
            put(36, &port.to_ne_bytes());
        }
        Event::GroupAdded { name, id } | Event::GroupRemoved { name, id } => {
            put(4, name.as_bytes());
            put(20, &(*id as u32).to_ne_bytes());
        }
        Event::PeerRemoved { port } => put(4, &port.to_ne_bytes()),
    }
    bytes
}
