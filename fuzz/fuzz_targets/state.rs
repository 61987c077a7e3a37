//! Any bytes as the files of a state directory that a controller has left: the truth, the list of cgroups, names of logs.

#![no_main]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use nestns_client::journal::LogName;
use nestns_client::state_directory::{LOCK, TRUTH};
use nestns_fuzz::terminal::show;
use nestns_observe::{boot, namespaces};
use nestns_runtime::controller::freezer::recorded;
use nestns_runtime::controller::state_directory::{Seized, seize};

/// A directory of this process.
fn directory() -> &'static PathBuf {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        let base = std::env::temp_dir().join(format!("nestns-fuzz-{}", std::process::id()));
        let directory = base.join("left");
        fs::create_dir_all(&directory).expect("the temporary directory is writable");
        for directory in [&base, &directory] {
            fs::set_permissions(directory, fs::Permissions::from_mode(0o700))
                .expect("it is our own");
        }
        fs::write(directory.join(LOCK), "").expect("it is our own");
        directory
    })
}

fuzz_target!(|bytes: &[u8]| {
    let directory = directory();
    // What is from another boot, or from another PID namespace, is not looked into any further.
    let text = String::from_utf8_lossy(bytes);
    let truth = text
        .replace("@boot", &boot::id())
        .replace("@pidns", &namespaces::own().unwrap_or_default().to_string());
    let truth = if truth == text {
        bytes
    } else {
        truth.as_bytes()
    };
    fs::write(directory.join(TRUTH), truth).expect("it is our own");
    // Nothing is removed, and nobody is killed: that is for whoever has looked.
    match seize(directory) {
        Ok(Seized::LeftOver(left_over)) => {
            show(left_over.fate().words());
            left_over.alive().into_iter().for_each(show);
        }
        Ok(Seized::Vanished | Seized::Held | Seized::Record(_)) => {
            panic!("it is there, has no end, and is held by no other")
        }
        Err(error) => {
            show(&error.to_string());
            show(&error.help());
        }
    }

    let groups: Vec<_> = recorded(bytes).collect();
    for (_, group) in &groups {
        assert!(
            group.is_absolute()
                && group
                    .file_name()
                    .is_some_and(|name| name.as_encoded_bytes().starts_with(b"nestns-"))
        );
    }
    let list: String = groups
        .iter()
        .filter_map(|(inode, group)| {
            Some(format!(
                "{} {}\n",
                inode.map_or_else(|| "?".to_owned(), |inode| inode.to_string()),
                group.to_str()?
            ))
        })
        .collect();
    if list.lines().count() == groups.len() {
        assert_eq!(
            recorded(list.as_bytes()).collect::<Vec<_>>(),
            groups,
            "what was written can be read"
        );
    }

    for name in text.split('\n') {
        if let Some(log) = LogName::parse(name) {
            assert_eq!(LogName::parse(&log.to_string()), Some(log));
        }
    }
});
