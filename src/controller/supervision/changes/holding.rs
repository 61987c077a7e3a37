//! Who has to stay although he may be empty: PID 1s around what is taken down, and around what may come again.

use super::{Aim, Pace, Phase, Supervision};
use crate::controller::control::message::Problem;
use crate::controller::part::Part;
use crate::controller::roster::State;
use crate::controller::world::Reach;
use crate::engine::line::Command;
use crate::engine::plan::{Comebacks, InitPlan, NamespaceIndex, Subject};
use crate::topology::RestartWhen;

impl Supervision<'_> {
    /// Waits until the PID 1s around have answered, who then do not leave. One that does not answer hinders nobody.
    pub(super) fn advance_holding(&mut self, place: usize, phase: &mut Phase) -> Pace {
        let mut step = Pace::GoOn;
        for part in self.parts(place) {
            if let Some(holder) = part.holder(&self.plan)
                && self.lives(Subject::init(holder))
                && matches!(self.world.reach(holder), Reach::Waiting(_))
            {
                step = Pace::Wait;
            }
        }
        if step == Pace::GoOn {
            *phase = self.begin_leaving(place);
        }
        step
    }

    /// Why a part cannot be brought back.
    pub(super) fn obstacle(&self, part: Part) -> Option<Problem> {
        let path = part.path(&self.plan);
        let namespace = self.plan.namespace(part.0.namespace);
        let around = if part.0.is_init() { namespace.parent } else { Some(part.0.namespace) };
        let around = around?;
        let name = self.plan.namespace(around).path.clone();
        let state = self.world.tree.roster.get(Subject::init(around)).map(|record| record.state).unwrap_or_default();
        match state {
            State::Stopping | State::Killing => {
                Some(Problem::no(format!("`{name}` is being stopped; nothing can start in it any more")))
            }
            state if state.is_over() => {
                let message = format!("PID 1 of `{name}` has exited; `{path}` cannot come back without it");
                Some(Problem::no(message).help(format!("bring the whole back with `nestns restart {name}`")))
            }
            _ => None,
        }
    }

    pub(super) fn lives(&self, subject: Subject) -> bool {
        self.world.tree.roster.get(subject).is_some_and(|record| !record.state.is_over() && record.state != State::Creating)
    }

    /// Something with a restart policy has ended for good: where nothing else of its kind is left, its holder is told that it
    /// may leave when it is empty.
    pub(super) fn settle_holder_of(&mut self, part: Part) {
        let Some(holder) = part.holder(&self.plan) else { return };
        let namespace = self.plan.namespace(holder);
        // A pause init stays whatever ends.
        if matches!(namespace.init, InitPlan::Builtin)
            && namespace.comebacks == Comebacks::Possible
            && !self.may_anything_come_to(holder)
        {
            self.changes.to_settle.insert(holder);
        }
    }

    fn may_anything_come_to(&self, holder: NamespaceIndex) -> bool {
        let inside = Part(Subject::init(holder));
        inside.subjects(&self.plan).into_iter().any(|subject| {
            let part = Part(subject);
            part != inside
                && part.holder(&self.plan) == Some(holder)
                && self.plan.namespace(subject.namespace).restart_of(subject.slot).when != RestartWhen::Never
                && (self.lives(subject) || self.may_come_again(subject))
        })
    }

    pub(super) fn settle_holders(&mut self) {
        for holder in self.changes.to_settle.clone() {
            match self.world.reach(holder) {
                Reach::Ready => {
                    self.world.command(holder, Command::Settle, None);
                    self.changes.to_settle.remove(&holder);
                    self.changes.settled.insert(holder);
                }
                Reach::Waiting(_) | Reach::Busy => {}
                Reach::Unreachable => drop(self.changes.to_settle.remove(&holder)),
            }
        }
    }

    /// Hangs up where nobody has to stay any more.
    pub(super) fn hang_up_lines(&mut self) {
        for namespace in self.world.lines.namespaces() {
            let is_held = |part: &Part| part.holder(&self.plan) == Some(namespace);
            let changing = self.changes.under_way.iter().flat_map(|change| {
                let keepers = change.wish.parts.iter().map(|part| self.plan.keeper_of_subject(part.0));
                change.wish.parts.iter().map(|part| part.holder(&self.plan)).chain(keepers)
            });
            let is_needed = self.changes.absent.iter().any(is_held)
                || self.changes.to_settle.contains(&namespace)
                || changing.flatten().any(|holder| holder == namespace)
                || (self.changes.settled.contains(&namespace) && self.may_anything_come_to(namespace));
            if !is_needed && self.world.reach(namespace) != Reach::Busy {
                self.world.hang_up(namespace);
            }
        }
    }

    pub(super) fn note_absent(&mut self, place: usize) {
        if self.changes.under_way[place].wish.aim == Aim::Down {
            let parts = self.parts(place);
            self.changes.absent.extend(parts);
        }
    }
}
