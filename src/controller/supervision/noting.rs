//! What the supervision tells the journal: how it was decided, in the words of the events.

use super::Supervision;
use crate::controller::audience::Cause;
use crate::controller::journal::event::{Event, Stage, WHOLE};
use crate::controller::roster::State;
use crate::controller::trouble::refusal_sentence;
use crate::engine::plan::Subject;
use crate::engine::report::Ending;
use crate::topology::Signal;

impl Supervision<'_> {
    /// A program runs, or could not be executed.
    pub(super) fn record_exec(&mut self, subject: Subject, error: Option<&str>) {
        let (path, pids) = (self.world.tree.path(subject), self.world.tree.pids(subject));
        let (argv, by) = match self.world.tree.guests.get(subject) {
            Some(guest) => (guest.argv.clone(), Some(guest.by)),
            None if subject.is_visitor() => return,
            None => {
                let namespace = self.plan.namespace(subject.namespace);
                (namespace.process(subject.slot).map(|process| process.program.words()).unwrap_or_default(), None)
            }
        };
        self.world.record(&Event::Exec { path: &path, pids: &pids, argv: &argv, by, error });
    }

    /// A process has become its program.
    pub(super) fn record_start(&mut self, subject: Subject) {
        self.record_exec(subject, None);
        let (path, pids) = (self.world.tree.path(subject), self.world.tree.pids(subject));
        self.world.record(&Event::Started { path: &path, pids: &pids });
    }

    /// A declared process could not become its program.
    pub(super) fn record_refusal(&mut self, subject: Subject) {
        let Some(refusal) = self.world.tree.roster.get(subject).and_then(|record| record.refusal.clone()) else { return };
        let error = refusal_sentence(&refusal);
        self.record_exec(subject, Some(&error));
    }

    /// A process has ended, by itself or `with` a PID 1. That of a PID 1 is the end of its namespace.
    pub(super) fn record_exit(&mut self, subject: Subject, ending: Ending, with: Option<&str>) {
        let state = match self.world.tree.roster.get_mut(subject) {
            Some(record) if record.is_noted => return,
            Some(record) => {
                record.is_noted = true;
                record.state
            }
            None => match ending {
                Ending::Exited(0) => State::Exited,
                Ending::Exited(_) => State::Failed,
                Ending::Signalled(_) => State::Killed,
            },
        };
        let (path, pids) = (self.world.tree.path(subject), self.world.tree.pids(subject));
        let state = state.word();
        self.world.record(&Event::Exit { path: &path, pids: &pids, exit: ending.into(), state, with });
        if subject.is_init() {
            let namespace = self.plan.namespace(subject.namespace).path.clone();
            self.world.record(&Event::Gone { path: &namespace });
        }
    }

    /// The kernel has taken these along with a PID 1.
    pub(super) fn record_collapse(&mut self, init: Subject, taken: &[Subject]) {
        let with = self.world.tree.path(init);
        for &subject in taken.iter().filter(|&&subject| subject != init) {
            self.record_exit(subject, Ending::Signalled(nix::libc::SIGKILL), Some(&with));
        }
    }

    /// A stop begins.
    pub(super) fn record_stop(&mut self, cause: &Cause) {
        // Whoever was the first to ask.
        let by = self.world.tree.mourners.first().filter(|_| *cause == Cause::Asked).map(|asker| asker.by);
        let cause = match cause {
            Cause::Signal(signal) => format!("got {}", Signal::from_number(*signal)),
            Cause::Timeout => "the time is over".to_owned(),
            Cause::Asked => "asked by a client".to_owned(),
            Cause::Untied => "the process that it was tied to has ended".to_owned(),
            Cause::OutputClosed => "nobody reads the output any more".to_owned(),
            Cause::Ended { path } => format!("{path} has ended"),
        };
        self.world.record(&Event::Stopping { path: WHOLE, stage: Stage::Ask, cause: Some(&cause), by, by_pid: None });
    }
}
