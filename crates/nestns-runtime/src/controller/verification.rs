//! Comparison of the kernel with the plan, before anything of the user's runs.
//!
//! Facts are read as the reports of creation come in, while the engine still builds; the comparison
//! is made once, when everything exists. A difference is a bug of ours, and is reported as such: it
//! never opens a gate.

use std::fmt;

use nix::unistd::Pid;

use super::roster::Roster;
use crate::engine::plan::ProcessKey;
use nestns_observe::namespaces::{self, Member};
use nestns_observe::process::Process;
use nestns_sys::call::{Call, CallError, Named};
use nestns_sys::pidfd::Kind;
use nestns_topology::Entry;

/// A difference between plan and kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// Path of the namespace or process.
    pub path: String,
    /// Kind of the difference.
    pub what: &'static str,
    /// Value in the plan.
    pub planned: String,
    /// Value in the kernel.
    pub found: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}`: the {} should be {}, but the kernel reports {}",
            self.path, self.what, self.planned, self.found
        )
    }
}

/// Reads what the kernel says about a process that has just reported.
///
/// # Errors
///
/// Those of reading /proc.
pub fn take_down(roster: &mut Roster, subject: ProcessKey, pid: Pid) -> Result<(), CallError> {
    let facts = Process::read(pid).by(Call::Unnamed)?;
    if subject.is_init() {
        let member = Member::open(pid).by(Call::PidfdOpen)?;
        let namespace = member.pid_namespace().by(Call::Unnamed)?;
        // Below a root no PID 1 makes a user namespace, so that the root's is that of all inside
        // it.
        let around = roster.plan().namespace(subject.namespace).parent;
        let user = match around
            .and_then(|around| roster.namespace(around))
            .and_then(|record| record.other)
        {
            Some((user, _)) => user,
            None => member.inode(Kind::User).by(Call::Unnamed)?,
        };
        let other = (user, member.inode(Kind::Mount).by(Call::Unnamed)?);
        if let Some(record) = roster.namespace_mut(subject.namespace) {
            record.facts = Some(namespace);
            record.other = Some(other);
        }
    }
    if let Some(record) = roster.get_mut(subject) {
        record.facts = Some(facts);
    }
    Ok(())
}

/// Compares everything that was taken down with the plan.
///
/// # Errors
///
/// Those of reading /proc.
pub fn compare(roster: &Roster) -> Result<Vec<Mismatch>, CallError> {
    compare_these(roster, roster.subjects())
}

/// The same for some of it, which have come again.
///
/// # Errors
///
/// Those of reading /proc.
pub fn compare_these(
    roster: &Roster,
    subjects: impl Iterator<Item = ProcessKey>,
) -> Result<Vec<Mismatch>, CallError> {
    let host = namespaces::own().by(Call::Unnamed)?;
    let controller = nix::unistd::getpid();
    let mut mismatches = Vec::new();
    for subject in subjects {
        let mut compare = |what, planned: &dyn fmt::Display, found: &dyn fmt::Display| {
            let (planned, found) = (planned.to_string(), found.to_string());
            if planned != found {
                mismatches.push(Mismatch {
                    path: roster.path(subject),
                    what,
                    planned,
                    found,
                });
            }
        };
        let record = roster.get(subject).and_then(|record| record.facts.as_ref());
        let known = |index| {
            roster
                .namespace(index)
                .and_then(|record| record.facts.as_ref())
        };
        let (Some(facts), Some(namespace)) = (record, known(subject.namespace)) else {
            compare("process", &"there", &"missing");
            continue;
        };
        let plan = roster.plan().namespace(subject.namespace);
        compare("number of PIDs", &(plan.level() + 1), &facts.numbers.len());
        let init = ProcessKey::init(subject.namespace);
        let parent = if subject.is_init() {
            compare(
                "PID inside",
                &1,
                &facts.numbers.last().copied().unwrap_or_default(),
            );
            let around = plan
                .parent
                .map_or(Some(host), |parent| known(parent).map(|facts| facts.inode));
            compare(
                "parent namespace",
                &around.unwrap_or_default(),
                &namespace.parent.unwrap_or_default(),
            );
            roster.plan().nearest_parent_of(plan.parent)
        } else {
            let entry = plan.process(subject.slot).map(|process| process.entry);
            let found = record
                .and_then(|facts| facts.numbers.first())
                .copied()
                .map(Pid::from_raw);
            let inode = |pid| {
                Member::open(pid)
                    .by(Call::PidfdOpen)?
                    .inode(Kind::Pid)
                    .by(Call::Unnamed)
            };
            let member = found.map(inode).transpose()?.unwrap_or_default();
            compare("namespace", &namespace.inode, &member);
            match entry {
                Some(Entry::Join) => roster.plan().nearest_parent_of(plan.parent),
                _ => Some(init.namespace),
            }
        };
        let parent = match parent {
            None => Some(controller),
            Some(index) => roster
                .get(ProcessKey::init(index))
                .and_then(super::roster::Record::pid),
        };
        compare(
            "parent process",
            &parent.map_or(0, Pid::as_raw),
            &facts.parent,
        );
    }
    Ok(mismatches)
}
