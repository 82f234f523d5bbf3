// SPDX-License-Identifier: MIT OR Apache-2.0
//! One declaration of an interface for both sides.

/// Declares an interface: a module with all that its server and its clients need. [The module `typed`](crate::typed) has
/// an example.
///
/// ```text
/// coroipc::interface! {
///     pub mod NAME = service NUMBER, version NUMBER;
///     types {
///         struct NAME { FIELD: TYPE, … }
///         enum NAME: u8 { VARIANT = NUMBER, … }
///     }
///     commands {
///         NAME(REQUEST) -> REPLY = NUMBER;
///     }
///     events {
///         NAME(PAYLOAD) = NUMBER;
///     }
/// }
/// ```
///
/// Each part of it can be left out, and all can have documentation and other attributes. Types below `types` are
/// [`Plain`](crate::typed::Plain), with all fields public, and may be used by each other; those of the surrounding
/// module can be used as well, if they are plain. The macro stands in a module, not in a function. In the module that it
/// makes there are
///
/// - `SERVICE`, the number of the service, and `Interface`, which stands for all of it;
/// - the types;
/// - `Server`, a trait with a handler for each command, which the server's type has;
/// - `service`, a function that makes a [`Service`](crate::Service) of such a type and a hook that makes the state of
///   each connection. Policies, permissions and the like can be added to it, handlers cannot;
/// - `Client`, with a method for each command. [`connect_as`](crate::ClientBuilder::connect_as) makes one; what else
///   it can do is in [`typed::Client`](crate::typed::Client);
/// - `Event`, with a variant for each event, as clients receive them;
/// - `commands` and `events`, with a type that stands for each.
#[macro_export]
macro_rules! interface {
    (
        $(#[$about:meta])*
        $vis:vis mod $name:ident = service $service:literal, version $version:literal;
        $(types { $($types:tt)* })?
        $(commands {
            $($(#[$about_command:meta])*
            $command:ident($request:ty) -> $reply:ty = $command_number:literal;)*
        })?
        $(events {
            $($(#[$about_event:meta])*
            $event:ident($payload:ty) = $event_number:literal;)*
        })?
    ) => {
        $(#[$about])*
        #[allow(missing_docs, unused_imports, dead_code, unreachable_pub)]
        $vis mod $name {
            use super::*;
            // The derived code finds the crate by this name.
            use $crate::zerocopy as __zerocopy;

            $($crate::__interface_types! { $($types)* })?

            /// The number of the service.
            pub const SERVICE: $crate::ServiceId = $crate::ServiceId::new($service);

            /// The interface as a whole.
            #[derive(Debug, Clone, Copy)]
            pub struct Interface;

            impl $crate::typed::Interface for Interface {
                type Event = Event;

                const NAME: &'static str = stringify!($name);
                const SERVICE: $crate::ServiceId = SERVICE;
                const VERSION: u32 = $version;
                const FINGERPRINT: u64 = $crate::typed::Fingerprint::of(stringify!($name))
                    .number($service)
                    .number($version)
                    $($(
                        .text("command")
                        .text(stringify!($command))
                        .number($command_number)
                        .number(<$request as $crate::typed::Payload>::FINGERPRINT)
                        .number(<$reply as $crate::typed::Payload>::FINGERPRINT)
                    )*)?
                    $($(
                        .text("event")
                        .text(stringify!($event))
                        .number($event_number)
                        .number(<$payload as $crate::typed::Payload>::FINGERPRINT)
                    )*)?
                    .get();

                fn event(
                    number: u16,
                    payload: $crate::Bytes<'_>,
                ) -> ::core::result::Result<Event, $crate::typed::Malformed> {
                    match number {
                        $($($event_number => {
                            <$payload as $crate::typed::Payload>::read(payload).map(Event::$event)
                        })*)?
                        number => ::core::result::Result::Err($crate::typed::Malformed::Event(number)),
                    }
                }
            }

            // Two with one number are an error of the compiler that names both.
            #[allow(non_camel_case_types)]
            #[repr(u32)]
            enum __Commands { __None = 0xffff_ffff, $($($command = $command_number,)*)? }
            #[repr(u32)]
            enum __Events { __None = 0xffff_ffff, $($($event = $event_number,)*)? }

            /// A type that stands for each command.
            pub mod commands {
                use super::*;

                $($(
                    $(#[$about_command])*
                    #[allow(non_camel_case_types)]
                    #[derive(Debug, Clone, Copy)]
                    pub struct $command;

                    impl $crate::typed::Command for $command {
                        type Interface = super::Interface;
                        type Request = $request;
                        type Reply = $reply;

                        const NAME: &'static str = stringify!($command);
                        const ID: $crate::CommandId = $crate::CommandId::new($command_number);
                    }
                )*)?
            }

            /// A type that stands for each event.
            pub mod events {
                use super::*;

                $($(
                    $(#[$about_event])*
                    #[derive(Debug, Clone, Copy)]
                    pub struct $event;

                    impl $crate::typed::Event for $event {
                        type Interface = super::Interface;
                        type Payload = $payload;

                        const NAME: &'static str = stringify!($event);
                        const NUMBER: u16 = $event_number;
                    }
                )*)?
            }

            /// An event, as clients receive it.
            #[derive(Debug, Clone, PartialEq)]
            pub enum Event {
                $($(
                    $(#[$about_event])*
                    $event($crate::typed::Received<$payload>),
                )*)?
            }

            /// A handler for each command.
            pub trait Server: Send + Sync + 'static {
                /// What is kept for each connection.
                type State: Send + 'static;

                $($(
                    $(#[$about_command])*
                    fn $command(
                        &self,
                        session: &mut $crate::Session<Self::State>,
                        request: $crate::typed::Received<$request>,
                        reply: $crate::typed::Responder<$reply>,
                    );
                )*)?
            }

            /// The service, with all handlers of the server. `connect` makes the state of each new connection, or
            /// refuses it.
            pub fn service<T: Server>(
                server: T,
                connect: impl Fn(&$crate::Connection) -> ::core::result::Result<T::State, $crate::Refusal>
                + Send
                + Sync
                + 'static,
            ) -> $crate::Service<T::State, Interface> {
                let server = ::std::sync::Arc::new(server);
                let service = $crate::Service::<T::State, Interface>::declared(connect);
                $($(
                    let service = service.handled::<commands::$command>({
                        let server = ::std::sync::Arc::clone(&server);
                        move |session, request, reply| server.$command(session, request, reply)
                    });
                )*)?
                service
            }

            /// A client, with a method for each command.
            #[derive(Debug)]
            pub struct Client($crate::typed::Client<Interface>);

            impl Client {
                $($(
                    $(#[$about_command])*
                    ///
                    /// It waits for the reply for as long as the client's `timeout` says.
                    ///
                    /// # Errors
                    /// `CallError` says why there is no reply.
                    #[inline]
                    pub fn $command(
                        &self,
                        request: $crate::typed::Sent<'_, $request>,
                    ) -> ::core::result::Result<$crate::typed::Received<$reply>, $crate::CallError> {
                        self.0.call::<commands::$command>(request)
                    }
                )*)?
            }

            impl $crate::typed::Stub for Client {
                type Interface = Interface;

                fn of(client: $crate::typed::Client<Interface>) -> Self {
                    Self(client)
                }
            }

            impl ::core::ops::Deref for Client {
                type Target = $crate::typed::Client<Interface>;

                fn deref(&self) -> &Self::Target {
                    &self.0
                }
            }
        }
    };
}

/// The types of an interface.
#[doc(hidden)]
#[macro_export]
macro_rules! __interface_types {
    () => {};
    (
        $(#[$about:meta])*
        struct $name:ident {
            $($(#[$about_field:meta])* $field:ident: $type:ty),* $(,)?
        }
        $($rest:tt)*
    ) => {
        $(#[$about])*
        #[derive(
            Debug, Clone, Copy, PartialEq,
            __zerocopy::TryFromBytes, __zerocopy::IntoBytes, __zerocopy::Immutable, __zerocopy::KnownLayout,
        )]
        #[zerocopy(crate = "self::__zerocopy")]
        #[repr(C)]
        pub struct $name {
            $($(#[$about_field])* pub $field: $type,)*
        }

        impl $crate::typed::Plain for $name {
            const FINGERPRINT: u64 = $crate::typed::Fingerprint::of(stringify!($name))
                .size::<Self>()
                $(
                    .text(stringify!($field))
                    .number(::core::mem::offset_of!($name, $field) as u64)
                    .number(<$type as $crate::typed::Plain>::FINGERPRINT)
                )*
                .get();
        }

        $crate::__interface_types! { $($rest)* }
    };
    (
        $(#[$about:meta])*
        enum $name:ident: $number:ident {
            $($(#[$about_variant:meta])* $variant:ident = $value:literal),* $(,)?
        }
        $($rest:tt)*
    ) => {
        $(#[$about])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq,
            __zerocopy::TryFromBytes, __zerocopy::IntoBytes, __zerocopy::Immutable, __zerocopy::KnownLayout,
        )]
        #[zerocopy(crate = "self::__zerocopy")]
        #[repr($number)]
        pub enum $name {
            $($(#[$about_variant])* $variant = $value,)*
        }

        impl $crate::typed::Plain for $name {
            const FINGERPRINT: u64 = $crate::typed::Fingerprint::of(stringify!($name))
                .size::<Self>()
                $(
                    .text(stringify!($variant))
                    .text(stringify!($value))
                )*
                .get();
        }

        $crate::__interface_types! { $($rest)* }
    };
}
