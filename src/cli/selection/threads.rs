//! Numbers of threads: `vm/ci#12`, as shown by perf or strace -f.
//!
//! A signal to a thread by its number goes to the whole process (kill(2), R70), so that an address
//! with the number of a thread means the process that it belongs to.

use nix::errno::Errno;
use nix::unistd::Pid;

use super::is_over;
use crate::cli::standard_error;
use nestns_client::documents::ProcessDocument;
use nestns_client::protocol::message::Snapshot;
use nestns_observe::namespaces::Member;
use nestns_observe::thread::{self, Thread};
use nestns_observe::{process, translation};
use nestns_topology::Address;

/// The path of the process that has a thread with this number in a namespace, by its path; the host has none.
pub(super) fn owner<'a>(snapshot: &'a Snapshot, space: &str, number: i32) -> Option<&'a str> {
    let thread = find(snapshot, space, number)?;
    let owner = alive(snapshot).find(|process| pid_of(process) == Some(thread.pid()))?;
    is_still(owner).then_some(&*owner.path)
}

/// The thread that an address means, where that is one's number.
pub(in crate::cli) fn named(snapshot: &Snapshot, address: &Address) -> Option<Thread> {
    let number = address.number()?;
    if address.is_host() {
        return find(snapshot, "", number);
    }
    let mut spaces = snapshot
        .namespaces
        .iter()
        .filter(|namespace| address.matches_instances(&namespace.path));
    spaces.find_map(|namespace| find(snapshot, &namespace.path, number))
}

/// Says of addresses that are numbers of threads what is shown in their place.
pub(in crate::cli) fn note(snapshot: &Snapshot, addresses: &[Address]) {
    for address in addresses {
        if let Some(thread) = named(snapshot, address) {
            let owner = alive(snapshot).find(|process| pid_of(process) == Some(thread.pid()));
            let owner = owner.map_or_else(
                || format!("PID {}", thread.pid()),
                |owner| format!("`{}`", owner.path),
            );
            standard_error::write(&format!(
                "note: `{address}` is a thread ({}); its process {owner} is shown\n",
                thread.name
            ));
        }
    }
}

fn find(snapshot: &Snapshot, space: &str, number: i32) -> Option<Thread> {
    if space.is_empty() {
        return thread::read(Pid::from_raw(number)).ok()?;
    }
    let init = alive(snapshot).find(|process| process.ns == space && process.enter == "init")?;
    let pid = Pid::from_raw(pid_of(init)?);
    let descriptor = Member::open(pid)
        .and_then(|member| member.descriptor_of_pid_namespace())
        .ok()?;
    // Opened before it was looked at: it is that of a process that is still there.
    if !is_still(init) {
        return None;
    }
    match translation::bearer(&descriptor, number) {
        Ok(found) => thread::read(found?).ok()?,
        Err(Errno::ENOTTY | Errno::EINVAL) => {
            // A kernel that cannot be asked: the threads of the processes inside.
            let level = init.pids.len() - 1;
            let inside = alive(snapshot)
                .filter(|one| one.pids.len() > level)
                .filter_map(pid_of);
            let mut threads = inside
                .filter_map(|pid| thread::of_process(Pid::from_raw(pid)).ok())
                .flatten();
            let in_space = translation::chain(pid).ok()?.numbers.get(level)?.inode;
            threads.find(|thread| {
                let chain = translation::chain(Pid::from_raw(thread.tid())).ok();
                chain.is_some_and(|chain| {
                    chain
                        .numbers
                        .get(level)
                        .is_some_and(|one| one.number == number && one.inode == in_space)
                })
            })
        }
        Err(_) => None,
    }
}

fn alive(snapshot: &Snapshot) -> impl Iterator<Item = &ProcessDocument> {
    snapshot
        .processes
        .iter()
        .filter(|process| !is_over(process))
}

fn pid_of(process: &ProcessDocument) -> Option<i32> {
    process.pids.first().copied().flatten()
}

fn is_still(process: &ProcessDocument) -> bool {
    let now = pid_of(process).and_then(|pid| process::start_time(Pid::from_raw(pid)).ok());
    now.is_some() && now == process.start_time
}
