//! What an end means: the verdict, and the deaths that have another cause than themselves.

use super::{CERTAIN_EXPLANATION, EXPLANATION, Supervision, Unexplained};
use crate::controller::audience::{Cause, Note};
use crate::controller::life::Life;
use crate::controller::roster::State;
use crate::controller::verdict::{self, Course};
use crate::engine::moment::Moment;
use crate::engine::plan::{NamespaceIndex, Subject};
use crate::engine::report::Ending;
use crate::observe::process;
use crate::topology::{Entry, RestartWhen};
use nix::libc;

impl Supervision<'_> {
    pub(super) fn on_ended(&mut self, subject: Subject, ending: Ending, at: Moment) {
        if self.owns_terminal(subject) {
            self.end_terminal();
        }
        if subject.session_number().is_some() {
            self.on_session_ended(subject, ending);
            return;
        }
        if let Some(probed) = subject.probed() {
            self.on_answer(probed, ending);
            return;
        }
        self.end_attachments(subject, ending);
        if subject.is_visitor() {
            if let Some(visitor) = &mut self.world.tree.visitor {
                visitor.ending = Some(ending);
            }
            self.verdict.adopt(ending);
            self.record_exit(subject, ending, None);
            let path = self.world.tree.path(subject);
            self.world.tree.request_stop(Cause::Ended { path });
            return;
        }
        let was_over = match self.world.tree.roster.get_mut(subject) {
            Some(record) => {
                record.ending.get_or_insert((ending, at));
                std::mem::replace(&mut record.state, State::Exited).is_over()
            }
            None => return,
        };
        if subject.is_init() {
            self.forget_inside(subject.namespace);
            let mut taken = self.world.tree.roster.collapse(subject.namespace, at);
            self.unexplained.retain(|unexplained| {
                let inside = subject.namespace..subject.namespace + self.plan.subtree(subject.namespace);
                let explained = inside.contains(&unexplained.subject.namespace);
                if explained && let Some(record) = self.world.tree.roster.get_mut(unexplained.subject) {
                    record.state = State::Gone;
                    taken.push(unexplained.subject);
                }
                !explained
            });
            self.record_collapse(subject, &taken);
            self.adopt_collapsed(subject);
        }
        if was_over && !subject.is_init() {
            // Its PID 1 was first, and has taken it along.
            self.mark(subject, State::Gone);
        } else if self.may_be_collapse(subject, ending) {
            self.mark(subject, State::Gone);
            let patience = if self.is_doomed(subject) { CERTAIN_EXPLANATION } else { EXPLANATION };
            self.unexplained.push(Unexplained { subject, ending, until: at.plus(patience) });
        } else {
            self.judge(subject, ending);
        }
        self.end_readiness(subject);
        self.release_waiting();
    }

    pub(super) fn mark(&mut self, subject: Subject, state: State) {
        if let Some(record) = self.world.tree.roster.get_mut(subject) {
            record.state = state;
        }
    }

    /// Whether a death by KILL may be that of the namespace around: its PID 1 is reaped only after all that was inside.
    pub(super) fn may_be_collapse(&self, subject: Subject, ending: Ending) -> bool {
        let killed = self.world.tree.roster.get(subject).is_some_and(|record| record.farewells.killed.is_some());
        if killed || ending != Ending::Signalled(libc::SIGKILL) {
            return false;
        }
        let namespace = self.plan.namespace(subject.namespace);
        let around = if subject.is_init() {
            // Its keeper outlives a namespace around it only where that one's PID 1 is a program.
            namespace.parent.filter(|&parent| !self.plan.namespace(parent).has_own_keeper())
        } else {
            let joined = namespace.process(subject.slot).is_some_and(|process| process.entry == Entry::Join);
            joined.then_some(subject.namespace)
        };
        let init = around.and_then(|index| self.world.tree.roster.get(Subject::init(index)));
        init.is_some_and(|init| !init.state.is_over())
    }

    /// Whether a PID 1 around a process is ending. It marks itself so before it kills all that is inside, and leaves when all
    /// of that has been reaped; on a busy machine that may be long after.
    fn is_doomed(&self, subject: Subject) -> bool {
        let parent = |index: NamespaceIndex| self.plan.namespace(index).parent;
        let first = if subject.is_init() { parent(subject.namespace) } else { Some(subject.namespace) };
        let init = |index| self.world.tree.roster.get(Subject::init(index));
        std::iter::successors(first, |&index| parent(index))
            .filter_map(init)
            .filter(|init| !init.state.is_over())
            .any(|init| init.pid().is_some_and(|pid| process::is_ending(pid).unwrap_or(true)))
    }

    /// The process whose status was asked for may have died with its PID 1.
    fn adopt_collapsed(&mut self, init: Subject) {
        let comes_again = self.plan.namespace(init.namespace).restart_of(init.slot).when != RestartWhen::Never;
        let is_decisive = !comes_again && !self.is_changing(init);
        let Some(path) = self.status_from.clone().filter(|_| is_decisive) else { return };
        let inside = init.namespace..init.namespace + self.plan.subtree(init.namespace);
        let gone = self.world.tree.roster.subjects().find(|&subject| {
            let is_gone = || self.world.tree.roster.get(subject).is_some_and(|record| record.state == State::Gone);
            inside.contains(&subject.namespace)
                && subject != init
                && is_gone()
                && self.world.tree.roster.path(subject) == path
        });
        if gone.is_some() {
            self.verdict.adopt(Ending::Signalled(libc::SIGKILL));
            self.status_from = None;
            self.world.tree.request_stop(Cause::Ended { path });
        }
    }

    /// Decides what an end means.
    pub(super) fn judge(&mut self, subject: Subject, ending: Ending) {
        let namespace = self.plan.namespace(subject.namespace);
        let record = self.world.tree.roster.get(subject);
        let asked = record.is_some_and(|record| record.farewells.asked.is_some() || record.farewells.killed.is_some());
        let killed = record.is_some_and(|record| record.farewells.killed.is_some());
        let sent_away = record.is_some_and(|record| record.was_sent_away(ending));
        let Some(process) = namespace.process(subject.slot) else {
            // A PID 1 of ours ends with 0, or was killed from outside.
            let success = ending == Ending::Exited(0);
            self.mark(subject, if success { State::Exited } else { State::Killed });
            self.record_exit(subject, ending, None);
            if !asked && !self.is_changing(subject) && !self.comes_back(subject, success, ending) {
                self.judge_finally(subject, ending);
            }
            return;
        };
        let success = verdict::is_success(process, ending);
        let state = match ending {
            _ if killed => State::Killed,
            _ if success => State::Exited,
            Ending::Signalled(_) if asked => State::Killed,
            // It has ended as it was told to.
            _ if sent_away => State::Killed,
            _ => State::Failed,
        };
        self.mark(subject, state);
        self.record_exit(subject, ending, None);
        let path = namespace.path_of(subject.slot);
        // In a part that is taken down or brought back, no end means anything else.
        if self.is_changing(subject) || (!asked && self.comes_back(subject, success, ending)) {
            return;
        }
        if self.status_from.as_deref() == Some(path.as_str()) {
            self.verdict.adopt(ending);
            self.world.tree.request_stop(Cause::Ended { path });
            return;
        }
        // What ends because it was asked to has not failed.
        if sent_away {
            if self.life == Life::Running && self.verdict.sent_away(process) == Course::Stop {
                self.world.tree.request_stop(Cause::Ended { path });
            }
        } else if !asked {
            self.judge_finally(subject, ending);
        }
    }

    /// Decides what an end means after which nothing is started again.
    pub(super) fn judge_finally(&mut self, subject: Subject, ending: Ending) {
        if self.life != Life::Running {
            return;
        }
        let namespace = self.plan.namespace(subject.namespace);
        let path = namespace.path_of(subject.slot);
        let Some(process) = namespace.process(subject.slot) else {
            if ending != Ending::Exited(0) {
                self.world.audience.note(&Note::InitLost { path: &path, ending });
                self.verdict.adopt(ending);
                self.world.tree.request_stop(Cause::Ended { path });
            }
            return;
        };
        let success = verdict::is_success(process, ending);
        let refused = self.world.tree.roster.get(subject).is_some_and(|record| record.refusal.is_some());
        if self.status_from.as_deref() == Some(path.as_str()) {
            self.verdict.adopt(ending);
            self.world.tree.request_stop(Cause::Ended { path });
            return;
        }
        if !success && !refused {
            self.tell_failure(subject, process, ending);
        } else if refused {
            self.note_failure(subject, ending, Vec::new());
        }
        if self.verdict.ended(process, ending) == Course::Stop {
            self.world.tree.request_stop(Cause::Ended { path });
        }
    }
}
