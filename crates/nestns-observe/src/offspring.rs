//! Everything that comes from a process: what it has started, what that has, and what of it has lost
//! its parent.
//!
//! The kernel keeps no list of it, so that it is what /proc shows in one moment. A process that forks
//! during the look may have a child that is not found.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;

use nix::unistd::Pid;

use super::stat::{self, Stat};
use nestns_sys::pidfd::Pidfd;

/// Extent of what comes from a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The members of its session and its descendants, with the orphans of its namespace and their
    /// descendants.
    Offspring {
        /// The PID 1 that inherits orphans, where all its other children are known.
        heir: Option<Pid>,
    },
    /// The PID namespace of which it is PID 1.
    Namespace,
}

/// One process, as far as it matters here.
#[derive(Debug, Clone, Copy)]
struct Relation {
    parent: Pid,
    session: Pid,
    start_time: u64,
}

/// A descriptor of everything that comes from a process, but for itself, for the `known`, and for what
/// descends from these alone.
///
/// # Errors
///
/// An unreadable /proc.
pub fn find(process: Pid, extent: Extent, known: &BTreeSet<Pid>) -> io::Result<Vec<Pidfd>> {
    let mut all = HashMap::new();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let pid = Pid::from_raw(pid);
        if let Some(relation) = relation(pid) {
            all.insert(pid, relation);
        }
    }
    let is_other = |pid: &Pid| *pid != process && !known.contains(pid);
    let found: Vec<Pid> = match extent {
        Extent::Namespace => {
            let Some(own) = namespace(process) else {
                return Ok(Vec::new());
            };
            let others = all.keys().copied().filter(is_other);
            others
                .filter(|&pid| namespace(pid).as_ref() == Some(&own))
                .collect()
        }
        Extent::Offspring { heir } => {
            let mut found = descendants(&all, process, heir, known);
            found.retain(is_other);
            found
        }
    };
    let open = |pid: Pid| {
        let pidfd = Pidfd::open(pid).ok()?;
        // The descriptor first, then the start time: what the number means cannot change in between.
        let begun = relation(pid)?.start_time;
        (all.get(&pid)?.start_time == begun).then_some(pidfd)
    };
    Ok(found.into_iter().filter_map(open).collect())
}

/// The members of the session of a process, its descendants, and what its heir has inherited.
fn descendants(
    all: &HashMap<Pid, Relation>,
    process: Pid,
    heir: Option<Pid>,
    known: &BTreeSet<Pid>,
) -> Vec<Pid> {
    let mut children: HashMap<Pid, Vec<Pid>> = HashMap::new();
    for (&pid, relation) in all {
        children.entry(relation.parent).or_default().push(pid);
    }
    let is_first = |(&pid, relation): (&Pid, &Relation)| {
        let is_origin = pid == process
            || relation.session == process
            || heir.is_some_and(|heir| relation.parent == heir);
        (is_origin && !known.contains(&pid)).then_some(pid)
    };
    let mut ahead: Vec<Pid> = all.iter().filter_map(is_first).collect();
    let mut found: HashSet<Pid> = HashSet::new();
    while let Some(pid) = ahead.pop() {
        if found.insert(pid) {
            let children = children.get(&pid).into_iter().flatten();
            ahead.extend(children.filter(|pid| !known.contains(pid)));
        }
    }
    found.into_iter().collect()
}

/// Fields 4, 6 and 22 of `proc_pid_stat(5)`, of a process that can still be signalled.
fn relation(pid: Pid) -> Option<Relation> {
    let relation = |stat: Stat<'_>| {
        let is_alive = !matches!(stat.state(), Some('Z' | 'X'));
        is_alive.then_some(Relation {
            parent: Pid::from_raw(stat.number(4)?),
            session: Pid::from_raw(stat.number(6)?),
            start_time: stat.number(22)?,
        })
    };
    stat::read(pid, relation).ok()
}

/// The PID namespace of a process, as its link names it.
fn namespace(pid: Pid) -> Option<std::path::PathBuf> {
    std::fs::read_link(format!("/proc/{pid}/ns/pid")).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashMap};

    use nix::unistd::Pid;

    use super::{Relation, descendants};

    /// A PID 1 (1) with two declared processes: 10, a shell with a child in its session and one in
    /// another, and 20 with a child. 30 was left by a daemon that has forked twice.
    const ALL: [(i32, i32, i32); 8] = [
        (1, 0, 1),
        (10, 1, 10),
        (11, 10, 10),
        (12, 10, 12),
        (13, 12, 12),
        (20, 1, 20),
        (21, 20, 20),
        (30, 1, 30),
    ];

    fn found(process: i32, heir: Option<i32>, known: &[i32]) -> Vec<i32> {
        let all: HashMap<Pid, Relation> = ALL
            .into_iter()
            .map(|(pid, parent, session)| {
                let relation = Relation {
                    parent: Pid::from_raw(parent),
                    session: Pid::from_raw(session),
                    start_time: 0,
                };
                (Pid::from_raw(pid), relation)
            })
            .collect();
        let known: BTreeSet<Pid> = known.iter().copied().map(Pid::from_raw).collect();
        let heir = heir.map(Pid::from_raw);
        let mut found: Vec<i32> = descendants(&all, Pid::from_raw(process), heir, &known)
            .into_iter()
            .map(Pid::as_raw)
            .collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn descendants_are_found_in_every_session_and_orphans_with_their_heir() {
        assert_eq!(found(10, None, &[1, 20]), [10, 11, 12, 13]);
        assert_eq!(found(10, Some(1), &[1, 20]), [10, 11, 12, 13, 30]);
        assert_eq!(found(20, None, &[1, 10]), [20, 21]);
    }

    #[test]
    fn what_has_ended_has_left_its_session() {
        assert_eq!(found(99, Some(1), &[1, 10, 20]), [30]);
        assert_eq!(found(12, None, &[1, 10, 20]), [12, 13]);
    }

    #[test]
    fn what_is_known_is_not_searched() {
        assert_eq!(found(10, None, &[1, 12]), [10, 11]);
    }
}
