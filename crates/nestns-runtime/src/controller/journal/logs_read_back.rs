//! Logs written by the controller, as a client reads them.

use std::time::SystemTime;

use nestns_client::journal::log_reader::LogReader;
use nestns_client::journal::record::Wholeness;
use nestns_client::journal::{LogName, Stream};
use nestns_client::state_directory::Directory;

use super::log_store::LogStore;

const NAME: LogName = LogName::Process {
    namespace: 0,
    slot: 1,
};

fn append(store: &mut LogStore, text: &[u8]) {
    store.append(NAME, Stream::Stdout, text, SystemTime::now().into());
}

/// The bytes that were read, and how often something was missing.
fn drain(reader: &mut LogReader) -> (Vec<u8>, u32) {
    let (mut text, mut torn) = (Vec::new(), 0);
    loop {
        let batch = reader.read().unwrap();
        torn += u32::from(batch.is_torn);
        if batch.records.is_empty() {
            return (text, torn);
        }
        for record in batch
            .records
            .into_iter()
            .filter(|record| record.gap.is_none())
        {
            text.extend(record.text);
            if record.wholeness == Wholeness::Full {
                text.push(b'\n');
            }
        }
    }
}

#[test]
fn a_reader_follows_through_rotation_byte_by_byte() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = LogStore::open(&Directory::open(directory.path()).unwrap(), 128 << 10, 1);
    let mut reader = LogReader::from_start(directory.path(), NAME);
    assert_eq!(drain(&mut reader), (vec![], 0));
    let (mut written, mut read) = (Vec::new(), Vec::new());
    for round in 0..200_u32 {
        // Up to 40,000 bytes of every value, with and without a line feed.
        let length = round * 7919 % 40_000 + 1;
        let text: Vec<u8> = (0..length)
            .map(|at| (at * 31 + round).to_le_bytes()[0])
            .collect();
        append(&mut store, &text);
        written.extend(text);
        let (more, torn) = drain(&mut reader);
        assert_eq!(torn, 0, "{round}");
        read.extend(more);
    }
    assert_eq!(written.len(), read.len());
    assert!(written == read);
    let (kept, torn) = drain(&mut LogReader::from_start(directory.path(), NAME));
    assert_eq!(torn, 0);
    assert!(
        written.ends_with(&kept) && kept.len() > 32 << 10,
        "{}",
        kept.len()
    );
}

#[test]
fn who_is_too_slow_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = LogStore::open(&Directory::open(directory.path()).unwrap(), 64 << 10, 1);
    let mut reader = LogReader::from_start(directory.path(), NAME);
    append(&mut store, b"first\n");
    assert_eq!(drain(&mut reader), (b"first\n".to_vec(), 0));
    for _ in 0..20 {
        append(&mut store, &[b'x'; 10_000]);
    }
    append(&mut store, b"last\n");
    let (text, torn) = drain(&mut reader);
    assert_eq!(torn, 1);
    assert!(text.ends_with(b"xlast\n"));
    assert_eq!(drain(&mut reader), (vec![], 0));
}

#[test]
fn what_is_pinned_is_read_after_its_removal() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = LogStore::open(&Directory::open(directory.path()).unwrap(), 64 << 10, 1);
    append(&mut store, &b"a".repeat(30_000));
    append(&mut store, &b"b".repeat(30_000));
    let mut whole = LogReader::from_start(directory.path(), NAME);
    let mut none = LogReader::from_now(directory.path(), NAME).unwrap();
    append(&mut store, b"end");
    let mut end = LogReader::from_now(directory.path(), NAME).unwrap();
    for reader in [&mut whole, &mut none, &mut end] {
        reader.pin().unwrap();
    }
    drop(directory);
    let (text, torn) = drain(&mut whole);
    assert!(
        text.ends_with(b"bend") && text.len() > 30_000 && torn == 0,
        "{}",
        text.len()
    );
    assert_eq!(drain(&mut none), (b"end".to_vec(), 0));
    assert_eq!(drain(&mut end), (vec![], 0));
}
