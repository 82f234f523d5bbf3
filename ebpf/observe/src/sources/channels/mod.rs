// SPDX-License-Identifier: MIT OR Apache-2.0
//! The pages on which coroipc servers count, found below `/proc` and read without asking the servers.
//!
//! Whoever may look at a process's descriptors finds its pages among them. All that is found there may be the work of
//! somebody who wants to hold up or fill up an observer with more rights: see [`page`] for how a page is read, and
//! [`Limits`] for how many are.

mod budget;
mod mount;
mod page;
mod process;
mod rota;

use std::collections::BTreeMap;
use std::time::Duration;

use rustix::io::Errno;

use crate::model::{Channel, ChannelScan, Channels, Endpoint, SafeText};
use budget::{Budget, Limits};
use mount::Mount;
use page::{ConnectionPage, EndpointPage, Identity, Kind, NoPage, Page};
use process::{LeftOut, Processes};
use rota::{Rota, Seen};

/// Why servers cannot be looked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot use /proc ({0}); mount it to see connections of coroipc")]
    Proc(Errno),
    #[error("cannot find out where the kernel keeps anonymous files ({0})")]
    Memory(Errno),
}

/// Looks for servers and reads their pages.
pub(crate) struct ChannelSource {
    processes: Processes,
    mount: Mount,
    limits: Limits,
    rota: Rota,
    /// Where pages were found the last time, and whose they are.
    known: BTreeMap<Place, u32>,
    ids: BTreeMap<Identity, u64>,
    newest_id: u64,
}

/// Process and number of a descriptor.
type Place = (u32, u32);

/// A process that may be a server.
struct Suspect {
    pid: u32,
    user: u32,
    comm: SafeText,
    /// Descriptors that have the name of a page, those known to be pages first, and then endpoints.
    numbers: Vec<(u32, Kind)>,
}

/// What was read.
#[derive(Default)]
struct Rows {
    endpoints: Vec<Endpoint>,
    connections: Vec<Channel>,
}

impl ChannelSource {
    /// # Errors
    ///
    /// There is no `/proc`, or no anonymous memory to compare with.
    pub(crate) fn open() -> Result<Self, Error> {
        Ok(Self {
            processes: Processes::open().map_err(Error::Proc)?,
            mount: Mount::find().map_err(Error::Memory)?,
            limits: Limits::default(),
            rota: Rota::default(),
            known: BTreeMap::new(),
            ids: BTreeMap::new(),
            newest_id: 0,
        })
    }

    /// Reads all pages that are found. `now` tells the time.
    ///
    /// # Errors
    ///
    /// The processes cannot be listed.
    pub(crate) fn read(&mut self, now: impl Fn() -> Duration) -> Result<Channels, Error> {
        let mut scan = ChannelScan::default();
        let mut left_out = LeftOut::default();
        let suspects = self
            .suspects(&mut scan, &mut left_out)
            .map_err(Error::Proc)?;
        let read_at = now();
        let mut rows = self.pages(suspects, &mut scan, &mut left_out);
        rows.connections.sort_unstable_by_key(|row| row.id);
        rows.endpoints.sort_unstable_by_key(|row| row.id);
        scan.left_out_connections = left_out.connections;
        scan.left_out_endpoints = left_out.endpoints;
        scan.processes = self.rota.total() - self.rota.count(Seen::Kernel);
        scan.unreadable_processes = self.rota.count(Seen::Closed);
        Ok(Channels {
            read_at,
            connections: rows.connections,
            endpoints: rows.endpoints,
            scan,
        })
    }

    /// Looks at the descriptors of those processes whose turn it is.
    fn suspects(
        &mut self,
        scan: &mut ChannelScan,
        left_out: &mut LeftOut,
    ) -> Result<Vec<Suspect>, Errno> {
        let pids = self.processes.list()?;
        let round = self.rota.begin(&pids);
        let mut pids = round.look;
        let mut changed = 0;
        for pid in round.ask {
            if changed == Rota::CHANGED {
                break;
            }
            let descriptors = self.processes.descriptors(pid);
            if self.rota.is_changed(pid, descriptors) {
                changed += 1;
                pids.push(pid);
            }
        }
        let mut suspects = Vec::new();
        for pid in pids {
            let is_known = |number| self.known.contains_key(&(pid, number));
            let (most, keep) = (self.limits.descriptors, self.limits.process);
            // Before they are looked at: what comes later is then seen as a change.
            let descriptors = self.processes.descriptors(pid);
            let Some((seen, candidates)) = self.processes.look(pid, most, keep, is_known) else {
                self.rota.forget(pid);
                continue;
            };
            self.rota.note(pid, seen, descriptors);
            left_out.endpoints += candidates.left_out.endpoints;
            left_out.connections += candidates.left_out.connections;
            scan.cut_processes += u64::from(candidates.cut);
            let mut numbers = candidates.numbers;
            if !numbers.is_empty()
                && let Some((comm, user)) = self.processes.about(pid)
            {
                numbers.sort_by_key(|&(number, kind)| (!is_known(number), kind));
                suspects.push(Suspect {
                    pid,
                    user,
                    comm,
                    numbers,
                });
            }
        }
        Ok(suspects)
    }

    /// Reads their pages. A process made by `fork` has the pages of its parent too: each counts once.
    fn pages(
        &mut self,
        suspects: Vec<Suspect>,
        scan: &mut ChannelScan,
        left_out: &mut LeftOut,
    ) -> Rows {
        let known_before = std::mem::take(&mut self.known);
        let ids_before = std::mem::take(&mut self.ids);
        // Those that were read once are read on, whoever comes later.
        let mut budget = Budget::new(self.limits, known_before.values());
        let mut rows = Rows::default();
        for suspect in &suspects {
            let mut read = 0;
            for &(number, kind) in &suspect.numbers {
                let place = (suspect.pid, number);
                let allowed = known_before.contains_key(&place)
                    || read < self.limits.process && budget.take(suspect.user);
                if !allowed {
                    left_out.count(kind);
                    continue;
                }
                read += 1;
                let path = format!("{}/fd/{number}", suspect.pid);
                let page = match page::read(self.processes.folder(), &path, kind, self.mount) {
                    Ok(page) => page,
                    Err(NoPage::Gone) => continue,
                    Err(NoPage::Rejected) => {
                        scan.rejected_files += 1;
                        continue;
                    }
                };
                let identity = page.identity();
                if self.ids.contains_key(&identity) {
                    continue;
                }
                let id = ids_before.get(&identity).copied().unwrap_or_else(|| {
                    self.newest_id += 1;
                    self.newest_id
                });
                self.ids.insert(identity, id);
                self.known.insert(place, suspect.user);
                match page {
                    Page::Endpoint(page) => rows.endpoints.push(endpoint(id, suspect, page)),
                    Page::Connection(page) => rows.connections.push(channel(id, suspect, *page)),
                }
            }
        }
        rows
    }
}

fn endpoint(id: u64, server: &Suspect, page: EndpointPage) -> Endpoint {
    Endpoint {
        id,
        server_pid: server.pid,
        server_comm: server.comm.clone(),
        address: page.address,
        started_at: page.started_at,
        counters: page.counters,
    }
}

fn channel(id: u64, server: &Suspect, page: ConnectionPage) -> Channel {
    Channel {
        id,
        server_pid: server.pid,
        server_comm: server.comm.clone(),
        client_pid: page.client_pid,
        client_uid: page.client_uid,
        service: page.service,
        connection: page.connection,
        started_at: page.started_at,
        counters: page.counters,
        latency: page.latency,
    }
}
