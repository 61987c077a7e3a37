//! Signals that a process can accept without a handler: those that one of its threads awaits in `sigtimedwait(2)` and
//! its relatives, and those that one of its signalfds reads.
//!
//! While a thread awaits signals, `SigBlk` of `proc_pid_status(5)` does not show them (R44). The set is in the process's own
//! memory; `/proc/PID/syscall` says where.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use nix::libc;
use nix::unistd::{Pid, SysconfVar, sysconf};

use super::small_file;

/// Signals awaited, if known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Exactly these.
    Signals(u64),
    /// None at that moment, but the thread was running.
    Runs,
    /// Not known: the kernel does not let the caller look.
    No,
}

impl Known {
    /// No signal at all.
    pub const NONE: Self = Self::Signals(0);

    /// Signals known to be awaited.
    pub const fn at_least(self) -> u64 {
        match self {
            Self::Signals(set) => set,
            Self::Runs | Self::No => 0,
        }
    }
}

/// System calls that await signals: `rt_sigtimedwait` of a native program, and the two of a 32-bit one.
const AWAITING: [i64; 3] = [libc::SYS_rt_sigtimedwait, 177, 421];
/// Number of descriptors that are searched for signalfds.
const DESCRIPTORS: usize = 4096;

/// Signals that a thread awaits at this moment.
pub fn by_thread(pid: Pid, thread: i32) -> Known {
    let directory = format!("/proc/{pid}/task/{thread}");
    match call_of(&directory) {
        Some(Call::Awaits { set }) => match read_set(&directory, set) {
            // The set that was read belongs to this call only if the thread is still in it.
            Some(signals) => match call_of(&directory) {
                Some(Call::Awaits { set: now }) if now == set => Known::Signals(signals),
                _ => Known::Runs,
            },
            None => Known::No,
        },
        Some(Call::Other) => Known::NONE,
        Some(Call::Runs) => Known::Runs,
        None => waiting_elsewhere(&directory),
    }
}

/// Signals that the threads of a process are seen to await at this moment, all together.
pub fn by_any_thread(pid: Pid) -> u64 {
    let threads = threads(pid).unwrap_or_default();
    threads
        .into_iter()
        .fold(0, |seen, thread| seen | by_thread(pid, thread).at_least())
}

/// Signals that the signalfds of a process are seen to read: `sigmask` of `proc_pid_fdinfo(5)`.
pub fn by_descriptor(pid: Pid) -> u64 {
    // A first thread that has ended has no descriptors any more; the others have them.
    let owner = threads(pid).ok().and_then(|threads| {
        threads.into_iter().find(|thread| {
            small_file_of(&format!("/proc/{pid}/task/{thread}"), "syscall").is_some()
        })
    });
    let directory = owner.map_or_else(
        || format!("/proc/{pid}"),
        |thread| format!("/proc/{pid}/task/{thread}"),
    );
    let Ok(entries) = std::fs::read_dir(format!("{directory}/fd")) else {
        return 0;
    };
    let mut signals = 0;
    for entry in entries.flatten().take(DESCRIPTORS) {
        if !std::fs::read_link(entry.path())
            .is_ok_and(|target| target == Path::new("anon_inode:[signalfd]"))
        {
            continue;
        }
        let name = entry.file_name();
        let information = small_file_of(&directory, &format!("fdinfo/{}", name.to_string_lossy()));
        let mask = information.and_then(|text| {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix("sigmask:"))?;
            u64::from_str_radix(line.trim(), 16).ok()
        });
        // A signalfd closed meanwhile reads nothing.
        signals |= mask.unwrap_or_default();
    }
    signals
}

/// State of a thread in the kernel.
enum Call {
    Awaits { set: u64 },
    Other,
    Runs,
}

/// State of a thread; `None` where the kernel does not say: tracing is refused, or it is built without this.
fn call_of(directory: &str) -> Option<Call> {
    let text = small_file_of(directory, "syscall")?;
    let mut words = text.split_whitespace();
    let number: i64 = match words.next()? {
        "running" => return Some(Call::Runs),
        word => word.parse().ok()?,
    };
    let first = words
        .next()
        .and_then(|word| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok());
    Some(match first {
        Some(set) if AWAITING.contains(&number) => Call::Awaits { set },
        _ => Call::Other,
    })
}

/// Looks up the place in the kernel at which the thread sleeps; Yama lets callers see it that may not trace.
fn waiting_elsewhere(directory: &str) -> Known {
    match small_file_of(directory, "wchan").as_deref().map(str::trim) {
        None | Some("" | "0") => Known::No,
        Some(place) if place.contains("sigtimedwait") => Known::No,
        Some(_) => Known::NONE,
    }
}

/// Reads a set from the memory of a process.
///
/// By way of the waiting thread: a first thread that has ended has no memory any more. Only from a private page that is
/// in memory: to fetch any other, the kernel may have to wait for a file system or a page-fault handler, and that may
/// be a program of the tree.
fn read_set(thread: &str, address: u64) -> Option<u64> {
    if !is_private_and_present(thread, address)? {
        return None;
    }
    let memory = File::open(format!("{thread}/mem")).ok()?;
    word_at(&memory, address)
}

/// True for a private page in memory: bits 63 and 61 of `proc_pid_pagemap(5)`.
fn is_private_and_present(thread: &str, address: u64) -> Option<bool> {
    const PRESENT: u64 = 1 << 63;
    const OF_FILE: u64 = 1 << 61;
    let page = u64::try_from(sysconf(SysconfVar::PAGE_SIZE).ok()??).ok()?;
    let map = File::open(format!("{thread}/pagemap")).ok()?;
    let mut entries = [address, address + 7]
        .into_iter()
        .map(|address| word_at(&map, address / page * 8));
    entries.try_fold(true, |so_far, entry| {
        Some(so_far && entry? & (PRESENT | OF_FILE) == PRESENT)
    })
}

fn word_at(file: &File, offset: u64) -> Option<u64> {
    let mut word = [0; 8];
    file.read_exact_at(&mut word, offset).ok()?;
    Some(u64::from_ne_bytes(word))
}

fn threads(pid: Pid) -> io::Result<Vec<i32>> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/task"))?;
    Ok(entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect())
}

fn small_file_of(directory: &str, name: &str) -> Option<String> {
    let mut buffer = [0; 4096];
    small_file::read(&format!("{directory}/{name}"), &mut buffer)
        .map(str::to_owned)
        .ok()
}
