//! Any bytes as files of /proc, and as the parts of them that programs choose: names, words, paths of mounts and of cgroups.

#![no_main]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use nestns_fuzz::terminal::show;
use nestns_observe::cgroup::Tree;
use nestns_observe::mountinfo::{Mount, mounts};
use nestns_observe::portrait::names;
use nestns_observe::process::words;
use nestns_observe::stat::Stat;
use nestns_observe::status::{Status, signals};
use nestns_observe::thread::Thread;

/// A `status` behind the name.
const STATUS: &[u8] = b"\nState:\tS (sleeping)\nTgid:\t7\nPid:\t8\nPPid:\t1\nTracerPid:\t0\nUid:\t0\t1\t2\t3\nGid:\t0\t0\t0\t0\n\
    Groups:\t4 5 \nNStgid:\t7\t2\nNSpid:\t8\t3\nThreads:\t1\nSigPnd:\t0\nShdPnd:\t1\nSigBlk:\t0\nSigIgn:\t0\nSigCgt:\t3\nCapEff:\t0\n";

fuzz_target!(|bytes: &[u8]| {
    anything(bytes);
    name(bytes);
    path(bytes);

    let words = words(bytes);
    assert!(words.len() <= bytes.len());
    assert!(
        words.iter().map(String::len).sum::<usize>() <= 3 * bytes.len(),
        "a byte that is no text is three"
    );
    words.iter().for_each(|word| show(word));
    let names = names(bytes);
    assert!(
        names.is_sorted()
            && names.len() <= words.len()
            && !names
                .iter()
                .any(|name| name.is_empty() || name.contains('='))
    );
});

/// Whole files.
fn anything(bytes: &[u8]) {
    if let Some(status) = Status::of(bytes) {
        assert!(status.numbers.len() <= bytes.len() && status.groups.len() <= bytes.len());
        assert_eq!(
            signals(status.caught).len(),
            status.caught.count_ones() as usize
        );
        show(&status.name);
        show(&status.state);
    }
    if let Some(thread) = Thread::of(bytes) {
        let _ = (thread.tid(), thread.pid());
        show(&thread.name);
    }
    if let Some(stat) = Stat::of(bytes) {
        for number in 0..60 {
            assert_eq!(
                stat.number::<u64>(number),
                stat.text(number).and_then(|text| text.parse().ok())
            );
        }
        let _ = stat.state();
    }
    for mount in mounts(bytes) {
        assert!(mount.point().as_os_str().len() <= bytes.len());
        show(&mount.point().display().to_string());
        let _ = (mount.root(), mount.options().count());
    }
}

/// A name changes no other field, whatever it is.
fn name(bytes: &[u8]) {
    let stat = [b"8 (", bytes, b") S 1 8 8 0 -1 4194304 0\n"].concat();
    let stat = Stat::of(&stat).expect("it has fields");
    assert_eq!(
        (stat.state(), stat.number(4), stat.number(9)),
        (Some('S'), Some(1), Some(4_194_304))
    );

    // As the kernel writes it: line feeds and backslashes are escaped.
    let escaped: Vec<u8> = bytes
        .iter()
        .flat_map(|&byte| match byte {
            b'\n' => vec![b'\\', b'n'],
            b'\\' => vec![b'\\', b'\\'],
            byte => vec![byte],
        })
        .collect();
    let text = [b"Name:\t", escaped.as_slice(), STATUS].concat();
    let status = Status::of(&text).expect("it is whole");
    assert_eq!(status.name, String::from_utf8_lossy(&escaped));
    assert_eq!(
        (status.numbers, status.parent, status.uids, status.pending),
        (vec![8, 3], 1, vec![0, 1, 2, 3], 1)
    );
    let thread = Thread::of(&text).expect("it is whole");
    assert_eq!(
        (thread.numbers, thread.process, thread.state),
        (vec![8, 3], vec![7, 2], 'S')
    );
}

/// Paths are read as they are.
fn path(bytes: &[u8]) {
    let escaped: Vec<u8> = bytes
        .iter()
        .flat_map(|&byte| match byte {
            b' ' | b'\t' | b'\n' | b'\\' => format!("\\{byte:03o}").into_bytes(),
            byte => vec![byte],
        })
        .collect();
    let line = [
        b"36 35 0:38 /",
        escaped.as_slice(),
        b" /",
        &escaped,
        b" rw shared:1 - cgroup2 none rw,nsdelegate",
    ]
    .concat();
    let meant = [b"/", bytes].concat();
    let meant = Path::new(OsStr::from_bytes(&meant));
    let mount = Mount::of(&line).expect("it is whole");
    assert_eq!(
        (mount.root().as_path(), mount.point().as_path(), mount.kind),
        (meant, meant, &b"cgroup2"[..])
    );
    assert_eq!(
        mount.options().collect::<Vec<_>>(),
        [&b"rw"[..], b"nsdelegate"]
    );

    let tree = Tree {
        mount: "/cg".into(),
        root: "/".into(),
    };
    let group = tree.group_in(&[b"1:name=systemd:/x\n0::/", bytes, b"\n"].concat());
    assert!(group.is_none_or(|group| group.starts_with("/cg")));
    let _ = tree.group_in(bytes);
}
