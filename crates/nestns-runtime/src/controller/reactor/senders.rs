//! The reports that a sender may make, by the channel that they come through and by what the kernel
//! knows of the sender.

use nix::unistd::Pid;

use super::channels::Scope;
use crate::controller::roster::{Record, State};
use crate::controller::tree::Tree;
use crate::engine::plan::{NamespaceIndex, ProcessKey};
use crate::engine::report::Report;
use nestns_observe::namespaces::Member;
use nestns_observe::process::Process;
use nestns_sys::reap;

impl Tree {
    /// True if a report is one that its sender may make.
    pub(super) fn may_report(&self, scope: Scope, sender: Pid, report: &Report) -> bool {
        if !self.exists(report) {
            return false;
        }
        match scope {
            // Nothing of the user's has run yet.
            Scope::Inherited if !self.roster.is_released() => true,
            Scope::Inherited => self.is_believed(sender, report),
            scope => scope.covers(&self.plan, report),
        }
    }

    /// True if a report is about something that there is.
    pub(super) fn exists(&self, report: &Report) -> bool {
        let subject = match report {
            Report::Channel { subject }
            | Report::AtGate { subject }
            | Report::Starting { subject, .. }
            | Report::Refused { subject, .. }
            | Report::Preparing { subject, .. }
            | Report::Asked { subject, .. }
            | Report::Killed { subject, .. }
            | Report::Ended { subject, .. } => *subject,
            Report::Failed(failure) => failure.subject,
            Report::Created { namespace }
            | Report::Line { namespace }
            | Report::Orphan { namespace, .. }
            | Report::Orphans { namespace, .. }
            | Report::NotAsked { namespace, .. }
            | Report::Stopping { namespace, .. } => ProcessKey::init(*namespace),
        };
        if subject.is_run_command() {
            return self
                .run_command
                .as_ref()
                .is_some_and(|run_command| run_command.subject == subject);
        }
        if subject.exec_number().is_some() {
            return self.exec_records.get(subject).is_some();
        }
        let ProcessKey { namespace, slot } = subject.served().unwrap_or(subject);
        namespace < self.plan.counts().namespaces && self.plan.namespace(namespace).has_slot(slot)
    }

    /// True if the sender of a report through the inherited channel is the PID 1 that it is about,
    /// or one around it; or the controller's own child.
    fn is_believed(&self, sender: Pid, report: &Report) -> bool {
        let is_init_of = |index| {
            self.roster
                .get(ProcessKey::init(index))
                .and_then(Record::pid)
                == Some(sender)
        };
        match report {
            Report::Channel { subject } if subject.is_from_outside() => {
                let known = self.exec_records.get(*subject).and_then(|exec| exec.pid);
                known.is_none_or(|known| known == sender) && reap::is_child(sender)
            }
            // It has no channel of its own before it is in the namespace. What forks it, in a tree
            // of an ordinary user, is reaped before its report is read, and known by there being
            // nothing forked yet.
            Report::Failed(failure) if failure.subject.exec_number().is_some() => {
                let known = self.exec_records.get(failure.subject).map(|exec| exec.pid);
                known.is_some_and(|known| known.is_none_or(|known| known == sender))
            }
            Report::Channel { subject } => self.is_newborn(*subject, sender),
            Report::Created { namespace } => self.is_newborn(ProcessKey::init(*namespace), sender),
            Report::Line { namespace }
            | Report::Orphan { namespace, .. }
            | Report::Orphans { namespace, .. }
            | Report::NotAsked { namespace, .. }
            | Report::Stopping { namespace, .. } => is_init_of(*namespace),
            Report::Preparing { subject, .. }
            | Report::Asked { subject, .. }
            | Report::Killed { subject, .. }
            | Report::Ended { subject, .. } => {
                let innermost = Some(subject.namespace).filter(|_| !subject.is_init());
                let mut around =
                    innermost.or_else(|| self.plan.namespace(subject.namespace).parent);
                while let Some(index) = around {
                    if is_init_of(index) {
                        return true;
                    }
                    around = self.plan.namespace(index).parent;
                }
                false
            }
            // A helper that has failed is reaped before its report is read: it is believed about
            // what is being created.
            Report::Failed(failure) => {
                let is_awaited = self
                    .raising
                    .is_some_and(|part| part.contains(&self.plan, failure.subject));
                is_awaited || (failure.subject.is_init() && is_init_of(failure.subject.namespace))
            }
            Report::AtGate { .. } | Report::Starting { .. } | Report::Refused { .. } => false,
        }
    }

    /// True if a process may be the one that is awaited: its parent has forked it, as deep as the
    /// plan has it, and it is PID 1 or in the namespace that the kernel is known to have there.
    fn is_newborn(&self, subject: ProcessKey, sender: Pid) -> bool {
        let namespace = self.plan.namespace(subject.namespace);
        let children = match self.plan.parent_of(subject) {
            None => Some(nix::unistd::getpid()),
            Some(children) => self
                .roster
                .get(ProcessKey::init(children))
                .and_then(Record::pid),
        };
        let is_awaited = self
            .roster
            .get(subject)
            .is_some_and(|record| record.state == State::Creating);
        let is_placed = Process::read(sender).is_ok_and(|facts| {
            facts.numbers.len() == namespace.level() + 1
                && (facts.numbers.last() == Some(&1)) == subject.is_init()
                && children.is_some_and(|children| children.as_raw() == facts.parent)
        });
        is_awaited && is_placed && (subject.is_init() || self.is_in(sender, subject.namespace))
    }

    /// True if a process is in a namespace of the plan, as far as it can be asked. Where that one
    /// has not been seen yet, it is in no other that is known.
    fn is_in(&self, pid: Pid, index: NamespaceIndex) -> bool {
        let Some(inode) = pid_namespace_of(pid) else {
            return true;
        };
        match self
            .roster
            .namespace(index)
            .and_then(|record| record.facts.as_ref())
        {
            Some(known) => known.inode == inode,
            None => self.namespace_of(inode).is_none(),
        }
    }

    /// True if a process lives as deep as this one does by the plan.
    pub(super) fn is_as_deep(&self, subject: ProcessKey, sender: Pid) -> bool {
        let level = self.plan.namespace(subject.namespace).level();
        // One that has ended since is no news, and of no harm.
        Process::read(sender).map_or(true, |facts| facts.numbers.len() == level + 1)
    }

    /// The namespace of the plan that a process is in.
    pub(super) fn home_of(&self, pid: Pid) -> Option<NamespaceIndex> {
        self.namespace_of(pid_namespace_of(pid)?)
    }
}

/// The inode of the PID namespace of a process; `None` while it hides, or when it has ended.
fn pid_namespace_of(pid: Pid) -> Option<u64> {
    Member::open(pid)
        .and_then(|member| member.pid_namespace())
        .ok()
        .map(|namespace| namespace.inode)
}
