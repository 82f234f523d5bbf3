// SPDX-License-Identifier: MIT OR Apache-2.0
//! Recordings in files, in places where others may have been first.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, SystemTime};

use clap::Parser;
use ipcon_observe::Snapshot;
use ipcon_observe::linter::Objectives;
use ipcon_observe::model::{SourceState, SourceStatus};
use ipcon_observe::recording::UNPACKED_MAX;
use ipcon_top::app::{Event, Recording};
use ipcon_top::args::{Cli, Command};
use ipcon_top::collect::SnapshotSource;
use ipcon_top::history::Past;
use ipcon_top::once;
use ipcon_top::recording::{self, Background, Moment, Recorded, Recorder};

/// What there is to record.
fn probed(second: u64) -> Snapshot {
    support::probed(second + 2)
}

/// A folder of its own, gone afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("ipcon-top-recording-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// 05:46:40 UTC and some seconds.
fn at(second: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000 + 14_400 + second)
}

fn record(path: &Path, seconds: std::ops::Range<u64>) {
    let mut recorder = Recorder::open(path, None).unwrap();
    for second in seconds {
        recorder.append(at(second), &probed(second)).unwrap();
    }
}

fn refusal(path: &Path) -> String {
    format!("{:#}", Recorder::open(path, None).unwrap_err())
}

#[test]
fn a_recording_of_an_earlier_version_is_replayed_and_left_as_it_is() {
    let folder = Folder::new("earlier");
    let path = folder.file("a.rec");
    let earlier = include_bytes!("../../ebpf/observe/src/recording/earlier.rec");
    fs::write(&path, earlier).unwrap();
    let recorded = Recorded::open(&path).unwrap();
    let snapshot = recorded.snapshot(0).unwrap();
    assert_eq!(snapshot.probes.as_ref().unwrap().probes[0].seen, 5);
    assert_eq!(snapshot.observer, None);
    let refusal = refusal(&path);
    assert!(
        refusal.contains("was made by an earlier version of ipcon-top"),
        "{refusal}"
    );
    assert_eq!(fs::read(&path).unwrap(), earlier);
}

#[test]
fn what_was_recorded_is_there_again_and_more_is_appended() {
    let folder = Folder::new("append");
    let path = folder.file("a.rec");
    record(&path, 0..3);
    record(&path, 3..5);
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let recorded = Recorded::open(&path).unwrap();
    assert!(recorded.gaps().is_empty());
    assert_eq!(recorded.len(), 5);
    for second in 0..5 {
        let index = second as usize;
        assert_eq!(*recorded.snapshot(index).unwrap(), probed(second));
        assert_eq!(recorded.time(index), probed(second).taken_at);
        assert_eq!(recorded.at(index), at(second));
    }
    assert!(recorded.snapshot(5).is_err());
}

#[test]
fn moments_are_found_and_those_outside_are_refused_with_what_there_is() {
    let folder = Folder::new("moments");
    let path = folder.file("a.rec");
    record(&path, 0..5);
    let recorded = Recorded::open(&path).unwrap();
    let find = |text: &str| recorded.find(text.parse::<Moment>().unwrap());
    assert_eq!(find("+2s").unwrap(), 2);
    assert_eq!(find("-1s").unwrap(), 3);
    assert_eq!(find("5:46:42").unwrap(), 2);
    let told = find("14:03").unwrap_err().to_string();
    assert!(told.contains("from 05:46:40 to 05:46:44 UTC"), "{told}");
}

#[test]
fn a_frame_that_is_not_whole_is_left_out_and_cut_off_by_the_next_recorder() {
    let folder = Folder::new("cut");
    let path = folder.file("a.rec");
    record(&path, 0..3);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 5]).unwrap();
    let recorded = Recorded::open(&path).unwrap();
    assert_eq!(recorded.len(), 2);
    assert!(recorded.gaps()[0].contains("ends within a frame"));
    let mut recorder = Recorder::open(&path, None).unwrap();
    assert!(recorder.found().unwrap().contains("were cut off"));
    recorder.append(at(2), &probed(2)).unwrap();
    assert_eq!(fs::read(&path).unwrap(), whole);
}

#[test]
fn a_damaged_frame_is_told_and_the_others_stay() {
    let folder = Folder::new("damage");
    let path = folder.file("a.rec");
    record(&path, 0..3);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    let recorded = Recorded::open(&path).unwrap();
    assert_eq!(recorded.len(), 2);
    let told = recorded.gaps();
    assert!(
        told.len() == 1 && told[0].contains("are damaged and left out"),
        "{told:?}"
    );
}

#[test]
fn of_very_many_damaged_places_the_first_are_told_and_the_others_counted() {
    let folder = Folder::new("places");
    let path = folder.file("a.rec");
    record(&path, 0..1);
    let whole = fs::read(&path).unwrap();
    let (header, frame) = whole.split_at(ipcon_observe::recording::HEADER_LEN);
    let damaged = [frame, b"?"].concat();
    fs::write(&path, [header, &damaged.repeat(100)].concat()).unwrap();
    let recorded = Recorded::open(&path).unwrap();
    assert_eq!(recorded.len(), 100);
    let told = recorded.gaps();
    assert_eq!(told.len(), 11, "{told:?}");
    assert!(
        told[10].contains("90 bytes at 90 further places"),
        "{told:?}"
    );
}

#[test]
fn nothing_but_a_recording_of_ones_own_is_written_to() {
    let folder = Folder::new("refusals");
    let text = folder.file("text");
    fs::write(&text, "somebody's work, longer than a header").unwrap();
    assert!(refusal(&text).contains("is not overwritten: it is not a recording"));
    assert_eq!(
        fs::read(&text).unwrap(),
        b"somebody's work, longer than a header"
    );

    let link = folder.file("link");
    symlink(folder.file("nowhere"), &link).unwrap();
    assert!(refusal(&link).contains("is a link"), "{}", refusal(&link));
    assert!(!folder.file("nowhere").exists());

    let pipe = folder.file("pipe");
    rustix::fs::mkfifoat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
    )
    .unwrap();
    assert!(
        refusal(&pipe).contains("no regular file"),
        "{}",
        refusal(&pipe)
    );
    let told = format!("{:#}", Recorded::open(&pipe).unwrap_err());
    assert!(told.contains("no regular file"), "{told}");

    let busy = folder.file("busy");
    let _recorder = Recorder::open(&busy, None).unwrap();
    assert!(
        refusal(&busy).contains("another program is recording"),
        "{}",
        refusal(&busy)
    );
}

#[test]
fn a_frame_from_before_the_last_one_is_refused() {
    let folder = Folder::new("restart");
    let path = folder.file("a.rec");
    record(&path, 3..4);
    let mut recorder = Recorder::open(&path, None).unwrap();
    let told = recorder.append(at(9), &probed(1)).unwrap_err().to_string();
    assert!(told.contains("was started anew"), "{told}");
}

#[test]
fn a_bound_makes_full_files_predecessors_and_holds() {
    let folder = Folder::new("bound");
    let path = folder.file("a.rec");
    let before = folder.file("a.rec.1");
    let bound = 64 << 10;
    let mut recorder = Recorder::open(&path, Some(bound)).unwrap();
    let mut second = 0;
    while recorder.recorded().full < 3 {
        recorder.append(at(second), &probed(second)).unwrap();
        second += 1;
        let size = |path| fs::metadata(path).map_or(0, |data| data.len());
        assert!(size(&path) + size(&before) <= bound);
    }
    let (older, newer) = (
        Recorded::open(&before).unwrap(),
        Recorded::open(&path).unwrap(),
    );
    assert_eq!(newer.at(0), older.at(usize::MAX) + Duration::from_secs(1));
    drop(recorder);

    fs::write(&before, "somebody's work").unwrap();
    let told = format!("{:#}", Recorder::open(&path, Some(bound)).unwrap_err());
    assert!(told.contains("would be replaced"), "{told}");
}

#[test]
fn the_report_of_a_recording_is_that_of_its_moments() {
    let folder = Folder::new("once");
    let path = folder.file("a.rec");
    record(&path, 0..5);
    let last = once::of_recording(&path, None, Objectives::default()).unwrap();
    let live = once::Report::new(&probed(3), probed(4), at(4));
    let print = |report: &once::Report| report.print(ipcon_top::args::Format::Json).unwrap();
    assert_eq!(print(&last), print(&live));
    let first = once::of_recording(
        &path,
        Some(Moment::After(Duration::ZERO)),
        Objectives::default(),
    )
    .unwrap();
    assert_eq!(first.snapshot, probed(0));
    assert!(first.rates.bus().is_empty());
}

/// A bus that is too large for a frame in its second second.
struct Script(u64);

impl SnapshotSource for Script {
    fn collect(&mut self) -> anyhow::Result<Snapshot> {
        self.0 += 1;
        let mut snapshot = probed(self.0);
        if self.0 == 2 {
            snapshot.sources.push(SourceStatus {
                state: SourceState::Off {
                    reason: "x".repeat(UNPACKED_MAX),
                },
                ..SourceStatus::default()
            });
        }
        Ok(snapshot)
    }
}

#[test]
fn a_snapshot_that_is_too_large_is_left_out_and_the_recording_goes_on() {
    let folder = Folder::new("large");
    let path = folder.file("a.rec");
    let line = ["ipcon-top", "record", "-n", "2", "--interval", "250ms"];
    let line = line
        .map(Into::into)
        .into_iter()
        .chain([path.clone().into()]);
    let Some(Command::Record(options)) = Cli::parse_from::<_, std::ffi::OsString>(line).command
    else {
        panic!("another command");
    };
    recording::record(&options, &mut Script(0)).unwrap();
    let recorded = Recorded::open(&path).unwrap();
    assert_eq!(recorded.len(), 2);
    assert_eq!(*recorded.snapshot(1).unwrap(), probed(3));
}

/// What the next event says of a recording.
fn news(events: &Receiver<Event>) -> Recording {
    match events.recv_timeout(Duration::from_secs(60)).unwrap() {
        Event::Recording(recording) => recording,
        other => panic!("{other:?}"),
    }
}

#[test]
fn recordings_of_the_dashboard_are_new_files_with_all_that_was_shown() {
    let folder = Folder::new("background");
    let (sender, events) = mpsc::channel();
    let mut background = Background::new(folder.0.clone(), sender);
    let mut files = Vec::new();
    for round in 0..3 {
        background.start(probed(0).into());
        let Recording::Going { file, bytes } = news(&events) else {
            panic!("it did not begin");
        };
        assert_eq!(bytes, fs::metadata(&file).unwrap().len());
        files.push(PathBuf::from(file));
        background.append(probed(1).into());
        news(&events);
        if round < 2 {
            background.stop();
            let Recording::Over(words) = news(&events) else {
                panic!("it did not end");
            };
            assert!(words.starts_with("recorded 2 frames, "), "{words}");
            assert!(words.ends_with(files[round].to_str().unwrap()), "{words}");
        }
    }
    let told = background.end();
    assert_eq!(told.lines().count(), 3, "{told}");
    files.sort();
    files.dedup();
    assert_eq!(files.len(), 3, "one was written to twice: {files:?}");
    for file in files {
        let recorded = Recorded::open(&file).unwrap();
        assert_eq!(recorded.len(), 2);
        assert_eq!(*recorded.snapshot(1).unwrap(), probed(1));
    }
}

#[test]
fn a_recording_never_goes_to_a_file_that_is_there() {
    let folder = Folder::new("begin");
    let taken = folder.file("ipcon-2001-09-09-054640.rec");
    symlink(folder.file("nowhere"), &taken).unwrap();
    fs::write(folder.file("ipcon-2001-09-09-054640-2.rec"), "work").unwrap();
    let recorder = Recorder::begin(&folder.0, at(0)).unwrap();
    assert_eq!(
        recorder.path(),
        folder.file("ipcon-2001-09-09-054640-3.rec")
    );
    assert!(!folder.file("nowhere").exists());
}

/// Root that has given up its capabilities may write only to what is its own. Others may not write to what they may not.
#[test]
fn where_nothing_may_be_written_it_is_said_what_to_do() {
    let folder = Folder::new("refused");
    let root = rustix::process::geteuid().is_root();
    if root {
        std::os::unix::fs::chown(&folder.0, Some(65_534), None).unwrap();
    } else {
        fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o555)).unwrap();
    }
    let (sender, events) = mpsc::channel();
    let path = folder.0.clone();
    let recorder = thread::spawn(move || {
        ipcon_observe::privilege::drop_all().unwrap();
        let mut background = Background::new(path, sender);
        background.start(Arc::new(probed(0)));
        background.end()
    });
    assert_eq!(recorder.join().unwrap(), "");
    let Recording::Failed(why) = news(&events) else {
        panic!("it may write there");
    };
    assert!(why.starts_with("making "), "{why}");
    assert!(why.contains("Permission denied"), "{why}");
    let hint = if root {
        "--keep-capabilities"
    } else {
        "a folder that you may write to"
    };
    assert!(why.ends_with(hint), "{why}");
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_frame_that_cannot_be_written_ends_the_recording_and_the_rest_is_told() {
    let (sender, events) = mpsc::channel();
    let folder = Folder::new("order");
    let mut background = Background::new(folder.0.clone(), sender);
    background.start(probed(5).into());
    news(&events);
    // One from before the last.
    background.append(probed(3).into());
    let Recording::Failed(why) = news(&events) else {
        panic!("it goes on");
    };
    assert!(why.contains("before that, recorded 1 frame, "), "{why}");
    assert!(background.end().starts_with("recorded 1 frame, "));
}
