// SPDX-License-Identifier: GPL-2.0

//! What each user may have on all buses together, so that no user can use up the kernel's memory or
//! take all names.
//!
//! A peer is paid for by the user who opened its socket. Who is in a user namespace could have thousands of
//! user ids there, so the *sponsor*, the user who made the outermost of the namespaces, pays as well.
//! What a peer holds is paid for by the same two.

use crate::locked;
use crate::seam::{Arc, Gauge, Locked, Map, NoMemory, arc};

use super::error::Error;
use super::transport::Transport;

/// User id of the superuser, who has accounts like everybody but is never refused.
pub(super) const SUPERUSER: u32 = 0;

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// Peers, each with the memory of its receive queue.
    Peers,
    /// Names of services.
    Services,
    /// Groups.
    Groups,
    /// Memberships in groups.
    Memberships,
    /// Memory of the last messages that groups keep for replay, in bytes.
    CachedBytes,
}

/// The accounts of all users that have something on a bus.
pub struct Accounts {
    // A leaf among the locks: nothing else is taken under it.
    open: Locked<Map<u32, OpenAccount>>,
}

struct OpenAccount {
    account: Arc<Account>,
    /// How many [`Payers`] have it. It is closed with the last.
    payers: u64,
}

/// What one user has.
struct Account {
    user: u32,
    peers: Gauge,
    services: Gauge,
    groups: Gauge,
    memberships: Gauge,
    cached_bytes: Gauge,
}

impl Account {
    fn used(&self, resource: Resource) -> &Gauge {
        match resource {
            Resource::Peers => &self.peers,
            Resource::Services => &self.services,
            Resource::Groups => &self.groups,
            Resource::Memberships => &self.memberships,
            Resource::CachedBytes => &self.cached_bytes,
        }
    }

    fn take(&self, resource: Resource, amount: u64, limit: u64) -> Result<(), Error> {
        let limit = if self.user == SUPERUSER {
            u64::MAX
        } else {
            limit
        };
        if self.used(resource).add_within(amount, limit) {
            Ok(())
        } else {
            Err(Error::QuotaExceeded(resource))
        }
    }
}

impl Accounts {
    /// No account yet.
    ///
    /// # Errors
    ///
    /// [`NoMemory`].
    pub fn new() -> Result<Self, NoMemory> {
        Ok(Self {
            open: locked!(Map::new(), "ipcon accounts")?,
        })
    }

    /// Whether nobody has anything.
    pub fn is_empty(&self) -> bool {
        self.open.lock().is_empty()
    }

    fn open(&self, user: u32) -> Result<Arc<Account>, NoMemory> {
        let mut open = self.open.lock();
        if let Some(known) = open.get_mut(&user) {
            known.payers += 1;
            return Ok(known.account.clone());
        }
        let slot = Map::slot()?;
        let account = arc(Account {
            user,
            peers: Gauge::new(),
            services: Gauge::new(),
            groups: Gauge::new(),
            memberships: Gauge::new(),
            cached_bytes: Gauge::new(),
        })?;
        let entry = OpenAccount {
            account: account.clone(),
            payers: 1,
        };
        open.put(slot, user, entry);
        Ok(account)
    }

    fn close(&self, user: u32) {
        let mut open = self.open.lock();
        if let Some(known) = open.get_mut(&user) {
            known.payers -= 1;
            if known.payers == 0 {
                open.remove(&user);
            }
        }
    }
}

/// Who pays for a peer and for what it holds.
pub(super) struct Payers {
    accounts: Arc<Accounts>,
    user: Arc<Account>,
    /// None when that is the same user.
    sponsor: Option<Arc<Account>>,
}

impl Payers {
    pub(super) fn new(
        accounts: &Arc<Accounts>,
        user: u32,
        sponsor: u32,
    ) -> Result<Arc<Self>, NoMemory> {
        // Built up step by step, so that giving up halfway closes what was opened.
        let mut payers = Self {
            accounts: accounts.clone(),
            user: accounts.open(user)?,
            sponsor: None,
        };
        if sponsor != user {
            payers.sponsor = Some(accounts.open(sponsor)?);
        }
        arc(payers)
    }

    /// Charges all payers, or none.
    fn take<T: Transport>(&self, resource: Resource, amount: u64) -> Result<(), Error> {
        let limit = T::quota(resource);
        self.user.take(resource, amount, limit)?;
        if let Some(sponsor) = &self.sponsor {
            if let Err(error) = sponsor.take(resource, amount, limit) {
                self.user.used(resource).subtract(amount);
                return Err(error);
            }
        }
        Ok(())
    }

    fn give_back(&self, resource: Resource, amount: u64) {
        self.user.used(resource).subtract(amount);
        if let Some(sponsor) = &self.sponsor {
            sponsor.used(resource).subtract(amount);
        }
    }
}

impl Drop for Payers {
    fn drop(&mut self) {
        self.accounts.close(self.user.user);
        if let Some(sponsor) = &self.sponsor {
            self.accounts.close(sponsor.user);
        }
    }
}

/// Something that is paid for until this is dropped.
pub(super) struct Charge {
    payers: Arc<Payers>,
    resource: Resource,
    amount: u64,
}

impl Charge {
    /// One of something.
    ///
    /// # Errors
    ///
    /// [`Error::QuotaExceeded`].
    pub(super) fn one<T: Transport>(
        payers: &Arc<Payers>,
        resource: Resource,
    ) -> Result<Self, Error> {
        let mut charge = Self::nothing(payers, resource);
        charge.resize::<T>(1)?;
        Ok(charge)
    }

    /// Nothing yet.
    pub(super) fn nothing(payers: &Arc<Payers>, resource: Resource) -> Self {
        Self {
            payers: payers.clone(),
            resource,
            amount: 0,
        }
    }

    /// Changes what is paid for. Less is always possible, also above a limit that was lowered.
    ///
    /// # Errors
    ///
    /// [`Error::QuotaExceeded`]; the amount is as it was then.
    pub(super) fn resize<T: Transport>(&mut self, amount: u64) -> Result<(), Error> {
        if amount > self.amount {
            self.payers.take::<T>(self.resource, amount - self.amount)?;
        } else {
            self.payers.give_back(self.resource, self.amount - amount);
        }
        self.amount = amount;
        Ok(())
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.payers.give_back(self.resource, self.amount);
    }
}
