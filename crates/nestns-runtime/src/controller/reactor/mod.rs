//! Everything that the controller sees and hears while it waits: signals, reports, output, the
//! terminal, time.
//!
//! The reactor takes note; it forks nothing and reaps nothing, because it is also what a
//! [`Children`](crate::engine::children) waits with in the middle of a creation.

mod channels;
mod clients;
mod console;
pub(super) mod end_record;
mod exec_terminals;
mod guarding;
mod home;
mod host;
mod insiders;
mod portrait;
mod programs;
mod readiness;
mod reports;
mod senders;
mod terminals;
mod truth;

use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use nix::libc;
use nix::sys::epoll::EpollFlags;

use super::SignalsFor;
use super::channels::room_for_outcomes;
use super::control::server::Server;
use super::control_channels::ControlChannels;
use super::event_loop::{EventLoop, Hearing, Ready, Token};
use super::event_sink::{Cause, EventSink};
use super::guardian::{Guardian, SavedTerminal};
use super::passing::{CommandTerminal, Request};
use super::readiness::ReadinessListeners;
use super::relay::Relay;
use super::standard_output::StandardOutput;
use super::streams::Streams;
use super::tree::Tree;
use super::truth::Origin;
use crate::controller::journal::Journal;
use crate::controller::state_directory::Remains;
use crate::engine::gate::{self, Delivered};
use crate::engine::plan::Plan;
use nestns_client::documents::EndedDocument;
use nestns_sys::caller;
use nestns_sys::descriptor_layout::{self, SIGNALS};
use nestns_sys::moment::Moment;
use nestns_sys::pidfd::Pidfd;

/// Number of outstanding reports from which on they are taken in together.
const MANY: usize = 100;
/// Time that reports are let pile up.
const NAP: Duration = Duration::from_millis(1);

use clients::Clients;
use portrait::Troubles;

pub(super) use console::Console;
use exec_terminals::ExecTerminals;
pub(super) use guarding::Guarding;
use home::Home;
pub(super) use host::Host;
use truth::TruthWriter;

/// Everything but the parent.
pub(super) struct Reactor<'a> {
    pub(super) tree: Tree,
    pub(super) console: Console<'a>,
    pub(super) events: Rc<EventLoop>,
    pub(super) streams: Streams,
    pub(super) remains: &'a Remains,
    pub(super) guarding: Guarding<'a>,
    channels: channels::Channels,
    /// SIGCHLD has come.
    pub(super) child_ended: bool,
    /// Moment at which `--timeout` is over.
    pub(super) limit: Option<Moment>,
    /// The signals that the caller ignores, as nohup(1) does with HUP.
    pub(super) ignored: Vec<i32>,
    pub(super) clients: Clients<'a>,
    pub(super) lines: ControlChannels,
    pub(super) truth: TruthWriter<'a>,
    pub(super) home: Home,
    troubles: Troubles,
    pub(super) listeners: ReadinessListeners,
    tied_to: Option<Pidfd>,
    progress: usize,
    sync_channel_ready: Option<usize>,
}

/// Components of a reactor.
pub(super) struct Parts<'a> {
    pub(super) plan: Plan,
    pub(super) event_sink: &'a mut dyn EventSink,
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
    pub(super) record: Option<&'a EndedDocument>,
}

impl<'a> Reactor<'a> {
    pub(super) fn new(parts: Parts<'a>) -> nix::Result<Self> {
        let Parts {
            plan,
            event_sink,
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
            record,
        } = parts;
        let events = Rc::new(events);
        events.add(
            descriptor_layout::fd(SIGNALS),
            Token::Signals,
            EpollFlags::EPOLLIN,
        )?;
        events.add(&reports, Token::Reports, EpollFlags::EPOLLIN)?;
        if let Some(tied_to) = &tied_to {
            events.add(tied_to, Token::TiedTo, EpollFlags::EPOLLIN)?;
        }
        let asked = [libc::SIGINT, libc::SIGHUP, libc::SIGQUIT];
        Ok(Self {
            tree: Tree::new(&origin.name, plan, signals_for),
            console: Console {
                event_sink,
                journal,
                output,
                relay,
                saved,
                terminal: None,
                terminals: ExecTerminals::default(),
                events: Rc::clone(&events),
            },
            events,
            streams: Streams::default(),
            remains,
            guarding: Guarding::new(guardian, saved, remains, record),
            channels: channels::Channels::new(reports, room_for_outcomes(&plan)),
            child_ended: false,
            limit,
            ignored: asked
                .into_iter()
                .filter(|&signal| caller::is_ignored(signal))
                .collect(),
            clients: Clients::new(server, origin),
            lines: ControlChannels::default(),
            truth: TruthWriter::new(remains, origin),
            home: Home::default(),
            troubles: Troubles::default(),
            listeners: ReadinessListeners::default(),
            tied_to,
            progress: 0,
            sync_channel_ready: None,
        })
    }

    /// Waits until something happens, for at most `timeout`, and takes note of it.
    pub(super) fn pump(&mut self, timeout: Option<Duration>) {
        let until_limit = self.limit.map(|limit| limit.since(Moment::now()));
        let always_ready = self
            .console
            .relay
            .as_ref()
            .is_some_and(Relay::is_always_ready);
        let idle = if always_ready || self.hear_clients() {
            Some(Duration::ZERO)
        } else {
            timeout
        };
        let until_reminder = self.console.relay.as_ref().and_then(Relay::until_reminder);
        let timeout = [idle, until_limit, until_reminder]
            .into_iter()
            .flatten()
            .min();
        let until_written = [
            self.console.write_events(self.tree.life),
            truth::look_for_undeclared(&self.truth, &mut self.tree),
            self.truth.write_if_due(&self.tree, self.console.event_sink),
            self.look_after_home(),
        ];
        let timeout = timeout
            .into_iter()
            .chain(until_written.into_iter().flatten())
            .min();
        self.events.hear(if self.console.output.is_full() {
            Hearing::Muted
        } else {
            Hearing::Open
        });
        for ready in self.events.wait(timeout) {
            self.on_ready(ready);
        }
        self.hear_clients();
        if always_ready {
            self.console.on_input();
        }
        if let Some(relay) = &mut self.console.relay {
            relay.remind(&self.events);
        }
        if self.console.output.is_lost() && self.tree.stop.is_none() {
            // A write has failed, as on a full disk, where no reader hangs up.
            self.tree.request_stop(Cause::OutputClosed);
        }
        if self.limit.is_some_and(|limit| limit <= Moment::now()) {
            self.limit = None;
            self.tree.request_stop(Cause::Timeout);
        }
    }

    /// Waits as [`Reactor::pump`] does, while a tree is built.
    ///
    /// As long as much is outstanding it naps first: every report would else wake the controller at
    /// once, and ten thousand times that costs as much as a third of the build.
    pub(super) fn pump_reports(&mut self) {
        if self.tree.roster.outstanding() > MANY {
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
            Token::Channel(place) => self.listen(place, channels::TURN),
            Token::SyncChannel(place) => self.sync_channel_ready = Some(place as usize),
            Token::StandardOutput => {
                if ready
                    .flags
                    .intersects(EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP)
                {
                    self.console.output.close();
                } else {
                    self.console.output.flush(&self.events);
                }
                if self.console.output.is_closed() {
                    self.console.output.forget(&self.events);
                    self.tree.request_stop(Cause::OutputClosed);
                }
            }
            Token::StandardInput => self.console.on_input(),
            Token::Terminal => self.console.on_terminal(ready.flags),
            Token::Stream(place) => self.on_stream(place),
            Token::Control => self.clients.server.accept(&self.events),
            Token::Client(number) => self.clients.server.serve(number, ready.flags, &self.events),
            Token::Home => self.home.on_loss(),
            Token::TiedTo => {
                if let Some(tied_to) = self.tied_to.take() {
                    self.events.remove(&tied_to, Token::TiedTo);
                    self.tree.request_stop(Cause::Untied);
                }
            }
            Token::Line(namespace) => self
                .tree
                .incidents
                .extend(self.lines.on_wire(namespace, &self.events)),
            Token::Voice(place) => self.on_voice(place),
            Token::ExecTerminal(number) => self.console.on_session_terminal(number),
            Token::Programs => {}
        }
    }

    fn on_signal(&mut self, delivered: Delivered) {
        let Delivered {
            signal, by_kernel, ..
        } = delivered;
        match signal {
            libc::SIGCHLD => self.child_ended = true,
            // nohup(1) means every HUP. A shell that ignores INT for a job in the background means
            // the terminal's Ctrl-C, which is for others; a sender of one to this very process
            // means it.
            libc::SIGHUP if self.ignored.contains(&signal) => {}
            libc::SIGINT | libc::SIGQUIT if by_kernel && self.ignored.contains(&signal) => {}
            _ if self.keeps_for_command(delivered) => {}
            libc::SIGINT | libc::SIGTERM | libc::SIGHUP | libc::SIGQUIT => {
                self.tree.request_stop(Cause::Signal(signal));
            }
            libc::SIGWINCH => {
                if let Some(relay) = &self.console.relay {
                    relay.resize();
                }
            }
            libc::SIGTSTP => self.console.suspend(),
            libc::SIGCONT => self.console.attach_terminal(),
            _ => {}
        }
    }

    /// Keeps a signal for the command of `run`, if it is meant for that.
    fn keeps_for_command(&mut self, delivered: Delivered) -> bool {
        let is_own = self.console.relay.is_some();
        let terminal = if is_own {
            CommandTerminal::Own
        } else {
            CommandTerminal::Callers
        };
        let request = if self.tree.stop.is_some() {
            Request::Second
        } else {
            Request::First
        };
        self.tree.passing.keep(delivered, terminal, request)
    }
}
