//! Any bytes as the files of a state directory that readers follow, logs and events: they are read to their end, and what is
//! shown of them has no power over a terminal.

#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use nestns_client::journal::event_reader::EventReader;
use nestns_client::journal::log_reader::{LogReader, last_lines};
use nestns_client::journal::{EVENTS, LOGS, LogName};
use nestns_fuzz::shown;

/// A directory of this process.
fn directory() -> &'static PathBuf {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        let directory = std::env::temp_dir().join(format!("nestns-fuzz-{}", std::process::id()));
        fs::create_dir_all(directory.join(LOGS)).expect("the temporary directory is writable");
        directory
    })
}

fuzz_target!(|bytes: &[u8]| {
    let directory = directory();
    let name = LogName::parse("0.1.log").expect("it is the name of a log");
    fs::write(directory.join(LOGS).join("0.1.log"), bytes).expect("it is our own");
    let mut reader = LogReader::from_start(directory, name);
    let mut read = 0;
    loop {
        let batch = reader.read().expect("it is a file");
        if batch.records.is_empty() {
            break;
        }
        for record in &batch.records {
            read += record.text.len();
            let shown = shown::line(&record.text);
            assert!(
                shown.iter().all(|&byte| byte >= b' ' || byte == b'\t'),
                "{shown:?}"
            );
        }
    }
    assert!(read <= bytes.len(), "more was read than there is");
    assert!(last_lines(directory, name, 10).expect("it is a file").len() <= 10);

    fs::write(directory.join(EVENTS), bytes).expect("it is our own");
    let mut events = EventReader::from(directory, 0);
    // No line is read twice.
    for _ in 0..=bytes.len() {
        if !matches!(events.read(), Ok(Some(_))) {
            break;
        }
    }
});
