// SPDX-License-Identifier: GPL-2.0

//! Requests: one handler for each operation that answers at once.
//!
//! Each `ipcon_nl_*_doit` stands in the operation table in `netlink-gen.c`, which has checked the attributes
//! against the policy of the operation when it is called.

use core::ptr::NonNull;

use kernel::bindings;
use kernel::error::code;
use kernel::ffi::c_int;
use kernel::prelude::*;

use crate::bus::{Bus, GroupName, Identity, Name, Peer, ServiceName, SocketKey};
use crate::ffi;
use crate::namespace::bus_of_request;
use crate::packet::{Packet, Relay};
use crate::refusal::Refusal;
use crate::replies::{self, Reply};
use crate::seam::Arc;
use crate::socket::Socket;
use crate::transport::Netlink;
use crate::uapi::attr::{group, message, peer, service};
use crate::uapi::cmd;

/// A request and the bus that it is for.
///
/// # Invariants
///
/// `skb` and `info` are the arguments of the handler that is running.
struct Request<'a> {
    skb: *mut bindings::sk_buff,
    info: *mut bindings::genl_info,
    bus: &'a Bus<Netlink>,
}

type Answer = Result<(), Refusal>;

impl Request<'_> {
    /// Runs a handler and tells the sender when it refuses.
    ///
    /// # Safety
    ///
    /// `skb` and `info` must be the arguments of a `doit` of the family.
    unsafe fn answer(
        skb: *mut bindings::sk_buff,
        info: *mut bindings::genl_info,
        handler: fn(&Request<'_>) -> Answer,
    ) -> c_int {
        // SAFETY: `info` is valid by the requirements of this function.
        let bus = unsafe { bus_of_request(info) };
        // INVARIANT: By the requirements of this function.
        let request = Request { skb, info, bus };
        let Err(refusal) = handler(&request) else {
            return 0;
        };
        request.trace_error(&refusal);
        // SAFETY: `info` is valid, and handlers blame only attributes of their operation.
        unsafe { refusal.tell(info) }
    }

    /// Tells whoever traces refused requests. For others it does not even look for the peer.
    fn trace_error(&self, refusal: &Refusal) {
        // SAFETY: No requirements.
        if unsafe { ffi::ipcon_error_is_traced() } {
            let peer = self.caller().map_or(0, |peer| peer.id);
            // SAFETY: `info` is valid by the type invariants, and its header is that of the request. The tracepoint
            // takes scalars only.
            unsafe {
                let command = (*(*self.info).genlhdr).cmd;
                ffi::ipcon_trace_error(peer, u32::from(command), refusal.errno());
            }
        }
    }

    /// The payload of an attribute of this operation.
    fn bytes(&self, attribute: u16) -> Option<&[u8]> {
        // SAFETY: `attrs` has an entry for each attribute of the operation; a present attribute lies in the
        // request and its length was checked by the parser.
        unsafe {
            let attribute = (*(*self.info).attrs.add(usize::from(attribute))).as_ref()?;
            let header = core::mem::size_of::<bindings::nlattr>();
            let len = usize::from(attribute.nla_len).saturating_sub(header);
            let start = core::ptr::from_ref(attribute).cast::<u8>().add(header);
            Some(core::slice::from_raw_parts(start, len))
        }
    }

    fn has(&self, attribute: u16) -> bool {
        self.bytes(attribute).is_some()
    }

    fn u32(&self, attribute: u16) -> Option<u32> {
        let bytes = self.bytes(attribute)?.get(..4)?;
        Some(u32::from_ne_bytes(bytes.try_into().ok()?))
    }

    fn port(&self, attribute: u16) -> Result<u32, Refusal> {
        self.u32(attribute)
            .ok_or(Refusal::missing(attribute, c"port is missing"))
    }

    /// A name, without its terminator. A NUL inside it is a control character like any other.
    fn name<const MAX: usize>(&self, attribute: u16) -> Result<Name<MAX>, Refusal> {
        let bytes = self
            .bytes(attribute)
            .ok_or(Refusal::missing(attribute, c"name is missing"))?;
        let name = bytes.strip_suffix(&[0]).unwrap_or(bytes);
        Name::new(name).map_err(|error| Refusal::from(error).about(attribute))
    }

    /// The payload of a message to send.
    fn payload(&self) -> Result<&[u8], Refusal> {
        let attribute = message::DATA;
        let data = self
            .bytes(attribute)
            .ok_or(Refusal::missing(attribute, c"data is missing"))?;
        // SAFETY: No requirements.
        let max = unsafe { ffi::ipcon_max_msg_len() } as usize;
        if data.is_empty() {
            return Err(Refusal::new(code::EINVAL, c"data is empty").about(attribute));
        }
        if data.len() > max {
            return Err(Refusal::new(code::EMSGSIZE, c"data exceeds max-msg-len").about(attribute));
        }
        Ok(data)
    }

    fn sender_port(&self) -> u32 {
        // SAFETY: `skb` is a request of netlink by the type invariants.
        unsafe { ffi::ipcon_skb_sender_port(self.skb) }
    }

    fn sender_sock(&self) -> *mut bindings::sock {
        // SAFETY: `skb` is a request of netlink by the type invariants.
        unsafe { ffi::ipcon_skb_sender(self.skb) }
    }

    /// Holds the socket that sent the request.
    fn hold_sender(&self) -> Result<Socket, Refusal> {
        let going = || Refusal::new(code::ENODEV, c"the module is being unloaded");
        let sk = NonNull::new(self.sender_sock()).ok_or_else(going)?;
        // SAFETY: The sender is in its send call, so its socket is valid.
        unsafe { Socket::hold(sk) }.ok_or_else(going)
    }

    /// The peer that the request acts for.
    fn caller(&self) -> Result<Arc<Peer<Netlink>>, Refusal> {
        let key = SocketKey(self.sender_sock() as usize);
        Ok(self.bus.caller(self.sender_port(), key)?)
    }

    /// The process that asks, and the user who pays.
    fn identity(&self) -> Identity {
        let mut comm = [0; 16];
        // SAFETY: The buffer has the size that is given; the process that sends the request is the current one, and
        // `skb` is a request of netlink by the type invariants.
        unsafe {
            ffi::ipcon_current_comm(comm.as_mut_ptr(), comm.len());
            Identity {
                pid: ffi::ipcon_current_pid(),
                uid: ffi::ipcon_payer_uid(self.skb),
                sponsor: ffi::ipcon_payer_sponsor(self.skb),
                comm,
            }
        }
    }

    fn reply(&self, cmd: u8) -> Result<Reply, Refusal> {
        // SAFETY: `info` is valid while the handler runs, and so longer than the reply.
        Ok(unsafe { Reply::new(self.info, cmd) }?)
    }
}

fn peer_new(request: &Request<'_>) -> Answer {
    let control_port = request.u32(peer::CTL_PORT);
    let port = request.sender_port();
    if control_port == Some(port) {
        let text = c"ctl-port must be another socket";
        return Err(Refusal::new(code::EINVAL, text).about(peer::CTL_PORT));
    }
    // The answer is allocated first, so that little can fail once the peer is there.
    let mut reply = request.reply(cmd::PEER_NEW)?;
    let socket = request.hold_sender()?;
    let added = request
        .bus
        .add_peer(port, socket, request.identity(), control_port)?;
    let told = match replies::new_peer(&mut reply.attributes(), &added) {
        Ok(()) => reply.send(),
        Err(no_memory) => Err(no_memory.into()),
    };
    // A process that does not know of its peer would never use it, nor end it while the socket is open.
    told.inspect_err(|_| request.bus.withdraw_peer(&added))
}

fn peer_attach(request: &Request<'_>) -> Answer {
    let peer_port = request.port(peer::PORT)?;
    let socket = request.hold_sender()?;
    let attached =
        request
            .bus
            .attach_control(request.sender_port(), socket, request.identity(), peer_port);
    match attached {
        Ok(_) => Ok(()),
        Err(error) => Err(Refusal::from(error).about(peer::PORT)),
    }
}

fn peer_get(request: &Request<'_>) -> Answer {
    let found = request.bus.peer_at(request.port(peer::PORT)?)?;
    let mut reply = request.reply(cmd::PEER_GET)?;
    replies::peer(&mut reply.attributes(), &found)?;
    reply.send()
}

fn service_register(request: &Request<'_>) -> Answer {
    let name: ServiceName = request.name(service::NAME)?;
    let caller = request.caller()?;
    blame_name(service::NAME, request.bus.register_service(&caller, name))
}

fn service_unregister(request: &Request<'_>) -> Answer {
    let name: ServiceName = request.name(service::NAME)?;
    let caller = request.caller()?;
    blame_name(service::NAME, request.bus.unregister_service(&caller, name))
}

fn service_get(request: &Request<'_>) -> Answer {
    let found = request.bus.service_named(request.name(service::NAME)?)?;
    let mut reply = request.reply(cmd::SERVICE_GET)?;
    replies::service(&mut reply.attributes(), &found)?;
    reply.send()
}

fn group_register(request: &Request<'_>) -> Answer {
    let name: GroupName = request.name(group::NAME)?;
    let caller = request.caller()?;
    blame_name(group::NAME, request.bus.register_group(&caller, name))
}

fn group_unregister(request: &Request<'_>) -> Answer {
    let name: GroupName = request.name(group::NAME)?;
    let caller = request.caller()?;
    blame_name(group::NAME, request.bus.unregister_group(&caller, name))
}

fn group_join(request: &Request<'_>) -> Answer {
    let name: GroupName = request.name(group::NAME)?;
    let caller = request.caller()?;
    let replay = request.has(group::REPLAY);
    blame_name(group::NAME, request.bus.join_group(&caller, name, replay))
}

fn group_leave(request: &Request<'_>) -> Answer {
    let name: GroupName = request.name(group::NAME)?;
    let caller = request.caller()?;
    blame_name(group::NAME, request.bus.leave_group(&caller, name))
}

fn group_get(request: &Request<'_>) -> Answer {
    let found = request.bus.group_view(request.name(group::NAME)?)?;
    let mut reply = request.reply(cmd::GROUP_GET)?;
    replies::group(&mut reply.attributes(), &found)?;
    reply.send()
}

fn bus_get(request: &Request<'_>) -> Answer {
    let mut reply = request.reply(cmd::BUS_GET)?;
    replies::bus(&mut reply.attributes(), request.bus)?;
    reply.send()
}

fn send_unicast(request: &Request<'_>) -> Answer {
    let to = request.port(message::PORT)?;
    let data = request.payload()?;
    let caller = request.caller()?;
    // SAFETY: The request is handled here, and of its attributes only the payload is looked at from here on.
    let mut relay = unsafe { Relay::new(request.skb) };
    let build = || match relay.message(caller.port, data.len()) {
        Some(message) => Ok(message),
        None => Packet::unicast(caller.port, data),
    };
    let sent = request
        .bus
        .send_unicast(&caller, to, data.len() as u32, build);
    sent.map_err(|error| {
        relay.undo();
        Refusal::from(error).about(message::PORT)
    })
}

fn send_multicast(request: &Request<'_>) -> Answer {
    let name: GroupName = request.name(message::GROUP)?;
    let data = request.payload()?;
    let caller = request.caller()?;
    let build = || Packet::multicast(caller.port, &name, data);
    let sent = request
        .bus
        .send_multicast(&caller, name, data.len() as u32, build);
    blame_name(message::GROUP, sent)
}

fn blame_name(attribute: u16, result: Result<(), crate::bus::Error>) -> Answer {
    result.map_err(|error| Refusal::from(error).about(attribute))
}

/// Defines the functions that the operation table names.
macro_rules! doit {
    ($($symbol:ident => $handler:ident,)*) => {$(
        /// # Safety
        ///
        /// To be called by generic netlink only.
        #[no_mangle]
        pub(crate) unsafe extern "C" fn $symbol(
            skb: *mut bindings::sk_buff,
            info: *mut bindings::genl_info,
        ) -> c_int {
            // SAFETY: Generic netlink calls this with the request and what it parsed of it.
            unsafe { Request::answer(skb, info, $handler) }
        }
    )*};
}

doit! {
    ipcon_nl_peer_new_doit => peer_new,
    ipcon_nl_peer_attach_doit => peer_attach,
    ipcon_nl_peer_get_doit => peer_get,
    ipcon_nl_service_register_doit => service_register,
    ipcon_nl_service_unregister_doit => service_unregister,
    ipcon_nl_service_get_doit => service_get,
    ipcon_nl_group_register_doit => group_register,
    ipcon_nl_group_unregister_doit => group_unregister,
    ipcon_nl_group_join_doit => group_join,
    ipcon_nl_group_leave_doit => group_leave,
    ipcon_nl_group_get_doit => group_get,
    ipcon_nl_bus_get_doit => bus_get,
    ipcon_nl_send_unicast_doit => send_unicast,
    ipcon_nl_send_multicast_doit => send_multicast,
}
