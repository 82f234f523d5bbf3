// SPDX-License-Identifier: MIT OR Apache-2.0
//! Basic authentication against bcrypt hashes.

use std::collections::{BTreeMap, HashMap};
use std::ops::{Range, RangeInclusive};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyper::header::HeaderValue;
use ring::hmac;
use ring::rand::SystemRandom;
use tokio::sync::Mutex as Turn;
use tokio::task::spawn_blocking;

use super::file::Secret;

/// Below, bcrypt compares nothing. Beyond, one comparison takes longer than a connection lives.
const COSTS: RangeInclusive<u32> = 4..=16;

/// Who may ask.
pub(super) struct Users {
    hashes: BTreeMap<String, String>,
    /// For each user the password that was right, so that bcrypt need not say so again for each scrape. Kept as a
    /// keyed digest, whose key never leaves this process.
    known: Mutex<HashMap<String, hmac::Tag>>,
    key: hmac::Key,
    /// One comparison at a time, also when who asked has gone: whoever guesses cannot take all processors.
    turn: Arc<Turn<()>>,
}

impl Users {
    /// # Errors
    ///
    /// A hash is none of bcrypt, cannot be compared, or takes too long for that.
    pub(super) fn new(users: BTreeMap<String, Secret>) -> Result<Self> {
        let mut hashes = BTreeMap::new();
        for (name, Secret(hash)) in users {
            ensure!(
                !name.contains(':'),
                "basic_auth_users: the name {name:?} has a colon"
            );
            let cost = cost(&hash).with_context(|| {
                    format!("basic_auth_users: what {name:?} has is no bcrypt hash; make one with htpasswd -nBC 10 ''")
                })?;
            ensure!(
                COSTS.contains(&cost),
                "basic_auth_users: the hash of {name:?} has a cost of {cost}; {} to {} can be served",
                COSTS.start(),
                COSTS.end()
            );
            hashes.insert(name, hash);
        }
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new());
        Ok(Self {
            hashes,
            known: Mutex::default(),
            key: key.ok().context("the system gives no random numbers")?,
            turn: Arc::default(),
        })
    }

    /// Whether an `Authorization` header is that of a user. Without users everybody is one.
    pub(super) async fn permit(self: &Arc<Self>, header: Option<&HeaderValue>) -> bool {
        if self.hashes.is_empty() {
            return true;
        }
        let Some((name, password)) = header.and_then(credentials) else {
            return false;
        };
        if self.knows(&name, &password) {
            return true;
        }
        let turn = self.turn.clone().lock_owned().await;
        if self.knows(&name, &password) {
            return true;
        }
        let users = self.clone();
        let compared = spawn_blocking(move || {
            let _turn = turn;
            users.compare(&name, &password)
        });
        compared.await.unwrap_or(false)
    }

    fn knows(&self, name: &str, password: &str) -> bool {
        let Some(hash) = self.hashes.get(name) else {
            return false;
        };
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let text = [hash, password].concat();
        known
            .get(name)
            .is_some_and(|tag| hmac::verify(&self.key, text.as_bytes(), tag.as_ref()).is_ok())
    }

    fn compare(&self, name: &str, password: &str) -> bool {
        let hash = self.hashes.get(name);
        if let Some(hash) = hash
            && bcrypt::verify(password, hash).unwrap_or(false)
        {
            let text = [hash, password].concat();
            let tag = hmac::sign(&self.key, text.as_bytes());
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.insert(name.to_owned(), tag);
            return true;
        }
        let taken = hash.and_then(|hash| cost(hash));
        let most = self.hashes.values().filter_map(|hash| cost(hash)).max();
        for cost in missing(taken, most.unwrap_or_default()) {
            _ = bcrypt::bcrypt(cost, [0; 16], b"any password");
        }
        false
    }
}

fn cost(hash: &str) -> Option<u32> {
    let parts = hash.parse::<bcrypt::HashParts>().ok()?;
    Some(parts.get_cost())
}

/// Costs of what has to be hashed after a comparison of the cost `taken`, if there was one, so that all takes as long as
/// one of the cost `most`: the time shall not tell who is a user. Each cost takes twice as long as the one before, so a
/// comparison and all from its cost on take as long as the next.
fn missing(taken: Option<u32>, most: u32) -> Range<u32> {
    match taken {
        Some(taken) => taken..most,
        None => most..most + 1,
    }
}

/// Name and password of a header with the scheme Basic.
fn credentials(header: &HeaderValue) -> Option<(String, String)> {
    let (scheme, rest) = header.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = BASE64_STANDARD.decode(rest.trim()).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (name, password) = decoded.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers() {
        let parse = |text: &str| credentials(&HeaderValue::from_str(text).unwrap());
        let alice = Some(("alice".to_owned(), "a:b".to_owned()));
        assert_eq!(parse("Basic YWxpY2U6YTpi"), alice);
        assert_eq!(parse("basic  YWxpY2U6YTpi"), alice);
        for bad in [
            "",
            "Basic",
            "Basic x",
            "Bearer YWxpY2U6YTpi",
            "Basic YWxpY2U=",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn hashes_that_cannot_be_compared_are_refused() {
        let users = |name: &str, hash: &str| {
            Users::new([(name.to_owned(), Secret(hash.to_owned()))].into()).map(drop)
        };
        let good = bcrypt::hash("right", 4).unwrap();
        users("alice", &good).unwrap();
        assert!(users("a:b", &good).is_err());
        let of_cost = |cost| good.replace("$04$", &format!("${cost}$"));
        for bad in ["", "right", "$1$abc$def", &of_cost("17"), &of_cost("31")] {
            let message = users("alice", bad).unwrap_err().to_string();
            assert!(message.contains("alice"), "{message}");
        }
        for cost in ["00", "01", "03"] {
            let message = users("alice", &of_cost(cost)).unwrap_err().to_string();
            assert!(message.contains("4 to 16"), "{message}");
        }
    }

    #[test]
    fn whoever_is_refused_waits_as_long() {
        let work = |taken: Option<u32>, most| {
            let all = taken.into_iter().chain(missing(taken, most));
            all.map(|cost| 1u64 << cost).sum::<u64>()
        };
        for taken in [None, Some(4), Some(7), Some(10)] {
            assert_eq!(work(taken, 10), 1 << 10, "{taken:?}");
        }
    }
}
