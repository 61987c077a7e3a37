//! A start: everything that exists of a topology until it stands, as one value. Dropping it rolls
//! back.

use std::time::Duration;

use nix::errno::Errno;
use nix::libc;

use super::diagnosis::describe;
use super::event_sink::{Cause, EventSink, Loss, Note};
use super::guardian::{GUARDIANS, Guardian, Ward};
use super::left_behind::{Left, tell_of_remains};
use super::life::{COLLAPSE, Event};
use super::name_lock::claim;
use super::reactor::{Console, Guarding, Reactor};
use super::start_error::StartError;
use super::tree::Incident;
use super::truth::Origin;
use super::verification;
use crate::controller::state_directory::StateDirectory;
use crate::engine::children::{BuildError, Children, Reaped};
use crate::engine::failure::{Failure, Stage};
use crate::engine::plan::{Plan, ProcessKey};
use nestns_client::journal::event::{Event as Noted, WHOLE};
use nestns_observe::doctor::required::RefusedCall;
use nestns_sys::moment::Moment;
use nestns_sys::pidfd::Pidfd;

/// Reason why a start has not come to its end.
#[derive(Debug)]
pub(super) enum Interruption {
    /// A stop was asked for.
    Stopped,
    StartError(Box<StartError>),
}

impl From<StartError> for Interruption {
    fn from(trouble: StartError) -> Self {
        Self::StartError(Box::new(trouble))
    }
}

/// Phase of a start, with what it owns.
enum Phase<'a> {
    /// A guardian exists, and the state directory may have been made.
    Guarded {
        guardian: Guardian,
        event_sink: &'a mut dyn EventSink,
    },
    /// The state directory is the guardian's to remove.
    Entrusted {
        guardian: Guardian,
        event_sink: &'a mut dyn EventSink,
    },
    /// Namespaces may exist.
    Building(Box<Building<'a>>),
    /// The tree stands, or nothing of it is left.
    Over,
}

/// The tree being built, and its builder.
struct Building<'a> {
    reactor: Reactor<'a>,
    children: Children,
}

/// A topology that is being started.
pub(super) struct Start<'a> {
    state: Option<&'a StateDirectory>,
    phase: Phase<'a>,
}

impl<'a> Start<'a> {
    /// Starts the guardian.
    pub(super) fn under_guardian(
        ward: &Ward<'_>,
        event_sink: &'a mut dyn EventSink,
    ) -> Result<Self, StartError> {
        let guardian = Guardian::start(ward).map_err(|cause| match RefusedCall::fork(cause) {
            Some(refused) => StartError::Calls(vec![refused]),
            None => StartError::System {
                what: "start the guardian",
                cause,
            },
        })?;
        Ok(Self {
            state: None,
            phase: Phase::Guarded {
                guardian,
                event_sink,
            },
        })
    }

    /// Takes the name.
    pub(super) fn take_name(
        &mut self,
        origin: &Origin,
        ward: &Ward<'_>,
    ) -> Result<StateDirectory, StartError> {
        let Phase::Guarded { event_sink, .. } = &mut self.phase else {
            return Err(misplaced());
        };
        Ok(claim(&origin.name, ward.directory, &mut **event_sink)?)
    }

    /// Hands the state directory over to the guardian.
    pub(super) fn entrust(
        &mut self,
        ward: &Ward<'_>,
        state: &'a StateDirectory,
    ) -> Result<(), StartError> {
        self.state = Some(state);
        let failed = |cause| StartError::System {
            what: "start the guardian",
            cause,
        };
        let Phase::Guarded {
            guardian,
            event_sink,
        } = &mut self.phase
        else {
            return Err(misplaced());
        };
        let mut attempts = 1;
        while let Err(cause) = guardian.entrust(state.remains()) {
            if attempts == GUARDIANS {
                return Err(failed(cause));
            }
            attempts += 1;
            // It was killed before it was told anything, which is no reason not to build.
            event_sink.note(&Note::GuardianLost {
                loss: Loss::of(cause),
            });
            guardian.bury();
            *guardian = Guardian::start(ward).map_err(failed)?;
        }
        self.phase = match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Guarded {
                guardian,
                event_sink,
            } => Phase::Entrusted {
                guardian,
                event_sink,
            },
            other => other,
        };
        Ok(())
    }

    /// Goes on to build, with the reactor and the parent that `make` makes of the guardian and the
    /// event sink.
    pub(super) fn begin_to_build(
        &mut self,
        make: impl FnOnce(
            Guardian,
            &'a mut dyn EventSink,
        ) -> Result<(Reactor<'a>, Children), StartError>,
    ) -> Result<(), StartError> {
        let Phase::Entrusted {
            guardian,
            event_sink,
        } = std::mem::replace(&mut self.phase, Phase::Over)
        else {
            return Err(misplaced());
        };
        let (reactor, children) = make(guardian, event_sink)?;
        self.phase = Phase::Building(Box::new(Building { reactor, children }));
        Ok(())
    }

    /// The reactor of the tree being built.
    pub(super) fn reactor(&mut self) -> Result<&mut Reactor<'a>, StartError> {
        match &mut self.phase {
            Phase::Building(building) => Ok(&mut building.reactor),
            _ => Err(misplaced()),
        }
    }

    /// Creates everything and makes sure that the kernel agrees. Returns how long that took.
    pub(super) fn build(&mut self, began: Moment) -> Result<Duration, Interruption> {
        let Phase::Building(building) = &mut self.phase else {
            return Err(misplaced().into());
        };
        let Building { reactor, children } = &mut **building;
        let plan = reactor.tree.plan;
        match create(plan, reactor, children) {
            Ok(()) => {}
            Err(BuildError::Failed(failure)) => {
                // The process that has failed has said so before; its parent has only noticed.
                reactor.drain_reports();
                reactor.tree.fail(failure);
            }
            Err(BuildError::Interrupted) => reactor.drain_reports(),
        }
        while reactor.tree.roster.outstanding() > 0 {
            give_up_if_told(reactor)?;
            look_after_children(reactor, children);
            give_up_if_told(reactor)?;
            reactor.pump_reports();
        }
        give_up_if_told(reactor)?;
        reactor.tree.life = reactor.tree.life.on(Event::Built).0;
        let unreadable = |cause| StartError::System {
            what: "compare the tree with the kernel's view of it",
            cause,
        };
        let mismatches = verification::compare(&reactor.tree.roster).map_err(unreadable)?;
        if !mismatches.is_empty() {
            // A process that died in this moment is the cause, not a difference.
            look_after_children(reactor, children);
            reactor.drain_reports();
            give_up_if_told(reactor)?;
            return Err(StartError::Mismatch(mismatches).into());
        }
        Ok(Moment::now().since(began))
    }

    /// Hands out what stands.
    pub(super) fn finish(mut self) -> Result<(Reactor<'a>, Children), StartError> {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Building(building) => Ok((building.reactor, building.children)),
            _ => Err(misplaced()),
        }
    }

    /// Rolls back what was interrupted. Returns the status of that, which is not 0: the tree was to
    /// stand.
    pub(super) fn roll_back(mut self) -> (u8, Left) {
        let status = match &self.phase {
            Phase::Building(building) => match &building.reactor.tree.stop {
                Some(_) if building.reactor.tree.stop_again => Cause::KILLED,
                Some(cause) => cause.status(),
                None => 5,
            },
            _ => 5,
        };
        (status, self.undo())
    }

    fn undo(&mut self) -> Left {
        match (std::mem::replace(&mut self.phase, Phase::Over), self.state) {
            (Phase::Guarded { event_sink, .. }, Some(state)) => {
                tell_of_remains(state.remains().remove(), event_sink)
            }
            (Phase::Guarded { guardian, .. } | Phase::Entrusted { guardian, .. }, _) => {
                guardian.dismiss();
                Left::Nothing
            }
            (Phase::Building(building), Some(state)) => take_apart(*building, state),
            (Phase::Building(_), None) | (Phase::Over, _) => Left::Nothing,
        }
    }
}

impl Drop for Start<'_> {
    fn drop(&mut self) {
        self.undo();
    }
}

/// The error of a start that is told to do something out of turn.
fn misplaced() -> StartError {
    StartError::System {
        what: "go on with the start",
        cause: Errno::EINVAL.into(),
    }
}

fn create(
    plan: Plan,
    reactor: &mut Reactor<'_>,
    children: &mut Children,
) -> Result<(), BuildError> {
    for root in plan.roots() {
        children.create(root, reactor)?;
    }
    children.finish(reactor)
}

/// Ends a start of which something has failed, or that is to be stopped.
fn give_up_if_told(reactor: &mut Reactor<'_>) -> Result<(), Interruption> {
    // What ends before the gates open has failed, whatever it was.
    while let Some(incident) = reactor.tree.incidents.pop_front() {
        if let Incident::Ended(subject, _, _) = incident {
            reactor
                .tree
                .fail(Failure::new(subject, Stage::Died, Errno::UnknownErrno));
        }
    }
    if let Some(failure) = reactor.tree.failure.take() {
        return Err(describe(&reactor.tree.roster, failure).into());
    }
    if reactor.tree.stop.is_some() {
        Err(Interruption::Stopped)
    } else {
        Ok(())
    }
}

fn look_after_children(reactor: &mut Reactor<'_>, children: &mut Children) {
    if !std::mem::take(&mut reactor.child_ended) {
        return;
    }
    loop {
        match children.reap() {
            Reaped::Child(subject, _) => {
                reactor.drain_reports();
                reactor
                    .tree
                    .fail(Failure::new(subject, Stage::Died, Errno::UnknownErrno));
            }
            Reaped::Orphan(pid, _) if pid == reactor.guarding.guardian.pid => {
                if let Err(cause) = reactor
                    .guarding
                    .replace(reactor.console.event_sink, Loss::Killed)
                {
                    reactor
                        .tree
                        .fail(Failure::new(ProcessKey::init(0), Stage::Guard, cause));
                }
            }
            Reaped::Orphan(..) => {}
            Reaped::Nothing | Reaped::Childless => return,
        }
    }
}

/// Kills what exists, reaps it, and removes what was made.
fn take_apart(building: Building<'_>, state: &StateDirectory) -> Left {
    let Building {
        mut reactor,
        mut children,
    } = building;
    let stuck = kill_and_reap(&mut children, &mut reactor, Moment::now().plus(COLLAPSE));
    if !stuck.is_empty() {
        reactor
            .console
            .event_sink
            .note(&Note::Stuck { paths: &stuck });
    }
    reactor.console.journal.record(&Noted::Gone {
        path: WHOLE,
        not_asked: None,
    });
    let Reactor {
        guarding: Guarding { guardian, .. },
        console,
        events,
        ..
    } = reactor;
    let Console {
        output,
        relay,
        saved,
        mut journal,
        event_sink,
        ..
    } = console;
    journal.flush();
    if let Some(mut relay) = relay {
        relay.release(saved, &events);
    }
    output.finish(&events);
    if !stuck.is_empty() {
        // Whatever comes next is to know of what still lives.
        state.remains().leave();
    }
    state.remains().let_go();
    guardian.dismiss();
    tell_of_remains(state.remains().remove(), event_sink)
}

/// Kills the roots and reaps until nothing is left, or the time is over; then the rest is named.
fn kill_and_reap(children: &mut Children, reactor: &mut Reactor<'_>, until: Moment) -> Vec<String> {
    for child in children.list().iter().filter(|child| !child.gone) {
        if let Ok(pidfd) = Pidfd::open(child.pid) {
            let _ = pidfd.signal(libc::SIGKILL);
        }
    }
    loop {
        match children.reap() {
            Reaped::Child(..) | Reaped::Orphan(..) => {}
            Reaped::Childless => return Vec::new(),
            Reaped::Nothing if children.alive() == 0 => return Vec::new(),
            Reaped::Nothing => {
                let left = until.since(Moment::now());
                if left.is_zero() {
                    let alive = children.list().iter().filter(|child| !child.gone);
                    return alive
                        .map(|child| reactor.tree.path(child.subject))
                        .collect();
                }
                reactor.pump(Some(left));
            }
        }
    }
}
