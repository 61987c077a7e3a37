//! Members of all namespaces: one walk through /proc.
//!
//! A process's namespace is the text of a link, `pid:[4026531836]`, which costs half of opening it; only one of each is
//! opened, that of a PID 1 without reading the text. The namespace of another user's process may not be seen
//! (`EACCES`), but its `NSpid` may: with one number alone it is in the reader's own namespace.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use nix::fcntl::{OFlag, open, openat};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::Mode;

use super::pins::Hunt;
use super::{Evidence, PidNamespaceId, PidNamespaces, ProcessInfo, Search, is_own_proc};
use crate::namespace_link::linked;
use crate::small_file::{self, of_file};
use nestns_sys::directory;
use nestns_sys::errno::is_gone;
use nestns_sys::proc_status::{self, Fields};

/// Result of the walk.
#[derive(Debug, Default)]
pub(super) struct Members {
    pub(super) processes: Vec<ProcessInfo>,
    pub(super) unreadable: usize,
    pub(super) closed: usize,
}

pub(super) fn read(spaces: &mut PidNamespaces, search: Search) -> io::Result<Members> {
    if !is_own_proc() {
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "/proc belongs to another PID namespace than this process, so its PIDs are meaningless here",
        ));
    }
    let mut pids = directory::numbers(File::open("/proc")?)?;
    pids.sort_unstable();
    if search == Search::Members {
        return walk(spaces, &pids);
    }
    // The other reasons why namespaces are alive cost more to find than members: a thread that is done with these helps
    // with that.
    let hunt = Hunt::new(&pids);
    let (members, kept) = std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            // Two threads with one table of descriptors wait for each other whenever they open and close. If the call
            // is refused, they do.
            let _ = unshare(CloneFlags::CLONE_FILES);
            hunt.join()
        });
        let members = walk(spaces, &pids)?;
        let kept = hunt.join();
        let others = other
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok::<_, io::Error>((members, kept.and(others)))
    })?;
    let closed = kept.closed;
    kept.open(spaces);
    Ok(Members { closed, ..members })
}

fn walk(spaces: &mut PidNamespaces, pids: &[i32]) -> io::Result<Members> {
    let mut members = Members {
        processes: Vec::with_capacity(pids.len()),
        ..Members::default()
    };
    for &pid in pids {
        let Some((directory, mut process)) = look(pid)? else {
            continue;
        };
        match space(spaces, &directory, &process) {
            Ok(space) => process.space = space,
            // The process has ended meanwhile.
            Err(error) if is_gone(&error) => continue,
            Err(error) => return Err(of_file(&error, &format!("/proc/{pid}/ns/pid"))),
        }
        members.unreadable += usize::from(process.space.is_none());
        members.processes.push(process);
    }
    Ok(members)
}

/// A process, unless it is gone or hidden, and its directory: a number may pass to another process between two looks,
/// but everything read in one directory is about one process.
pub(crate) fn look(pid: i32) -> io::Result<Option<(OwnedFd, ProcessInfo)>> {
    let mut buffer = [0; 4096];
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let read = open(format!("/proc/{pid}").as_str(), flags, Mode::empty())
        .map_err(io::Error::from)
        .and_then(|directory| {
            Ok((
                small_file::read_in(&directory, "status", &mut buffer)?,
                directory,
            ))
        });
    match read {
        Ok((status, directory)) => {
            Ok(process_info(pid, &Fields::of(status)).map(|process| (directory, process)))
        }
        Err(error) if is_gone(&error) || error.kind() == io::ErrorKind::PermissionDenied => {
            Ok(None)
        }
        // There may be too few descriptors: a process left out then would be reported as being nowhere.
        Err(error) => Err(of_file(&error, &format!("/proc/{pid}/status"))),
    }
}

/// Reads a process from its status.
fn process_info(pid: i32, status: &Fields<'_>) -> Option<ProcessInfo> {
    let mut process = ProcessInfo {
        numbers: Vec::new(),
        parent: 0,
        state: '?',
        name: String::new(),
        user: 0,
        space: None,
        leader: None,
    };
    // One walk, which ends at the last of what is wanted: this is done for ten thousand processes.
    for (key, value) in status.iter() {
        match key {
            "Name" => value.clone_into(&mut process.name),
            "State" => process.state = value.chars().next()?,
            "PPid" => process.parent = value.parse().ok()?,
            // Real, effective, saved, and that for files.
            "Uid" => process.user = value.split('\t').nth(1)?.parse().ok()?,
            "NSpid" => {
                process.numbers = proc_status::chain(value)?;
                break;
            }
            _ => {}
        }
    }
    (process.numbers.first() == Some(&pid)).then_some(process)
}

fn space(
    spaces: &mut PidNamespaces,
    directory: &OwnedFd,
    process: &ProcessInfo,
) -> io::Result<Option<PidNamespaceId>> {
    match seen_space(spaces, directory, process) {
        Ok(space) => Ok(Some(space)),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Ok((process.numbers.len() == 1).then_some(PidNamespaceId(0)))
        }
        Err(error) => Err(error),
    }
}

fn seen_space(
    spaces: &mut PidNamespaces,
    directory: &OwnedFd,
    process: &ProcessInfo,
) -> io::Result<PidNamespaceId> {
    const LINK: &str = "ns/pid";
    // The namespace of a PID 1 is new: it has been created before all others there.
    if process.own() != 1
        && let Some(known) = spaces.get(linked(directory, LINK, "pid")?)
    {
        return Ok(known);
    }
    let descriptor = openat(
        directory,
        LINK,
        OFlag::O_RDONLY | OFlag::O_CLOEXEC,
        Mode::empty(),
    )?;
    // A process with two numbers is one level below the reader: no namespace has to be asked for its parent.
    let parent = (process.numbers.len() == 2).then_some(PidNamespaceId(0));
    spaces.add(descriptor, Evidence::Member, parent)
}
