//! Events written by the controller, as a client reads them.

use std::time::SystemTime;

use nestns_client::journal::event::Event;
use nestns_client::journal::event_reader::EventReader;
use nestns_client::state_directory::Directory;

use super::event_log::EventLog;

fn record(log: &mut EventLog, count: u64, length: usize) {
    for _ in 0..count {
        log.record(
            SystemTime::now().into(),
            &Event::Ready {
                path: &"x".repeat(length),
            },
        );
    }
    log.flush();
}

fn numbers(reader: &mut EventReader) -> (Vec<u64>, u64) {
    let (mut all, mut lost) = (Vec::new(), 0);
    while let Some(line) = reader.read().unwrap() {
        assert!(
            line.text.starts_with("{\"ts\":\"2") && line.text.ends_with('}'),
            "{}",
            line.text
        );
        all.push(line.seq);
        lost += line.lost;
    }
    (all, lost)
}

#[test]
fn a_reader_goes_on_where_it_was_and_begins_where_it_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = EventLog::open(&Directory::open(directory.path()).unwrap());
    let mut reader = EventReader::from(directory.path(), 0);
    assert_eq!(numbers(&mut reader), (vec![], 0));
    record(&mut log, 3, 1);
    assert_eq!(numbers(&mut reader), (vec![0, 1, 2], 0));
    assert_eq!(numbers(&mut reader), (vec![], 0));
    let mut later = EventReader::from(directory.path(), log.next());
    record(&mut log, 2, 1);
    assert_eq!(numbers(&mut reader), (vec![3, 4], 0));
    assert_eq!(numbers(&mut later), (vec![3, 4], 0));
    std::fs::remove_file(directory.path().join("events.jsonl")).unwrap();
    assert_eq!(numbers(&mut reader), (vec![], 0));
}

#[test]
fn rotation_loses_nothing_for_who_reads_and_is_told_to_who_does_not() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = EventLog::open(&Directory::open(directory.path()).unwrap());
    let mut reader = EventReader::from(directory.path(), 0);
    let mut slow = EventReader::from(directory.path(), 0);
    let mut all = Vec::new();
    record(&mut log, 1, 1);
    assert_eq!(slow.read().unwrap().unwrap().seq, 0);
    for _ in 0..30 {
        record(&mut log, 100, 10_000);
        let (numbers, lost) = numbers(&mut reader);
        assert_eq!(lost, 0);
        all.extend(numbers);
    }
    assert_eq!(all, (0..3001).collect::<Vec<_>>());
    let rotated = directory
        .path()
        .join("events.jsonl.1")
        .metadata()
        .unwrap()
        .len();
    assert!(rotated > 7 << 20 && rotated <= 8 << 20, "{rotated}");
    // The slow one still has the first file open, and misses what came between it and the last two.
    let (numbers, lost) = numbers(&mut slow);
    assert_eq!(numbers.last(), Some(&3000));
    assert_eq!(lost, 3000 - numbers.len() as u64);
    assert!(lost > 0);
    let mut late = EventReader::from(directory.path(), 2990);
    let mut early = EventReader::from(directory.path(), 0);
    assert!(early.read().unwrap().is_some());
    let mut unread = EventReader::from(directory.path(), 0);
    for reader in [&mut late, &mut early, &mut unread] {
        reader.pin().unwrap();
    }
    drop(directory);
    assert_eq!(self::numbers(&mut late), ((2990..=3000).collect(), 0));
    for reader in [&mut early, &mut unread] {
        let (numbers, _) = self::numbers(reader);
        assert_eq!(numbers.last(), Some(&3000));
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1) && numbers.len() > 900);
    }
}
