// SPDX-License-Identifier: MIT OR Apache-2.0
//! Recordings that are whole, cut off at every byte, changed at every bit, and made up.

use std::io::Cursor;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use proptest::collection::vec;
use proptest::prelude::*;

use super::shape::{any_snapshot, fingerprint};
use super::*;
use crate::model::{
    Bus, Lost, PROBE_BACKEND, Peer, Probe, Probes, Snapshot, SourceState, SourceStatus,
};

fn moment(second: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + second)
}

fn recording(snapshots: &[Snapshot]) -> Vec<u8> {
    let mut file = header().to_vec();
    for (second, snapshot) in snapshots.iter().enumerate() {
        file.extend(frame(moment(second as u64), snapshot).unwrap());
    }
    file
}

fn two_frames() -> (Vec<u8>, Vec<Snapshot>) {
    let dice: Vec<u8> = (0..2_000u32).map(|n| (n * 7 + n / 50) as u8).collect();
    let snapshots = vec![any_snapshot(&dice[..300]), any_snapshot(&dice[..700])];
    (recording(&snapshots), snapshots)
}

#[derive(Debug, Default, PartialEq)]
struct Contents {
    frames: Vec<Frame>,
    damaged: Vec<Damage>,
    cut_off: Option<Damage>,
}

fn read(file: &[u8]) -> Result<Contents, Error> {
    let mut reader = Reader::open(Cursor::new(file))?;
    let mut contents = Contents::default();
    while let Some(found) = reader.find().unwrap() {
        match found {
            Found::Frame(place) => contents.frames.push(reader.read(place)?),
            Found::Damaged(damage) => contents.damaged.push(damage),
            Found::CutOff(damage) => contents.cut_off = Some(damage),
        }
    }
    Ok(contents)
}

/// A model of another shape needs no other format version, but old files are not read any more then.
#[test]
fn the_shape_changes_with_the_model_only() {
    let mut shape = String::new();
    <crate::model::Event as super::pack::Pack>::shape(&mut shape);
    let expected = "{sequence=u64 time=nanoseconds pid=u32 \
        kind=[0ServiceAdd{}1ServiceRemove{}2GroupAdd{}3GroupRemove{}4PeerRemove{}] name=?text port=?u32 group_id=?u64 }";
    assert_eq!(shape, expected);
}

/// What is in the recording that was made before the kernel's times and the observer's own were there.
fn earlier() -> Snapshot {
    let probe = |name: &str, seen| Probe {
        name: name.into(),
        backend: PROBE_BACKEND.into(),
        attached: true,
        seen,
        counted: seen,
        lost: vec![Lost::default()],
        missed: Some(0),
        ..Probe::default()
    };
    Snapshot {
        taken_at: Duration::from_secs(90),
        bus: Some(Bus::default()),
        peers: vec![Peer {
            id: 7,
            comm: "camera".into(),
            ..Peer::default()
        }],
        probes: Some(Probes {
            attached_at: Duration::from_secs(80),
            probes: vec![probe("ipcon_send", 5), probe("ipcon_drop", 0)],
            ..Probes::default()
        }),
        sources: vec![SourceStatus::default()],
        ..Snapshot::default()
    }
}

#[test]
fn a_recording_of_the_shape_before_is_read() {
    let file = include_bytes!("earlier.rec");
    let contents = read(file).unwrap();
    let snapshots: Vec<_> = contents.frames.into_iter().map(|it| it.snapshot).collect();
    assert_eq!(snapshots, [earlier()]);
    let is_current = |file: &[u8]| Reader::open(Cursor::new(file)).unwrap().is_current();
    assert!(!is_current(file), "nothing may be appended to it");
    assert!(is_current(&recording(&[earlier()])));
}

/// A file with the fingerprint of another one, and its header right again.
fn disguised(file: &[u8], as_if: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    file[..HEADER_LEN].copy_from_slice(&as_if[..HEADER_LEN]);
    file
}

#[test]
fn the_shape_of_the_file_says_whether_additions_follow() {
    let earlier_file = include_bytes!("earlier.rec");
    let file = recording(&[earlier()]);
    let refusal = |file: &[u8]| match read(file).unwrap_err() {
        Error::Malformed { reason, .. } => reason.to_string(),
        other => panic!("{other}"),
    };
    let with_them = disguised(&file, earlier_file);
    assert_eq!(refusal(&with_them), "something follows its end");
    let without = disguised(earlier_file, &file);
    assert_eq!(refusal(&without), "it ends too early");
}

#[test]
fn there_are_as_many_run_times_as_probes() {
    // No observer, and two run times that are none.
    let whole = pack(&earlier());
    assert_eq!(whole[whole.len() - 4..], [0, 2, 0, 0]);
    let before = &whole[..whole.len() - 3];
    // What is behind the number is no run time: it must not come to that.
    for number in [0, 1, 3, 100] {
        let hostile = [before, &[number], &[7; 100][..]].concat();
        let told = unpack(&hostile).unwrap_err().to_string();
        assert_eq!(told, "there are not as many run times as probes");
    }
    // The bound of what is inflated holds for both parts together.
    let file = recording(&[earlier()]);
    let read_at_most = |bytes| {
        let mut reader = Reader::open(Cursor::new(&file))
            .unwrap()
            .with_unpacked_max(bytes);
        let Some(Found::Frame(place)) = reader.find().unwrap() else {
            panic!("no frame");
        };
        reader.read(place).map(|frame| frame.snapshot)
    };
    assert_eq!(read_at_most(whole.len()).unwrap(), earlier());
    let told = read_at_most(whole.len() - 1).unwrap_err().to_string();
    assert!(
        told.ends_with("it is larger than a snapshot may be"),
        "{told}"
    );
}

#[test]
fn files_of_other_programs_and_versions_are_refused() {
    let refusal = |file: &[u8]| read(file).unwrap_err().to_string();
    let (file, _) = two_frames();
    let altered = |at: usize, bytes: &[u8]| {
        let mut file = file.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        let crc = crc32fast::hash(&file[..16]).to_le_bytes();
        file[16..20].copy_from_slice(&crc);
        file
    };
    assert_eq!(refusal(b""), "it is not a recording of ipcon-top");
    assert_eq!(refusal(&[7; 99]), "it is not a recording of ipcon-top");
    assert_eq!(refusal(&file[..19]), "its first 20 bytes are damaged");
    let version = refusal(&altered(8, &[9]));
    assert!(version.starts_with("it has format version 9,"), "{version}");
    let shape = refusal(&altered(12, &[!file[12]]));
    assert!(
        shape.starts_with("it was made by another version of ipcon-top")
            && shape.contains(&format!("{:08x}", fingerprint())),
        "{shape}"
    );
}

#[test]
fn a_file_cut_off_anywhere_gives_the_frames_before() {
    let (file, snapshots) = two_frames();
    let ends: Vec<usize> = {
        let mut reader = Reader::open(Cursor::new(&file)).unwrap();
        let places = std::iter::from_fn(|| reader.find().unwrap());
        places
            .map(|found| match found {
                Found::Frame(place) => place.end() as usize,
                other => panic!("{other:?}"),
            })
            .collect()
    };
    assert_eq!(ends.last(), Some(&file.len()));
    for cut in HEADER_LEN..file.len() {
        let contents = read(&file[..cut]).unwrap();
        let whole = ends.iter().filter(|&&end| end <= cut).count();
        let found: Vec<_> = contents.frames.into_iter().map(|it| it.snapshot).collect();
        assert_eq!(found, snapshots[..whole], "cut at {cut}");
        assert_eq!(contents.damaged, [], "cut at {cut}");
        let at_a_boundary = cut == HEADER_LEN || ends.contains(&cut);
        assert_eq!(contents.cut_off.is_none(), at_a_boundary, "cut at {cut}");
    }
    for cut in 0..HEADER_LEN {
        assert!(read(&file[..cut]).is_err(), "cut at {cut}");
    }
}

#[test]
fn every_changed_bit_is_found_and_costs_one_frame_at_most() {
    let (file, snapshots) = two_frames();
    for bit in 0..file.len() * 8 {
        let mut file = file.clone();
        file[bit / 8] ^= 1 << (bit % 8);
        let Ok(contents) = read(&file) else {
            assert!(bit / 8 < HEADER_LEN, "bit {bit}");
            continue;
        };
        assert_eq!(contents.damaged.len(), 1, "bit {bit}");
        let damage = contents.damaged[0];
        let at = (bit / 8) as u64;
        assert!(
            (damage.offset..damage.offset + damage.bytes).contains(&at),
            "bit {bit}: {damage:?}"
        );
        assert_eq!(contents.frames.len(), 1, "bit {bit}");
        assert!(
            snapshots.contains(&contents.frames[0].snapshot),
            "bit {bit}"
        );
    }
}

#[test]
fn what_stands_between_frames_is_skipped() {
    let (file, _) = two_frames();
    let whole = read(&file).unwrap();
    let mut reader = Reader::open(Cursor::new(&file)).unwrap();
    let Some(Found::Frame(first)) = reader.find().unwrap() else {
        panic!("no frame");
    };
    let (before, after) = file.split_at(first.end() as usize);
    for between in [
        &b"\xf5"[..],
        b"\xf5IFR and the like",
        &[0xf5; 70],
        &[0; 5000],
    ] {
        let contents = read(&[before, between, after].concat()).unwrap();
        assert_eq!(contents.frames, whole.frames);
        let bytes = between.len() as u64;
        let offset = first.end();
        assert_eq!(contents.damaged, [Damage { offset, bytes }]);
    }
}

#[test]
fn a_head_that_claims_more_than_there_is_costs_no_other_frame() {
    let (file, _) = two_frames();
    let whole = read(&file).unwrap();
    let mut reader = Reader::open(Cursor::new(&file)).unwrap();
    let Some(Found::Frame(first)) = reader.find().unwrap() else {
        panic!("no frame");
    };
    let (before, after) = file.split_at(first.end() as usize);
    let claim = super::frame::Head::of(&[7; 100_000], moment(1), Duration::ZERO).write();
    let contents = read(&[before, &claim, &[7; 99], after].concat()).unwrap();
    assert_eq!(contents.frames, whole.frames);
    let (bytes, offset) = (claim.len() as u64 + 99, first.end());
    assert_eq!(contents.damaged, [Damage { offset, bytes }]);
    assert_eq!(contents.cut_off, None);
    // One after the other, each with more than there is.
    let contents = read(&[before, &claim.repeat(1000)].concat()).unwrap();
    assert_eq!((contents.frames.len(), contents.damaged.len()), (1, 999));
    assert!(contents.cut_off.is_some());
}

#[test]
fn a_body_that_inflates_to_too_much_is_refused_without_room_for_it() {
    let many = Snapshot {
        peers: (0..50_000)
            .map(|id| Peer {
                id,
                ..Peer::default()
            })
            .collect(),
        ..Snapshot::default()
    };
    let file = recording(&[many]);
    let mut reader = Reader::open(Cursor::new(&file))
        .unwrap()
        .with_unpacked_max(100_000);
    let Some(Found::Frame(place)) = reader.find().unwrap() else {
        panic!("no frame");
    };
    let error = reader.read(place).unwrap_err();
    let told = "the frame at byte 20 holds no snapshot: it is larger than a snapshot may be";
    assert_eq!(error.to_string(), told);
}

#[test]
fn text_of_a_file_cannot_control_a_terminal() {
    let reason = "\u{1b}[2Jgone\u{202e}".to_owned();
    let source = SourceStatus {
        state: SourceState::Off { reason },
        ..SourceStatus::default()
    };
    let file = recording(&[Snapshot {
        sources: vec![source],
        ..Snapshot::default()
    }]);
    let contents = read(&file).unwrap();
    let reason = "\\u{1b}[2Jgone\\u{202e}".to_owned();
    assert_eq!(
        contents.frames[0].snapshot.sources[0].state,
        SourceState::Off { reason }
    );
}

#[test]
fn lengths_that_nothing_follows_are_refused_at_once() {
    let bytes = pack(&Snapshot::default());
    // The number of peers: behind the schema version, the time, a flag and no bus.
    assert_eq!(bytes[..5], [1, 0, 1, 0, 0]);
    let mut hostile = bytes[..4].to_vec();
    hostile.extend([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
    let told = unpack(&hostile).unwrap_err().to_string();
    assert_eq!(told, "it ends before what it announces");
}

/// Of a size that a dashboard may well look at every second, for days.
#[test]
fn frames_are_small() {
    for (peers, most) in [(40, 5 << 10), (10_000, 1800 << 10)] {
        let file = recording(&[busy(peers)]);
        let packed = pack(&busy(peers)).len();
        eprintln!("{peers} peers: {packed} bytes, deflated {}", file.len());
        assert!(file.len() < most, "{peers} peers make {} bytes", file.len());
    }
}

/// 10,000 peers, with as many flows as the probes count, and as much in one interval as the observer keeps.
#[test]
fn a_large_bus_at_its_worst_fits_twice_into_a_frame() {
    use crate::model::{Event, EventKind, Exception, Flow};
    let mut large = busy(10_000);
    let more = (1..=16_384).map(|id| Flow {
        to_id: id + 20_000,
        ..busy(1).flows[0].clone()
    });
    large.flows = more.collect();
    let event = |sequence: u64| Event {
        sequence: sequence << 30,
        time: Duration::from_secs(sequence << 10),
        pid: u32::MAX,
        kind: EventKind::ServiceAdd,
        name: Some("com.example.a-name-of-usual-length".into()),
        port: Some(u32::MAX),
        ..Event::default()
    };
    large.events = (0..65_536).map(event).collect();
    large.exceptions = vec![Exception::default(); 16_384];
    let packed = pack(&large).len();
    eprintln!("{packed} bytes");
    assert!(packed < UNPACKED_MAX / 2, "{packed} bytes");
}

/// A bus on which each peer has counted this and that.
fn busy(peers: u64) -> Snapshot {
    use crate::model::{
        Baseline, Counters, Flow, FlowCounters, Group, GroupCounters, ProbeCounts, Probes,
        QueueLatency, Service,
    };
    // Numbers like those of real buses: their high bits are no pattern that could be deflated.
    let many = |id: u64, n: u64| id.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(n as u32) >> 44;
    let counters = |id| Counters {
        sent_unicast_messages: many(id, 1),
        sent_unicast_bytes: many(id, 2) * 100,
        delivered_unicast_messages: many(id, 3),
        delivered_unicast_bytes: many(id, 4) * 100,
        delivered_multicast_messages: many(id, 5),
        delivered_multicast_bytes: many(id, 6) * 100,
        ..Counters::default()
    };
    let waited = |id| {
        let mut waited = QueueLatency {
            sum_nanos: many(id, 7) << 20,
            ..QueueLatency::default()
        };
        for bucket in 4..12 {
            waited.counts[bucket] = many(id, bucket as u64) >> 4;
        }
        waited
    };
    let peer = |id: u64| Peer {
        id,
        port: 4_294_960_000 - id as u32,
        pid: 1000 + id as u32,
        comm: "camera".into(),
        created_at: Duration::from_nanos(many(id, 8) << 20),
        services: vec![Service {
            id,
            name: format!("service-{id}").as_str().into(),
            created_at: Duration::from_nanos(many(id, 9) << 20),
        }],
        queue_limit: 212_992,
        queue_latency: Some(waited(id)),
        counters: counters(id),
        ..Peer::default()
    };
    let flow = |id| Flow {
        from_id: id,
        to_id: id + 1,
        counters: FlowCounters {
            messages: many(id, 1),
            bytes: many(id, 2) * 100,
            lost_messages: 0,
        },
        ..Flow::default()
    };
    let published = |id| GroupCounters {
        sent_messages: many(id, 1),
        sent_bytes: many(id, 2) * 100,
        delivered_messages: many(id, 3),
        delivered_bytes: many(id, 4) * 100,
        ..GroupCounters::default()
    };
    // Each tenth peer has a group, of ten members.
    let groups = || (1..=peers).step_by(10);
    let group = |id: u64| Group {
        id,
        name: format!("group-{id}").as_str().into(),
        owner_id: id,
        owner_port: 4_294_960_000 - id as u32,
        owner_name: Some(format!("service-{id}").as_str().into()),
        created_at: Duration::from_nanos(many(id, 10) << 20),
        members: 10,
        member_ids: (id..id + 10).collect(),
        counters: published(id),
        ..Group::default()
    };
    let counts = || ProbeCounts {
        peers: (1..=peers).map(|id| (id, counters(id))).collect(),
        groups: groups().map(|id| (id, published(id))).collect(),
        ..ProbeCounts::default()
    };
    Snapshot {
        peers: (1..=peers).map(peer).collect(),
        groups: groups().map(group).collect(),
        flows: (1..=peers).map(flow).collect(),
        probes: Some(Probes {
            counts: counts(),
            baseline: Arc::new(Baseline {
                dumped: counts(),
                counted: counts(),
                ..Baseline::default()
            }),
            ..Probes::default()
        }),
        ..Snapshot::default()
    }
}

fn dice() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..2_000)
}

proptest! {
    #[test]
    fn any_snapshot_comes_back_as_it_was(dice in dice()) {
        let snapshot = any_snapshot(&dice);
        prop_assert_eq!(unpack(&pack(&snapshot)), Ok(snapshot.clone()));
        let contents = read(&recording(std::slice::from_ref(&snapshot))).unwrap();
        prop_assert_eq!(contents, Contents {
            frames: vec![Frame { at: moment(0), snapshot }],
            ..Contents::default()
        });
    }

    /// Bytes of a snapshot, some of them changed: no panic, and what comes out is safe and can be recorded again.
    #[test]
    fn changed_bytes_give_an_error_or_something_safe(
        dice in dice(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = pack(&any_snapshot(&dice));
        for (at, byte) in changes {
            *at.get_mut(&mut bytes) = byte;
        }
        if let Ok(snapshot) = unpack(&bytes) {
            let json = serde_json::to_string(&snapshot).unwrap();
            prop_assert!(!json.contains("\\u00"), "{}", json);
            prop_assert_eq!(unpack(&pack(&snapshot)), Ok(snapshot));
        }
    }

    #[test]
    fn made_up_files_are_read_to_their_end(body in vec(any::<u8>(), 0..300)) {
        let mut file = header().to_vec();
        file.extend(body);
        let contents = read(&file).unwrap();
        prop_assert_eq!(contents.frames, []);
    }
}
