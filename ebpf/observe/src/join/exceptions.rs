// SPDX-License-Identifier: MIT OR Apache-2.0
//! From records of the ring buffer to the model.

use std::time::Duration;

use ipcon_probes_abi::{Exception as Record, ExceptionKind as RecordKind, command_and_errno};

use super::names;
use crate::model::{Exception, ExceptionKind};

/// The exceptions in these records; one of a kind that is not known is left out.
pub(crate) fn exceptions(records: &[Record]) -> Vec<Exception> {
    let known = records.iter().filter_map(|record| {
        Some(Exception {
            time: Duration::from_nanos(record.time),
            what: kind(record)?,
        })
    });
    known.collect()
}

fn kind(record: &Record) -> Option<ExceptionKind> {
    let Record {
        from, to, group, ..
    } = *record;
    let is = |kind: RecordKind| record.kind == kind as u64;
    let bytes = u32::try_from(record.value).unwrap_or(u32::MAX);
    if is(RecordKind::Refused) {
        Some(ExceptionKind::Refused {
            from_id: from,
            to_id: to,
            bytes,
            reason: names::reason(record.detail).to_owned(),
        })
    } else if is(RecordKind::Dropped) {
        Some(ExceptionKind::Dropped {
            from_id: from,
            to_id: to,
            group_id: group,
            bytes,
            reason: names::reason(record.detail).to_owned(),
        })
    } else if is(RecordKind::Failed) {
        let (command, errno) = command_and_errno(record.detail);
        Some(ExceptionKind::Failed {
            peer_id: from,
            command: names::command(command).to_owned(),
            errno: names::errno(errno).to_owned(),
        })
    } else if is(RecordKind::Slow) {
        Some(ExceptionKind::Slow {
            peer_id: to,
            waited: Duration::from_nanos(record.value),
        })
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipcon_probes_abi::error_key;

    #[test]
    fn each_kind_of_record_tells_its_own() {
        let record = |kind, detail| Record {
            time: 5,
            kind,
            from: 1,
            to: 2,
            group: 3,
            detail,
            value: 4,
        };
        let records = [
            record(RecordKind::Refused as u64, 1),
            record(RecordKind::Dropped as u64, 3),
            record(RecordKind::Failed as u64, error_key(14, 11)),
            record(RecordKind::Slow as u64, 0),
            record(99, 0),
        ];
        let found = exceptions(&records);
        assert!(found.iter().all(|it| it.time == Duration::from_nanos(5)));
        let found: Vec<_> = found.into_iter().map(|it| it.what).collect();
        let expected = [
            ExceptionKind::Refused {
                from_id: 1,
                to_id: 2,
                bytes: 4,
                reason: "queue_full".to_owned(),
            },
            ExceptionKind::Dropped {
                from_id: 1,
                to_id: 2,
                group_id: 3,
                bytes: 4,
                reason: "no_memory".to_owned(),
            },
            ExceptionKind::Failed {
                peer_id: 1,
                command: "send_unicast".to_owned(),
                errno: "EAGAIN".to_owned(),
            },
            ExceptionKind::Slow {
                peer_id: 2,
                waited: Duration::from_nanos(4),
            },
        ];
        assert_eq!(found, expected);
    }
}
