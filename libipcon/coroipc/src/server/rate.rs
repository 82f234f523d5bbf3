// SPDX-License-Identifier: MIT OR Apache-2.0
//! A rate that calls are admitted at, with bursts: a bucket of tokens for each connection or user.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use super::call::Call;
use super::channel::Channel;
use crate::handshake::Credentials;

type Privilege = dyn Fn(&Credentials) -> bool + Send + Sync;
type Weight = dyn Fn(&Call) -> u32 + Send + Sync;

/// How fast calls may come: an admission for [`EndpointBuilder::admission`](super::EndpointBuilder::admission).
///
/// Each connection, or user, has a bucket of tokens, which is full at first. A call takes one token, or as many as it weighs;
/// one that there are too few for is turned down, takes none, and is told exactly when there will be enough: a client that
/// tries again then is let through, unless other calls of the bucket have taken them.
///
/// ```
/// use std::time::Duration;
///
/// use coroipc::{CallError, CommandId, Endpoint, RateLimit, Service, ServiceId};
///
/// # let address = coroipc::Address::abstract_name(format!("doc-rate-{}", std::process::id()));
/// # let service = Service::new(ServiceId::new(1), |_| Ok(()))
/// #     .command(CommandId::new(1), |_, call| call.reply(b""));
/// // 100 a minute, of which 2 may come at once, for all but user 4711; command 9 counts for 10.
/// let limit = RateLimit::per_user(100, Duration::from_secs(60))
///     .burst(2)
///     .exempt(|client| client.uid() == 4711)
///     .weigh(|call| if call.command() == CommandId::new(9) { 10 } else { 1 });
/// let _server = Endpoint::builder(address.clone())
///     .service(service)
///     .admission(limit.into_admission())
///     .bind()?
///     .spawn()?;
///
/// let client = coroipc::Client::builder(address, ServiceId::new(1)).connect()?;
/// client.call(CommandId::new(1), b"")?;
/// client.call(CommandId::new(1), b"")?;
/// let Err(CallError::Overloaded { retry_after }) = client.call(CommandId::new(1), b"") else {
///     panic!("it is one too many");
/// };
/// assert!(retry_after <= Duration::from_millis(600));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RateLimit {
    scope: Scope,
    bucket: Bucket,
    exempt: Option<Box<Privilege>>,
    weight: Option<Box<Weight>>,
}

/// Whose calls share a bucket.
#[derive(Debug, Clone, Copy)]
enum Scope {
    Connection,
    User,
}

/// What a bucket is like, in units of which there are as many in a nanosecond as tokens come in a period: so all is whole
/// numbers, and nothing is rounded but the answer.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// Units that pass in a nanosecond.
    rate: u128,
    /// Units that a token takes.
    token: u128,
    /// Tokens that it holds.
    burst: u32,
}

impl RateLimit {
    /// So many tokens in each period for each connection. A client that connects again has a new bucket: bound how many
    /// connections there may be, or limit users.
    pub fn per_connection(tokens: u32, period: Duration) -> Self {
        Self::new(Scope::Connection, tokens, period)
    }

    /// So many tokens in each period for all connections of a user, by its effective number.
    pub fn per_user(tokens: u32, period: Duration) -> Self {
        Self::new(Scope::User, tokens, period)
    }

    fn new(scope: Scope, tokens: u32, period: Duration) -> Self {
        let tokens = tokens.max(1);
        Self {
            scope,
            bucket: Bucket {
                rate: tokens.into(),
                token: period.as_nanos().max(1),
                burst: tokens,
            },
            exempt: None,
            weight: None,
        }
    }

    /// How many tokens a bucket holds, at least 1. The default is those of a period.
    #[must_use]
    pub fn burst(mut self, tokens: u32) -> Self {
        self.bucket.burst = tokens.max(1);
        self
    }

    /// Lets all calls of some clients pass. They take no tokens, not of others of their user either.
    #[must_use]
    pub fn exempt(mut self, exempt: impl Fn(&Credentials) -> bool + Send + Sync + 'static) -> Self {
        self.exempt = Some(Box::new(exempt));
        self
    }

    /// Has calls take as many tokens as this says, perhaps none; the default is 1. One that weighs more than a bucket holds
    /// takes a full one.
    #[must_use]
    pub fn weigh(mut self, weight: impl Fn(&Call) -> u32 + Send + Sync + 'static) -> Self {
        self.weight = Some(Box::new(weight));
        self
    }

    /// What decides about calls, for [`EndpointBuilder::admission`](super::EndpointBuilder::admission), or to be asked by
    /// an admission of the application's own.
    pub fn into_admission(self) -> impl Fn(&Call) -> Result<(), Duration> + Send + Sync + 'static {
        let Self {
            scope,
            bucket,
            exempt,
            weight,
        } = self;
        let buckets = Mutex::new(Buckets::new(bucket));
        move |call| {
            if exempt.as_ref().is_some_and(|it| it(call.credentials())) {
                return Ok(());
            }
            let weight = weight.as_ref().map_or(1, |it| it(call));
            let (key, owner) = match scope {
                Scope::User => (u64::from(call.credentials().uid()), None),
                Scope::Connection => (call.channel().number, Some(call.channel())),
            };
            buckets
                .lock()
                .take(key, owner, weight, crate::clock::now())
                // Rounded up, as the client is told microseconds.
                .map_err(|nanoseconds| {
                    let micros = nanoseconds.div_ceil(1000);
                    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
                })
        }
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit")
            .field("scope", &self.scope)
            .field("bucket", &self.bucket)
            .finish_non_exhaustive()
    }
}

/// All buckets that are not full.
#[derive(Debug)]
struct Buckets {
    each: Bucket,
    used: HashMap<u64, Used>,
    /// Full ones are looked for once there are more.
    most: usize,
}

#[derive(Debug)]
struct Used {
    /// When it is full again, in units.
    full_at: u128,
    /// The only connection that it is for.
    owner: Option<Weak<Channel>>,
}

/// Buckets that are kept without looking whether some are full.
const FEW: usize = 64;

impl Buckets {
    fn new(each: Bucket) -> Self {
        Self {
            each,
            used: HashMap::new(),
            most: FEW,
        }
    }

    /// Takes tokens from a bucket, or says in how many nanoseconds it has enough.
    fn take(
        &mut self,
        key: u64,
        owner: Option<&Arc<Channel>>,
        weight: u32,
        now: u64,
    ) -> Result<(), u128> {
        let Bucket { rate, token, burst } = self.each;
        let now = u128::from(now) * rate;
        self.forget_full(now);
        let full_at = self
            .used
            .get(&key)
            .map_or(now, |used| used.full_at.max(now));
        let after = full_at + token * u128::from(weight.min(burst));
        let latest = now + token * u128::from(burst);
        if after > latest {
            return Err((after - latest).div_ceil(rate));
        }
        if weight != 0 {
            let used = self.used.entry(key).or_insert_with(|| Used {
                full_at: 0,
                owner: owner.map(Arc::downgrade),
            });
            used.full_at = after;
        }
        Ok(())
    }

    /// Forgets the buckets that are full again, and those of connections that are gone, when there may be many.
    fn forget_full(&mut self, now: u128) {
        if self.used.len() < self.most {
            return;
        }
        self.used.retain(|_, used| {
            let gone = used.owner.as_ref().is_some_and(|it| it.strong_count() == 0);
            used.full_at > now && !gone
        });
        self.most = FEW.max(2 * self.used.len());
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn buckets(tokens: u32, period: u64, burst: u32) -> Buckets {
        let limit = RateLimit::per_user(tokens, Duration::from_nanos(period)).burst(burst);
        Buckets::new(limit.bucket)
    }

    proptest! {
        /// Whoever is told when there will be enough is let through then, and not a nanosecond before.
        #[test]
        fn the_time_is_exact(
            tokens in 1u32..1000, period in 1u64..10_000_000_000, burst in 1u32..50,
            calls in prop::collection::vec((0u64..1_000_000_000, 0u32..60), 1..60),
        ) {
            let mut buckets = buckets(tokens, period, burst);
            let mut now = 1u64;
            for (later, weight) in calls {
                now += later;
                let Err(wait) = buckets.take(7, None, weight, now) else {
                    continue;
                };
                let wait = wait as u64;
                prop_assert!(wait > 0);
                prop_assert!(buckets.take(7, None, weight, now + wait - 1).is_err());
                prop_assert_eq!(buckets.take(7, None, weight, now + wait), Ok(()));
                now += wait;
            }
        }

        /// In no stretch of time do more get through than the rate and one burst.
        #[test]
        fn no_more_get_through(
            tokens in 1u32..100, period in 1u64..1_000_000, burst in 1u32..20,
            steps in prop::collection::vec(0u64..100_000, 1..300),
        ) {
            let mut buckets = buckets(tokens, period, burst);
            let mut passed = Vec::new();
            let mut now = 5u64;
            for step in steps {
                now += step;
                if buckets.take(1, None, 1, now).is_ok() {
                    passed.push(now);
                }
            }
            for (first, &from) in passed.iter().enumerate() {
                for (last, &to) in passed.iter().enumerate().skip(first) {
                    let count = (last - first + 1) as u128;
                    let came = u128::from(to - from) * u128::from(tokens) / u128::from(period);
                    prop_assert!(count <= u128::from(burst) + came);
                }
            }
        }
    }

    #[test]
    fn full_buckets_are_forgotten() {
        let mut buckets = buckets(1, 1000, 5);
        for user in 0..100_000u64 {
            buckets.take(user, None, 5, user * 100).unwrap();
        }
        assert!(buckets.used.len() <= 2 * 50 + FEW, "{}", buckets.used.len());
        // One that is not full is remembered.
        assert_eq!(buckets.take(99_999, None, 1, 9_999_900), Err(1000));
    }

    #[test]
    fn each_has_a_bucket_and_what_is_heavy_takes_it_all() {
        let mut buckets = buckets(1, 1000, 3);
        assert_eq!(buckets.take(1, None, 1, 10_000), Ok(()));
        assert_eq!(buckets.take(1, None, u32::MAX, 10_000), Err(1000));
        assert_eq!(buckets.take(2, None, u32::MAX, 10_000), Ok(()));
        assert_eq!(buckets.take(1, None, 0, 10_000), Ok(()));
        assert_eq!(buckets.take(1, None, u32::MAX, 11_000), Ok(()));
    }
}
