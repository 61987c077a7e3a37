//! Commands that are run before a process is asked to stop (`stop.exec`).
//!
//! The one that asks the process, an init or the controller, holds it until the command has ended or
//! no time is left for it; the controller runs the command, and lifts the hold. What goes wrong with it
//! only lets the request follow sooner.

use std::collections::BTreeMap;

use nix::libc;
use nix::unistd::Pid;

use super::beside;
use super::edge::Edge;
use crate::controller::event_sink::{Note, StopExecOutcome};
use crate::controller::start_error::exec_error_sentence;
use crate::engine::exec_error::ExecError;
use crate::engine::plan::ProcessKey;
use crate::engine::report::Ending;
use nestns_client::journal::event::Event;

/// Progress of the command of a process.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    Running,
    /// The process can be asked.
    Over,
}

#[derive(Debug)]
struct Running {
    leader: Pid,
    refusal: Option<ExecError>,
    /// True if it was killed, because its process is asked or has ended.
    is_cut: bool,
}

/// Commands that are running, by the process that is to be stopped.
#[derive(Debug, Default)]
pub(super) struct StopCommands(BTreeMap<ProcessKey, Running>);

impl StopCommands {
    /// Begins with the command of a process, once in its life; none is run for a process that has not
    /// started its program, or that has ended.
    pub(super) fn begin(&mut self, edge: &mut dyn Edge, subject: ProcessKey) -> Command {
        if self.0.contains_key(&subject) {
            return Command::Running;
        }
        let tree = edge.tree();
        let record = tree.roster.get(subject);
        let is_first = record.is_some_and(|record| record.stop_record.command.is_none());
        if !is_first || !tree.lives(subject) || !tree.started.contains(&subject) {
            return Command::Over;
        }
        let (Some(argv), Some(role)) = (argv(edge, subject), subject.stop_command_of()) else {
            return Command::Over;
        };
        if let Some(leader) = beside::start(edge, subject, role, argv.into_vec()) {
            let running = Running {
                leader,
                refusal: None,
                is_cut: false,
            };
            self.0.insert(subject, running);
            return Command::Running;
        }
        conclude(edge, subject, &StopExecOutcome::NotStarted);
        Command::Over
    }

    /// Takes in that the command of a process could not be executed. Its end follows.
    pub(super) fn on_refused(&mut self, subject: ProcessKey, refusal: ExecError) {
        if let Some(running) = self.0.get_mut(&subject) {
            running.refusal = Some(refusal);
        }
    }

    /// Takes in that the command of a process has ended.
    pub(super) fn on_ended(&mut self, edge: &mut dyn Edge, subject: ProcessKey, ending: Ending) {
        let Some(running) = self.0.remove(&subject) else {
            return;
        };
        let outcome = match running.refusal {
            Some(refusal) => StopExecOutcome::Refused(refusal),
            None if running.is_cut && ending == Ending::Signalled(libc::SIGKILL) => {
                StopExecOutcome::Overdue
            }
            None => StopExecOutcome::Ended(ending),
        };
        if let Some(record) = edge.tree_mut().roster.get_mut(subject)
            && !matches!(outcome, StopExecOutcome::Refused(_))
        {
            record.stop_record.command = Some(ending);
        }
        conclude(edge, subject, &outcome);
    }

    /// Kills the command of a process that is asked now, or that has ended.
    pub(super) fn cut(&mut self, edge: &mut dyn Edge, subject: ProcessKey) {
        if let Some(running) = self.0.get_mut(&subject) {
            running.is_cut = true;
            edge.signal_session(running.leader, libc::SIGKILL);
        }
    }
}

fn argv(edge: &dyn Edge, subject: ProcessKey) -> Option<Box<[String]>> {
    let namespace = edge.tree().plan.namespace(subject.namespace);
    namespace.process(subject.slot)?.stop_exec.clone()
}

/// Writes how a command has ended, and tells people where that was not well.
fn conclude(edge: &mut dyn Edge, subject: ProcessKey, outcome: &StopExecOutcome) {
    let path = edge.tree().path(subject);
    let argv = argv(edge, subject).unwrap_or_default();
    let (exit, error) = match outcome {
        StopExecOutcome::Ended(ending) => (Some(*ending), None),
        StopExecOutcome::Overdue => (Some(Ending::Signalled(libc::SIGKILL)), None),
        StopExecOutcome::Refused(refusal) => (None, Some(exec_error_sentence(refusal))),
        StopExecOutcome::NotStarted => (None, Some("it could not be started".to_owned())),
    };
    edge.record(&Event::StopExec {
        path: &path,
        argv: &argv,
        exit: exit.map(Into::into),
        error: error.as_deref(),
    });
    // With its process, or the namespace around it, a command ends as well.
    let is_cut_short = *outcome == StopExecOutcome::Ended(Ending::Signalled(libc::SIGKILL))
        || *outcome == StopExecOutcome::Overdue && !edge.tree().lives(subject);
    if *outcome == StopExecOutcome::Ended(Ending::Exited(0)) || is_cut_short {
        return;
    }
    let namespace = edge.tree().plan.namespace(subject.namespace);
    let position = namespace
        .process(subject.slot)
        .map(|process| process.position)
        .unwrap_or_default();
    edge.note(&Note::StopExec {
        path: &path,
        position,
        outcome,
    });
}
