//! Output of programs, and the terminal of the one that has one: heard, kept in the journal, shown.

use super::Reactor;
use crate::controller::event_sink::Note;
use crate::controller::streams::Arrival;
use crate::controller::tree::Incident;
use crate::engine::exec_error::ExecError;
use crate::engine::plan::ProcessKey;
use crate::engine::report::Ending;
use nestns_sys::moment::Moment;

impl Reactor<'_> {
    /// Takes in the output of programs so far, even if there is no reader for it yet, for a bounded
    /// time.
    pub(in crate::controller) fn drain_programs(&mut self, until: Moment) {
        loop {
            let ready = self.events.programs();
            if ready.is_empty() || until <= Moment::now() {
                return;
            }
            for ready in ready {
                self.on_ready(ready);
            }
        }
    }

    /// A process does not become its program.
    pub(super) fn on_refusal(&mut self, subject: ProcessKey, refusal: ExecError) {
        if subject.exec_number().is_some() {
            self.tree
                .incidents
                .push_back(Incident::SessionRefused(subject, refusal));
            return;
        }
        if subject.served().is_some() {
            self.tree
                .incidents
                .push_back(Incident::ServiceRefused(subject, refusal));
            return;
        }
        if let Some(record) = self.tree.roster.get_mut(subject) {
            record.refusal = Some(refusal.clone());
        }
        let path = self.tree.path(subject);
        let position = if subject.is_run_command() {
            nestns_topology::Position::default()
        } else {
            self.tree
                .plan
                .namespace(subject.namespace)
                .process(subject.slot)
                .map_or_else(nestns_topology::Position::default, |process| {
                    process.position
                })
        };
        self.console.event_sink.note(&Note::Refused {
            path: &path,
            position,
            refusal: &refusal,
        });
        self.tree.incidents.push_back(Incident::Refused(subject));
    }

    /// Something has ended. Whatever it has done before comes first, in whichever order the
    /// descriptors are read: that it has become its program, and where a PID 1 takes others along,
    /// that those have.
    pub(in crate::controller) fn note_ended(
        &mut self,
        subject: ProcessKey,
        ending: Ending,
        at: Moment,
    ) {
        if subject.is_init() {
            let inside =
                subject.namespace..subject.namespace + self.tree.plan.subtree(subject.namespace);
            for member in self.streams.awaited_in(inside) {
                self.hear_outcome(member);
            }
        }
        self.hear_outcome(subject);
        self.tree
            .incidents
            .push_back(Incident::Ended(subject, ending, at));
    }

    /// Reads how a process's exec went: its message, where it failed, and the end of the pipe.
    fn hear_outcome(&mut self, subject: ProcessKey) {
        for _ in 0..2 {
            let Some(place) = self
                .streams
                .outcome_of(subject)
                .filter(|&place| self.streams.is_readable(place))
            else {
                return;
            };
            self.on_stream(place);
        }
    }

    pub(super) fn on_stream(&mut self, place: u32) {
        match self.streams.take(place, &self.events) {
            Arrival::Nothing => {}
            Arrival::Started(subject) => self.tree.incidents.push_back(Incident::Started(subject)),
            Arrival::Refused(subject, refusal) => self.on_refusal(subject, refusal),
            Arrival::Output {
                subject,
                path,
                kind,
                output,
            } => {
                self.console.journal.log(subject, kind, &output);
                self.tree.look_at_lines(subject, &output);
                self.console.show(subject, &path, kind, &output);
            }
        }
    }
}
