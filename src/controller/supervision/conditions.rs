//! `after`: who waits for what, and the word that lets him through.

use super::Supervision;
use crate::controller::audience::Note;
use crate::controller::journal::event::Event;
use crate::controller::life::Life;
use crate::controller::verdict;
use crate::engine::gate;
use crate::engine::plan::{Slot, Subject};
use crate::topology::Condition;
use nix::libc;

/// Whether a process's conditions are met.
pub(super) enum Met {
    Yes,
    NotYet,
    /// This dependency has ended otherwise.
    Never(String),
}

impl Supervision<'_> {
    /// Lets those processes through whose conditions are met, and gives up those whose never will be.
    pub(super) fn release_waiting(&mut self) {
        if self.life != Life::Running {
            return;
        }
        let mut kept = Vec::new();
        for subject in std::mem::take(&mut self.waiting) {
            match self.conditions(subject) {
                Met::Yes => {
                    let path = self.world.tree.path(subject);
                    self.world.record(&Event::Release { path: &path });
                    self.world.signal_member(subject, gate::RELEASE as i32);
                }
                Met::NotYet => kept.push(subject),
                Met::Never(dependency) => {
                    let path = self.world.tree.path(subject);
                    self.world.audience.note(&Note::Unreachable { path: &path, dependency: &dependency });
                    self.world.record_signal(subject, libc::SIGKILL);
                    self.world.signal_member(subject, libc::SIGKILL);
                }
            }
        }
        self.waiting = kept;
    }

    pub(super) fn conditions(&self, subject: Subject) -> Met {
        let namespace = self.plan.namespace(subject.namespace);
        let Some(process) = namespace.process(subject.slot) else { return Met::Yes };
        let mut met = Met::Yes;
        for after in &process.after {
            let other = Subject { slot: Slot::declared(after.process), ..subject };
            let Some(dependency) = namespace.process(other.slot) else { continue };
            match self.is_fulfilled(other, after.condition) {
                Some(true) => {}
                Some(false) => return Met::Never(dependency.name.clone()),
                None => met = Met::NotYet,
            }
        }
        met
    }

    /// Whether a process has come so far; `None`: not yet, `false`: it never will any more.
    pub(super) fn is_fulfilled(&self, subject: Subject, condition: Condition) -> Option<bool> {
        let namespace = self.plan.namespace(subject.namespace);
        // What the plan does not have keeps nobody waiting.
        let (Some(record), Some(process)) = (self.world.tree.roster.get(subject), namespace.process(subject.slot)) else {
            return Some(true);
        };
        let started = self.started.contains(&subject);
        // An end after which it may be started again is none yet.
        let ended = record.ending.map(|(ending, _)| ending).filter(|_| !self.may_come_again(subject));
        let succeeded = ended.map(|ending| verdict::is_success(process, ending) && record.refusal.is_none());
        match condition {
            Condition::Created => Some(true),
            Condition::Started | Condition::Ready => {
                let is_met =
                    if condition == Condition::Ready { self.world.tree.readiness.is_ready(subject) } else { started };
                match (is_met, ended) {
                    (true, _) => Some(true),
                    (false, None) => None,
                    (false, Some(_)) => Some(false),
                }
            }
            Condition::Exited => ended.map(|_| true),
            Condition::Ok => succeeded,
        }
    }
}
