//! `after`: who waits for what, and the word that lets him through.

use super::Supervision;
use crate::controller::audience::Note;
use crate::controller::journal::event::Event;
use crate::controller::life::Life;
use crate::controller::verdict;
use crate::engine::gate;
use crate::engine::plan::Subject;
use crate::observe::process;
use crate::sys::pidfd::Pidfd;
use crate::topology::Condition;
use nix::libc;
use nix::unistd::Pid;

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
                    let path = self.world.path(subject);
                    self.world.record(&Event::Release { path: &path });
                    self.signal_member(subject, gate::RELEASE as i32);
                }
                Met::NotYet => kept.push(subject),
                Met::Never(dependency) => {
                    let path = self.world.path(subject);
                    self.world.audience.note(&Note::Unreachable { path: &path, dependency: &dependency });
                    self.world.record_signal(subject, libc::SIGKILL);
                    self.signal_member(subject, libc::SIGKILL);
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
            let Ok(slot) = u32::try_from(after.process + 1) else { continue };
            let other = Subject { slot, ..subject };
            let (Some(record), Some(dependency)) = (self.world.roster.get(other), namespace.process(slot)) else {
                continue;
            };
            let started = self.started.contains(&other);
            let ended = record.ending.map(|(ending, _)| ending);
            let succeeded = ended.map(|ending| verdict::is_success(dependency, ending) && record.refusal.is_none());
            let fulfilled = match after.condition {
                Condition::Created => Some(true),
                Condition::Started | Condition::Ready => {
                    let is_met = match after.condition {
                        Condition::Ready => self.world.readiness.is_ready(other),
                        _ => started,
                    };
                    match (is_met, ended) {
                        (true, _) => Some(true),
                        (false, None) => None,
                        (false, Some(_)) => Some(false),
                    }
                }
                Condition::Exited => ended.map(|_| true),
                Condition::Ok => succeeded,
            };
            match fulfilled {
                Some(true) => {}
                Some(false) => return Met::Never(dependency.name.clone()),
                None => met = Met::NotYet,
            }
        }
        met
    }

    /// Signals a process that is not the controller's child, after its identity is confirmed.
    pub(super) fn signal_member(&self, subject: Subject, signal: i32) {
        let Some(facts) = self.world.roster.get(subject).and_then(|record| record.facts.as_ref()) else { return };
        let Some(&number) = facts.numbers.first() else { return };
        let pid = Pid::from_raw(number);
        // The descriptor first, then the start time: what the number means cannot change in between any more.
        if let Ok(pidfd) = Pidfd::open(pid)
            && process::start_time(pid).is_ok_and(|start| start == facts.start_time)
        {
            // It may have ended since, which its keeper reports.
            let _ = pidfd.signal(signal);
        }
    }
}
