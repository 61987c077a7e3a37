//! Way from a tree that stands to one that is ready: the gates, and the client and service manager
//! that wait for it.

use std::time::Duration;

use super::edge::{Edge, Truth};
use super::restarts::Restarts;
use crate::controller::Gates;
use crate::controller::life::{Event, Life};
use crate::controller::readiness::manager::Manager;
use crate::controller::roster::State;
use crate::controller::startup_report::{ReportChannel, StartupReport, WaitUntil};
use crate::controller::timeline::milliseconds;
use crate::controller::tree::Arrival;
use nestns_client::journal::event::{Event as Noted, WHOLE};
use nestns_sys::moment::Moment;

/// The gates, and what waits until the tree is ready.
#[derive(Debug)]
pub(in crate::controller) struct Opening {
    pub(in crate::controller) gates: Gates,
    /// The client that has started the topology, until it is told that it stands.
    pub(in crate::controller) report_channel: Option<ReportChannel>,
    /// The service manager that nestns is a service of.
    pub(in crate::controller) manager: Manager,
    pub(in crate::controller) began: Moment,
    pub(in crate::controller) create: Duration,
    /// Time until the gates were open.
    pub(in crate::controller) release: Option<Duration>,
}

impl Opening {
    /// Lets everything go that waits for nothing else; says whether it was still behind the gates.
    pub(super) fn open(&mut self, edge: &mut dyn Edge) -> bool {
        if edge.tree().life != Life::Created {
            return false;
        }
        edge.open_gates();
        let tree = edge.tree_mut();
        tree.life = tree.life.on(Event::Opened).0;
        tree.roster.release();
        edge.record(&Noted::Release { path: WHOLE });
        self.gates = Gates::Open;
        self.release = Some(edge.now().since(self.began));
        true
    }

    /// Tells the service manager that everything is as far as it gets by itself.
    pub(super) fn arrive(&mut self, edge: &mut dyn Edge) {
        edge.tree_mut().arrival = Arrival::Told;
        edge.write_truth(Truth::Due);
        self.manager.say_ready();
    }

    /// Tells the client that has started the topology, as soon as there is what it waits for.
    pub(super) fn announce(&mut self, edge: &mut dyn Edge, restarts: &Restarts) {
        let tree = edge.tree();
        let Some(report_channel) = &self.report_channel else {
            return;
        };
        let is_held = self.gates == Gates::Held && tree.life == Life::Created;
        let is_due = report_channel.wait_until() == WaitUntil::UntilReleased
            || tree.arrival == Arrival::Told;
        if !(is_held || (tree.life == Life::Running && is_due)) {
            return;
        }
        let failed = tree
            .roster
            .subjects()
            .filter(|&subject| {
                tree.roster.get(subject).is_some_and(|record| {
                    let is_given_up = record.given_up.is_some() && record.ending.is_none();
                    record.state == State::Failed || is_given_up
                })
            })
            // What is started again has not failed for good.
            .filter(|&subject| !restarts.brings_back(&tree.plan, subject));
        let counts = tree.plan.counts();
        let news = StartupReport {
            state: match (is_held, tree.readiness.is_complete()) {
                (true, _) => State::Created,
                (false, true) => State::Ready,
                (false, false) => State::Running,
            }
            .word()
            .to_owned(),
            name: tree.name.clone(),
            truth: edge.truth_path().display().to_string(),
            namespaces: counts.namespaces,
            processes: counts.processes,
            depth: counts.depth,
            create_ms: milliseconds(self.create),
            release_ms: self.release.map(milliseconds),
            ready_ms: (!is_held).then(|| milliseconds(edge.now().since(self.began))),
            failed: failed.map(|subject| tree.roster.path(subject)).collect(),
        };
        if let Some(report_channel) = self.report_channel.take() {
            edge.announce(report_channel, &news);
        }
    }
}
