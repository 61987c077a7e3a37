//! From a tree that stands to one that is ready: the gates, and whoever waits for news of it.

use std::time::Duration;

use super::Supervision;
use crate::controller::Gates;
use crate::controller::audience::Cause;
use crate::controller::channels::Gate;
use crate::controller::herald::{Herald, News, Patience};
use crate::controller::journal::event::{Event as Noted, WHOLE};
use crate::controller::life::{Event, Life};
use crate::controller::readiness::manager::Manager;
use crate::controller::roster::State;
use crate::controller::timeline::milliseconds;
use crate::engine::moment::Moment;

/// Whether everything has been as far as it gets by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::controller) enum Arrival {
    Awaited,
    /// It has, and whoever manages nestns was told.
    Told,
}

/// The gate and who waits behind it.
#[derive(Debug)]
pub(in crate::controller) struct Opening {
    pub(in crate::controller) gate: Gate,
    pub(in crate::controller) gates: Gates,
    /// Whoever waits until it is ready.
    pub(in crate::controller) herald: Option<Herald>,
    /// Whoever manages nestns as a service.
    pub(in crate::controller) manager: Manager,
    pub(in crate::controller) arrival: Arrival,
    pub(in crate::controller) began: Moment,
    pub(in crate::controller) create: Duration,
    /// How long it took until the gates were open.
    pub(in crate::controller) release: Option<Duration>,
}

impl Supervision<'_> {
    /// Lets everybody go who waits for nothing else.
    pub(super) fn open_gates(&mut self) {
        if self.life != Life::Created {
            return;
        }
        self.opening.gate.open();
        self.keeper.expect_latecomers();
        self.life = self.life.on(Event::Opened).0;
        self.world.tree.roster.release();
        self.world.record(&Noted::Release { path: WHOLE });
        self.opening.release = Some(Moment::now().since(self.opening.began));
        self.begin_readiness();
        self.release_waiting();
        self.start_command();
    }

    /// Tells whoever waits, as soon as there is what he waits for.
    pub(super) fn announce(&mut self) {
        // A stop under way decides otherwise: the caller is told by the end of the controller.
        if self.world.tree.stop.is_some() || matches!(self.life, Life::Stopping | Life::Killing | Life::Gone) {
            return;
        }
        let is_running = self.life == Life::Running;
        if is_running && self.opening.arrival == Arrival::Awaited && self.all_settled() {
            if !self.arrives() {
                return;
            }
            self.opening.arrival = Arrival::Told;
            self.world.flush_truth();
            self.opening.manager.say_ready();
        }
        let Some(herald) = &self.opening.herald else { return };
        let is_held = self.opening.gates == Gates::Held && self.life == Life::Created;
        let is_due = herald.patience() == Patience::UntilReleased || self.opening.arrival == Arrival::Told;
        if !(is_held || (is_running && is_due)) {
            return;
        }
        let failed = self
            .world
            .tree
            .roster
            .subjects()
            .filter(|&subject| self.world.tree.roster.get(subject).is_some_and(|record| record.state == State::Failed))
            // What is started again has not failed for good.
            .filter(|&subject| !self.comes_again(subject));
        let counts = self.plan.counts();
        let news = News {
            state: match (is_held, self.world.tree.readiness.is_complete()) {
                (true, _) => "created",
                (false, true) => "ready",
                (false, false) => "running",
            }
            .to_owned(),
            name: self.world.clients.name().to_owned(),
            truth: crate::controller::state_directory::truth_in(&self.world.remains.directory()).display().to_string(),
            namespaces: counts.namespaces,
            processes: counts.processes,
            depth: counts.depth,
            create_ms: milliseconds(self.opening.create),
            release_ms: self.opening.release.map(milliseconds),
            ready_ms: (!is_held).then(|| milliseconds(Moment::now().since(self.opening.began))),
            failed: failed.map(|subject| self.world.tree.roster.path(subject)).collect(),
        };
        self.world.journal.flush();
        self.world.flush_truth();
        // With `--timeout` it is the start that has so long.
        self.world.limit = None;
        if let Some(herald) = self.opening.herald.take() {
            herald.announce(&news, &self.world.remains.handle());
            self.world.home.has_log();
        }
    }

    /// Somebody asks for the gates to be opened.
    pub(super) fn release(&mut self) -> bool {
        let is_closed = self.life == Life::Created && self.world.tree.stop.is_none();
        if is_closed {
            self.opening.gates = Gates::Open;
            self.open_gates();
        }
        is_closed
    }

    /// A stop before the gates were open: nothing of the user's has run, and there is nobody to ask.
    pub(super) fn roll_back(&mut self, cause: &Cause) {
        self.world.audience.note(&crate::controller::audience::Note::Stopping { cause });
        self.kill_everything();
    }
}
