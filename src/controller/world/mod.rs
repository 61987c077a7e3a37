//! What the controller sees and hears while it waits: signals, reports, output, the terminal, time.
//!
//! The world takes note; it forks nothing and reaps nothing, because it is also what a [`Keeper`](crate::engine::keeper)
//! waits with in the middle of a creation.

mod channels;
mod clients;
mod guarding;
pub(in crate::controller) mod guests;
mod home;
mod insiders;
mod lines;
pub(super) mod passing;
mod programs;
mod readiness;
mod reports;
mod senders;
mod terminals;
mod troubles;
mod truth;

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::libc;
use nix::sys::epoll::EpollFlags;
use nix::unistd::Pid;

use super::SignalsFor;
use super::audience::{Audience, Cause, Note};
use super::channels::room_for_outcomes;
use super::control::server::Server;
use super::event_loop::{EventLoop, Hearing, Ready, Token};
use super::guardian::{Guardian, SavedTerminal};
use super::journal::Journal;
use super::journal::event::Event;
use super::life::Life;
use super::part::Part;
use super::readiness::{Readiness, Voices};
use super::relay::Relay;
use super::roster::Roster;
use super::standard_output::StandardOutput;
use super::state_directory::Remains;
use super::streams::Streams;
use super::truth::{Draft, Origin};
use super::truth_file::TruthFile;
use super::undeclared_watch::UndeclaredWatch;
use crate::engine::failure::Failure;
use crate::engine::gate::{self, Delivered};
use crate::engine::inheritance::{self, SIGNALS};
use crate::engine::line::Answer;
use crate::engine::moment::Moment;
use crate::engine::plan::{NamespaceIndex, Plan, Subject};
use crate::engine::refusal::Refusal;
use crate::engine::report::Ending;
use crate::sys::caller;
use crate::sys::pidfd::Pidfd;

/// From so many outstanding reports on they are taken in together.
const MANY: usize = 100;
/// How long they are let pile up.
const NAP: Duration = Duration::from_millis(1);

pub(super) use clients::{Asker, Clients};
use troubles::Troubles;

pub(super) use guests::{Guest, Guests};
use home::Home;
pub(super) use lines::{Lines, Reach};
use passing::Passing;
use terminals::Terminals;

/// Something that the supervision has to weigh.
#[derive(Debug)]
pub(super) enum Incident {
    Started(Subject),
    /// Its probe says that it is ready.
    Hint(Subject),
    /// The command that asks could not become itself.
    ProbeRefused(Subject, Refusal),
    Refused(Subject),
    Ended(Subject, Ending, Moment),
    /// A program of `exec` could not become itself, or not even begin to.
    SessionRefused(Subject, Refusal),
    SessionFailed(Failure),
    /// The PID 1 of a namespace has answered a command.
    Answered(NamespaceIndex, Answer, Option<Pidfd>),
    /// The line to it has ended.
    HungUp(NamespaceIndex),
    /// Processes that the PID 1 of a namespace has inherited have ended, and were reaped.
    Orphan {
        namespace: NamespaceIndex,
        orphan: Orphan,
    },
}

/// A process without a name of its own, or several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Orphan {
    /// One, by its number in the namespace.
    One { number: i32, ending: Ending },
    /// So many more, too many at once to be told one by one.
    More(u32),
}

/// Everything but the keeper.
pub(super) struct World<'a> {
    pub(super) plan: Plan,
    pub(super) roster: Roster,
    pub(super) audience: &'a mut dyn Audience,
    pub(super) events: EventLoop,
    pub(super) streams: Streams,
    pub(super) output: StandardOutput,
    pub(super) relay: Option<Relay>,
    pub(super) saved: Option<&'a SavedTerminal>,
    pub(super) remains: &'a Remains,
    pub(super) guardian: Guardian,
    /// The PID 1s directly below the host that the guardian knows.
    pub(super) roots: Vec<Pid>,
    /// The channel that is inherited.
    pub(super) reports: OwnedFd,
    channels: channels::Channels,
    /// The first failure of the creation: the others follow from it.
    pub(super) failure: Option<Failure>,
    /// Why the tree is to be stopped, and how often that was asked.
    pub(super) stop: Option<Cause>,
    pub(super) stop_again: bool,
    /// When whoever has asked for the stop will have everything killed, where that was said.
    pub(super) stop_end: Option<Moment>,
    pub(super) passing: Passing,
    /// SIGCHLD has come.
    pub(super) child_ended: bool,
    pub(super) incidents: VecDeque<Incident>,
    /// When `--timeout` is over.
    pub(super) limit: Option<Moment>,
    /// The signals that the caller ignores, as nohup(1) does with HUP.
    pub(super) ignored: Vec<i32>,
    pub(super) visitor: Option<Visitor>,
    pub(super) clients: Clients<'a>,
    pub(super) guests: Guests,
    pub(super) lines: Lines,
    /// Failures of what is being created again, which are not those of the tree.
    pub(super) setbacks: Vec<Failure>,
    /// What the controller itself creates again at this moment.
    pub(super) raising: Option<Part>,
    pub(super) terminals: Terminals,
    pub(super) journal: Journal,
    pub(super) truth: TruthFile,
    draft: Draft,
    undeclared: UndeclaredWatch,
    pub(super) home: Home,
    pub(super) troubles: Troubles,
    pub(super) readiness: Readiness,
    pub(super) voices: Voices,
    /// Whose the terminal is.
    pub(super) terminal: Option<Subject>,
    tied_to: Option<Pidfd>,
    progress: usize,
    nursery_ready: Option<usize>,
}

/// The command of `run`.
#[derive(Debug)]
pub(super) struct Visitor {
    pub(super) subject: Subject,
    pub(super) path: String,
    pub(super) ending: Option<Ending>,
}

/// What a world is made of.
pub(super) struct Parts<'a> {
    pub(super) plan: Plan,
    pub(super) audience: &'a mut dyn Audience,
    pub(super) events: EventLoop,
    pub(super) output: StandardOutput,
    pub(super) relay: Option<Relay>,
    pub(super) saved: Option<&'a SavedTerminal>,
    pub(super) remains: &'a Remains,
    pub(super) guardian: Guardian,
    pub(super) reports: OwnedFd,
    pub(super) limit: Option<Moment>,
    pub(super) server: Server,
    pub(super) origin: &'a Origin,
    pub(super) journal: Journal,
    pub(super) tied_to: Option<Pidfd>,
    pub(super) signals_for: SignalsFor,
}

impl<'a> World<'a> {
    pub(super) fn new(parts: Parts<'a>) -> nix::Result<Self> {
        let Parts {
            plan,
            audience,
            events,
            output,
            relay,
            saved,
            remains,
            guardian,
            reports,
            limit,
            server,
            origin,
            journal,
            tied_to,
            signals_for,
        } = parts;
        events.add(inheritance::fd(SIGNALS), Token::Signals, EpollFlags::EPOLLIN)?;
        events.add(&reports, Token::Reports, EpollFlags::EPOLLIN)?;
        if let Some(tied_to) = &tied_to {
            events.add(tied_to, Token::TiedTo, EpollFlags::EPOLLIN)?;
        }
        let asked = [libc::SIGINT, libc::SIGHUP, libc::SIGQUIT];
        Ok(Self {
            plan,
            roster: Roster::new(plan),
            audience,
            events,
            streams: Streams::default(),
            output,
            relay,
            saved,
            remains,
            guardian,
            roots: Vec::new(),
            reports,
            channels: channels::Channels::with_room(room_for_outcomes(&plan)),
            failure: None,
            stop: None,
            stop_again: false,
            stop_end: None,
            passing: Passing::new(signals_for),
            child_ended: false,
            incidents: VecDeque::new(),
            limit,
            ignored: asked.into_iter().filter(|&signal| caller::is_ignored(signal)).collect(),
            visitor: None,
            clients: Clients::new(server, origin),
            guests: Guests::default(),
            lines: Lines::default(),
            setbacks: Vec::new(),
            raising: None,
            terminals: Terminals::default(),
            journal,
            truth: TruthFile::default(),
            draft: Draft::default(),
            undeclared: UndeclaredWatch::default(),
            home: Home::default(),
            troubles: Troubles::default(),
            readiness: Readiness::default(),
            voices: Voices::default(),
            terminal: None,
            tied_to,
            progress: 0,
            nursery_ready: None,
        })
    }

    /// Waits until something happens, for at most `timeout`, and takes note of it.
    pub(super) fn pump(&mut self, timeout: Option<Duration>) {
        let until_limit = self.limit.map(|limit| limit.since(Moment::now()));
        let always_ready = self.relay.as_ref().is_some_and(Relay::is_always_ready);
        let idle = if always_ready || self.hear_clients() { Some(Duration::ZERO) } else { timeout };
        let until_reminder = self.relay.as_ref().and_then(Relay::until_reminder);
        let timeout = [idle, until_limit, until_reminder].into_iter().flatten().min();
        let until_written =
            [self.look_after_journal(), self.look_for_undeclared(), self.look_after_truth(), self.look_after_home()];
        let timeout = timeout.into_iter().chain(until_written.into_iter().flatten()).min();
        self.events.hear(if self.output.is_full() { Hearing::Muted } else { Hearing::Open });
        for ready in self.events.wait(timeout) {
            self.on_ready(ready);
        }
        self.hear_clients();
        if always_ready {
            self.on_input();
        }
        if let Some(relay) = &mut self.relay {
            relay.remind(&self.events);
        }
        if self.output.is_lost() && self.stop.is_none() {
            // A write has failed, as on a full disk, where nobody hangs up.
            self.request_stop(Cause::OutputClosed);
        }
        if self.limit.is_some_and(|limit| limit <= Moment::now()) {
            self.limit = None;
            self.request_stop(Cause::Timeout);
        }
    }

    /// Writes the events that were noted. As long as the tree is built they may wait a little for others; then this says
    /// how long.
    fn look_after_journal(&mut self) -> Option<Duration> {
        let due = if self.clients.life == Life::Creating {
            self.journal.flush_if_due()
        } else {
            self.journal.flush();
            None
        };
        if let Some(errno) = self.journal.take_trouble() {
            self.audience.note(&Note::JournalLost { errno });
        }
        due.map(|due| due.since(Moment::now()))
    }

    /// Waits as [`World::pump`] does, while a tree is built.
    ///
    /// As long as much is outstanding it naps first: every report would else wake the controller at once, and ten thousand
    /// times that costs as much as a third of the build.
    pub(super) fn pump_reports(&mut self) {
        if self.roster.outstanding() > MANY {
            std::thread::sleep(NAP);
        }
        self.pump(None);
    }

    fn on_ready(&mut self, ready: Ready) {
        match ready.token {
            Token::Signals => {
                while let Some(delivered) = gate::read_signal() {
                    self.on_signal(delivered);
                }
            }
            Token::Reports => self.drain_inherited(),
            Token::Channel(place) => self.on_channel(place),
            Token::Nursery(place) => self.nursery_ready = Some(place as usize),
            Token::StandardOutput => {
                if ready.flags.intersects(EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP) {
                    self.output.hang_up();
                } else {
                    self.output.flush(&self.events);
                }
                if self.output.is_closed() {
                    self.output.forget(&self.events);
                    self.request_stop(Cause::OutputClosed);
                }
            }
            Token::StandardInput => self.on_input(),
            Token::Terminal => self.on_terminal(ready.flags),
            Token::Stream(place) => self.on_stream(place),
            Token::Control => self.clients.server.accept(&self.events),
            Token::Client(number) => self.clients.server.serve(number, ready.flags, &self.events),
            Token::Home => self.home.on_loss(),
            Token::TiedTo => {
                if let Some(tied_to) = self.tied_to.take() {
                    self.events.remove(&tied_to, Token::TiedTo);
                    self.request_stop(Cause::Untied);
                }
            }
            Token::Line(namespace) => self.on_wire(namespace),
            Token::Voice(place) => self.on_voice(place),
            Token::SessionTerminal(number) => self.on_session_terminal(number),
            Token::Programs => {}
        }
    }

    fn on_signal(&mut self, delivered: Delivered) {
        let Delivered { signal, by_kernel, .. } = delivered;
        match signal {
            libc::SIGCHLD => self.child_ended = true,
            // nohup(1) means every HUP. A shell that ignores INT for a job in the background means the terminal's
            // Ctrl-C, which is for others; somebody who sends one to this very process means it.
            libc::SIGHUP if self.ignored.contains(&signal) => {}
            libc::SIGINT | libc::SIGQUIT if by_kernel && self.ignored.contains(&signal) => {}
            _ if self.keep_for_command(delivered) => {}
            libc::SIGINT | libc::SIGTERM | libc::SIGHUP | libc::SIGQUIT => self.request_stop(Cause::Signal(signal)),
            libc::SIGWINCH => {
                if let Some(relay) = &self.relay {
                    relay.resize();
                }
            }
            libc::SIGTSTP => self.suspend(),
            libc::SIGCONT => self.attach_terminal(),
            _ => {}
        }
    }

    /// Ctrl-Z: stops as any job does. SIGTSTP itself is blocked, so that the terminal can be given back first.
    pub(super) fn suspend(&mut self) {
        if let Some(relay) = &mut self.relay {
            relay.release(self.saved, &self.events);
        }
        let _ = nix::sys::signal::kill(nix::unistd::getpid(), nix::sys::signal::Signal::SIGSTOP);
    }

    pub(super) fn attach_terminal(&mut self) {
        if let Some(relay) = &mut self.relay
            && relay.is_open()
        {
            relay.listen(self.saved, &self.events);
        }
    }

    pub(super) fn request_stop(&mut self, cause: Cause) {
        if self.stop.is_none() {
            self.stop = Some(cause);
        } else if matches!(cause, Cause::Signal(_)) {
            // Only a person asks twice: a time-out or a closed pipe changes nothing any more.
            self.stop_again = true;
        }
    }

    pub(super) fn fail(&mut self, failure: Failure) {
        self.failure.get_or_insert(failure);
    }

    /// Notes what has happened; everything that does passes here.
    pub(super) fn record(&mut self, event: &Event<'_>) {
        self.journal.record(event);
    }

    /// The numbers of a subject or of a guest, as far as the kernel was asked.
    pub(super) fn pids(&self, subject: Subject) -> Vec<i32> {
        let facts = match self.guests.get(subject) {
            Some(guest) => guest.facts.as_ref(),
            None => self.roster.get(subject).and_then(|record| record.facts.as_ref()),
        };
        facts.map(|facts| facts.numbers.clone()).unwrap_or_default()
    }

    /// The path of a subject or of a guest.
    pub(super) fn path(&self, subject: Subject) -> String {
        if let Some(guest) = self.guests.get(subject) {
            return guest.path.clone();
        }
        if let Some((path, _)) = self.guests.exit_of(subject) {
            return path.to_owned();
        }
        if let Some(probed) = subject.probed() {
            return self.roster.path(probed);
        }
        match &self.visitor {
            Some(visitor) if subject.is_visitor() => visitor.path.clone(),
            _ => self.roster.path(subject),
        }
    }

    /// Whether the creation has to be given up.
    fn is_interrupted(&self) -> bool {
        let has_failed = |part: &Part| self.setbacks.iter().any(|failure| part.contains(&self.plan, failure.subject));
        self.failure.is_some() || self.stop.is_some() || self.raising.as_ref().is_some_and(has_failed)
    }
}
