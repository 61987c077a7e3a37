//! Processes that have a file open, by device and inode, even one that has been deleted.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use nix::unistd::{Pid, geteuid};

use super::process;
use nestns_sys::directory;
use nestns_sys::pidfd::Pidfd;

/// A process that has a file open.
#[derive(Debug)]
pub struct Holder {
    /// PID.
    pub pid: Pid,
    /// Pidfd, opened before the process was looked at: a signal through it reaches this process or none.
    pub process: Pidfd,
    /// Name, as in `comm`.
    pub name: String,
    /// Path of the file as the kernel shows it, with ` (deleted)` behind that of a deleted one.
    pub file: PathBuf,
}

/// Processes of the caller that have a wanted file open, by its path as the kernel shows it.
///
/// # Errors
///
/// If /proc cannot be listed. A process that cannot be looked into counts as one with no files.
pub fn holders(is_wanted: impl Fn(&str) -> bool) -> io::Result<Vec<Holder>> {
    let mut found = Vec::new();
    let all = directory::numbers(std::fs::File::open("/proc")?)?;
    for pid in all.into_iter().map(Pid::from_raw) {
        let is_own = std::fs::metadata(format!("/proc/{pid}"))
            .is_ok_and(|found| found.uid() == geteuid().as_raw());
        if is_own && let Some(holder) = look(pid, &is_wanted) {
            found.push(holder);
        }
    }
    Ok(found)
}

fn look(pid: Pid, is_wanted: &impl Fn(&str) -> bool) -> Option<Holder> {
    let process = Pidfd::open(pid).ok()?;
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm"))
        .ok()?
        .trim_end()
        .to_owned();
    // No other program has a lock of nestns, and there are many others.
    if !name.starts_with("nestns") {
        return None;
    }
    let descriptors = std::fs::File::open(format!("/proc/{pid}/fd")).ok()?;
    let mut buffer = [0; 4096];
    let is_file = |number: &i32| {
        let link = directory::link(&descriptors, *number, &mut buffer).ok()?;
        let link = std::str::from_utf8(link)
            .ok()
            .filter(|link| is_wanted(link))?;
        Some(PathBuf::from(link))
    };
    let file = directory::numbers(&descriptors)
        .ok()?
        .iter()
        .find_map(is_file)?;
    // The process was looked at by its number: the pidfd tells whether that is still the same process.
    let is_same = !process.has_ended() && process::start_time(pid).is_ok();
    is_same.then_some(Holder {
        pid,
        process,
        name,
        file,
    })
}
