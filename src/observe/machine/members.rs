//! Who is in which namespace: one walk through /proc.
//!
//! A process's namespace is the text of a link, `pid:[4026531836]`, which costs half of what opening it does; only one of
//! each is opened. What another user's processes are in may not be seen (`EACCES`), but their `NSpid` may: with one number
//! alone they are in the reader's own namespace.

use std::fs::File;
use std::io;

use nix::errno::Errno;

use super::pins::{Access, Pins};
use super::{Evidence, Inhabitant, Search, SpaceId, Spaces, is_own_proc, linked};
use crate::observe::small_file;

/// What the walk has found.
#[derive(Debug, Default)]
pub(super) struct Members {
    pub(super) processes: Vec<Inhabitant>,
    pub(super) unreadable: usize,
    pub(super) closed: usize,
}

pub(super) fn read(spaces: &mut Spaces, search: Search) -> io::Result<Members> {
    if !is_own_proc() {
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "/proc belongs to another PID namespace than this process is in, so that its numbers are not ours",
        ));
    }
    let mut pids: Vec<i32> =
        std::fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    if search == Search::Members {
        return walk(spaces, &pids);
    }
    // What else keeps namespaces alive costs as much as who is in them, and is looked for at the same time.
    let (members, kept) = std::thread::scope(|scope| {
        let kept = scope.spawn(|| keepers(&pids));
        (walk(spaces, &pids), kept.join())
    });
    let mut members = members?;
    if let Ok((kept, closed)) = kept {
        members.closed = closed;
        kept.open(spaces);
    }
    Ok(members)
}

/// What the processes have mounted and open, and how many did not let themselves be looked at.
fn keepers(pids: &[i32]) -> (Pins, usize) {
    let mut found = Pins::default();
    let closed = pids.iter().filter(|&&pid| found.collect(pid) == Access::Denied).count();
    (found, closed)
}

fn walk(spaces: &mut Spaces, pids: &[i32]) -> io::Result<Members> {
    let mut members = Members { processes: Vec::with_capacity(pids.len()), ..Members::default() };
    for &pid in pids {
        let Some(mut process) = look(pid) else { continue };
        match space(spaces, &process) {
            Ok(space) => process.space = space,
            // Gone since.
            Err(error) if is_gone(&error) => continue,
            Err(error) => return Err(error),
        }
        members.unreadable += usize::from(process.space.is_none());
        members.processes.push(process);
    }
    Ok(members)
}

/// A process, unless it is gone.
fn look(pid: i32) -> Option<Inhabitant> {
    let mut buffer = [0; 4096];
    let status = small_file::read(&format!("/proc/{pid}/status"), &mut buffer).ok()?;
    let mut process =
        Inhabitant { numbers: Vec::new(), parent: 0, state: '?', name: String::new(), user: 0, space: None };
    for line in status.lines() {
        let Some((key, value)) = line.split_once(":\t") else { continue };
        match key {
            "Name" => value.clone_into(&mut process.name),
            "State" => process.state = value.chars().next()?,
            "PPid" => process.parent = value.parse().ok()?,
            // Real, effective, saved, and that for files.
            "Uid" => process.user = value.split('\t').nth(1)?.parse().ok()?,
            "NSpid" => {
                process.numbers = value.split('\t').map(str::parse).collect::<Result<_, _>>().ok()?;
                break;
            }
            _ => {}
        }
    }
    (process.numbers.first() == Some(&pid)).then_some(process)
}

fn space(spaces: &mut Spaces, process: &Inhabitant) -> io::Result<Option<SpaceId>> {
    let path = format!("/proc/{}/ns/pid", process.pid());
    // A number may pass to another process between two looks; the second time it is that one's.
    for _ in 0..3 {
        let inode = match linked(&path, "pid") {
            Ok(inode) => inode,
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return Ok((process.numbers.len() == 1).then_some(SpaceId(0)));
            }
            Err(error) => return Err(error),
        };
        if let Some(known) = spaces.get(inode) {
            return Ok(Some(known));
        }
        let id = spaces.add(File::open(&path)?.into(), Evidence::Member)?;
        if spaces.spaces[id.0].inode == inode {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

pub(super) fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(Errno::ESRCH as i32)
}
